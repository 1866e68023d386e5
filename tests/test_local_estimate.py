"""The error estimate of functions on many pieces, whose Jacobians are sparse."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.interpolate
import scipy.linalg

import fesolve as fe


BREAKS = np.concatenate([np.linspace(0.0, 0.4, 24), np.linspace(0.5, 4.0, 18)])
GRADED = np.sort(np.concatenate([BREAKS, 4.0 - 0.1 * 0.5 ** np.arange(1, 12)]))


def elements(degree=5, breaks=BREAKS, **options):
    return fe.Series(fe.SpectralElements(degree, breaks, 1), **options)


def truth(x):
    return np.sin(3 * x) + np.exp(-x)


def forced(f, x):
    """f' = -2 f + g, whose solution is `truth`."""
    return jax.grad(f)(x) + 2 * f(x) - (3 * jnp.cos(3 * x) + 2 * jnp.sin(3 * x) + jnp.exp(-x))


def starts(f, x):
    return f(x) - 1.0


def string(f, x):
    """f'' = f + g, whose solution is `truth`."""
    return jax.grad(jax.grad(f))(x) - f(x) + 10 * jnp.sin(3 * x)


INITIAL = fe.Risk(forced, fe.Uniform(0.0, 4.0)) + fe.Risk(starts, fe.Dirac(0.0))
BOUNDARY = (
    fe.Risk(string, fe.Uniform(0.0, 4.0))
    + fe.Risk(starts, fe.Dirac(0.0))
    + fe.Risk(lambda f, x: f(x) - truth(4.0), fe.Dirac(4.0), name="right")
)
PROBLEMS = {"initial": INITIAL, "boundary": BOUNDARY}


def relative_error(f):
    x = np.linspace(0.0, 4.0, 4001)
    return np.sqrt(np.mean((np.asarray(jax.vmap(f)(x)) - truth(x)) ** 2) / np.mean(truth(x) ** 2))


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("breaks", (BREAKS, GRADED), ids=("two lengths", "graded"))
def test_the_estimate_is_the_error(name, breaks):
    sol = fe.solve(PROBLEMS[name].quadrature(400), elements(breaks=breaks), throw=False)
    error = relative_error(sol.value)
    estimate = fe.error_estimate(PROBLEMS[name], sol.value)
    assert 1e-9 < error < 1e-3
    assert 0.5 < float(estimate.relative) / error < 2
    assert sol.solved and not estimate.is_bound
    assert relative_error(estimate.corrected) < 0.1 * error


@pytest.mark.parametrize("degree", (3, 4, 5))
def test_a_spline_is_corrected_on_the_halves_of_its_intervals(degree):
    knots = np.concatenate([np.linspace(0.0, 0.4, 9), np.linspace(0.6, 4.0, 12)])
    start = fe.Series(fe.BSpline(knots, degree=degree))
    f = fe.solve(INITIAL.quadrature(300), start, throw=False).value
    corrected, error = fe.error_estimate(INITIAL, f).corrected, relative_error(f)
    assert corrected.basis.knots.size == 2 * knots.size - 1
    assert relative_error(corrected) < 0.3 * error
    # what was added to f is what is missing from it, and all there is of it: as SciPy has f there
    theirs = scipy.interpolate.BSpline(
        np.pad(knots, degree, mode="edge"), np.asarray(f.coefficients), degree
    )
    x = np.linspace(0.0, 4.0, 401)[1:-1]
    change = np.asarray(jax.vmap(corrected)(x)) - theirs(x)
    np.testing.assert_allclose(change, truth(x) - theirs(x), atol=0.3 * np.abs(change).max())


def least_change(risk, basis):
    """The least |dr| per |df| over the functions of a basis, for a risk that is linear in f, by
    dense matrices on a composite rule."""
    nodes, weights = np.polynomial.legendre.leggauss(basis.degree + 2)
    lo, hi = basis.breaks[:-1, None], basis.breaks[1:, None]
    x = jnp.asarray((lo + (hi - lo) * (nodes + 1) / 2).ravel())
    w = np.sqrt(((hi - lo) * weights / 2).ravel() / 4.0)

    def rows(c):
        f = eqx.tree_at(lambda s: s.coefficients, fe.Series(basis), c)
        inside, *conditions = risk.terms
        ends = [t.residual(f, jnp.asarray(t.distribution.point)) for t in conditions]
        values = jax.vmap(lambda x: inside.residual(f, x))(x)
        return jnp.concatenate([w * values, jnp.stack(ends)]), w * jax.vmap(f)(x)

    j, table = map(np.asarray, jax.jacfwd(rows)(jnp.zeros(basis.size)))
    return np.sqrt(scipy.linalg.eigh(j.T @ j, table.T @ table, eigvals_only=True)[0])


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_conditioning_is_that_of_dense_matrices(name):
    f = fe.solve(PROBLEMS[name].quadrature(400), elements(), throw=False).value
    estimate = fe.error_estimate(PROBLEMS[name], f)
    expected = least_change(PROBLEMS[name], f.basis)
    # conditions that f'' outweighs by a thousand weigh more in the estimate
    rel = {"initial": 0.01, "boundary": 0.2}[name]
    assert float(estimate.conditioning) == pytest.approx(expected, rel=rel)


