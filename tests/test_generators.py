"""The generator of a diffusion and its adjoint, against closed forms and JAX's Hessians."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import stats

import fesolve as fe


KEY = jr.key(3)
NET = fe.MLP(3, "scalar", width=8, depth=2, support=(-1.0, 1.0), key=KEY)
X = jnp.asarray([0.3, -0.2, 0.5])
SERIES = fe.Series(fe.Chebyshev(9, (-1.0, 2.0)))
SERIES = fe.fit(SERIES, jnp.cos, fe.Uniform(-1.0, 2.0).quadrature(20)).value


def drift(x):
    return jnp.stack([x[1] * x[2], -jnp.sin(x[0]), 1.0 - x[2] ** 2])


NOISES = {
    "each its own": lambda x: 0.5 + x * x[::-1],
    "two shared": lambda x: jnp.stack([jnp.cos(x), x[0] * x], axis=1),
    "one": lambda x: (x**2)[:, None],
    "constant": lambda x: jnp.asarray([[0.1, 0.0], [0.2, 0.3], [0.0, 0.5]]),
    "none": None,
}


def matrix(noise, x):
    """s s'"""
    if noise is None:
        return jnp.zeros((3, 3))
    s = noise(x)
    s = jnp.diag(s) if s.ndim == 1 else s
    return s @ s.T


@pytest.mark.parametrize("name", NOISES)
def test_generator_is_drift_and_half_the_trace(name):
    noise = NOISES[name]

    @jax.jit
    def both(x):
        trace = jnp.sum(matrix(noise, x) * jax.hessian(NET)(x))
        return fe.generator(NET, drift, noise)(x), drift(x) @ jax.grad(NET)(x) + 0.5 * trace

    got, expected = both(X)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", NOISES)
def test_adjoint_is_minus_the_divergence_of_the_flow(name):
    noise, g = NOISES[name], lambda x: jnp.exp(-(x @ x)) * (1.0 + x[0] * x[2])

    @jax.jit
    def both(x):
        flow = jax.jacfwd(lambda x: drift(x) * g(x))(x)
        bent = jax.hessian(lambda x: 0.5 * matrix(noise, x) * g(x))(x)
        return fe.adjoint_generator(g, drift, noise)(x), jnp.einsum("ijij->", bent) - flow.trace()

    got, expected = both(X)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("x", [0.4, jnp.asarray(-0.7), 1])
def test_of_a_scalar(x):
    """Geometric Brownian motion moves S^p at the rate p mu + p (p - 1) sigma^2 / 2."""
    power = jax.jit(fe.generator(lambda S: S**3, lambda S: 0.1 * S, lambda S: 0.2 * S))
    np.testing.assert_allclose(power(x), (0.3 + 3 * 0.04) * x**3, rtol=1e-14)
    two = jax.jit(fe.generator(jnp.sin, None, lambda x: jnp.asarray([0.3, 0.4])))
    np.testing.assert_allclose(two(x), -0.125 * np.sin(x), rtol=1e-14)
    series = jax.jit(fe.generator(SERIES, lambda x: x, lambda x: 1.0))
    value = float(x)
    np.testing.assert_allclose(
        series(x), -value * np.sin(value) - np.cos(value) / 2, rtol=1e-5, atol=1e-5
    )


def test_the_heat_kernel_and_a_stationary_density():
    mean, eta, s = 0.4, 0.7, 0.3
    normal = lambda x: jax.scipy.stats.norm.pdf(x, mean, s / np.sqrt(2 * eta))
    forward = fe.adjoint_generator(normal, lambda x: eta * (mean - x), lambda x: s)
    x = jnp.linspace(-0.5, 1.5, 21)
    assert np.max(np.abs(jax.jit(jax.vmap(forward))(x))) < 1e-13
    # the square-root process of Cox, Ingersoll and Ross has a gamma density
    shape, scale = 2 * eta * mean / s**2, s**2 / (2 * eta)
    gamma = lambda x: jax.scipy.stats.gamma.pdf(x, shape, scale=scale)
    forward = fe.adjoint_generator(gamma, lambda x: eta * (mean - x), lambda x: s * jnp.sqrt(x))
    assert np.max(np.abs(jax.jit(jax.vmap(forward))(jnp.linspace(0.1, 1.5, 21)))) < 1e-12


@pytest.mark.parametrize("name", ["each its own", "two shared", "none"])
def test_they_are_adjoint(name):
    """Integrals of (A f) g and f (A* g) over a box agree where g vanishes at its boundary."""
    noise = NOISES[name]
    box = fe.Uniform([-1.0] * 3, [1.0] * 3).quadrature(24)
    f = lambda x: jnp.sin(x[0] + 2.0 * x[1]) * jnp.exp(x[2])
    g = lambda x: jnp.prod((1.0 - x**2) ** 3) * (1.0 + x[0])

    def sides(x):
        return (
            fe.generator(f, drift, noise)(x) * g(x),
            f(x) * fe.adjoint_generator(g, drift, noise)(x),
        )

    left, right = jax.jit(lambda: fe.expectation(sides, box))()
    assert abs(float(left)) > 1e-3
    np.testing.assert_allclose(left, right, rtol=1e-10)


