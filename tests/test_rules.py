"""Rules: exactness on all monomials, convergence rates, strata."""

import itertools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats as st
from scipy.stats import qmc

import fesolve as fe


def monomials(d, degree):
    """Every vector of exponents in d variables up to a total degree."""
    powers = itertools.product(range(degree + 1), repeat=d)
    return [power for power in powers if sum(power) <= degree]


def normal_moment(k):
    return 0.0 if k % 2 else float(math.prod(range(k - 1, 0, -2)))


def uniform_moment(k):
    return 0.0 if k % 2 else 1 / (k + 1)


LAWS = {
    "normal": (lambda d: fe.Normal(np.zeros(d), 1.0), lambda d: [normal_moment] * d),
    "box": (lambda d: fe.Uniform(-np.ones(d), np.ones(d)), lambda d: [uniform_moment] * d),
    "mixed": (
        lambda d: fe.Product(
            fe.Uniform(-1.0, 1.0), *([fe.Normal(np.zeros(d - 1), 1.0)] if d > 1 else [])
        ),
        lambda d: [uniform_moment] + [normal_moment] * (d - 1),
    ),
}


@pytest.mark.parametrize("law", list(LAWS))
@pytest.mark.parametrize("degree", [3, 5])
@pytest.mark.parametrize("d", [1, 2, 3, 4, 5])
def test_monomial_rules_are_exact_on_every_monomial(law, degree, d):
    make, moments = LAWS[law]
    rule = fe.Monomial(make(d), degree).quadrature()
    assert rule.size == (2 * d if degree == 3 else 2 * d * d + 1)
    x = rule.points.reshape(rule.size, d)
    for power in monomials(d, degree):
        value = rule.weights @ np.prod(x**power, axis=1)
        exact = math.prod(m(k) for m, k in zip(moments(d), power, strict=True))
        np.testing.assert_allclose(value, exact, atol=1e-13, err_msg=str(power))


@pytest.mark.parametrize("d", [2, 7, 20])
def test_monomial_nodes_of_a_box_stay_inside(d):
    for degree in (3, 5):
        points = fe.Monomial(fe.Uniform(np.zeros(d), np.ones(d)), degree).quadrature().points
        assert (points > 0).all() and (points < 1).all()


def test_degree_3_of_a_normal_is_stroud_s():
    scale = 0.1
    rule = fe.Monomial(fe.Normal(np.zeros(4), scale), 3).quadrature()
    np.testing.assert_allclose(np.sort(np.abs(rule.points).max(axis=1)), scale * 2.0)
    np.testing.assert_allclose(rule.weights, 1 / 8)


def test_monomial_of_a_correlated_normal_and_named_parts():
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    rule = fe.Monomial(fe.Normal([1.0, 2.0], covariance=covariance), 5).quadrature(9)
    second = fe.expectation(lambda x: jnp.outer(x - 1.0, x - 1.0), rule)
    np.testing.assert_allclose(second, covariance + np.outer([0, 1], [0, 1]), atol=1e-14)
    fourth = fe.expectation(lambda x: (x[0] - 1) ** 2 * (x[1] - 2) ** 2, rule)
    np.testing.assert_allclose(fourth, 2.0 + 2 * 0.25, rtol=1e-13)
    named = fe.Monomial(fe.Product(k=fe.Uniform(0.0, 1.0), a=fe.Dirac(3.0)), 3).quadrature()
    assert set(named.points) == {"k", "a"} and (named.points["a"] == 3).all()
    np.testing.assert_allclose(fe.expectation(lambda x: x["k"] ** 3, named), 0.25)
    log = fe.Monomial(fe.LogNormal([0.0, 0.1], 0.2), 5).quadrature()
    np.testing.assert_allclose(fe.expectation(lambda x: jnp.log(x[0]) ** 4, log), 3 * 0.2**4)


def test_some_monomial_weights_are_negative():
    assert fe.Monomial(fe.Normal(np.zeros(6), 1.0), 5).quadrature().weights.min() < 0


@pytest.mark.parametrize("n", [1, 2, 5, 12, 33])
def test_chebyshev_nodes(n):
    rule = fe.ChebyshevNodes(fe.Uniform(-1.0, 3.0)).quadrature(n)
    nodes = np.sort(np.polynomial.chebyshev.chebroots([0] * n + [1]))
    np.testing.assert_allclose(rule.points, 1 + 2 * nodes, atol=1e-13)
    assert (rule.weights > 0).all()
    for degree in range(n):
        exact = (3.0 ** (degree + 1) - (-1.0) ** (degree + 1)) / (degree + 1) / 4
        value = rule.weights @ rule.points**degree
        np.testing.assert_allclose(value, exact, rtol=1e-12, atol=1e-12)


def test_chebyshev_nodes_of_boxes_products_and_faces():
    box = fe.Uniform([0.0, 0.0], [1.0, 2.0])
    a = fe.ChebyshevNodes(box).quadrature(4)
    b = fe.ChebyshevNodes(fe.Product(fe.Uniform(0.0, 1.0), fe.Uniform(0.0, 2.0))).quadrature(4)
    np.testing.assert_allclose(a.points, b.points)
    np.testing.assert_allclose(a.weights, b.weights)
    faces = fe.ChebyshevNodes(box.boundary()).quadrature(4)
    assert faces.size == 16
    np.testing.assert_allclose(faces.weights.sum(), 1.0)
    named = fe.ChebyshevNodes(fe.Product(k=fe.Uniform(0.0, 1.0), i=fe.Empirical(np.arange(2))))
    assert named.quadrature(3).size == 6


