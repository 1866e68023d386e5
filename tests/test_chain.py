"""Markov chains for autoregressions: moments, published probabilities, derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats as st
from scipy.special import comb

import fesolve as fe


def moments(chain):
    """Mean, variance and first autocorrelation under the stationary distribution."""
    z, p, pi = (np.asarray(a) for a in (chain.grid, chain.transition, chain.stationary.weights))
    mean = pi @ z
    variance = pi @ (z - mean) ** 2
    return mean, variance, pi @ ((z - mean) * (p @ z - mean)) / variance


@pytest.mark.parametrize("n", [2, 3, 5, 9, 25])
@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.9, 0.99])
def test_rouwenhorst_has_the_moments_exactly(n, rho):
    sigma, mean = 0.02, 0.3
    chain = fe.rouwenhorst(n, rho, sigma, mean=mean)
    ours = moments(chain)
    np.testing.assert_allclose(ours[0], mean, rtol=1e-12)
    np.testing.assert_allclose(ours[1], sigma**2 / (1 - rho**2), rtol=1e-11)
    np.testing.assert_allclose(ours[2], rho, atol=1e-11)
    z, p = np.asarray(chain.grid), np.asarray(chain.transition)
    conditional = p @ z
    np.testing.assert_allclose(conditional, (1 - rho) * mean + rho * z, atol=1e-14)
    np.testing.assert_allclose(chain.stationary.weights, comb(n - 1, np.arange(n)) / 2 ** (n - 1))
    np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_rouwenhorst_of_two_and_three_states():
    q = 0.95
    p = fe.rouwenhorst(3, 2 * q - 1, 1.0).transition
    middle = [q * (1 - q), q**2 + (1 - q) ** 2, q * (1 - q)]
    expected = [
        [q**2, 2 * q * (1 - q), (1 - q) ** 2],
        middle,
        [(1 - q) ** 2, 2 * q * (1 - q), q**2],
    ]
    np.testing.assert_allclose(p, expected, atol=1e-15)


def test_tauchen_against_normal_probabilities():
    n, rho, sigma = 7, 0.8, 0.1
    chain = fe.tauchen(n, rho, sigma, width=2.5, mean=1.0)
    z = np.linspace(-1, 1, n) * 2.5 * sigma / np.sqrt(1 - rho**2)
    np.testing.assert_allclose(chain.grid, 1.0 + z)
    edges = np.concatenate([[-np.inf], (z[1:] + z[:-1]) / 2, [np.inf]])
    expected = np.diff(st.norm.cdf((edges[None] - rho * z[:, None]) / sigma), axis=1)
    np.testing.assert_allclose(chain.transition, expected, atol=1e-14)


def test_tauchen_approaches_the_autoregression():
    rho, sigma = 0.7, 1.0
    errors = [
        abs(moments(fe.tauchen(n, rho, sigma, width=4.0))[1] * (1 - rho**2) - 1)
        for n in (5, 9, 17, 65)
    ]
    assert errors[-1] < 0.005 and errors[-1] < errors[0] / 10


def test_stationary_distribution_is_invariant_and_rows_are_distributions():
    chain = fe.tauchen(9, 0.95, 0.1)
    pi = chain.stationary
    np.testing.assert_allclose(pi.weights @ np.asarray(chain.transition), pi.weights, atol=1e-14)
    assert pi.points.dtype == np.int64
    value = jax.jit(lambda i: fe.expectation(lambda j: chain.grid[j], chain.given(i)))(3)
    np.testing.assert_allclose(value, chain.transition[3] @ chain.grid, rtol=1e-13)


@pytest.mark.parametrize("method", [fe.tauchen, fe.rouwenhorst])
def test_tracing(method):
    def lowest(rho):
        chain = method(5, rho, 0.1)
        return chain.stationary.weights[1] * chain.grid[0]

    slope = jax.jit(jax.grad(lowest))(0.8)
    numeric = (lowest(0.8 + 1e-6) - lowest(0.8 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-6)
    mapped = jax.jit(jax.vmap(lambda rho: method(4, rho, 0.1).transition))(jnp.asarray([0.5, 0.9]))
    np.testing.assert_allclose(mapped[1], method(4, 0.9, 0.1).transition, atol=1e-14)


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda: fe.tauchen(1, 0.5, 1.0), "`n`"),
        (lambda: fe.rouwenhorst(5, 1.0, 1.0), "`rho`"),
        (lambda: fe.rouwenhorst(5, 0.5, 0.0), "`sigma`"),
        (lambda: fe.tauchen(5, [0.5, 0.6], 1.0), "numbers"),
        (lambda: fe.MarkovChain([0.0, 1.0], np.ones((2, 2))), "sum to 1"),
        (lambda: fe.MarkovChain([0.0, 1.0], np.eye(3)), "shape"),
        (lambda: fe.MarkovChain([0.0, 1.0], np.eye(2)).stationary, "more than one"),
        (lambda: fe.rouwenhorst(3, 0.5, 1.0).given(3), "a state from 0 to 2; got 3"),
        (lambda: fe.rouwenhorst(3, 0.5, 1.0).given(-1), "a state from 0 to 2; got -1"),
        (lambda: fe.rouwenhorst(3, 0.5, 1.0).given(0.5), "a whole number"),
        (lambda: fe.rouwenhorst(3, 0.5, 1.0).given(jnp.arange(2)), r"use `jax\.vmap`"),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()


def test_a_state_that_a_chain_does_not_have_is_nan():
    """A residual that counts states from 1 is not solved for other states in their place."""
    chain = fe.rouwenhorst(3, 0.5, 1.0)
    mean = jax.jit(lambda i: fe.expectation(lambda j: chain.grid[j], chain.given(i)))
    np.testing.assert_allclose([mean(i) for i in range(3)], chain.transition @ chain.grid)
    assert np.isnan(mean(3)) and np.isnan(mean(-1))
    ahead = lambda f, i: f(i) - chain.grid[i] - 0.5 * fe.expectation(f, chain.given(i))
    states = fe.Empirical(jnp.arange(1, 4))
    with pytest.raises(fe.SolveError, match=r"a state that an `fe.Indicator` or a chain"):
        fe.solve(fe.Risk(ahead, states), fe.Series(fe.Indicator(3)))


class World(eqx.Module):
    repay: fe.Series
    default: fe.Series


@pytest.mark.parametrize("degree", [4, 6])
def test_errors_of_functions_of_named_and_discrete_states(degree):
    """Of a module: V(b, i) = (1 + i) sin(3 b) + 0.5 E D', D = i + 0.9 E D'."""
    p = np.array([[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.2, 0.8]])
    d = np.linalg.solve(np.eye(3) - 0.9 * p, np.arange(3.0))

    def equations(f, x):
        b, i = x["b"], x["i"]
        later = jnp.asarray(p)[i] @ jax.vmap(f.default)(jnp.arange(3))
        level = i.astype(float)
        return {
            "repay": f.repay(x) - (1.0 + level) * jnp.sin(3 * b) - 0.5 * later,
            "default": f.default(i) - level - 0.9 * later,
        }

    basis = fe.Tensor(b=fe.Chebyshev(degree, (0.0, 1.0)), i=fe.Indicator(3))
    states = fe.Product(b=fe.Uniform(0.0, 1.0), i=fe.Empirical(np.arange(3)))
    risk = fe.Risk(equations, states).quadrature(degree + 1)
    f = World(fe.Series(basis), fe.Series(fe.Indicator(3)))
    solution = fe.solve(risk, f)
    found = fe.error_estimate(risk, solution.value).relative
    b, i = np.meshgrid(np.linspace(0, 1, 501), np.arange(3))
    exact = (1 + i) * np.sin(3 * b) + 0.5 * (p @ d)[i]
    each = jax.vmap(jax.vmap(lambda b, i: solution.value.repay({"b": b, "i": i})))
    off = np.asarray(each(jnp.asarray(b), jnp.asarray(i))) - exact
    error = np.sqrt((off**2).mean() / (exact**2).mean())
    assert solution.solved and set(found) == {"repay", "default"}
    assert float(found["repay"]) == pytest.approx(error, rel=0.1)
    assert float(found["default"]) < 1e-10
