"""The stationary density of a diffusion."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import jax
import jax.numpy as jnp

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class OrnsteinUhlenbeck:
    """A process that returns to its mean.

    - `eta`: the speed of its return.
    - `xbar`: its mean.
    - `s`: its volatility.
    - `reach`: the density is looked for within so many standard deviations of the mean.
    """

    eta: float = 0.5
    xbar: float = 0.2
    s: float = 0.3
    reach: float = 7.0

    def __post_init__(self) -> None:
        check_positive(eta=self.eta, s=self.s, reach=self.reach)


@model(OrnsteinUhlenbeck)
def ornstein_uhlenbeck(m: OrnsteinUhlenbeck) -> Problem:
    """-(eta (xbar - x) g)' + (s^2 g)'' / 2 = 0, with mass 1: the density of dx in the long run.

    dx = eta (xbar - x) dt + s dW. The Kolmogorov forward equation has a second solution, along
    which probability flows from one end to the other; that nothing leaves through the ends of the
    interval rules it out. In the solution g is the density of N(xbar, s^2 / (2 eta)).
    """
    eta, xbar, s, reach = astuple(m)
    deviation = s / math.sqrt(2.0 * eta)
    lower, upper = xbar - reach * deviation, xbar + reach * deviation

    def forward(g, x, eta, xbar, s):
        moved = fe.adjoint_generator(g, lambda x: eta * (xbar - x), lambda x: s)
        return moved(x) * deviation / eta

    def closed(g, x, eta, xbar, s):
        """The flow of probability through an end."""
        flow = eta * (xbar - x) * g(x) - 0.5 * s**2 * fe.derivative(g)(x)
        return flow / eta

    def mass(g):
        return fe.expectation(g, interval.quadrature(128)) * (upper - lower) - 1.0

    def chebyshev(degree: int = 56) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (lower, upper)))
        return Choice(lambda key: series, points=degree + 8)

    def exponential(degree: int = 4) -> Choice:
        log_density = fe.Series(fe.Chebyshev(degree, (lower, upper)))
        start = fe.Ansatz(around, log_density)
        return Choice(lambda key: start, points=4 * degree + 16)

    def mlp(width: int = 8, depth: int = 1) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": (lower, upper)}
            return fe.Ansatz(around, fe.MLP("scalar", "scalar", **sizes, key=key))

        return Choice(draw, points=64, solver=fe.LevenbergMarquardt(max_steps=200))

    def around(net, x):
        """Positive, from a bell that is too wide and beside the mean."""
        z = (x - xbar) / deviation
        return jnp.exp(net(x) - 0.5 * ((z - 0.5) / 1.5) ** 2) / deviation

    interval, numbers = fe.Uniform(lower, upper), (eta, xbar, s)
    risk = (
        fe.Risk(forward, interval, args=numbers)
        + fe.Risk(closed, fe.Dirac(lower), args=numbers)
        + fe.Risk(closed, fe.Dirac(upper), args=numbers)
        + fe.Risk(mass)
    )
    process = fe.Diffusion(
        lambda g, x: eta * (xbar - x),
        lambda g, x: jnp.full_like(x, s),
        fe.Dirac(xbar),
        horizon=50.0 / eta,
        steps=5_000,
        burn_in=5.0 / eta,
    )

    def simulated(g, key):
        return {"in_the_long_run": risk.on(process).given(g).empirical(1_000, key=key)}

    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev, "exponential": exponential, "mlp": mlp},
        exact=lambda x: jax.scipy.stats.norm.pdf(x, xbar, deviation),
        references={
            "variance": Reference(
                lambda g: (
                    (upper - lower)
                    * fe.expectation(lambda x: g(x) * (x - xbar) ** 2, interval.quadrature(128))
                ),
                deviation**2,
                "the closed form",
                1e-6,
            )
        },
        shifted=simulated,
        functions=lambda g: {"density": g},
        source="Uhlenbeck and Ornstein (1930)",
    )
