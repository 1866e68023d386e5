"""Households with uninsured income, in continuous time."""

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class Huggett:
    """Preferences, income and the limit to borrowing.

    - `gamma`: the relative risk aversion.
    - `rho`: the rate of time preference.
    - `r`: the interest rate; by default the one at which nobody lends to, or borrows from, abroad.
    - `z_low`: the low income.
    - `z_high`: the high income.
    - `lambda_low`: the rate at which low incomes become high.
    - `lambda_high`: the rate at which high incomes become low.
    - `a_min`: the least assets that are allowed.
    - `a_max`: households are looked at up to there.
    """

    gamma: float = 2.0
    rho: float = 0.05
    r: float | None = None
    z_low: float = 0.1
    z_high: float = 0.2
    lambda_low: float = 0.02
    lambda_high: float = 0.03
    a_min: float = -0.02
    a_max: float = 2.0

    def __post_init__(self) -> None:
        check_positive(gamma=self.gamma, rho=self.rho, z_low=self.z_low)
        check_positive(lambda_low=self.lambda_low, lambda_high=self.lambda_high)
        if not self.z_low < self.z_high:
            raise ValueError(f"`z_high` must be above `z_low` = {self.z_low}; got {self.z_high}")
        if not self.a_min < self.a_max:
            raise ValueError(f"`a_max` must be above `a_min` = {self.a_min}; got {self.a_max}")
        if self.r is None and self.a_min >= 0.0:
            raise ValueError(
                f"`a_min` must be negative where the market is to clear; got {self.a_min}: where "
                "nobody may borrow nobody can lend. Give `r` for households alone"
            )
        if self.r is not None and not self.r < self.rho:
            raise ValueError(
                f"`r` must be below `rho` = {self.rho}; got {self.r}: patient households save for "
                "ever, and have no long-run distribution"
            )


