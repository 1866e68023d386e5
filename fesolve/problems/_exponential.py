"""Exponential growth and decay."""

import jax
import jax.numpy as jnp

import fesolve as fe

from ._curves import curves
from ._problem import Problem


def exponential(*, a: float = -1.0, horizon: float = 2.0) -> Problem:
    """f'(x) = a f(x), f(0) = 1: the linear equation of growth and decay.

    The solution is exp(a x).

    **Arguments:**

    - `a`: the rate of growth.
    - `horizon`: the equation holds on [0, horizon].
    """

    def ode(f, x, a):
        return jax.grad(f)(x) - a * f(x)

    def initial(f, x):
        return f(x) - 1.0

    def hard(net, x):
        return 1.0 + x * net(x)

    return Problem(
        risk=fe.Risk(ode, fe.Uniform(0.0, horizon), args=(a,))
        + 10.0 * fe.Risk(initial, fe.Dirac(0.0)),
        hypotheses=curves(0.0, horizon, degree=16, hard=hard),
        exact=lambda x: jnp.exp(a * x),
        source="textbook; f(x) = exp(a x)",
    )
