"""Exponential growth and decay."""

from dataclasses import astuple, dataclass

import jax
import jax.numpy as jnp

import fesolve as fe

from ._curves import curves
from ._parameters import check_positive, model
from ._problem import Problem


@dataclass(frozen=True, kw_only=True)
class Exponential:
    """A rate and an interval.

    - `a`: the rate of growth.
    - `horizon`: the equation holds on [0, horizon].
    """

    a: float = -1.0
    horizon: float = 2.0

    def __post_init__(self) -> None:
        check_positive(horizon=self.horizon)


@model(Exponential)
def exponential(m: Exponential) -> Problem:
    """f'(x) = a f(x), f(0) = 1: the linear equation of growth and decay.

    The solution is exp(a x).
    """
    a, horizon = astuple(m)

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
