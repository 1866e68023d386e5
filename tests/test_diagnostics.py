"""Transversality and stability on models where both are known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


ALPHA, BETA, RHO, SIGMA = 0.36, 0.96, 0.8, 0.02
SHARE = ALPHA * BETA
K_STEADY = SHARE ** (1 / (1 - ALPHA))


def output(x):
    return jnp.exp(x[1]) * x[0] ** ALPHA


def step(share, x, e):
    """Brock and Mirman's economy that saves a constant share."""
    return jnp.stack([share * output(x), RHO * x[1] + e])


def brock_mirman(**times):
    start = fe.Dirac(jnp.array([0.5 * K_STEADY, 0.0]))
    return fe.Ergodic(step, start, fe.Normal(0.0, SIGMA), **times)


def wealth(share, x):
    """u'(c) k' = share / (1 - share), whatever the state."""
    return share * output(x) / ((1 - share) * output(x))


@pytest.mark.parametrize("seed", range(3))
def test_transversality_of_brock_mirman(seed):
    law = brock_mirman(periods=301)
    check = fe.transversality(
        jnp.asarray(SHARE), law, wealth, beta=BETA, key=jr.key(seed), paths=10
    )
    assert check.passed
    np.testing.assert_allclose(check.value, BETA ** np.array([75.0, 150.0, 300.0]), rtol=1e-10)


@pytest.mark.parametrize("zeta", [0.0, 0.01, 0.1])
def test_a_bubble_is_what_is_left_of_the_price(zeta):
    """p(t) = y(t) + beta p(t + 1) is solved by zeta beta^-t on top, too: its value stays zeta."""
    beta = 0.9
    law = fe.Ergodic(lambda p, t: t + 1.0, fe.Dirac(0.0), periods=201)

    def price(t):
        return 1.0 + zeta * beta**-t

    check = fe.transversality(price, law, lambda p, t: p(t), beta=beta, key=jr.key(0))
    assert check.passed == (zeta == 0.0 or zeta < 0.01 * (1 + zeta))
    np.testing.assert_allclose(check.value[-1], zeta / (1 + zeta), atol=1e-8)
    assert ("bubble" in check.sentence) == (not check.passed)


def ramsey(k, c, delta=0.1, alpha=1 / 3):
    return k**alpha + (1 - delta) * k - c


def test_saving_too_much_is_found():
    """Below the saddle path the Euler equation leads to where u'(c) k grows at the rate -log R."""
    start = fe.Dirac(jnp.array([1.0, 0.4]))
    path = fe.Ergodic(over_saving, start, periods=120)
    check = fe.transversality(
        jnp.zeros(()), path, lambda f, x: x[0] / x[1], beta=0.95, key=jr.key(0)
    )
    assert not check.passed
    assert check.value[-1] > check.value[-2] > 1


def over_saving(f, x, beta=0.95):
    """The Euler equation as a law of motion of (k, c), below the saddle path."""
    k, c = x
    k1 = ramsey(k, c)
    return jnp.stack([k1, beta * c * (k1 ** (-2 / 3) / 3 + 0.9)])


def test_cake_eating_leaves_nothing():
    gamma, beta, gross = 1.5, 0.96, 1.01
    kappa = 1 - (beta * gross ** (1 - gamma)) ** (1 / gamma)
    law = fe.Ergodic(lambda kappa, a: gross * a * (1 - kappa), fe.Dirac(1.0), periods=301)

    def worth(kappa, a):
        return (kappa * a) ** -gamma * a

    check = fe.transversality(jnp.asarray(kappa), law, worth, beta=beta, key=jr.key(0))
    assert check.passed
    rate = beta * (gross * (1 - kappa)) ** (1 - gamma)
    np.testing.assert_allclose(rate, 1 - kappa)  # by the closed form of kappa
    np.testing.assert_allclose(check.value[-1], rate**300, rtol=1e-10)
    # who eats the interest alone never uses the cake: worth the same for ever, but for discounting
    thrifty = jnp.asarray(1 - 1 / gross + 0.1 * (1 / gross - 1))
    slow = fe.transversality(thrifty, law, worth, beta=0.9999, key=jr.key(0))
    assert not slow.passed
    assert "still falling" in slow.sentence or "never used" in slow.sentence


def test_a_horizon_that_is_too_short_says_which_would_do():
    law = brock_mirman(periods=51)
    check = fe.transversality(jnp.asarray(SHARE), law, wealth, beta=BETA, key=jr.key(0))
    assert not check.passed
    needed = float(check.sentence.split("a horizon of ")[1].split()[0])
    np.testing.assert_allclose(needed, np.log(1e-2) / np.log(BETA), rtol=2e-2)


def test_transversality_in_continuous_time():
    """a' = (r - m) a: e^(-rho t) V'(a) a falls at the rate m, since V'(a) = (m a)^-gamma."""
    gamma, rho, r = 2.0, 0.05, 0.03
    m = (rho - (1 - gamma) * r) / gamma
    law = fe.Diffusion(
        lambda m, a: (r - m) * a, lambda m, a: 0 * a, fe.Dirac(1.0), horizon=200.0, steps=20_000
    )
    check = fe.transversality(
        jnp.asarray(m),
        law,
        lambda m, a: (m * a) ** -gamma * a,
        beta=float(np.exp(-rho)),
        key=jr.key(0),
        paths=1,
    )
    assert check.passed
    np.testing.assert_allclose(check.value[-1], np.exp(-m * 200.0), rtol=1e-3)


