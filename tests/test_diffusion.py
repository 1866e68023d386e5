"""Diffusions: simulated states against stationary laws, exact paths and rates of convergence."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats as st

import fesolve as fe


def back(rate, x):
    return -rate * x


def constant(rate, x):
    return jnp.full_like(x, 0.5)


def ornstein_uhlenbeck(start=None, **options):
    """dX = -rate X dt + 0.5 dW, whose stationary variance is 0.25 / (2 rate)."""
    settings = {"horizon": 12.0, "steps": 600, "burn_in": 6.0} | options
    return fe.Diffusion(back, constant, fe.Dirac(0.0) if start is None else start, **settings)


@pytest.mark.parametrize("seed", range(3))
def test_states_follow_the_stationary_law(seed):
    rate, step = 1.0, 0.02
    # One state a path, so that draws are independent; the variance is that of the Euler step.
    p = ornstein_uhlenbeck(burn_in=12.0).given(jnp.asarray(rate))
    x = np.asarray(p.sample(3000, key=jr.key(seed)))
    scale = 0.5 / np.sqrt(2 * rate * (1 - rate * step / 2))
    assert st.kstest(x, st.norm(0, scale).cdf).pvalue > 1e-3


def test_mean_variance_and_autocovariance():
    p = ornstein_uhlenbeck().given(jnp.asarray(1.0))
    kept, paths = 301, 2000
    x = np.asarray(p.sample(kept * paths, key=jr.key(0))).reshape(paths, kept)
    assert abs(x.mean()) < 0.03 and abs(x.var() / 0.125 - 1) < 0.05
    for lag in (25, 50, 100):
        covariance = np.mean(x[:, :-lag] * x[:, lag:])
        assert abs(covariance / 0.125 - np.exp(-0.02 * lag)) < 0.05


def test_a_whole_path_is_in_the_order_of_time():
    p = fe.Diffusion(
        lambda f, x: f * jnp.ones_like(x),
        lambda f, x: jnp.zeros_like(x),
        fe.Dirac(1.0),
        horizon=2.0,
        steps=4,
        burn_in=1.0,
    ).given(jnp.asarray(1.0))
    np.testing.assert_allclose(p.sample(3, key=jr.key(0)), [2.0, 2.5, 3.0])
    np.testing.assert_allclose(p.sample(6, key=jr.key(0)), [2.0, 2.5, 3.0] * 2)


def geometric(steps):
    """dX = 0.3 X dt + 0.6 X dW beside its own Brownian motion, from (1, 0), at time 1."""
    return fe.Diffusion(
        lambda f, x: jnp.stack([f * x[0], jnp.zeros_like(x[1])]),
        lambda f, x: jnp.stack([0.6 * x[0], jnp.ones_like(x[1])])[:, None],
        fe.Dirac([1.0, 0.0]),
        horizon=1.0,
        steps=steps,
        burn_in=1.0,
    ).given(jnp.asarray(0.3))


def test_geometric_brownian_motion_converges_at_the_rates_of_euler_and_maruyama():
    sizes = np.array([4, 16, 64])
    strong, weak = [], []
    for steps in sizes:
        x, w = np.asarray(geometric(int(steps)).sample(40_000, key=jr.key(1))).T
        np.testing.assert_allclose([w.mean(), w.std()], [0.0, 1.0], atol=0.02)
        exact = np.exp((0.3 - 0.18) + 0.6 * w)
        strong.append(np.sqrt(np.mean((x - exact) ** 2)))
        # The exact solution on the same noise takes away most of the chance in the means.
        weak.append(abs(np.mean(x**2 - exact**2)))
    slope = lambda errors: np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.6 < slope(strong) < -0.4
    assert -1.25 < slope(weak) < -0.75
    assert abs(np.mean(exact) / np.exp(0.3) - 1) < 0.02


def test_noise_in_each_coordinate_and_as_a_matrix():
    still = lambda f, x: jnp.zeros_like(x)

    def at_one(noise, steps=3):
        p = fe.Diffusion(
            still, noise, fe.Dirac([0.0, 0.0]), horizon=1.0, steps=steps, burn_in=1.0
        ).given(jnp.asarray(1.0))
        return np.cov(np.asarray(p.sample(40_000, key=jr.key(0))).T)

    wide = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0]])
    np.testing.assert_allclose(at_one(lambda f, x: f * jnp.asarray(wide)), wide @ wide.T, atol=0.1)
    np.testing.assert_allclose(
        at_one(lambda f, x: f * jnp.array([1.0, 3.0])), np.diag([1.0, 9.0]), atol=0.2
    )


@pytest.mark.slow
def test_states_are_data_and_simulate_keeps_the_gradient():
    p = ornstein_uhlenbeck(horizon=2.0, steps=40, burn_in=1.0)

    def moment(rate, draw):
        return jnp.mean(draw(p.given(rate), 420) ** 2)

    sample = lambda p, n: p.sample(n, key=jr.key(0))
    simulate = lambda p, n: p.simulate(n, key=jr.key(0))
    slope = jax.grad(moment)
    assert slope(0.8, sample) == 0
    ahead, behind = (moment(jnp.asarray(0.8 + h), simulate) for h in (1e-6, -1e-6))
    np.testing.assert_allclose(slope(0.8, simulate), (ahead - behind) / 2e-6, rtol=1e-6)
    forward = jax.jvp(lambda rate: moment(rate, simulate), (0.8,), (1.0,))[1]
    np.testing.assert_allclose(forward, slope(0.8, simulate), rtol=1e-12)


def test_vmap_over_f_and_keys_is_a_loop():
    p = ornstein_uhlenbeck(horizon=1.0, steps=10, burn_in=0.5)
    rates, keys = jnp.asarray([0.2, 0.8]), jr.split(jr.key(0), 2)
    mapped = jax.jit(jax.vmap(lambda r, k: p.given(r).sample(12, key=k)))(rates, keys)
    looped = [p.given(r).sample(12, key=k) for r, k in zip(rates, keys, strict=True)]
    np.testing.assert_allclose(mapped, jnp.stack(looped), rtol=1e-12)


def test_float32_follows_f():
    p = fe.Diffusion(
        lambda f, x, a: -a * f * x,
        lambda f, x, a: a * jnp.ones_like(x),
        fe.Uniform(0.0, 1.0),
        horizon=1.0,
        steps=5,
        args=(0.5,),
    )
    x = p.given(jnp.asarray(0.5, jnp.float32)).sample(12, key=jr.key(0))
    assert x.dtype == jnp.float32 and np.isfinite(x).all()
    assert p.support == (-np.inf, np.inf)


def test_the_sample_is_that_of_the_last_f():
    """dX = (c - X) dt + 0.1 dW has the mean c; 0.2 mean + 0.8 = c has the solution 1."""
    p = fe.Diffusion(
        lambda c, x: c - x,
        lambda c, x: 0.1 * jnp.ones_like(x),
        fe.Dirac(0.0),
        horizon=20.0,
        steps=200,
        burn_in=10.0,
    )
    risk = fe.Risk(lambda c, x: c - 0.2 * x - 0.8, p, tolerance=np.inf)
    solver = fe.Resample(fe.LevenbergMarquardt(), n=4040, rounds=8)
    solution = fe.solve(risk, jnp.asarray(4.0), solver, key=jr.key(0))
    assert abs(float(solution.value) - 1.0) < 0.01


def test_paths_that_leave_the_finite_numbers_are_refused():
    p = fe.Diffusion(
        lambda f, x: f * x**3,
        lambda f, x: 0.1 * x,
        fe.Uniform(0.0, 3.0),
        horizon=20.0,
        steps=200,
    ).given(jnp.asarray(1.0))
    with pytest.raises(ValueError, match=r"not finite on .* of 3 paths, first in step"):
        p.sample(603, key=jr.key(0))
    under_jit = jax.jit(lambda key: p.sample(603, key=key))(jr.key(0)).reshape(3, 201)
    bad = jnp.isnan(under_jit)
    assert bad.any() and (bad.all(axis=1) == bad.any(axis=1)).all()


FREE = ornstein_uhlenbeck()


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda: FREE.sample(3, key=jr.key(0)), r"`Diffusion` .* call `.given\(f\)` first"),
        (lambda: FREE.quadrature(3), "simulation"),
        (lambda: FREE.given(jnp.asarray(1.0)).sample(0, key=jr.key(0)), "n >= 1"),
        (lambda: ornstein_uhlenbeck(burn_in=13.0), "`burn_in`"),
        (lambda: ornstein_uhlenbeck(steps=0), "`steps`"),
        (lambda: ornstein_uhlenbeck(horizon=-1.0), "`horizon`"),
        (lambda: ornstein_uhlenbeck(start=fe.Dirac({"k": 1.0})), "`initial`"),
        (lambda: ornstein_uhlenbeck(start=0.0), "`initial`"),
        (
            lambda: (
                eqx.tree_at(lambda p: p.drift, FREE, lambda f, x: jnp.stack([x, x]))
                .given(jnp.asarray(1.0))
                .sample(3, key=jr.key(0))
            ),
            "`drift` must return a velocity shaped like x",
        ),
        (
            lambda: (
                eqx.tree_at(lambda p: p.diffusion, FREE, lambda f, x: jnp.stack([x, x]))
                .given(jnp.asarray(1.0))
                .sample(3, key=jr.key(0))
            ),
            "`diffusion` must return an array shaped like x",
        ),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()


@pytest.mark.parametrize("bad", [{"args": [1.0]}, {"steps": 2.5}])
def test_wrong_types_are_refused(bad):
    with pytest.raises((ValueError, TypeError)):
        ornstein_uhlenbeck(**bad)
