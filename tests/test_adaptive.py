"""Points where the residual is large: their law, and what they are good for."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats as st

import fesolve as fe


def absolute_value(f, x):
    return f * x


def draws(n=4000, p=None, residual=absolute_value, seed=0, **options):
    p = fe.ResidualWeighted(p or fe.Uniform(-1.0, 1.0), residual, **options)
    return np.asarray(p.given(jnp.asarray(3.0)).sample(n, key=jr.key(seed)))


@pytest.mark.parametrize(
    "power, uniform", [(1.0, 1.0), (2.0, 1.0), (1.0, 0.0), (2.0, 0.5), (0.0, 1.0)]
)
def test_draws_follow_the_law(power, uniform):
    # |x|^a / E|x|^a = (a + 1) |x|^a, so the density of |x| on [0, 1] is known.
    edges = np.linspace(0.0, 1.0, 11)
    cdf = (edges ** (power + 1) + uniform * edges) / (1 + uniform)
    values = []
    for seed in range(3):
        x = draws(power=power, uniform=uniform, seed=seed)
        assert x.shape == (4000,) and np.abs(x).max() <= 1
        counts = np.histogram(np.abs(x), edges)[0]
        values.append(st.chisquare(counts, 4000 * np.diff(cdf)).pvalue)
        assert st.binomtest(int((x > 0).sum()), 4000).pvalue > 1e-4
    assert min(values) > 1e-3


def test_means_are_those_of_the_density():
    density = lambda x: np.exp(2 * x) / (np.exp(2) - np.exp(-2)) * 4
    nodes, weights = np.polynomial.legendre.leggauss(30)
    exact = weights @ (density(nodes) * nodes) / (weights @ density(nodes))
    residual = lambda f, x: {"a": 0.6 * jnp.exp(x), "b": -0.8 * jnp.exp(x)}
    means = [
        draws(2000, residual=residual, power=2.0, uniform=0.0, seed=seed).mean()
        for seed in range(5)
    ]
    np.testing.assert_allclose(np.mean(means), exact, atol=0.01)


def test_nothing_is_preferred_where_the_residual_is_zero():
    x = draws(residual=lambda f, x: 0.0 * x, uniform=0.0)
    assert st.kstest(x, st.uniform(-1, 2).cdf).pvalue > 1e-3


def test_points_are_pytrees_that_depend_on_f():
    step = lambda f, x, e: 0.5 * x + e
    states = fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, 1.0), periods=200, burn_in=50)
    p = fe.Product(x=states, i=fe.Empirical(np.arange(2)))
    residual = lambda f, x, scale: scale * jnp.where(x["i"] == 1, f, 0.0)
    weighted = fe.ResidualWeighted(p, residual, args=(2.0,), uniform=1.0)
    x = weighted.given(jnp.asarray(1.0)).sample(4000, key=jr.key(0))
    assert x["i"].dtype == np.int64
    # Residuals 0 and 2, mean 1: weights 1 and 3.
    assert abs(x["i"].mean() - 0.75) < 0.02
    narrow = fe.ResidualWeighted(fe.Uniform(jnp.float32(0.0), 1.0), absolute_value)
    assert narrow.given(jnp.float32(1.0)).sample(5, key=jr.key(0)).dtype == jnp.float32


def layer(x):
    return jnp.tanh((x - 0.3) / 0.01)


def regression(f, x):
    return f(x) - layer(x)


@pytest.mark.slow
def test_they_beat_uniform_points_on_a_sharp_layer():
    """Splines that are fine enough in the layer, which is 4 % of the interval, and 100 points."""
    knots = np.concatenate([np.linspace(-1.0, 1.0, 11), np.linspace(0.26, 0.34, 17)])
    f = fe.Series(fe.BSpline(np.unique(np.round(knots, 12))))
    # What no point determines stays at zero.
    ridge = 1e-8 * fe.Risk(lambda f: f.coefficients, tolerance=np.inf)
    box, x = fe.Uniform(-1.0, 1.0), jnp.linspace(-1.0, 1.0, 4001)
    solver = fe.Resample(fe.LevenbergMarquardt(), n=100, rounds=4)
    ratios = []
    for seed in range(6):
        errors = []
        for p in (fe.ResidualWeighted(box, regression), box):
            risk = fe.Risk(regression, p, tolerance=np.inf) + ridge
            found = fe.solve(risk, f, solver, key=jr.key(seed), throw=False).value
            errors.append(float(jnp.sqrt(jnp.mean((jax.vmap(found)(x) - layer(x)) ** 2))))
        ratios.append(errors[0] / errors[1])
    assert max(ratios) < 1 and np.median(ratios) < 0.5, ratios


def test_under_jit_and_vmap():
    p = fe.ResidualWeighted(fe.Uniform(0.0, 1.0), absolute_value)
    f, keys = jnp.asarray([1.0, 2.0]), jr.split(jr.key(0), 2)
    mapped = jax.jit(jax.vmap(lambda f, k: p.given(f).sample(8, key=k)))(f, keys)
    looped = [p.given(a).sample(8, key=k) for a, k in zip(f, keys, strict=True)]
    np.testing.assert_allclose(mapped, jnp.stack(looped), rtol=1e-13)


UNIT = fe.Uniform(0.0, 1.0)


@pytest.mark.parametrize(
    "bad, words",
    [
        (
            lambda: fe.ResidualWeighted(UNIT, absolute_value).sample(3, key=jr.key(0)),
            "depends on f",
        ),
        (lambda: fe.ResidualWeighted(UNIT, absolute_value).quadrature(3), "no quadrature rule"),
        (lambda: fe.ResidualWeighted(UNIT, absolute_value, candidates=1), "`candidates`"),
        (lambda: fe.ResidualWeighted(UNIT, absolute_value, power=-1.0), "`power`"),
        (lambda: fe.ResidualWeighted(UNIT, absolute_value, uniform=np.inf), "`uniform`"),
        (lambda: fe.ResidualWeighted(0.0, absolute_value), "`distribution`"),
        (lambda: draws(residual=lambda f, x: jnp.sqrt(x)), "not finite at .* of 80,000 draws"),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()