@model(Huggett)
def huggett(m: Huggett) -> Problem:
    """rho V_j = max_c u(c) + V_j' (z_j + r a - c) + lambda_j (V_-j - V_j): Huggett's economy.

    Households hold assets a >= a_min, and their income jumps between two values. Unknown are
    consumption, the distribution of households, and, where `r` is not given, the rate at which
    assets sum to zero. The distribution satisfies -(s_j g_j)' - lambda_j g_j + lambda_-j g_-j = 0,
    the Kolmogorov forward equation with saving s_j = z_j + r a - c_j.

    The envelope condition V_j' = u'(c_j) is solved for consumption; V then follows from the
    equation above. Near a_min households of low income dissave like the root of a - a_min, so that
    policies are series in this root; those of high income save up to an unknown a_top. The state
    constraint holds by construction. Densities are written as flow by saving, with the power of
    a_top - a that belongs to them, and a point mass at a_min.
    """
    root = math.sqrt(m.a_max - m.a_min)
    incomes, leaving = (m.z_low, m.z_high), (m.lambda_low, m.lambda_high)

    def euler(f, q):
        """The envelope condition, differentiated: d u'(c) / dt = (rho - r) u'(c), at the assets
        whose root is q."""
        q, rate = jnp.maximum(q, 1e-15), jnp.stack(leaving)
        c = f.consumed(q)
        moved = fe.derivative(f.consumed)(q) / (2.0 * q) / c * f.saved(q)
        jump = (c[::-1] / c) ** -m.gamma - 1.0
        return (f.rate - m.rho + rate * jump - m.gamma * moved) / m.rho

    def forward(f, v):
        """F' = lambda_low g_low - lambda_high g_high, g = F / |s|, in v = 0 at a_min to 1 at a_top,
        by F and times 1 - v^2, so that it is finite at both ends."""
        rest, q_top = 1.0 - v**2, jnp.sqrt(f.span)
        moved = rest * fe.derivative(f.log_flow)(v) - 2.0 * v * f.power
        leave = 2.0 * rest * m.lambda_low * q_top * jnp.exp(-f.out(v * q_top))
        enter = 2.0 * v * m.lambda_high * jnp.exp(-f.up(v * q_top))
        return (moved - leave + enter) / (leave + enter)

    def total(f):
        """There are as many households as incomes, and they hold as much as there is."""
        number, held = jnp.sum(f.integral(lambda a: jnp.stack([jnp.ones_like(a), a])), axis=1)
        if m.r is not None:
            return {"mass": number - 1.0}
        return {"mass": number - 1.0, "clearing": held / m.z_high}

    # evenly in the root: dense where the limit is near, and households are many
    households = fe.Risk(euler, fe.Uniform(0.0, root))
    risk = households + fe.Risk(forward, fe.Uniform(0.0, 1.0)) + fe.Risk(total)

    def started(functions: dict[str, Any], points: int) -> "Economy":
        """At a given rate, the policies."""
        rate = 0.2 * m.rho if m.r is None else m.r
        span, guess = jnp.asarray(math.log(0.2)), jnp.asarray(rate)
        level = jnp.asarray(-4.0)
        f = Economy(**functions, up_level=level, log_span=span, rate=guess, model=m)
        policies = lambda f: (f.out, f.up_level, f.up_bend, f.log_span)
        risk = households.quadrature(points)
        f = fe.solve(risk, f, only=policies, throw=False).value
        return f if m.r is None else eqx.tree_at(lambda f: f.rate, f, replace_fn=fe.freeze)

    guess = {"out": -3.0, "up_bend": 0.0, "log_flow": -4.0}
    ends = {"out": root, "up_bend": root, "log_flow": 1.0}

    def chebyshev(degree: int = 40) -> Choice:
        series = {
            name: fe.Series(fe.Chebyshev(degree, (0.0, ends[name])), start=start)
            for name, start in guess.items()
        }
        return Choice(lambda key: started(series, degree + 8), degree + 8)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth}
            nets = {
                name: fe.Ansatz(
                    lambda net, q, start=start: start + net(q),
                    fe.MLP("scalar", "scalar", support=(0.0, ends[name]), **sizes, key=one),
                )
                for (name, start), one in zip(guess.items(), jr.split(key, 3))
            }
            return started(nets, 48)

        return Choice(draw, 48)

    share = m.lambda_high / (m.lambda_low + m.lambda_high)
    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        references={
            "share_of_low_incomes": Reference(
                lambda f: f.integral(lambda a: 1.0)[0],
                share,
                "the chain of incomes alone",
                1e-6,
            )
        },
        shifted=lambda f, key: {"in_the_long_run": households.on(f.distribution())},
        functions=lambda f: {
            "consumption, low income": lambda q: f(q)[0],
            "consumption, high income": lambda q: f(q)[1],
        },
        coordinates=("root of a - a_min",),
        source=f"Huggett (1993); Achdou, Han, Lasry, Lions and Moll (2022); incomes {incomes}",
    )


