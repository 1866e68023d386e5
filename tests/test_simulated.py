"""Moments, responses, welfare and binding constraints where each has a closed form."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


RHO, SIGMA = 0.9, 0.1
DEVIATION = SIGMA / np.sqrt(1 - RHO**2)
F = jnp.asarray(RHO)


def autoregression(f, x, e):
    return f * x + e


def ar1(periods=400, burn_in=100):
    return fe.Ergodic(
        autoregression, fe.Dirac(0.0), fe.Normal(0.0, SIGMA), periods=periods, burn_in=burn_in
    )


def both(f, x):
    return {"level": 2.0 + x, "minus": -3.0 * x}


def test_moments_of_an_autoregression_within_their_errors():
    """Over seeds, deviations from the closed form have the size of the standard errors given."""
    z = []
    for seed in range(12):
        found = fe.simulated_moments(F, ar1(), both, lags=2, key=jr.key(seed))
        true = [2.0, DEVIATION, 3 * DEVIATION, RHO, RHO**2]
        got = [
            (m.mean[0], m.deviation[0], m.deviation[1], *m.autocorrelation[:, 0])
            for m in (found.value, found.error)
        ]
        z.append((np.array(got[0]) - true) / np.array(got[1]))
    size = np.sqrt(np.mean(np.square(z), axis=0))
    assert np.all((size > 0.4) & (size < 1.8)), size
    np.testing.assert_allclose(found.value.correlation, [[1.0, -1.0], [-1.0, 1.0]], rtol=1e-10)
    assert found.names == ("level", "minus")


@pytest.mark.slow
def test_standard_errors_fall_with_the_root_of_the_number_of_paths():
    errors = [
        float(fe.simulated_moments(F, ar1(), paths=n, key=jr.key(1)).error.deviation[0])
        for n in (50, 3200)
    ]
    np.testing.assert_allclose(errors[0] / errors[1], 8.0, rtol=0.35)


def test_moments_against_numpy_on_the_same_path():
    law = ar1(periods=2_000, burn_in=0)
    paths = np.asarray(law.given(F).simulate(2 * 2_000, key=jr.key(4))).reshape(2, -1)
    found = fe.simulated_moments(F, law, paths=2, key=jr.key(4))
    np.testing.assert_allclose(found.value.mean[0], paths.mean(), rtol=1e-10)
    np.testing.assert_allclose(found.value.deviation[0], paths.std(), rtol=1e-10)
    # the jackknife over two paths is half the distance of the two means
    np.testing.assert_allclose(
        found.error.mean[0], abs(np.diff(paths.mean(axis=1))[0]) / 2, rtol=1e-8
    )


@pytest.mark.slow
def test_moments_of_brock_mirman():
    """log k is an AR(2) with the roots alpha and rho, whose variance and autocorrelation are
    known."""
    alpha, rho, sigma = 0.36, 0.8, 0.02

    def step(s, x, e):
        return jnp.stack([s * jnp.exp(x[1]) * x[0] ** alpha, rho * x[1] + e])

    law = fe.Ergodic(
        step, fe.Dirac(jnp.array([0.19, 0.0])), fe.Normal(0.0, sigma), periods=300, burn_in=60
    )
    found = fe.simulated_moments(
        jnp.asarray(0.3456), law, lambda s, x: jnp.log(x[0]), paths=200, key=jr.key(0)
    )
    mean = np.log(0.3456) / (1 - alpha)
    a, b = alpha + rho, -alpha * rho
    variance = (1 - b) / ((1 + b) * ((1 - b) ** 2 - a**2)) * sigma**2
    m, e = found.value, found.error
    assert abs(m.mean[0] - mean) < 4 * e.mean[0]
    assert abs(m.deviation[0] - np.sqrt(variance)) < 4 * e.deviation[0]
    assert abs(m.autocorrelation[0, 0] - a / (1 - b)) < 4 * e.autocorrelation[0, 0]


@pytest.mark.slow
def test_moments_of_a_diffusion():
    """Ornstein-Uhlenbeck: variance s^2 / (2 kappa), to within the step of Euler and Maruyama."""
    law = fe.Diffusion(
        lambda k, x: -k * x,
        lambda k, x: 0.3 * jnp.ones_like(x),
        fe.Dirac(0.0),
        horizon=30.0,
        steps=600,
        burn_in=10.0,
    )
    found = fe.simulated_moments(jnp.asarray(1.0), law, lags=20, key=jr.key(0))
    np.testing.assert_allclose(found.value.deviation[0], 0.3 / np.sqrt(2), rtol=0.05)
    np.testing.assert_allclose(found.value.autocorrelation[19, 0], np.exp(-1.0), rtol=0.1)


def test_what_never_moves_has_no_correlation():
    found = fe.simulated_moments(
        F, ar1(120, 20), lambda f, x: {"x": x, "one": 0.1 * jnp.ones_like(x)}, key=jr.key(0)
    )
    assert found.names == ("one", "x")
    assert np.isnan(found.value.autocorrelation[0, 0])
    assert found.value.deviation[0] == 0
    assert "-" in str(found).splitlines()[3].split()
    record = found.to_dict()
    assert record["mean"]["one"] == pytest.approx(0.1)
    assert set(record) > {"autocorrelation", "correlation", "standard_error"}


@pytest.mark.slow
def test_moments_can_be_differentiated_and_mapped():
    """d sd / d rho = sd rho / (1 - rho^2), and a map over rho is the loop over it."""

    def deviation(f):
        return fe.simulated_moments(f, ar1(), key=jr.key(0)).value.deviation[0]

    slope = jax.grad(deviation)(F)
    step = 1e-5
    differences = (deviation(F + step) - deviation(F - step)) / (2 * step)
    np.testing.assert_allclose(slope, differences, rtol=1e-6)
    np.testing.assert_allclose(slope, DEVIATION * RHO / (1 - RHO**2), rtol=0.2)
    some = jnp.array([0.5, 0.9])
    np.testing.assert_allclose(jax.vmap(deviation)(some), [deviation(f) for f in some], rtol=1e-10)


def test_a_linear_response_is_exact_and_has_no_error():
    """rho^h times the impulse, from wherever it starts: all noise cancels."""
    found = fe.impulse_response(F, ar1(60, 20), 0.5, paths=7, key=jr.key(0))
    assert found.mean.shape == (39, 1)
    np.testing.assert_allclose(found.mean[:, 0], 0.5 * RHO ** np.arange(39), atol=1e-12)
    np.testing.assert_allclose(found.error, 0, atol=1e-12)
    quiet = fe.Ergodic(autoregression, fe.Dirac(1.0), fe.Dirac(0.0), periods=40)
    once = fe.impulse_response(F, quiet, 0.5, paths=1, key=jr.key(0))
    np.testing.assert_allclose(once.mean, found.mean, atol=1e-12)


@pytest.mark.slow
def test_a_generalised_response_depends_on_size_and_sign():
    """x' = rho x + e^3: E (e + d)^3 - E e^3 = d^3 + 3 d sigma^2."""

    def step(f, x, e):
        return f * x + e**3

    law = fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, 0.5), periods=6)
    sizes = jnp.array([-1.0, 0.5, 1.0])

    def response(size):
        found = fe.impulse_response(F, law, size, paths=4_000, key=jr.key(0))
        return found.mean[0, 0], found.error[0, 0]

    mean, error = jax.vmap(response)(sizes)
    expected = np.asarray(sizes) ** 3 + 3 * np.asarray(sizes) * 0.25
    assert np.all(np.abs(mean - expected) < 4 * error)
    assert np.all(np.asarray(error) < 0.06)


