"""The error decomposition, against least squares in closed form."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


SIGMA, P, N = 0.5, 5, 20
B = np.arange(1.0, P + 1)


def regression(f, point):
    y = point["x"] @ B + SIGMA * point["e"]
    return f(point["x"]) - y


def regression_risk(covariates):
    p = fe.Product(x=covariates, e=fe.Normal(0.0, 1.0))
    return fe.Risk(regression, p, tolerance=np.inf)


def linear(key):
    return eqx.nn.Linear(P, "scalar", use_bias=False, key=key)


def decompose(risk, hypotheses, **arguments):
    settings = {"n": N, "replications": 400, "key": jr.key(0)}
    return fe.error_decomposition(risk, hypotheses, **{**settings, **arguments})


def near(estimate, value):
    """Within four standard errors, which say something."""
    assert 0 < estimate.error < 0.1
    return abs(estimate.value - value) < 4 * estimate.error


@pytest.mark.parametrize("seed", range(4))
def test_linear_regression_in_closed_form(seed):
    """y = x'b + noise: E_D[train] = sigma^2 (1 - p / n) for any design and, for a normal one,
    E_D[test] = sigma^2 (1 + p / (n - p - 1))."""
    risk = regression_risk(fe.Normal(np.zeros(P), 1.0))
    found = decompose(risk, linear, irreducible=SIGMA**2, key=jr.key(seed))
    assert near(found.eps_app, 0.0)
    assert near(found.eps_est, -(SIGMA**2) * P / N)
    assert near(found.excess, SIGMA**2 * P / (N - P - 1))
    assert near(found.gap, SIGMA**2 * (P / (N - P - 1) + P / N))
    assert near(found.total, -(SIGMA**2) * P / N)
    assert found.failed == 0


def test_identities_hold_in_the_numbers():
    found = decompose(regression_risk(fe.Normal(np.zeros(P), 1.0)), linear, irreducible=SIGMA**2)
    assert found.gap.value == found.excess.value - found.eps_est.value
    assert found.total.value == found.eps_app.value + found.eps_est.value
    # A paired difference is known better than its parts.
    assert found.total.error < found.eps_est.error


@pytest.mark.slow
def test_standard_errors_are_those_of_the_estimates():
    risk = regression_risk(fe.Normal(np.zeros(P), 1.0))
    all_of = [
        decompose(risk, linear, replications=50, population=500, key=jr.key(seed))
        for seed in range(40)
    ]
    for name in ("eps_app", "eps_est", "excess", "gap", "total"):
        values = np.array([getattr(d, name).value for d in all_of])
        errors = np.array([getattr(d, name).error for d in all_of])
        assert 0.6 < values.std() / errors.mean() < 1.6, name


def parabola(f, x):
    return f(x) - x**2


X = fe.Uniform(-1.0, 1.0)


def test_a_class_that_is_too_small():
    """min over a + b x of E (a + b x - x^2)^2 on [-1, 1] is the variance of x^2, 4 / 45."""
    line = fe.Series(fe.Chebyshev(1, (-1.0, 1.0)))
    found = decompose(fe.Risk(parabola, X), lambda key: line, population=20_000)
    assert near(found.eps_app, 4 / 45)
    assert found.excess.value > 0 > found.eps_est.value
    exact = decompose(
        fe.Risk(parabola, X), lambda key: line, population=fe.Risk(parabola, X).quadrature(8)
    )
    assert exact.eps_app.value == pytest.approx(4 / 45, rel=1e-12)
    assert exact.eps_app.error == 0.0
    assert near(exact.gap, found.gap.value)


def test_a_class_that_holds_the_solution_of_a_functional_equation():
    """Deterministic and exact: nothing is lost anywhere."""

    def ode(f, x):
        return jax.grad(f)(x) - 2 * x

    risk = fe.Risk(ode, X) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    series = fe.Series(fe.Chebyshev(4, (-1.0, 1.0)))
    found = decompose(risk, lambda key: series, replications=50)
    for name in ("eps_app", "eps_est", "excess", "gap", "total"):
        assert abs(getattr(found, name).value) < 1e-26, name
        assert getattr(found, name).error < 1e-26, name


def test_data_are_a_population_to_draw_from():
    x = np.linspace(-1, 1, 60)
    y = x + 0.3 * np.sin(50 * x)
    risk = fe.Risk(lambda f, xy: f(xy[0]) - xy[1], fe.Empirical((x, y)), tolerance=np.inf)
    line = fe.Series(fe.Chebyshev(1, (-1.0, 1.0)))
    found = decompose(risk, lambda key: line)
    best = np.sum((y - np.polyval(np.polyfit(x, y, 1), x)) ** 2) / 60
    assert found.eps_app.value == pytest.approx(best, rel=1e-10)
    assert found.eps_app.error == 0.0
    assert found.excess.value > 0 > found.eps_est.value


def test_more_data_close_the_gap():
    risk = regression_risk(fe.Normal(np.zeros(P), 1.0))
    few, many = (decompose(risk, linear, n=n, replications=200) for n in (10, 160))
    assert few.gap.value > 10 * many.gap.value
    assert near(many.gap, SIGMA**2 * (P / (160 - P - 1) + P / 160))


def test_all_starts_are_one_member_of_the_class():
    keys = []

    def hypotheses(key):
        keys.append(key)
        return linear(key)

    decompose(regression_risk(fe.Normal(np.zeros(P), 1.0)), hypotheses, replications=5)
    assert len(keys) == 1


def test_not_reaching_zero_raises_nothing():
    net = lambda key: fe.MLP("scalar", "scalar", width=2, depth=1, support=(-1.0, 1.0), key=key)
    solver = fe.LevenbergMarquardt(max_steps=3)
    found = decompose(
        fe.Risk(lambda f, x: f(x) - jnp.sin(20 * x), X), net, solver=solver, replications=4, n=16
    )
    assert found.eps_app.value > 1e-3


def test_replications_that_fail_are_counted():
    """A residual that is not a number for some samples leaves the others as they are."""

    def residual(f, x):
        return f(x) + jnp.where(x > 0.97, jnp.nan, 0.0)

    constant = lambda key: fe.Series(fe.Chebyshev(0, (0.0, 1.0)), start=1.0)
    bounded = fe.Risk(residual, fe.Uniform(0.0, 0.97))
    found = decompose(
        fe.Risk(residual, fe.Uniform(0.0, 1.0)),
        constant,
        n=10,
        replications=200,
        population=bounded.quadrature(4),
    )
    assert found.failed == pytest.approx(200 * (1 - 0.97**10), abs=40)
    assert found.excess.value == pytest.approx(0.0, abs=1e-12)


def test_float32():
    line = fe.Series(fe.Chebyshev(1, (-1.0, 1.0)), dtype=jnp.float32)
    found = decompose(fe.Risk(parabola, X), lambda key: line, population=20_000)
    assert near(found.eps_app, 4 / 45)
    assert found.excess.value > 0 > found.eps_est.value


def test_text_and_records():
    found = decompose(regression_risk(fe.Normal(np.zeros(P), 1.0)), linear, replications=50)
    text = str(found)
    for word in ("n = 20, 50 replications", "eps_app", "optimism", "("):
        assert word in text
    records = json.loads(json.dumps(found.to_dict()))
    assert records["gap"]["value"] == found.gap.value and records["n"] == 20
    assert repr(found) == text


def test_a_single_f_is_no_class():
    with pytest.raises(ValueError, match=r"got Series\(.*a single f: `lambda key: f`"):
        decompose(fe.Risk(parabola, X), fe.Series(fe.Chebyshev(3, (-1.0, 1.0))))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"replications": 1}, "`replications` must be at least 2"),
        ({"n": 0}, "n >= 1"),
        ({"n": 2}, "4 unknowns"),
        ({"population": fe.Risk(parabola, X)}, r"risk\.quadrature\(n\)"),
    ],
)
def test_bad_arguments_are_explained(arguments, words):
    cubic = fe.Series(fe.Chebyshev(3, (-1.0, 1.0)))
    with pytest.raises(ValueError, match=words):
        decompose(fe.Risk(parabola, X), lambda key: cubic, **arguments)
