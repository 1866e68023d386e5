"""Cake eating in continuous time."""

import math
from dataclasses import dataclass

import jax

import fesolve as fe

from ._hamilton_jacobi_bellman import check_curvature, follow, log_curves, utility, Value
from ._parameters import check_positive, model
from ._problem import Problem, Reference


@dataclass(frozen=True, kw_only=True)
class CakeEatingHJB:
    """Preferences, interest, and the cakes that are looked at.

    - `gamma`: the relative risk aversion, not 1.
    - `rho`: the rate of time preference.
    - `r`: the rate of interest.
    - `a_low`: the equation holds on [a_low, a_high].
    - `a_high`: see `a_low`.
    - `anchor`: whether V(a_high) is given. Without it the equation has many solutions.
    """

    gamma: float = 2.0
    rho: float = 0.05
    r: float = 0.03
    a_low: float = 0.5
    a_high: float = 5.0
    anchor: bool = True

    def __post_init__(self) -> None:
        check_positive(gamma=self.gamma, rho=self.rho, a_low=self.a_low)
        check_curvature(self.gamma)
        if not self.a_high > self.a_low:
            raise ValueError(f"`a_high` must lie above `a_low` = {self.a_low}; got {self.a_high}")
        if not self.share > 0.0:
            raise ValueError(
                f"`rho` must exceed (1 - gamma) r = {(1.0 - self.gamma) * self.r:g}; got "
                f"{self.rho}: the value of eating later is infinite, and nothing is eaten"
            )

    @property
    def share(self) -> float:
        """What is eaten of the cake: (rho - (1 - gamma) r) / gamma."""
        return (self.rho - (1.0 - self.gamma) * self.r) / self.gamma


@model(CakeEatingHJB)
def cake_eating_hjb(m: CakeEatingHJB) -> Problem:
    """rho V(a) = max_c u(c) + V'(a) (r a - c): a cake that earns interest, in continuous time.

    c(a) = m a with m = (rho - (1 - gamma) r) / gamma, and V(a) = m^(-gamma) a^(1 - gamma) /
    (1 - gamma). Every value at a_high begins another smooth solution: some eat too much, and would
    go on eating at a = 0, the others save for ever. Which one is meant is said by V(a_high), which
    holds by construction. Without it residuals are as small, and consumption is wrong by as much as
    the start was.
    """

    def hjb(f, a, rho, r):
        c = f.consumption(a)
        flow = utility(c, m.gamma) + jax.grad(f.value)(a) * (r * a - c)
        return 1.0 - flow / (rho * f.value(a))

    ends = (math.log(m.a_low), math.log(m.a_high))
    # the consumption that is worth V(a) for ever is a known share of a
    at_top = math.log((m.rho * m.share**-m.gamma) ** (1.0 / (1.0 - m.gamma)) * m.a_high)

    # g is small at first, so that V' > 0 there
    def anchored(g, t):
        return at_top + (t - ends[1]) * (0.6 + 0.1 * g(t))

    def free(g, t):
        return math.log(m.r if m.r > 0.0 else m.rho) + t + g(t)

    def left(consumption):
        start = m.a_high if m.share > m.r else m.a_low
        rates = {"gamma": m.gamma, "rho": m.rho, "horizon": 20.0 / m.rho}
        limits = (m.a_low, m.a_high)
        return follow(consumption, lambda a: m.r * a, start, limits, **rates).log_weight

    middle = math.sqrt(m.a_low * m.a_high)
    along = "the closed form"
    return Problem(
        risk=fe.Risk(hjb, fe.Uniform(m.a_low, m.a_high), args=(m.rho, m.r)),
        hypotheses=log_curves(
            ends,
            lambda log_w: Value(log_w, m.gamma, m.rho),
            anchored if m.anchor else free,
            degree=16,
            anchored=m.anchor,
        ),
        exact={
            "consumption": lambda a: m.share * a,
            "value": lambda a: m.share**-m.gamma * utility(a, m.gamma),
        },
        references={
            "share_eaten": Reference(
                lambda f: f.consumption(middle) / middle, m.share, along, 1e-5
            ),
            "log_transversality": Reference(
                lambda f: left(f.consumption), left(lambda a: m.share * a), along
            ),
        },
        functions=lambda f: {"consumption": f.consumption},
        coordinates=("a",),
        source="the income fluctuation problem in continuous time, without income",
    )