def test_a_response_prints_and_plots():
    found = fe.impulse_response(F, ar1(60, 20), 0.5, of=both, paths=3, key=jr.key(0))
    assert "minus" in str(found)
    assert found.to_dict()["level"]["response"][0] == pytest.approx(0.5)
    axes = found.plot()
    assert [line.get_label() for line in axes.get_lines()][:2] == ["level", "minus"]
    axes.figure.clear()
    with pytest.raises(ValueError, match="`shock`"):
        still = fe.Ergodic(lambda f, x: f * x, fe.Dirac(1.0), periods=5)
        fe.impulse_response(F, still, 1.0, key=jr.key(0))
    with pytest.raises(ValueError, match="at least 2 states"):
        fe.impulse_response(F, ar1(5, 4), 1.0, key=jr.key(0))


ALPHA, BETA = 0.36, 0.96


def brock_mirman(s, x, e):
    return jnp.stack([s * jnp.exp(x[1]) * x[0] ** ALPHA, 0.8 * x[1] + e])


def consumption(s, x):
    return (1 - s) * jnp.exp(x[1]) * x[0] ** ALPHA


@pytest.mark.parametrize("share", [0.2, 0.33, 0.5])
def test_the_loss_of_a_wrong_share_with_log_utility(share):
    """All noise cancels in logarithms, so that the closed form is met to the weight left out."""
    best = ALPHA * BETA
    law = fe.Ergodic(
        brock_mirman, fe.Dirac(jnp.array([0.2, 0.0])), fe.Normal(0.0, 0.02), periods=800
    )
    found = fe.welfare_loss(
        jnp.asarray(share),
        law,
        jnp.asarray(best),
        consumption=consumption,
        beta=BETA,
        gamma=1.0,
        paths=4,
        key=jr.key(0),
    )
    lifetime = np.log((1 - share) / (1 - best)) + ALPHA * BETA / (1 - ALPHA * BETA) * np.log(
        share / best
    )
    np.testing.assert_allclose(found.value, 1 - np.exp(lifetime), rtol=1e-9)
    assert float(found.value) > 0
    assert float(found.error) < 1e-12
    assert found.beyond == pytest.approx(BETA**800)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_of_a_wrong_share_with_crra(seed):
    """c = (1 - s) w and w' = s R w: V is ((1 - s) w)^(1 - gamma) over 1 - gamma and over
    1 - beta s^(1 - gamma) E R^(1 - gamma)."""
    gamma, beta, mean, sigma = 3.0, 0.9, 0.04, 0.05
    power = 1 - gamma
    moment = np.exp(power * mean + power**2 * sigma**2 / 2)
    best = (beta * moment) ** (1 / gamma)
    law = fe.Ergodic(
        lambda s, w, e: s * jnp.exp(e) * w, fe.Dirac(1.0), fe.Normal(mean, sigma), periods=200
    )
    found = fe.welfare_loss(
        jnp.asarray(best + 0.03),
        law,
        jnp.asarray(best),
        consumption=lambda s, w: (1 - s) * w,
        beta=beta,
        gamma=gamma,
        paths=1_000,
        key=jr.key(seed),
    )

    def value(s):
        return (1 - s) ** power / (1 - beta * s**power * moment)

    expected = 1 - (value(best + 0.03) / value(best)) ** (1 / power)
    assert abs(float(found.value) - expected) < 4 * float(found.error) + 1e-6
    assert float(found.error) < 0.1 * expected
    assert "% of consumption" in str(found)


