"""Stochastic growth with habits, and technology that never returns."""

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp

import fesolve as fe

from ._parameters import check_discount, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class HabitGrowth:
    """Preferences and technology, a quarter a period.

    - `gamma`: the curvature of utility.
    - `habit`: the part of last quarter's consumption that one is used to; 0 for none.
    - `beta`: the discount factor.
    - `alpha`: the elasticity of output in capital.
    - `delta`: the depreciation rate; 1 is full depreciation.
    - `mu`: the mean growth of log productivity.
    - `sigma`: the standard deviation of its growth.
    """

    gamma: float = 2.0
    habit: float = 0.7
    beta: float = 0.99
    alpha: float = 0.36
    delta: float = 0.025
    mu: float = 0.004
    sigma: float = 0.01

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_positive(gamma=self.gamma, sigma=self.sigma, delta=self.delta)
        # with the risk of growth, which counts as well
        risk = ((1 - self.gamma) * self.sigma) ** 2 / 2
        check_discount(self.beta * math.exp((1 - self.gamma) * self.mu + risk), "beta, with growth")
        check_discount(self.beta)
        if not 0 <= self.habit < 1:
            raise ValueError(f"`habit` must be at least 0 and below 1; got {self.habit}")
        if self.delta > 1:
            raise ValueError(f"`delta` is a share of capital, at most 1; got {self.delta}")

    def steady(self) -> tuple[float, float]:
        """Log capital and log of last quarter's consumption, in units of technology, without
        shocks: 1 = beta e^(-gamma mu) (1 - delta + alpha k^(alpha - 1))."""
        gross = math.exp(self.gamma * self.mu) / self.beta
        k = ((gross - 1 + self.delta) / self.alpha) ** (1 / (self.alpha - 1))
        c = k**self.alpha + (1 - self.delta) * k - math.exp(self.mu) * k
        return math.log(k), math.log(c) - self.mu

    def resources(self, x):
        """Output and what is left of capital, at x = (log k, log h)."""
        return jnp.exp(self.alpha * x[0]) + (1 - self.delta) * jnp.exp(x[0])


@model(HabitGrowth)
def habit_growth(m: HabitGrowth) -> Problem:
    """p = beta E[e^(-gamma g') p' R']: growth with habits, and technology that never returns.

    Utility is that of consumption above the habit b h, h being what was consumed in the last
    quarter, and R' = 1 - delta + alpha k'^(alpha - 1). Log technology is a random walk with the
    growth g, so that nothing in the model has a steady state but ratios: k and h are capital and
    last consumption in units of today's technology, which a shock moves both at once, k' =
    e^(-g') (k^alpha + (1 - delta) k - c) and h' = e^(-g') c. Unknown are c, as a share of resources
    less the habit, and the price of consumption, which counts the habit it makes, p = u'(c - b h) -
    beta b E[e^(-gamma g') u'(c' - b h')]. Without habit, with log utility and full depreciation,
    the share is 1 - alpha beta.
    """
    log_k, log_h = m.steady()
    rest = jnp.array([log_k, log_h])
    shock = fe.Normal(m.mu, m.sigma)
    rule = shock.quadrature(7)

    def above(x):
        """Resources above the habit."""
        return m.resources(x) - m.habit * jnp.exp(x[1])

    def consumption(f, x):
        return f.surplus(x) * above(x) + m.habit * jnp.exp(x[1])

    def step(f, x, g):
        c = consumption(f, x)
        return jnp.stack([jnp.log(m.resources(x) - c), jnp.log(c)]) - g

    def equations(f, x):
        marginal = lambda x: (f.surplus(x) * above(x)) ** -m.gamma

        def tomorrow(g):
            x1 = step(f, x, g)
            gross = 1 - m.delta + m.alpha * jnp.exp((m.alpha - 1) * x1[0])
            return jnp.exp(-m.gamma * g) * jnp.stack([f.price(x1) * gross, marginal(x1)])

        worth, habit = fe.expectation(tomorrow, rule)
        own = marginal(x)
        return {
            "saving": 1 - m.beta * worth / f.price(x),
            "price": (f.price(x) - own + m.beta * m.habit * habit) / own,
        }

    lower, upper = rest - jnp.array(WIDTH), rest + jnp.array(WIDTH)

    def chebyshev(degree: int = 8) -> Choice:
        bases = [fe.Chebyshev(degree, ends) for ends in zip(lower.tolist(), upper.tolist())]
        return Choice(lambda key: start(fe.Series(fe.Tensor(*bases, degree=degree))), degree + 4)

    def start(g):
        """At rest what the steady state has, and around it surplus by the root of capital."""
        own = math.exp(log_h) * (math.exp(m.mu) - m.habit)
        factor = 1 - m.beta * m.habit * math.exp(-m.gamma * m.mu)
        share = own / float(above(rest))
        return Consumer(
            fe.Bounded(g, start=share),
            fe.Positive(g, start=lambda x: factor * (share * above(x)) ** -m.gamma),
        )

    risk = fe.Risk(equations, fe.Uniform(lower.tolist(), upper.tolist()))
    origin = fe.Dirac(rest)

    def shifted(f, key):
        path = fe.Ergodic(step, origin, shock, periods=2_200, burn_in=200)
        return {"path": risk.on(path).given(f).empirical(2_000, key=key)}

    def reference(dk, dh, value) -> Any:
        at = rest + jnp.array([dk, dh])
        return Reference(
            lambda f: consumption(f, at), value, "time iteration on cubic splines", 1e-7
        )

    known = REFERENCES if m == HabitGrowth() else ()
    simple = m.habit == 0 and m.gamma == 1 and m.delta == 1
    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev},
        exact={"surplus": lambda x: 1 - m.alpha * m.beta + 0 * x[0]} if simple else None,
        references={
            f"c at log k {dk:+}, log h {dh:+}": reference(dk, dh, v) for dk, dh, v in known
        },
        shifted=shifted,
        checks=lambda f: [fe.stability(f, fe.Ergodic(step, origin, shock, periods=2), rest)],
        functions=lambda f: {"consumption": lambda x: consumption(f, x)},
        coordinates=("log k", "log h"),
        source="Boldrin, Christiano and Fisher (2001), Habit persistence, asset returns, and the "
        "business cycle, without their adjustment costs",
    )


WIDTH = (0.3, 0.12)
REFERENCES = ((0.0, 0.0, 2.4983540), (-0.1, -0.03, 2.4133815), (0.1, 0.03, 2.5866882))


class Consumer(eqx.Module):
    """Consumption above the habit as a share of what can be, and the price of consumption."""

    surplus: fe.Bounded
    price: fe.Positive
