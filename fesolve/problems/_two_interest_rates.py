"""Saving at one rate, borrowing at another."""

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

    @property
    def incomes(self) -> np.ndarray:
        return np.linspace(self.y_low, self.y_high, 4)

    @property
    def lowest(self) -> float:
        """Where x is that of the largest debt."""
        return -OWED - FREE if self.limit else 0.0

    def saved(self, x, xp=jnp):
        """Savings at x: debt below -FREE, nothing up to 0, and then the more, dense at first."""
        lent = self.m_high * xp.maximum(x, 0.0) * (0.1 + 0.9 * x)
        return lent + self.limit * xp.minimum(x + FREE, 0.0) / OWED

    def where_saved(self, savings: np.ndarray) -> np.ndarray:
        """The x of savings, or of debt."""
        lent = (np.sqrt(0.01 + 3.6 * np.maximum(savings, 0.0) / self.m_high) - 0.1) / 1.8
        return np.where(savings < 0, OWED * savings / (self.limit or 1.0) - FREE, lent)


FREE, OWED = 1 / 320, 3 / 8
"""Lengths in x: of those who neither borrow nor lend, and of those in debt; that of savers is 1."""
GENERATIONS, ROUNDS, NEAR = 3, 3, 1e-3
"""Those kinks that kinks make, what these make, and so on, each a quarter as large as that which
it comes from; how often all are sought; and the distance in x below which two have one end."""


@model(TwoInterestRates)
def two_interest_rates(m: TwoInterestRates) -> Problem:
    """u'(c) = beta R(a) E[u'(c')], a = m - c: saving and debt at two rates, a budget with a kink.

    R(a) is R_lend for a > 0 and R_borrow for a < 0, and a >= -limit. Poor households are at the
    limit, the less poor in debt, then some who neither borrow nor lend and consume what they have,
    and the rest save. c has a kink at each of three means m. Income is a draw of few values, so
    that each kink makes others, smaller ones, at the means that may lead to it.

    So c is a broken line through means and consumption of those who save so much, which is what is
    unknown: x runs through debt, those who save nothing and consume between what they would if in
    debt and as savers, and savings. After a solve the ends of the line are moved to where
    tomorrow's means may be at a kink, and it is solved again.
    """

    def household(f, x):
        (x,) = x
        log_c, saves = f.log_c, x >= 0
        best = f.best(m.saved(x), jnp.where(saves, m.R_lend, m.R_borrow))
        error = 1 - jnp.exp(log_c(x)) / best
        if not m.limit:
            return error
        share = jnp.clip(1 + x / FREE, 0.0, 1.0)
        free = log_c(x) - share * log_c(jnp.zeros(())) - (1 - share) * log_c(jnp.asarray(-FREE))
        return jnp.where(saves | (x <= -FREE), error, free)

    def spline(intervals: int = 320) -> Choice:
        ends, unit = np.linspace(0.0, 1.0, intervals + 1), m.y_high / 1.3
        if m.limit:
            owed = np.linspace(m.lowest, -FREE, round(OWED * intervals) + 1)
            ends = np.concatenate([owed, ends])
        saved = m.saved(ends, np) / unit
        c = np.where(ends < 0, 0.9 + 0.4 * saved, 0.93 * (1 + np.maximum(saved, 0.0)) ** 0.3)
        f = Household(broken_line(ends, np.log(unit * c)), m)
        return Choice(
            lambda key: f, ends.size, lambda risk, points, key: f.at_ends(risk), EndsAtKinks()
        )

    known = {f"c({at:g})": value for at, value in CONSUMPTION.items()}
    known |= {f"kink {k + 1}": value for k, value in enumerate(KINKS)}
    return Problem(
        # a vector of one coordinate, since what one saves is felt far away: no row is sparse
        risk=fe.Risk(household, fe.Uniform([m.lowest], [1.0]), tolerance=1e-4),
        hypotheses={"spline": spline},
        references={
            name: Reference(quantities, value, "an endogenous grid", 1e-4)
            for name, value in (known if m == TwoInterestRates() else {}).items()
        },
        functions=lambda f: {"consumption": lambda x: f.policy(x["means"])},
        coordinates=("x",),
        over=fe.Product(means=fe.Uniform(m.least, min(2.0, m.m_high))),
        source="Deaton (1991), Saving and liquidity constraints; Carroll (2006), the method of "
        "endogenous gridpoints, for the reference",
    )


CONSUMPTION = {0.5: 0.781638685, 1.5: 1.043035913, 4.0: 1.257302612, 8.0: 1.463093331}
KINKS = (0.191823246, 0.871342079, 0.929217962)


