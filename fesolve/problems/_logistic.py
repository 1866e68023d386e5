"""Logistic growth."""

from dataclasses import astuple, dataclass

import jax
import jax.numpy as jnp

import fesolve as fe

from ._curves import curves
from ._parameters import check_positive, model
from ._problem import Problem


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """A rate, a beginning and an interval.

    - `r`: the rate of growth at f = 0.
    - `f0`: the initial value, between 0 and 1.
    - `horizon`: the equation holds on [0, horizon].
    """

    r: float = 1.0
    f0: float = 0.1
    horizon: float = 5.0

    def __post_init__(self) -> None:
        check_positive(horizon=self.horizon)


@model(Logistic)
def logistic(m: Logistic) -> Problem:
    """f' = r f (1 - f), f(0) = f0: logistic growth, with false minima at its resting points.

    The solution is 1 / (1 + (1 / f0 - 1) exp(-r x)). The functions that leave f0 at once and rest
    at 0 or 1 have a small risk and are wrong almost everywhere.
    """
    r, f0, horizon = astuple(m)

    def ode(f, x, r):
        return jax.grad(f)(x) - r * f(x) * (1.0 - f(x))

    def initial(f, x, f0):
        return f(x) - f0

    def hard(net, x):
        return f0 + x * net(x)

    return Problem(
        risk=fe.Risk(ode, fe.Uniform(0.0, horizon), args=(r,))
        + 10.0 * fe.Risk(initial, fe.Dirac(0.0), args=(f0,)),
        hypotheses=curves(0.0, horizon, degree=64, hard=hard, spread=2.5),
        exact=lambda x: 1.0 / (1.0 + (1.0 / f0 - 1.0) * jnp.exp(-r * x)),
        source="Verhulst (1838); f(x) = 1 / (1 + (1 / f0 - 1) exp(-r x))",
    )