def test_welfare_refuses_what_has_no_utility():
    law = fe.Ergodic(brock_mirman, fe.Dirac(jnp.array([0.2, 0.0])), fe.Normal(0.0, 0.02), periods=9)
    options = {"beta": BETA, "gamma": 1.0, "key": jr.key(0)}
    f = jnp.asarray(0.3)
    with pytest.raises(ValueError, match="falls to"):
        fe.welfare_loss(f, law, f, consumption=lambda s, x: -x[0], **options)
    with pytest.raises(ValueError, match="one number"):
        fe.welfare_loss(f, law, f, consumption=lambda s, x: x, **options)
    with pytest.raises(ValueError, match="`beta`"):
        fe.welfare_loss(f, law, f, consumption=consumption, beta=1.0, gamma=1.0, key=jr.key(0))


@pytest.mark.parametrize("seed", range(3))
def test_the_share_of_binding_states(seed):
    """P(x <= c) of the stationary normal law, and of a distribution without time."""
    cut = 0.5 * DEVIATION
    slack = lambda f, x: jnp.maximum(x - cut, 0.0)
    found = fe.binding_share(F, ar1(), slack, paths=400, key=jr.key(seed))
    assert abs(found.value - 0.6914624613) < 4 * found.error + 1e-3
    draws = fe.binding_share(F, fe.Uniform(0.0, 4 * cut), slack, paths=4_000, key=jr.key(seed))
    assert abs(draws.value - 0.25) < 4 * draws.error
    np.testing.assert_allclose(draws.error, np.sqrt(0.25 * 0.75 / 4_000), rtol=0.1)


def test_in_single_precision():
    f = jnp.asarray(RHO, jnp.float32)
    law = ar1(periods=200, burn_in=100)
    found = fe.simulated_moments(f, law, key=jr.key(0))
    assert found.value.mean.dtype == jnp.float32
    np.testing.assert_allclose(found.value.deviation[0], DEVIATION, rtol=0.1)
    response = fe.impulse_response(f, law, 0.5, paths=3, key=jr.key(0))
    np.testing.assert_allclose(response.mean[:, 0], 0.5 * RHO ** np.arange(99), atol=1e-6)
