"""The algebra of risks, against sums written out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


class Line(eqx.Module):
    """f(x) = a + b x."""

    a: jax.Array
    b: jax.Array

    def __call__(self, x):
        return self.a + self.b * x


@pytest.fixture
def line():
    return Line(jnp.asarray(2.0), jnp.asarray(-3.0))


def value(f, x):
    return f(x)


def slope(f, x):
    return jax.grad(f)(x)


def both(f, x):
    return {"value": f(x), "pair": jnp.stack([f(x) + 1.0, f(x) ** 2])}


X = np.array([0.0, 0.5, 2.0])
W = np.array([0.5, 0.25, 0.25])


def test_value_is_the_weighted_mean(line):
    risk = fe.Risk(value, fe.Empirical(X, W))
    np.testing.assert_allclose(risk(line), np.sum(W * (2 - 3 * X) ** 2), rtol=1e-15)


def test_dirac_and_condition(line):
    assert fe.Risk(value, fe.Dirac(1.0))(line) == 1.0
    assert fe.Risk(lambda f, c: f.a - c, args=(0.5,))(line) == 1.5**2


def test_sum_and_multiples(line):
    first, second = fe.Risk(value, fe.Empirical(X, W)), fe.Risk(slope, fe.Dirac(0.0))
    expected = first(line) + 4 * second(line)
    for risk in (
        first + 4.0 * second,
        first + second * 4,
        sum([first, 2 * second, second * np.float64(2.0)]),
        2 * (0.5 * first + second + second),
        sum([first + 4 * second]),
    ):
        np.testing.assert_allclose(risk(line), expected, rtol=1e-15)
        assert all(isinstance(term, fe.Risk) for term in risk.terms)
    assert isinstance(first + second, fe.SumRisk)
    assert first.terms == (first,)
    assert 0.0 == (0 * first)(line)


def test_residuals_are_terms_then_points_then_components(line):
    risk = 4 * fe.Risk(both, fe.Empirical(X, W)) + fe.Risk(value, fe.Dirac(1.0))
    f = 2 - 3 * X
    # Keys of a dictionary stand in their sorted order, as in every pytree.
    rows = np.stack([f + 1, f**2, f], axis=1) * np.sqrt(4 * W)[:, None]
    np.testing.assert_allclose(risk.residuals(line), [*rows.ravel(), -1.0], rtol=1e-14)
    np.testing.assert_allclose(np.sum(risk.residuals(line) ** 2), risk(line), rtol=1e-14)


def test_zero_weight_has_a_zero_gradient(line):
    def total(w):
        return fe.Risk(value, fe.Empirical(X, w)).residuals(line).sum()

    gradient = jax.grad(total)(jnp.array([1.0, 0.0, 0.0]))
    assert np.isfinite(gradient).all() and gradient[1] == 0


def test_pytree_points_are_regression(line):
    y = np.array([1.0, 0.0, -4.0])
    risk = fe.Risk(lambda f, xy: f(xy[0]) - xy[1], fe.Empirical((X, y)))
    np.testing.assert_allclose(risk(line), np.mean((2 - 3 * X - y) ** 2), rtol=1e-15)


def test_loss(line):
    risk = fe.Risk(value, fe.Empirical(X, W), loss=fe.absolute)
    np.testing.assert_allclose(risk(line), np.sum(W * np.abs(2 - 3 * X)), rtol=1e-15)
    with pytest.raises(ValueError, match="not a sum of squares"):
        risk.residuals(line)


def test_args_are_differentiable(line):
    def at(a):
        return fe.Risk(lambda f, x, a: f(x) - a, fe.Dirac(1.0), args=(a,))(line)

    assert jax.grad(at)(0.5) == pytest.approx(-2 * (-1 - 0.5))
    np.testing.assert_allclose(jax.vmap(at)(jnp.array([0.0, 1.0])), [1.0, 4.0])


@pytest.mark.parametrize("seed", range(3))
def test_empirical_draws_from_the_population(line, seed):
    risk = fe.Risk(value, fe.Uniform(0.0, 1.0)) + fe.Risk(slope, fe.Dirac(0.0))
    sample = risk.empirical(20_000, key=jr.key(seed))
    # E (2 - 3x)^2 = 4 - 6 + 3 = 1 and the variance of (2 - 3x)^2 is 11/5 - 1.
    assert abs(sample(line) - 10) < 4 * np.sqrt(1.2 / 20_000)
    assert isinstance(sample.terms[1].distribution, fe.Dirac)
    assert sample.empirical(5, key=jr.key(9)).terms[0].distribution.size == 20_000
    assert isinstance(sample.terms[0].population, fe.Uniform)


def test_terms_draw_independently(line):
    risk = fe.Risk(value, fe.Uniform(0.0, 1.0)) + fe.Risk(slope, fe.Uniform(0.0, 1.0))
    first, second = (t.distribution.points for t in risk.empirical(4, key=jr.key(0)).terms)
    assert not np.any(np.asarray(first) == np.asarray(second))


def test_quadrature_is_exact_for_polynomials(line):
    risk = fe.Risk(value, fe.Uniform(0.0, 1.0)).quadrature(2)
    np.testing.assert_allclose(risk(line), 1.0, rtol=1e-14)


def test_on_moves_the_first_distribution_and_leaves_conditions(line):
    risk = (
        fe.Risk(slope, fe.Dirac(0.0))
        + fe.Risk(value, fe.Uniform(0.0, 1.0))
        + fe.Risk(slope, fe.Uniform(0.0, 1.0))
        + fe.Risk(slope, fe.Uniform(2.0, 3.0))
    )
    q = fe.Uniform(5.0, 6.0)
    lower = [t.distribution.support[0] for t in risk.on(q).terms]
    np.testing.assert_array_equal(lower, [0.0, 5.0, 5.0, 2.0])
    # The same after points were drawn: the population counts.
    moved = risk.empirical(7, key=jr.key(0)).on(q)
    assert [type(t.distribution) for t in moved.terms] == [
        fe.Dirac,
        fe.Uniform,
        fe.Uniform,
        fe.Empirical,
    ]
    with pytest.raises(ValueError, match="no term with a distribution"):
        fe.Risk(slope, fe.Dirac(0.0)).on(q)


class Around(fe.AbstractDistribution):
    """All mass at f(0): a distribution that depends on f."""

    at: jax.Array | None = None

    def sample(self, n, *, key):
        assert self.at is not None
        return jnp.full(n, self.at)

    def quadrature(self, n):
        return fe.Empirical(self.sample(n, key=None))

    @property
    def support(self):
        return np.asarray(-np.inf), np.asarray(np.inf)

    def given(self, f):
        return Around(f(0.0))


def test_given(line):
    risk = fe.Risk(value, Around()) + fe.Risk(value, fe.Uniform(0.0, 1.0))
    given = risk.given(line)
    np.testing.assert_array_equal(given.empirical(2, key=jr.key(0)).terms[0].distribution.points, 2)
    assert isinstance(given.terms[1].distribution, fe.Uniform)


def noisy(f, x, e):
    return f(x) + e


def test_exact_shock_gives_the_square_of_the_mean(line):
    shock = fe.Normal(0.5, 2.0)
    risk = fe.Risk(noisy, fe.Empirical(X, W), shock=shock.quadrature(3))
    np.testing.assert_allclose(risk(line), np.sum(W * (2.5 - 3 * X) ** 2), rtol=1e-13)
    later = fe.Risk(noisy, fe.Empirical(X, W), shock=shock).quadrature(3)
    np.testing.assert_allclose(later(line), risk(line), rtol=1e-14)


def test_a_shock_at_one_point_is_exact(line):
    risk = fe.Risk(noisy, fe.Empirical(X, W), shock=fe.Dirac(0.5))
    np.testing.assert_allclose(risk(line), np.sum(W * (2.5 - 3 * X) ** 2), rtol=1e-15)
    assert risk.residuals(line).shape == (3,)


@pytest.mark.parametrize("seed", range(3))
def test_two_draws_multiply_to_the_square_of_the_mean(line, seed):
    """All-in-one: unbiased for E (E_e r)^2, from which E r^2 differs by the variance of e."""
    n = 40_000
    risk = fe.Risk(noisy, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 2.0))
    sample = risk.empirical(n, key=jr.key(seed))
    assert abs(sample(line) - 1.0) < 4 * np.sqrt((2 * 1.0 * 4 + 16 + 1.2) / n)
    naive = fe.Risk(
        lambda f, xe: f(xe["x"]) + xe["e"],
        fe.Product(x=fe.Uniform(0.0, 1.0), e=fe.Normal(0.0, 2.0)),
    )
    assert naive.quadrature(8)(line) == pytest.approx(5.0)
    with pytest.raises(ValueError, match="product of two draws"):
        sample.residuals(line)


def test_on_draws_the_shock_anew(line):
    risk = fe.Risk(noisy, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0))
    moved = risk.empirical(64, key=jr.key(0)).on(fe.Uniform(1.0, 2.0))
    assert np.isfinite(moved.empirical(10, key=jr.key(1))(line))


def test_vector_shocks_and_args(line):
    shock = fe.Normal(np.zeros(2), 1.0).quadrature(3)
    risk = fe.Risk(
        lambda f, x, e, c: f(x) + c * e[0] * e[1], fe.Dirac(1.0), shock=shock, args=(2.0,)
    )
    np.testing.assert_allclose(risk(line), 1.0, rtol=1e-14)


def test_float32(line):
    """A risk is evaluated in the dtype of f, whatever that of its points and arguments."""
    f = jax.tree.map(lambda x: x.astype(jnp.float32), line)
    risk = fe.Risk(lambda f, x, a: a * f(x), fe.Uniform(0.0, 1.0), args=(1.0,)).quadrature(4)
    assert risk(f).dtype == jnp.float32
    assert risk.residuals(f).dtype == jnp.float32
    np.testing.assert_allclose(risk(f), 1.0, rtol=1e-6)


def test_under_transformations(line):
    risk = fe.Risk(value, fe.Empirical(X, W))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda f: risk(f)))(line)
    np.testing.assert_allclose(gradient.a, np.sum(2 * W * (2 - 3 * X)), rtol=1e-14)
    np.testing.assert_allclose(gradient.b, np.sum(2 * W * X * (2 - 3 * X)), rtol=1e-14)


def test_names():
    assert fe.Risk(value).name == "value"
    assert fe.Risk(value, name="euler").name == "euler"
    assert fe.Risk(eqx.nn.Identity()).name == "Identity"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fe.Risk(3.0), "`residual` must be a function"),
        (lambda: fe.Risk(value, fe.Uniform(0.0, 1.0), args=2.0), r"`args` must be a tuple"),
        (lambda: fe.Risk(value, 3.0), "distribution"),
        (lambda: fe.Risk(value, tolerance=-1.0), "`tolerance`"),
        (lambda: fe.Risk(value, shock=fe.Dirac(0.0)), "`shock` needs a `distribution`"),
        (lambda: fe.Risk(value, fe.Empirical(X, W + 1)), "sum to 1"),
        (lambda: fe.Risk(value, fe.Empirical(X, [1.5, -0.25, -0.25])), "negative weight"),
        (
            lambda: fe.Risk(value, fe.Uniform(0.0, 1.0)).on(fe.Empirical(X, [1.5, -0.25, -0.25])),
            "negative weight",
        ),
        (lambda: -1.0 * fe.Risk(value), "finite number >= 0"),
        (lambda: np.nan * fe.Risk(value), "finite number >= 0"),
        (lambda: fe.Risk(value) * np.ones(3), "scalar"),
        (lambda: fe.Risk(value) * fe.Risk(value), "use `\\+`"),
        (lambda: fe.Risk(value).empirical(0, key=jr.key(0)), "n >= 1"),
        (lambda: fe.Risk(value).quadrature(-1), "n >= 1"),
        (
            lambda: fe.Risk(
                noisy, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0), loss=fe.absolute
            ).empirical(3, key=jr.key(0)),
            "another loss",
        ),
    ],
)
def test_bad_arguments_are_explained(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_a_population_risk_has_no_exact_value(line):
    risk = fe.Risk(value, fe.Uniform(0.0, 1.0))
    for call in (risk, risk.residuals):
        with pytest.raises(ValueError, match=r"risk\.empirical\(n, key=key\)"):
            call(line)
    with pytest.raises(ValueError, match="`shock` of `noisy` is continuous"):
        fe.Risk(noisy, fe.Dirac(0.0), shock=fe.Normal(0.0, 1.0))(line)


def test_adding_anything_else_is_a_type_error():
    with pytest.raises(TypeError):
        fe.Risk(value) + 1.0


# The part of a sample where a condition holds.


def bent(f, x, kink):
    return f(x) - jnp.abs(x - kink)


def below(x):
    return x < 0.3


def test_where_takes_the_mean_on_a_part():
    f = lambda x: 0.0 * x
    risk = fe.Risk(bent, fe.Uniform(0.0, 1.0), args=(0.3,))
    test = risk.empirical(4_000, key=jr.key(0))
    x = np.asarray(test.terms[0].distribution.points)
    part = test.where(below)
    np.testing.assert_allclose(part(f), np.mean((x[x < 0.3] - 0.3) ** 2), rtol=1e-12)
    both = part(f) * np.mean(x < 0.3) + test.where(lambda x: ~below(x))(f) * np.mean(x >= 0.3)
    np.testing.assert_allclose(both, test(f), rtol=1e-12)
    assert part.terms[0].distribution.size == np.sum(x < 0.3)
    nodes = risk.quadrature(9).where(below).terms[0].distribution
    np.testing.assert_allclose(np.sum(nodes.weights), 1.0)
    assert np.all(np.asarray(nodes.points) < 0.3)


def test_where_seeks_the_worst_point_in_the_part():
    f = lambda x: 0.0 * x
    test = fe.Risk(bent, fe.Uniform(0.0, 1.0), args=(0.3,)).empirical(50, key=jr.key(0))
    worst = fe.worst_points(test.where(below), f)["bent"]
    np.testing.assert_allclose([worst.value, worst.point], [0.3, 0.0], atol=1e-12)
    inner = test.where(lambda x: (x > 0.4) & (x < 0.5))
    worst = fe.worst_points(inner, f)["bent"]
    np.testing.assert_allclose([worst.value, worst.point], [0.2, 0.5], atol=1e-6)
    assert float(worst.point) < 0.5
    narrow = 1e-7 + float(test.terms[0].distribution.points[3])
    only = test.where(lambda x: (x > narrow - 2e-7) & (x < narrow))
    np.testing.assert_allclose(fe.worst_points(only, f)["bent"].point, narrow, atol=1e-6)


def test_where_before_the_sample_is_drawn():
    part = fe.Risk(bent, fe.Uniform(0.0, 1.0), args=(0.3,)).where(below)
    sample = part.empirical(3_000, key=jr.key(1)).terms[0].distribution
    assert sample.size == 3_000
    np.testing.assert_allclose(np.mean(sample.points), 0.15, atol=5e-3)
    again = part.empirical(10, key=jr.key(1)).where(lambda x: x > 0.1).terms[0].distribution
    assert np.all((np.asarray(again.points) > 0.1) & (np.asarray(again.points) < 0.3))
    assert part.given(None).terms[0].distribution.support == (0.0, 1.0)


def test_where_leaves_conditions_and_takes_draws_of_the_shock_along():
    shock = fe.Normal(0.0, 1.0)
    stochastic = fe.Risk(lambda f, x, e: f(x) - x - e, fe.Uniform(0.0, 1.0), shock=shock)
    condition = fe.Risk(lambda f, x: f(x) - 2.0, fe.Dirac(0.9))
    whole = (stochastic + condition).empirical(64, key=jr.key(2))
    part = whole.where(below)
    x, pairs = whole.terms[0].distribution.points, whole.terms[0].shock
    inside = np.asarray(x) < 0.3
    r = [np.asarray(x + e)[inside] for e in (pairs.first, pairs.second)]
    np.testing.assert_allclose(part(lambda x: 0.0 * x), np.mean(r[0] * r[1]) + 4.0, rtol=1e-12)


def test_where_refuses_what_it_cannot_take():
    test = fe.Risk(bent, fe.Uniform(0.0, 1.0), args=(0.3,)).quadrature(8)
    with pytest.raises(ValueError, match="holds at none of the 8 points"):
        test.where(lambda x: x > 2.0)
    with pytest.raises(ValueError, match="one truth value at a point"):
        test.where(lambda x: x)
    nowhere = fe.Risk(bent, fe.Uniform(0.0, 1.0), args=(0.3,)).where(lambda x: x > 2.0)
    with pytest.raises(ValueError, match="too few for a sample of 5"):
        nowhere.empirical(5, key=jr.key(0))
