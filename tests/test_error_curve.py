"""Error curves: against NumPy on the same draws, and against closed forms."""

import json
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib as mpl
import numpy as np
import pytest
from scipy import special

import fesolve as fe


mpl.use("agg")
D, SIGMA = 20, 0.5
B = np.cos(np.arange(D))


def near(estimate, exact, least=0.0):
    """|z| <= 4, by standard errors that say something."""
    assert 0 < estimate.error
    return abs(estimate.value - exact) <= 4 * estimate.error + least


def by_cell(curve):
    return {(c.label, c.n): c for c in curve.cells}


class First(eqx.Module):
    """Linear in the first k coordinates."""

    slopes: jax.Array

    def __call__(self, x):
        return self.slopes @ x[: self.slopes.size]


def features(*numbers):
    return {k: (lambda key, k=k: First(jnp.zeros(k))) for k in numbers}


def observed(f, point):
    return f(point["x"]) - point["x"] @ B - SIGMA * point["e"]


REGRESSION = fe.Risk(
    observed, fe.Product(x=fe.Normal(np.zeros(D), 1.0), e=fe.Normal(0.0, 1.0)), tolerance=np.inf
)


ALL = {"all": lambda key: fe.Linear(D, use_bias=False)}


def truth(x):
    return x @ B


@pytest.mark.parametrize("seed", range(3))
def test_least_squares_in_closed_form_past_interpolation(seed):
    """Of D normal regressors the first k are used. With s the variance of the noise and of what
    the others contribute, E train = s (1 - k / n), and the excess is s k / (n - k - 1) up to
    k = n - 2 and |b_k|^2 (1 - n / k) + s n / (k - n - 1) from k = n + 2 on: double descent
    (Belkin, Hsu and Xu, 2020, "Two models of double descent for weak features", theorem 1)."""
    n = 8
    curve = fe.error_curve(
        REGRESSION,
        features(2, 4, 14, 20),
        n=n,
        replications=400,
        population=20_000,
        exact=truth,
        key=jr.key(seed),
    )
    for k, c in ((c.label, c) for c in curve.cells):
        used, others = np.sum(B[:k] ** 2), np.sum(B[k:] ** 2)
        s = SIGMA**2 + others
        assert c.unknowns == k and c.failed == 0
        # f* is fitted to the population
        assert near(c.eps_app, others, least=4 * k * s / 20_000)
        if k < n:
            assert near(c.eps_est, -s * k / n)
            assert near(c.excess, s * k / (n - k - 1))
        else:
            assert near(c.eps_est, -s)
            assert near(c.excess, used * (1 - n / k) + s * n / (k - n - 1))
        assert c.gap.value == pytest.approx(c.excess.value - c.eps_est.value, rel=1e-12)


@pytest.mark.parametrize("n", [40, 160])
def test_optimism_and_cost_of_a_sample_are_p_over_n(n):
    """sigma^2 (1 - p/n) on the sample, and about sigma^2 (1 + p/n) beyond it."""
    curve = fe.error_curve(
        REGRESSION, ALL, n=n, replications=200, exact=truth, irreducible=0.0, key=jr.key(0)
    )
    (c,) = curve.cells
    assert near(c.eps_est, -(SIGMA**2) * D / n)
    assert near(c.excess, SIGMA**2 * D / (n - D - 1))
    assert near(c.gap, SIGMA**2 * (D / (n - D - 1) + D / n))
    # draws in pairs: eps_app = 0 is known a hundred times better than sigma^2 / sqrt(10,000)
    assert abs(c.eps_app.value) < 2e-3 and c.eps_app.error < 1e-3


