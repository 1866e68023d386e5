"""Models of discrete choice by other means: NumPy alone."""

import itertools

import numpy as np
from references import rouwenhorst
from scipy.stats import norm


def normal(n, rho, sigma, shocks=31):
    """Grid and weights of a line between its points, by shocks of Gauss and Hermite."""
    z = np.linspace(-4, 4, n) * sigma / np.sqrt(1 - rho**2)
    e, w = np.polynomial.hermite_e.hermegauss(shocks)
    ahead = np.clip(rho * z[:, None] + sigma * e, z[0], z[-1])
    hats = np.stack([np.interp(ahead, z, row) for row in np.eye(n)], axis=-1)
    return z, np.einsum("ikj,k->ij", hats, w / w.sum())


def income_of_default(z, gain):
    """For each debt the log income at which repaying is worth as much as default."""
    k = np.clip((gain >= 0).argmax(axis=0), 1, z.size - 1)
    at = np.arange(gain.shape[1])
    low, high = gain[k - 1, at], gain[k, at]
    least = z[k] - (z[k] - z[k - 1]) * high / np.where(high == low, 1.0, high - low)
    return np.where(
        (gain >= 0).all(axis=0), -np.inf, np.where((gain < 0).all(axis=0), np.inf, least)
    )


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
    ):
        z, self.transition = rouwenhorst(9, rho, eta) if nodes is None else normal(nodes, rho, eta)
        p = self.transition
        y, self.b = np.exp(z), np.linspace(-0.35, 0.15, n)
        self.theta, self.r, self.incomes = theta, r, y
        self.zero = zero = int(np.argmin(np.abs(self.b)))
        assert abs(self.b[zero]) < 1e-12
        stationary = np.linalg.matrix_power(p, 5_000)[0]
        mean = stationary @ y if nodes is None else np.exp(eta**2 / (1 - rho**2) / 2)
        utility = lambda c: np.where(c > 1e-9, -1 / np.maximum(c, 1e-9), -1e10)
        alone = utility(np.minimum(y, kept * mean))
        w, d = np.tile((utility(y) / (1 - beta))[:, None], (1, n)), alone / (1 - beta)
        while True:
            value, self.repays = np.maximum(w, d[:, None]), w >= d[:, None]
            repaid = p @ self.repays
            if nodes is not None:
                least = income_of_default(z, w - d[:, None])
                repaid = norm.sf((least - rho * z[:, None]) / eta)
            self.price = repaid / (1 + r)
            policy, new_w = self.best(utility, self.price * self.b, beta * p @ value)
            new_d = alone + beta * p @ (theta * value[:, zero] + (1 - theta) * d)
            change = np.max(np.abs(np.maximum(new_w, new_d[:, None]) - value))
            w, d = new_w, new_d
            if change < tolerance:
                break
        self.policy, self.value = policy, w
        self.default = self.b[self.repays.argmax(axis=1)]

    def best(self, utility, paid, ahead, block=32):
        """The best b' at each b. It rises with b: at every 32nd b among all, between them among
        what lies between theirs."""
        n = self.b.size
        policy, value = (np.empty((self.incomes.size, n), kind) for kind in (int, float))
        at = np.unique(np.append(np.arange(0, n, block), n - 1))
        for i, y in enumerate(self.incomes):
            worth = lambda s, low, high, i=i, y=y: (
                utility(y + self.b[s][:, None] - paid[i, low:high]) + ahead[i, low:high]
            )
            chosen = worth(at, 0, n).argmax(axis=1)
            for (s, e), (low, high) in zip(
                itertools.pairwise(at), itertools.pairwise(chosen), strict=True
            ):
                here = np.arange(s, e + 1)
                looked = worth(here, low, high + 1)
                k = looked.argmax(axis=1)
                policy[i, here], value[i, here] = low + k, looked[np.arange(here.size), k]
        return policy, value

    def moments(self):
        """The probability of default, the mean spread of those who borrow, and the mean debt of
        those who repay, by powers of the law of motion."""
        n, p = self.b.size, self.transition
        mass, out = np.zeros((9, n)), np.zeros(9)
        mass[:, self.zero] = 1 / 9
        change = 1.0
        while change > 1e-12:
            repaid = mass * self.repays
            new = np.stack(
                [np.bincount(k, m, minlength=n) for k, m in zip(self.policy, repaid, strict=True)]
            )
            alone = p.T @ (out + (mass - repaid).sum(axis=1))
            new, left = p.T @ new, (1 - self.theta) * alone
            new[:, self.zero] += self.theta * alone
            change = np.abs(new - mass).sum() + np.abs(left - out).sum()
            mass, out = new, left
        repaid = mass * self.repays
        following = self.b[self.policy]
        price = np.take_along_axis(self.price, self.policy, 1)
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
