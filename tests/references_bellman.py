"""Independent solutions of dynamic programmes, in NumPy and SciPy alone."""

import numpy as np


def endogenous_grid(
    gamma=1.5, beta=0.96, R=1.01, mu=0.1, sigma=0.1, *, nodes=4_001, shocks=15, top=60.0
):
    """Carroll's method for c(a) with a' = R (a - c) + Y, log Y ~ N(mu, sigma^2) and c <= a.

    Savings s = a - c on a grid that is dense near 0; tomorrow's consumption, interpolated between
    the endogenous points of the last step, gives today's by its Euler equation. Returns the
    function c and the a from which on something is saved.
    """
    savings = top * np.linspace(0.0, 1.0, nodes) ** 3
    e, w = np.polynomial.hermite_e.hermegauss(shocks)
    income, w = np.exp(mu + sigma * e), w / w.sum()
    tomorrow = R * savings[:, None] + income
    a, c = np.array([0.0, top + 10.0]), np.array([0.0, top + 10.0])
    for _ in range(5_000):
        # linear beyond the last point, as the policy nearly is
        slope = (c[-1] - c[-2]) / (a[-1] - a[-2])
        later = np.interp(tomorrow, a, c) + np.maximum(tomorrow - a[-1], 0.0) * slope
        now = (beta * R * (later**-gamma) @ w) ** (-1 / gamma)
        new_a, new_c = np.concatenate([[0.0], savings + now]), np.concatenate([[0.0], now])
        done = new_c.size == c.size and np.max(np.abs(new_c - c)) < 1e-13
        a, c = new_a, new_c
        if done:
            break
    return lambda x: np.interp(x, a, c), a[1]
