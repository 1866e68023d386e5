"""Hamilton-Jacobi-Bellman equations by other means: maximisers by brute force, and the saddle path
as a function of capital."""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import minimize


def best_flow(value, state, drift, choices, *, gamma, diffusion=None):
    """max over the choices of u(c) + V' drift + V'' diffusion^2 / 2, by a simplex search; V' and
    V'' by central differences. The first choice is consumption."""
    h = 1e-3 * state
    up, here, down = (value(state + s * h) for s in (1, 0, -1))
    slope, bend = (up - down) / (2 * h), (up - 2 * here + down) / h**2

    def loss(x):
        c = np.exp(x[0])
        flow = c ** (1 - gamma) / (1 - gamma) + slope * drift(c, *x[1:])
        if diffusion is not None:
            flow += bend * diffusion(*x[1:]) ** 2 / 2
        return -flow

    start = np.array([np.log(choices[0]), *choices[1:]])
    found = minimize(loss, start, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-13})
    return -found.fun, np.array([np.exp(found.x[0]), *found.x[1:]])


def saddle_policy(capital, *, gamma, alpha, delta, rho, A=1.0):
    """c(k) of growth, integrated in capital from the steady state outwards: the slope there is the
    positive root of a quadratic, and dc / dk = c (f'(k) - delta - rho) / (gamma (f(k) - delta k -
    c)) elsewhere. Going outwards the path attracts, so that what is neglected at first is lost."""
    steady = (alpha * A / (rho + delta)) ** (1 / (1 - alpha))
    rest = A * steady**alpha - delta * steady
    bend = alpha * (alpha - 1) * A * steady ** (alpha - 2)
    # gamma s (rho - s) = c f'': s = c'(k*), by l'Hopital's rule
    slope = (rho + np.sqrt(rho**2 - 4 * rest * bend / gamma)) / 2

    def along(k, c):
        saved = A * k**alpha - delta * k - c
        return c * (alpha * A * k ** (alpha - 1) - delta - rho) / (gamma * saved)

    values = []
    for k in np.atleast_1d(capital):
        begin = steady * (1 + 1e-4 * np.sign(k - steady))
        first = [rest + slope * (begin - steady)]
        path = solve_ivp(along, (begin, k), first, "DOP853", rtol=1e-13, atol=1e-14)
        values.append(path.y[0, -1])
    return np.array(values)
