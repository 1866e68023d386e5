"""Kernels: against their formulas, SciPy's quadrature, finite differences and their spaces."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gamma, kv

import fesolve as fe


def bessel(nu):
    """The Matern kernel of any smoothness nu, by Bessel functions."""

    def profile(r):
        z = np.sqrt(2 * nu) * np.abs(r)
        apart = np.where(z == 0, 1.0, z)
        return np.where(z == 0, 1.0, 2 ** (1 - nu) / gamma(nu) * apart**nu * kv(nu, apart))

    return profile


KERNELS = {
    "Matern12": (fe.Matern12, bessel(0.5), 0),
    "Matern32": (fe.Matern32, bessel(1.5), 2),
    "Matern52": (fe.Matern52, bessel(2.5), 4),
    "SquaredExponential": (fe.SquaredExponential, lambda r: np.exp(-(r**2) / 2), 9),
}
each = pytest.mark.parametrize("name", KERNELS)
CENTRES = np.array([-1.0, 0.3, 0.5, 2.0])


@each
def test_values_are_those_of_the_formula(name):
    kernel, profile, _ = KERNELS[name]
    basis = fe.KernelBasis(kernel(0.7), CENTRES)
    x = np.linspace(-1.9, 3.1, 37)
    expected = profile((x[:, None] - CENTRES) / 0.7)
    np.testing.assert_allclose(jax.vmap(basis)(x), expected, atol=1e-14)
    np.testing.assert_array_equal(np.diag(jax.vmap(basis)(CENTRES)), 1.0)


@each
def test_vectors_are_compared_by_their_distance(name):
    kernel, profile, _ = KERNELS[name]
    rng = np.random.default_rng(0)
    centres, x = rng.normal(size=(5, 3)), rng.normal(size=3)
    values = fe.KernelBasis(kernel(1.3), centres)(x)
    distances = np.linalg.norm(x - centres, axis=1) / 1.3
    np.testing.assert_allclose(values, profile(distances), atol=1e-14)
    with pytest.raises(ValueError, match="takes points x of that shape"):
        fe.KernelBasis(kernel(1.3), centres)(x[:2])


@each
def test_derivatives_are_those_of_finite_differences(name):
    kernel, _, _ = KERNELS[name]
    k = kernel(0.7)
    at = lambda x: k(x, 0.3)
    h = 1e-5
    for x in (-0.4, 0.29, 1.7):
        slope, curvature = fe.derivative(at)(x), fe.derivative(at, 2)(x)
        assert float(slope) == pytest.approx(float(at(x + h) - at(x - h)) / (2 * h), rel=1e-7)
        differences = float(fe.derivative(at)(x + h) - fe.derivative(at)(x - h)) / (2 * h)
        assert float(curvature) == pytest.approx(differences, rel=1e-7, abs=1e-9)
    by_length = jax.grad(lambda length: kernel(length)(0.9, 0.3))(0.7)
    differences = (kernel(0.7 + h)(0.9, 0.3) - kernel(0.7 - h)(0.9, 0.3)) / (2 * h)
    assert float(by_length) == pytest.approx(float(differences), rel=1e-7)


@each
def test_at_a_centre_every_derivative_that_exists_is_right(name):
    kernel, _, smooth = KERNELS[name]
    at = lambda x: kernel(0.7)(x, 0.3)
    # K is even about its centre: odd derivatives vanish
    assert float(fe.derivative(at)(0.3)) == 0.0
    # k'' = -1/l^2 times 3, 5/3 and 1, by their expansions; a kink has none, and says 0
    expected = {0: 0.0, 2: -3.0, 4: -5 / 3, 9: -1.0}[smooth] / 0.7**2
    assert float(fe.derivative(at, 2)(0.3)) == pytest.approx(expected, rel=1e-12)
    if smooth >= 4:
        fourth = {4: 25.0, 9: 3.0}[smooth] / 0.7**4
        assert float(fe.derivative(at, 4)(0.3)) == pytest.approx(fourth, rel=1e-10)


def test_the_slope_at_a_kink_is_the_mean_of_both_sides():
    at = lambda x: fe.Matern12(0.7)(x, 0.3)
    sides = [float(fe.derivative(at)(0.3 + h)) for h in (-1e-9, 1e-9)]
    np.testing.assert_allclose(sides, [1 / 0.7, -1 / 0.7], rtol=1e-8)
    assert float(fe.derivative(at)(0.3)) == 0.0


@each
def test_gradients_of_vectors_and_their_hessians(name):
    kernel, _, smooth = KERNELS[name]
    centre, x, h = jnp.array([0.2, -0.1]), jnp.array([0.5, 0.4]), 1e-5
    at = lambda x: kernel(0.9)(x, centre)
    steps = h * jnp.eye(2)
    differences = [(at(x + s) - at(x - s)) / (2 * h) for s in steps]
    np.testing.assert_allclose(jax.grad(at)(x), differences, rtol=1e-7)
    assert np.isfinite(jax.hessian(at)(centre)).all()
    if smooth:
        slope = jax.grad(at)
        differences = [(slope(centre + s) - slope(centre - s)) / (2 * h) for s in steps]
        np.testing.assert_allclose(jax.hessian(at)(centre), differences, atol=1e-3)


@each
def test_integrals_are_those_of_quad(name):
    kernel, profile, _ = KERNELS[name]
    basis = fe.KernelBasis(kernel(0.7), CENTRES).integrated(-0.2)
    for x in (-1.0, -0.2, 0.3, 0.30001, 2.7):
        values = basis(x)
        assert float(values[0]) == 1.0
        for value, centre in zip(values[1:], CENTRES, strict=True):
            points = [centre] if min(x, -0.2) < centre < max(x, -0.2) else None
            expected = quad(
                lambda s, centre=centre: profile((s - centre) / 0.7),
                -0.2,
                x,
                points=points,
                epsabs=1e-13,
                epsrel=1e-13,
            )[0]
            assert float(value) == pytest.approx(expected, abs=1e-12)


@each
def test_the_derivative_of_an_integral_is_the_kernel(name):
    kernel, _, _ = KERNELS[name]
    plain = fe.KernelBasis(kernel(0.7), CENTRES)
    # 0.3 is a centre
    for x in (-0.7, 0.3, 1.1):
        slopes = jax.jacfwd(plain.integrated())(x)[1:]
        np.testing.assert_allclose(slopes, plain(x), rtol=1e-13)
        inner = jax.jacfwd(jax.jacfwd(plain.integrated()))(x)[1:]
        np.testing.assert_allclose(inner, jax.jacfwd(plain)(x), rtol=1e-13)


@each
@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_the_norm_is_that_of_the_gram_matrix(name, dtype):
    kernel, profile, _ = KERNELS[name]
    rng = np.random.default_rng(1)
    centres = np.linspace(0.0, 3.0, 6)
    alpha = rng.normal(size=6)
    series = fe.Series(fe.KernelBasis(kernel(0.7), centres), dtype=dtype)
    series = eqx.tree_at(lambda s: s.coefficients, series, jnp.asarray(alpha, dtype))
    gram = profile((centres[:, None] - centres) / 0.7)
    tolerance = 1e-12 if dtype == np.float64 else 1e-4
    norm = fe.rkhs_norm()(series)
    assert norm.dtype == dtype
    assert float(norm) == pytest.approx(alpha @ gram @ alpha, rel=tolerance)


def test_norms_are_summed_over_series_and_components():
    basis = fe.KernelBasis(fe.Matern32(0.5), np.array([0.0, 1.0, 2.0]))
    gram = np.asarray(jax.vmap(basis)(basis.centres))
    fill = lambda s, c: eqx.tree_at(lambda s: s.coefficients, s, jnp.asarray(c))
    a, b = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]]), np.array([7.0, 1.0, -2.0, 0.5])
    f = {
        "two": fill(fe.Series(basis, 2), a),
        "level": fill(fe.Series(basis.integrated(0.5)), b),
    }
    norm = fe.rkhs_norm(lambda f: f["two"]) + 3.0 * fe.rkhs_norm(lambda f: f["level"])
    expected = np.sum((a @ gram) * a) + 3 * b[1:] @ gram @ b[1:]
    assert float(norm(f)) == pytest.approx(expected, rel=1e-12)
    assert float(f["level"](0.5)) == 7.0


def test_the_space_of_matern_12_is_a_sobolev_space():
    """|f|^2 = (int f^2 / l + l f'^2 + f(0)^2 + f(1)^2) / 2 on [0, 1] for f = K(., 0.4)."""
    kernel = fe.Matern12(0.6)
    f = lambda x: float(kernel(x, 0.4))
    slope = lambda x: -np.sign(x - 0.4) * f(x) / 0.6
    integral = quad(
        lambda x: f(x) ** 2 / 0.6 + 0.6 * slope(x) ** 2, 0, 1, points=[0.4], epsabs=1e-12
    )[0]
    assert (integral + f(0) ** 2 + f(1) ** 2) / 2 == pytest.approx(1.0, abs=1e-10)


def test_matrices_that_lose_rank_still_have_a_norm_in_every_direction():
    centres = np.linspace(0.0, 1.0, 25)
    basis = fe.KernelBasis(fe.SquaredExponential(1.0), centres)
    gram = np.asarray(jax.vmap(basis)(centres))
    assert np.linalg.eigvalsh(gram)[0] < 1e-15
    root = np.asarray(basis.isometry(jnp.eye(25)))
    # K to rounding, and no direction without a norm
    np.testing.assert_allclose(root @ root.T, gram, atol=25 * 2e-16 * 30)
    assert np.linalg.svd(root, compute_uv=False)[-1] > 1e-8


def test_the_norm_can_be_differentiated_in_the_length():
    centres, alpha = np.linspace(0.0, 1.0, 7), jnp.arange(7.0) - 2.0

    def norm(length):
        basis = fe.KernelBasis(fe.Matern32(length), centres)
        return jnp.sum(basis.isometry(alpha) ** 2)

    h = 1e-5
    differences = (norm(0.5 + h) - norm(0.5 - h)) / (2 * h)
    assert float(jax.grad(norm)(0.5)) == pytest.approx(float(differences), rel=1e-7)
    both = jax.vmap(norm)(jnp.array([0.4, 0.5]))
    assert float(both[1]) == pytest.approx(float(norm(0.5)), rel=1e-12)


def test_of_all_interpolants_a_series_of_kernels_is_found_by_least_squares():
    centres = np.linspace(-1.0, 1.0, 15)
    f = fe.fit(
        fe.Series(fe.KernelBasis(fe.Matern52(0.8), centres)),
        lambda x: jnp.sin(2 * x),
        fe.Empirical(centres),
    ).value
    gram = bessel(2.5)((centres[:, None] - centres) / 0.8)
    x = np.linspace(-1, 1, 101)
    weights = np.linalg.solve(gram, np.sin(2 * centres))
    expected = bessel(2.5)((x[:, None] - centres) / 0.8) @ weights
    np.testing.assert_allclose(jax.vmap(f)(x), expected, atol=1e-9)


def test_domains():
    basis = fe.KernelBasis(fe.Matern12(1.0), CENTRES)
    assert basis.domain == (-1.0, 2.0)
    assert basis.integrated(domain=(-2.0, 5.0)).domain == (-2.0, 5.0)
    lower, upper = fe.KernelBasis(fe.Matern12(1.0), np.array([[0.0, 3.0], [2.0, 1.0]])).domain
    np.testing.assert_array_equal([lower, upper], [[0.0, 1.0], [2.0, 3.0]])
    assert float(fe.Series(basis.integrated(), start=2.0)(0.7)) == 2.0


@pytest.mark.parametrize(
    "call, words",
    (
        (lambda: fe.Matern12(0.0), "`length` of Matern12 must be a finite number above 0"),
        (lambda: fe.Matern52(np.ones(2)), "`length` of Matern52 must be a number"),
        (
            lambda: fe.KernelBasis("matern", CENTRES),
            "`kernel` of KernelBasis must be a kernel such as",
        ),
        (lambda: fe.KernelBasis(fe.Matern12(), [0.0, 1.0, 0.0]), "all different"),
        (lambda: fe.KernelBasis(fe.Matern12(), 1.0), "n numbers or n vectors"),
        (lambda: fe.IntegratedKernelBasis(fe.Matern12(), np.ones((2, 1))), "n numbers; got"),
        (lambda: fe.KernelBasis(fe.Matern12(), CENTRES, (1.0, 0.0)), "`domain` of KernelBasis"),
        (lambda: fe.KernelBasis(fe.Matern12(), CENTRES, 3.0), "must be a pair"),
        (
            lambda: fe.Series(fe.KernelBasis(fe.Matern12(), CENTRES), start=1.0),
            "`start` must be 0.*`fe.IntegratedKernelBasis` has the constant 1",
        ),
        (
            lambda: fe.rkhs_norm()(fe.Series(fe.Chebyshev(3))),
            "must lead to a `fe.Series` of `fe.KernelBasis`.*got Chebyshev",
        ),
    ),
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
