"""Saving at one rate, borrowing at another."""

from dataclasses import dataclass
from typing import Any, NamedTuple

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

    def lent(self, s):
        """Savings, from none at s = 0 on, and dense there, to the highest at s = 1."""
        return self.m_high * s * (0.1 + 0.9 * s)

    def owed(self, s):
        """Savings of those in debt, from the limit at s = 0 to none at s = 1."""
        return -self.limit * (1.0 - s)


@model(TwoInterestRates)
def two_interest_rates(m: TwoInterestRates) -> Problem:
    """u'(c) = beta R(a) E[u'(c')], a = m - c: saving and debt at two rates, a budget with a kink.

    R(a) is R_lend for a > 0 and R_borrow for a < 0, and a >= -limit. Poor households are at the
    limit, the less poor in debt, then some who neither borrow nor lend and consume what they have,
    and the rest save. c has a kink at each of three means m. With w_l the consumption that one
    would like where there is lending, w_b where there is debt, c = max{min(m, w_l), min(m + limit,
    w_b)}, and both are continued as constants beyond the kinks where they end, so that no equation
    is hidden by the maximum. Income is a draw of few values, so that each kink makes others,
    smaller ones, at the means that may lead to it. So c is a broken line whose ends are known by
    what is saved: unknown is what those consume who save so much, their means are the sum of both,
    and ends are added at the savings that lead to a kink.
    """

    def household(f, x):
        (s,), lines = x, f.lines
        lent, owed = m.lent(s), m.owed(s)
        errors = {"lending": 1 - jnp.exp(f.log_lend(s)) / lines.best(lent, m.R_lend)}
        if m.limit:
            errors["debt"] = 1 - jnp.exp(f.log_owe(s)) / lines.best(owed, m.R_borrow)
        return errors

    def spline(intervals: int = 280) -> Choice:
        ends, unit = np.linspace(0.0, 1.0, intervals + 1), m.y_high / 1.3

        def line(consumed):
            series = fe.Series(fe.BSpline(ends, degree=1))
            return eqx.tree_at(lambda f: f.coefficients, series, jnp.log(unit * consumed))

        lend = line(0.93 * (1.0 + m.lent(ends) / unit) ** 0.3)
        f = Household(lend, line(0.9 + 0.4 * m.owed(ends) / unit) if m.limit else None, m)
        at_ends = lambda risk, points, key: risk.on(fe.Empirical(ends[:, None], population=where))
        return Choice(lambda key: f, ends.size, at_ends)

    # a vector of one coordinate, since what one saves is felt far away: no row is sparse
    where = fe.Uniform([0.0], [1.0])
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
        functions=lambda f: {
            "consumption, means from least to most": lambda s: f(
                m.least + s[0] * (m.m_high - m.least)
            )
        },
        coordinates=("s",),
        source="Deaton (1991), Saving and liquidity constraints; Carroll (2006), the method of "
        "endogenous gridpoints, for the reference",
    )


CONSUMPTION = ((0.5, 0.781638685), (1.5, 1.043035913), (4.0, 1.257302612), (8.0, 1.463093331))
KINKS = (0.191823246, 0.871342079, 0.929217962)


def through(at, values, x):
    """The broken line through points in any order, the first of which is the lowest; a constant
    beyond its ends."""
    left = jnp.argmax(jnp.where(at <= x, at, -jnp.inf))
    right = jnp.argmin(jnp.where(at > x, at, jnp.inf))
    length = at[right] - at[left]
    inside = length > 0
    share = jnp.where(inside, (x - at[left]) / jnp.where(inside, length, 1.0), 0.0)
    return values[left] + share * (values[right] - values[left])


class Lines(NamedTuple):
    """Consumption as broken lines through pairs of means and consumption, of those who save and of
    those in debt."""

    save: Any
    owe: Any
    m: TwoInterestRates

    def lender(self, means):
        """What one would like to consume at the rate on savings."""
        # along logarithms, in which it bends less
        at, consumed = (jnp.log(x) for x in self.save)
        return jnp.exp(through(at, consumed, jnp.log(jnp.maximum(means, 1e-6))))

    def borrower(self, means):
        """At the rate on debt: from the limit to where there is no debt."""
        return through(*self.owe, means)

    def consumption(self, means):
        c = jnp.minimum(means, self.lender(means))
        if self.owe is None:
            return c
        return jnp.maximum(c, jnp.minimum(means + self.m.limit, self.borrower(means)))

    def best(self, saved, rate):
        """What is best consumed by one who saves so much at this rate."""
        incomes = np.linspace(self.m.y_low, self.m.y_high, 4)
        ahead = jax.vmap(self.consumption)(rate * saved + incomes)
        return (self.m.beta * rate * jnp.mean(ahead**-self.m.gamma)) ** (-1 / self.m.gamma)

    @property
    def kinks(self):
        """The means where debt leaves its limit, where it ends, and where savings begin; without
        debt there is the last one alone."""
        first = self.save[0][:1]
        if self.owe is None:
            return first
        return jnp.stack([jnp.min(self.owe[0]), jnp.max(self.owe[0]), first[0]])

    def children(self, kinks, line, rate):
        """Means and consumption, by these lines, where tomorrow's means may be at `kinks`, of those
        who are on this line."""
        means, c = line
        incomes = np.linspace(self.m.y_low, self.m.y_high, 4)
        saved = ((kinks[:, None] - incomes[None]) / rate).ravel()
        saved = jnp.clip(saved, jnp.min(means - c), jnp.max(means - c))
        added = jax.vmap(self.best, (0, None))(saved, rate)
        return saved + added, added

    def bent(self):
        """The lines with ends where tomorrow's means may be at a kink, and where they may be at
        those ends."""
        first, owes = self.kinks, self.owe is not None
        joined = lambda line, added: tuple(jnp.append(x, y) for x, y in zip(line, added))
        longer = lambda save, owe: Lines(
            joined(self.save, save), joined(self.owe, owe) if owes else None, self.m
        )

        def once(added, _):
            kinks, lines = added[0], longer(*added[1:])
            save = lines.children(kinks, self.save, self.m.R_lend)
            owe = lines.children(kinks, self.owe, self.m.R_borrow) if owes else None
            # those of the kinks themselves come first, and have children in turn
            few = 4 * first.size
            born = [part[0][:few] for part in (save, owe) if part is not None]
            return (jnp.concatenate([first, *born]), save, owe), None

        kinks = jnp.tile(first, 9 if owes else 5)
        nothing = tuple(jnp.full(4 * kinks.size, x[0]) for x in self.save)
        none = tuple(jnp.full(4 * kinks.size, x[0]) for x in self.owe) if owes else None
        (_, save, owe), _ = jax.lax.scan(once, (kinks, nothing, none), None, length=LEVELS)
        return longer(save, owe)


class Household(eqx.Module):
    """Consumption out of means m, by that of those who save, and of those who owe, so much."""

    log_lend: fe.Series
    log_owe: Any
    m: TwoInterestRates = eqx.field(static=True)

    @property
    def lines(self) -> Lines:
        def line(series, saved):
            ends = jnp.asarray(series.basis.pieces)
            c = jnp.exp(jax.vmap(series)(ends))
            return saved(ends) + c, c

        owe = self.log_owe and line(self.log_owe, self.m.owed)
        lines = Lines(line(self.log_lend, self.m.lent), owe, self.m)
        return lines.bent()

    @property
    def kinks(self) -> jax.Array:
        return self.lines.kinks

    def __call__(self, means):
        return self.lines.consumption(means)


LEVELS = 2
"""Kinks of kinks: each is a quarter as large as that which it comes from."""
