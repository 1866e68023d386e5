"""The half-line [0, infinity) as an interval: functions of time that settle down."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe


class Settling(eqx.Module):
    """f(t) = g(x), x = (t - pace) / (t + pace): the half-line t >= 0 carried to [-1, 1).

    Where g is smooth on [-1, 1], f(t) has a limit at infinity: half of the interval is for t
    below `pace`. A bubble, which grows without end, is no such function.

    **Source:** Boyd (1987), "Orthogonal rational functions on a semi-infinite interval".
    """

    g: Any
    pace: float = eqx.field(static=True)

    def __call__(self, t):
        return self.g((t - self.pace) / (t + self.pace))


def settling_points(n: int, pace: float) -> fe.Empirical:
    """n Gauss-Legendre nodes of [-1, 1] as points t of the half-line."""
    x, weights = np.polynomial.legendre.leggauss(n)
    return fe.Empirical(jnp.asarray(pace * (1 + x) / (1 - x)), jnp.asarray(weights / 2))
