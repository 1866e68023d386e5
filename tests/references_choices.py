"""Models of discrete choice by other means: NumPy alone."""

import itertools

import numpy as np
from references import rouwenhorst
from scipy.stats import norm


def normal(n, rho, sigma):
    """Grid and weights of its density, five standard deviations to each side: of smooth functions
    the sum is the expectation to all digits, as soon as sigma is a few distances wide."""
    z = np.linspace(-5, 5, n) * sigma / np.sqrt(1 - rho**2)
    density = norm.pdf((z - rho * z[:, None]) / sigma)
    return z, density / density.sum(axis=1, keepdims=True)


def income_of_default(z, gain):
    """For each debt the log income at which repaying is worth as much as default."""
    k = np.clip((gain >= 0).argmax(axis=0), 1, z.size - 1)
    at = np.arange(gain.shape[1])
    low, high = gain[k - 1, at], gain[k, at]
    least = z[k] - (z[k] - z[k - 1]) * high / np.where(high == low, 1.0, high - low)
    return np.where(
        (gain >= 0).all(axis=0), -np.inf, np.where((gain < 0).all(axis=0), np.inf, least)
    )


def between(rows, places):
    """Each row at places between its points, by parabolas through three of them."""
    k = np.clip(np.rint(places).astype(int), 1, rows.shape[1] - 2)
    left, middle, right = (np.take_along_axis(rows, j, 1) for j in (k - 1, k, k + 1))
    s = places - k
    return middle + s * (right - left) / 2 + s**2 * (left + right - 2 * middle) / 2


class Sovereign:
    """Arellano's sovereign by value iteration, b' and b on one grid that holds 0: the value of
    repaying, the policy and where he repays, one row an income."""

    def __init__(
        self,
        n,
        beta=0.953,
        r=0.017,
        theta=0.282,
        rho=0.945,
        eta=0.025,
        kept=0.969,
        tolerance=1e-9,
        nodes=None,
        kept_policies=0,
    ):
        z, self.transition = rouwenhorst(9, rho, eta) if nodes is None else normal(nodes, rho, eta)
        p = self.transition
        y, self.b = np.exp(z), np.linspace(-0.35, 0.15, n)
        if nodes is not None:  # prices are steep at small debts
            self.b = np.where(self.b < 0, self.b * (0.1 - self.b * 0.9 / 0.35), self.b)
        self.theta, self.r, self.log_incomes, self.eta, self.rho = theta, r, z, eta, rho
        self.incomes, self.continuous = y, nodes is not None
        self.zero = zero = int(np.argmin(np.abs(self.b)))
        assert abs(self.b[zero]) < 1e-12
        stationary = np.linalg.matrix_power(p, 5_000)[0]
        mean = stationary @ y if nodes is None else np.exp(eta**2 / (1 - rho**2) / 2)
        utility = lambda c: np.where(c > 1e-9, -1 / np.maximum(c, 1e-9), -1e10)
        alone = utility(np.minimum(y, kept * mean))
        w, d = np.tile((utility(y) / (1 - beta))[:, None], (1, n)), alone / (1 - beta)
        change = np.inf
        while change > tolerance:
            # the best b', and its value for some steps more
            for step in range(1 + kept_policies):
                value, repaid = np.maximum(w, d[:, None]), self.repaid(w - d[:, None])
                self.price, ahead = repaid / (1 + r), beta * p @ value
                paid = self.price * self.b
                if step == 0:
                    policy = self.best(utility, paid, ahead)
                new_w = utility(y[:, None] + self.b - between(paid, policy))
                new_w += between(ahead, policy)
                new_d = alone + beta * p @ (theta * value[:, zero] + (1 - theta) * d)
                moved = np.max(np.abs(np.maximum(new_w, new_d[:, None]) - value))
                change = moved if step == 0 else change
                w, d = new_w, new_d
        self.policy, self.value, self.repays = policy, w, w >= d[:, None]
        self.default = self.b[self.repays.argmax(axis=1)]

    def repaid(self, gain):
        """The probability that he repays tomorrow, by income today, and how much of the income at
        a node goes with it: all or nothing, or a part of the cell around the node."""
        if not self.continuous:
            self.share = (gain >= 0).astype(float)
            return self.transition @ self.share
        z = self.log_incomes
        least = income_of_default(z, gain)
        self.share = np.clip((z[:, None] - least) / (z[1] - z[0]) + 0.5, 0, 1)
        return norm.sf((least - self.rho * z[:, None]) / self.eta)

    def best(self, utility, paid, ahead, block=32):
        """The place on the grid of the best b' at each b. It rises with b: at every 32nd b among
        all, between them among what lies between theirs. Where income is continuous it is on top
        of the parabola through the best point and its neighbours."""
        n = self.b.size
        policy = np.empty((self.incomes.size, n))
        at = np.unique(np.append(np.arange(0, n, block), n - 1))
        for i, y in enumerate(self.incomes):
            worth = lambda s, low, high, i=i, y=y: (
                utility(y + self.b[s][:, None] - paid[i, low:high]) + ahead[i, low:high]
            )
            chosen = worth(at, 0, n).argmax(axis=1)
            for (s, e), (low, high) in zip(
                itertools.pairwise(at), itertools.pairwise(chosen), strict=True
            ):
                here, high = np.arange(s, e + 1), max(low, high)
                policy[i, here] = low + worth(here, low, high + 1).argmax(axis=1)
            if self.continuous:
                k = np.clip(policy[i].astype(int), 1, n - 2)
                left, middle, right = (
                    utility(y + self.b - paid[i, j]) + ahead[i, j] for j in (k - 1, k, k + 1)
                )
                bend = np.minimum(left + right - 2 * middle, -1e-14)
                on_top = k + np.clip((left - right) / (2 * bend), -0.5, 0.5)
                policy[i] = np.where(policy[i] == k, on_top, policy[i])
        return policy

    def moments(self):
        """The probability of default, the mean spread of those who borrow, and the mean debt of
        those who repay, by powers of the law of motion."""
        (m, n), p = self.value.shape, self.transition
        mass, out = np.zeros((m, n)), np.zeros(m)
        mass[:, self.zero] = 1 / m
        left = np.minimum(self.policy.astype(int), n - 2)
        right, change = self.policy - left, 1.0
        while change > 1e-12:
            repaid = mass * self.share
            new = np.stack(
                [
                    np.bincount(k, m * (1 - s), n) + np.bincount(k + 1, m * s, n)
                    for k, s, m in zip(left, right, repaid, strict=True)
                ]
            )
            alone = p.T @ (out + (mass - repaid).sum(axis=1))
            new, stays = p.T @ new, (1 - self.theta) * alone
            new[:, self.zero] += self.theta * alone
            change = np.abs(new - mass).sum() + np.abs(stays - out).sum()
            mass, out = new, stays
        repaid = mass * self.share
        following = np.interp(self.policy, np.arange(n), self.b)
        # as mass is divided between two points, so is the price
        at = lambda k: np.take_along_axis(self.price, k, 1)
        price = at(left) + right * (at(left + 1) - at(left))
        borrowed = repaid * (following < 0)
        spread = 1 / np.maximum(price, 1e-9) - 1 - self.r
        return {
            "probability of default": 1 - repaid.sum() / mass.sum(),
            "spread": (borrowed * spread).sum() / borrowed.sum(),
            "debt": -(repaid * following).sum() / repaid.sum(),
        }


