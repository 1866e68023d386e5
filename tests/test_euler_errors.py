"""Tables of Euler errors and of seeds, against NumPy."""

import json

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def residual(f, x):
    return f(x) - 1.0


def f(x):
    return 1.0 + 10 ** (-1.0 - 4 * x)


POINTS = np.linspace(0.0, 1.0, 101)
RISK = fe.Risk(residual, fe.Empirical(POINTS))


def test_figures_against_numpy():
    found = fe.euler_errors(f, fresh=RISK, few=fe.Risk(residual, fe.Empirical(POINTS[:3])))
    sizes = -1.0 - 4 * POINTS
    figures = found.to_dict()["fresh"]["residual"]
    assert figures["mean"] == pytest.approx(sizes.mean())
    assert figures["median"] == pytest.approx(np.median(sizes))
    assert figures["max"] == pytest.approx(-1.0)
    for name, q in {"p90": 0.9, "p99": 0.99}.items():
        assert abs(figures[name] - np.quantile(sizes, q)) < 0.05
    assert found.points[0] == 0.0
    assert found.counts == [101, 3]
    assert list(found.to_dict()) == ["fresh", "few"]
    json.dumps(found.to_dict())


def test_it_prints_as_a_table():
    text = str(fe.euler_errors(f, fresh=RISK, path=RISK))
    for word in ("mean", "median", "p90", "p99", "max", "fresh", "path"):
        assert word in text
    assert len(set(map(len, text.splitlines()[2:]))) == 1


def test_figures_are_those_of_the_report():
    """What `RiskReport` says of the same points, in the units of the residual."""
    report = fe.RiskReport(f, train=RISK).to_dict()["rows"][0]
    figures = fe.euler_errors(f, train=RISK).to_dict()["train"]["residual"]
    for name, value in figures.items():
        assert report[f"log10_{name}"] == pytest.approx(value)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_consumption_units(gamma):
    """c~ with u'(c~) = (1 - r) u'(c), whatever r: the relative error of c."""
    r = jnp.array([-0.5, -1e-3, 1e-12, 0.3])
    error = fe.consumption_units(gamma)(r)
    np.testing.assert_allclose((1 + error) ** -gamma, 1 - r, rtol=1e-12)
    np.testing.assert_allclose(error[2], 1e-12 / gamma, rtol=1e-10)
    assert np.isinf(fe.consumption_units(gamma)(1.5))
    with pytest.raises(ValueError, match="`gamma`"):
        fe.consumption_units(0.0)


def test_units_of_brock_mirman_with_a_wrong_share():
    """1 / c~ = alpha beta / (s (1 - s) y): the error s (1 - s) / (alpha beta (1 - s)) - 1, at every
    state and whatever the quadrature."""
    alpha, beta, s = 0.36, 0.96, 0.36

    def euler(s, x, e):
        y, k1 = x[1] * x[0] ** alpha, s * x[1] * x[0] ** alpha
        c1 = (1 - s) * jnp.exp(e) * k1**alpha
        return 1 - beta * (1 - s) * y / c1 * alpha * jnp.exp(e) * k1 ** (alpha - 1)

    box = fe.Uniform([0.1, 0.8], [0.4, 1.2])
    risk = fe.Risk(euler, box, shock=fe.Normal(0.0, 0.05).quadrature(7)).empirical(
        50, key=jr.key(0)
    )
    found = fe.euler_errors(jnp.asarray(s), units=fe.consumption_units(1.0), box=risk)
    expected = np.log10(abs(s / (alpha * beta) - 1))
    for value in found.to_dict()["box"]["euler"].values():
        assert value == pytest.approx(expected, rel=1e-10)


def test_units_by_equation():
    def system(f, x):
        return {"bellman": 0.01 * f(x), "euler": 0.1 * f(x)}

    one = fe.Risk(system, fe.Dirac(0.5))
    found = fe.euler_errors(lambda x: x / x, units={"euler": lambda r: 10 * r}, at=one).to_dict()
    assert found["at"]["system.euler"]["max"] == pytest.approx(0.0, abs=1e-12)
    assert found["at"]["system.bellman"]["max"] == pytest.approx(-2.0)
    with pytest.raises(ValueError, match="`units` names"):
        fe.euler_errors(lambda x: x, units={"foc": lambda r: r}, at=one)


def test_what_has_no_euler_error():
    def noisy(f, x, e):
        return f(x) - 1.0 + e

    drawn = fe.Risk(noisy, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="draws the shocks"):
        fe.euler_errors(f, path=drawn.empirical(10, key=jr.key(0)))
    with pytest.raises(ValueError, match="continuous"):
        fe.euler_errors(f, test=fe.Risk(residual, fe.Uniform(0.0, 1.0)))
    with pytest.raises(ValueError, match="nothing to report"):
        fe.euler_errors(f)
    with pytest.raises(ValueError, match="risk on a sample"):
        fe.euler_errors(f, test=3.0)


def test_not_finite_is_infinite_and_single_precision_works():
    found = fe.euler_errors(lambda x: jnp.where(x > 0.9, jnp.nan, 1.0), test=RISK)
    assert found.to_dict()["test"]["residual"]["max"] == np.inf
    single = eqx.tree_at(
        lambda s: s.coefficients, fe.Series(fe.Chebyshev(2, (0.0, 1.0))), jnp.ones(3, jnp.float32)
    )
    assert np.isfinite(fe.euler_errors(single, test=RISK).to_dict()["test"]["residual"]["mean"])


def test_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = fe.euler_errors(f, fresh=RISK).to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.index) == [("fresh", "residual")]


TARGET = fe.Risk(lambda f, x: f(x) - jnp.exp(x), fe.Uniform(0.0, 1.0))


def exponential(seed):
    train = TARGET.empirical(20, key=jr.key(seed))
    return fe.solve(train, fe.Series(fe.Chebyshev(9, (0.0, 1.0))), throw=False)


def test_a_table_over_seeds():
    def run(seed):
        solution = exponential(seed)
        test = TARGET.quadrature(16)
        report = fe.RiskReport(solution.value, test=test, exact=jnp.exp)
        return [solution, report, {"seed squared": seed**2}]

    found = fe.seed_table(run, range(3))
    assert found.solved.all()
    record = json.loads(json.dumps(found.to_dict()))
    assert record["seed squared"] == [0.0, 1.0, 4.0]
    assert record["median"]["seed squared"] == 1.0
    assert max(record["error of f"]) < 1e-6
    assert record["max"]["risk on test"] == max(record["risk on test"])
    text = str(found)
    assert "3 of 3" in text
    for word in ("risk", "steps", "min", "median", "max", "seed squared"):
        assert word in text


def test_seeds_that_fail_are_counted():
    def run(seed):
        if seed == 1:
            return fe.solve(TARGET.quadrature(8), fe.Series(fe.Chebyshev(1, (0.0, 1.0))))
        return exponential(seed)

    found = fe.seed_table(run, [0, 1])
    assert list(found.solved) == [True, False]
    assert "1 of 2" in str(found)
    assert [line.split()[-1] for line in str(found).splitlines()[2:4]] == ["yes", "no"]
    assert found.columns["risk"][1] > 1e-4
    with pytest.raises(ValueError, match="`run` must return"):
        fe.seed_table(lambda seed: "good", [0])
    with pytest.raises(ValueError, match="empty"):
        fe.seed_table(run, [])
