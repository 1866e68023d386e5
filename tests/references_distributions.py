"""Economies of many households by endogenous grid points and histograms: NumPy and SciPy alone."""

import numpy as np
from references import rouwenhorst
from scipy import optimize, sparse


class Aiyagari:
    """Households without insurance and the firms that they own, on n savings."""

    beta, gamma, alpha, delta = 0.96, 2.0, 0.36, 0.08

    def __init__(self, n, top=60.0):
        self.a = top * np.linspace(0.0, 1.0, n) ** 2.5
        z, self.transition = rouwenhorst(7, 0.6, 0.2 * 0.8)
        self.y = np.exp(z)
        stationary = np.linalg.matrix_power(self.transition, 2_000)[0]
        self.labour = stationary @ self.y
        self.mass = np.outer(stationary, np.ones(n) / n)
        self.c = 0.1 * (self.a + 1.0) * np.ones((7, 1))

    def wage(self, rate):
        ratio = (self.alpha / (rate + self.delta)) ** (1 / (1 - self.alpha))
        return (1 - self.alpha) * ratio**self.alpha

    def prices(self, capital, tax=0.0):
        """What a unit of assets brings after tax, and income in each state with the transfer."""
        rate = self.alpha * (capital / self.labour) ** (self.alpha - 1) - self.delta
        return 1 + (1 - tax) * rate, self.wage(rate) * self.y + tax * rate * capital

    def backward(self, c, today, tomorrow):
        """Consumption on the nodes, one period before c, at the prices of both periods."""
        ahead = self.transition @ (self.beta * tomorrow[0] * c**-self.gamma)
        chosen = ahead ** (-1 / self.gamma)  # at each saving
        found = np.empty_like(c)
        for i, income in enumerate(today[1]):
            cash = today[0] * self.a + income
            # below the first endogenous point all is spent
            found[i] = np.interp(cash, self.a + chosen[i], chosen[i])
            found[i] = np.where(cash < chosen[i, 0], cash, found[i])
        return found

    def household(self, prices):
        """Consumption on the nodes where prices never change."""
        change = 1.0
        while change > 1e-12:
            new = self.backward(self.c, prices, prices)
            change, self.c = np.abs(new / self.c - 1).max(), new
        return self.c

    def moves(self, c, prices):
        """The law of motion of the mass of a period, as a sparse matrix from today to tomorrow."""
        n = self.a.size
        following = prices[0] * self.a + prices[1][:, None] - c
        left = np.clip(np.searchsorted(self.a, following, side="right") - 1, 0, n - 2)
        share = np.clip((following - self.a[left]) / (self.a[left + 1] - self.a[left]), 0, 1)
        rows = np.repeat(np.arange(7 * n), 14)
        at = np.stack([left, left + 1], axis=-1).reshape(7 * n, 1, 2)
        columns = (at + n * np.arange(7)[None, :, None]).ravel()
        odds = np.stack([1 - share, share], axis=-1).reshape(7 * n, 1, 2)
        weights = odds * np.repeat(self.transition, n, axis=0)[:, :, None]
        return sparse.csr_matrix((weights.ravel(), (rows, columns)), shape=(7 * n, 7 * n)).T.tocsr()

    def stationary(self, prices):
        law = self.moves(self.household(prices), prices)
        mass, change = self.mass.ravel(), 1.0
        while change > 1e-11:
            old = mass
            for _ in range(20):
                mass = law @ mass
            change = np.abs(mass - old).sum()
        self.mass = mass.reshape(self.c.shape)
        return self.mass

    def held(self, mass):
        return mass.reshape(self.c.shape).sum(axis=0) @ self.a

    def equilibrium(self, tax=0.0):
        """The capital that households hold where it rests."""
        excess = lambda k: self.held(self.stationary(self.prices(k, tax))) - k
        # where interest after tax is 4.04 % and 3.95 %, below the 4.17 % of patience
        ends = [self.capital(net / (1 - tax)) for net in (0.0404, 0.0395)]
        return optimize.brentq(excess, min(ends), max(ends), xtol=1e-10)

    def capital(self, rate):
        return self.labour * (self.alpha / (rate + self.delta)) ** (1 / (1 - self.alpha))

    def rate(self, capital):
        return self.alpha * (capital / self.labour) ** (self.alpha - 1) - self.delta

    def path(self, capitals, tax):
        """What households hold in each period from the second on, at prices of these capitals
        after the rest without tax, and at rest with the tax in the end."""
        begin = self.equilibrium()
        mass = self.stationary(self.prices(begin)).ravel()
        c = self.household(self.prices(self.equilibrium(tax), tax)).copy()
        prices = [self.prices(k, tax) for k in (begin, *capitals)]
        policies = []
        for today, tomorrow in zip(prices[-2::-1], prices[:0:-1], strict=True):
            policies.append(c := self.backward(c, today, tomorrow))
        found = []
        for today, c in zip(prices, reversed(policies), strict=False):
            mass = self.moves(c, today) @ mass
            found.append(self.held(mass))
        return np.array(found)

    def consumption(self, cash, i, prices):
        """Between the nodes, by the piecewise linear function that was iterated on."""
        return np.interp(cash, prices[0] * self.a + prices[1][i], self.c[i])


