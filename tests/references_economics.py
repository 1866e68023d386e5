"""Advertising along its stable path, by SciPy, and a recession at zero rates, by NumPy."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.interpolate import RectBivariateSpline
from scipy.optimize import brentq


def stable_advertising(m, points):
    """V by the law of Vidale and Wolfe: the price V' from where sales rest along the eigenvector of
    the stable root, and by DOP853 from there."""
    squared, less = lambda x: m.reach**2 * (1 - x) ** 2, lambda x: -2 * m.reach**2 * (1 - x)
    moves = lambda x, p: squared(x) * p / 2 - m.decay * x
    priced = lambda x, p: (m.r + m.decay) * p - m.margin - less(x) * p**2 / 4
    at_rest = lambda x: 2 * m.decay * x / squared(x)
    x0 = brentq(lambda x: priced(x, at_rest(x)), 1e-9, 1 - 1e-6, xtol=1e-15)
    p0 = at_rest(x0)
    own, cross = less(x0) * p0 / 2 - m.decay, squared(x0) / 2
    back = -(m.reach**2) * p0**2 / 2
    roots, vectors = np.linalg.eig(np.array([[own, cross], [back, m.r - own]]))
    i = np.argmin(roots)
    slope, values = vectors[1, i] / vectors[0, i], []
    for x in points:
        begin = 1e-5 * np.sign(x - x0)
        path = solve_ivp(
            lambda x, p: [priced(x, p[0]) / moves(x, p[0])],
            (x0 + begin, x),
            [p0 + slope * begin],
            method="DOP853",
            rtol=1e-13,
            atol=1e-14,
        )
        p = path.y[0, -1]
        values.append((m.margin * x + squared(x) * p**2 / 4 - m.decay * x * p) / m.r)
    return np.array(values)


def by_durations(m):
    """The path of gap and inflation, and the number of quarters at zero: for each number, the
    linear path from where it ends and a recursion backwards, until the rule agrees with it."""
    normal, fall = 1 / m.beta - 1, -m.fall * m.rho ** np.arange(200)
    ruled = np.array([[1 + m.sigma * m.phi_x, m.sigma * m.phi_pi], [-m.kappa, 1]])
    fixed = np.array([[1.0, 0.0], [-m.kappa, 1.0]])
    ahead = np.array([[1.0, m.sigma], [0.0, m.beta]])
    answer = np.linalg.solve(ruled - m.rho * ahead, [m.sigma, 0.0])
    for quarters in range(m.quarters):
        path = np.outer(fall, answer)
        for t in range(quarters - 1, -1, -1):
            known = ahead @ path[t + 1] + [m.sigma * (normal + fall[t]), 0]
            path[t] = np.linalg.solve(fixed, known)
        rule = normal + path @ [m.phi_x, m.phi_pi]
        if (rule[:quarters] <= 0).all() and (rule[quarters:] >= 0).all():
            return path[: m.quarters], quarters
    raise AssertionError("the rate stays at zero")


def habits_by_time_iteration(m, size=(33, 21), reach=(0.45, 0.25), tolerance=1e-11):
    """Log consumption and the log of its price as cubic splines in (log k, log h): today's
    consumption at each node by secants, given tomorrow's functions, until nothing changes."""
    rest = np.array(m.steady())
    k, h = (rest[i] + reach[i] * np.linspace(-1, 1, size[i]) for i in range(2))
    K, H = np.meshgrid(k, h, indexing="ij")
    y = np.exp(m.alpha * K) + (1 - m.delta) * np.exp(K)
    used = m.habit * np.exp(H)
    e, w = np.polynomial.hermite_e.hermegauss(7)
    growth, w = m.mu + m.sigma * e[:, None, None], w / w.sum()
    spline = lambda values: RectBivariateSpline(k, h, values, s=0)
    consumed = spline(np.log(used + 0.05 * (y - used)))
    price = spline(-m.gamma * np.log(0.05 * (y - used)))

    def gap(log_c, consumed, price):
        """Of Euler's equation in logs, and the price."""
        c = np.exp(log_c)
        at = np.log(y - c) - growth, log_c - growth
        gross = 1 - m.delta + m.alpha * np.exp((m.alpha - 1) * at[0])
        discount = w[:, None, None] * m.beta * np.exp(-m.gamma * growth)
        saving = (discount * np.exp(price.ev(*at)) * gross).sum(axis=0)
        later = np.maximum(np.exp(consumed.ev(*at)) - m.habit * np.exp(at[1]), 1e-6) ** -m.gamma
        own = np.maximum(c - used, 1e-6) ** -m.gamma - m.habit * (discount * later).sum(axis=0)
        return np.log(np.maximum(own, 1e-9) / saving), np.log(saving)

    log_c = consumed(k, h)
    for _ in range(5_000):
        before = log_c
        for _ in range(6):
            now, step = gap(log_c, consumed, price)[0], 1e-6
            slope = (gap(log_c + step, consumed, price)[0] - now) / step
            move = np.clip(-now / slope, -0.02, 0.02)
            log_c = np.minimum(log_c + move, np.log(0.5 * y))
            if np.abs(move).max() < 1e-10:
                break
        saved = gap(log_c, consumed, price)[1]
        consumed, price = spline(log_c), spline(saved)
        if np.abs(log_c - before).max() < tolerance:
            break
    return consumed, price


