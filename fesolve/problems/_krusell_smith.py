"""Households who save against their own risk and that of all."""

import functools
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe

from ._krusell_smith_agents import Agents, once
from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class KrusellSmith:
    """Preferences, technology, and incomes.

    - `beta`: the discount factor.
    - `gamma`: the relative risk aversion.
    - `alpha`: the share of capital in output.
    - `delta`: the depreciation of capital.
    - `rho_y`: the autocorrelation of log income.
    - `sigma_y`: the standard deviation of its innovations.
    - `rho_z`: the autocorrelation of log productivity.
    - `sigma_z`: the standard deviation of its innovations.
    - `states`: of income, by Rouwenhorst's method.
    """

    beta: float = 0.96
    gamma: float = 1.0
    alpha: float = 0.36
    delta: float = 0.08
    rho_y: float = 0.95
    sigma_y: float = 0.2
    rho_z: float = 0.9
    sigma_z: float = 0.01
    states: int = 5

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho_y=self.rho_y, rho_z=self.rho_z)
        check_share(alpha=self.alpha, delta=self.delta)
        check_positive(gamma=self.gamma, sigma_y=self.sigma_y, sigma_z=self.sigma_z)
        if self.states < 2:
            raise ValueError(f"`states` must be at least 2; got {self.states}")

    @property
    def economy(self) -> "Economy":
        return Economy(self)

    def agents(self, number: int) -> Agents:
        """The same economy of so many households, whose assets and incomes are the state."""
        return Agents(self.economy, number)


KINKS = 0.8
"""Of income: cash below which all is consumed, in the first guess."""
STEP, EXPECTED = 0.4, 1e-5
"""How far expectations move in a round, and what they may be off in logarithms in the end."""
TOP = 150.0
"""Assets up to which policies are sought."""
NODES = TOP * np.linspace(0.0, 1.0, 150) ** 2.5
AROUND = 0.2
"""Capital stays within this of its centre, in logarithms."""
PERIODS, BURN_IN = 1_200, 200


