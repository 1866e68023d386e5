"""SciPy: `solve_ivp` for initial values, `solve_bvp` for the rest."""

import numpy as np
from scipy.integrate import solve_bvp, solve_ivp


REQUIRES = VERSIONS = ("scipy",)
WARM = False
SETTINGS = {
    "documented": "defaults: solve_ivp by RK45 at rtol 1e-3, solve_bvp at tol 1e-3 from 5 nodes",
    "best known": "DOP853 at rtol 1e-3 to 1e-13, solve_bvp at tol 1e-3 to 1e-12, 100,000 nodes",
}
CANNOT = {
    "poisson": "two coordinates",
    "heat": "two coordinates: a discretisation of one's own has to come first",
}
TOLERANCES = (1e-3, 1e-6, 1e-9, 1e-12)


def decay():
    return initial(lambda x, y: -y, (0, 2), [1.0])


def logistic():
    return initial(lambda x, y: y * (1 - y), (0, 5), [0.1])


def van_der_pol():
    return initial(lambda x, y: [y[1], (1 - y[0] ** 2) * y[1] - y[0]], (0, 10), [2.0, 0.0])


def blow_up():
    return initial(lambda x, y: y**2, (0, 2), [1.0])


def unstable():
    return initial(lambda x, y: 10 * (y - np.cos(x)) - np.sin(x), (0, 3), [1.0])


def bratu():
    return boundary(lambda x, y: [y[1], -np.exp(y[0])], lambda a, b: [a[0], b[0]], (0, 1), 2)


def layer():
    return boundary(lambda x, y: [y[1], (y[1] - 1) / 0.01], lambda a, b: [a[0], b[0]], (0, 1), 2)


def fold():
    return boundary(lambda x, y: [y[1], -4 * np.exp(y[0])], lambda a, b: [a[0], b[0]], (0, 1), 2)


def missing():
    # it wants as many conditions as equations: one that holds for every f
    return boundary(lambda x, y: -y, lambda a, b: 0 * a, (0, 2), 1)


def initial(slope, box, start):
    def run(tolerance, points):
        given = {} if tolerance is None else {"rtol": max(tolerance, 1e-13), "atol": tolerance / 10}
        method = "RK45" if tolerance is None else "DOP853"
        found = solve_ivp(slope, box, start, method, t_eval=points, **given)
        return (found.y[0] if found.success else None), found

    return run


def boundary(slope, ends, box, number):
    def run(tolerance, points):
        given = {} if tolerance is None else {"tol": tolerance, "max_nodes": 100_000}
        nodes = np.linspace(*box, 5)
        found = solve_bvp(
            lambda x, y: np.vstack(slope(x, y)),
            lambda a, b: np.asarray(ends(a, b)),
            nodes,
            np.zeros((number, nodes.size)),
            **given,
        )
        return found.sol(points)[0], found

    return run


def solve(problem, setting, record):
    run, points = globals()[problem](), record.points[:, 0]
    for tolerance in (None,) if setting == "documented" else TOLERANCES:
        record.restart()
        values, found = run(tolerance, points)
        step = "default" if tolerance is None else f"tolerance {tolerance:g}"
        if record(values, step, bool(found.success), found.message):
            break
