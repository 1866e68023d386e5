"""The error estimate of functions that are pieced together, by sparse rows and by dense ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe
import fesolve._judge._local as local


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


def dense(monkeypatch):
    monkeypatch.setattr(local, "MANY", 10**9)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("breaks", (BREAKS, GRADED), ids=("two lengths", "graded"))
def test_the_estimate_is_the_error(name, breaks):
    sol = fe.solve(PROBLEMS[name].quadrature(400), elements(breaks=breaks), throw=False)
    error = relative_error(sol.value)
    estimate = fe.error_estimate(PROBLEMS[name], sol.value)
    assert sol.value.coefficients.size > local.MANY
    assert 1e-9 < error < 1e-3
    assert 0.5 < float(estimate.relative) / error < 2
    assert sol.solved and not estimate.is_bound
    assert relative_error(estimate.corrected) < 0.1 * error


@pytest.mark.parametrize("name", PROBLEMS)
def test_sparse_rows_say_what_dense_ones_say(name, monkeypatch):
    f = fe.solve(PROBLEMS[name].quadrature(400), elements(), throw=False).value
    few = fe.error_estimate(PROBLEMS[name], f)
    dense(monkeypatch)
    all_of_them = fe.error_estimate(PROBLEMS[name], f)
    for field in ("relative", "conditioning", "bound", "rms", "unit", "left_over"):
        np.testing.assert_allclose(getattr(few, field), getattr(all_of_them, field), rtol=2e-3)
    assert float(few.at(1.3)) == pytest.approx(float(all_of_them.at(1.3)), rel=1e-4)
    assert bool(few.determined) and bool(all_of_them.determined)


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


def test_a_residual_that_asks_elsewhere_has_dense_rows(monkeypatch):
    def delayed(f, x):
        past = jnp.where(x > 1, f(jnp.maximum(x - 1, 0.0)), 1.0)
        return jax.grad(f)(x) + past

    risk = fe.Risk(delayed, fe.Uniform(0.0, 4.0)) + fe.Risk(starts, fe.Dirac(0.0))
    breaks = np.linspace(0.0, 4.0, 41)
    f = fe.solve(risk.quadrature(400), elements(5, breaks), throw=False).value
    found = fe.error_estimate(risk, f)
    dense(monkeypatch)
    expected = fe.error_estimate(risk, f)
    assert float(found.relative) == pytest.approx(float(expected.relative), rel=1e-6)


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