def rms_error(rule, n, repeats=50):
    """Root mean square error of E[prod cos(x_i)] over the unit cube."""
    keys = jr.split(jr.key(5), repeats)
    one = jax.vmap(lambda k: jnp.mean(jnp.prod(jnp.cos(rule.sample(n, key=k)), axis=1)))
    values = jax.jit(one)(keys)
    return float(jnp.sqrt(jnp.mean((values - math.sin(1.0) ** 3) ** 2)))


@pytest.mark.slow
def test_sobol_converges_faster_than_independent_draws():
    cube = fe.Uniform(np.zeros(3), np.ones(3))
    sizes = np.array([64, 512, 4096])
    slopes = {}
    for name, rule in {"iid": cube, "sobol": fe.Sobol(cube)}.items():
        errors = [rms_error(rule, int(n)) for n in sizes]
        slopes[name] = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.65 < slopes["iid"] < -0.35
    assert slopes["sobol"] < -1.2


def test_sobol_draws_are_unbiased_and_each_follows_the_law():
    p = fe.Sobol(fe.Normal(0.0, 1.0))
    every = jax.jit(jax.vmap(lambda k: p.sample(8, key=k)))(jr.split(jr.key(1), 2000))
    for index in (0, 3, 7):
        draws = every[:, index]
        assert st.kstest(np.asarray(draws), "norm").pvalue > 1e-3


def test_scrambled_sobol_is_a_net():
    # Each of 16 elementary boxes of volume 1/16 holds one of 16 points, whatever their shape.
    u = fe.Sobol(fe.Uniform(np.zeros(2), np.ones(2))).sample(16, key=jr.key(2))
    for a, b in [(16, 1), (8, 2), (4, 4), (2, 8), (1, 16)]:
        cells = np.floor(np.asarray(u) * [a, b]) @ [b, 1]
        assert len(np.unique(cells)) == 16


def test_sobol_rule_is_centred_and_agrees_with_scipy():
    rule = fe.Sobol(fe.Uniform(np.zeros(3), np.ones(3))).quadrature(8)
    theirs = qmc.Sobol(3, scramble=False).random_base2(3)
    np.testing.assert_allclose(rule.points, theirs + 1 / 16, atol=1e-12)
    assert np.isfinite(fe.Sobol(fe.Normal(np.zeros(2), 1.0)).quadrature(5).points).all()
    assert fe.Sobol(fe.Uniform(0.0, 1.0)).quadrature(1).points == 0.5


@pytest.mark.parametrize("how", ["sample", "quadrature"])
def test_latin_hypercube_has_one_point_in_each_slice(how):
    n = 50
    p = fe.LatinHypercube(fe.Uniform(np.zeros(4), np.ones(4)))
    x = p.sample(n, key=jr.key(0)) if how == "sample" else p.quadrature(n).points
    slices = np.sort(np.floor(np.asarray(x) * n), axis=0)
    np.testing.assert_array_equal(slices, np.tile(np.arange(n)[:, None], (1, 4)))
    assert len(np.unique(np.asarray(x)[:, 0] - np.asarray(x)[:, 1])) > n / 2


def test_latin_hypercube_has_less_variance_on_additive_integrands():
    cube = fe.Uniform(np.zeros(3), np.ones(3))
    keys = jr.split(jr.key(0), 100)

    def spread(p):
        return float(jnp.std(jax.jit(jax.vmap(lambda k: jnp.mean(p.sample(64, key=k))))(keys)))

    assert spread(fe.LatinHypercube(cube)) < spread(cube) / 20


def test_antithetic_pairs_are_mirror_images():
    p = fe.Antithetic(fe.Normal([1.0, -2.0], [1.0, 3.0]))
    x = p.sample(100, key=jr.key(0))
    np.testing.assert_allclose(jnp.mean(x, axis=0), [1.0, -2.0], atol=1e-12)
    assert st.kstest(np.asarray(x[:50, 0]), st.norm(1, 1).cdf).pvalue > 1e-3
    assert p.sample(7, key=jr.key(0)).shape == (7, 2)
    assert p.quadrature(3).size == 9


def test_rules_wrap_products_and_keep_the_support():
    p = fe.Product(k=fe.Uniform(0.0, 1.0), z=fe.Empirical(np.arange(2)), c=fe.Dirac(4.0))
    for rule in (fe.Sobol(p), fe.LatinHypercube(p), fe.Antithetic(p)):
        x = rule.sample(16, key=jr.key(0))
        assert x["z"].dtype == np.int64 and (x["c"] == 4).all()
        assert rule.support[1]["k"] == 1.0
    balanced = fe.Sobol(p).sample(16, key=jr.key(1))
    assert (balanced["z"] == 0).sum() == 8


def test_rules_work_under_jit():
    p = fe.Sobol(fe.Uniform(np.zeros(2), np.ones(2)))
    draw = jax.jit(lambda key: p.sample(8, key=key))
    np.testing.assert_array_equal(draw(jr.key(0)), p.sample(8, key=jr.key(0)))


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda: fe.Monomial(fe.Normal(0.0, 1.0), 4), "`degree`"),
        (lambda: fe.Monomial(fe.TruncatedNormal(0.0, 1.0, 0.0), 3), "`Monomial` takes"),
        (lambda: fe.ChebyshevNodes(fe.Normal(0.0, 1.0)), "`ChebyshevNodes` takes"),
        (lambda: fe.ChebyshevNodes(fe.Uniform(np.zeros(7), np.ones(7))).quadrature(10), "fe.Sobol"),
        (lambda: fe.Sobol(fe.Sobol(fe.Normal(0.0, 1.0))), "`Sobol`"),
        (lambda: fe.Sobol(fe.Normal(0.0, 1.0)).quadrature(0), "n >= 1"),
        (lambda: fe.LatinHypercube(fe.Normal(0.0, 1.0)).sample(0, key=jr.key(0)), "n >= 1"),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()