def test_approximation_errors_are_truncated_chebyshev_coefficients():
    """Under the arcsine law the error of degree d is sum_{k > d} c_k^2 / 2, and of exp the c_k are
    2 I_k(1)."""
    nodes = np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    law = fe.Empirical(nodes)
    risk = fe.Risk(lambda f, x: f(x) - jnp.exp(x), law)
    degrees = range(1, 8)
    classes = {d: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (-1.0, 1.0)))) for d in degrees}
    curve = fe.error_curve(risk, classes, n=12, replications=3, population=risk, key=jr.key(0))
    for c in curve.cells:
        tail = np.sum(2 * special.iv(np.arange(c.label + 1, 40), 1.0) ** 2)
        assert c.eps_app.value == pytest.approx(tail, rel=1e-9, abs=1e-28)
    with_f = fe.error_curve(
        risk, {3: classes[3]}, n=12, replications=3, population=risk, exact=jnp.exp, key=jr.key(0)
    )
    assert with_f.cells[0].eps_app.value == pytest.approx(by_cell(curve)[3, 12].eps_app.value)


class Stored:
    """A law whose draws are known: the same points whatever the key."""

    def __init__(self, points):
        self.points = points

    def sample(self, key, shape):
        return jnp.asarray(self.points[: shape[0]])


def test_cells_are_those_of_numpy():
    """An equation with a condition, on points that NumPy has as well."""
    rng = np.random.default_rng(0)
    replications, sizes, degree = 5, [3, 6, 12], 4
    points = rng.uniform(0.0, 2.0, replications * sizes[-1])

    def ode(f, x):
        return jax.grad(f)(x) + f(x)

    equation = fe.Risk(ode, Stored(points)) + 10.0 * fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    node, weight = np.polynomial.legendre.leggauss(20)
    rule = equation.on(fe.Empirical(node + 1, weight / 2, fe.Uniform(0.0, 2.0)))
    series = lambda key: fe.Series(fe.Chebyshev(degree, (0.0, 2.0)))
    curve = fe.error_curve(
        equation, {"c": series}, n=sizes, replications=replications, population=rule, key=jr.key(0)
    )
    chebyshev = np.polynomial.chebyshev

    def rows(x, w):
        """Value and derivative of T_k(x - 1), and the condition."""
        columns = [np.eye(degree + 1)[k] for k in range(degree + 1)]
        a = np.stack([chebyshev.chebval(x - 1, chebyshev.chebder(c)) for c in columns], axis=1)
        a = a + chebyshev.chebvander(x - 1, degree)
        last = np.sqrt(10.0) * chebyshev.chebvander(np.array([-1.0]), degree)
        a = np.vstack([np.sqrt(w)[:, None] * a, last])
        return a, np.concatenate([np.zeros(len(x)), [np.sqrt(10.0)]])

    a_all, b_all = rows(node + 1, weight / 2)
    best = np.linalg.lstsq(a_all, b_all, rcond=None)[0]
    risk_of = lambda a, b, theta: np.sum((a @ theta - b) ** 2)
    for c in curve.cells:
        optimism, excess = [], []
        for sample in points.reshape(replications, -1)[:, : c.n]:
            a, b = rows(sample, np.full(c.n, 1 / c.n))
            theta = np.linalg.lstsq(a, b, rcond=None)[0]
            optimism.append(risk_of(a, b, theta) - risk_of(a, b, best))
            excess.append(risk_of(a_all, b_all, theta) - risk_of(a_all, b_all, best))
        assert c.eps_app.value == pytest.approx(risk_of(a_all, b_all, best), rel=1e-10)
        assert c.eps_est.value == pytest.approx(np.mean(optimism), rel=1e-10)
        assert c.excess.value == pytest.approx(np.mean(excess), rel=1e-10)
        assert c.medians["excess"] == pytest.approx(np.median(excess), rel=1e-10)
        deviation = np.std(excess, ddof=1) / np.sqrt(replications)
        assert c.excess.error == pytest.approx(deviation, rel=1e-9)


def test_standard_errors_are_those_of_the_estimates():
    """Over 40 curves; affine classes make that a matter of seconds."""
    curves = [
        fe.error_curve(
            REGRESSION, features(3), n=10, replications=40, population=400, exact=truth, key=key
        )
        for key in jr.split(jr.key(1), 40)
    ]
    for name in ("eps_app", "eps_est", "excess", "gap"):
        found = [getattr(curve.cells[0], name) for curve in curves]
        values, errors = (np.array([getattr(e, k) for e in found]) for k in ("value", "error"))
        assert 0.6 < values.std() / errors.mean() < 1.6, name


