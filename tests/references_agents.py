"""What is known of models with many agents, by other means: NumPy and SciPy alone."""

import numpy as np
from scipy import optimize


def linear_quadratic_equilibrium(beta, gamma, delta, alpha_0, alpha_1):
    """(H0, H1) such that a firm in an industry that invests H0 + H1 mean(X) does so itself.

    The firm's discounted linear-quadratic problem in (1, x, m), x its own capital and m the mean,
    by iterating on its Riccati equation; the equilibrium by a root finder.
    """

    def gap(h):
        transition = np.diag([1.0, 1 - delta, 1 - delta + h[1]])
        transition[2, 0] = h[0]
        control = np.array([[0.0], [1.0], [0.0]])
        cost = np.zeros((3, 3))
        cost[0, 1] = cost[1, 0] = -alpha_0 / 2
        cost[1, 2] = cost[2, 1] = alpha_1 / 2
        value = np.zeros((3, 3))
        for _ in range(2_000):
            inner = gamma / 2 + beta * control.T @ value @ control
            rule = np.linalg.solve(inner, beta * control.T @ value @ transition)
            value = cost + beta * transition.T @ value @ (transition - control @ rule)
        return np.array([-rule[0, 0] - h[0], -rule[0, 2] - h[1]])

    found = optimize.root(gap, [0.05, -0.05], tol=1e-13)
    assert found.success
    return found.x


def lifetime_shares(beta, returns):
    """The shares saved that maximise sum_h beta^h log c_h of one life with given returns and
    nothing but initial wealth, by brute force."""
    count = len(returns)

    def loss(odds):
        shares, wealth, total = 1 / (1 + np.exp(-odds)), 1.0, 0.0
        for h in range(count):
            total += beta**h * np.log(wealth * (1 - shares[h]))
            wealth *= shares[h] * returns[h]
        return -(total + beta**count * np.log(wealth))

    found = optimize.minimize(loss, np.zeros(count), method="BFGS", options={"gtol": 1e-9})
    return 1 / (1 + np.exp(-found.x))


def euler_errors_of_generations(rates, alpha, beta, eta, delta, periods, seed):
    """|1 / (c beta E[r' / c']) - 1| of each generation on a simulated path of constant savings
    rates, without JAX."""
    draws = np.random.default_rng(seed).integers(4, size=periods)

    def incomes(k, z):
        total = k.sum()
        r = alpha * eta[z] * total ** (alpha - 1) + 1 - delta[z]
        return r, np.append((1 - alpha) * eta[z] * total**alpha, r * k)

    k, errors = np.full(len(rates), 0.05), []
    for z in draws:
        _, income = incomes(k, z)
        c, k = (1 - rates) * income[:-1], rates * income[:-1]
        ahead = []
        for z1 in range(4):
            r, income = incomes(k, z1)
            ahead.append(r / np.append((1 - rates[1:]) * income[1:-1], income[-1]))
        errors.append(np.abs(1 / (c * beta * np.mean(ahead, axis=0)) - 1))
    return np.array(errors)
