"""The price of an option."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import jax
import jax.numpy as jnp

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import by_quadrature, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class BlackScholes:
    """The contract and the stock.

    - `r`: the interest rate.
    - `sigma`: the volatility of the stock.
    - `K`: the strike.
    - `T`: the maturity.
    - `reach`: the equation holds where log(S / K) is between -reach and reach.
    """

    r: float = 0.05
    sigma: float = 0.2
    K: float = 1.0
    T: float = 1.0
    reach: float = 1.5

    def __post_init__(self) -> None:
        check_positive(sigma=self.sigma, K=self.K, T=self.T, reach=self.reach)


@model(BlackScholes)
def black_scholes(m: BlackScholes) -> Problem:
    """V_t + r S V_S + sigma^2 S^2 V_SS / 2 = r V, V(T, S) = (S - K)^+: a European call.

    A point is (tau, x), the time to maturity T - t and x = log(S / K). The payoff has a kink, which
    no smooth function holds. In y = x + (r - sigma^2 / 2) tau and s = sigma sqrt(tau), what the
    heat equation makes of it is known, and so is what it makes of the jumps of higher derivatives:
    p_n = E[(y + s Z)^+^n] / n!, Z standard normal, satisfies n p_n = y p_{n-1} + s^2 p_{n-2}. So

        V = K exp(-r tau) (p_1 + ... + p_m + R_m(y)) + tau net(tau, x),

    where R_m is what is left of the payoff, m times differentiable, and V(T, S) is exact for every
    net. At the ends V is 0 and S - K exp(-r tau), up to what `reach` leaves.
    """
    r, sigma, K, T, reach = astuple(m)

    def price(V, x, r, sigma):
        change = fe.generator(
            V,
            lambda x: jnp.stack([jnp.asarray(-1.0, x.dtype), r - 0.5 * sigma**2]),
            lambda x: jnp.stack([jnp.asarray(0.0, x.dtype), sigma]),
        )
        return (change(x) - r * V(x)) / K

    def far_out(V, x, r, sigma):
        return V(x) / K

    def far_in(V, x, r, sigma):
        return V(x) / K - (jnp.exp(x[1]) - jnp.exp(-r * x[0]))

    def smoothed(jumps):
        """V as it is in the class: the known part, and tau times the net."""

        def value(net, x):
            tau, y = x[0], x[1] + (r - 0.5 * sigma**2) * x[0]
            known = evolved(y, sigma, tau, jumps) + remainder(y, jumps)
            return K * (jnp.exp(-r * tau) * known + tau * net(x))

        return value

    def chebyshev(degree: int = 24, jumps: int = 4) -> Choice:
        bases = fe.Chebyshev(10, (0.0, T)), fe.Chebyshev(degree, (-reach, reach))
        series = fe.Ansatz(smoothed(jumps), fe.Series(fe.Tensor(*bases)))
        return Choice(lambda key: series, degree + 6, by_quadrature, fe.LinearLeastSquares())

    def mlp(width: int = 24, depth: int = 2, jumps: int = 4) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": box.support}
            return fe.Ansatz(smoothed(jumps), fe.MLP(2, "scalar", **sizes, key=key))

        return Choice(draw, points=24)

    def exact(x):
        s = sigma * jnp.sqrt(jnp.maximum(x[0], 1e-300))
        d = (x[1] + r * x[0]) / s + 0.5 * s
        normal = jax.scipy.stats.norm.cdf
        return K * (jnp.exp(x[1]) * normal(d) - jnp.exp(-r * x[0]) * normal(d - s))

    box, numbers = fe.Uniform([0.0, -reach], [T, reach]), (r, sigma)
    maturities = fe.Uniform(0.0, T)
    return Problem(
        risk=fe.Risk(price, box, args=numbers)
        + fe.Risk(far_out, fe.Product(maturities, fe.Dirac(-reach)), args=numbers)
        + fe.Risk(far_in, fe.Product(maturities, fe.Dirac(reach)), args=numbers),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact=exact,
        functions=lambda V: {"price": V},
        coordinates=("years to maturity", "log(S / K)"),
        along="log(S / K)",
        source="Black and Scholes (1973)",
    )


def evolved(y, sigma, tau, jumps):
    """p_1 + ... + p_m at (y, s), s = sigma sqrt(tau)."""
    s = sigma * jnp.sqrt(jnp.maximum(tau, 1e-40))
    before = jnp.exp(-0.5 * (y / s) ** 2) / (s * math.sqrt(2.0 * math.pi))
    here = 0.5 * jax.scipy.special.erfc(-y / (s * math.sqrt(2.0)))
    total = jnp.zeros_like(y)
    for n in range(1, jumps + 1):
        before, here = here, (y * here + s**2 * before) / n
        total = total + here
    return total


def remainder(y, jumps):
    """(exp(y) - 1 - y - ... - y^m / m!) where y > 0."""
    up = jnp.maximum(y, 0.0)
    powers = sum(up**n / math.factorial(n) for n in range(1, jumps + 1))
    return jnp.expm1(up) - powers
