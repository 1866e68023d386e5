"""The maximum over alternatives, against SciPy, draws, differences and a closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp, softmax

import fesolve as fe


VALUES = np.array([1.0, 0.3, -0.5, 1.2])


@pytest.mark.parametrize("scale", [1e-3, 0.05, 1.0, 20.0])
def test_the_log_sum_and_its_probabilities(scale):
    value, chosen = fe.discrete_choice(VALUES, scale)
    np.testing.assert_allclose(value, scale * logsumexp(VALUES / scale), rtol=1e-13)
    np.testing.assert_allclose(chosen, softmax(VALUES / scale), rtol=1e-12, atol=1e-300)
    by = jax.grad(lambda v: fe.discrete_choice(v, scale)[0])(jnp.asarray(VALUES))
    np.testing.assert_allclose(by, chosen, rtol=1e-12, atol=1e-300)


def test_it_is_the_mean_maximum_under_shocks():
    draws = np.random.default_rng(0).gumbel(-np.euler_gamma, 1.0, (400_000, 4))
    ahead = VALUES + 0.5 * draws
    value, chosen = fe.discrete_choice(VALUES, 0.5)
    assert float(value) == pytest.approx(ahead.max(axis=1).mean(), abs=5e-3)
    shares = np.bincount(ahead.argmax(axis=1), minlength=4) / len(ahead)
    np.testing.assert_allclose(chosen, shares, atol=4e-3)


def test_without_shocks_and_with_what_cannot_be_taken():
    value, chosen = fe.discrete_choice(VALUES)
    assert float(value) == 1.2 and chosen.tolist() == [0, 0, 0, 1]
    assert fe.discrete_choice(jnp.array([2.0, 2.0]))[1].tolist() == [1, 0]
    one = jnp.array([0.0, -jnp.inf])
    for scale in (0.0, 0.3):
        value, chosen = fe.discrete_choice(one, scale)
        assert float(value) == 0.0 and chosen.tolist() == [1, 0]
        by = jax.jit(jax.grad(lambda v, s=scale: fe.discrete_choice(v, s)[0]))(one)
        assert by.tolist() == [1, 0]
    none = fe.discrete_choice(jnp.array([-jnp.inf, -jnp.inf]), 0.3)
    assert float(none[0]) == -np.inf


def test_derivatives_in_the_scale():
    at = lambda s: fe.discrete_choice(jnp.asarray(VALUES), s)[0]
    slope = (at(0.3 + 1e-6) - at(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.grad(at)(0.3), slope, rtol=1e-8)
    assert np.isfinite(jax.grad(at)(0.0))


def test_what_is_refused():
    with pytest.raises(ValueError, match="must be one real number for each alternative"):
        fe.discrete_choice(jnp.ones((2, 2)))
    with pytest.raises(ValueError, match="must be >= 0; got -1"):
        fe.discrete_choice(VALUES, -1.0)
    with pytest.raises(ValueError, match=r"must be a number; got shape \(2,\)"):
        fe.discrete_choice(VALUES, jnp.ones(2))
