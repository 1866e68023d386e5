"""Continuation: where a direct solve fails, up to a fold, over the size of shocks, and what it
refuses. References are closed forms and direct solves."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe
from fesolve import problems


# Bratu's problem: u'' + lambda e^u = 0, u(0) = u(1) = 0, has two solutions up to a fold.


def bratu(f, x, lam):
    return fe.derivative(f, 2)(x) + lam * jnp.exp(f(x))


def ends(f):
    return jnp.stack([f(0.0), f(1.0)])


def bratu_risk(lam, points=32):
    inner = fe.Risk(bratu, fe.Uniform(0.0, 1.0), args=(lam,))
    return (inner + 10.0 * fe.Risk(ends)).quadrature(points)


SERIES = fe.Series(fe.Chebyshev(24, (0.0, 1.0)))
FOLD = 3.513830719125161


def middle(lam):
    """u(1/2) = 2 log cosh(t / 4) of the lower solution, t = sqrt(2 lambda) cosh(t / 4)."""
    theta = 0.0
    for _ in range(2_000):
        theta = np.sqrt(2 * lam) * np.cosh(theta / 4)
    return 2 * np.log(np.cosh(theta / 4))


def test_near_the_fold_it_is_the_lower_solution():
    solution = fe.solve(bratu_risk(3.4), SERIES, fe.Continuation(bratu_risk(0.5)))
    assert float(solution.value(0.5)) == pytest.approx(middle(3.4), rel=1e-9)
    assert solution.stats["reached"] == 1.0
    assert np.all(np.diff(solution.stats["path"]) > 0) and solution.stats["path"][0] == 0.0


def test_a_free_degree_grows_along_the_path():
    """f' = -a f from a = 1, for which degree 16 is enough, to a = 60."""
    ode = lambda f, x, a: jax.grad(f)(x) + a * f(x)
    risk = lambda a: (
        fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,))
        + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    ).quadrature(8)
    f = fe.Series(fe.Chebyshev(None, (0.0, 1.0)))
    solution = fe.solve(risk(60.0), f, fe.Continuation(risk(1.0), steps=2))
    x = np.linspace(0.0, 1.0, 50)
    np.testing.assert_allclose(jax.vmap(solution.value)(x), np.exp(-60 * x), rtol=0, atol=1e-11)
    assert solution.value.basis.degree == int(solution.stats["degree"]) >= 32


def test_elements_are_found_anew_along_the_path():
    """f' = a f (1 - f) from a = 1 to a = 12, whose elements differ from step to step."""
    logistic = lambda f, x, a: jax.grad(f)(x) - a * f(x) * (1 - f(x))
    risk = lambda a: (
        fe.Risk(logistic, fe.Uniform(0.0, 3.0), args=(a,))
        + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))
    ).quadrature(8)
    f = fe.Series(fe.SpectralElements(8, np.linspace(0, 3, 4), adaptive=True))
    solution = fe.solve(risk(12.0), f, fe.Continuation(risk(1.0)))
    x = np.linspace(0.0, 3.0, 50)
    exact = 1 / (1 + 9 * np.exp(-12 * x))
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact, rtol=0, atol=1e-11)


def test_past_the_fold_it_says_where_it_stopped():
    solver = fe.Continuation(bratu_risk(0.5), fe.LevenbergMarquardt(max_steps=60))
    with pytest.raises(fe.SolveError, match=r"the continuation stopped 0\.9\d+ of the way") as info:
        fe.solve(bratu_risk(3.6), SERIES, solver)
    solution = info.value.solution
    assert bool(solution.result == fe.RESULTS.not_zero)
    assert re.search(r"path +the continuation stopped 0\.97\d* of the way", str(solution))
    reached = float(solution.stats["reached"])
    lam = 0.5 + reached * (3.6 - 0.5)
    assert FOLD - 0.02 < lam <= FOLD
    # f solves the risk that was reached, and the risk it carries is that of the end
    assert float(bratu_risk(lam)(solution.value)) < 1e-12
    assert float(solution.risk) == pytest.approx(float(bratu_risk(3.6)(solution.value)))
    assert float(solution.risk) > 1e-4


# Stochastic growth with full depreciation and high risk aversion, from a start that saves too much.

ALPHA, BETA = 0.36, 0.96
K = (ALPHA * BETA) ** (1 / (1 - ALPHA))


def euler(f, x, e, gamma):
    resources = lambda y: jnp.exp(y[1]) * (K * jnp.exp(y[0])) ** ALPHA
    share = lambda y: jax.nn.sigmoid(f(y))
    saved = share(x) * resources(x)
    y = jnp.stack([jnp.log(saved / K), 0.9 * x[1] + e])
    consumed, later = (1 - share(x)) * resources(x), (1 - share(y)) * resources(y)
    gross = ALPHA * jnp.exp(y[1]) * saved ** (ALPHA - 1)
    return 1 - BETA * (consumed / later) ** gamma * gross


