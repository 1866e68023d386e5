"""The harmonic oscillator."""

import math

import jax.numpy as jnp

import fesolve as fe

from ._curves import curves
from ._problem import Problem


def oscillator(*, omega: float = 1.0, horizon: float = 2 * math.pi) -> Problem:
    """f'' = -omega^2 f, f(0) = 0, f'(0) = omega: the harmonic oscillator.

    The solution is sin(omega x).

    **Arguments:**

    - `omega`: the angular frequency.
    - `horizon`: the equation holds on [0, horizon].
    """

    def ode(f, x, omega):
        return fe.derivative(f, 2)(x) + omega**2 * f(x)

    def initial(f, x, omega):
        return {"position": f(x), "speed": fe.derivative(f)(x) - omega}

    def hard(net, x):
        return x * omega + x**2 * net(x)

    return Problem(
        risk=fe.Risk(ode, fe.Uniform(0.0, horizon), args=(omega,))
        + 10.0 * fe.Risk(initial, fe.Dirac(0.0), args=(omega,)),
        hypotheses=curves(0.0, horizon, degree=24, hard=hard),
        exact=lambda x: jnp.sin(omega * x),
        source="textbook; f(x) = sin(omega x)",
    )
