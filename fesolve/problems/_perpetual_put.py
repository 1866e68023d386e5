"""Optimal stopping."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class PerpetualPut:
    """The contract and the stock.

    - `r`: the interest rate.
    - `sigma`: the volatility of the stock.
    - `K`: the strike.
    - `S_low`: the equation holds on [S_low, S_high], with exercise at S_low.
    - `S_high`: see `S_low`.
    """

    r: float = 0.05
    sigma: float = 0.2
    K: float = 1.0
    S_low: float = 0.3
    S_high: float = 3.0

    def __post_init__(self) -> None:
        check_positive(r=self.r, sigma=self.sigma, S_low=self.S_low)
        if not self.S_low < self.K < self.S_high:
            raise ValueError(
                f"`K` must lie between `S_low` = {self.S_low} and `S_high` = {self.S_high}; got "
                f"{self.K}"
            )


@model(PerpetualPut)
def perpetual_put(m: PerpetualPut) -> Problem:
    """min{r V - A V, V - (K - S)^+} = 0, A V = r S V' + sigma^2 S^2 V'' / 2: when to stop.

    Either the option is held, and earns the interest rate, or it is exercised. V is bounded: of
    the powers 1 and -gamma = -2 r / sigma^2 that solve r V = A V the first does not belong to it,
    which is S V' + gamma V = 0 at S_high. Exercise is best up to S* = K gamma / (1 + gamma), where
    V' is continuous and V'' is not.

    Splines take the inequality as it stands. The other hypotheses have S* as an unknown number and
    paste smoothly by construction: V = K - S + K y^2 h(y) above S*, y going from 0 at S* to 1 at
    S_high in logs. Their points move with S*, so that no point changes sides in the solve; the
    report asks for the inequality everywhere.
    """
    r, sigma, K, S_low, S_high = astuple(m)
    gamma = 2.0 * r / sigma**2

    def holding(f, S, r, sigma, K):
        """What a holder loses: the interest less the expected gain."""
        change = fe.generator(f.value, lambda S: r * S, lambda S: sigma * S)(S)
        return (r * f.value(S) - change) / (r * K)

    def inequality(f, S, r, sigma, K):
        gain = f.value(S) - jnp.maximum(K - S, 0.0)
        return fe.fischer_burmeister(holding(f, S, r, sigma, K), gain / K)

    def bounded(f, S, r, sigma, K):
        return (S * fe.derivative(f.value)(S) + 2.0 * r / sigma**2 * f.value(S)) / K

    def exercised(f, S, r, sigma, K):
        return (f.value(S) - (K - S)) / K

    def chebyshev(degree: int = 20) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), start=1.0)
        start = StoppedBelow(series, jnp.asarray(0.5), K=K, S_high=S_high)
        return Choice(lambda key: start, degree + 8, pasted)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": (0.0, 1.0)}
            net = fe.MLP("scalar", "scalar", **sizes, key=key)
            one = fe.Ansatz(lambda net, y: 1.0 + net(y), net)
            return StoppedBelow(one, jnp.asarray(0.5), K=K, S_high=S_high)

        return Choice(draw, 48, pasted, fe.LevenbergMarquardt(max_steps=200))

    def spline(knots: int = 200) -> Choice:
        basis = fe.BSpline(knots, (math.log(S_low), math.log(S_high)), degree=2)
        start = Held(fe.Series(basis, start=0.5 * K), K=K, ends=(S_low, S_high))
        # the bend at S* is found to within a piece
        kinked = fe.LevenbergMarquardt(accuracy=2e-3)
        return Choice(lambda key: start, points=knots, sample=at_middles, solver=kinked)

    def pasted(risk, n, key):
        """r V = A V at points between S* and S_high; the rest holds by construction."""
        above = lambda f, y, *numbers: holding(f, f.stock(y), *numbers)
        held = fe.Risk(above, fe.Uniform(0.0, 1.0), args=numbers, name="holding")
        return held.quadrature(n) + risk.terms[1]

    def at_middles(risk, n, key):
        """One point a piece, where the second derivative of a quadratic spline is best."""
        middles = (np.arange(n) + 0.5) / n
        nodes = fe.Empirical(S_low * (S_high / S_low) ** middles, population=where)
        return risk.on(nodes)

    where, numbers = fe.Uniform(S_low, S_high), (r, sigma, K)
    S_star = K * gamma / (1.0 + gamma)
    return Problem(
        risk=fe.Risk(inequality, where, args=numbers)
        + fe.Risk(bounded, fe.Dirac(S_high), args=numbers)
        + fe.Risk(exercised, fe.Dirac(S_low), args=numbers),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp, "spline": spline},
        exact={
            "value": lambda S: jnp.where(
                S_star < S, (K - S_star) * (jnp.maximum(S, S_star) / S_star) ** -gamma, K - S
            )
        },
        references={
            "boundary": Reference(lambda f: f.boundary, S_star, "the closed form", 1e-3),
        },
        functions=lambda f: {"value": f.value},
        coordinates=("S",),
        source="Merton (1973), section 8; McKean (1965)",
    )


class StoppedBelow(eqx.Module):
    """V = K - S up to the boundary, and K - S + K y^2 h(y) from there."""

    excess: eqx.Module
    logit: jax.Array
    K: float = eqx.field(static=True)
    S_high: float = eqx.field(static=True)

    @property
    def boundary(self):
        return self.K * jax.nn.sigmoid(self.logit)

    def stock(self, y):
        """S at the share y of the way up from the boundary, in logs."""
        return self.boundary * (self.S_high / self.boundary) ** y

    def value(self, S):
        y = jnp.log(S / self.boundary) / jnp.log(self.S_high / self.boundary)
        held = jnp.maximum(y, 0.0)
        return self.K - S + jnp.where(y > 0.0, self.K * held**2 * self.excess(held), 0.0)


class Held(eqx.Module):
    """V as any function of log S."""

    of_log: eqx.Module
    K: float = eqx.field(static=True)
    ends: tuple[float, float] = eqx.field(static=True)

    def value(self, S):
        return self.of_log(jnp.log(S))

    @property
    def boundary(self):
        """Where V - (K - S) has its double zero: S is smooth in the root of that gain, and is
        extrapolated to where the root is zero."""
        S, levels = jnp.linspace(*self.ends, 2_001), jnp.asarray([0.05, 0.1, 0.15, 0.2])
        gain = jax.vmap(self.value)(S) - (self.K - S)
        at = jnp.interp(levels, jnp.sqrt(jnp.maximum(gain, 0.0) / self.K), S)
        return at @ jnp.asarray([4.0, -6.0, 4.0, -1.0])
