"""The textbook problems of nonlinear least squares, as conditions on plain arrays, against SciPy.

**Source:** Moré, Garbow and Hillstrom (1981), "Testing unconstrained optimization software".
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import least_squares

import fesolve as fe


def rosenbrock(x):
    return jnp.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def powell_singular(x):
    return jnp.stack(
        [
            x[0] + 10 * x[1],
            jnp.sqrt(5.0) * (x[2] - x[3]),
            (x[1] - 2 * x[2]) ** 2,
            jnp.sqrt(10.0) * (x[0] - x[3]) ** 2,
        ]
    )


def helical_valley(x):
    turn = jnp.arctan2(x[1], x[0]) / (2 * jnp.pi)
    return jnp.stack([10 * (x[2] - 10 * turn), 10 * (jnp.hypot(x[0], x[1]) - 1), x[2]])


def beale(x):
    i = jnp.arange(1.0, 4.0)
    return jnp.asarray([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** i)


def wood(x):
    return jnp.stack(
        [
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            jnp.sqrt(90.0) * (x[3] - x[2] ** 2),
            1 - x[2],
            jnp.sqrt(10.0) * (x[1] + x[3] - 2),
            (x[1] - x[3]) / jnp.sqrt(10.0),
        ]
    )


def freudenstein_roth(x):
    return jnp.stack(
        [
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1],
            -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        ]
    )


def jennrich_sampson(x):
    i = jnp.arange(1.0, 11.0)
    return 2 + 2 * i - (jnp.exp(i * x[0]) + jnp.exp(i * x[1]))


def bard(x):
    u = jnp.arange(1.0, 16.0)
    v = 16 - u
    w = jnp.minimum(u, v)
    y = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39]
    return jnp.asarray(y) - (x[0] + u / (v * x[1] + w * x[2]))


# residuals, the standard start, the least sum of squares
ZERO = [
    (rosenbrock, [-1.2, 1.0]),
    (powell_singular, [3.0, -1.0, 0.0, 1.0]),
    (helical_valley, [-1.0, 0.0, 0.0]),
    (beale, [1.0, 1.0]),
]
NOT_ZERO = [
    (freudenstein_roth, [0.5, -2.0], 48.9842),
    (jennrich_sampson, [0.3, 0.4], 124.362),
    (bard, [1.0, 1.0, 1.0], 8.21487e-3),
]
name = lambda value: getattr(value, "__name__", "")


@pytest.mark.parametrize("residuals, start", ZERO, ids=name)
def test_zero_is_reached(residuals, start):
    solution = fe.solve(fe.Risk(residuals), jnp.asarray(start), throw=False)
    # the solution of Powell's problem is 0, of which no relative digit is right
    assert bool(solution.solved) == (residuals is not powell_singular)
    assert float(solution.risk) < 1e-16
    # the same on the device, where it runs under jit
    traced = jax.jit(lambda x: fe.solve(fe.Risk(residuals), x).risk)(jnp.asarray(start))
    assert float(traced) < 1e-16


def test_a_saddle_is_left_or_not_called_solved():
    """From its standard start, Wood's function leads past a saddle at 7.877."""
    solution = fe.solve(fe.Risk(wood), jnp.asarray([-3.0, -1.0, -3.0, -1.0]), throw=False)
    assert bool(solution.solved) == (float(solution.risk) < 1e-12)
    assert float(solution.risk) < 7.88


@pytest.mark.parametrize("residuals, start, least", NOT_ZERO, ids=name)
def test_the_least_squares_are_those_of_scipy(residuals, start, least):
    with pytest.raises(fe.SolveError, match="not at zero") as error:
        fe.solve(fe.Risk(residuals), jnp.asarray(start))
    found = error.value.solution
    reference = least_squares(
        lambda x: np.asarray(residuals(jnp.asarray(x))),
        start,
        lambda x: np.asarray(jax.jacobian(residuals)(jnp.asarray(x))),
        method="lm",
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    )
    np.testing.assert_allclose(found.risk, least, rtol=1e-5)
    np.testing.assert_allclose(found.risk, 2 * reference.cost, rtol=1e-10)
    np.testing.assert_allclose(found.value, reference.x, rtol=1e-4)


def test_with_regression_said_a_positive_minimum_is_solved():
    risk = fe.Risk(bard, tolerance=np.inf)
    assert bool(fe.solve(risk, jnp.ones(3)).result == fe.RESULTS.solved)