def test_a_solver_sees_the_same_samples():
    """Least squares sample by sample end where all at once do; shapes do not change with n."""
    given = {"n": [8, 20], "replications": 6, "population": 200, "key": jr.key(3)}
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(2 * x), fe.Uniform(-1.0, 1.0))
    line = {"line": lambda key: fe.Series(fe.Chebyshev(2, (-1.0, 1.0)))}
    at_once = fe.error_curve(risk, line, **given)
    one_by_one = fe.error_curve(risk, line, fe.LevenbergMarquardt(), **given)
    for a, b in zip(at_once.cells, one_by_one.cells, strict=True):
        for name in ("eps_app", "eps_est", "excess", "gap"):
            first, second = getattr(a, name), getattr(b, name)
            assert second.value == pytest.approx(first.value, rel=1e-9)
            assert second.error == pytest.approx(first.error, rel=1e-6, abs=1e-15)
        assert b.medians["gap"] == pytest.approx(a.medians["gap"], rel=1e-9)


def test_classes_that_are_not_affine_are_solved():
    """f(x) = exp(t) x has the slope of least squares where that is positive."""

    class Growth(eqx.Module):
        rate: jax.Array

        def __call__(self, x):
            return jnp.exp(self.rate[0]) * x

    slope = fe.Linear("scalar", use_bias=False)
    risk = fe.Risk(lambda f, x: f(x) - 2 * x - x**2, fe.Uniform(0.0, 1.0))
    curve = fe.error_curve(
        risk,
        {
            "exp": lambda key: Growth(jnp.zeros(1)),
            "line": lambda key: slope,
        },
        n=[4, 8],
        replications=6,
        population=risk.quadrature(8),
        key=jr.key(0),
    )
    cells = by_cell(curve)
    for n in (4, 8):
        for name in ("eps_app", "eps_est", "excess"):
            one, other = (getattr(cells[label, n], name).value for label in ("exp", "line"))
            assert one == pytest.approx(other, rel=1e-5)


@pytest.mark.slow
def test_twenty_four_cells_of_four_hundred_samples_take_seconds():
    """Compilation included; one cell of `error_decomposition` takes as long."""

    def ode(f, x):
        return jax.grad(f)(x) + f(x)

    risk = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    degrees = (1, 2, 3, 4, 6, 8)
    classes = {d: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (0.0, 2.0)))) for d in degrees}
    before = time.process_time()
    curve = fe.error_curve(risk, classes, n=[8, 16, 32, 64], replications=400, key=jr.key(0))
    assert time.process_time() - before < 20
    assert len(curve.cells) == 24
    for degree in degrees:  # eps_est and excess of one class fall with n
        some = [c for c in curve.cells if c.label == degree]
        excess = [c.excess.value for c in some]
        assert excess == sorted(excess, reverse=True) and all(c.eps_est.value < 0 for c in some)


def test_data_are_drawn_from():
    x = np.linspace(-1, 1, 60)
    data = fe.Data(x, x + 0.3 * np.sin(50 * x))
    risk = fe.Risk(lambda f, x, y: f(x) - y, data, tolerance=np.inf)
    (c,) = fe.error_curve(
        risk, {"line": lambda key: fe.Linear("scalar")}, n=20, replications=50, key=jr.key(0)
    ).cells
    best = np.mean((data.Y - np.polyval(np.polyfit(x, data.Y, 1), x)) ** 2)
    assert c.eps_app.value == pytest.approx(best, rel=1e-10) and c.eps_app.error == 0.0
    assert c.eps_est.value < 0 < c.excess.value


def test_float32():
    noise = fe.Risk(lambda f, p: f(p["x"]) - p["e"], REGRESSION.distribution, tolerance=np.inf)
    line = {"line": lambda key: fe.Linear(D, use_bias=False, dtype=jnp.float32)}
    (c,) = fe.error_curve(noise, line, n=40, replications=100, irreducible=1.0, key=jr.key(0)).cells
    assert near(c.eps_est, -D / 40) and near(c.excess, D / (40 - D - 1))


