"""p*(x; f): simulated states against stationary laws in closed form."""

import re
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats as st

import fesolve as fe


def autoregression(f, x, e):
    return f * x + e


def ergodic(step=autoregression, **options):
    settings = {"periods": 300, "burn_in": 100} | options
    return fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, 1.0), **settings)


@pytest.mark.parametrize("seed", range(3))
def test_states_follow_the_stationary_law(seed):
    rho = 0.6
    # One state a path, so that the draws are independent.
    p = ergodic(periods=61, burn_in=60).given(jnp.asarray(rho))
    x = np.asarray(p.sample(3000, key=jr.key(seed)))
    assert st.kstest(x, st.norm(0, 1 / np.sqrt(1 - rho**2)).cdf).pvalue > 1e-3


def test_moments_of_long_paths():
    x = ergodic().given(jnp.asarray(0.9)).sample(100_000, key=jr.key(0))
    assert x.shape == (100_000,)
    assert abs(x.mean()) < 0.1
    assert abs(x.std() * np.sqrt(1 - 0.81) - 1) < 0.03


def test_a_whole_path_is_in_the_order_of_time():
    p = fe.Ergodic(lambda f, x: x + f, fe.Dirac(0.0), periods=7, burn_in=2)
    x = p.given(jnp.asarray(1.0)).sample(5, key=jr.key(0))
    np.testing.assert_array_equal(x, [2, 3, 4, 5, 6])
    several = p.given(jnp.asarray(1.0)).sample(10, key=jr.key(0))
    np.testing.assert_array_equal(several, [2, 3, 4, 5, 6] * 2)
    few = p.given(jnp.asarray(1.0)).sample(2, key=jr.key(0))
    np.testing.assert_array_equal(few, [2, 4])
    whole = fe.Ergodic(lambda f, x: x + f, fe.Dirac(0.0), periods=3)
    np.testing.assert_array_equal(whole.given(jnp.asarray(1.0)).sample(3, key=jr.key(0)), [0, 1, 2])


def test_pytree_states_with_a_discrete_part_and_args():
    def step(f, x, e, depreciation):
        i = jnp.where(e["u"] < 0.3, 1 - x["i"], x["i"])
        return {"k": (1 - depreciation) * x["k"] + f(e["n"]), "i": i}

    start = fe.Product(k=fe.Uniform(0.0, 1.0), i=fe.Empirical(np.arange(2)))
    shock = fe.Product(u=fe.Uniform(0.0, 1.0), n=fe.Normal(0.0, 0.1))
    p = fe.Ergodic(step, start, shock, periods=200, burn_in=50, args=(0.1,))
    f = eqx.nn.Lambda(lambda n: jnp.exp(n))
    x = p.given(f).sample(4000, key=jr.key(0))
    assert x["i"].dtype == np.int64 and abs(x["i"].mean() - 0.5) < 0.05
    assert abs(x["k"].mean() - 10 * np.exp(0.005)) < 0.1
    lower, upper = p.support
    assert lower["k"] == -np.inf and upper["k"] == np.inf


def test_states_are_data_and_simulate_keeps_the_gradient():
    p = ergodic(periods=50, burn_in=20)

    def moment(rho, draw):
        return jnp.mean(draw(p.given(rho), 500) ** 2)

    def sample(p, n):
        return p.sample(n, key=jr.key(0))

    def simulate(p, n):
        return p.simulate(n, key=jr.key(0))

    slope = jax.jit(jax.grad(moment), static_argnums=1)
    assert slope(0.5, sample) == 0
    numeric = (moment(0.5 + 1e-6, simulate) - moment(0.5 - 1e-6, simulate)) / 2e-6
    np.testing.assert_allclose(slope(0.5, simulate), numeric, rtol=1e-6)