def test_the_generator_is_the_rate_of_an_expectation():
    """(E f(x_h) - f(x)) / h by Gauss-Hermite, extrapolated to h = 0."""
    noise, f, shock = NOISES["two shared"], NET, fe.Normal(jnp.zeros(2), 1.0).quadrature(12)

    def rate(h):
        step = lambda e: f(X + h * drift(X) + jnp.sqrt(h) * noise(X) @ e)
        return (fe.expectation(step, shock) - f(X)) / h

    rate = jax.jit(rate)
    h = 2e-3
    extrapolated = 2 * rate(h / 2) - rate(h)
    expected = jax.jit(fe.generator(f, drift, noise))(X)
    assert float(extrapolated) == pytest.approx(float(expected), rel=1e-4)


def test_values_may_be_arrays_and_pytrees():
    f = lambda x: {"a": x**2, "b": x @ x}
    noise = NOISES["two shared"]
    got = jax.jit(fe.generator(f, drift, noise))(X)
    square = matrix(noise, X)
    np.testing.assert_allclose(got["a"], 2 * X * drift(X) + jnp.diag(square), rtol=1e-13)
    np.testing.assert_allclose(got["b"], 2 * X @ drift(X) + jnp.trace(square), rtol=1e-13)
    back = jax.jit(fe.adjoint_generator(f, drift, noise))(X)
    alone = jax.jit(fe.adjoint_generator(lambda x: x @ x, drift, noise))(X)
    np.testing.assert_allclose(back["b"], alone, rtol=1e-13)


@pytest.mark.parametrize("operator", [fe.generator, fe.adjoint_generator])
def test_single_precision_and_gradients(operator):
    noise = NOISES["two shared"]

    @jax.jit
    def at(scale, x):
        return operator(lambda z: NET(scale * z), drift, lambda z: scale * noise(z))(x)

    half = fe.MLP(3, "scalar", width=8, depth=2, support=(-1.0, 1.0), dtype=jnp.float32, key=KEY)
    value = jax.jit(operator(half, drift, noise))(X.astype(jnp.float32))
    assert value.dtype == jnp.float32
    full = jax.tree.map(lambda a: a.astype(X.dtype) if isinstance(a, jax.Array) else a, half)
    np.testing.assert_allclose(
        value, jax.jit(operator(full, drift, noise))(X), rtol=2e-5, atol=2e-5
    )
    slope, h = jax.jit(jax.grad(at))(1.1, X), 1e-4
    by_differences = (at(1.1 + h, X) - at(1.1 - h, X)) / (2 * h)
    np.testing.assert_allclose(slope, by_differences, rtol=1e-6)


def test_no_hessian_where_one_noise_moves_many_coordinates():
    """The program has no intermediate of d x d numbers, nor d passes through f."""
    d, net = 60, fe.MLP(60, "scalar", width=7, depth=1, key=KEY)
    factor = jnp.linspace(0.1, 1.0, d)
    apply = fe.generator(net, lambda x: -x, lambda x: factor[:, None])
    program = jax.make_jaxpr(apply)(jnp.ones(d))
    sizes = [np.prod(v.aval.shape) for e in program.eqns for v in e.outvars]
    assert max(sizes) <= 7 * d


def test_they_explain_what_they_need():
    with pytest.raises(ValueError, match=r"`drift.x.` must have the shape .3,. of x; got ..: "):
        fe.generator(jnp.sum, lambda x: 0.0)(jnp.ones(3))
    with pytest.raises(ValueError, match=r"`diffusion.x.` must have the shape"):
        fe.generator(jnp.sum, None, lambda x: jnp.ones((2, 3)))(jnp.ones(3))
    with pytest.raises(ValueError, match="`generator` takes a real scalar x or a vector"):
        fe.generator(jnp.sum, None)(jnp.ones((3, 2)))
    with pytest.raises(ValueError, match="hold the other coordinates by a lambda"):
        fe.adjoint_generator(lambda p: p["k"], None)({"k": 1.0})


def test_a_density_of_a_square_root_process_is_scipys():
    """The same density by SciPy: what was differentiated above is that of the model."""
    x = np.linspace(0.1, 1.5, 5)
    ours = jax.scipy.stats.gamma.pdf(jnp.asarray(x), 3.0, scale=0.2)
    np.testing.assert_allclose(ours, stats.gamma.pdf(x, 3.0, scale=0.2), rtol=1e-12)