def endogenous_grid(m, n=20_001, tolerance=1e-12):
    """Means, consumption there and the kinks of a household with two rates, by endogenous grids."""
    incomes = np.linspace(m.y_low, m.y_high, 4)
    top = 4 * m.m_high
    lent, owed = top * np.linspace(0, 1, n) ** 2, -m.limit * np.linspace(1, 0, n // 4) ** 2

    def consumed(saved, rate, grid, c):
        ahead = rate * saved[:, None] + incomes
        later = np.where(
            ahead < grid[-1],
            np.interp(ahead, grid, c),
            c[-1] + (c[-1] - c[-2]) / (grid[-1] - grid[-2]) * (ahead - grid[-1]),
        )
        return (m.beta * rate * np.mean(later**-m.gamma, axis=1)) ** (-1 / m.gamma)

    grid = np.linspace(0.01, top, 1_000)
    c, kinks = np.minimum(0.05 * grid + 0.5, grid + m.limit), []
    while True:
        before = np.interp(lent, grid, c)
        saving = consumed(lent, m.R_lend, grid, c)
        parts = [(lent + saving, saving)]
        if m.limit:
            debt = consumed(owed, m.R_borrow, grid, c)
            parts.insert(0, (owed + debt, debt))
        kinks = [x for means, _ in parts[:-1] for x in (means[0], means[-1])] + [parts[-1][0][0]]
        parts.insert(0, (np.array([1e-6 - m.limit]), np.array([1e-6])))
        grid, c = (np.concatenate(columns) for columns in zip(*parts))
        if np.abs(np.interp(lent, grid, c) - before).max() < tolerance:
            return grid, c, kinks


def life_by_endogenous_grid(m, n=4_001):
    """For each age the means of an endogenous grid and consumption there."""
    saved = 3 * m.m_high * np.linspace(0, 1, n) ** 3
    e, w = np.polynomial.hermite_e.hermegauss(5)
    w = np.outer(w, w).ravel() / w.sum() ** 2
    shock = lambda s: np.exp(s * e - s**2 / 2)
    permanent = np.repeat(shock(m.permanent * np.sqrt(m.years)), 5)
    transitory, beta, R = np.tile(shock(m.transitory), 5), m.beta**m.years, m.R**m.years
    grid, c = np.array([0.0, 4 * saved[-1]]), np.array([0.0, 4 * saved[-1]])
    life = [(grid, c)]
    for age, trend in zip(m.ages[::-1], m.grown[::-1]):
        works = age + m.years < m.retire
        growth = trend * (permanent if works else np.ones(25))
        income = transitory if works else np.full(25, m.pension)
        ahead = R * saved[:, None] / growth + income
        slope = (c[-1] - c[-2]) / (grid[-1] - grid[-2])
        later = np.where(
            ahead > grid[-1], c[-1] + slope * (ahead - grid[-1]), np.interp(ahead, grid, c)
        )
        liked = (beta * R * ((growth * later) ** -m.gamma) @ w) ** (-1 / m.gamma)
        grid, c = np.append(0.0, saved + liked), np.append(0.0, liked)
        life.insert(0, (grid, c))
    return life
