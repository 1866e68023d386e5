"""Saving at one rate, borrowing at another."""

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class TwoInterestRates:
    """Preferences, rates, and income, which is one of four values with equal chances.

    - `gamma`: the relative risk aversion.
    - `beta`: the discount factor.
    - `R_lend`: the gross rate on savings, with beta R_lend below 1.
    - `R_borrow`: that on debt, above R_lend.
    - `limit`: the largest debt; 0 for none.
    - `y_low`: the lowest income.
    - `y_high`: the highest one.
    - `m_high`: up to which means the policy is sought.
    """

    gamma: float = 2.0
    beta: float = 0.96
    R_lend: float = 1.02
    R_borrow: float = 1.16
    limit: float = 0.5
    y_low: float = 0.7
    y_high: float = 1.3
    m_high: float = 8.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_discount(self.beta * self.R_lend, "beta * R_lend")
        check_positive(gamma=self.gamma, y_low=self.y_low, m_high=self.m_high)
        if not self.R_borrow > self.R_lend > 0:
            raise ValueError(
                f"`R_borrow` must be above `R_lend`; got {self.R_borrow} and {self.R_lend}: who "
                "borrows at the lower rate and lends at the higher one has no solution"
            )
        if not 0 <= self.limit < self.y_low / self.R_borrow:
            raise ValueError(
                f"`limit` must lie between 0 and {self.y_low / self.R_borrow:.6g}, what the lowest "
                f"income can pay back; got {self.limit}"
            )

    @property
    def least(self) -> float:
        """What is left of the lowest income after the largest debt."""
        return self.y_low - self.R_borrow * self.limit


@model(TwoInterestRates)
def two_interest_rates(m: TwoInterestRates) -> Problem:
    """u'(c) = beta R(a) E[u'(c')], a = m - c: saving and debt at two rates, a budget with a kink.

    R(a) is R_lend for a > 0 and R_borrow for a < 0, and a >= -limit. Poor households are at the
    limit, the less poor in debt, then some who neither borrow nor lend and consume what they have,
    and the rest save. c has a kink at each of three means m, which are numbers in f. With w_l the
    consumption that one would like where there is lending, w_b where there is debt, c =
    max{min(m, w_l), min(m + limit, w_b)}, and both are continued as constants beyond the kinks
    where they end, so that no equation is hidden by the maximum. Income is a draw of few values,
    so that each kink makes others, smaller ones, at the means that may lead to it: broken lines
    with many knots.
    """
    incomes = fe.Empirical(np.linspace(m.y_low, m.y_high, 4))
    top = m.R_lend * m.m_high + m.y_high  # nobody has more tomorrow

    def best(f, saved, rate):
        """What is best consumed by one who saves so much at this rate."""
        marginal = fe.expectation(lambda y: f(rate * saved + y) ** -m.gamma, incomes)
        return (m.beta * rate * marginal) ** (-1 / m.gamma)

    def household(f, means):
        lends = f.lender(means)
        saved = jnp.maximum(means - lends, 0.0)
        errors = {"lending": 1 - lends / best(f, saved, m.R_lend)}
        if m.limit:
            owes = f.borrower(means)
            debt = jnp.clip(means - owes, -m.limit, 0.0)
            errors["debt"] = 1 - owes / best(f, debt, m.R_borrow)
        return errors

    def spline(intervals: int = 240) -> Choice:
        span = math.log(4 * top / m.y_low)
        knots = span * np.linspace(0.0, 1.0, intervals + 1) ** 1.5
        lend = fe.Series(fe.BSpline(knots, degree=1), start=0.3)
        short = fe.BSpline(max(intervals // 2, 4), (0.0, 1.0), degree=1)
        debt = fe.Series(short) if m.limit else None
        kinks = np.array([0.2, 0.8, 0.9]) if m.limit else np.array([0.9])
        f = Household(lend, debt, jnp.asarray(kinks * m.y_high / 1.3), m.limit)
        return Choice(lambda key: f, 4 * intervals, by_kinks)

    def by_kinks(risk: fe.AbstractRisk, points: int, key: Any) -> fe.AbstractRisk:
        """As many points evenly in m up to 1.5 times the mean income as evenly in log m beyond."""
        middle = 0.75 * (m.y_low + m.y_high)
        low = np.linspace(m.least, middle, points // 2)
        high = np.geomspace(middle, m.m_high, points - points // 2)
        return risk.on(fe.Empirical(np.append(low, high), population=where))

    where = fe.Uniform(m.least, m.m_high)
    known = {}
    if m == TwoInterestRates():
        known = {f"c({at:g})": (lambda f, at=at: f(at), value) for at, value in CONSUMPTION}
        known |= {f"kink {k + 1}": (lambda f, k=k: f.kinks[k], v) for k, v in enumerate(KINKS)}
    return Problem(
        risk=fe.Risk(household, where, tolerance=1e-4),
        hypotheses={"spline": spline},
        references={
            name: Reference(quantity, value, "an endogenous grid", 1e-4)
            for name, (quantity, value) in known.items()
        },
        functions=lambda f: {"consumption": f},
        coordinates=("m",),
        source="Deaton (1991), Saving and liquidity constraints; Carroll (2006), the method of "
        "endogenous gridpoints, for the reference",
    )


CONSUMPTION = ((0.5, 0.781638685), (1.5, 1.043035913), (4.0, 1.257302612), (8.0, 1.463093331))
KINKS = (0.191823246, 0.871342079, 0.929217962)


class Household(eqx.Module):
    """Consumption out of means m, with the kinks where debt leaves its limit, where it ends, and
    where savings begin; without debt there is the last one alone."""

    lend: fe.Series
    debt: Any
    kinks: jax.Array
    limit: float = eqx.field(static=True)

    def lender(self, means):
        """What one would like to consume at the rate on savings."""
        t = jnp.maximum(jnp.log(jnp.maximum(means, 1e-6) / self.kinks[-1]), 0.0)
        return self.kinks[-1] * jnp.exp(t * self.lend(t))

    def borrower(self, means):
        """At the rate on debt: from the limit to where there is no debt."""
        first, second = self.kinks[0], self.kinks[1]
        s = jnp.clip((means - first) / (second - first), 0.0, 1.0)
        return (first + self.limit) * (1 - s) + second * s + s * (1 - s) * self.debt(s)

    def __call__(self, means):
        c = jnp.minimum(means, self.lender(means))
        if self.debt is None:
            return c
        return jnp.maximum(c, jnp.minimum(means + self.limit, self.borrower(means)))
