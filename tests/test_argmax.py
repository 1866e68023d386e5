"""The maximising point, against SciPy, closed forms and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import fesolve as fe


def share(a):
    """max over c of log c + a log(1 - c), at c = 1 / (1 + a)."""
    return fe.argmax(lambda c: jnp.log(c) + a * jnp.log(1.0 - c), 0.0, 1.0)


def test_a_closed_form_with_its_derivative():
    a = jnp.linspace(0.05, 20.0, 41)
    point, slope = jax.jit(jax.vmap(jax.value_and_grad(share)))(a)
    np.testing.assert_allclose(point, 1 / (1 + a), rtol=1e-14)
    np.testing.assert_allclose(slope, -1 / (1 + a) ** 2, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_smooth_functions_against_scipy(seed):
    rng = np.random.default_rng(seed)
    a, b, low = rng.uniform(0.5, 3.0), rng.normal(), rng.normal()
    q = lambda c: -a * (c - b) ** 4 - (c - b) ** 2 + 0.1 * jnp.sin(c)
    point = fe.argmax(q, low, low + 4.0)
    theirs = minimize_scalar(
        lambda c: -float(q(c)), bounds=(low, low + 4.0), method="bounded", options={"xatol": 1e-12}
    )
    np.testing.assert_allclose(point, theirs.x, atol=1e-5)  # theirs ends at sqrt(eps) and a bit
    assert float(q(point)) >= -theirs.fun - 1e-14


@pytest.mark.slow
def test_the_global_maximum_of_many():
    q = lambda c, a: jnp.sin(5.0 * c) + a * c
    a = jnp.linspace(-0.5, 0.5, 6)
    points = jax.jit(jax.vmap(lambda a: fe.argmax(lambda c: q(c, a), 0.0, 6.0)))(a)
    fine = np.linspace(0.0, 6.0, 200_001)
    for one, point in zip(a, points, strict=True):
        best = fine[np.argmax(np.sin(5.0 * fine) + float(one) * fine)]
        np.testing.assert_allclose(point, best, atol=4e-5)
        assert float(q(point, one)) >= np.max(np.sin(5.0 * fine) + float(one) * fine)


@pytest.mark.slow
def test_a_coarse_grid_misses_a_peak_and_a_finer_one_does_not():
    q = lambda c: jnp.exp(-(((c - 0.5123) / 0.0005) ** 2)) - 0.1 * (c - 0.8) ** 2
    np.testing.assert_allclose(fe.argmax(q, 0.0, 1.0), 0.8, atol=1e-9)
    np.testing.assert_allclose(fe.argmax(q, 0.0, 1.0, points=600), 0.5123, atol=1e-4)


@pytest.mark.parametrize("sign, bounds, slopes", [(1.0, (0.5, 2.5), (0, 1)), (-1.0, None, (1, 0))])
def test_corners_move_with_their_bounds(sign, bounds, slopes):
    at = lambda low, high: fe.argmax(lambda c: sign * jnp.exp(c) - 400.0, low, high)
    point = at(0.5, 2.5)
    assert float(point) == (2.5 if sign > 0 else 0.5)
    assert tuple(float(s) for s in jax.grad(at, (0, 1))(0.5, 2.5)) == slopes
    assert tuple(float(s) for s in jax.jit(jax.jacfwd(at, (0, 1)))(0.5, 2.5)) == slopes


@pytest.mark.slow
def test_a_corner_where_the_slope_is_infinite():
    at = lambda low: fe.argmax(lambda c: -jnp.sqrt(c), low, 3.0)
    assert float(at(0.0)) == 0.0
    assert np.isfinite(jax.grad(at)(0.0))


def test_the_envelope_theorem():
    value = lambda a: (q := lambda c: jnp.log(c) + a * jnp.log(2.0 - c))(fe.argmax(q, 0.0, 2.0))
    a = 0.7
    c = 2.0 / (1.0 + a)
    np.testing.assert_allclose(jax.grad(value)(a), np.log(2.0 - c), rtol=1e-13)
    second = (value(a + 1e-3) - 2 * value(a) + value(a - 1e-3)) / 1e-6
    np.testing.assert_allclose(jax.grad(jax.grad(value))(a), second, rtol=1e-5)


@pytest.mark.slow
def test_derivatives_through_series_against_finite_differences():
    series = fe.Series(fe.Chebyshev(6, (0.0, 1.0)))
    base = jnp.asarray([0.0, 0.5, -1.0, 0.1, 0.0, 0.05, 0.0])

    def point(coefficients):
        f = jax.tree.map(lambda leaf: coefficients if leaf.shape == (7,) else leaf, series)
        return fe.argmax(f, 0.0, 1.0)

    point = jax.jit(point)
    slopes = jax.grad(point)(base)
    for i in range(7):
        change = 1e-5 * np.eye(7)[i]
        difference = (point(base + change) - point(base - change)) / 2e-5
        np.testing.assert_allclose(slopes[i], difference, atol=1e-8)


def test_where_q_has_no_value():
    q = lambda c: jnp.log(c - 0.4) + jnp.log(0.45 - c)  # NaN outside of (0.4, 0.45)
    point, slope = jax.value_and_grad(lambda h: fe.argmax(q, 0.0, h))(1.0)
    np.testing.assert_allclose(point, 0.425, rtol=1e-14)
    assert float(slope) == 0.0
    infinite = lambda c: jnp.where(c > 0.7, -jnp.inf, c)
    np.testing.assert_allclose(fe.argmax(infinite, 0.0, 1.0), 0.7, atol=1e-11)
    assert float(fe.argmax(lambda c: jnp.nan * c, 0.0, 1.0)) == 0.0


def test_a_kink_is_found_by_values_alone():
    at = lambda b: fe.argmax(lambda c: -jnp.abs(c - b), 0.0, 3.0)
    np.testing.assert_allclose(at(2.1), 2.1, atol=1e-10)
    assert float(jax.grad(at)(2.1)) == 0.0


@pytest.mark.slow
def test_flat_functions_have_a_point():
    point = fe.argmax(lambda c: 0.0 * c, -1.0, 2.0)
    assert -1.0 <= float(point) <= 2.0
    assert float(fe.argmax(lambda c: -(c**2), 1.5, 1.5)) == 1.5


@pytest.mark.slow
def test_in_float32():
    a = jnp.linspace(0.1, 10.0, 21, dtype=jnp.float32)
    one = jnp.float32(1.0)
    at = lambda a: fe.argmax(lambda c: jnp.log(c) + a * jnp.log(one - c), jnp.float32(0.0), one)
    point, slope = jax.vmap(jax.value_and_grad(at))(a)
    assert point.dtype == slope.dtype == jnp.float32
    np.testing.assert_allclose(point, 1 / (1 + a), rtol=2e-6)
    np.testing.assert_allclose(slope, -1 / (1 + a) ** 2, rtol=2e-4)


@pytest.mark.slow
def test_inside_a_bellman_equation():
    alpha, beta = 0.36, 0.96
    slope = alpha / (1 - alpha * beta)
    constant = (np.log(1 - alpha * beta) + beta * slope * np.log(alpha * beta)) / (1 - beta)

    def bellman(v, k, beta):
        q = lambda c: jnp.log(c) + beta * v(jnp.log(k**alpha - c))
        return v(jnp.log(k)) - q(fe.argmax(q, 0.05 * k**alpha, 0.95 * k**alpha))

    v = fe.Series(fe.Chebyshev(4, (np.log(0.05), np.log(0.5))), start=-20.0)
    v = jax.tree.map(lambda c: c.at[1].set(0.5) if c.shape == (5,) else c, v)
    risk = fe.Risk(bellman, fe.Uniform(0.05, 0.5), args=(beta,))
    solved = fe.solve(risk.quadrature(16), v).value
    k = jnp.linspace(0.05, 0.5, 21)
    np.testing.assert_allclose(
        jax.vmap(solved)(jnp.log(k)), constant + slope * jnp.log(k), rtol=1e-10
    )


def test_what_is_refused():
    with pytest.raises(ValueError, match="`low` <= `high`"):
        fe.argmax(lambda c: c, 1.0, 0.0)
    with pytest.raises(ValueError, match="`points`"):
        fe.argmax(lambda c: c, 0.0, 1.0, points=2)
    with pytest.raises(ValueError, match="`q` of `argmax` must return a real number"):
        fe.argmax(lambda c: jnp.stack([c, c]), 0.0, 1.0)
    with pytest.raises(ValueError, match=r"`high` of `argmax` must be a number; got shape \(2,\)"):
        fe.argmax(lambda c: c, 0.0, jnp.ones(2))
