"""Solvers one after the other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


def logistic(f, x, rate):
    return jax.grad(f)(x) - rate * f(x) * (1 - f(x))


def rises(f, x):
    return f(x) - 0.1


def equation(rate=1.0, n=40):
    risk = fe.Risk(logistic, fe.Uniform(0.0, 5.0), args=(rate,)) + fe.Risk(rises, fe.Dirac(0.0))
    return risk.quadrature(n)


SERIES = fe.Series(fe.Chebyshev(24, (0.0, 5.0)))
DESCENT = fe.Optax(optax.adam(1e-2), num_steps=60)


def exact(x):
    return 1 / (1 + 9 * np.exp(-x))


def test_descent_then_least_squares():
    steps = []
    chain = fe.Sequential(DESCENT, fe.LevenbergMarquardt())
    monitor = lambda step, metrics, f: steps.append(step)
    solution = fe.solve(equation(), SERIES, chain, monitors=(monitor,))
    assert bool(solution.result == fe.RESULTS.solved)
    x = np.linspace(0.0, 5.0, 50)
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact(x), atol=1e-7)
    # steps and history run through both
    assert int(solution.stats["steps"]) == len(solution.history) == 60 + len(steps) - 2
    assert steps == sorted(steps) and steps[0] == 50 and steps[-1] == len(solution.history)
    assert "rms" in solution.stats


def test_the_verdict_is_that_of_the_last():
    chain = fe.Sequential(fe.LinearLeastSquares(), fe.LevenbergMarquardt())
    assert bool(fe.solve(equation(), SERIES, chain).result == fe.RESULTS.solved)
    with pytest.raises(fe.SolveError, match="not affine"):
        fe.solve(equation(), SERIES, fe.Sequential(DESCENT, fe.LinearLeastSquares()))


def test_each_stage_has_a_key_of_its_own():
    risk = fe.Risk(lambda c, x: c - x, fe.Uniform(0.0, 1.0))
    part = fe.Optax(optax.sgd(0.1), num_steps=5, batch_size=4)
    solution = fe.solve(risk, jnp.asarray(0.0), fe.Sequential(part, part), key=jr.key(0))
    first, second = np.split(np.asarray(solution.history), 2)
    assert not np.allclose(first, second)
    with pytest.raises(ValueError, match="`key` is missing"):
        fe.solve(risk, jnp.asarray(0.0), fe.Sequential(part, part))


def test_the_degree_that_the_first_one_chose_is_kept():
    f = fe.Series(fe.Chebyshev(None, (0.0, 5.0)))
    chain = fe.Sequential(fe.LevenbergMarquardt(), fe.LevenbergMarquardt())
    solution = fe.solve(equation(n=150), f, chain)
    assert bool(solution.result == fe.RESULTS.solved)
    np.testing.assert_allclose(float(solution.value(5.0)), exact(5.0), atol=1e-12)


def test_a_free_degree_stays_free_for_the_next_one():
    """f' = -40 f, of which one step sees a degree that is too low."""
    decay = lambda f, x: jax.grad(f)(x) + 40 * f(x)
    risk = fe.Risk(decay, fe.Uniform(0.0, 1.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    f, first = fe.Series(fe.Chebyshev(None, (0.0, 1.0))), fe.LevenbergMarquardt(max_steps=1)
    alone = fe.solve(risk.quadrature(8), f, first, throw=False)
    chain = fe.Sequential(first, fe.LevenbergMarquardt())
    solution = fe.solve(risk.quadrature(8), f, chain)
    assert solution.value.basis.degree == int(solution.stats["degree"]) > alone.value.basis.degree
    x = np.linspace(0.0, 1.0, 50)
    np.testing.assert_allclose(jax.vmap(solution.value)(x), np.exp(-40 * x), rtol=0, atol=1e-12)


def test_mapped_and_differentiated():
    chain = fe.Sequential(fe.LinearLeastSquares(), fe.LinearLeastSquares())
    f = fe.Series(fe.Chebyshev(4, (0.0, 5.0)))

    def end(a):
        risk = fe.Risk(lambda f, x, a: f(x) - a * x, fe.Uniform(0.0, 5.0), args=(a,))
        return fe.solve(risk.quadrature(8), f, chain).value(5.0)

    np.testing.assert_allclose(jax.vmap(end)(jnp.asarray([0.8, 1.0])), [4.0, 5.0], atol=1e-12)
    np.testing.assert_allclose(jax.jvp(end, (1.0,), (1.0,))[1], 5.0, rtol=1e-12)


def test_interrupted_in_the_second_stage():
    def stop(step, metrics, f):
        if step > 60:
            raise KeyboardInterrupt

    with pytest.raises(fe.Interrupted) as error:
        fe.solve(
            equation(), SERIES, fe.Sequential(DESCENT, fe.LevenbergMarquardt()), monitors=(stop,)
        )
    assert np.isfinite(float(error.value.solution.risk))


def test_it_is_a_pytree():
    chain = fe.Sequential(fe.LinearLeastSquares(), fe.LevenbergMarquardt(max_steps=7))
    assert eqx.tree_equal(chain, jax.tree.map(lambda leaf: leaf, chain))


@pytest.mark.parametrize(
    "solvers, words",
    (((), "`solvers` is empty"), (([fe.LevenbergMarquardt()],), "and not a list")),
)
def test_bad_input(solvers, words):
    with pytest.raises(Exception, match=words):
        fe.Sequential(*solvers)
