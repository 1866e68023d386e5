"""Prices in discrete time, from a few dates, and without their bubbles."""

from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem, Reference
from ._settling import Settling


@dataclass(frozen=True, kw_only=True)
class SequentialAssetPricing:
    """Patience, dividends, and the dates.

    - `beta`: the discount factor.
    - `c`: dividends follow y' = c + (1 + g) y.
    - `g`: see `c`; growth (g > 0) is taken out of prices, p(t) = e^(phi t) q(t).
    - `y0`: the first dividend.
    - `last`: the equation is given at t = 0, ..., last.
    - `horizon`: prices are judged at t = 0, ..., horizon.
    - `every`: only each `every`-th date is given, and the last.
    """

    beta: float = 0.9
    c: float = 0.01
    g: float = -0.1
    y0: float = 0.08
    last: int = 29
    horizon: int = 49
    every: int = 1

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_positive(y0=self.y0, last=self.last, horizon=self.horizon, every=self.every)
        if not 0.0 < self.beta * (1.0 + self.g) < 1.0:
            raise ValueError(
                f"`g` must keep beta (1 + g) between 0 and 1; got {self.beta * (1 + self.g):.3g}: "
                "from 1 on, the price of growing dividends is infinite"
            )

    @property
    def phi(self) -> float:
        """The trend of prices: log(1 + g) where dividends grow, else 0."""
        return float(np.log1p(max(self.g, 0.0)))

    @property
    def pace(self) -> float:
        """How many dates it takes until half of what changes has changed, in order of size."""
        return 10.0


class Price(eqx.Module):
    """p(t) = e^(phi t) softplus(net(x)), x in [-1, 1) the half-line of dates."""

    net: Any
    phi: float = eqx.field(static=True)

    def __call__(self, t):
        t = jnp.asarray(t, float)
        return jnp.exp(self.phi * t) * jax.nn.softplus(self.net(t))


@model(SequentialAssetPricing)
def sequential_asset_pricing(m: SequentialAssetPricing) -> Problem:
    """p(t) = y(t) + beta p(t + 1): the price of dividends, date by date, given no condition at all.

    p(t) + b beta^(-t) is a solution for every b, a bubble. Prices are positive functions of x =
    (t - 10) / (t + 10), and among those that satisfy the equation at the given dates the one of
    the smallest E[q''(x)^2] over all x in [-1, 1] is taken, where q is the price without its
    trend, before the softplus: the one that bends least on its way to a limit at infinity. That is
    an assumption about prices, and it is what stands in for the transversality condition lim
    beta^t p(t) = 0. A small residual says nothing about it: the check looks at beta^t p(t) itself.
    """
    beta, c, g, y0, last, horizon, every = astuple(m)

    def dividend(t, c, g, y0):
        return (y0 + c / g) * (1.0 + g) ** t - c / g

    def pricing(p, t, beta, c, g, y0):
        t = jnp.asarray(t, float)
        return 1.0 - (dividend(t, c, g, y0) + beta * p(t + 1.0)) / p(t)

    def bend(p, x):
        return fe.derivative(p.net.g, 2)(x)

    given = np.union1d(np.arange(0, last + 1, every), [last])
    dates = fe.Empirical(jnp.arange(horizon + 1))
    half_line = fe.Uniform(-1.0, 1.0)
    start = float(np.log(np.expm1(y0 / (1.0 - beta))))

    def choice(draw: Any, nodes: int) -> Choice:
        return Choice(
            lambda key: Price(Settling(draw(key), m.pace), m.phi),
            points=len(given),
            sample=lambda risk, points, key: risk.on(fe.Empirical(jnp.asarray(given))),
            solver=fe.MinimumNorm(fe.Risk(bend, half_line).quadrature(nodes)),
        )

    def chebyshev(degree: int = 24) -> Choice:
        return choice(lambda key: fe.Series(fe.Chebyshev(degree), start=start), degree + 1)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        sizes: Any = {"width": width, "depth": depth, "support": (-1.0, 1.0)}
        return choice(lambda key: fe.MLP("scalar", "scalar", **sizes, key=key), 24)

    def exact(t):
        t = jnp.asarray(t, float)
        steady = -c / g
        return steady / (1.0 - beta) + (y0 - steady) * (1.0 + g) ** t / (1.0 - beta * (1.0 + g))

    return Problem(
        risk=fe.Risk(pricing, dates, args=(beta, c, g, y0)),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact=exact,
        references={
            f"p_{t}": Reference(
                lambda p, t=t: p(t), float(exact(t)), "discounted dividends", tolerance
            )
            for t, tolerance in ((0, 1e-3), (horizon, 1e-2))
        },
        functions=lambda p: {"price": p},
        coordinates=("t",),
        checks=lambda p: [no_bubble(p, m)],
        source="Ebrahimi Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024), "
        "section 2",
    )


def no_bubble(p: Any, m: SequentialAssetPricing) -> fe.Check:
    """Whether beta^t p(t) falls as fast as dividends explain.

    Beyond the horizon T a bubble keeps its present value b, so that of beta^T p(T) it is what
    discounted dividends from T on are not.
    """
    t = m.horizon
    steady = -m.c / m.g
    path = np.asarray(jax.vmap(p)(jnp.arange(t + 1.0)))
    fundamental = steady / (1 - m.beta) + (m.y0 - steady) * (1 + m.g) ** t / (
        1 - m.beta * (1 + m.g)
    )
    share = float(path[-1] / fundamental - 1)
    return fe.Check(
        "transversality",
        share,
        abs(share) < 5e-2,
        f"beta^t p(t) is {m.beta**t * path[-1]:.2e} at t = {t}, which is {share:+.1e} from the "
        "value of the dividends after it; a bubble would be the difference, for ever",
    )
