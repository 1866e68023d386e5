"""Solves on one fresh sample after another."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from compilations import compilations

import fesolve as fe


def solver(n=30, rounds=3):
    return fe.Resample(fe.LevenbergMarquardt(), n=n, rounds=rounds)


def draws(rate=0.5):
    """x' = rate x + c + e, whose stationary mean is c / (1 - rate)."""
    step = lambda c, x, e, rate: rate * x + c + e
    shock = fe.Normal(0.0, 0.1)
    return fe.Ergodic(step, fe.Dirac(0.0), shock, periods=3000, burn_in=100, args=(rate,))


def test_the_sample_is_that_of_the_last_f():
    """E_{x ~ p*(x; c)}[x] - 2 c = 1 - c has the solution 1 only where p* is that of c itself."""
    risk = fe.Risk(lambda c, x: (c - 1.0) + 0.2 * (x - 2.0), draws(), tolerance=np.inf)
    solution = fe.solve(risk, jnp.asarray(4.0), solver(2000, rounds=12), key=jr.key(0))
    # each round has c = 1 - 0.2 (mean - 2), and mean = 2 c: a contraction by 0.4, to c = 1
    assert abs(float(solution.value) - 1.0) < 0.02
    assert solution.stats["risks"].shape == (12,)
    assert float(solution.risk) == float(solution.stats["risks"][-1])
    once = fe.solve(risk, jnp.asarray(4.0), solver(2000, rounds=1), key=jr.key(0))
    assert abs(float(once.value) - (1 - 0.2 * (8.0 - 2.0))) < 0.02


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def equation(a):
    return fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))


SERIES = fe.Series(fe.Chebyshev(12, (0.0, 1.0)))


@pytest.mark.parametrize("seed", range(3))
def test_a_population_that_does_not_depend_on_f(seed):
    solution = fe.solve(equation(-1.0), SERIES, solver(), key=jr.key(seed))
    assert bool(solution.result == fe.RESULTS.solved)
    assert abs(float(solution.value(1.0)) - np.exp(-1.0)) < 1e-8
    assert int(solution.stats["steps"]) == len(solution.history)


def test_a_sample_is_drawn_anew_from_its_population_and_data_stay():
    population = fe.Uniform(0.0, 1.0)
    regression = fe.Risk(lambda c, x: c - x, population, tolerance=np.inf)
    fixed = regression.empirical(5, key=jr.key(9))
    found = fe.solve(fixed, jnp.asarray(0.0), solver(20_000, 1), key=jr.key(0))
    assert abs(float(found.value) - 0.5) < 0.01
    data = fe.Risk(lambda c, x: c - x, fe.Empirical(np.array([1.0, 2.0, 6.0])), tolerance=np.inf)
    found = fe.solve(data, jnp.asarray(0.0), solver(10, 2), key=jr.key(0))
    np.testing.assert_allclose(found.value, 3.0)


def test_later_rounds_compile_nothing():
    def solve(a, seed, rounds):
        return fe.solve(equation(a), SERIES, solver(25, rounds), key=jr.key(seed)).risk

    solve(-1.0, 0, 2)
    solve(-1.0, 0, 2)
    assert compilations(lambda: solve(-2.0, 1, 2)) == 0


def test_mapped():
    def end(a, key):
        linear = fe.Resample(fe.LinearLeastSquares(), n=30, rounds=2)
        return fe.solve(equation(a), SERIES, linear, key=key).value(1.0)

    rates = jnp.asarray([-1.0, -2.0])
    np.testing.assert_allclose(jax.vmap(end)(rates, jr.split(jr.key(3))), np.exp(rates), atol=1e-9)


def test_monitors_count_on():
    steps = []
    monitor = lambda step, metrics, f: steps.append(step)
    solution = fe.solve(equation(-1.0), SERIES, solver(), key=jr.key(0), monitors=(monitor,))
    assert steps == sorted(steps)
    assert steps[-1] == len(solution.history)


def test_with_a_solver_that_draws_as_well():
    descent = fe.Optax(optax.adam(1e-1), num_steps=60, batch_size=16)
    risk = fe.Risk(lambda c, x: c - x, fe.Uniform(0.0, 2.0))
    found = fe.solve(risk, jnp.asarray(0.0), fe.Resample(descent, n=200, rounds=2), key=jr.key(0))
    assert abs(float(found.value) - 1.0) < 0.2


@pytest.mark.parametrize(
    "call, words",
    (
        (lambda: fe.Resample(fe.LevenbergMarquardt(), n=0, rounds=1), "`n` must be a whole number"),
        (lambda: fe.Resample(fe.LevenbergMarquardt(), n=1, rounds=0), "`rounds` must be a whole"),
        (lambda: fe.solve(equation(-1.0), SERIES, solver()), "`key` is missing"),
        (
            lambda: fe.solve(
                fe.Risk(lambda f, x, e: f(x) - e, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0)),
                SERIES,
                solver(),
                key=jr.key(0),
            ),
            "not a sum of squares",
        ),
    ),
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
