"""Distributions: quadrature against closed forms and SciPy, draws against SciPy's laws."""

import itertools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.stats as st

import fesolve as fe


COVARIANCE = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, -0.3], [0.2, -0.3, 0.5]])


def scalars():
    """Scalar distributions beside SciPy's, with their support."""
    return {
        "uniform": (fe.Uniform(-1.0, 2.5), st.uniform(-1.0, 3.5)),
        "normal": (fe.Normal(0.3, 1.7), st.norm(0.3, 1.7)),
        "lognormal": (fe.LogNormal(-0.2, 0.4), st.lognorm(0.4, scale=math.exp(-0.2))),
        "truncated": (
            fe.TruncatedNormal(0.5, 0.7, -1.0, 2.0),
            st.truncnorm(-1.5 / 0.7, 1.5 / 0.7, 0.5, 0.7),
        ),
        "tail": (fe.TruncatedNormal(0.0, 1.0, 5.0), st.truncnorm(5.0, np.inf)),
        "half": (fe.TruncatedNormal(0.0, 2.0, upper=0.0), st.truncnorm(-np.inf, 0.0, 0.0, 2.0)),
    }


@pytest.mark.parametrize("name", ["uniform", "normal", "truncated", "tail", "half"])
@pytest.mark.parametrize("n", [1, 4, 9, 20])
def test_gauss_rules_are_exact_to_degree_2n_minus_1(name, n):
    p, q = scalars()[name]
    rule = p.quadrature(n)
    assert rule.size == n and rule.population is p
    assert isinstance(rule.points, np.ndarray)
    for degree in range(min(2 * n, 12)):
        moment = q.expect(lambda x: (x / 3) ** degree, epsabs=1e-14, epsrel=1e-13)
        ours = fe.expectation(lambda x: (x / 3) ** degree, rule)
        assert abs(ours - moment) <= 2e-11 * max(abs(moment), 1e-2), degree


def test_a_gauss_rule_is_not_exact_beyond():
    rule = fe.Uniform(-1.0, 1.0).quadrature(3)
    assert abs(fe.expectation(lambda x: x**6, rule) - 1 / 7) > 1e-3


def test_gauss_hermite_of_high_order():
    for n in (200, 201, 400):
        rule = fe.Normal(0.0, 1.0).quadrature(n)
        assert np.isfinite(rule.weights).all()
        value = fe.expectation(lambda x: jnp.cos(3 * x), rule)
        np.testing.assert_allclose(value, math.exp(-4.5), rtol=1e-11)


def test_gauss_hermite_converges_geometrically_for_a_lognormal_mean():
    errors = []
    for n in (2, 4, 6, 8):
        mean = fe.expectation(lambda x: x, fe.LogNormal(0.1, 0.8).quadrature(n))
        errors.append(abs(mean / math.exp(0.1 + 0.32) - 1))
    assert all(after < before / 50 for before, after in itertools.pairwise(errors))


@pytest.mark.parametrize("name", list(scalars()))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_draws_follow_the_law(name, dtype):
    p, q = scalars()[name]
    p = jax.tree.map(lambda x: x.astype(dtype), p)
    values = []
    for seed in range(5):
        x = p.sample(1000, key=jr.key(seed))
        assert x.shape == (1000,) and x.dtype == dtype
        lower, upper = p.support
        assert (x >= lower).all() and (x <= upper).all()
        values.append(st.kstest(np.asarray(x, np.float64), q.cdf).pvalue)
    # Five p-values that are uniform: their least is below 1e-4 once in 2,000.
    assert min(values) > 1e-4
    assert np.median(values) > 0.01


@pytest.mark.parametrize("name", list(scalars()))
def test_transport_is_the_quantile_function(name):
    p, q = scalars()[name]
    u = np.array([1e-9, 0.01, 0.3, 0.5, 0.77, 0.999, 1 - 1e-9])
    ours = jax.vmap(p.transport)(jnp.asarray(u)[:, None])
    np.testing.assert_allclose(ours, q.ppf(u), rtol=1e-7, atol=1e-9)


def test_monte_carlo_error_falls_as_one_over_root_n():
    p = fe.Normal([0.0, 1.0], [1.0, 2.0])

    def rms(n):
        keys = jr.split(jr.key(3), 200)
        means = jax.jit(jax.vmap(lambda k: jnp.mean(p.sample(n, key=k), axis=0)))(keys)
        return float(jnp.sqrt(jnp.mean((means[:, 1] - 1.0) ** 2)))

    ratio = rms(50) / rms(3200)
    assert 6 < ratio < 11  # sqrt(64) = 8