@model(KrusellSmith)
def krusell_smith(m: KrusellSmith) -> Problem:
    """u'(c) >= beta E (1 + r') u'(c'), a' = (1 + r) a + w y - c >= 0, and K the mean of a.

    Productivity z moves all prices, K is what households hold, and tomorrow's K depends on all of
    them: the state is a distribution. Households look at its mean alone, and expect log K' to be a
    polynomial in (log K, z), which is the one that a long history of themselves shows (Krusell and
    Smith). That history is exact for its shocks: households are a histogram which policies move.

    By moments they go by that rule. By histogram nobody goes by a rule: on histograms to which the
    policy itself leads, log K' is what all households save; the rule is fitted beside it, for the
    checks. Either way the policy looks at the moments (log K, z) of the histogram.

    In each income the limit binds up to some cash, an unknown function of (log K, z), and
    consumption above it is a spline in log(1 + t), t the cash above, times polynomials in both.
    """
    economy = m.economy
    where = fe.Product(
        fe.Uniform(0.0, float(np.log1p(TOP))),
        fe.Uniform(*economy.capitals),
        fe.TruncatedNormal(0.0, economy.spread, -economy.far, economy.far),
    )

    def represented(intervals: int, degree: int):
        """Points, and households of a first guess."""
        knots = np.log1p(TOP) * np.linspace(0.0, 1.0, intervals + 1) ** 1.5
        ends = economy.capitals, (-economy.far, economy.far)
        around = [fe.Chebyshev(degree, box) for box in ends]
        padded = np.pad(knots, 3, mode="edge")
        x = np.array([padded[k + 1 : k + 4].mean() for k in range(intervals + 3)])
        x = np.sort(np.append(x, 0.5 * x[1]))
        roots = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
        others = [0.5 * (lo + hi) + 0.5 * (hi - lo) * roots for lo, hi in ends]
        points = np.stack([g.ravel() for g in np.meshgrid(x, *others, indexing="ij")], axis=-1)
        unjudged = fe.Risk(economy.euler, fe.Empirical(points, population=where), tolerance=np.inf)

        def guess():
            share = fe.Series(
                fe.Tensor(fe.BSpline(knots), *around),
                out_size=m.states,
                start=np.full(m.states, -2.5),
            )
            kinks = fe.Series(
                fe.Tensor(*around), out_size=m.states, start=np.log(KINKS * economy.incomes)
            )
            rule = fe.Series(fe.Tensor(*around, degree=degree))
            rule = fe.fit(rule, economy.guess, fe.Uniform(*zip(*ends, strict=True)).quadrature(9))
            return Households(kinks, share, fe.freeze(rule.value))

        return x, unjudged, guess

    def by_moments(intervals: int = 12, degree: int = 2, rounds: int = 12) -> Choice:
        _, unjudged, guess = represented(intervals, degree)
        points = unjudged.distribution
        draw = lambda key: economy.consistent(guess(), unjudged, rounds)

        def on_nodes(risk, n, key):
            return risk.on(points)

        return Choice(draw, points.size, on_nodes)

    def by_histogram(intervals: int = 12, degree: int = 2, rounds: int = 3) -> Choice:
        above, unjudged, guess = represented(intervals, degree)
        exact = functools.partial(economy.at_histogram, above)

        def draw(key):
            f = fe.solve(unjudged, guess()).value
            return eqx.tree_at(lambda f: f.rule, f, f.rule.value)

        solver = fe.Resample(fe.LevenbergMarquardt(max_steps=4), n=40, rounds=rounds)

        def on_own_path(risk, n, key):
            return fe.Risk(exact, economy.ergodic)

        return Choice(draw, 40, on_own_path, solver)

    return Problem(
        risk=fe.Risk(economy.euler, where, tolerance=1e-2),
        hypotheses={"by_moments": by_moments, "by_histogram": by_histogram},
        checks=economy.checks,
        functions=lambda f: {
            f"consumption, income {economy.incomes[i]:.2f}": lambda x, i=i: f(x)[i]
            for i in (0, m.states // 2, m.states - 1)
        },
        coordinates=("log(1 + cash above the limit)", "log K", "z"),
        source=(
            "Krusell and Smith (1998); parameters of Maliar, Maliar and Winant (2021), incomes by "
            "Rouwenhorst's method"
        ),
    )


class Households(eqx.Module):
    """Consumption, and what they expect of capital."""

    log_kinks: fe.Series
    logit: fe.Series
    rule: Any

    def __call__(self, p):
        """In each state, at (log(1 + t), log K, z), t the cash above its kink."""
        return jnp.exp(self.log_kinks(p[1:])) + jnp.expm1(p[0]) * jax.nn.sigmoid(self.logit(p))

    def consumption(self, cash, i, s):
        """At s = (log K, z)."""
        kink = jnp.exp(self.log_kinks(s)[i])
        t = jnp.maximum(cash - kink, 0.0)
        share = jax.nn.sigmoid(self.logit(jnp.append(jnp.log1p(t), s))[i])
        return jnp.minimum(cash, kink) + t * share


class Economy:
    """The model in numbers, and what follows from households f."""

    def __init__(self, m: KrusellSmith) -> None:
        self.m = m
        self.chain = fe.rouwenhorst(m.states, m.rho_y, m.sigma_y)
        incomes = np.exp(np.asarray(self.chain.grid))
        self.shares = np.asarray(self.chain.stationary.weights)
        self.incomes = incomes / (self.shares @ incomes)  # of mean 1
        self.shock = fe.Normal(0.0, m.sigma_z).quadrature(5)
        self.spread = m.sigma_z / np.sqrt(1.0 - m.rho_z**2)
        self.far = 5.0 * self.spread
        patient = 1.0 / m.beta - 1.0
        self.log_steady = float(np.log(m.alpha / (patient + m.delta)) / (1.0 - m.alpha))
        # above the capital of households without risk, by what they hold against it
        centre = self.log_steady + 0.15
        self.capitals = (centre - AROUND, centre + AROUND)
        self.points = (np.tile(NODES, m.states), np.repeat(np.arange(m.states), NODES.size))

    def guess(self, s):
        centre = 0.5 * sum(self.capitals)
        return centre + 0.95 * (s[0] - centre) + 0.1 * s[1]

    def prices(self, s):
        """Interest and the wage at s = (log K, z)."""
        log_rent = s[1] + (self.m.alpha - 1.0) * s[0]
        output = jnp.exp(s[1] + self.m.alpha * s[0])
        return self.m.alpha * jnp.exp(log_rent) - self.m.delta, (1.0 - self.m.alpha) * output

    def cash(self, a, i, s):
        rate, wage = self.prices(s)
        return (1.0 + rate) * a + wage * jnp.asarray(self.incomes)[i]

    def euler(self, f, p):
        """In units of consumption, in each state, where capital follows the expectations."""
        return self.residual(f, p, f.rule(p[1:]))

    def residual(self, f, p, k1):
        """The same where log K will be k1."""
        m, states, c = self.m, jnp.arange(self.m.states), f(p)
        saved = jnp.exp(f.log_kinks(p[1:])) + jnp.expm1(p[0]) - c

        def tomorrow(e):
            s1 = jnp.stack([k1, m.rho_z * p[2] + e])
            return s1, lambda cash, j: f.consumption(cash, j, s1)

        return 1.0 - self.asked(tomorrow, saved, states) / c

    def asked(self, tomorrow, saved, i):
        """Consumption that Euler's equation asks of households in the states i who save so much;
        `tomorrow(e)` is (log K, z) after a shock, and the policy c(cash, state) there."""

        def worth(e):
            s1, policy = tomorrow(e)
            later = lambda a, j: policy(self.cash(a, j, s1), j)
            states = jnp.arange(self.m.states)
            c1 = jax.vmap(lambda a: jax.vmap(lambda j: later(a, j))(states))(saved)
            marginal = jnp.sum(self.chain.transition[i] * c1**-self.m.gamma, axis=1)
            return self.m.beta * (1.0 + self.prices(s1)[0]) * marginal

        return fe.expectation(worth, self.shock) ** (-1.0 / self.m.gamma)

    def at_histogram(self, above, f, x):
        """The same at the histogram x, which says what log K will be, at some cash above kinks; and
        how far off the best rule for log K is, which nobody goes by."""
        s, k1 = jnp.stack([x["k"], x["z"]]), once(lambda f: self.step(f, x, 0.0)["k"], f)
        at = lambda t: self.residual(f, jnp.append(t, s), k1)
        return {"euler": jnp.ravel(jax.vmap(at)(jnp.asarray(above))), "rule": f.rule(s) - k1}

    def saved(self, f, a, i, s):
        cash = self.cash(a, i, s)
        return cash - f.consumption(cash, i, s)

    def step(self, f, x, e):
        """The histogram of households, log K and z, a period on."""
        s = jnp.stack([x["k"], x["z"]])
        law = fe.Histogram(self.saved, NODES, self.chain, args=(s,)).given(f)
        mass = law.after(fe.Empirical(self.points, x["mass"])).weights
        mass = mass / jnp.sum(mass)  # what rounding, or a neighbouring state, adds does not stay
        k = jnp.log(jnp.sum(mass * self.points[0]))
        return {"mass": mass, "k": k, "z": self.m.rho_z * x["z"] + e}

    @property
    def ergodic(self):
        """Histograms, log K and z on a long path of the economy."""
        flat = np.exp(-NODES / np.exp(sum(self.capitals) / 2))
        mass = np.outer(self.shares, flat / flat.sum()).ravel()
        k = np.log(mass @ self.points[0])
        start = fe.Dirac({"mass": mass, "k": np.asarray(k), "z": np.asarray(0.0)})
        shock = fe.Normal(0.0, self.m.sigma_z)
        return fe.Ergodic(self.step, start, shock, periods=PERIODS, burn_in=BURN_IN)

    def history(self, f, key):
        """Such a path, in the order of time."""
        return self.ergodic.given(f).simulate(PERIODS - BURN_IN, key=key)

    def consistent(self, f: Households, risk: fe.AbstractRisk, rounds: int) -> Households:
        """Households whose expectations are what comes of them, within `EXPECTED`."""
        for _ in range(rounds):
            f = fe.solve(risk, f).value
            path = self.history(f, jr.key(0))
            s, k1 = jnp.stack([path["k"], path["z"]], axis=-1)[:-1], path["k"][1:]
            fitted = fe.Risk(lambda g, s, k1: g(s) - k1, fe.Data(s, k1), tolerance=np.inf)
            old = f.rule.value
            new = fe.solve(fitted, old).value
            change = float(jnp.max(jnp.abs(jax.vmap(new)(s) - jax.vmap(old)(s))))
            # all the way would overshoot: who expects more capital saves less
            coefficients = old.coefficients + STEP * (new.coefficients - old.coefficients)
            rule = eqx.tree_at(lambda g: g.coefficients, old, coefficients)
            f = eqx.tree_at(lambda f: f.rule, f, fe.freeze(rule))
            if change < EXPECTED:
                break
        return f

    def expectations(self, f, key) -> tuple[float, float]:
        """R^2 of log K' given (log K, z), and the largest distance from the history of a path that
        follows the expectations alone, with the same productivities (Den Haan)."""
        path = self.history(f, key)
        k, z = path["k"], path["z"]
        one = jax.vmap(f.rule)(jnp.stack([k, z], axis=-1))
        missed = jnp.var(k[1:] - one[:-1]) / jnp.var(k[1:])
        alone = jax.lax.scan(lambda k, z: (f.rule(jnp.stack([k, z])), k), k[0], z)[1]
        return float(1.0 - missed), float(jnp.max(jnp.abs(alone - k)))

    def euler_errors(self, f, key, dates: int = 20) -> float:
        """The mean over households at some dates of |Euler error|, 0 where the limit binds, by what
        capital will be, and not by what is expected of it."""
        path = self.history(f, key)
        every = (PERIODS - BURN_IN) // dates
        assets, states = (jnp.asarray(part) for part in self.points)

        def at(k, z, mass, k1):
            s = jnp.stack([k, z])
            cash = jax.vmap(lambda a, i: self.cash(a, i, s))(assets, states)
            above = cash - jnp.exp(f.log_kinks(s))[states]
            x = jnp.log1p(jnp.maximum(above, 0.0))
            r = jax.vmap(lambda x, i: self.residual(f, jnp.append(x, s), k1)[i])(x, states)
            return jnp.sum(mass * jnp.where(above > 0.0, jnp.abs(r), 0.0))

        k, z, mass = path["k"], path["z"], path["mass"]
        parts = (k[:-1:every], z[:-1:every], mass[:-1:every], k[1::every])
        return float(jnp.mean(jax.lax.map(lambda part: at(*part), parts)))

    def checks(self, f) -> list[fe.Check]:
        """By a history of shocks that the expectations were not fitted to."""
        explained, apart = self.expectations(f, jr.key(1))
        error = self.euler_errors(f, jr.key(1))
        return [
            fe.Check("R^2", explained, explained > 0.999, f"of log K' it is {explained:.6f}"),
            fe.Check(
                "Den Haan",
                apart,
                apart < 5e-3,
                f"expectations alone stay within {apart:.2%} of capital for "
                f"{PERIODS - BURN_IN:,} periods",
            ),
            fe.Check(
                "Euler errors", error, error < 1e-3, f"{error:.1e} of consumption, in the mean"
            ),
        ]
