"""The income fluctuation problem."""

import math
from dataclasses import astuple, dataclass, replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class IncomeFluctuation:
    """Preferences, interest, income, and the wealth that is looked at.

    - `gamma`: the relative risk aversion.
    - `beta`: the discount factor.
    - `R`: the gross interest rate, with beta R below 1.
    - `mu`: the mean of log income.
    - `sigma`: the standard deviation of log income.
    - `a_low`: the equation holds on [a_low, a_high].
    - `a_high`: see `a_low`.
    """

    gamma: float = 1.5
    beta: float = 0.96
    R: float = 1.01
    mu: float = 0.1
    sigma: float = 0.1
    a_low: float = 0.05
    a_high: float = 20.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_positive(gamma=self.gamma, R=self.R, sigma=self.sigma, a_low=self.a_low)
        if not self.beta * self.R < 1.0:
            raise ValueError(
                f"`beta` R is {self.beta * self.R:.6g}: from 1 on savings grow without bound, and "
                "there is no solution to find"
            )


@model(IncomeFluctuation)
def income_fluctuation(m: IncomeFluctuation) -> Problem:
    """u'(c) >= beta R E u'(c'), c <= a, one of them equal: saving with income risk and no credit.

    Tomorrow's wealth is a' = R (a - c) + Y with log Y normal and independent over time. With c*
    the consumption at which the first condition is an equality, c(a) = min(a, c*): both are written
    as one equation, in units of consumption, by the function of Fischer and Burmeister around the
    expectation. c has a kink at the wealth K from which on something is saved: the classes have it
    as well, and K is one of the unknowns. c* is continued below K, where it does not matter for c,
    as what one would like to consume: there the minimum hides it from the derivatives of c, and
    the solver could not move K.
    """
    gamma, beta, R, mu, sigma, a_low, a_high = astuple(m)
    income = fe.LogNormal(mu, sigma).quadrature(15)
    # of log(a / K): up to the most that one may have tomorrow
    span = math.log(max(R, 1.0) * a_high + math.exp(mu + 6.0 * sigma)) - mu + 2.0 * sigma

    def step(f, g, a):
        """Today's choice is f, tomorrow's g."""
        saved = a - f(a)
        marginal = fe.expectation(lambda y: g(R * saved + y) ** -gamma, income)
        best = (beta * R * marginal) ** (-1.0 / gamma)
        return {
            "euler": 1.0 - f.wanted(a) / best,
            "complementarity": fe.fischer_burmeister(1.0 - f(a) / a, 1.0 - f(a) / best),
        }

    def household(f, a):
        return step(f, f, a)

    def bounded(power):
        return Bounded(jnp.asarray(mu), power)

    def chebyshev(degree: int = 16) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (0.0, span)), start=0.25)
        return Choice(lambda key: bounded(series), points=16 * degree, sample=in_logs)

    def spline(intervals: int = 16) -> Choice:
        knots = span * np.linspace(0.0, 1.0, intervals + 1) ** 1.5
        series = fe.Series(fe.BSpline(knots), start=0.25)
        return Choice(lambda key: bounded(series), points=16 * intervals, sample=in_logs)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": (0.0, span)}
            return bounded(fe.MLP("scalar", "scalar", **sizes, start=0.25, key=key))

        return Choice(draw, points=200, sample=in_logs)

    def time_iteration(degree: int = 16) -> Choice:
        return replace(chebyshev(degree), solver=fe.FixedPoint(step))

    def in_logs(risk, points, key):
        """Collocation at points that are spread evenly in log a."""
        rule = fe.Uniform(math.log(a_low), math.log(a_high)).quadrature(points)
        nodes = fe.Empirical(np.exp(rule.points), rule.weights)
        return risk.on(nodes)

    where = fe.Uniform(a_low, a_high)
    risk = fe.Risk(household, where, tolerance=1e-4)
    references = {
        f"c({at})": Reference(lambda f, at=at: f(jnp.asarray(at)), value, "an endogenous grid")
        for at, value in CONSUMPTION
    }
    references["kink"] = Reference(lambda f: f.kink, 1.0933195, "an endogenous grid")
    return Problem(
        risk=risk,
        hypotheses={
            "chebyshev": chebyshev,
            "spline": spline,
            "mlp": mlp,
            "time_iteration": time_iteration,
        },
        references=references if m == IncomeFluctuation() else {},
        functions=lambda f: {"consumption": f},
        coordinates=("a",),
        source="the income fluctuation problem of QuantEcon's lectures",
    )


class Bounded(eqx.Module):
    """c(a) = min(a, c*(a)), with c*(a) = K below K and K (a / K)^g(log(a / K)) from there on.

    Where nothing is saved tomorrow does not depend on a, nor does c*: so K, at which they meet, is
    the kink, and an unknown like g. A guess of the right order keeps the solver from the paths of
    overaccumulation, which satisfy the equation too, and leave every interval.
    """

    log_kink: jax.Array
    power: eqx.Module

    @property
    def kink(self):
        return jnp.exp(self.log_kink)

    def wanted(self, a):
        t = jnp.maximum(jnp.log(a) - self.log_kink, 0.0)
        return self.kink * jnp.exp(t * self.power(t))

    def __call__(self, a):
        return jnp.minimum(a, self.wanted(a))


# Carroll's endogenous grid method with 4,001 points and 15 nodes
CONSUMPTION = (
    (1.5, 1.2131959),
    (2.0, 1.2947364),
    (4.0, 1.4968221),
    (8.0, 1.7693348),
    (16.0, 2.1855815),
)