def test_a_path_that_breaks_off_fails_instead_of_raising():
    law = fe.Ergodic(lambda f, k: jnp.sqrt(k) - f, fe.Dirac(0.5), periods=50)
    check = fe.transversality(jnp.asarray(0.9), law, lambda f, k: k, beta=0.9, key=jr.key(0))
    assert not check.passed
    assert "finite" in check.sentence


def test_transversality_refuses_what_it_cannot_use():
    law, options = brock_mirman(periods=50), {"beta": BETA, "key": jr.key(0)}
    f = jnp.asarray(SHARE)
    with pytest.raises(ValueError, match="`law`"):
        fe.transversality(f, fe.Uniform(0.0, 1.0), wealth, **options)
    with pytest.raises(ValueError, match="one number"):
        fe.transversality(f, law, lambda f, x: x, **options)
    with pytest.raises(ValueError, match="horizon of at least 4"):
        fe.transversality(f, brock_mirman(periods=2), wealth, **options)
    with pytest.raises(ValueError, match="`beta`"):
        fe.transversality(f, law, wealth, beta=0.0, key=jr.key(0))
    with pytest.raises(ValueError, match="`paths`"):
        fe.transversality(f, law, wealth, paths=0, **options)


@pytest.mark.parametrize("share", [0.1, SHARE, 0.6])
def test_the_closed_loop_of_brock_mirman(share):
    """dx'/dx is triangular with alpha and rho on its diagonal, for any share."""
    check = fe.stability(jnp.asarray(share), brock_mirman(periods=2), jnp.array([0.1, 0.05]))
    assert check.passed
    np.testing.assert_allclose(check.value, max(ALPHA, RHO), rtol=1e-10)
    k = share ** (1 / (1 - ALPHA))
    assert f"({k:.5g}," in check.sentence


@pytest.mark.parametrize("seed", range(4))
def test_spectral_radius_and_abscissa_against_numpy(seed):
    matrix = jr.normal(jr.key(seed), (4, 4)) / 2
    roots = np.linalg.eigvals(np.asarray(matrix))
    x = jnp.ones(4)
    radius = fe.spectral_radius(matrix, lambda a, x: a @ x + 1.0, x)
    np.testing.assert_allclose(radius, np.abs(roots).max(), rtol=1e-10)
    abscissa = fe.spectral_abscissa(matrix, lambda a, x: a @ x + 1.0, x)
    np.testing.assert_allclose(abscissa, roots.real.max(), rtol=1e-10)


def test_the_state_may_be_a_tree():
    def linear(f, x):
        return {"k": f * x["k"] + x["z"], "z": 0.5 * x["z"]}

    x = {"k": jnp.asarray(1.0), "z": jnp.asarray(1.0)}
    np.testing.assert_allclose(fe.spectral_radius(jnp.asarray(1.23), linear, x), 1.23)
    law = fe.Ergodic(linear, fe.Dirac(x), periods=2)
    check = fe.stability(jnp.asarray(1.23), law, x)
    assert not check.passed
    assert "not below 1" in check.sentence


def test_stability_in_continuous_time():
    law = fe.Diffusion(
        lambda f, x: f * (x - 2.0), lambda f, x: 0.1 * x, fe.Dirac(1.0), horizon=1.0, steps=10
    )
    stable = fe.stability(jnp.asarray(-0.3), law, jnp.asarray(1.0))
    assert stable.passed
    np.testing.assert_allclose(stable.value, -0.3)
    assert not fe.stability(jnp.asarray(0.3), law, jnp.asarray(1.0)).passed


def test_without_a_steady_state_nothing_is_stable():
    law = fe.Ergodic(lambda f, x: x + 1.0 + x**2, fe.Dirac(1.0), periods=2)
    check = fe.stability(jnp.asarray(0.0), law, jnp.asarray(1.0))
    assert not check.passed
    assert "no steady state" in check.sentence


def test_spectral_radius_under_transformations():
    """Maps, programs and derivatives: the radius of x' = a x (1 - x) at 1 - 1/a is |2 - a|."""
    a = jnp.array([1.5, 2.2, 2.8, 3.4])

    def radius(a):
        return fe.spectral_radius(a, lambda a, x: a * x * (1 - x), 0.6)

    np.testing.assert_allclose(jax.vmap(radius)(a), np.abs(2 - np.asarray(a)), rtol=1e-9)
    np.testing.assert_allclose(jax.jit(radius)(a[2]), 0.8, rtol=1e-9)
    single = radius(jnp.asarray(2.8, jnp.float32))
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, 0.8, rtol=1e-5)


def test_an_unstable_policy_fails_a_report():
    """Small residuals on the box, and the economy leaves it: the check has the last word."""

    def euler(f, x):
        return f(x) - 1.2 * x

    f = eqx.nn.Lambda(lambda x: 1.2 * x)
    law = fe.Ergodic(lambda f, x: f(x), fe.Dirac(1.0), periods=2)
    report = fe.RiskReport(
        f,
        test=fe.Risk(euler, fe.Uniform(-1.0, 1.0)).quadrature(8),
        checks=[fe.stability(f, law, jnp.asarray(0.5))],
    )
    assert not report.solved
    assert "spectral radius" in report.verdict
