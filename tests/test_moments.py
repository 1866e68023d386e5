"""Rules that do not have the moments of the law that they stand for."""

import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


COVARIANCE = np.array([[1.0, 0.6], [0.6, 2.0]])


def hermite(n, d=1):
    """Gauss-Hermite for exp(-x^2), as NumPy has it, with weights that sum to 1."""
    nodes, weights = np.polynomial.hermite.hermgauss(n)
    index = np.array(list(itertools.product(range(n), repeat=d)))
    return nodes[index], np.prod(weights[index], axis=1) / np.sqrt(np.pi) ** d


LAWS = {
    "normal": fe.Normal(0.1, 0.04),
    "vector": fe.Normal([1.0, -2.0], [0.5, 3.0]),
    "correlated": fe.Normal([1.0, -2.0], covariance=COVARIANCE),
    "uniform": fe.Uniform(-1.0, 2.5),
    "box": fe.Uniform([0.0, -1.0], [1.0, 3.0]),
    "lognormal": fe.LogNormal(0.1, 0.3),
    "truncated": fe.TruncatedNormal(0.0, 1.0, -1.0, 2.0),
    "product": fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(3.0, 0.1), fe.Dirac(7.0)),
    "named": fe.Product(z=fe.Normal(0.0, 1.0), k=fe.Uniform(1.0, 9.0), i=fe.Empirical([0.0, 1.0])),
    "mixture": fe.Mixture(fe.Normal(-2.0, 0.5), fe.Normal(3.0, 1.0), weights=[0.3, 0.7]),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("n", [2, 5])
def test_gauss_rules_have_the_moments_of_their_law(name, n):
    law = LAWS[name]
    rule = law.quadrature(n)
    again = fe.Empirical(rule.points, rule.weights, population=law)
    assert again.population is law
    narrow = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), (rule.points, rule.weights))
    fe.Empirical(*narrow, population=law)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.quadrature(1),
        lambda p: fe.Monomial(p, 3).quadrature(),
        lambda p: fe.Monomial(p, 5).quadrature(),
        lambda p: fe.Sobol(p).quadrature(3),
        lambda p: fe.LatinHypercube(p).quadrature(2),
        lambda p: p.empirical(3, key=jr.key(0)),
        lambda p: fe.ChebyshevNodes(fe.Uniform([0.0, 0.0], [1.0, 2.0])).quadrature(2),
    ],
)
def test_rules_of_the_library_stay_as_they_are(make):
    assert make(LAWS["correlated"]).population is not None


@pytest.mark.parametrize("n", [2, 3, 7, 15])
def test_gauss_hermite_without_its_factor(n):
    sigma = 0.04
    nodes, weights = hermite(n)
    law = fe.Normal(0.0, sigma)
    right = fe.Empirical(np.sqrt(2) * sigma * nodes[:, 0], weights, population=law)
    np.testing.assert_allclose(fe.expectation(lambda e: e**2, right), sigma**2)
    with pytest.raises(ValueError, match=r"half the variance .* sqrt\(2\)"):
        fe.Empirical(sigma * nodes[:, 0], weights, population=law)
    with pytest.raises(ValueError, match=r"sqrt\(pi\).*sqrt\(2\)"):
        fe.Empirical(nodes[:, 0], weights * np.sqrt(np.pi))


@pytest.mark.parametrize("d", [2, 3])
def test_gauss_hermite_without_its_factor_in_several_dimensions(d):
    covariance = np.eye(d) + 0.3
    factor = np.linalg.cholesky(covariance)
    law = fe.Normal(np.ones(d), covariance=covariance)
    nodes, weights = hermite(6, d)
    fe.Empirical(1 + np.sqrt(2) * nodes @ factor.T, weights, population=law)
    with pytest.raises(ValueError, match=r"half the variance .* sqrt\(2\)"):
        fe.Empirical(1 + nodes @ factor.T, weights, population=law)
    with pytest.raises(ValueError, match=r"variance .* coordinate"):
        fe.Empirical(1 + np.sqrt(2) * nodes @ factor, weights, population=law)
    with pytest.raises(ValueError, match="of coordinates 0 and 1"):
        scales = np.sqrt(np.diag(covariance))
        fe.Empirical(1 + np.sqrt(2) * nodes * scales, weights, population=law)
    named = fe.Product(e=law, k=fe.Uniform(0.0, 2.0))
    k = fe.Uniform(0.0, 2.0).quadrature(1).points
    with pytest.raises(ValueError, match=r"sqrt\(2\)"):
        points = {"e": 1 + nodes @ factor.T, "k": np.repeat(k, weights.size)}
        fe.Empirical(points, weights, population=named)


@pytest.mark.parametrize(
    "points, weights, law, words",
    [
        ([-1.0, 1.0], [0.5, 0.5], fe.Normal(0.5, 1.0), "have the mean 0 where .* 0.5"),
        ([-1.0, 1.0], [0.5, 0.5], fe.Normal(0.0, 0.5), "have the variance 1 where .* 0.25"),
        ([-1.0, 1.0], [0.6, 0.4], fe.Normal(0.0, 1.0), "have the mean -0.2"),
        ([0.25, 0.75], [0.5, 0.5], fe.Uniform(0.0, 1.0), "have the variance"),
        ([0.0, 1.0], [0.5, 0.5], fe.Sobol(fe.Uniform(0.0, 1.0)), "have the variance"),
    ],
)
def test_other_moments(points, weights, law, words):
    with pytest.raises(ValueError, match=words):
        fe.Empirical(np.array(points), weights, population=law)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_draws_may_be_off_as_draws_are(seed):
    law, wide = fe.Normal(0.0, 1.0), fe.Normal(0.0, 1.5)
    x = np.asarray(wide.sample(2000, key=jr.key(seed)))
    ratio = np.exp(-(x**2) / 2 + x**2 / (2 * 1.5**2))
    fe.Empirical(x, ratio / ratio.sum(), population=law)
    with pytest.raises(ValueError, match="variance"):
        fe.Empirical(x, np.full(2000, 1 / 2000), population=law)
    fe.Empirical(x[:20], population=law)


def test_what_is_traced_or_without_a_closed_form_is_not_looked_at():
    def mean(scale, weights):
        rule = fe.Empirical(np.array([-1.0, 1.0]), weights, population=fe.Normal(0.0, scale))
        return fe.expectation(lambda e: e, rule)

    assert jax.jit(mean)(5.0, jnp.array([0.5, 0.5])) == 0.0
    fe.Empirical(np.array([1.0, 2.0]), [0.5, 0.5], population=fe.LogNormal(0.0, 1.0))


def test_a_wrong_rule_does_not_reach_a_risk():
    nodes, weights = hermite(5)
    with pytest.raises(ValueError, match=r"sqrt\(2\)"):
        fe.Risk(
            lambda f, x, e: f - x - e,
            fe.Uniform(0.0, 1.0),
            shock=fe.Empirical(0.1 * nodes[:, 0], weights, population=fe.Normal(0.0, 0.1)),
        )