def test_vmap_over_f_and_keys_is_a_loop():
    p = ergodic(periods=30, burn_in=10)
    rhos, keys = jnp.asarray([0.2, 0.8]), jr.split(jr.key(0), 2)
    mapped = jax.jit(jax.vmap(lambda r, k: p.given(r).sample(40, key=k)))(rhos, keys)
    looped = [p.given(r).sample(40, key=k) for r, k in zip(rhos, keys, strict=True)]
    np.testing.assert_allclose(mapped, jnp.stack(looped), rtol=1e-13)


def test_float32_follows_f():
    f = jnp.asarray(0.5, jnp.float32)
    p = fe.Ergodic(
        lambda f, x, e, a: f * x + a * e,
        fe.Dirac(0.0),
        fe.Normal(0.0, 1.0),
        periods=20,
        args=(0.5,),
    )
    assert p.given(f).sample(10, key=jr.key(0)).dtype == jnp.float32


SHIFT = 1.0


def test_a_changed_global_is_never_stale(monkeypatch):
    def step(f, x):
        return x + SHIFT

    p = fe.Ergodic(step, fe.Dirac(0.0), periods=3).given(jnp.asarray(0.0))
    np.testing.assert_array_equal(p.sample(3, key=jr.key(0)), [0, 1, 2])
    monkeypatch.setitem(globals(), "SHIFT", 5.0)
    np.testing.assert_array_equal(p.sample(3, key=jr.key(0)), [0, 5, 10])


def test_paths_that_leave_the_finite_numbers_are_refused():
    p = fe.Ergodic(lambda f, x: x * x, fe.Uniform(0.5, 1.5), periods=40).given(jnp.asarray(0.0))
    with pytest.raises(ValueError, match=r"not finite on .* of 5 paths, first in period"):
        p.sample(200, key=jr.key(0))
    under_jit = jax.jit(lambda key: p.sample(200, key=key))(jr.key(0)).reshape(5, 40)
    bad = jnp.isnan(under_jit)
    assert bad.any() and (bad.all(axis=1) == bad.any(axis=1)).all()


def test_given_again_takes_the_new_f():
    p = fe.Ergodic(lambda f, x: x + f, fe.Dirac(0.0), periods=2)
    once = p.given(jnp.asarray(1.0))
    np.testing.assert_array_equal(once.given(jnp.asarray(3.0)).sample(2, key=jr.key(0)), [0, 3])
    q = fe.Product(x=p, z=fe.Uniform(0.0, 1.0)).given(jnp.asarray(2.0))
    np.testing.assert_array_equal(q.sample(2, key=jr.key(0))["x"], [0, 2])
    m = fe.Mixture(p, p).given(jnp.asarray(2.0))
    assert m.sample(4, key=jr.key(0)).shape == (4,)


def persistent(rho, periods=1000):
    return ergodic(periods=periods, burn_in=100).given(jnp.asarray(rho))


@pytest.mark.parametrize("rho", [1.0, 1.002])
def test_a_unit_root_has_no_ergodic_distribution(rho):
    p = persistent(rho)
    for seed in range(20):
        with pytest.raises(ValueError, match=r"does not lead back.*With a unit root"):
            p.sample(900, key=jr.key(seed))
    assert np.isfinite(p.simulate(900, key=jr.key(0))).all()
    assert np.isfinite(jax.jit(lambda key: p.sample(900, key=key))(jr.key(0))).all()


@pytest.mark.parametrize("rho, periods", [(0.9, 200), (0.999, 1000), (0.999, 5000)])
def test_persistence_is_no_unit_root(rho, periods):
    p = persistent(rho, periods)
    for seed in range(20):
        assert np.isfinite(p.sample(100, key=jr.key(seed))).all()


def test_one_coordinate_with_a_unit_root_is_found():
    def step(f, x, e):
        return {"a": 0.5 * x["a"] + e, "b": x["b"] + 1e-3 * e, "i": x["i"]}

    start = fe.Dirac({"a": 0.0, "b": 5.0, "i": 1})
    p = fe.Ergodic(step, start, fe.Normal(0.0, 1.0), periods=400).given(jnp.asarray(0.0))
    for seed in range(20):
        with pytest.raises(ValueError, match="in coordinate 1"):
            p.sample(400, key=jr.key(seed))


