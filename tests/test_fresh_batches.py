"""Least squares on fresh batches."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def exponential(f, x):
    return jax.grad(f)(x) + f(x)


def begins(f, x):
    return f(x) - 1.0


RISK = fe.Risk(exponential, fe.Uniform(0.0, 2.0)) + fe.Risk(begins, fe.Dirac(0.0))
GRID = np.linspace(0.0, 2.0, 201)


def network(seed=0, width=16):
    return fe.MLP("scalar", "scalar", width=width, depth=2, support=(0.0, 2.0), key=jr.key(seed))


def error(f):
    return float(np.max(np.abs(np.asarray(jax.vmap(f)(GRID)) - np.exp(-GRID))))


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_more_weights_than_rows_of_a_batch(seed):
    solver = fe.LevenbergMarquardt(batch=24, accuracy=1e-5)
    solution = fe.solve(RISK, network(seed), solver, key=jr.key(seed))
    assert bool(solution.solved) and error(solution.value) <= 1e-5
    assert int(solution.stats["rows"]) == 25 < int(solution.stats["unknowns"])
    assert int(solution.stats["steps"]) == len(solution.history)


def test_steps_are_those_of_the_formula():
    """On data, of which a batch sees all, and for an f that is linear in theta."""
    x, y = GRID[:12], np.exp(-GRID[:12])
    risk = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(x, y), tolerance=jnp.inf)
    series = fe.Series(fe.Chebyshev(20, (0.0, 2.0)))
    J = np.polynomial.chebyshev.chebvander(x - 1.0, 20) / np.sqrt(12)
    b = y / np.sqrt(12)
    theta, last = np.zeros(21), np.zeros(21)
    damping = 1e-2 * np.max(np.sum(J**2, axis=1))
    for steps in (1, 2):
        r = J @ theta - b
        inverse = np.linalg.inv(J @ J.T + damping * np.eye(12))
        last = 0.5 * last - J.T @ inverse @ (r + J @ (0.5 * last))
        theta, damping = theta + last, damping / 3
        solver = fe.LevenbergMarquardt(batch=12, damping=1e-2, max_steps=steps)
        found = fe.solve(risk, series, solver, key=jr.key(0)).value
        np.testing.assert_allclose(found.coefficients, theta, atol=1e-9)


def test_a_key_decides_the_batches():
    call = lambda key: fe.solve(
        RISK, network(), fe.LevenbergMarquardt(batch=8, max_steps=3), key=key, throw=False
    )
    first, again, other = call(jr.key(0)), call(jr.key(0)), call(jr.key(1))
    np.testing.assert_array_equal(first.history, again.history)
    assert not np.array_equal(first.history, other.history)


def test_the_iterate_that_is_best_on_other_points_is_kept():
    seen = {}

    def monitor(step, metrics, f):
        seen[step] = f

    solver = fe.LevenbergMarquardt(batch=6, max_steps=60, accuracy=1e-9)
    found = fe.solve(RISK, network(), solver, key=jr.key(2), monitors=(monitor,), throw=False)
    fresh = RISK.empirical(4_000, key=jr.key(9))
    looked = [float(fresh(seen[step])) for step in range(10, 61, 10)]
    assert float(fresh(found.value)) <= 3.0 * min(looked)
    assert max(looked) > 10.0 * min(looked)


def test_states_that_f_leads_to():
    """The points of a step are those of p*(x; f) at the f of that step."""

    def step(f, x, e):
        return 0.5 * x + f(x) + e

    def residual(f, x):
        return f(x) - 0.1 * jnp.sin(x)

    path = fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, 0.1), periods=40, burn_in=20)
    net = fe.MLP("scalar", "scalar", width=8, depth=1, support=(-1.0, 1.0), key=jr.key(0))
    solver = fe.LevenbergMarquardt(batch=32, max_steps=80)
    found = fe.solve(fe.Risk(residual, path), net, solver, key=jr.key(1), throw=False).value
    x = np.linspace(-0.4, 0.4, 41)
    np.testing.assert_allclose(jax.vmap(found)(x), 0.1 * np.sin(x), atol=1e-4)


def test_inside_a_transformation_it_is_refused():
    solver = fe.LevenbergMarquardt(batch=8)
    call = lambda a: fe.solve(a * RISK, network(), solver, key=jr.key(0)).value(1.0)
    with pytest.raises(ValueError, match="leave `batch` out there"):
        jax.jit(call)(1.0)


def test_it_goes_on_from_a_checkpoint(tmp_path):
    path = tmp_path / "run.ckpt"
    solver = fe.LevenbergMarquardt(batch=8, max_steps=12)
    whole = fe.solve(RISK, network(), solver, key=jr.key(0), throw=False)

    class Killed(Exception):
        pass

    def kill(step, metrics, f):
        if step == 7:
            raise Killed

    given = {"key": jr.key(0), "checkpoint": fe.Checkpoint(path, every=3), "throw": False}
    with pytest.raises(Killed):
        fe.solve(RISK, network(), solver, monitors=(kill,), **given)
    again = fe.solve(RISK, network(), solver, **given)
    np.testing.assert_array_equal(again.history, whole.history)


def test_a_batch_that_is_not_finite():
    risk = fe.Risk(lambda f, x: jnp.log(f(x)), fe.Uniform(0.0, 1.0))
    f = fe.Series(fe.Chebyshev(3, (0.0, 1.0)), start=-1.0)
    solution = fe.solve(risk, f, fe.LevenbergMarquardt(batch=8), key=jr.key(0), throw=False)
    assert bool(solution.result == fe.RESULTS.non_finite)
