"""Economies of many households by endogenous grid points and histograms: NumPy and SciPy alone."""

import numpy as np
from scipy import optimize, sparse


def rouwenhorst(n, rho, sigma):
    """States and transition of an autoregression, sigma the standard deviation of its innovation,
    as the binomial law of n - 1 switches."""
    stay, p = (1 + rho) / 2, np.ones((1, 1))
    for _ in range(n - 1):
        q = np.zeros((p.shape[0] + 1, p.shape[0] + 1))
        q[:-1, :-1] += stay * p
        q[:-1, 1:] += (1 - stay) * p
        q[1:, :-1] += (1 - stay) * p
        q[1:, 1:] += stay * p
        q[1:-1] /= 2
        p = q
    spread = sigma / np.sqrt(1 - rho**2) * np.sqrt(n - 1)
    return np.linspace(-spread, spread, n), p


class Aiyagari:
    """Households without insurance and the firms that they own, on n savings."""

    beta, gamma, alpha, delta = 0.96, 2.0, 0.36, 0.08

    def __init__(self, n, top=60.0, least=0.0):
        self.a = least + (top - least) * np.linspace(0.0, 1.0, n) ** 2.5
        z, self.transition = rouwenhorst(7, 0.6, 0.2 * 0.8)
        self.y = np.exp(z)
        stationary = np.linalg.matrix_power(self.transition, 2_000)[0]
        self.labour = stationary @ self.y
        self.mass = np.outer(stationary, np.ones(n) / n)
        self.c = 0.1 * (self.a + 1.0) * np.ones((7, 1))

    def capital(self, rate):
        return self.labour * (self.alpha / (rate + self.delta)) ** (1 / (1 - self.alpha))

    def wage(self, rate):
        return (1 - self.alpha) * (self.capital(rate) / self.labour) ** self.alpha

    def backward(self, c, rate, wage):
        """Consumption at today's assets, one period before c, at today's prices; and c's rate is
        that of tomorrow, a pair (today, tomorrow)."""
        today, tomorrow = rate
        ahead = self.transition @ (self.beta * (1 + tomorrow) * c**-self.gamma)
        chosen = ahead ** (-1 / self.gamma)  # at each saving
        found = np.empty_like(c)
        for i, y in enumerate(self.y):
            cash = (1 + today) * self.a + wage * y
            # below the first endogenous point all but the least is spent
            found[i] = np.interp(cash, self.a + chosen[i], chosen[i])
            found[i] = np.where(cash < self.a[0] + chosen[i, 0], cash - self.a[0], found[i])
        return found

    def household(self, rate):
        """Consumption at each saving and state, at constant prices."""
        change = 1.0
        while change > 1e-12:
            new = self.backward(self.c, (rate, rate), self.wage(rate))
            change, self.c = np.abs(new / self.c - 1).max(), new
        return self.c

    def moves(self, c, rate, wage):
        """The law of motion of the mass of a period, as a sparse matrix from today to tomorrow."""
        n = self.a.size
        following = (1 + rate) * self.a + wage * self.y[:, None] - c
        left = np.clip(np.searchsorted(self.a, following, side="right") - 1, 0, n - 2)
        share = np.clip((following - self.a[left]) / (self.a[left + 1] - self.a[left]), 0, 1)
        here = np.arange(7 * n)
        j = np.arange(7)
        rows = np.repeat(here, 14)
        at = np.stack([left, left + 1], axis=-1).reshape(7 * n, 1, 2)
        columns = (at + n * j[None, :, None]).ravel()
        odds = np.stack([1 - share, share], axis=-1).reshape(7 * n, 1, 2)
        weights = odds * np.repeat(self.transition, n, axis=0)[:, :, None]
        return sparse.csr_matrix((weights.ravel(), (rows, columns)), shape=(7 * n, 7 * n)).T.tocsr()

    def stationary(self, rate):
        law = self.moves(self.household(rate), rate, self.wage(rate))
        mass, change = self.mass.ravel(), 1.0
        while change > 1e-11:
            old = mass
            for _ in range(20):
                mass = law @ mass
            change = np.abs(mass - old).sum()
        self.mass = mass.reshape(self.c.shape)
        return self.mass

    def held(self, rate):
        return float(self.stationary(rate).sum(axis=0) @ self.a)

    def equilibrium(self, low=0.039, high=0.0406):
        return optimize.brentq(lambda r: self.held(r) - self.capital(r), low, high, xtol=1e-11)

    def consumption(self, cash, i, rate):
        """Between the endogenous points, by the piecewise linear function that was iterated on."""
        return np.interp(cash, (1 + rate) * self.a + self.wage(rate) * self.y[i], self.c[i])
