"""Search and matching, with vacancies that may stop."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class SearchAndMatching:
    """A labour market, a week a period.

    - `beta`: the discount factor.
    - `separation`: the share of matches that end in a week.
    - `eta`: the bargaining weight of workers.
    - `benefit`: what the unemployed have, in units of mean output.
    - `cost`: of a vacancy that is kept open for a week.
    - `iota`: the curvature of the matching function.
    - `rho`: the autocorrelation of log productivity.
    - `sigma`: the standard deviation of its innovations.
    """

    beta: float = 0.99 ** (1 / 12)
    separation: float = 0.0081
    eta: float = 0.052
    benefit: float = 0.955
    cost: float = 0.584
    iota: float = 0.407
    rho: float = 0.9895
    sigma: float = 0.0034

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_share(separation=self.separation, eta=self.eta)
        check_positive(cost=self.cost, iota=self.iota, sigma=self.sigma)


@model(SearchAndMatching)
def search_and_matching(m: SearchAndMatching) -> Problem:
    """J(z) = beta E[(1 - eta) (exp(z') - benefit) - eta cost theta(z') + (1 - separation) J(z')],
    with cost = q(theta) J as long as vacancies are posted: what a match is worth to a firm
    tomorrow, as it is expected today.

    Tightness theta, vacancies per unemployed, follows from J, since a vacancy is filled with
    probability q(theta) = (1 + theta^iota)^(-1/iota): theta = ((J / cost)^iota - 1)^(1/iota), and
    0 where J < cost. In bad times no vacancy is posted. The expectation of what has a kink has
    none, so that J, and not theta, is what is solved for.

    z leaves any box: the points of its own law fill eight standard deviations, and what is beyond
    does not matter. On 3.5 of them the same equation is solved to rounding by a J that is wrong
    by per cents and more.
    """
    beta, separation, eta, benefit, cost, iota, rho, sigma = astuple(m)
    spread = sigma / math.sqrt(1.0 - rho**2)
    ends = (-8.0 * spread, 8.0 * spread)

    def tightness(value: Array) -> Array:
        posted = value > cost * (1 + 1e-12)
        ratio = jnp.where(posted, value / cost, 2.0)  # no root of 0 is differentiated
        return jnp.where(posted, (ratio**iota - 1.0) ** (1.0 / iota), 0.0)

    def free_entry(value, z, e):
        z1 = rho * z + e
        ahead = value(z1)
        flow = (1.0 - eta) * (jnp.exp(z1) - benefit) - eta * cost * tightness(ahead)
        return (value(z) - beta * (flow + (1.0 - separation) * ahead)) / cost

    def chebyshev(degree: int = 40) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, ends), start=1.2 * cost)
        return Choice(lambda key: series, points=2 * degree)

    def spline(intervals: int = 40) -> Choice:
        series = fe.Series(fe.BSpline(intervals, ends), start=1.2 * cost)
        return Choice(lambda key: series, points=4 * intervals)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        def draw(key: Any) -> fe.MLP:
            return fe.MLP("scalar", "scalar", width=width, depth=depth, support=ends, key=key)

        return Choice(draw, points=100)

    states = fe.TruncatedNormal(0.0, spread, *ends)
    shock = fe.Normal(0.0, sigma).quadrature(9)
    source = "cubic splines on 3,201 nodes, 15 shocks, by iteration to a fixed point"
    theta_at = lambda z: lambda f: tightness(f(z))
    known = {
        "tightness at the mean": Reference(theta_at(0.0), 0.63477812, source, 1e-5),
        "tightness in bad times": Reference(theta_at(-spread), 0.32167175, source, 1e-5),
    }
    return Problem(
        risk=fe.Risk(free_entry, states, shock=shock),
        hypotheses={"chebyshev": chebyshev, "spline": spline, "mlp": mlp},
        references=known if m == SearchAndMatching() else {},
        functions=lambda f: {"J": f, "tightness": lambda z: tightness(f(z))},
        coordinates=("z",),
        source="Diamond, Mortensen and Pissarides; Hagedorn and Manovskii (2008), weekly, with the "
        "matching function of den Haan, Ramey and Watson (2000)",
    )
