"""Dynamic Euler errors, and Den Haan and Marcet's statistic, where f is exact and where not."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats

import fesolve as fe


# Savings with a risky return, no income: c = (1 - s) w, s = (beta E R^(1 - gamma))^(1 / gamma).
GAMMA, BETA, MEAN, SIGMA = 2.0, 0.95, 0.04, 0.1
SHARE = (BETA * np.exp((1 - GAMMA) * MEAN + (1 - GAMMA) ** 2 * SIGMA**2 / 2)) ** (1 / GAMMA)
SHOCK = fe.Normal(MEAN, SIGMA)


def step(s, x, e):
    """(log wealth, the last return)."""
    return jnp.stack([x[0] + jnp.log(s) + e, e])


def euler(s, x, e):
    wealth, tomorrow = (jnp.exp(v) for v in (x[0], step(s, x, e)[0]))
    return 1 - BETA * jnp.exp(e) * ((1 - s) * tomorrow / ((1 - s) * wealth)) ** -GAMMA


def law(**times):
    return fe.Ergodic(step, fe.Dirac(jnp.array([0.0, MEAN])), SHOCK, **times)


def returns(s, x):
    return jnp.stack([jnp.ones(()), x[1]])


@pytest.mark.parametrize("seed", range(3))
def test_the_size_where_the_policy_is_exact(seed):
    """Uniform p-values, and 5 % in either tail, to within chance."""
    found = fe.den_haan_marcet(
        jnp.asarray(SHARE), law(periods=1000), euler, instruments=returns, key=jr.key(seed)
    )
    assert found.degrees == 2
    assert scipy.stats.kstest(np.asarray(found.p_values), "uniform").pvalue > 1e-3
    np.testing.assert_allclose(found.p_values, scipy.stats.chi2(2).sf(found.statistics), rtol=1e-8)
    for share in (found.upper, found.lower):
        assert abs(float(share) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 500)
    assert found.check().passed


@pytest.mark.slow
def test_the_power_where_it_is_wrong():
    """Consumption of 1 % too little is rejected more and more often as paths grow."""
    shares = []
    for periods in (100, 1_000, 10_000):
        found = fe.den_haan_marcet(
            jnp.asarray(SHARE + 0.01 * (1 - SHARE) * 10),
            law(periods=periods),
            euler,
            instruments=lambda s, x: jnp.ones(()),
            replications=200,
            key=jr.key(0),
        )
        shares.append(float(found.upper))
    # u has the mean 1 - (SHARE / s)^gamma: the share found is that of a shifted normal
    wrong = 1 - (SHARE / (SHARE + 0.1 * (1 - SHARE))) ** GAMMA
    spread = (1 - wrong) * np.sqrt(np.exp(SIGMA**2 * (1 - GAMMA) ** 2) - 1)
    for share, periods in zip(shares, (100, 1_000, 10_000), strict=True):
        shift = abs(wrong) / spread * np.sqrt(periods)
        expected = scipy.stats.ncx2(1, shift**2).sf(scipy.stats.chi2(1).isf(0.05))
        assert abs(share - expected) < 0.15, (periods, share, expected)
    assert not found.check().passed


def test_statistics_against_numpy():
    """One replication by the formula, on the path that `Ergodic` itself gives."""
    times = {"periods": 60, "burn_in": 10}
    record = fe.Ergodic(
        lambda s, x, e: {"x": step(s, x["x"], e), "e": e},
        fe.Product(x=fe.Dirac(jnp.array([0.0, MEAN])), e=SHOCK),
        SHOCK,
        periods=61,
        burn_in=10,
    )
    s = jnp.asarray(0.9)
    path = record.given(s).sample(51, key=jr.key(3))
    x, e = path["x"][:-1], path["e"][1:]
    u = np.asarray(jax.vmap(lambda x, e: euler(s, x, e))(x, e))
    g = u[:, None] * np.stack([np.ones(50), np.asarray(x)[:, 0], np.asarray(x)[:, 1]], axis=1)
    mean = g.mean(axis=0)
    expected = 50 * mean @ np.linalg.solve(g.T @ g / 50, mean)
    found = fe.den_haan_marcet(s, law(**times), euler, replications=1, key=jr.key(3))
    assert found.degrees == 3
    np.testing.assert_allclose(found.statistics, [expected], rtol=1e-6)


def test_nothing_to_test_and_collinear_instruments():
    def zero(s, x, e):
        return 0.0 * e

    options = {"replications": 2, "key": jr.key(0)}
    with pytest.raises(ValueError, match="zero path by path"):
        fe.den_haan_marcet(jnp.asarray(SHARE), law(periods=50), zero, **options)
    with pytest.raises(ValueError, match="collinear"):
        fe.den_haan_marcet(
            jnp.asarray(0.9),
            law(periods=50),
            euler,
            instruments=lambda s, x: jnp.ones(2),
            **options,
        )
    with pytest.raises(ValueError, match="no `shock`"):
        quiet = fe.Ergodic(lambda s, x: x, fe.Dirac(0.0), periods=5)
        fe.den_haan_marcet(jnp.asarray(0.9), quiet, euler, **options)


ALPHA, RHO = 0.36, 0.8


def output(x):
    return jnp.exp(x[1]) * x[0] ** ALPHA


def growth(s, x, e):
    return jnp.stack([s * output(x), RHO * x[1] + e])


def implied(s, x, e):
    """1/c~ = beta alpha / (k' (1 - s)) with k' = s y: the share 1 - s (1 - s) / (alpha beta)."""
    return jnp.stack([(1 - s * (1 - s) / (ALPHA * BETA)) * output(x), RHO * x[1] + e])


@pytest.mark.parametrize("seed", range(3))
def test_dynamic_euler_errors_of_brock_mirman(seed):
    """Shocks alike, k~ / k tends to (s~ / s)^(1 / (1 - alpha)), whatever the path."""
    economy = fe.Ergodic(
        growth,
        fe.Dirac(jnp.array([0.2, 0.0])),
        fe.Normal(0.0, 0.02),
        periods=400,
        burn_in=100,
    )
    exact = fe.dynamic_euler_errors(jnp.asarray(ALPHA * BETA), economy, implied, key=jr.key(seed))
    assert float(exact.maximum.max()) < 1e-13
    s = 1.02 * ALPHA * BETA
    wrong = fe.dynamic_euler_errors(
        jnp.asarray(s),
        economy,
        implied,
        of=lambda s, x: {"log k": 10 + jnp.log(x[0])},
        paths=3,
        key=jr.key(seed),
    )
    assert wrong.names == ("log k",)
    share = 1 - s * (1 - s) / (ALPHA * BETA)
    expected = abs(np.log(share / s)) / (1 - ALPHA)
    k = s ** (1 / (1 - ALPHA))
    np.testing.assert_allclose(wrong.mean, expected / (10 + np.log(k)), rtol=2e-2)
    np.testing.assert_allclose(wrong.maximum, wrong.mean, rtol=1e-8)
    assert "log k" in str(wrong)
    assert wrong.to_dict()["log k"]["max"] > 0