def test_correlated_normal():
    loc = np.array([1.0, -1.0, 0.5])
    p = fe.Normal(loc, covariance=COVARIANCE)
    rule = p.quadrature(3)
    mean = fe.expectation(lambda x: x, rule)
    np.testing.assert_allclose(mean, loc, atol=1e-14)
    second = fe.expectation(lambda x: jnp.outer(x - loc, x - loc), rule)
    np.testing.assert_allclose(second, COVARIANCE, atol=1e-14)
    # Isserlis: E x0^2 x1^2 = c00 c11 + 2 c01^2.
    fourth = fe.expectation(lambda x: (x[0] - 1.0) ** 2 * (x[1] + 1.0) ** 2, rule)
    np.testing.assert_allclose(fourth, 1.0 * 2.0 + 2 * 0.36, rtol=1e-13)
    x = np.asarray(p.sample(200_000, key=jr.key(0)))
    np.testing.assert_allclose(np.cov(x.T), COVARIANCE, atol=0.02)
    white = np.linalg.solve(np.linalg.cholesky(COVARIANCE), (x[:2000] - loc).T)
    assert min(st.kstest(row, "norm").pvalue for row in white) > 1e-3


def test_a_diagonal_covariance_is_the_squared_scale():
    scale = np.array([0.5, 2.0])
    a = fe.Normal([0.0, 1.0], scale).quadrature(4)
    b = fe.Normal([0.0, 1.0], covariance=np.diag(scale**2)).quadrature(4)
    np.testing.assert_allclose(a.points, b.points, atol=1e-15)


def test_box():
    p = fe.Uniform([0.0, -1.0], [1.0, 3.0])
    rule = p.quadrature(4)
    assert rule.points.shape == (16, 2)
    value = fe.expectation(lambda x: x[0] ** 7 * x[1] ** 6, rule)
    np.testing.assert_allclose(value, (1 / 8) * (3.0**7 + 1) / 7 / 4, rtol=1e-13)
    x = p.sample(500, key=jr.key(1))
    assert st.kstest(np.asarray(x[:, 1]), st.uniform(-1, 4).cdf).pvalue > 1e-3
    assert fe.Uniform([0.0, 0.0], 1.0).upper.shape == (2,)


def test_truncated_normal_of_a_vector():
    p = fe.TruncatedNormal([0.0, 1.0], [1.0, 0.5], [-1.0, 0.0], [2.0, np.inf])
    rule = p.quadrature(5)
    assert rule.points.shape == (25, 2)
    means = [st.truncnorm(-1, 2).mean(), st.truncnorm(-2, np.inf, 1.0, 0.5).mean()]
    np.testing.assert_allclose(fe.expectation(lambda x: x, rule), means, rtol=1e-13)


def test_boundary_of_a_box():
    p = fe.Uniform([0.0, 0.0], [1.0, 2.0])
    faces = p.boundary()
    rule = faces.quadrature(6)
    assert rule.size == 24
    # Mean of x0^2 over the boundary: two sides of length 2 at 0 and 1, two of length 1.
    np.testing.assert_allclose(
        fe.expectation(lambda x: x[0] ** 2, rule), (2 * 1.0 + 2 / 3) / 6, rtol=1e-14
    )
    x = np.asarray(faces.sample(6000, key=jr.key(0)))
    on_face = (x == [0.0, 0.0]) | (x == [1.0, 2.0])
    assert (on_face.sum(axis=1) == 1).all()
    assert abs(on_face[:, 0].mean() - 2 / 3) < 0.03
    assert len(faces.parts) == 4
    np.testing.assert_array_equal(faces.parts[0].quadrature(1).points, [[0.0, 1.0]])
    np.testing.assert_array_equal(faces.parts[3].quadrature(1).points, [[0.5, 2.0]])
    lower, upper = faces.support
    np.testing.assert_array_equal(lower, [0.0, 0.0])
    np.testing.assert_array_equal(upper, [1.0, 2.0])


def test_boundary_in_three_dimensions_is_weighted_by_area():
    faces = fe.Uniform([0.0] * 3, [1.0, 2.0, 3.0]).boundary()
    areas = np.repeat([6.0, 3.0, 2.0], 2)
    np.testing.assert_allclose(faces.weights, areas / areas.sum())


