"""The Lucas tree."""

import math
from dataclasses import astuple, dataclass

import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class LucasTree:
    """Preferences and the growth of dividends.

    - `beta`: the discount factor.
    - `theta`: one less the relative risk aversion.
    - `rho`: the autocorrelation of the growth rate.
    - `xbar`: the mean of the growth rate.
    - `sigma`: the standard deviation of its innovations.
    """

    beta: float = 0.95
    theta: float = -1.5
    rho: float = -0.139
    xbar: float = 0.0179
    sigma: float = 0.0348

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(sigma=self.sigma)


@model(LucasTree)
def lucas_tree(m: LucasTree) -> Problem:
    """v(x) = beta E[exp(theta x') (1 + v(x'))]: the price-dividend ratio of the Lucas tree.

    Dividends grow at the rate x' = (1 - rho) xbar + rho x + sigma e, and theta is one less the
    risk aversion. The solution is a series of exponentials, Burnside's.
    """
    beta, theta, rho, xbar, sigma = astuple(m)
    spread = sigma / math.sqrt(1.0 - rho**2)
    box = (xbar - 6.0 * spread, xbar + 6.0 * spread)  # where x' may be

    def pricing(v, x, e):
        x1 = (1.0 - rho) * xbar + rho * x + e
        return beta * jnp.exp(theta * x1) * (1.0 + v(x1)) / v(x) - 1.0

    i = np.arange(1, 5_000)
    b = theta * rho * (1 - rho**i) / (1 - rho)
    variance = i - 2 * rho * (1 - rho**i) / (1 - rho) + rho**2 * (1 - rho ** (2 * i)) / (1 - rho**2)
    a = theta * xbar * i + 0.5 * (theta * sigma / (1 - rho)) ** 2 * variance

    def exact(x):
        return jnp.sum(jnp.exp(i * math.log(beta) + a + b * (x - xbar)))

    def chebyshev(degree: int = 8) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, box), start=beta / (1.0 - beta))
        return Choice(lambda key: series, points=degree + 4)

    def mlp(width: int = 8, depth: int = 1) -> Choice:
        def draw(key):
            net = fe.MLP("scalar", "scalar", width=width, depth=depth, support=box, key=key)
            return fe.Ansatz(lambda net, x: beta / (1.0 - beta) * jnp.exp(net(x)), net)

        return Choice(draw, points=32)

    shock = fe.Normal(0.0, sigma).quadrature(9)
    where = fe.TruncatedNormal(xbar, spread, xbar - 4.0 * spread, xbar + 4.0 * spread)
    return Problem(
        risk=fe.Risk(pricing, where, shock=shock),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact=exact,
        source="Lucas (1978); Burnside (1998), with the numbers of Mehra and Prescott (1985)",
    )
