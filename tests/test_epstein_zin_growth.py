"""Growth with recursive utility, against its closed form, expected utility and value iteration."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline

from fesolve import problems


@pytest.mark.slow
@pytest.mark.parametrize("gamma", [10.0, 50.0])
def test_full_depreciation_is_the_closed_form(gamma):
    problem = problems.epstein_zin_growth(gamma=gamma, psi=1.0, delta=1.0)
    solution = problem.solve(degree=4)
    points = problem.risk.terms[0].distribution.sample(200, key=jax.random.key(0))
    for name, exact in problem.exact.items():
        found, truth = (jax.vmap(g)(points) for g in (getattr(solution.value, name), exact))
        np.testing.assert_allclose(found, truth, rtol=1e-10)


@pytest.mark.slow
def test_where_psi_is_the_inverse_of_gamma_it_is_expected_utility():
    """Log utility, in the calibration of `stochastic_growth` of which a reference is known."""
    m = {"gamma": 1.0, "psi": 1.0, "beta": 0.99, "sigma": 0.04}
    problem = problems.epstein_zin_growth(**m)
    solution = problem.solve()
    p = problem.parameters
    x = jnp.array([p.rest, 0.0])
    saved = float(solution.value.share(x) * p.resources(x))
    assert saved == pytest.approx(6.3672328575, rel=1e-7)


def by_iteration(m, ks=61, zs=25, nodes=7):
    """Shares saved by value iteration on splines, with the best share by bisection of the slope."""
    spread = m.sigma / np.sqrt(1 - m.rho**2)
    k = np.linspace(m.rest - 0.9, m.rest + 0.9, ks)
    z = np.linspace(-6 * spread, 6 * spread, zs)
    e, w = np.polynomial.hermite_e.hermegauss(nodes)
    y = np.exp(z[None] + m.alpha * k[:, None]) + (1 - m.delta) * np.exp(k[:, None])
    ahead = np.clip(m.rho * z[None, :, None] + m.sigma * e, z[0], z[-1])
    ahead = np.broadcast_to(ahead, (ks, zs, nodes))
    p, g, w = 1 - 1 / m.psi, 1 - m.gamma, w / w.sum()
    v = np.log(0.25 * y)

    def today(spline, share):
        k1 = np.clip(np.log(share * y), k[0], k[-1])[..., None]
        later = np.exp(spline.ev(np.broadcast_to(k1, ahead.shape), ahead))
        certain = (later**g @ w) ** (1 / g)
        return ((1 - m.beta) * ((1 - share) * y) ** p + m.beta * certain**p) ** (1 / p)

    golden, share = (np.sqrt(5) - 1) / 2, np.exp(m.rest) / np.interp(m.rest, k, y[:, zs // 2])
    for _ in range(200):  # what a constant share is worth
        v = np.log(today(RectBivariateSpline(k, z, v), share))
    for sweep in range(25):
        spline = RectBivariateSpline(k, z, v)
        # capital stays on the grid, below which nothing would be lost by eating it
        low, high = np.exp(k[0]) / y, np.minimum(np.exp(k[-1]) / y, 0.99)
        for _ in range(38):
            a, b = high - golden * (high - low), low + golden * (high - low)
            up = today(spline, a) < today(spline, b)
            low, high = np.where(up, a, low), np.where(up, high, b)
        before, share = share, (low + high) / 2
        for _ in range(20):
            v = np.log(today(RectBivariateSpline(k, z, v), share))
        if sweep and np.abs(share - before).max() < 1e-7:
            break
    return RectBivariateSpline(k, z, share)


@pytest.mark.slow
@pytest.mark.parametrize("gamma, psi", [(5.0, 0.5), (10.0, 1.5)])
def test_it_agrees_with_value_iteration(gamma, psi):
    problem = problems.epstein_zin_growth(gamma=gamma, psi=psi)
    solution, m = problem.solve(), problem.parameters
    assert solution.solved and all(check.passed for check in problem.checks(solution.value))
    exact = by_iteration(m)
    for dk, z in [(0.0, 0.0), (-0.2, -0.07), (0.2, 0.07), (0.1, -0.05)]:
        found = float(solution.value.share(jnp.array([m.rest + dk, z])))
        assert found == pytest.approx(float(exact(m.rest + dk, z)[0, 0]), abs=3e-7)