class KrusellSmith:
    """Households with a given expectation of capital, by endogenous grid points on grids of assets,
    log capital and log productivity, linear in the first and of degree 4 in the others."""

    beta, alpha, delta, rho, sigma = 0.96, 0.36, 0.08, 0.9, 0.01

    def __init__(self, rule, capitals, states=5, n=200, top=150.0):
        self.a = top * np.linspace(0.0, 1.0, n) ** 2.5
        grid, self.transition = rouwenhorst(states, 0.95, 0.2)
        self.shares = np.linalg.matrix_power(self.transition, 5_000)[0]
        self.y = np.exp(grid) / (self.shares @ np.exp(grid))
        self.k = np.linspace(*capitals, 5)
        self.z = 5 * self.sigma / np.sqrt(1 - self.rho**2) * np.linspace(-1, 1, 5)
        e, w = np.polynomial.hermite_e.hermegauss(5)
        pairs = [(k, z) for k in self.k for z in self.z]
        self.here = [self.prices(k, z) for k, z in pairs]
        # tomorrow's prices, and the weights of the nodes that stand for tomorrow
        self.ahead = [
            [
                (*self.prices(k1, z1), self.between(k1, z1), v)
                for z1, v in zip(self.rho * z + self.sigma * e, w / w.sum(), strict=True)
            ]
            for k, z in pairs
            for k1 in [rule(k, z)]
        ]
        self.c = np.array([0.1 * (self.a + 1.0) + np.zeros((states, 1)) for _ in pairs])

    def prices(self, k, z):
        rate = self.alpha * np.exp(z + (self.alpha - 1) * k) - self.delta
        return 1 + rate, (1 - self.alpha) * np.exp(z + self.alpha * k) * self.y

    def between(self, k, z):
        """Weights of the 25 nodes for a value at (k, z): Lagrange's polynomials."""

        def lagrange(nodes, x):
            others = [np.delete(nodes, j) for j in range(nodes.size)]
            pairs = zip(nodes, others, strict=True)
            return np.array([np.prod((x - o) / (node - o)) for node, o in pairs])

        return np.outer(lagrange(self.k, k), lagrange(self.z, z)).ravel()

    def solve(self):
        """Consumption at (k and z, income, assets); log utility."""
        change = 1.0
        while change > 1e-9:
            new = np.empty_like(self.c)
            for s, (gross, income) in enumerate(self.here):
                marginal = 0.0
                for gross1, _, weights, v in self.ahead[s]:
                    later = np.tensordot(weights, self.c, axes=1)
                    marginal = marginal + v * self.beta * gross1 * (self.transition @ (1 / later))
                chosen = 1 / marginal
                for i in range(self.y.size):
                    cash = gross * self.a + income[i]
                    c = np.interp(cash, self.a + chosen[i], chosen[i])
                    new[s, i] = np.where(cash < chosen[i, 0], cash, c)
            change, self.c = np.abs(new / self.c - 1).max(), new
        return self

    def history(self, productivities, nodes, mass):
        """log capital at the start of each period, from a mass of households (income, assets), the
        assets on other nodes."""
        found, mass = [], np.array([self.divided(nodes, part) for part in mass])
        for z in productivities:
            k = np.log(mass.sum(axis=0) @ self.a)
            found.append(k)
            gross, income = self.prices(k, z)
            c = np.tensordot(self.between(k, z), self.c, axes=1)
            following = gross * self.a + income[:, None] - c
            moved = [self.divided(*parts) for parts in zip(following, mass, strict=True)]
            mass = self.transition.T @ np.array(moved)
        return np.array(found)

    def divided(self, assets, mass):
        """The mass at some assets, divided between the nodes on both sides of each."""
        n = self.a.size
        left = np.clip(np.searchsorted(self.a, assets, side="right") - 1, 0, n - 2)
        share = np.clip((assets - self.a[left]) / (self.a[left + 1] - self.a[left]), 0, 1)
        return np.bincount(left, (1 - share) * mass, n) + np.bincount(left + 1, share * mass, n)