def quantities(f: Any) -> dict[str, Any]:
    """Consumption and kinks, by the names of their references."""
    at = jnp.asarray(list(CONSUMPTION))
    c, kinks = jax.jit(lambda f: (jax.vmap(f.policy)(at), f.kinks))(f)
    found = {f"c({means:g})": value for means, value in zip(CONSUMPTION, c)}
    return found | {f"kink {k + 1}": value for k, value in enumerate(kinks)}


def broken_line(ends: np.ndarray, values: np.ndarray) -> fe.Series:
    series = fe.Series(fe.BSpline(ends, degree=1))
    return eqx.tree_at(lambda f: f.coefficients, series, jnp.asarray(values))


class Household(eqx.Module):
    """Consumption at x, of those who save so much, and out of means."""

    log_c: fe.Series
    m: TwoInterestRates = eqx.field(static=True)

    def __call__(self, x):
        return jnp.exp(self.log_c(x[0]))

    @property
    def ends(self):
        basis: Any = self.log_c.basis
        return basis.pieces

    @property
    def line(self) -> jax.Array:
        """Means and consumption at the ends of the broken line, and the logarithms of both."""
        ends = jnp.asarray(self.ends)
        log_c = jax.vmap(self.log_c)(ends)
        c = jnp.exp(log_c)
        means = self.m.saved(ends) + c
        return jnp.stack([means, c, jnp.log(jnp.where(ends < 0, 1.0, means)), log_c], axis=1)

    @property
    def kinks(self) -> jax.Array:
        """The means where debt leaves its limit, where it ends, and where savings begin; without
        debt there is the last one alone."""
        saves = jnp.searchsorted(jnp.asarray(self.ends), 0.0)
        at = jnp.stack([0 * saves, saves - 1, saves]) if self.m.limit else saves[None]
        return self.line[at, 0]

    def policy(self, means):
        """Consumption out of means."""
        line = self.line
        left = jnp.searchsorted(line[1:-1, 0], means, side="right")
        first, second = jax.lax.dynamic_slice_in_dim(line, left, 2)
        # of savers along logarithms, in which it bends less
        saves = jnp.asarray(self.ends)[left] >= 0
        (x, y), (x1, y1) = (jnp.where(saves, end[2:], end[:2]) for end in (first, second))
        at = jnp.where(saves, jnp.log(jnp.where(saves, means, 1.0)), means)
        c = y + jnp.minimum((at - x) / (x1 - x), 1.0) * (y1 - y)
        c = jnp.where(saves, jnp.exp(c), c)
        return jnp.where(means < line[0, 0], means + self.m.limit, c)

    def best(self, saved, rate):
        """What is best consumed by one who saves so much at this rate."""
        ahead = jax.vmap(self.policy)(rate * saved + self.m.incomes)
        marginal = self.m.beta * rate * jnp.mean(ahead**-self.m.gamma)
        return marginal ** (-1 / self.m.gamma)

    def at_ends(self, risk: fe.AbstractRisk) -> fe.AbstractRisk:
        """The risk on the ends."""
        population = risk.terms[0].population
        return risk.on(fe.Empirical(np.asarray(self.ends)[:, None], population=population))

    def at_kinks(self) -> "Household":
        """The same with ends at kinks: for each the nearest one that is at no other."""
        m, ends = self.m, np.asarray(self.ends)
        log_c = np.asarray(self.log_c.coefficients)
        moved, fixed = ends.copy(), np.isin(ends, (ends[0], -FREE, 0.0, ends[-1]))
        kinks = (m.saved(ends, np) + np.exp(log_c))[fixed][:-1]
        for _ in range(GENERATIONS):
            borrowed, lent = ((kinks[:, None] - m.incomes) / R for R in (m.R_borrow, m.R_lend))
            saved = np.append(borrowed[borrowed < 0], lent[lent > 0])
            at = m.where_saved(saved)
            inside = (at > ends[0]) & (at < ends[-1])
            at, saved = at[inside], saved[inside]
            for x in at:
                nearest = np.argmin(np.abs(ends - x))
                if not fixed[nearest] and np.abs(x - moved[fixed]).min() > NEAR:
                    moved[nearest], fixed[nearest] = x, True
            kinks = saved + np.exp(np.interp(at, ends, log_c))
        return Household(broken_line(moved, np.interp(moved, ends, log_c)), m)


class EndsAtKinks(fe.AbstractSolver):
    """Solves, and again with ends at kinks."""

    solver: fe.AbstractSolver = fe.LevenbergMarquardt()

    @property
    def accuracy(self) -> float:
        return self.solver.accuracy

    def minimise(self, task) -> fe.Solution:
        found = self.solver.minimise(task)
        for _ in range(ROUNDS - 1):
            f = found.value.at_kinks()
            found = self.solver.minimise(task.at(f, risk=f.at_ends(task.risk)))
        return found
