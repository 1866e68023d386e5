"""The solvers of Optimistix against SciPy, and their verdicts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optimistix as optx
import pytest
from compilations import compilations
from scipy.optimize import least_squares, minimize

import fesolve as fe


X = np.linspace(0.0, 4.0, 20)
Y = 2.0 * np.exp(-0.7 * X) + 0.1 * np.cos(9.0 * X)  # no curve of the class goes through it
REGRESSION = fe.Risk(
    lambda f, p: f["a"] * jnp.exp(-f["b"] * p[0]) - p[1], fe.Empirical((X, Y)), tolerance=np.inf
)
START = {"a": jnp.asarray(1.0), "b": jnp.asarray(0.5)}

SOLVERS = {
    "lm": optx.LevenbergMarquardt(1e-10, 1e-12),
    "dogleg": optx.Dogleg(1e-10, 1e-12),
    "gauss-newton": optx.GaussNewton(1e-10, 1e-12),
    "bfgs": optx.BFGS(1e-10, 1e-12),
    "nelder-mead": optx.NelderMead(1e-10, 1e-12),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_nonlinear_regression_is_that_of_scipy(name):
    reference = least_squares(
        lambda p: p[0] * np.exp(-p[1] * X) - Y, [1.0, 0.5], xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    solution = fe.solve(REGRESSION, START, fe.Optimistix(SOLVERS[name]))
    found = [float(solution.value["a"]), float(solution.value["b"])]
    np.testing.assert_allclose(found, reference.x, rtol=1e-5)
    np.testing.assert_allclose(solution.risk, 2 * reference.cost / X.size, rtol=1e-8)
    assert bool(solution.result == fe.RESULTS.solved)
    assert int(solution.stats["steps"]) > 0


def logistic(f, x, rate):
    return jax.grad(f)(x) - rate * f(x) * (1 - f(x))


def equation(rate=1.0):
    risk = fe.Risk(logistic, fe.Uniform(0.0, 2.0), args=(rate,))
    return (risk + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))).quadrature(16)


SERIES = fe.Series(fe.Chebyshev(10, (0.0, 2.0)))
DOGLEG = fe.Optimistix(optx.Dogleg(1e-10, 1e-12))


def exact(rate):
    return 1 / (1 + 9 * np.exp(-2.0 * rate))


def test_a_differential_equation():
    seen = []
    monitor = lambda step, metrics, f: seen.append((step, metrics["risk"]))
    solution = fe.solve(equation(), SERIES, DOGLEG, monitors=(monitor,))
    assert bool(solution.result == fe.RESULTS.solved)
    assert abs(float(solution.value(2.0)) - exact(1.0)) < 1e-5
    assert seen == [(int(solution.stats["steps"]), float(solution.risk))]

    end = lambda rate: fe.solve(equation(rate), SERIES, DOGLEG).value(2.0)
    rates = jnp.asarray([0.5, 1.0])
    np.testing.assert_allclose(jax.vmap(end)(rates), [end(0.5), end(1.0)], rtol=1e-9)


def test_derivative_of_a_regression():
    def slope(scale):
        line = fe.Risk(
            lambda b, p, scale: jnp.exp(b * p[0]) - scale * p[1],
            fe.Empirical((X, Y)),
            args=(scale,),
            tolerance=np.inf,
        )
        return fe.solve(line, jnp.asarray(-0.1), DOGLEG).value

    h = 1e-4
    difference = (slope(1.0 + h) - slope(1.0 - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(slope)(1.0), difference, rtol=1e-5)


def test_an_equal_solver_compiles_once():
    def solve(rate):
        return fe.solve(equation(rate), SERIES, fe.Optimistix(optx.Dogleg(1e-8, 1e-9))).risk

    assert compilations(lambda: solve(1.0)) > 0
    solve(1.0)
    assert compilations(lambda: solve(1.1)) == 0


def test_verdicts():
    condition = fe.Risk(lambda c: jnp.stack([c - 1.0, c + 1.0]))
    found = fe.solve(condition, jnp.asarray(3.0), DOGLEG, throw=False)
    assert bool(found.result == fe.RESULTS.not_zero)
    few = fe.Optimistix(optx.LevenbergMarquardt(1e-12, 1e-12), max_steps=2)
    assert bool(fe.solve(REGRESSION, START, few).result == fe.RESULTS.solved)  # tolerance inf
    hard = fe.Risk(lambda c: jnp.exp(c) - 1e4)
    found = fe.solve(hard, jnp.asarray(1.0), few, throw=False)
    assert bool(found.result == fe.RESULTS.max_steps_reached)
    alone = fe.Risk(logistic, fe.Uniform(0.0, 2.0), args=(1.0,)).quadrature(16)
    found = fe.solve(alone, SERIES, DOGLEG, throw=False)
    assert not bool(found.solved)  # an equation without its condition


def test_a_network_with_more_weights_than_rows():
    net = eqx.nn.MLP("scalar", "scalar", 8, 1, jnp.tanh, key=jr.key(0))
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(x), fe.Uniform(-1.0, 1.0)).quadrature(12)
    solution = fe.solve(risk, net, fe.Optimistix(optx.Dogleg(1e-9, 1e-9)))
    assert bool(solution.result == fe.RESULTS.solved)


def test_losses_that_are_no_squares_go_to_minimisers():
    risk = fe.Risk(lambda c, x: c - x**2, fe.Empirical(X), loss=fe.huber)
    solution = fe.solve(risk, jnp.asarray(0.0), fe.Optimistix(optx.BFGS(1e-10, 1e-12)))
    reference = minimize(lambda c: float(risk(jnp.asarray(c[0]))), [0.0], tol=1e-12)
    np.testing.assert_allclose(solution.value, reference.x[0], rtol=1e-5)
    assert bool(solution.result == fe.RESULTS.ran)
    np.testing.assert_allclose(solution.risk, risk(solution.value), rtol=1e-12)
    with pytest.raises(ValueError, match="not a sum of squares"):
        fe.solve(risk, jnp.asarray(0.0), DOGLEG)


def test_single_precision():
    start = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), START)
    solution = fe.solve(REGRESSION, start, fe.Optimistix(optx.GaussNewton(1e-5, 1e-6)))
    assert solution.value["a"].dtype == jnp.float32
    full = fe.solve(REGRESSION, START, DOGLEG)
    np.testing.assert_allclose(solution.value["a"], full.value["a"], rtol=1e-3)


@pytest.mark.parametrize(
    "call, words",
    (
        (lambda: fe.Optimistix("dogleg"), "`solver` must be a least-squares solver or a minimiser"),
        (lambda: fe.Optimistix(optx.Newton(1e-8, 1e-8)), "`solver` must be a least-squares"),
        (lambda: fe.Optimistix(optx.Dogleg(1e-8, 1e-8), max_steps=0), "`max_steps` must be"),
        (
            lambda: fe.solve(
                fe.Risk(lambda c, x: c - x, fe.Uniform(0, 1)), jnp.asarray(0.0), DOGLEG
            ),
            r"`risk.empirical\(n, key=key\)`",
        ),
        (
            lambda: fe.solve(equation(), fe.Series(fe.Chebyshev(30, (0.0, 2.0))), DOGLEG),
            "17 residual rows and f has 31 unknowns",
        ),
        (
            lambda: jax.jit(
                lambda a: fe.solve(equation(a), SERIES, DOGLEG, monitors=(print,)).risk
            )(1.0),
            "`monitors` run on the host",
        ),
    ),
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
