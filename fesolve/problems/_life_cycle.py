"""Consumption over a life, from the first job to the last year."""

import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class LifeCycle:
    """A life, in units of permanent income.

    - `first`: the age of the first job.
    - `retire`: the age from which on nobody works.
    - `last`: the age at which the last period begins.
    - `years`: of a period.
    - `gamma`: the relative risk aversion.
    - `beta`: the discount factor of a year.
    - `R`: the gross interest rate of a year.
    - `growth`: of permanent income in the first year; it falls to 0 at retirement.
    - `permanent`: the standard deviation of the shock of a year to permanent log income.
    - `transitory`: that of the shock of a period to log income that passes.
    - `pension`: the part of permanent income that is paid after work.
    - `m_high`: up to which means the policy is sought.
    """

    first: int = 25
    retire: int = 65
    last: int = 85
    years: int = 4
    gamma: float = 2.0
    beta: float = 0.96
    R: float = 1 / 0.96
    growth: float = 0.04
    permanent: float = 0.1
    transitory: float = 0.2
    pension: float = 0.6
    m_high: float = 20.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_positive(gamma=self.gamma, R=self.R, pension=self.pension, m_high=self.m_high)
        check_positive(permanent=self.permanent, transitory=self.transitory)
        if not self.first < self.retire < self.last:
            raise ValueError(
                "`first`, `retire` and `last` are ages in this order; got "
                f"{self.first}, {self.retire} and {self.last}"
            )
        if self.years < 1 or (self.last - self.first) % self.years:
            span = self.last - self.first
            raise ValueError(f"`years` must divide the {span} years of a life; got {self.years}")

    @property
    def ages(self) -> np.ndarray:
        """At which periods begin, but the last."""
        return np.arange(self.first, self.last, self.years)

    @property
    def grown(self) -> np.ndarray:
        """The growth factor of permanent income from each period, but the last, to the next."""
        left = np.maximum(self.retire - self.years - self.ages, 0)
        return np.exp(self.years * self.growth * left / (self.retire - self.first))


@model(LifeCycle)
def life_cycle(m: LifeCycle) -> Problem:
    """u'(c_t) >= beta R E[G^(-gamma) u'(c_{t+1})], c_t <= m_t: consumption and saving at each age.

    Means m and consumption c are in units of permanent income, which grows by G, a trend times a
    shock, while one works: m' = R (m - c) / G + y. Income y is hit by a shock of its own, and is a
    pension from retirement on. In the last period all is consumed. Nobody may borrow: c is m or
    w, whichever is less, and w, what one would like, is a constant below the kink K_t of the age
    and K_t (m / K_t)^g above. Unknown are the kinks and g by age, all at once. Where beta R is 1
    those who have retired consume their pension and a fixed share of the rest.
    """
    periods, trend = m.ages.size, jnp.asarray(m.grown)
    beta, R = m.beta**m.years, m.R**m.years
    works = jnp.asarray(m.ages + m.years < m.retire)  # in the next period
    scales = np.array([m.permanent * math.sqrt(m.years), m.transitory])
    rule = fe.Normal(-(scales**2) / 2, scales).quadrature(5)

    def best(f, saved, age):
        """What is best consumed where so much is saved."""

        def marginal(e):
            shocks = jnp.where(works[age], jnp.exp(e), jnp.stack([1.0, m.pension]))
            grown = trend[age] * shocks[0]
            ahead = f.consumption(R * saved / grown + shocks[1], age + 1)
            return (grown * ahead) ** -m.gamma

        return (beta * R * fe.expectation(marginal, rule)) ** (-1 / m.gamma)

    def euler(f, log_m):
        """At all ages but the last."""

        def at(age):
            liked = f.liked(log_m, age)
            return 1 - liked / best(f, jnp.maximum(jnp.exp(log_m) - liked, 0.0), age)

        return jax.vmap(at)(jnp.arange(periods))

    ends = math.log(0.3), math.log(m.m_high)

    def chebyshev(degree: int = 16) -> Choice:
        f = fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), periods, start=jnp.full(periods, 0.5))
        kinks = fe.Series(fe.Indicator(periods), start=math.log(0.8))
        return Choice(lambda key: Life(f, kinks, ends[1]), 4 * degree)

    known = {}
    if m == LifeCycle():
        known = {
            f"c({means:g}) at {age}": Reference(
                lambda f, means=means, age=age: f.consumption(means, (age - m.first) // m.years),
                value,
                "an endogenous grid, age by age",
                1e-3,
            )
            for age, means, value in CONSUMPTION
        }
    return Problem(
        risk=fe.Risk(euler, fe.Uniform(*ends), tolerance=1e-3),
        hypotheses={"chebyshev": chebyshev},
        references=known,
        functions=lambda f: {
            f"c / m at {m.ages[i]}": lambda log_m, i=i: (
                f.consumption(jnp.exp(log_m), i) / jnp.exp(log_m)
            )
            for i in np.linspace(0, periods - 1, 4).astype(int).tolist()
        },
        coordinates=("log m",),
        source="Carroll (1997), Buffer-stock saving and the life cycle; Gourinchas and Parker "
        "(2002), Consumption over the life cycle",
    )


CONSUMPTION = (
    (25, 1.0, 0.9963803),
    (45, 2.0, 1.0448097),
    (65, 5.0, 1.6613019),
    (81, 5.0, 2.9792187),
)


class Life(eqx.Module):
    """Consumption out of means m, at an age, counted in periods."""

    power: fe.Series
    kinks: fe.Series
    log_high: float = eqx.field(static=True)

    @property
    def log_kinks(self) -> jax.Array:
        return self.kinks.coefficients

    def liked(self, log_means, age):
        """Below the kink a constant, and above the highest means the tangent there: consumption is
        nearly linear in large means."""
        kink, high = self.log_kinks[age], self.log_high
        log_means = jnp.maximum(log_means, kink)
        inside = jnp.minimum(log_means, high)
        power = lambda s: self.power.basis(s) @ self.power.coefficients[age]
        top, bend = jax.jvp(power, (jnp.ones_like(kink),), (jnp.ones_like(kink),))
        rise = (inside - kink) * power((inside - kink) / (high - kink))
        return jnp.exp(kink + rise) * (1 + (top + bend) * jnp.expm1(log_means - inside))

    def consumption(self, means, age):
        last = self.log_kinks.size
        log_means = jnp.log(jnp.maximum(means, 1e-6))
        c = jnp.minimum(means, self.liked(log_means, jnp.minimum(age, last - 1)))
        return jnp.where(age < last, c, means)

    def __call__(self, log_m):
        """Consumption at all ages but the last."""
        at = lambda age: self.consumption(jnp.exp(log_m), age)
        return jax.vmap(at)(jnp.arange(self.log_kinks.size))