def test_splines_of_many_knots():
    f = fe.Series(fe.BSpline(200, (0.0, 4.0)))
    sol = fe.solve(INITIAL.quadrature(600), f, throw=False)
    estimate = fe.error_estimate(INITIAL, sol.value)
    # what no finer spline takes from r counts, and falls by one order less than the error
    assert 0.5 < float(estimate.relative) / relative_error(sol.value) < 5


def test_more_unknowns_than_a_dense_decomposition_affords():
    breaks = np.linspace(0.0, 4.0, 301)
    sol = fe.solve(INITIAL.quadrature(2_000), elements(6, breaks))
    estimate = fe.error_estimate(INITIAL, sol.value)
    assert sol.solved and not estimate.is_bound
    assert float(estimate.relative) < 1e-10


def test_a_missing_condition_is_seen():
    alone = fe.Risk(string, fe.Uniform(0.0, 4.0)) + fe.Risk(starts, fe.Dirac(0.0))
    f = fe.solve(BOUNDARY.quadrature(400), elements()).value
    estimate = fe.error_estimate(alone, f)
    assert not bool(estimate.determined)
    x = np.linspace(0.1, 4.0, 50)
    free = np.asarray(jax.vmap(estimate.shifted)(x)) - np.asarray(jax.vmap(f)(x))
    np.testing.assert_allclose(free / free[-1], np.sinh(x) / np.sinh(4.0), atol=1e-6)


def test_a_residual_that_asks_elsewhere():
    """f'(x) = -f(x - 1), f = 1 before 0, whose solution the method of steps gives."""

    def delayed(f, x):
        past = jnp.where(x > 1, f(jnp.maximum(x - 1, 0.0)), 1.0)
        return jax.grad(f)(x) + past

    risk = fe.Risk(delayed, fe.Uniform(0.0, 4.0)) + fe.Risk(starts, fe.Dirac(0.0))
    sol = fe.solve(risk.quadrature(600), elements(3, np.linspace(0.0, 4.0, 90)), throw=False)
    x = np.linspace(0.0, 4.0, 4001)
    steps = [(-1) ** k * np.maximum(x - k + 1, 0) ** k / math.factorial(k) for k in range(1, 5)]
    exact = 1 + sum(steps)
    error = np.sqrt(np.mean((jax.vmap(sol.value)(x) - exact) ** 2) / np.mean(exact**2))
    estimate = fe.error_estimate(risk, sol.value)
    assert 1e-9 < error < 1e-5
    assert 1 / 5 < float(estimate.relative) / error < 10


def test_in_float32():
    f = elements(dtype=jnp.float32)
    sol = fe.solve(INITIAL.quadrature(400), f, throw=False)
    estimate = fe.error_estimate(INITIAL, sol.value)
    assert 1 / 5 < float(estimate.relative) / relative_error(sol.value) < 5


def test_adaptive_elements_of_unlike_lengths():
    def oscillator(f, x):
        df = jax.grad(f)
        return jax.grad(df)(x) - (1 - f(x) ** 2) * df(x) + f(x)

    risk = (
        fe.Risk(oscillator, fe.Uniform(0.0, 10.0))
        + fe.Risk(lambda f, x: f(x) - 2.0, fe.Dirac(0.0))
        + fe.Risk(lambda f, x: jax.grad(f)(x), fe.Dirac(0.0), name="slope")
    )
    basis = fe.SpectralElements(24, np.linspace(0.0, 10.0, 11), 1, adaptive=True)
    sol = fe.solve(risk.quadrature(24), fe.Series(basis))
    estimate = fe.error_estimate(risk, sol.value)
    assert sol.solved
    assert bool(estimate.determined) and float(estimate.relative) < 1e-12


def turned(t):
    return 0.998**t * jnp.stack([jnp.cos(0.3 * t), jnp.sin(0.3 * t)])


@pytest.mark.parametrize("step", [1.0, 9.0])
def test_a_difference_equation_has_sparse_rows(step):
    """f(t + s) = A f(t) asks for f at t + s, in the window at t or in the next one, which a richer
    space of so many unknowns could not afford with dense rows."""
    cos, sin = turned(step)
    a = jnp.array([[cos, -sin], [sin, cos]])
    difference = fe.Risk(lambda f, t: f(t + step) - a @ f(t), fe.Empirical(np.arange(801 - step)))
    start = fe.Risk(lambda f, t: f(t) - turned(t), fe.Empirical(np.arange(step)))
    f = fe.Series(fe.SpectralElements(7, np.linspace(0.0, 800.0, 65)), 2)
    sol = fe.solve(difference + start, f, throw=False)
    t = jnp.arange(801.0)
    exact = jax.vmap(turned)(t)
    off = np.linalg.norm(jax.vmap(sol.value)(t) - exact) / np.linalg.norm(exact)
    assert not bool(sol.stats["error_is_bound"])
    assert 0.5 * off < float(sol.stats["error"]) < 2 * off < 2e-3
