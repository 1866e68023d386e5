"""A sovereign who may default on his debt."""

from dataclasses import dataclass, replace

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
        return f(b) - jnp.max(sovereign.worth(b, sovereign.offers(g, scale)), axis=0)

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
    iteration = fe.FixedPoint(step, anderson=2, stop=1e-8)
    where = fe.Uniform(LOW, HIGH)
    references = {
        name: Reference(sovereign.moments, value, REFERENCE, tolerance)
        for name, (value, tolerance) in MOMENTS.items()
    }
    return Problem(
        risk=smoothed(m.scale),
        hypotheses={"spline": spline}
        if m.continuous
        else {"spline": spline, "to_no_shocks": to_no_shocks},
        references=references if m == SovereignDefault() else {},
        functions=lambda f: {
            f"price, income {sovereign.incomes[i]:.2f}": lambda b, i=i: sovereign.price(f, b)[i]
            for i in shown
        },
        coordinates=("b",),
        source="Arellano (2008), with incomes by Rouwenhorst's method, or continuous ones",
    )


class Sovereign:
    """The model in numbers, and what follows from a value f of repaying."""

    def __init__(self, m: SovereignDefault) -> None:
        self.m = m
        if m.continuous:
            spread = m.eta / np.sqrt(1.0 - m.rho**2)
            grid, self.fine_grid = (np.linspace(-4.0, 4.0, n) * spread for n in (m.states, FINE))
            self.fine, self.transition = interpolation(grid, self.fine_grid), expected(m, grid)
            self.mean = float(np.exp(spread**2 / 2.0))
        else:
            self.chain = fe.rouwenhorst(m.states, m.rho, m.eta)
            grid = self.fine_grid = np.asarray(self.chain.grid)
            self.fine, self.transition = np.eye(m.states), np.asarray(self.chain.transition)
            self.mean = float(np.asarray(self.chain.stationary.weights) @ np.exp(grid))
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
        bonds, j = jnp.asarray(BONDS), np.arange(self.fine_grid.size)
        w = jax.vmap(f)(bonds) @ self.fine.T
        # who owes nothing repays
        again = self.m.beta * self.m.theta * self.fine @ (self.transition @ w[ZERO])
        d = self.inverse @ (self.alone + again)
        k = jnp.clip(jnp.argmax(w >= d[None], axis=0) - 1, 0, BONDS.size - 2)
        share = jnp.clip((d - w[k, j]) / (w[k + 1, j] - w[k, j]), 0.0, 1.0)
        at = w[k] + share[:, None] * (w[k + 1] - w[k])
        # of an income itself both are worth the same, or none is so poor that he defaults
        at = jnp.where(np.eye(d.size, dtype=bool), jnp.maximum(at, d[None]), at)
        return w, d, bonds[k] + share * (bonds[1] - bonds[0]), at

    def offers(self, f, scale=0.0):
        """What can be chosen, on the grid and where default begins: b', its price by today's
        income, and beta E V(b')."""
        w, d, t, at = self.values(f)
        bonds = jnp.asarray(BONDS)
        if self.m.continuous:  # no steps
            price = jax.vmap(self.repaid, (0, None))(bonds, t) / (1.0 + self.m.r)
            value = jnp.maximum(w, d[None])
            return bonds[:, None], price, self.m.beta * value @ self.transition.T
        choose = lambda w, d: fe.discrete_choice(jnp.stack([w, d]), scale)
        value, chosen = jax.vmap(jax.vmap(choose), (0, None))(jnp.concatenate([w, at]), d)
        price = chosen[..., 0] @ self.transition.T / (1.0 + self.m.r)
        b = jnp.concatenate([bonds, t])
        return b[:, None], price, self.m.beta * value @ self.transition.T

    def worth(self, b, offers):
        """Of each offer to one who owes -b and repays, by income."""
        following, price, ahead = offers
        return self.utility((self.incomes + b)[None] - price * following) + ahead

    def repaid(self, b, t):
        """P(he repays b tomorrow) by income today, where income is continuous."""
        least = jnp.interp(-b, -t, jnp.asarray(self.fine_grid), left=-jnp.inf, right=jnp.inf)
        mean = self.m.rho * jnp.asarray(self.log_incomes)
        return jax.scipy.special.ndtr((mean - least) / self.m.eta)

    def price(self, f, b):
        """q_i(b) without shocks to taste."""
        if self.m.continuous:
            return self.repaid(b, self.values(f)[2]) / (1.0 + self.m.r)
        return self.transition @ jnp.asarray(b >= self.values(f)[2], float) / (1.0 + self.m.r)

    def chosen(self, f, nodes):
        """Of one who repays at each of the nodes, by income: b' and its price; and where default
        begins."""
        offers, j = self.offers(f), np.arange(self.m.states)

        def one(b):
            at = jnp.argmax(self.worth(b, offers), axis=0)
            return offers[0][at, 0], offers[1][at, j]

        return jax.lax.map(one, nodes)

    def moments(self, f):
        """Of the long run without shocks to taste, a year being four periods.

        Debts stand on edges of prices, so that those are nodes; one more stands for exclusion.
        """
        edges = np.asarray(jax.jit(lambda f: self.values(f)[2])(f))
        out = HIGH + 0.1
        nodes = np.append(np.unique(np.append(BONDS, edges)), out)
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
            "probability of default": mean(default, open_),
            "spread": mean(1.0 / np.maximum(price, 1e-9) - 1.0 - self.m.r, borrows),
            "debt": -mean(following, repays),
        }


def interpolation(grid: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """The weights of cubic splines: from values on a grid to those on a finer one."""
    from scipy.interpolate import CubicSpline

    return CubicSpline(grid, np.eye(grid.size))(fine)


def expected(m: SovereignDefault, grid: np.ndarray) -> np.ndarray:
    """The weights by which values on the fine grid make the expectation, given each income of the
    grid, of the broken line through them: lotteries with the mean of the normal law between two."""
    from scipy.special import ndtr

    y = np.linspace(grid[0], grid[-1], FINE)
    above = (m.rho * grid[:, None] - y) / m.eta  # E (y' - y_j)^+ = eta (d Phi(d) + phi(d))
    tail = m.eta * (above * ndtr(above) + np.exp(-(above**2) / 2.0) / np.sqrt(2.0 * np.pi))
    passed = (tail[:, :-1] - tail[:, 1:]) / np.diff(y)
    one = np.ones((grid.size, 1))
    return -np.diff(np.hstack([one, passed, 0.0 * one]), axis=1)


FINE = 161


# The mean debt depends on where kinks of W are; the others on where default begins alone.
MOMENTS = {
    "probability of default": (0.0441641, 1e-3),
    "spread": (0.0510927, 1e-3),
    "debt": (0.088343, 5e-3),
}
REFERENCE = "value iteration on a grid of 1,601 debts"
