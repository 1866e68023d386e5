"""What the solutions are compared with: figures known from elsewhere, initial-value problems solved
by other people's code, and Van der Pol's oscillator to all digits of float64."""

import time
import warnings

import numpy as np
import pytest


def agrees(problem, f):
    """The figures of a problem that are known from elsewhere."""
    for name, value in problem.found(f).items():
        reference = problem.references[name]
        assert value == pytest.approx(reference.value, rel=reference.tolerance), name


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


def van_der_pol(mu, points):
    """f'' = mu (1 - f^2) f' - f, f(0) = 2, f'(0) = 0, at rising points from 0 on, by Taylor series
    of degree 30 in extended precision where the machine has it: good to about 1e-15.

    **Source:** Jorba and Zou (2005), A software package for the numerical integration of ODEs by
    means of high-order Taylor methods.
    """
    degree, wide = 30, np.longdouble
    f, slope, x, values = wide(2), wide(0), wide(0), []
    points = np.asarray(points, wide)
    while len(values) < len(points):
        a, b = np.zeros(degree + 1, wide), np.zeros(degree + 1, wide)
        q = np.zeros(degree, wide)
        a[0], b[0] = f, slope
        for n in range(degree):
            q[n] = a[: n + 1] @ a[n::-1]
            cubic = b[n] - q[: n + 1] @ b[n::-1]
            a[n + 1] = b[n] / (n + 1)
            b[n + 1] = (wide(mu) * cubic - a[n]) / (n + 1)
        # the last terms are below rounding
        scales = [np.abs(a[:2]).max(), np.abs(b[:2]).max()]
        lengths = [
            (1e-20 * scale / (np.abs(c[n]) + wide(1e-300))) ** (1 / wide(n))
            for c, scale in zip((a, b), scales, strict=True)
            for n in (degree - 1, degree)
        ]
        h = min(*lengths, wide(1.0))
        for t in points[len(values) :]:
            if t > x + h:
                break
            values.append(np.polynomial.polynomial.polyval(t - x, a))
        f, slope = (np.polynomial.polynomial.polyval(h, c) for c in (a, b))
        x = x + h
    return np.asarray(values, float)


class FirstOrder:
    """Van der Pol's oscillator as SciPy wants it: a system of first order with its Jacobian."""

    def __init__(self, mu, horizon):
        self.mu, self.horizon = mu, horizon

    def slope(self, t, y):
        return [y[1], self.mu * (1 - y[0] * y[0]) * y[1] - y[0]]

    def jacobian(self, t, y):
        return [[0.0, 1.0], [-2 * self.mu * y[0] * y[1] - 1, self.mu * (1 - y[0] * y[0])]]

    def integrate(self, method, tolerance, **options):
        """The solution by a method of `solve_ivp`, as a function of x."""
        from scipy.integrate import solve_ivp

        if method == "Radau":
            options["jac"] = self.jacobian
        out = solve_ivp(
            self.slope,
            (0.0, self.horizon),
            [2.0, 0.0],
            method,
            rtol=max(tolerance, 3e-14),
            atol=tolerance,
            dense_output=True,
            **options,
        )
        return lambda x: out.sol(x)[0]

    def collocate(self, tolerance):
        """The solution by `solve_bvp`, from a guess of the right amplitude and period, with
        Jacobians, as a function of x."""
        from scipy.integrate import solve_bvp

        x = np.linspace(0.0, self.horizon, 201)

        def partial(x, y):
            rows = self.jacobian(x, y)
            return np.array([[entry + 0 * x for entry in row] for row in rows])

        start, end = np.eye(2), np.zeros((2, 2))
        out = solve_bvp(
            lambda x, y: np.vstack(self.slope(x, y)),
            lambda a, b: np.array([a[0] - 2.0, a[1]]),
            x,
            np.vstack([2 * np.cos(x), -2 * np.sin(x)]),
            fun_jac=partial,
            bc_jac=lambda a, b: (start, end),
            tol=tolerance,
            max_nodes=100_000,
        )
        return lambda x: out.sol(x)[0]


TOLERANCES = 10.0 ** -np.arange(6.0, 14.01, 0.5)


def at_same_error(solve, exact, points, error, *, tolerances=TOLERANCES, repeats=5):
    """`(seconds, error)` of `solve(tolerance)` at the loosest tolerance whose error is `error` or
    less; if there is none, of the tolerance that comes nearest. Seconds are the best of several."""
    found = []
    for tolerance in tolerances:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            begin = time.perf_counter()
            value = solve(tolerance)(points)
            first = time.perf_counter() - begin
        reached = np.max(np.abs(value - exact)) / np.max(np.abs(exact))
        found.append((reached, tolerance, first))
        if reached <= error:
            break
    reached, tolerance, first = min(found) if found[-1][0] > error else found[-1]
    seconds = [first]
    for _ in range(repeats if first < 2 else 1):
        begin = time.perf_counter()
        solve(tolerance)
        seconds.append(time.perf_counter() - begin)
    return min(seconds), reached