class Economy(eqx.Module):
    """Saving s_low = -q exp(out(q)) and s_high = (a_top - a) exp(up(q)), q the root of a - a_min,
    with the flow F = -s_low g_low = s_high g_high of households through a."""

    out: eqx.Module
    up_level: jax.Array
    up_bend: eqx.Module
    log_flow: eqx.Module
    log_span: jax.Array
    rate: Any
    model: Huggett = eqx.field(static=True)

    @property
    def a_min(self):
        return self.model.a_min

    @property
    def span(self):
        """a_top - a_min"""
        return jnp.exp(self.log_span)

    @property
    def power(self):
        """Of the distance to a_top, in the flow."""
        return self.model.lambda_high * jnp.exp(-self.up(jnp.sqrt(self.span)))

    def up(self, q):
        """Even to first order: policies of high incomes have a slope in a at a_min."""
        return self.up_level + q**2 * self.up_bend(q)

    def __call__(self, q):
        """Consumption at the assets a_min + q^2: what is meant by f, and by an error of f."""
        return self.consumed(q)

    def root(self, a):
        """q, away from 0, where derivatives in a end."""
        return jnp.sqrt(jnp.maximum(a - self.a_min, 1e-30))

    def saved(self, q):
        return jnp.stack([-q * jnp.exp(self.out(q)), (self.span - q**2) * jnp.exp(self.up(q))])

    def consumed(self, q):
        incomes = jnp.stack([self.model.z_low, self.model.z_high])
        return incomes + self.rate * (self.a_min + q**2) - self.saved(q)

    def saving(self, a):
        return self.saved(self.root(a))

    def consumption(self, a):
        return self.consumed(self.root(a))

    def value(self, a):
        """V_low and V_high from their two equations, which are linear in them."""
        m, c = self.model, self.consumption(a)
        gain = c ** (1 - m.gamma) / (1 - m.gamma) + c**-m.gamma * self.saving(a)
        leaving = jnp.stack([m.lambda_low, m.lambda_high])
        weights = m.rho + leaving[::-1]
        total = m.rho * (m.rho + m.lambda_low + m.lambda_high)
        return (weights * gain + leaving * gain[::-1]) / total

    def flow(self, v, rest):
        """At the share v^2 of the way from a_min to a_top; rest = 1 - v, which may be tiny."""
        return (rest * (1.0 + v)) ** self.power * jnp.exp(self.log_flow(v))

    def density(self, a):
        v = jnp.sqrt((a - self.a_min) / self.span)
        return jnp.abs(self.flow(v, 1.0 - v) / self.saving(a))

    def integral(self, what):
        """The sums of what(a), a number or a vector, over households of low income, those at a_min
        among them, and over those of high income."""
        q_top = jnp.sqrt(self.span)

        def at(node):
            v, rest = node["v"], node["rest"]
            q, flow = v * q_top, self.flow(v, rest)
            low = flow * 2.0 * q_top * jnp.exp(-self.out(q))
            high = flow * 2.0 * v / (rest * (1.0 + v)) * jnp.exp(-self.up(q))
            value = jnp.asarray(what(self.a_min + q**2))
            return jnp.stack([low * value, high * value], axis=-1)

        sums = fe.expectation(at, RULE)
        return sums.at[..., 0].add(self.at_limit() * what(jnp.asarray(self.a_min)))

    def at_limit(self):
        """The mass at a_min: low incomes arrive by the flow, and leave when they become high."""
        return jnp.exp(self.log_flow(0.0)) / self.model.lambda_low

    def distribution(self):
        """The roots of the assets of those who are not at a_min."""
        v, rest = jnp.asarray(RULE.points["v"]), jnp.asarray(RULE.points["rest"])
        flow = jax.vmap(self.flow)(v, rest)
        q = v * jnp.sqrt(self.span)
        low = flow * jnp.sqrt(self.span) * jnp.exp(-jax.vmap(self.out)(q))
        high = flow * v / (rest * (1.0 + v)) * jnp.exp(-jax.vmap(self.up)(q))
        weights = np.asarray(RULE.weights * (low + high))
        return fe.Empirical(np.asarray(q), weights / weights.sum())


def double_exponential(n: int, reach: float = 5.0) -> fe.Empirical:
    """The rule of Takahasi and Mori (1974) on (0, 1), which holds powers of v and 1 - v of any
    positive exponent, with 1 - v as a number of its own: most of its digits are lost in v."""
    t, step = np.linspace(-reach, reach, 2 * n + 1, retstep=True)
    e = np.pi * np.sinh(t)
    v, rest = 1.0 / (1.0 + np.exp(-e)), 1.0 / (1.0 + np.exp(e))
    return fe.Empirical({"v": v, "rest": rest}, step * np.pi * np.cosh(t) * v * rest)


RULE = double_exponential(60)
