"""Merton's portfolio problem."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

import fesolve as fe

from ._hamilton_jacobi_bellman import check_curvature, log_curves, utility, Value
from ._parameters import check_positive, model
from ._problem import Problem, Reference


@dataclass(frozen=True, kw_only=True)
class Merton:
    """Preferences, the two assets, and the wealth that is looked at.

    - `gamma`: the relative risk aversion, not 1.
    - `rho`: the rate of time preference.
    - `r`: the return of the safe asset.
    - `mu`: the expected return of the risky one.
    - `sigma`: its volatility.
    - `w_low`: the equation holds on [w_low, w_high].
    - `w_high`: see `w_low`.
    """

    gamma: float = 3.0
    rho: float = 0.05
    r: float = 0.02
    mu: float = 0.07
    sigma: float = 0.2
    w_low: float = 0.5
    w_high: float = 5.0

    def __post_init__(self) -> None:
        check_positive(gamma=self.gamma, rho=self.rho, sigma=self.sigma, w_low=self.w_low)
        check_curvature(self.gamma)
        if not self.w_high > self.w_low:
            raise ValueError(f"`w_high` must lie above `w_low` = {self.w_low}; got {self.w_high}")
        if not self.share > 0.0:
            least = self.rho - self.gamma * self.share
            raise ValueError(
                f"`rho` must exceed {least:g} at these returns; got {self.rho}: the value of "
                "waiting is infinite, and nothing is consumed"
            )

    @property
    def portfolio(self) -> float:
        """The share of wealth in the risky asset: (mu - r) / (gamma sigma^2)."""
        return (self.mu - self.r) / (self.gamma * self.sigma**2)

    @property
    def share(self) -> float:
        """What is consumed of wealth, a year."""
        certain = self.r + self.portfolio * (self.mu - self.r) / 2.0
        return (self.rho - (1.0 - self.gamma) * certain) / self.gamma


@model(Merton)
def merton(m: Merton) -> Problem:
    """rho V = max u(c) + V' ((r + pi (mu - r)) w - c) + V'' pi^2 sigma^2 w^2 / 2: Merton's problem.

    The unknown is the value alone; consumption and portfolio maximise the right side, u'(c) = V'
    and pi = -V' (mu - r) / (V'' w sigma^2). In the solution pi and c / w are constant. The equation
    is of second order, so V is given at both ends, where it holds by construction.
    """

    def hjb(f, w, rho, r, mu):
        c, pi = f.consumption(w), f.portfolio(w)
        slope = jax.grad(f.value)
        drift = (r + pi * (mu - r)) * w - c
        diffusion = jax.grad(slope)(w) * (pi * m.sigma * w) ** 2 / 2.0
        return 1.0 - (utility(c, m.gamma) + slope(w) * drift + diffusion) / (rho * f.value(w))

    ends = (math.log(m.w_low), math.log(m.w_high))
    level = math.log((m.rho * m.share**-m.gamma) ** (1.0 / (1.0 - m.gamma)))

    # log w is linear in the solution, and 0.1 the bend of a first guess that is not
    def anchored(g, t):
        return level + t + (t - ends[0]) * (t - ends[1]) * 0.1 * (1.0 + g(t))

    along, middle = "the closed form", math.sqrt(m.w_low * m.w_high)
    return Problem(
        risk=fe.Risk(hjb, fe.Uniform(m.w_low, m.w_high), args=(m.rho, m.r, m.mu)),
        hypotheses=log_curves(
            ends,
            lambda log_w: Investor(log_w, m.gamma, m.rho, (m.mu - m.r) / m.sigma**2),
            anchored,
            degree=16,
            anchored=True,
        ),
        exact={
            "value": lambda w: m.share**-m.gamma * utility(w, m.gamma),
            "consumption": lambda w: m.share * w,
            "portfolio": lambda w: jnp.full_like(w, m.portfolio),
        },
        references={
            "share_consumed": Reference(
                lambda f: f.consumption(middle) / middle, m.share, along, 1e-5
            ),
            "share_at_risk": Reference(lambda f: f.portfolio(middle), m.portfolio, along, 1e-5),
        },
        functions=lambda f: {"consumption": f.consumption, "share at risk": f.portfolio},
        coordinates=("w",),
        source="Merton (1969), Lifetime portfolio selection under uncertainty",
    )


class Investor(Value):
    """A value with its portfolio as well; `premium` is (mu - r) / sigma^2."""

    premium: float

    def portfolio(self, w):
        slope, bend = jax.value_and_grad(jax.grad(self.value))(w)
        return -slope * self.premium / (bend * w)