def growth_risk(sigma, gamma):
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    shock = fe.Empirical(jnp.asarray(sigma * nodes), jnp.asarray(weights / weights.sum()))
    box = fe.Uniform((-0.5, -0.2), (0.5, 0.2))
    return fe.Risk(euler, box, shock=shock, args=(gamma,), tolerance=1e-5).quadrature(8)


def growth_series(start):
    bases = [fe.Chebyshev(5, (-0.9, 0.9)), fe.Chebyshev(5, (-0.5, 0.5))]
    return fe.Series(fe.Tensor(*bases, degree=5), start=start)


SHORT = fe.LevenbergMarquardt(max_steps=40)


def saved(solution):
    """The share of output that is saved at rest."""
    return float(jax.nn.sigmoid(solution.value(jnp.zeros(2))))


def test_it_solves_what_a_direct_solve_does_not():
    hard, easy = growth_risk(0.05, 10.0), growth_risk(0.0, 1.0)
    near = fe.solve(hard, growth_series(-0.5))  # starts where the solution nearly is
    direct = fe.solve(hard, growth_series(1.0), SHORT, throw=False)
    assert not bool(direct.solved)
    solution = fe.solve(hard, growth_series(1.0), fe.Continuation(easy, SHORT))
    assert saved(solution) == pytest.approx(saved(near), rel=1e-9)
    assert np.allclose(solution.stats["path"], [0.0, 0.25, 0.75, 1.0])
    # without shocks and in logs a constant share is saved, and the path begins there
    begin = fe.solve(easy, growth_series(1.0), SHORT)
    assert saved(begin) == pytest.approx(ALPHA * BETA, rel=1e-9)


def test_it_stays_on_the_branch_that_it_begins_on():
    """Directly, a path of overaccumulation satisfies the Euler equation on the box as well."""
    hard, easy = growth_risk(0.05, 5.0), growth_risk(0.0, 1.0)
    direct = fe.solve(hard, growth_series(1.0), throw=False)
    assert saved(direct) > 0.9
    solution = fe.solve(hard, growth_series(1.0), fe.Continuation(easy, SHORT))
    assert saved(solution) == pytest.approx(0.35062, abs=1e-5)


def test_a_curriculum_on_the_size_of_shocks_is_the_direct_solution():
    hard, easy = growth_risk(0.05, 5.0), growth_risk(0.0, 5.0)
    direct = fe.solve(hard, growth_series(-0.5))
    solution = fe.solve(hard, growth_series(-0.5), fe.Continuation(easy, steps=2))
    assert np.allclose(solution.value.coefficients, direct.value.coefficients, atol=1e-9)
    assert np.allclose(solution.stats["path"], [0.0, 0.5, 1.0])


# What follows from the structure.


def test_points_and_weights_move_too():
    """Growing domains: f' = -f from 0 to an end that moves."""

    def ode(f, x):
        return jax.grad(f)(x) + f(x)

    def start(f):
        return f(0.0) - 1.0

    risk = lambda end: (fe.Risk(ode, fe.Uniform(0.0, end)) + fe.Risk(start)).quadrature(24)
    f = fe.Series(fe.Chebyshev(10, (0.0, 2.0)))
    solution = fe.solve(risk(2.0), f, fe.Continuation(risk(1.0)))
    x = jnp.linspace(0, 2, 50)
    assert np.max(np.abs(jax.vmap(solution.value)(x) - jnp.exp(-x))) < 1e-9


def test_nothing_is_compiled_between_steps():
    fe.solve(bratu_risk(0.5), SERIES, fe.Continuation(bratu_risk(0.4), steps=2))
    names = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: names.append(name))
    solution = fe.solve(bratu_risk(3.0), SERIES, fe.Continuation(bratu_risk(0.5), steps=8))
    assert solution.stats["path"].size >= 4
    assert not [name for name in names if "backend_compile" in name]


def test_derivatives_are_those_of_the_end():
    value = lambda lam: fe.solve(bratu_risk(lam), SERIES, fe.Continuation(bratu_risk(0.5))).value(
        0.5
    )
    h = 1e-4
    slope = (middle(2.0 + h) - middle(2.0 - h)) / (2 * h)
    assert float(jax.grad(value)(2.0)) == pytest.approx(slope, rel=1e-6)


@pytest.mark.slow
def test_mapped_and_compiled_it_takes_equal_steps():
    def value(lam):
        solution = fe.solve(bratu_risk(lam), SERIES, fe.Continuation(bratu_risk(0.5), steps=3))
        return solution.value(0.5), solution.stats["path"], solution.stats["reached"]

    lams = jnp.array([1.0, 3.0])
    values, paths, reached = jax.jit(jax.vmap(value))(lams)
    assert np.allclose(values, [middle(1.0), middle(3.0)], rtol=1e-9)
    assert np.allclose(paths, [[0, 1 / 3, 2 / 3, 1]] * 2) and np.allclose(reached, 1.0)


