"""Certainty equivalents and recursive utility, against SciPy, closed forms and expected utility."""

from decimal import Decimal, localcontext

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp

import fesolve as fe


SHOCK = fe.Normal(0.0, 0.3).quadrature(9)
GAMMAS = [-1.0, 0.0, 0.5, 1 - 1e-9, 1.0, 1 + 1e-12, 2.0, 10.0, 50.0]


def payoff(e):
    return 2 * jnp.exp(e)


def by_hand(gamma):
    """With fifty digits."""
    values = [Decimal(v) for v in np.asarray(jax.vmap(payoff)(SHOCK.points)).tolist()]
    weights = [Decimal(w) for w in np.asarray(SHOCK.weights).tolist()]
    with localcontext(prec=50):
        pairs = [(v, w / sum(weights)) for v, w in zip(values, weights, strict=True)]
        power = 1 - Decimal(gamma)
        if power == 0:
            return float(sum(w * v.ln() for v, w in pairs).exp())
        return float(sum(w * v**power for v, w in pairs) ** (1 / power))


@pytest.mark.parametrize("gamma", GAMMAS)
def test_it_is_the_power_mean(gamma):
    found = float(fe.certainty_equivalent(payoff, SHOCK, gamma))
    assert found == pytest.approx(by_hand(gamma), rel=2e-15)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_a_lognormal_payoff_has_a_closed_form(gamma):
    fine = fe.Normal(0.0, 0.1).quadrature(40)
    found = float(fe.certainty_equivalent(payoff, fine, gamma))
    assert found == pytest.approx(2 * np.exp((1 - gamma) * 0.1**2 / 2), rel=1e-13)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
def test_derivatives_are_those_of_differences(gamma):
    equivalent = lambda s, g: fe.certainty_equivalent(lambda e: 2 + s * e, SHOCK, g)
    for at, by in ((0, jax.grad(equivalent, 0)), (1, jax.grad(equivalent, 1))):
        h = np.array([1e-5, 1e-4])[at] * np.eye(2)[at]
        ends = [equivalent(*(np.array([0.7, gamma]) + sign * h)) for sign in (1, -1)]
        numeric = (ends[0] - ends[1]) / (2 * h[at])
        assert float(by(0.7, gamma)) == pytest.approx(float(numeric), rel=1e-7)


def test_large_powers_do_not_overflow():
    far = fe.Empirical(jnp.array([1e-30, 1.0, 1e30]), jnp.array([0.2, 0.3, 0.5]))
    found = float(fe.certainty_equivalent(lambda e: e, far, 50.0))
    logs = -49 * np.log([1e-30, 1.0, 1e30])
    assert np.log(found) == pytest.approx(logsumexp(logs, b=[0.2, 0.3, 0.5]) / -49, rel=1e-13)
    slope = jax.grad(lambda s: fe.certainty_equivalent(lambda e: s * e, far, 50.0))(1.0)
    assert float(slope) == pytest.approx(found, rel=1e-12)


def test_of_vectors_and_what_is_sure():
    both = fe.certainty_equivalent(lambda e: jnp.stack([payoff(e), payoff(-e)]), SHOCK, 3.0)
    np.testing.assert_allclose(both, both[::-1], rtol=1e-13)
    assert both.shape == (2,)
    assert fe.certainty_equivalent(payoff, fe.Dirac(0.2), 3.0) == payoff(0.2)
    single = fe.certainty_equivalent(lambda e: jnp.float32(1) + e, fe.Dirac(jnp.float32(1)), 2.0)
    assert single.dtype == jnp.float32
    assert np.isnan(fe.certainty_equivalent(lambda e: e, SHOCK, 2.0))
    with pytest.raises(ValueError, match=r"`q` of `certainty_equivalent` is continuous"):
        fe.certainty_equivalent(payoff, fe.Normal(0.0, 1.0), 2.0)
    with pytest.raises(ValueError, match="`gamma` is a relative risk aversion"):
        fe.certainty_equivalent(payoff, SHOCK, np.nan)


@pytest.mark.parametrize("psi", [0.2, 1.0, 1.5])
def test_recursive_utility_is_its_formula(psi):
    found = float(fe.recursive_utility(0.7, 1.1, 0.96, psi))
    power = 1 - 1 / psi
    if psi == 1:
        expected = 0.7**0.04 * 1.1**0.96
    else:
        expected = (0.04 * 0.7**power + 0.96 * 1.1**power) ** (1 / power)
    assert found == pytest.approx(expected, rel=1e-14)
    for name, wrong in {"beta": (0.7, 1.1, 1.2, psi), "psi": (0.7, 1.1, 0.96, 0.0)}.items():
        with pytest.raises(ValueError, match=f"`{name}` is"):
            fe.recursive_utility(*wrong)


def test_with_psi_the_inverse_of_gamma_it_is_expected_utility():
    """c' = c exp(e): V = v c, and (1 - beta) sum of beta^t E c_t^(1 - gamma) in closed form."""
    beta, gamma = 0.9, 1.5
    growth = float(fe.expectation(lambda e: jnp.exp((1 - gamma) * e), SHOCK))
    v = ((1 - beta) / (1 - beta * growth)) ** (1 / (1 - gamma))
    later = fe.certainty_equivalent(lambda e: v * jnp.exp(e), SHOCK, gamma)
    assert float(fe.recursive_utility(1.0, later, beta, 1 / gamma)) == pytest.approx(v, rel=1e-13)


class Household(eqx.Module):
    share: fe.Bounded
    value: fe.Positive


@pytest.mark.parametrize("gamma", [2.0, 50.0])
def test_growth_with_full_depreciation_saves_alpha_beta_whatever_gamma(gamma):
    alpha, beta, rho = 0.36, 0.96, 0.9
    shock = fe.Normal(0.0, 0.03).quadrature(5)

    def utility(f, x, share):
        y = jnp.exp(x[1]) * jnp.exp(alpha * x[0])
        ahead = lambda e: f.value(jnp.stack([jnp.log(share * y), rho * x[1] + e]))
        later = fe.certainty_equivalent(ahead, shock, gamma)
        return fe.recursive_utility((1 - share) * y, later, beta, 1.0)

    def equations(f, x):
        share = f.share(x)
        u = lambda s: jnp.log(utility(f, x, s))
        return {"bellman": u(share) - jnp.log(f.value(x)), "choice": jax.grad(u)(share)}

    k = np.log(alpha * beta) / (1 - alpha)
    box = ((k - 0.3, -0.2), (k + 0.3, 0.2))
    basis = fe.Tensor(*(fe.Chebyshev(3, ends) for ends in zip(*box)), degree=3)
    f = Household(fe.Bounded(fe.Series(basis), start=0.3), fe.Positive(fe.Series(basis), start=0.2))
    sol = fe.solve(fe.Risk(equations, fe.Uniform(*box)).quadrature(6), f)
    assert sol.solved
    points = np.random.default_rng(0).uniform(*box, (50, 2))
    np.testing.assert_allclose(jax.vmap(sol.value.share)(points), alpha * beta, rtol=1e-11)
