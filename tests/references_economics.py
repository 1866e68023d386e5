"""Advertising along its stable path, by SciPy, and a recession at zero rates, by NumPy."""

import numpy as np
from scipy.integrate import solve_ivp
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