def test_a_smoothed_complementarity():
    """min(f, 1 - x + f^3) = 0 by Fischer and Burmeister, whose kink is sharpened."""

    def condition(f, x, eps):
        return fe.fischer_burmeister(f(x), f(x) ** 3 + 1 - 2 * x, eps)

    risk = lambda eps: fe.Risk(
        condition, fe.Uniform(0.0, 1.0), args=(eps,), tolerance=2e-2
    ).quadrature(40)
    f = fe.Series(fe.BSpline(np.linspace(0, 1, 15)), start=0.5)
    rough = fe.LevenbergMarquardt(accuracy=0.2)  # of a cube root, on 14 intervals
    solution = fe.solve(risk(1e-3), f, fe.Continuation(risk(0.5), rough))
    x = np.linspace(0.02, 0.98, 40)
    exact = np.cbrt(np.maximum(2 * x - 1, 0))
    assert np.mean(np.abs(jax.vmap(solution.value)(x) - exact)) < 2e-2


def test_single_precision():
    f = fe.Series(fe.Chebyshev(10, (0.0, 1.0)), dtype=jnp.float32)
    solution = fe.solve(bratu_risk(2.0, 16), f, fe.Continuation(bratu_risk(0.5, 16)))
    assert solution.value.coefficients.dtype == jnp.float32
    assert float(solution.value(0.5)) == pytest.approx(middle(2.0), rel=1e-4)


def test_where_the_beginning_is_not_solved_it_says_so():
    def impossible(f, x, a):
        return f(x) ** 2 + a

    risk = lambda a: fe.Risk(impossible, fe.Uniform(0.0, 1.0), args=(a,)).quadrature(12)
    f = fe.Series(fe.Chebyshev(3, (0.0, 1.0)), start=0.5)
    with pytest.raises(fe.SolveError, match="of `begin` itself, which was not solved") as failure:
        fe.solve(risk(-1.0), f, fe.Continuation(risk(1.0)))
    assert "take an easier one" in " ".join(str(failure.value.solution).split())


# What it refuses.


def other(f, x, lam):
    return jax.grad(f)(x) - lam


REFUSED = [
    (lambda: fe.Risk(bratu, fe.Uniform(0.0, 1.0), args=(1.0,)).quadrature(32), "has 1 terms"),
    (
        lambda: (
            fe.Risk(other, fe.Uniform(0.0, 1.0), args=(1.0,)) + 10.0 * fe.Risk(ends)
        ).quadrature(32),
        "another residual",
    ),
    (lambda: bratu_risk(1.0, 16), "the same number of points"),
    (
        lambda: (
            fe.Risk(bratu, fe.Normal(0.0, 1.0), args=(1.0,)) + 10.0 * fe.Risk(ends)
        ).quadrature(32),
        "by more than the values of arrays",
    ),
]


@pytest.mark.parametrize("begin, sentence", REFUSED)
def test_risks_of_another_structure_are_refused(begin, sentence):
    with pytest.raises(ValueError, match=sentence):
        fe.solve(bratu_risk(2.0), SERIES, fe.Continuation(begin()))


def test_parameters_that_hide_in_a_closure_are_refused():
    def risk(sigma):
        return fe.Risk(lambda f, x: f(x) - sigma, fe.Uniform(0.0, 1.0)).quadrature(8)

    with pytest.raises(ValueError, match="pass what differs through `args`"):
        fe.solve(risk(2.0), fe.Series(fe.Chebyshev(3, (0.0, 1.0))), fe.Continuation(risk(1.0)))


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"steps": 0}, "`steps` must be a whole number"),
        ({"least": 0.5}, "`least` must lie above 0"),
        ({"solver": "newton"}, "`solver` must be a solver"),
    ],
)
def test_options_are_checked(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        fe.Continuation(bratu_risk(1.0), **options)


@pytest.mark.slow
def test_a_problem_of_the_catalogue_takes_it():
    """Logistic growth that is faster than the path's beginning."""
    problem = problems.logistic(r=2.0)
    fast = problem.risk.quadrature(80)
    slow = eqx.tree_at(lambda risk: risk.terms[0].args[0], fast, jnp.asarray(0.5))
    f = fe.Series(fe.Chebyshev(60, (0.0, 5.0)))
    value = fe.solve(fast, f, fe.Continuation(slow)).value
    x = jnp.linspace(0, 5, 101)
    assert np.max(np.abs(jax.vmap(value)(x) - jax.vmap(problem.exact)(x))) < 1e-9