def test_boundary_of_an_interval_is_its_ends():
    ends = fe.Uniform(1.0, 3.0).boundary()
    np.testing.assert_array_equal(ends.points, [1.0, 3.0])
    assert isinstance(ends, fe.Empirical)
    assert fe.Uniform([1.0], [3.0]).boundary().points.shape == (2, 1)


def test_product_in_order_joins_vectors():
    p = fe.Product(fe.Uniform(0.0, 1.0), fe.Normal([0.0, 1.0], 1.0), fe.Dirac(7.0))
    x = p.sample(10, key=jr.key(0))
    assert x.shape == (10, 4)
    assert (x[:, 3] == 7).all()
    assert len(np.unique(np.asarray(x[:, 1:3]))) == 20
    rule = p.quadrature(3)
    assert rule.points.shape == (27, 4)
    value = fe.expectation(lambda x: x[0] ** 5 * x[1] ** 2 * x[2] * x[3], rule)
    np.testing.assert_allclose(value, 7 / 6, rtol=1e-14)
    lower, upper = p.support
    np.testing.assert_array_equal(lower, [0.0, -np.inf, -np.inf, 7.0])
    np.testing.assert_array_equal(upper, [1.0, np.inf, np.inf, 7.0])


def test_named_product_keeps_dtypes():
    p = fe.Product(k=fe.Uniform(0.0, 2.0), z=fe.Empirical(np.arange(3), [0.2, 0.3, 0.5]))
    x = p.sample(2000, key=jr.key(0))
    assert x["k"].shape == (2000,) and x["k"].dtype == np.float64
    assert x["z"].dtype == np.int64
    assert abs((x["z"] == 2).mean() - 0.5) < 0.05
    rule = p.quadrature(2)
    assert rule.size == 6 and rule.points["z"].dtype == np.int64
    value = fe.expectation(lambda x: x["k"] ** 3 * x["z"].astype(float), rule)
    np.testing.assert_allclose(value, 2.0 * 1.3, rtol=1e-14)
    assert p.support[1]["z"] == 2


def test_integer_coordinates_join_as_floats():
    p = fe.Product(fe.Empirical(np.arange(3)), fe.Uniform(0.0, 1.0))
    assert p.quadrature(1).points.dtype == np.float64
    assert p.sample(4, key=jr.key(0)).dtype == np.float64


def test_nested_product():
    p = fe.Product(x=fe.Product(a=fe.Uniform(0.0, 1.0), b=fe.Dirac(2.0)), t=fe.Uniform(0.0, 1.0))
    assert p.quadrature(2).points["x"]["b"].shape == (4,)


def test_mixture():
    p = fe.Mixture(fe.Normal(-2.0, 0.5), fe.Normal(3.0, 1.0), weights=[0.3, 0.7])
    rule = p.quadrature(5)
    np.testing.assert_allclose(fe.expectation(lambda x: x, rule), 1.5, rtol=1e-14)
    np.testing.assert_allclose(
        fe.expectation(lambda x: x**2, rule), 0.3 * 4.25 + 0.7 * 10, rtol=1e-14
    )

    def cdf(x):
        return 0.3 * st.norm(-2, 0.5).cdf(x) + 0.7 * st.norm(3, 1).cdf(x)

    for seed in range(3):
        assert st.kstest(np.asarray(p.sample(2000, key=jr.key(seed))), cdf).pvalue > 1e-3
    u = jr.uniform(jr.key(0), (4000, p.dimension))
    assert st.kstest(np.asarray(jax.vmap(p.transport)(u)), cdf).pvalue > 1e-3


def test_dirac_and_empirical_stay_as_they_are():
    delta = fe.Dirac({"k": 1.0, "z": np.arange(2)})
    assert delta.quadrature(5) is delta
    assert delta.empirical(5, key=jr.key(0)) is delta
    assert delta.sample(3, key=jr.key(0))["z"].shape == (3, 2)
    data = fe.Empirical((np.ones((4, 2)), np.zeros(4)))
    assert data.size == 4
    assert data.quadrature(7) is data
    assert data.empirical(7, key=jr.key(0)) is data
    assert fe.Empirical([0.0, 1.0, 3.0]).points.shape == (3,)
    assert fe.Dirac([0.0, 1.0]).point.shape == (2,)