@pytest.mark.parametrize("seed", range(20))
def test_parameters_as_states_chaos_and_bounds_are_no_unit_roots(seed):
    def step(f, x, e):
        theta, z, chaos, walk = x
        tomorrow = [theta, theta * z + e, 3.99 * chaos * (1 - chaos), jnp.clip(walk + e, -3, 3)]
        return jnp.stack(tomorrow)

    start = fe.Product(fe.Uniform(0.1, 0.9), fe.Dirac(0.0), fe.Uniform(0.1, 0.9), fe.Dirac(0.0))
    p = fe.Ergodic(step, start, fe.Normal(0.0, 1.0), periods=500).given(jnp.asarray(0.0))
    assert p.sample(500, key=jr.key(seed)).shape == (500, 4)


def test_looking_for_a_unit_root_is_cheap():
    p = persistent(0.9, 5000)
    draw = lambda how, k: jax.block_until_ready(how(4900, key=jr.key(k)))

    def fastest(how):
        times = []
        for k in range(12):
            begin = time.perf_counter()
            draw(how, k)
            times.append(time.perf_counter() - begin)
        return min(times[2:])

    # Two columns instead of one; the bound is wide, since the machine may be busy.
    assert fastest(p.sample) < 2 * fastest(p.simulate)


def test_the_share_outside_the_domain_is_told_on_an_ergodic_path():
    f = fe.Series(fe.Chebyshev(3, (-1.0, 1.0)), start=0.0)
    path = fe.Ergodic(
        lambda f, x, e: 0.9 * x + e + 0.0 * f(x),
        fe.Dirac(0.0),
        fe.Normal(0.0, 1.0),
        periods=2100,
        burn_in=100,
    ).given(f)
    risk = fe.Risk(lambda f, x: f(x), path).empirical(2000, key=jr.key(0))
    share = float(np.mean(np.abs(np.asarray(risk.terms[0].distribution.points)) > 1))
    assert 0.5 < share < 0.9
    report = fe.RiskReport(f, test=risk)
    words = r"f is asked for outside its domain or its sample at ([\d.]+) % of the points of test"
    told = re.search(words, report.verdict)
    assert told and abs(float(told[1]) - 100 * share) < 0.1
    bounded = fe.Ergodic(
        lambda f, x, e: 0.5 * jnp.tanh(x + e) + 0.0 * f(x),
        fe.Dirac(0.0),
        fe.Normal(0.0, 1.0),
        periods=500,
    ).given(f)
    inside = fe.RiskReport(
        f, test=fe.Risk(lambda f, x: f(x), bounded).empirical(500, key=jr.key(0))
    )
    assert "outside its domain" not in str(inside)


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda: ergodic().sample(3, key=jr.key(0)), r"call `.given\(f\)` first"),
        (lambda: ergodic().quadrature(3), "simulation"),
        (lambda: ergodic().given(jnp.asarray(0.5)).sample(0, key=jr.key(0)), "n >= 1"),
        (lambda: ergodic(burn_in=300), "`burn_in`"),
        (lambda: ergodic(periods=0), "`periods`"),
        (lambda: fe.Ergodic(autoregression, 0.0, periods=3), "`initial`"),
        (
            lambda: (
                ergodic(step=lambda f, x, e: jnp.stack([x, e]))
                .given(jnp.asarray(0.5))
                .sample(3, key=jr.key(0))
            ),
            "shaped like x",
        ),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()


@pytest.mark.parametrize("bad", [{"step": 3.0}, {"args": [1.0]}])
def test_wrong_types_are_refused(bad):
    # By our own check, or by the annotation where the tests turn annotations on.
    with pytest.raises((ValueError, TypeError)):
        ergodic(**bad)
