"""Saddle paths by people's codes for initial-value problems, and a value function by finite
differences: nothing of them knows fesolve."""

import numpy as np


def saddle_path(
    points, k0=1.0, *, alpha=1 / 3, delta=0.1, rho=0.11, scale=1.0, fixed=0.0, start=1e-7
):
    """(k, c) at `points` of k' = y(k) - delta k - c, c'/c = y'(k) - delta - rho with
    y = scale k^alpha - fixed, on the path that ends in the steady state: backward from near it
    along the stable eigenvector, to where capital is k0, by DOP853.

    Backward in time deviations from the stable arm die out, so that the start is good to its
    square.
    """
    from scipy.integrate import solve_ivp

    output = lambda k: scale * k**alpha - fixed
    marginal = lambda k: scale * alpha * k ** (alpha - 1)
    slope = lambda t, x: [
        output(x[0]) - delta * x[0] - x[1],
        x[1] * (marginal(x[0]) - delta - rho),
    ]
    k_steady = (scale * alpha / (delta + rho)) ** (1 / (1 - alpha))
    c_steady = output(k_steady) - delta * k_steady
    bend = scale * alpha * (alpha - 1) * k_steady ** (alpha - 2)
    values, vectors = np.linalg.eig(np.array([[rho, -1.0], [c_steady * bend, 0.0]]))
    stable = vectors[:, np.argmin(values)] / vectors[0, np.argmin(values)]
    near = np.array([k_steady, c_steady]) + start * np.sign(k0 - k_steady) * k_steady * stable
    arrived = lambda t, x: x[0] - k0
    arrived.terminal = True
    back = solve_ivp(
        slope,
        (0.0, -2_000.0),
        near,
        "DOP853",
        rtol=3e-14,
        atol=1e-15,
        max_step=0.5,
        events=arrived,
        dense_output=True,
    )
    times = np.minimum(back.t[-1] + np.asarray(points, float), 0.0)
    return back.sol(times)


def value_by_finite_differences(output, *, delta, rho, low=0.3, high=5.0, nodes=4_001):
    """k, V, k' of rho V = max_c log c + V'(k) (y(k) - delta k - c) by upwind differences and
    implicit steps, which converge to the viscosity solution (Achdou et al., 2022)."""
    from scipy.sparse import diags, eye
    from scipy.sparse.linalg import spsolve

    k = np.linspace(low, high, nodes)
    h = k[1] - k[0]
    income = output(k) - delta * k
    value = np.log(np.maximum(income, 1e-2)) / rho
    for _ in range(200):
        slope = np.maximum(np.diff(value) / h, 1e-8)
        forward, backward = np.append(slope, 1 / income[-1]), np.insert(slope, 0, 1 / income[0])
        # the state stays inside: no drift outward at the ends
        up, down = income - 1 / forward, income - 1 / backward
        up[-1], down[0] = 0.0, 0.0
        gain = lambda c, drift, slope: np.log(c) + slope * drift
        rest = np.log(np.maximum(income, 1e-8))
        best_up = np.where(up > 0, gain(1 / forward, up, forward), -np.inf)
        best_down = np.where(down < 0, gain(1 / backward, down, backward), -np.inf)
        rising = (best_up >= best_down) & (best_up > rest)
        falling = ~rising & (best_down > rest)
        drift = np.where(rising, up, np.where(falling, down, 0.0))
        c = income - drift
        right, left = np.maximum(drift, 0) / h, np.maximum(-drift, 0) / h
        generator = diags([left[1:], -(left + right), right[:-1]], [-1, 0, 1])
        step = 1e3
        system = (rho + 1 / step) * eye(nodes) - generator
        new = spsolve(system.tocsc(), np.log(c) + value / step)
        change = np.abs(new - value).max()
        value = new
        if change < 1e-10:
            break
    return k, value, drift