def test_empirical_of_a_population_remembers_it():
    p = fe.Uniform(0.0, 1.0)
    q = p.empirical(10, key=jr.key(0))
    assert q.population is p and q.size == 10
    np.testing.assert_allclose(q.weights, 0.1)
    assert p.given(None) is p


def test_resampling_follows_the_weights_and_skips_zeros():
    q = fe.Empirical(np.arange(4.0), [0.0, 0.25, 0.0, 0.75])
    x = np.asarray(q.sample(20_000, key=jr.key(0)))
    assert set(np.unique(x)) == {1.0, 3.0}
    assert abs((x == 3).mean() - 0.75) < 0.02


def test_expectation_of_a_pytree_and_over_a_dirac():
    q = fe.Empirical((np.array([1.0, 2.0]), np.array([3, 4])), [0.25, 0.75])
    value = fe.expectation(lambda e: {"a": e[0], "b": jnp.full((2, 3), e[1], float)}, q)
    np.testing.assert_allclose(value["a"], 1.75)
    np.testing.assert_allclose(value["b"], np.full((2, 3), 3.75))
    assert fe.expectation(lambda e: 2 * e, fe.Dirac(3.0)) == 6.0
    integer = fe.expectation(lambda e: e[1], q)
    np.testing.assert_allclose(integer, 3.75)


def test_expectation_over_a_traced_row_of_a_transition_matrix():
    matrix = jnp.asarray([[0.9, 0.1], [0.4, 0.6]])
    values = jnp.asarray([1.0, 5.0])

    @jax.jit
    def after(i):
        return fe.expectation(lambda j: values[j], fe.Empirical(jnp.arange(2), matrix[i]))

    np.testing.assert_allclose(jax.vmap(after)(jnp.arange(2)), matrix @ values)


