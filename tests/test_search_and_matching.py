"""Search and matching: a fixed point on cubic splines, by NumPy and SciPy, is the reference."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

import fesolve as fe
from fesolve import problems


M = problems.search_and_matching().parameters
SPREAD = M.sigma / np.sqrt(1 - M.rho**2)


def tightness(value):
    posted = value > M.cost
    return np.where(posted, (np.where(posted, value / M.cost, 2.0) ** M.iota - 1), 0) ** (
        1 / M.iota
    )


@functools.cache
def by_iteration(nodes=11, points=1_201):
    """The value of a match, iterated until it rests; 11 shocks and 1,201 nodes are off by 2e-7."""
    z = np.linspace(-10 * SPREAD, 10 * SPREAD, points)
    e, w = np.polynomial.hermite_e.hermegauss(nodes)
    ahead = np.clip(M.rho * z[:, None] + M.sigma * e, z[0], z[-1])
    value, change = np.full(points, 0.7), 1.0
    while change > 1e-12:
        later = CubicSpline(z, value)(ahead)
        flow = (1 - M.eta) * (np.exp(ahead) - M.benefit) - M.eta * M.cost * tightness(later)
        new = M.beta * (flow + (1 - M.separation) * later) @ (w / w.sum())
        value, change = new, np.abs(new - value).max()
    return CubicSpline(z, value)


@pytest.mark.parametrize(
    "kind, target",
    [
        ("chebyshev", 3e-6),
        *(pytest.param(k, 1e-5, marks=pytest.mark.slow) for k in ("spline", "mlp")),
    ],
)
def test_tightness_on_three_deviations(kind, target):
    problem = problems.search_and_matching()
    solution = problem.solve(kind, key=jr.key(0))
    z = np.linspace(-3 * SPREAD, 3 * SPREAD, 301)
    exact = tightness(by_iteration()(z))
    found = jax.vmap(problem.functions(solution.value)["tightness"])(jnp.asarray(z))
    assert exact.min() == 0.0 and exact.max() > 1.5
    np.testing.assert_allclose(found, exact, atol=target)
    for reference in problem.references.values():
        assert float(reference.quantity(solution.value)) == pytest.approx(reference.value, rel=1e-5)


def test_the_error_is_estimated():
    """Under the law of z; where a kink holds a series up, ten times too large."""
    problem = problems.search_and_matching()
    z = np.linspace(-8 * SPREAD, 8 * SPREAD, 4_001)
    density = np.exp(-0.5 * (z / SPREAD) ** 2)
    exact = by_iteration()(z)
    for degree in (24, 30):
        solution = problem.solve(degree=degree)
        off = np.asarray(jax.vmap(solution.value)(jnp.asarray(z))) - exact
        error = np.sqrt(density @ off**2 / (density @ exact**2))
        assert error / 5 < float(solution.stats["error"]) < 20 * error


def test_where_vacancies_never_stop_the_series_is_spectral():
    problem = problems.search_and_matching(benefit=0.71)
    errors = [float(problem.solve(degree=k).stats["error"]) for k in (4, 8)]
    assert errors[0] < 1e-6 and errors[1] < 1e-3 * errors[0]


@pytest.mark.slow
@pytest.mark.parametrize("degree", (25, 40))
def test_a_box_that_productivity_leaves_is_refused(degree):
    """Vacancies are off by per cents there, at residuals of 1e-8 and less."""
    problem = problems.search_and_matching()
    near = 3.5 * SPREAD
    risk = problem.risk.on(fe.Uniform(-near, near)).quadrature(2 * degree)
    wide = near + 4 * M.sigma
    f = fe.Series(fe.Chebyshev(degree, (-wide, wide)), start=0.7)
    solution = fe.solve(risk, f, throw=False)
    z = jnp.linspace(-2 * SPREAD, 2 * SPREAD, 41)
    off = np.asarray(jax.vmap(solution.value)(z)) / by_iteration()(np.asarray(z)) - 1
    assert np.abs(off).max() > 1e-3
    assert not solution.solved and not fe.RiskReport(solution, test=risk).solved
