"""The search for the largest residual, against maxima that are known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def zero(x):
    return 0.0 * x


def only(risk, f=zero):
    (worst,) = fe.worst_points(risk, f).values()
    return worst


@pytest.mark.parametrize("centre", [0.0, 0.1234567, 0.5, 0.87654321, 1.0])
def test_a_spike_between_the_points_is_found(centre):
    """Narrower than the spacing of any usual sample, and its top to five digits."""

    def spike(f, x):
        return jnp.exp(-(((x - centre) / 1e-3) ** 2)) + f(x)

    for risk in (
        fe.Risk(spike, fe.Uniform(0.0, 1.0)),
        fe.Risk(spike, fe.Uniform(0.0, 1.0)).quadrature(16),
        fe.Risk(spike, fe.Sobol(fe.Uniform(0.0, 1.0))),
    ):
        worst = only(risk)
        assert worst.value == pytest.approx(1.0, abs=1e-5)
        assert worst.point == pytest.approx(centre, abs=1e-5)


@pytest.mark.parametrize("dimension", [2, 3, 6])
def test_a_maximum_in_a_box(dimension):
    centre = np.linspace(0.2, 0.9, dimension)
    box = fe.Uniform(np.zeros(dimension), np.ones(dimension))

    def bump(f, x):
        return jnp.exp(-4 * jnp.sum((x - centre) ** 2)) + f(x[0])

    worst = only(fe.Risk(bump, box))
    assert worst.value == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(worst.point, centre, atol=0.03)


def test_corners_belong_to_the_support():
    worst = only(fe.Risk(lambda f, x: x[0] * x[1] + f(x[0]), fe.Uniform([0.0, 1.0], [2.0, 3.0])))
    assert worst.value == 6.0
    np.testing.assert_array_equal(worst.point, [2.0, 3.0])


def test_named_equations_and_components():
    def residual(f, x):
        return {"a": x * (1 - x), "b": jnp.stack([-3 * x, f(x)])}

    found = fe.worst_points(fe.Risk(residual, fe.Uniform(0.0, 1.0)), zero)
    assert list(found) == ["residual.a", "residual.b"]
    assert found["residual.a"].value == pytest.approx(0.25, abs=1e-9)
    assert found["residual.a"].point == pytest.approx(0.5, abs=1e-4)
    assert found["residual.b"][:2] == (3.0, 1.0) and 2.9 < found["residual.b"].around < 3.0


def test_points_that_are_dictionaries_with_a_discrete_state():
    chain = fe.Empirical(np.arange(3))

    def residual(f, x):
        return jnp.where(x["z"] == 2, 1.0, 0.1) * x["k"] * (4 - x["k"]) + f(x["k"])

    worst = only(fe.Risk(residual, fe.Product(k=fe.Uniform(1.0, 3.0), z=chain)))
    assert worst.value == pytest.approx(4.0, abs=1e-7)
    assert worst.point["z"] == 2 and worst.point["k"] == pytest.approx(2.0, abs=1e-3)


def test_a_boundary_is_not_left():
    """The support of a face is no box: inside, this residual is larger."""
    box = fe.Uniform([-1.0, -1.0], [1.0, 1.0])
    inside = lambda f, x: 2 - x[0] ** 2 - x[1] ** 2 + f(x[0])
    worst = only(fe.Risk(inside, box.boundary()))
    assert worst.value == pytest.approx(1.0, abs=1e-6)
    assert np.max(np.abs(worst.point)) == 1.0
    assert only(fe.Risk(inside, box)).value == pytest.approx(2.0, abs=1e-6)


def test_no_bound_is_searched_as_far_as_draws_reach():
    worst = only(fe.Risk(lambda f, x: jnp.exp(x) + f(x), fe.Normal(0.0, 1.0)))
    assert 3 < worst.point < 5 and worst.value == pytest.approx(np.exp(worst.point))
    worst = only(fe.Risk(lambda f, x: jnp.exp(-x) + f(x), fe.LogNormal(0.0, 1.0)))
    assert worst.value == pytest.approx(1.0, abs=0.05)


def test_conditions():
    f = fe.Series(fe.Chebyshev(2, (0.0, 1.0)), start=3.0)
    risk = fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.25), name="at") + fe.Risk(
        lambda f: f(0.5) - 2.0, name="whole"
    )
    found = fe.worst_points(risk, f)
    assert found["at"] == fe.Worst(2.0, 0.25)
    assert found["whole"] == fe.Worst(1.0, None)


def test_data_and_draws_are_searched_where_they_are():
    x = np.array([0.0, 3.0, 1.0])
    assert only(fe.Risk(lambda f, x: x + f(x), fe.Empirical(x))) == fe.Worst(3.0, 3.0)

    class Foreign:
        def sample(self, key, shape):
            return jr.uniform(key, shape)

    risk = fe.Risk(lambda f, x: x + f(x), Foreign())
    sample = risk.empirical(50, key=jr.key(0))
    points = sample.terms[0].distribution.points
    assert only(sample).value == pytest.approx(float(np.max(points)))
    with pytest.raises(ValueError, match="known by its draws alone"):
        fe.worst_points(risk, zero)


def test_not_a_number_is_the_worst():
    worst = only(fe.Risk(lambda f, x: jnp.log(x - 0.5) + f(x), fe.Uniform(0.0, 2.0)))
    assert worst.value == np.inf and worst.point <= 0.5


def test_an_exact_shock_is_averaged_and_a_continuous_one_refused():
    def residual(f, x, e):
        return x + e + f(x)

    p, q = fe.Uniform(0.0, 1.0), fe.Normal(0.5, 1.0)
    assert only(fe.Risk(residual, p, shock=q.quadrature(3))).value == pytest.approx(1.5)
    for risk in (
        fe.Risk(residual, p, shock=q),
        fe.Risk(residual, p, shock=q).empirical(5, key=jr.key(0)),
    ):
        with pytest.raises(ValueError, match="`shock` of `residual` is continuous"):
            fe.worst_points(risk, zero)


def test_two_terms_of_one_name():
    risk = fe.Risk(lambda f, x: x + f(x), fe.Uniform(0.0, 1.0), name="r")
    assert len(fe.worst_points(risk + risk.on(fe.Uniform(0.0, 2.0)), zero)) == 2


def test_float32():
    f = fe.Series(fe.Chebyshev(3, (0.0, 1.0)), dtype=jnp.float32)
    worst = only(fe.Risk(lambda f, x: f(x) - x * (1 - x), fe.Uniform(0.0, 1.0)), f)
    assert worst.point.dtype == np.float32
    assert worst.value == pytest.approx(0.25, rel=1e-6)


def test_at_the_largest_residual_of_a_collocation():
    """Against a grid of two million points."""
    f = fe.solve(
        (
            fe.Risk(lambda f, x: jax.grad(f)(x) + 25 * x * f(x), fe.Uniform(-1.0, 1.0))
            + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
        ).quadrature(24),
        fe.Series(fe.Chebyshev(14, (-1.0, 1.0))),
        throw=False,
    ).value
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + 25 * x * f(x), fe.Uniform(-1.0, 1.0))
    x = jnp.linspace(-1, 1, 2_000_001)
    grid = jnp.max(jnp.abs(jax.vmap(jax.grad(f))(x) + 25 * x * jax.vmap(f)(x)))
    assert only(risk, f).value >= 0.9999999 * float(grid)
