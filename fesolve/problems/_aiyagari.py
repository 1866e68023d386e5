"""Households who save against their own risk, and the capital of firms that they own."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class Aiyagari:
    """Preferences, incomes and technology.

    - `beta`: the discount factor.
    - `gamma`: the relative risk aversion.
    - `alpha`: the share of capital in output.
    - `delta`: the depreciation of capital.
    - `rho`: the autocorrelation of log income.
    - `sigma`: the standard deviation of log income in the long run.
    - `states`: of income, by Rouwenhorst's method.
    """

    beta: float = 0.96
    gamma: float = 2.0
    alpha: float = 0.36
    delta: float = 0.08
    rho: float = 0.6
    sigma: float = 0.2
    states: int = 7

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_share(alpha=self.alpha, delta=self.delta)
        check_positive(gamma=self.gamma, sigma=self.sigma)
        if self.states < 2:
            raise ValueError(f"`states` must be at least 2; got {self.states}")


TOP = 60.0
"""Assets up to which policies are sought; hardly anybody holds more."""


@model(Aiyagari)
def aiyagari(m: Aiyagari) -> Problem:
    """u'(c_i(a)) >= beta (1 + r) E u'(c_j(a')), a' = (1 + r) a + w y_i - c_i(a) >= 0, and E a = K.

    Incomes move by a Markov chain, nobody may borrow, and what households hold is the capital K of
    firms, who pay r and w. In each state the limit binds up to some cash K_i, an unknown, and
    consumption above it is K_i + t s_i, t the cash above K_i: the Euler equation then holds with
    equality for all t >= 0. s_i is a spline in log(1 + t), with nothing that would keep it between
    0 and 1, so that Newton's method takes half a dozen steps.

    Households in the long run are a histogram, and the rate is the one at which they hold K: a
    root (`fe.equilibrium`) around solves of the household, of which the last is judged.
    """
    economy = Economy(m)
    chain, states = economy.chain, np.arange(m.states)

    def euler(f, x):
        """In units of consumption, at log(1 + t) of cash t above the kink of each state."""
        c = f(x)
        saved = f.kinks + jnp.expm1(x) - c
        cash = jax.vmap(lambda a: jax.vmap(lambda j: economy.cash(f, a, j))(states))(saved)
        tomorrow = jax.vmap(lambda row: jax.vmap(f.consumption)(row, states))(cash)
        marginal = jnp.sum(chain.transition * tomorrow**-m.gamma, axis=1)
        return 1.0 - (m.beta * (1.0 + f.rate) * marginal) ** (-1.0 / m.gamma) / c

    where = fe.Uniform(0.0, float(np.log1p(TOP)))

    def spline(intervals: int = 32) -> Choice:
        # dense at the kink, beyond which consumption bends where tomorrow's limit begins to bind
        knots = np.log1p(TOP) * np.linspace(0.0, 1.0, intervals + 1) ** 1.5
        # as many points as coefficients, each where its spline is largest; two beside the kink
        padded = np.pad(knots, 3, mode="edge")
        points = np.array([padded[k + 1 : k + 4].mean() for k in range(intervals + 3)])
        points = np.sort(np.append(points, 0.5 * points[1]))

        def sample(risk, points_, key):
            return risk.on(fe.Empirical(points, population=where))

        def draw(key):
            share = fe.Series(fe.BSpline(knots), out_size=m.states, start=np.full(m.states, 0.08))
            start = Household(fe.Series(fe.Indicator(m.states)), share, np.zeros(()))
            unjudged = sample(fe.Risk(euler, where, tolerance=np.inf), intervals, key)
            return economy.cleared(start, lambda f: fe.solve(unjudged, f).value)

        return Choice(draw, intervals + 4, sample)

    middle = m.states // 2
    references = {
        "rate": Reference(lambda f: jnp.asarray(f.rate), 0.0401166, REFERENCE, 2e-5),
        "consumption": Reference(
            lambda f: f.consumption(economy.cash(f, 5.0, middle), middle), 1.422197, REFERENCE, 1e-4
        ),
        "share_at_the_limit": Reference(economy.at_limit, 0.005187, REFERENCE, 5e-3),
        "deviation_of_assets": Reference(economy.deviation, 4.2686, REFERENCE),
    }
    return Problem(
        risk=fe.Risk(euler, where),
        hypotheses={"spline": spline},
        references=references if m == Aiyagari() else {},
        functions=lambda f: {
            f"consumption, income {economy.incomes[i]:.2f}": lambda x, i=i: f(x)[i]
            for i in (0, middle, m.states - 1)
        },
        checks=lambda f: [economy.clears(f)],
        coordinates=("log(1 + cash above the limit)",),
        source="Aiyagari (1994), with incomes by Rouwenhorst's method",
    )


REFERENCE = "endogenous grid and histogram, extrapolated from 1,200 and 2,400 nodes"


class Household(eqx.Module):
    """Consumption by cash and state, and the rate of interest that it belongs to."""

    log_kink: fe.Series
    share: fe.Series
    rate: Any

    @property
    def kinks(self):
        return jnp.exp(self.log_kink.coefficients)

    def __call__(self, x):
        """In each state, at cash expm1(x) above its kink."""
        return self.kinks + jnp.expm1(x) * self.share(x)

    def consumption(self, cash, i):
        kink = self.kinks[i]
        t = jnp.maximum(cash - kink, 0.0)
        return jnp.minimum(cash, kink) + t * self.share(jnp.log1p(t))[i]


class Economy:
    """The model in numbers, and what follows from households f."""

    def __init__(self, m: Aiyagari) -> None:
        self.m = m
        self.chain = fe.rouwenhorst(m.states, m.rho, m.sigma * np.sqrt(1.0 - m.rho**2))
        self.incomes = np.exp(np.asarray(self.chain.grid))
        self.labour = float(np.asarray(self.chain.stationary.weights) @ self.incomes)
        self.nodes = TOP * np.linspace(0.0, 1.0, 2_000) ** 2.5

    def capital(self, rate):
        """What firms use."""
        return self.labour * (self.m.alpha / (rate + self.m.delta)) ** (1.0 / (1.0 - self.m.alpha))

    def wage(self, rate):
        return (1.0 - self.m.alpha) * (self.capital(rate) / self.labour) ** self.m.alpha

    def cash(self, f, a, i):
        return (1.0 + f.rate) * a + self.wage(f.rate) * jnp.asarray(self.incomes)[i]

    def saved(self, f, a, i):
        """Tomorrow's assets."""
        cash = self.cash(f, a, i)
        return cash - f.consumption(cash, i)

    def households(self, f) -> tuple[np.ndarray, np.ndarray]:
        """Assets in the long run, and how many hold them."""
        q = fe.Histogram(self.saved, self.nodes, self.chain).given(f).stationary
        return np.asarray(q.points[0]), np.asarray(q.weights)

    def excess(self, f):
        """log E a / K"""
        assets, mass = self.households(f)
        return np.log(mass @ assets / self.capital(float(jnp.asarray(f.rate))))

    def at_limit(self, f):
        assets, mass = self.households(f)
        return mass @ (assets == 0.0)

    def deviation(self, f):
        assets, mass = self.households(f)
        return np.sqrt(mass @ (assets - mass @ assets) ** 2)

    def clears(self, f) -> "fe.Check":
        gap = abs(float(self.excess(f)))
        sentence = f"what households hold is off the capital of firms by {gap:.1e} of it"
        return fe.Check("clearing", gap, gap < 1e-8, sentence)

    def cleared(self, start: Household, solved: Callable[[Household], Household]) -> Household:
        """The household at the rate that clears: each solve starts where the last has ended."""
        latest = [start]

        def at(log_gap: Any) -> Household:
            """`log_gap`: of 1 / beta - 1 - r, in which what households hold is nearly linear."""
            rate = np.asarray(1.0 / self.m.beta - 1.0 - np.exp(np.asarray(log_gap)))
            latest[0] = solved(eqx.tree_at(lambda f: f.rate, latest[0], fe.freeze(rate)))
            return latest[0]

        @functools.cache
        def excess(log_gap: float) -> float:
            return float(self.excess(at(log_gap)))

        low, high = float(np.log(0.001)), float(np.log(0.0025))
        while excess(high) > 0:
            low, high = high, high + 1.0
        while excess(low) < 0:
            low, high = low - 1.0, low
        return at(fe.equilibrium(lambda log_gap: np.asarray(excess(float(log_gap))), low, high))