def test_negative_weights_serve_in_an_expectation_alone():
    q = fe.Empirical(np.array([-1.0, 0.0, 1.0]), [1.0, -1.0, 1.0])
    assert fe.expectation(lambda e: e**2, q) == 2.0
    with pytest.raises(ValueError, match="`weights`"):
        q.sample(3, key=jr.key(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda a: fe.Uniform(0.0, a),
        lambda a: fe.Uniform(jnp.zeros(2), a * jnp.ones(2)),
        lambda a: fe.Normal(a, a),
        lambda a: fe.Normal(jnp.zeros(2), covariance=a * jnp.eye(2)),
        lambda a: fe.LogNormal(0.0, a),
        lambda a: fe.TruncatedNormal(0.0, 1.0, -1.0, a),
        lambda a: fe.TruncatedNormal(a, a, 0.2),
        lambda a: fe.Product(x=fe.Uniform(0.0, a), y=fe.Normal(0.0, 1.0)),
        lambda a: fe.Mixture(fe.Uniform(0.0, 1.0), fe.Uniform(0.0, a)),
        lambda a: fe.Uniform(jnp.zeros(2), jnp.stack([a, 2.0 * a])).boundary(),
        lambda a: fe.ChebyshevNodes(fe.Uniform(0.0, a)),
        lambda a: fe.Monomial(fe.Uniform(jnp.zeros(2), a * jnp.ones(2)), 5),
        lambda a: fe.Sobol(fe.Normal(0.0, a)),
    ],
)
def test_traced_parameters(make):
    values = jnp.asarray([0.5, 1.0, 2.0])

    def both(a):
        p = make(a)
        rule = p.quadrature(3)
        return rule.points, rule.weights, p.sample(4, key=jr.key(0)), p.support

    mapped = jax.jit(jax.vmap(both))(values)
    looped = jax.tree.map(lambda *x: np.stack(x), *[both(float(a)) for a in values])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), mapped, looped)

    def moment(a):
        return fe.expectation(
            lambda x: sum(jnp.sum(jnp.sin(leaf)) for leaf in jax.tree.leaves(x)),
            make(a).quadrature(3),
        )

    slope = jax.jit(jax.grad(moment))(0.8)
    numeric = (moment(0.8 + 1e-6) - moment(0.8 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    "make",
    [
        lambda a: fe.Uniform(0.0, a),
        lambda a: fe.Normal(0.0, a),
        lambda a: fe.LogNormal(0.0, a),
        lambda a: fe.TruncatedNormal(0.0, a, -1.0),
        lambda a: fe.Product(fe.Uniform(0.0, a), fe.Normal(0.0, a)),
        lambda a: fe.Uniform(jnp.zeros(2, a.dtype), a).boundary(),
        lambda a: fe.Sobol(fe.Uniform(0.0, a)),
        lambda a: fe.LatinHypercube(fe.Uniform(0.0, a)),
        lambda a: fe.Antithetic(fe.Normal(0.0, a)),
        lambda a: fe.ChebyshevNodes(fe.Uniform(0.0, a)),
        lambda a: fe.Monomial(fe.Normal(0.0, a), 3),
    ],
)
def test_float32(make):
    p = make(jnp.asarray(1.5, jnp.float32))
    x, rule = p.sample(64, key=jr.key(0)), p.quadrature(3)
    assert x.dtype == jnp.float32 and rule.points.dtype == jnp.float32
    assert np.isfinite(x).all()
    assert fe.expectation(lambda e: jnp.sum(e) ** 2, rule).dtype == jnp.float32
    traced = jax.jit(lambda a: make(a).quadrature(3).points)(jnp.asarray(1.5, jnp.float32))
    assert traced.dtype == jnp.float32
    np.testing.assert_allclose(traced, rule.points, rtol=1e-5, atol=1e-5)


def test_draws_can_be_differentiated_in_the_parameters():
    def mean(a):
        x = fe.TruncatedNormal(a, a, 0.2).sample(50, key=jr.key(0))
        return jnp.mean(x) + jnp.mean(fe.LogNormal(a, a).sample(50, key=jr.key(1)))

    numeric = (mean(0.7 + 1e-6) - mean(0.7 - 1e-6)) / 2e-6
    np.testing.assert_allclose(jax.jit(jax.grad(mean))(0.7), numeric, rtol=1e-6)


def test_a_distribution_is_a_pytree():
    batch = jax.vmap(lambda b: fe.Uniform(0.0, b))(jnp.arange(1.0, 4.0))
    points = jax.vmap(lambda p: p.quadrature(2).points)(batch)
    assert points.shape == (3, 2)


def test_numpyro_style_objects():
    class Cauchy:
        def sample(self, key, sample_shape=()):
            return jr.cauchy(key, (*sample_shape, 2))

    p = fe.as_distribution(Cauchy())
    assert isinstance(p, fe.Adapted)
    assert p.sample(5, key=jr.key(0)).shape == (5, 2)
    np.testing.assert_array_equal(p.support[0], [-np.inf, -np.inf])
    assert fe.Adapted(Cauchy(), support=(0.0, 1.0)).support == (0.0, 1.0)
    assert p.empirical(3, key=jr.key(0)).population is p
    with pytest.raises(ValueError, match="empirical"):
        p.quadrature(3)
    with pytest.raises(ValueError, match="`distribution`"):
        fe.as_distribution(3.0)
    with pytest.raises(ValueError, match="`distribution`"):
        fe.Adapted(fe.Uniform(0.0, 1.0))
    q = fe.Uniform(0.0, 1.0)
    assert fe.as_distribution(q) is q
    assert fe.Product(q, Cauchy()).sample(5, key=jr.key(0)).shape == (5, 3)
    with pytest.raises(ValueError, match="`Product`"):
        fe.Sobol(fe.Product(q, Cauchy())).sample(4, key=jr.key(0))


def test_numpyro_itself():
    numpyro = pytest.importorskip("numpyro.distributions")
    p = fe.as_distribution(numpyro.Gamma(2.0, 1.0))
    x = np.asarray(p.sample(2000, key=jr.key(0)))
    assert st.kstest(x, st.gamma(2.0).cdf).pvalue > 1e-3


UNIT = fe.Uniform(0.0, 1.0)


@pytest.mark.parametrize(
    "bad, words",
    [
        (lambda: fe.Uniform(1.0, 0.0), "`lower` must be less"),
        (lambda: fe.Uniform(1.0, 1.0), "fe.Dirac"),
        (lambda: fe.Uniform([0.0, 1.0], [1.0, 1.0]), "`lower` must be less"),
        (lambda: fe.Uniform(0.0, np.inf), "finite"),
        (lambda: fe.Uniform(np.nan, 1.0), "finite"),
        (lambda: fe.Uniform("a", 1.0), "`lower` must be a real"),
        (lambda: fe.Uniform(0.0, 1.0j), "`upper` must be a real"),
        (lambda: fe.Uniform([0.0] * 3, [1.0] * 2), "do not fit"),
        (lambda: fe.Uniform(np.zeros((2, 2)), np.ones((2, 2))), "number, or a vector"),
        (lambda: fe.Normal(0.0), "either `scale`"),
        (lambda: fe.Normal(0.0, 1.0, covariance=np.eye(1)), "either `scale`"),
        (lambda: fe.Normal(0.0, 0.0), "standard deviation"),
        (lambda: fe.Normal(0.0, -1.0), "standard deviation"),
        (lambda: fe.Normal(np.nan, 1.0), "`loc` must be finite"),
        (lambda: fe.Normal([0.0, 0.0], np.eye(2)[:, :, None]), "do not fit|vector"),
        (lambda: fe.Normal([0.0, 0.0], np.eye(2)), "number, or a vector"),
        (lambda: fe.Normal(0.0, covariance=[[1.0, 2.0], [0.0, 1.0]]), "symmetric"),
        (lambda: fe.Normal(0.0, covariance=[[1.0, 2.0], [2.0, 1.0]]), "positive definite"),
        (lambda: fe.Normal([0.0], covariance=np.eye(2)), r"\(d, d\)"),
        (lambda: fe.LogNormal(0.0, 0.0), "standard deviation"),
        (lambda: fe.TruncatedNormal(0.0, 1.0, 2.0, 1.0), "`lower` must be less"),
        (lambda: fe.TruncatedNormal(0.0, 1.0, 50.0), "mass"),
        (lambda: fe.TruncatedNormal(0.0, -1.0, 0.0), "standard deviation"),
        (lambda: UNIT.sample(0, key=jr.key(0)), r"`.sample\(n\)`"),
        (lambda: UNIT.quadrature(0), r"`.quadrature\(n\)`"),
        (lambda: UNIT.empirical(0, key=jr.key(0)), "n >= 1"),
        (lambda: fe.Dirac(0.0).sample(0, key=jr.key(0)), "n >= 1"),
        (lambda: fe.Dirac(0.0).empirical(0, key=jr.key(0)), "n >= 1"),
        (lambda: fe.Uniform(np.zeros(7), np.ones(7)).quadrature(10), "fe.Monomial"),
        (lambda: fe.Normal(np.zeros(7), 1.0).quadrature(10), "fe.Sobol"),
        (lambda: fe.Product(*[UNIT] * 7).quadrature(10), "fe.LatinHypercube"),
        (lambda: fe.Empirical(np.arange(3.0), [0.5, 0.5, 0.5]), "sum to 1"),
        (lambda: fe.Empirical(np.arange(3.0), [0.5, 0.5]), "`weights`"),
        (lambda: fe.Empirical(np.arange(2.0), [np.nan, 1.0]), "`weights` has values"),
        (lambda: fe.Empirical((np.ones(3), np.ones(4))), "one length"),
        (lambda: fe.Empirical(np.ones(0)), "empty"),
        (lambda: fe.Empirical(1.0), "fe.Dirac"),
        (lambda: fe.Empirical(np.array([1.0, np.nan])), "index 1"),
        (lambda: fe.Empirical(np.array(["a"])), "numbers"),
        (lambda: fe.Empirical(()), "empty"),
        (lambda: fe.Product(), "either"),
        (lambda: fe.Product(UNIT, z=UNIT), "either"),
        (lambda: fe.Product(UNIT, 1.0), "fe.Dirac"),
        (lambda: fe.Product(UNIT, fe.Dirac({"a": 1.0})), "name the parts"),
        (lambda: fe.Mixture(), "`parts`"),
        (lambda: fe.Mixture(UNIT, fe.Uniform([0.0], [1.0])), "one structure"),
        (lambda: fe.Mixture(UNIT, UNIT, weights=[0.5, 0.6]), "sum to 1"),
        (lambda: fe.Mixture(UNIT, UNIT, weights=[1.5, -0.5]), ">= 0"),
        (lambda: fe.Mixture(UNIT, UNIT, weights=[1.0]), "one entry"),
        (lambda: fe.expectation(lambda x: x, UNIT), r"q.quadrature\(n\)"),
    ],
)
def test_bad_input_is_explained(bad, words):
    with pytest.raises(ValueError, match=words):
        bad()


def test_wrong_types_are_refused():
    # By our own check, or by the annotation where the tests turn annotations on.
    with pytest.raises((ValueError, TypeError)):
        UNIT.quadrature(2.0)
