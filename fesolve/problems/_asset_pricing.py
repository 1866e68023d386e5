"""The price of an asset, without its bubbles."""

from dataclasses import astuple, dataclass

import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import Choice, Problem, Reference
from ._settling import Settling, settling_points


@dataclass(frozen=True, kw_only=True)
class AssetPricing:
    """Interest, dividends, and how long prices are wanted.

    - `r`: the interest rate.
    - `c`: dividends follow x' = c + g x.
    - `g`: see `c`; below 0, so that dividends settle down.
    - `x0`: the first dividend.
    - `horizon`: prices are judged on [0, horizon].
    """

    r: float = 0.1
    c: float = 0.02
    g: float = -0.2
    x0: float = 0.01
    horizon: float = 50.0

    def __post_init__(self) -> None:
        check_positive(r=self.r, horizon=self.horizon)
        if not self.g < 0.0:
            raise ValueError(
                f"`g` must be below 0, so that dividends settle down; got {self.g}: for growing "
                "ones price the dividend by its trend"
            )


@model(AssetPricing)
def asset_pricing(m: AssetPricing) -> Problem:
    """mu'(t) = r mu(t) - x(t): the price of a stream of dividends, given no condition at all.

    Every mu + b e^(r t) is a solution as well, b the size of a bubble. The price without one is
    selected by a norm: `"kernel"` takes the least norm of mu' in the space of the Matern-1/2
    kernel of length 10, with `centres` centres on [0, 40], as published; `"chebyshev"` the least
    E[mu'^2] on 2.4 times the horizon T, where a bubble of size b would add about b^2 e^(4.8 r T).
    Or by the class: `"bounded"` holds functions with a limit at infinity alone. A norm over a
    finite horizon leaves a little of a bubble, a class none; neither is a derivation of the
    transversality condition from the equation, which does not contain it.
    """
    r, c, g, x0, horizon = astuple(m)

    def pricing(mu, t, r, c, g, x0):
        return jax.grad(mu)(t) - r * mu(t) + (x0 + c / g) * jnp.exp(g * t) - c / g

    def slope(mu, t):
        return jax.grad(mu)(t)

    def kernel(centres: int = 41) -> Choice:
        dates = np.linspace(0.0, 0.8 * horizon, centres)
        series = fe.Series(fe.IntegratedKernelBasis(fe.Matern12(10.0), dates))
        at = fe.Empirical(dates, population=fe.Uniform(0.0, 0.8 * horizon))
        return Choice(
            lambda key: series,
            points=centres,
            sample=lambda risk, points, key: risk.on(at),
            solver=fe.MinimumNorm(fe.rkhs_norm()),
        )

    def chebyshev(degree: int = 40) -> Choice:
        longer = fe.Uniform(0.0, 2.4 * horizon)
        series = fe.Series(fe.Chebyshev(degree, (0.0, 2.4 * horizon)))
        return Choice(
            lambda key: series,
            points=degree + 8,
            sample=lambda risk, points, key: risk.on(longer).quadrature(points),
            solver=fe.MinimumNorm(fe.Risk(slope, longer).quadrature(degree + 1)),
        )

    def bounded(degree: int = 32) -> Choice:
        series = fe.Series(fe.Chebyshev(degree))
        return Choice(
            lambda key: Settling(series, 10.0),
            points=degree + 8,
            sample=lambda risk, points, key: risk.on(settling_points(points, 10.0)),
        )

    def exact(t):
        return (x0 + c / g) * jnp.exp(g * t) / (r - g) - c / (g * r)

    return Problem(
        risk=fe.Risk(pricing, fe.Uniform(0.0, horizon), args=(r, c, g, x0)),
        hypotheses={"chebyshev": chebyshev, "kernel": kernel, "bounded": bounded},
        exact=exact,
        references={
            "mu_0": Reference(lambda f: f(0.0), float(exact(0.0)), "discounted dividends"),
        },
        functions=lambda f: {"price": f},
        coordinates=("t",),
        checks=lambda f: [no_bubble(f, m)],
        source="Ebrahimi Kahou, Perla and Pleiss (2024), Spooky boundaries at a distance, "
        "asset pricing",
    )


def no_bubble(mu, m: AssetPricing) -> fe.Check:
    """Whether the price at the horizon grows no faster than dividends explain.

    A bubble grows at the rate r. Its share of a price that grows at `rate`, while dividends alone
    would let it grow at `fundamental`, is (rate - fundamental) / (r - fundamental).
    """
    t = jnp.asarray(m.horizon)
    rate = float(jax.grad(mu)(t) / mu(t))
    dividend = (m.x0 + m.c / m.g) * np.exp(m.g * m.horizon) - m.c / m.g
    fundamental = m.g * (dividend + m.c / m.g) / dividend
    share = (rate - fundamental) / (m.r - fundamental)
    return fe.Check(
        "transversality",
        share,
        abs(share) < 1e-2,
        f"a bubble is about {share:.1e} of the price at t = {m.horizon:g}, by the growth of price "
        "and dividend there",
    )