def retirement(savings, periods=20, beta=0.98, gross=1.0, income=20.0, delta=1.0, scale=0.0):
    """The model of retirement by DC-EGM (Iskhakov, Jorgensen, Rust and Schjerning, 2017): for each
    age but the last a function of wealth that returns consumption and value of one who works.

    Log utility, retirement for good, no debt. Euler's equation is solved backwards at each saving;
    where wealth so found does not rise, more than one saving satisfies it, and the upper envelope
    keeps the best.
    """
    discounted = [beta ** np.arange(periods - t) for t in range(periods)]
    lives = np.array([d.sum() for d in discounted])

    def retired(m, t):
        """Consumption and value of one who has retired."""
        k = np.arange(periods - t)
        level = discounted[t] @ (k * np.log(beta * gross) - np.log(lives[t]))
        return m / lives[t], lives[t] * np.log(m) + level

    def ahead(m, t, work):
        """E u'(c) and E V at age t of one who may still retire."""
        c_rest, rest = retired(m, t)
        if work is None:  # nobody works at the last age
            return 1 / c_rest, rest
        c, v = work(m)
        top = np.maximum(v, rest)
        if scale == 0:
            return np.where(v >= rest, 1 / c, 1 / c_rest), top
        odds, against = np.exp((v - top) / scale), np.exp((rest - top) / scale)
        total = odds + against
        return (odds / c + against / c_rest) / total, top + scale * np.log(total)

    found, work = [], None
    for t in range(periods - 2, -1, -1):
        marginal, value = ahead(gross * savings + income, t + 1, work)
        c = 1 / (beta * gross * marginal)
        work = upper_envelope(savings + c, np.log(c) - delta + beta * value, c)
        found.insert(0, work)
    return found, retired


def upper_envelope(m, v, c):
    """The function m -> (c, v) that takes the best of the pieces of a curve that may turn back, and
    of spending all, of which the first point is the end."""
    rest = v[0] - np.log(c[0])  # what is ahead of one who saves nothing

    def at(x):
        c_best, best = x.copy(), np.log(x) + rest
        best[x > m.max()] = -np.inf
        best[x > m[0]] = -np.inf
        order = np.argsort(x)
        y = x[order]
        first = np.searchsorted(y, np.minimum(m[:-1], m[1:]), "left")
        last = np.searchsorted(y, np.maximum(m[:-1], m[1:]), "right")
        for k in np.flatnonzero(last > first):
            here = order[first[k] : last[k]]
            share = (x[here] - m[k]) / (m[k + 1] - m[k])
            value = v[k] + share * (v[k + 1] - v[k])
            better = value > best[here]
            best[here] = np.where(better, value, best[here])
            c_best[here] = np.where(better, c[k] + share * (c[k + 1] - c[k]), c_best[here])
        return c_best, best

    return at
