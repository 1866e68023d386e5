"""Exponential growth and decay."""

import jax
import jax.numpy as jnp

import fesolve as fe

from ._problem import Choice, Problem


def exponential(*, a: float = -1.0, horizon: float = 2.0) -> Problem:
    """f'(x) = a f(x), f(0) = 1: the linear equation of growth and decay.

    **Arguments:**

    - `a`: the rate of growth.
    - `horizon`: the equation holds on [0, horizon].
    """

    def ode(f, x, a):
        return jax.grad(f)(x) - a * f(x)

    def initial(f, x):
        return f(x) - 1.0

    def chebyshev(degree: int = 16) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (0.0, horizon)))
        return Choice(lambda key: series, points=2 * degree + 4)

    def mlp(width: int = 32, depth: int = 2) -> Choice:
        def draw(key):
            sizes = {"width": width, "depth": depth, "support": (0.0, horizon)}
            return fe.MLP("scalar", "scalar", **sizes, key=key)

        return Choice(draw, points=100)

    return Problem(
        risk=fe.Risk(ode, fe.Uniform(0.0, horizon), args=(a,))
        + 10.0 * fe.Risk(initial, fe.Dirac(0.0)),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact=lambda x: jnp.exp(a * x),
        source="textbook; f(x) = exp(a x)",
    )
