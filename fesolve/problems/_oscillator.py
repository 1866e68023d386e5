"""The harmonic oscillator."""

import math
from dataclasses import astuple, dataclass

import jax.numpy as jnp

import fesolve as fe

from ._curves import curves
from ._parameters import check_positive, model
from ._problem import Problem


@dataclass(frozen=True, kw_only=True)
class Oscillator:
    """A frequency and an interval.

    - `omega`: the angular frequency.
    - `horizon`: the equation holds on [0, horizon].
    """

    omega: float = 1.0
    horizon: float = 2 * math.pi

    def __post_init__(self) -> None:
        check_positive(horizon=self.horizon)


@model(Oscillator)
def oscillator(m: Oscillator) -> Problem:
    """f'' = -omega^2 f, f(0) = 0, f'(0) = omega: the harmonic oscillator.

    The solution is sin(omega x).
    """
    omega, horizon = astuple(m)

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
