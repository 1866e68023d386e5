"""Market clearing, against closed forms, SciPy and finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import fesolve as fe


def cubic(p, a):
    return a - p**3 - p


def test_a_root_with_its_derivative():
    a = jnp.asarray([0.5, 3.0, 9.0])
    at = lambda a: fe.equilibrium(lambda p: cubic(p, a), 0.0, 3.0)
    prices, slopes = jax.jit(jax.vmap(jax.value_and_grad(at)))(a)
    for i in range(3):
        theirs = brentq(cubic, 0.0, 3.0, args=(float(a[i]),), xtol=1e-15)
        np.testing.assert_allclose(prices[i], theirs, rtol=1e-13)
    np.testing.assert_allclose(slopes, 1 / (3 * prices**2 + 1), rtol=1e-12)
    np.testing.assert_allclose(at(3.0), prices[1], rtol=1e-14)


def test_kinks_are_no_obstacle():
    kinked = lambda p: jnp.where(p < 1 / 3, 5.0, 0.1) * (1 / 3 - p)
    np.testing.assert_allclose(fe.equilibrium(kinked, -1.0, 2.0), 1 / 3, rtol=1e-12)
    flat = lambda p: jnp.cbrt(0.7 - p)  # Newton's method runs away from it
    np.testing.assert_allclose(fe.equilibrium(flat, 0.0, 1.0), 0.7, atol=1e-9)


def test_what_is_refused():
    with pytest.raises(
        ValueError, match=r"does not change sign .* excess\(2\) = -7 and excess\(3\) = -27"
    ):
        fe.equilibrium(lambda p: cubic(p, 3.0), 2.0, 3.0)
    with pytest.raises(ValueError, match="not finite at the ends"):
        fe.equilibrium(lambda p: jnp.log(p), 0.0, 2.0)
    with pytest.raises(ValueError, match=r"changes sign at 0\.3.* without being zero"):
        fe.equilibrium(lambda p: jnp.where(p < 0.3, 1.0, -2.0), 0.0, 1.0)
    with pytest.raises(ValueError, match="`low` < `high`"):
        fe.equilibrium(lambda p: p, 1.0, 0.0)
    with pytest.raises(ValueError, match=r"must return a real number; got shape \(2,\)"):
        fe.equilibrium(lambda p: jnp.stack([p, p]), 0.0, 1.0)


def test_no_sign_change_is_nan_in_its_lane():
    at = lambda a: fe.equilibrium(lambda p: cubic(p, a), 0.0, 1.0)
    prices = jax.vmap(at)(jnp.asarray([1.0, 5.0]))
    assert np.isfinite(prices[0])
    assert np.isnan(prices[1])


# Households of types x with incomes 1 + x and 2 - x / 2 lend to each other: the rate is
# (1.75 / 1.5)^gamma / beta.
TYPES = fe.Uniform(0.0, 1.0)


class Share(eqx.Module):
    log_share: fe.Series

    def consumption(self, x, rate):
        wealth = 1.0 + x + (2.0 - 0.5 * x) / rate
        c0 = wealth * jnp.exp(self.log_share(x))
        return c0, rate * (wealth - c0)


def euler(f, x, rate, beta, gamma):
    c0, c1 = f.consumption(x, rate)
    return 1.0 - beta * rate * (c1 / c0) ** -gamma


def rate_of(beta, gamma):
    start = Share(fe.Series(fe.Chebyshev(4, (0.0, 1.0)), start=-0.7))
    nodes = TYPES.quadrature(8)

    def excess(rate):
        risk = fe.Risk(euler, TYPES, args=(rate, beta, gamma)).quadrature(8)
        f = fe.solve(risk, start).value
        return fe.expectation(lambda x: f.consumption(x, rate)[0] - 1.0 - x, nodes)

    return fe.equilibrium(excess, 1.0, 2.5)


@pytest.mark.slow
def test_a_solve_in_the_market():
    solve = jax.jit(jax.value_and_grad(rate_of, (0, 1)))
    rate, (in_beta, in_gamma) = solve(0.9, 2.0)
    exact = (1.75 / 1.5) ** 2.0 / 0.9
    np.testing.assert_allclose(rate, exact, rtol=1e-10)
    np.testing.assert_allclose(in_beta, -exact / 0.9, rtol=1e-7)
    np.testing.assert_allclose(in_gamma, exact * np.log(1.75 / 1.5), rtol=1e-7)
    difference = (solve(0.9 + 1e-5, 2.0)[0] - solve(0.9 - 1e-5, 2.0)[0]) / 2e-5
    np.testing.assert_allclose(in_beta, difference, rtol=1e-6)


def test_at_the_prompt_excess_is_given_numbers():
    """So that a solve inside of it runs on the host, and compiles once."""
    seen = []

    def excess(p):
        seen.append(float(p))
        return cubic(p, 3.0)

    theirs = brentq(cubic, 0.0, 3.0, args=(3.0,), xtol=1e-15)
    np.testing.assert_allclose(fe.equilibrium(excess, 0.0, 3.0), theirs, rtol=1e-14)
    assert len(seen) == len(set(seen)) < 20
    at_once = jax.jit(lambda: fe.equilibrium(lambda p: cubic(p, 3.0), 0.0, 3.0))()
    np.testing.assert_allclose(at_once, theirs, rtol=1e-13)


def test_a_solve_that_rounds_is_not_asked_for_more_than_it_has():
    """An excess with noise at 1e-13, as of a solve inside of it."""
    seen = []

    def excess(p):
        seen.append(float(p))
        return cubic(p, 3.0) + 1e-13 * np.sin(1e17 * float(p))

    theirs = brentq(cubic, 0.0, 3.0, args=(3.0,), xtol=1e-15)
    np.testing.assert_allclose(fe.equilibrium(excess, 0.0, 3.0), theirs, rtol=1e-12)
    assert len(seen) < 15