def test_tables_and_figures():
    curve = fe.error_curve(
        REGRESSION, features(2, 4), n=[6, 12], replications=20, population=500, key=jr.key(0)
    )
    frame = curve.to_pandas()
    assert list(frame.columns[:2]) == ["label", "n"] and len(frame) == 4
    assert {"eps_app", "eps_est", "excess", "gap", "excess (median)"} <= set(frame.columns)
    assert frame["n"].tolist() == [6, 12, 6, 12]
    assert "20 samples of each size" in str(curve) and "eps_app" in str(curve)
    records = json.loads(json.dumps(curve.to_dict()))["cells"]
    assert records[1]["n"] == 12 and records[1]["gap"]["value"] == curve.cells[1].gap.value
    axes = curve.plot()
    assert axes.get_xlabel() == "unknowns" and len(axes.get_legend().get_texts()) == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"replications": 1}, "`replications` must be at least 2"),
        ({"n": []}, "`n` must be one sample size or several"),
        ({"n": [0, 4]}, "`n` must be a whole number of at least 1"),
        ({"classes": {}}, "`classes` must be a dict"),
        (
            {"classes": {"line": fe.Linear(D)}},
            r"`classes\['line'\]` must be a function.*a single f",
        ),
        ({"exact": truth, "irreducible": 0.1}, "pass one of them"),
        (
            {
                "solver": fe.LevenbergMarquardt(),
                "n": 2,
                "classes": {"all": lambda key: fe.Linear(D)},
            },
            "21 unknowns",
        ),
        ({"population": fe.Risk(lambda f, x: f(x), fe.Dirac(0.0))}, "terms of `risk`"),
    ],
)
def test_what_is_wrong_is_said(arguments, words):
    given = {"n": 8, "replications": 3, "population": 50, "key": jr.key(0), **arguments}
    classes = given.pop("classes", features(2))
    with pytest.raises(ValueError, match=words):
        fe.error_curve(REGRESSION, classes, given.pop("solver", None), **given)


def test_a_residual_that_is_no_number_is_said():
    risk = fe.Risk(lambda f, x: f(x) - jnp.log(x - 0.5), fe.Uniform(0.0, 1.0))
    with pytest.raises(ValueError, match="not a number at some of the points"):
        fe.error_curve(
            risk, {"line": lambda key: fe.Linear("scalar")}, n=4, replications=2, key=jr.key(0)
        )


@pytest.mark.parametrize("solver", (None, fe.LinearLeastSquares()))
def test_the_expectation_over_a_continuous_shock_is_taken(solver):
    """E_e[f(x) - (1 + e) sin(3 x) - e^2 + 1] = f(x) - sin(3 x), so that the cells are the same."""
    p, shock = fe.Uniform(-1.0, 1.0), fe.Normal(0.0, 1.0)
    line = {"cubic": lambda key: fe.Series(fe.Chebyshev(3, (-1.0, 1.0)))}
    shocked = fe.Risk(lambda f, x, e: f(x) - (1 + e) * jnp.sin(3 * x) - e**2 + 1, p, shock=shock)
    plain = fe.Risk(lambda f, x: f(x) - jnp.sin(3 * x), p)
    more = {"n": [6, 12], "replications": 5, "population": 300, "key": jr.key(0)}
    found, exact = (fe.error_curve(risk, line, solver, **more) for risk in (shocked, plain))
    for a, b in zip(found.cells, exact.cells, strict=True):
        for name in ("eps_app", "eps_est", "excess", "gap"):
            assert getattr(a, name).value == pytest.approx(getattr(b, name).value, abs=1e-10)


def test_the_expectation_over_a_shock_elsewhere():
    p = fe.Uniform(-1.0, 1.0)
    risk = fe.Risk(lambda f, x, e: f(x) - (1 + e) * x**2, p, shock=fe.Normal(0.0, 1.0))
    more = {"n": 6, "population": 300, "key": jr.key(0)}
    line = lambda key: fe.Series(fe.Chebyshev(1, (-1.0, 1.0)))
    found = fe.error_decomposition(risk, line, replications=5, **more)
    assert near(found.eps_app, 4 / 45)  # the variance of x^2
    assert fe.advise(risk, line, replications=2, **more).dominant == "approximation"
