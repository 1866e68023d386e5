"""A first guess: a function of the class is found, however unequal its coordinates are."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


UNIT = (0.0, 1.0)
BOX = fe.Uniform([0.0, 0.0], [1.0, 1.0])
BOX_3 = fe.Uniform([0.0] * 3, [1.0] * 3)
NAMED = fe.Product(k=fe.Uniform(0.0, 1.0), z=fe.Uniform(-1.0, 1.0))


def chebyshev(degree, domain=UNIT):
    return fe.Chebyshev(degree, domain)


SMALL_BREAKS = np.concatenate([np.linspace(0.0, 0.5, 4), np.linspace(0.5, 0.501, 5)[1:], [1.0]])
WITHIN = {
    "degrees": (fe.Tensor(chebyshev(20), chebyshev(2)), BOX, lambda x: x[0] * x[1]),
    "constant": (fe.Tensor(chebyshev(30), chebyshev(0)), BOX, lambda x: x[0] ** 3),
    "three": (fe.Tensor(chebyshev(1), chebyshev(9), chebyshev(3)), BOX_3, lambda x: x[1] ** 7),
    "total_degree": (
        fe.Tensor(*[chebyshev(4)] * 3, degree=4),
        BOX_3,
        lambda x: x[0] ** 2 * x[1] * x[2],
    ),
    "many_coordinates": (
        fe.Tensor(*[chebyshev(3)] * 8, degree=3),
        fe.Uniform([0.0] * 8, [1.0] * 8),
        lambda x: x[0] ** 2 * x[7],
    ),
    "spline_and_degree": (
        fe.Tensor(fe.BSpline(24, UNIT), chebyshev(1)),
        BOX,
        lambda x: x[0] ** 3 + x[1],
    ),
    "narrow_splines": (
        fe.Tensor(chebyshev(2), fe.BSpline(SMALL_BREAKS)),
        BOX,
        lambda x: x[0] * x[1] ** 2,
    ),
    "narrow_splines_alone": (fe.BSpline(SMALL_BREAKS), fe.Uniform(0.0, 1.0), lambda x: x**3),
    "elements": (
        fe.Tensor(fe.SpectralElements(4, SMALL_BREAKS), chebyshev(1)),
        BOX,
        lambda x: x[0] ** 4 * x[1],
    ),
    "fourier": (
        fe.Tensor(fe.Fourier(9, UNIT), chebyshev(2)),
        BOX,
        lambda x: jnp.sin(18 * jnp.pi * x[0]) * x[1],
    ),
    "named": (
        fe.Tensor(z=chebyshev(1, (-1.0, 1.0)), k=fe.BSpline(16, UNIT)),
        NAMED,
        lambda x: x["k"] * x["z"],
    ),
    "states": (
        fe.Tensor(z=fe.Indicator(5), k=chebyshev(12)),
        fe.Product(
            k=fe.Uniform(0.0, 1.0),
            z=fe.Empirical(jnp.arange(5)),
        ),
        lambda x: x["k"] * (1.0 + x["z"].astype(float)) ** 2,
    ),
    "normal": (
        fe.Tensor(chebyshev(9), chebyshev(1, (-6.0, 6.0))),
        fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(0.0, 1.0)),
        lambda x: x[0] ** 5 * x[1],
    ),
    "vector_in_a_product": (
        fe.Tensor(chebyshev(9), chebyshev(1), chebyshev(3)),
        fe.Product(fe.Uniform([0.0, 0.0], [1.0, 1.0]), fe.Uniform(0.0, 1.0)),
        lambda x: x[0] ** 5 * x[1] * x[2] ** 3,
    ),
    "narrow_box": (
        fe.Tensor(fe.BSpline(9, UNIT), chebyshev(4)),
        fe.Uniform([-0.0, 0.2], [1.0, 0.4]),
        lambda x: x[0] * x[1],
    ),
}


@pytest.mark.parametrize("name", WITHIN)
def test_a_function_of_the_class(name):
    basis, p, target = WITHIN[name]
    solution = fe.fit(fe.Series(basis), target, p)
    points = p.sample(50, key=jax.random.key(1))
    error = jnp.abs(jax.vmap(solution.value)(points) - jax.vmap(target)(points))
    assert jnp.max(error) < 1e-9


def test_several_series_ask_for_the_most():
    class Pair(eqx.Module):
        first: fe.Series
        second: fe.Series

        def __call__(self, x):
            return jnp.stack([self.first(x), self.second(x)])

    pair = Pair(
        fe.Series(fe.Tensor(chebyshev(20), chebyshev(1))),
        fe.Series(fe.Tensor(chebyshev(1), chebyshev(15))),
    )
    solution = fe.fit(pair, lambda x: jnp.stack([x[0] ** 9, x[1] ** 9]), BOX)
    np.testing.assert_allclose(solution.value(jnp.array([0.3, 0.8])), [0.3**9, 0.8**9], atol=1e-12)


def test_a_head_around_a_series():
    f = fe.Positive(fe.Series(fe.Tensor(chebyshev(9), chebyshev(1))))
    solution = fe.fit(f, lambda x: jnp.exp(x[0] - x[1]), BOX)
    np.testing.assert_allclose(solution.value(jnp.array([0.3, 0.8])), np.exp(-0.5), rtol=1e-2)


def test_kernels_of_several_coordinates():
    centres = jax.random.uniform(jax.random.key(0), (30, 2))
    f = fe.Series(fe.KernelBasis(fe.Matern52(0.5), centres))
    solution = fe.fit(f, lambda x: x[0] + x[1], BOX)
    assert abs(solution.value(jnp.array([0.4, 0.6])) - 1.0) < 0.05


def test_a_target_outside_of_the_class_is_no_interpolant():
    # the best approximation of |x - 1/2| under the uniform law, by its normal equations
    f = fe.Series(fe.Tensor(chebyshev(3), chebyshev(0)))
    solution = fe.fit(f, lambda x: jnp.abs(x[0] - 0.5), BOX)
    x, w = np.polynomial.legendre.leggauss(200)
    x, w = (x + 1) / 2, w / 2
    matrix = np.vander(x, 4) * np.sqrt(w)[:, None]
    best = np.linalg.lstsq(matrix, np.abs(x - 0.5) * np.sqrt(w), rcond=None)[0]
    found = jax.vmap(solution.value)(jnp.stack([jnp.asarray(x), jnp.full(200, 0.3)], -1))
    np.testing.assert_allclose(found, np.vander(x, 4) @ best, atol=0.05)
