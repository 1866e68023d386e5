"""A sovereign who may default on his debt."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class SovereignDefault:
    """Preferences, income, and what default costs.

    - `beta`: the discount factor.
    - `gamma`: the relative risk aversion, above 1.
    - `r`: the interest rate without risk.
    - `theta`: the probability that one who has defaulted may borrow again.
    - `rho`: the autocorrelation of log income.
    - `eta`: the standard deviation of its innovations.
    - `kept`: while he may not borrow his income is at most this part of its mean.
    - `states`: of income, by Rouwenhorst's method; of a continuous income its nodes, 25 say.
    - `continuous`: whether log income is normal, and no chain.
    - `scale`: of shocks to the taste for default, in units of the value; 0 for none.
    """

    beta: float = 0.953
    gamma: float = 2.0
    r: float = 0.017
    theta: float = 0.282
    rho: float = 0.945
    eta: float = 0.025
    kept: float = 0.969
    states: int = 9
    continuous: bool = False
    scale: float = 0.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(r=self.r, eta=self.eta, kept=self.kept)
        check_share(theta=self.theta)
        if not self.gamma > 1.0:
            raise ValueError(
                f"`gamma` must be above 1, so that utility is bounded; got {self.gamma}"
            )
        if not self.beta * (1.0 + self.r) < 1.0:
            raise ValueError(
                "`beta` (1 + `r`) must be below 1: a patient sovereign does not borrow"
            )
        if not self.scale >= 0.0:
            raise ValueError(f"`scale` must be at least 0; got {self.scale}")
        if self.continuous and self.states < 15:
            raise ValueError(
                f"`states` are the nodes of a continuous income, at least 15; got {self.states}: "
                "take 25"
            )
        if self.continuous and self.scale:
            raise ValueError(
                "`scale` is for the incomes of a chain: those that are `continuous` make prices "
                f"smooth by themselves; got {self.scale}"
            )


LOW, HIGH = -0.35, 0.15
BONDS = np.linspace(LOW, HIGH, 1_001)
ZERO = int(np.argmin(np.abs(BONDS)))
# where income is continuous prices are steep at small debts, which are nearer to each other
DENSE = np.where(BONDS < 0.0, BONDS * (0.1 + 0.9 * BONDS / LOW), BONDS)


@model(SovereignDefault)
def sovereign_default(m: SovereignDefault) -> Problem:
    """V_i(b) = max{W_i(b), D_i}, W_i(b) = max_{b'} u(y_i + b - q_i(b') b') + beta E V(b').

    A sovereign repays, which is worth W, or defaults, D_i = u(min(y_i, kept E y)) + beta E[theta
    V(0) + (1 - theta) D]. Lenders know that: q_i(b') = P(he repays tomorrow) / (1 + r). Without
    shocks to taste default begins at a debt t_j for each income, q_i falls by a step at each t_j,
    and b' stands mostly on the edge of a step. So the t_j are found, and are among the b' that are
    looked at, besides those of a grid. With shocks to taste prices are smooth; their scale may go
    to 0 (`to_no_shocks`).

    Value iteration converges from everywhere, and Anderson's acceleration makes it four times
    shorter. W has kinks where b' goes from one step to the next, so that splines leave an error
    around them, and no smooth class tells how large it is: the references do.

    An income that is `continuous` makes prices smooth: q(b', y) is the probability that income is
    above that at which he defaults on b', the inverse of t. In log income W is a cubic spline
    through its nodes, and of the maximum of W and D, on a finer grid, the expectation is exact for
    lines.
    """
    sovereign = Sovereign(m)

    def step(f, g, b, scale):
        """Today's value is f, tomorrow's, and lenders' view of it, g."""
        return f(b) - sovereign.repaying(g, b, scale)

    def bellman(f, b, scale):
        return step(f, f, b, scale)

    def spline(intervals: int = 30) -> Choice:
        knots = np.linspace(LOW, HIGH, intervals + 1)
        start = np.asarray(sovereign.utility(sovereign.incomes)) / (1.0 - m.beta)
        series = fe.Series(fe.BSpline(knots), out_size=m.states, start=start)
        # as many points as coefficients, each where its spline is largest
        padded = np.pad(knots, 3, mode="edge")
        points = np.array([padded[k + 1 : k + 4].mean() for k in range(intervals + 3)])

        def sample(risk, points_, key):
            return risk.on(fe.Empirical(points, population=where))

        return Choice(lambda key: series, intervals + 3, sample, iteration)

    def to_no_shocks(intervals: int = 30) -> Choice:
        choice = spline(intervals)
        first = choice.sample(smoothed(0.02), choice.points, None)
        return replace(choice, solver=fe.Continuation(first, iteration, steps=2))

    def smoothed(scale: float) -> fe.AbstractRisk:
        return fe.Risk(bellman, where, args=(scale,), tolerance=1e-3)

    middle, apart = m.states // 2, m.states // 4 if m.continuous else m.states // 2 - 1
    shown = (middle - apart, middle, middle + apart)
    iteration = fe.FixedPoint(step, anderson=2, tolerance=1e-7 if m.continuous else 1e-8)
    where = fe.Uniform(LOW, HIGH)
    known = {
        SovereignDefault(): (MOMENTS, "value iteration on a grid of 1,601 debts"),
        SovereignDefault(continuous=True, states=25): (
            CONTINUOUS,
            "value iteration on 3,201 debts and 641 incomes",
        ),
    }
    moments, source = known.get(m, ({}, ""))
    return Problem(
        risk=smoothed(m.scale),
        hypotheses={"spline": spline}
        if m.continuous
        else {"spline": spline, "to_no_shocks": to_no_shocks},
        references={
            name: Reference(sovereign.moments, value, source, tolerance)
            for name, (value, tolerance) in moments.items()
        },
        functions=lambda f: {
            f"price, income {sovereign.incomes[i]:.2f}": lambda b, i=i: sovereign.price(f, b)[i]
            for i in shown
        },
        coordinates=("b",),
        source="Arellano (2008), with incomes by Rouwenhorst's method, or continuous ones",
    )


class Incomes(NamedTuple):
    """Of today, in logs, with the weights of tomorrow's values in the expectation given each."""

    log: np.ndarray
    ahead: np.ndarray


class Offers(NamedTuple):
    """What can be chosen: b', its price and beta E V(b') by today's income."""

    following: Any
    price: Any
    ahead: Any
    today: Incomes


class Sovereign:
    """The model in numbers, and what follows from a value f of repaying."""

    def __init__(self, m: SovereignDefault) -> None:
        self.m, self.bonds = m, DENSE if m.continuous else BONDS
        if m.continuous:
            spread = m.eta / np.sqrt(1.0 - m.rho**2)
            self.mean = float(np.exp(spread**2 / 2.0))
            grid, fine = (np.linspace(-4.0, 4.0, n) * spread for n in (m.states, FINE))
            # where default begins to cost income D has a kink, and so has t
            self.fine_grid = np.unique(np.append(fine, np.log(m.kept * self.mean)))
            self.fine = interpolation(grid, self.fine_grid)
            self.transition = expected(m, grid, self.fine_grid)
            self.chain = normal_chain(m, np.linspace(-4.0, 4.0, LONG_RUN) * spread)
            # today's incomes of the long run, with the weights of tomorrow's
            run = np.asarray(self.chain.grid)
            self.run = Incomes(run, expected(m, run, self.fine_grid))
        else:
            self.chain = fe.rouwenhorst(m.states, m.rho, m.eta)
            grid = self.fine_grid = np.asarray(self.chain.grid)
            self.fine, self.transition = np.eye(m.states), np.asarray(self.chain.transition)
            self.mean = float(np.asarray(self.chain.stationary.weights) @ np.exp(grid))
            self.run = Incomes(grid, self.transition)
        self.today = Incomes(grid, self.transition)
        self.log_incomes, self.incomes = grid, np.exp(grid)
        kept = np.minimum(np.exp(self.fine_grid), m.kept * self.mean)
        self.alone = np.asarray(self.utility(kept))
        stays = m.beta * (1.0 - m.theta) * self.fine @ self.transition
        self.inverse = np.linalg.inv(np.eye(kept.size) - stays)

    def utility(self, c):
        """Below a tenth of mean income, where nobody goes, it is a line."""
        power, least = 1.0 - self.m.gamma, 0.1 * self.mean
        line = least**power * (1.0 / power + c / least - 1.0)
        return jnp.where(c > least, jnp.maximum(c, least) ** power / power, line)

    def values(self, f):
        """On the grid the value of repaying; that of default; the debts from which on one defaults,
        and the values of repaying there; all at the incomes of tomorrow."""
        bonds = jnp.asarray(self.bonds)
        w = jax.vmap(f)(bonds) @ self.fine.T
        # f is asked again where it counts, so that derivatives do not pass through all of w
        own = lambda b: jnp.sum(jax.vmap(f)(b) * self.fine, axis=1)
        # who owes nothing repays
        again = self.fine @ f(bonds[ZERO])
        again = self.m.beta * self.m.theta * self.fine @ (self.transition @ again)
        d = self.inverse @ (self.alone + again)
        k = jnp.clip(jnp.argmax(w >= d[None], axis=0) - 1, 0, bonds.size - 2)
        low, high = own(bonds[k]), own(bonds[k + 1])
        # an income at which nobody defaults on the grid would do so beyond it
        least = -jnp.inf if self.m.continuous else 0.0
        share = jnp.clip((d - low) / (high - low), least, 1.0)
        at = w[k] + share[:, None] * (w[k + 1] - w[k])
        # of an income itself both are worth the same, or none is so poor that he defaults
        at = jnp.where(np.eye(d.size, dtype=bool), jnp.maximum(at, d[None]), at)
        return w, d, bonds[k] + share * (bonds[k + 1] - bonds[k]), at

    def offers(self, f, scale=0.0, today=None):
        """What can be chosen, on the grid and where default begins: b', its price by today's
        income, and beta E V(b')."""
        today = self.today if today is None else today
        w, d, t, at = self.values(f)
        bonds = jnp.asarray(self.bonds)
        if self.m.continuous:  # no steps
            repaid = lambda b: self.repaid(b, t, today.log)
            price = jax.vmap(repaid)(bonds) / (1.0 + self.m.r)
            value = jnp.maximum(w, d[None])
            return Offers(bonds[:, None], price, self.m.beta * value @ today.ahead.T, today)
        choose = lambda w, d: fe.discrete_choice(jnp.stack([w, d]), scale)
        value, chosen = jax.vmap(jax.vmap(choose), (0, None))(jnp.concatenate([w, at]), d)
        price = chosen[..., 0] @ today.ahead.T / (1.0 + self.m.r)
        b = jnp.concatenate([bonds, t])
        return Offers(b[:, None], price, self.m.beta * value @ today.ahead.T, today)

    def repaying(self, f, b, scale=0.0):
        """W(b) by income. Where income is continuous it moves as what is best now is worth, and not
        with each of a thousand b'."""
        best = lambda f, b: jnp.max(self.worth(b, self.offers(f, scale)), axis=0)
        if not self.m.continuous:
            return best(f, b)
        arrays, rest = eqx.partition(f, eqx.is_inexact_array)
        value = jax.custom_jvp(lambda arrays, b: best(eqx.combine(arrays, rest), b))

        @value.defjvp
        def _(given, along):
            chosen = self.chosen_at(eqx.combine(given[0], rest), given[1])
            worth = lambda arrays, b: self.worth(b, self.offered(eqx.combine(arrays, rest), chosen))
            found, slope = jax.jvp(worth, given, along)
            return found[0], slope[0]

        return value(arrays, b)

    def chosen_at(self, f, b):
        """The best b' on the grid, by income."""
        offers = self.offers(f)
        return offers.following[jnp.argmax(self.worth(b, offers), axis=0), 0]

    def offered(self, f, following):
        """A b' for each income of today, where income is continuous."""
        _, d, t, _ = self.values(f)
        price = jax.vmap(lambda b, y: self.repaid(b, t, y))(following, self.log_incomes)
        value = jnp.maximum(jax.vmap(f)(following) @ self.fine.T, d[None])
        ahead = self.m.beta * jnp.sum(value * self.transition, axis=1)
        return Offers(following[None], price[None] / (1.0 + self.m.r), ahead[None], self.today)

    def worth(self, b, offers):
        """Of each offer to one who owes -b and repays, by income."""
        cash = jnp.exp(offers.today.log) + b
        return self.utility(cash[None] - offers.price * offers.following) + offers.ahead

    def repaid(self, b, t, log_incomes):
        """P(he repays b tomorrow) by income today, where income is continuous."""
        # along the logarithm of debt, in which it bends little
        log = lambda debt: jnp.log(jnp.maximum(debt, 1e-6))
        least = jnp.interp(log(-b), log(-t), jnp.asarray(self.fine_grid))
        least = jnp.where(b > 0.0, -jnp.inf, least)
        mean = self.m.rho * jnp.asarray(log_incomes)
        return jax.scipy.special.ndtr((mean - least) / self.m.eta)

    def price(self, f, b):
        """q_i(b) without shocks to taste."""
        if self.m.continuous:
            return self.repaid(b, self.values(f)[2], self.log_incomes) / (1.0 + self.m.r)
        return self.transition @ jnp.asarray(b >= self.values(f)[2], float) / (1.0 + self.m.r)

    def chosen(self, f, nodes):
        """Of one who repays at each of the nodes, by income of the long run: b' and its price."""
        offers, j = self.offers(f, today=self.run), np.arange(self.run.log.size)

        def one(b):
            at = jnp.argmax(self.worth(b, offers), axis=0)
            return offers.following[at, 0], offers.price[at, j]

        return jax.lax.map(one, nodes)

    def moments(self, f):
        """Of the long run without shocks to taste, a year being four periods.

        Debts stand on edges of prices, so that those are nodes; one more stands for exclusion.
        """
        edges = np.asarray(jax.jit(lambda f: self.values(f)[2])(f))
        if self.m.continuous:
            edges = np.interp(self.run.log, self.fine_grid, edges)
            edges = np.where(edges > LOW, edges, LOW)
        out = HIGH + 0.1
        nodes = np.append(np.unique(np.append(self.bonds, edges)), out)
        following, price = (np.asarray(x) for x in jax.jit(self.chosen)(f, nodes))
        open_ = nodes[:, None] < HIGH + 0.05
        default = open_ & (nodes[:, None] < edges - 1e-12)
        goes = np.where(default | ~open_, out, following)

        def position(goes, x, i, returns):
            k = jnp.searchsorted(nodes, x)
            return jnp.where((goes[k, i] == out) & returns, 0.0, goes[k, i])

        again = fe.Empirical(np.array([True, False]), np.array([self.m.theta, 1.0 - self.m.theta]))
        run = fe.Histogram(position, nodes, self.chain, again).given(jnp.asarray(goes)).stationary
        weights = np.asarray(run.weights).reshape(-1, nodes.size).T
        repays = open_ & ~default
        borrows = repays & (following < 0.0)
        mean = lambda x, where: float((weights * where * x).sum() / (weights * where).sum())
        return {
            # lenders know it: no mass has to be counted on either side of an edge
            "probability of default": mean(repays * (1.0 - price * (1.0 + self.m.r)), open_),
            "spread": mean(1.0 / np.maximum(price, 1e-9) - 1.0 - self.m.r, borrows),
            "debt": -mean(following, repays),
        }


def interpolation(grid: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """The weights of cubic splines: from values on a grid to those on a finer one."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(grid, np.eye(grid.size))(fine)


def expected(m: SovereignDefault, grid: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The weights by which values on a fine grid y make the expectation, given each income of the
    grid, of the broken line through them: lotteries with the mean of the normal law between two."""
    from scipy.special import ndtr

    above = (m.rho * grid[:, None] - y) / m.eta  # E (y' - y_j)^+ = eta (d Phi(d) + phi(d))
    tail = m.eta * (above * ndtr(above) + np.exp(-(above**2) / 2.0) / np.sqrt(2.0 * np.pi))
    passed = (tail[:, :-1] - tail[:, 1:]) / np.diff(y)
    one = np.ones((grid.size, 1))
    return -np.diff(np.hstack([one, passed, 0.0 * one]), axis=1)


def normal_chain(m: SovereignDefault, grid: np.ndarray) -> fe.MarkovChain:
    """A normal income on equidistant nodes, with weights of its density: the mean and all that is
    smooth are exact where eta is a few distances wide."""
    density = np.exp(-(((grid - m.rho * grid[:, None]) / m.eta) ** 2) / 2.0)
    return fe.MarkovChain(grid, density / density.sum(axis=1, keepdims=True))


FINE = 161
LONG_RUN = 97


# The mean debt depends on where kinks of W are; the others on where default begins alone.
MOMENTS = {
    "probability of default": (0.0441641, 1e-3),
    "spread": (0.0510927, 1e-3),
    "debt": (0.088343, 5e-3),
}
# Within 1e-3 of the number itself would be less than the distance between two fine references.
CONTINUOUS = {
    "probability of default": (0.007489, 5e-3),
    "spread": (0.007765, 6e-3),
    "debt": (0.038075, 2e-3),
}
