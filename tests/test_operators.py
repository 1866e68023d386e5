"""Derivatives and complementarity, against closed forms and JAX's own."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_functions_that_are_known(order):
    vector = jax.jit(fe.derivative(lambda t: jnp.stack([jnp.sin(t), t**3]), order))
    for x in (0.3, jnp.asarray(-1.2), 2):
        np.testing.assert_allclose(jax.jit(fe.derivative(jnp.exp, order))(x), np.exp(x), rtol=1e-14)
        np.testing.assert_allclose(
            vector(x),
            [
                np.sin(x + order * np.pi / 2),
                [x**3, 3 * x**2, 6 * x, 6, 0, 0][order],
            ],
            rtol=1e-12,
            atol=1e-14,
        )


def test_derivatives_of_pytrees():
    slope = fe.derivative(lambda t: {"a": t**2, "b": jnp.sin(t)})(0.5)
    np.testing.assert_allclose(slope["a"], 1.0)
    np.testing.assert_allclose(slope["b"], np.cos(0.5))


def test_gradient_and_hessian():
    f = lambda x: x[0] ** 2 * x[1]
    x = jnp.asarray([2.0, 3.0])
    np.testing.assert_allclose(fe.gradient(f)(x), [12.0, 4.0])
    np.testing.assert_allclose(fe.hessian(f)(x), [[6.0, 4.0], [4.0, 0.0]])
    point = {"k": 2.0, "z": jnp.asarray(1)}
    got = fe.gradient(lambda p: p["k"] ** 2 * jnp.asarray([1.0, 5.0])[p["z"]])(point)
    np.testing.assert_allclose(got["k"], 20.0)
    assert got["z"] is None


def test_directional():
    f = lambda x: jnp.exp(x[0]) * x[1] ** 2
    x, v = jnp.asarray([0.1, 2.0]), jnp.asarray([1.0, -0.5])
    np.testing.assert_allclose(fe.directional(f, v)(x), jax.grad(f)(x) @ v, rtol=1e-13)
    np.testing.assert_allclose(fe.directional(f, v, 2)(x), v @ jax.hessian(f)(x) @ v, rtol=1e-13)
    np.testing.assert_allclose(fe.directional(f, v, 0)(x), f(x))


# -- Laplacian -----------------------------------------------------------------------------------

KEY = jr.key(5)
NET = fe.MLP(3, "scalar", width=16, depth=2, support=(-1.0, 1.0), key=KEY)
SMOOTH = fe.MLP(3, 2, width=8, depth=3, activation=jax.nn.silu, key=KEY)
PLAIN = eqx.nn.MLP(3, 4, 8, 2, jax.nn.gelu, key=KEY)
SERIES = fe.Series(fe.Tensor(*[fe.Chebyshev(4, (0.0, 1.0))] * 3))
SERIES = eqx.tree_at(lambda s: s.coefficients, SERIES, jr.normal(KEY, (125,)))

FUNCTIONS = {
    "net": NET,
    "vector": SMOOTH,
    "equinox": PLAIN,
    "series": SERIES,
    "ansatz": fe.Ansatz(lambda n, x: jnp.prod(x * (1 - x)) * n(x), NET),
    "gradient": jax.grad(NET),
    "checkpoint": lambda x: jax.checkpoint(lambda y: NET(y))(x),
    "expectation": lambda x: jax.vmap(lambda e: NET(x * e))(jnp.linspace(0.0, 1.0, 5)).mean(),
    "norm": lambda x: jnp.linalg.norm(x) ** 3,
    "arithmetic": lambda x: jnp.exp(x[0] * x[1]) / x[2] + x[1] ** x[2] + jnp.arctan2(x[0], x[1]),
    "softmax": lambda x: jax.nn.softmax(x) * x,
    "logsumexp": lambda x: jax.nn.logsumexp(x**2),
    "relu": lambda x: (jax.nn.relu(x) ** 3).sum() + jax.nn.softplus(x).prod(),
    "index": lambda x: x[jnp.asarray([0, 2])] * x[1],
    "where": lambda x: jnp.where(x > 0.15, x**3, jnp.sin(x)),
    "solve": lambda x: jnp.linalg.solve(jnp.outer(x, x) + jnp.eye(3), x),
    "cumulative": lambda x: jnp.cumsum(x) * jnp.cumprod(x),
    "sort": lambda x: jnp.sort(x) ** 2,
    "scan": lambda x: jax.lax.scan(lambda c, _: (jnp.sin(c) * x, c[0]), x, None, length=4),
    "loop": lambda x: jax.lax.fori_loop(0, 3, lambda i, c: c * jnp.cos(x), x),
    "cond": lambda x: jax.lax.cond(x[0] > 0, lambda y: y @ y * y[0], lambda y: y.sum(), x),
    "spline": lambda x: fe.Series(fe.BSpline(5, (0.0, 1.0)), start=1.0)(x[0] * x[1]) * x[2] ** 2,
    "constant": lambda x: jnp.asarray(1.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_laplacian_is_the_trace_of_the_hessian(name):
    f, x = FUNCTIONS[name], jnp.asarray([0.1, 0.2, 0.3])
    trace = lambda h: jnp.trace(h, axis1=-2, axis2=-1)
    both = jax.jit(lambda x: (fe.laplacian(f)(x), jax.tree.map(trace, jax.hessian(f)(x))))
    got, expected = both(x)
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_laplacian_of_a_scalar_and_of_a_dictionary():
    np.testing.assert_allclose(fe.laplacian(jnp.sin)(0.3), -np.sin(0.3), rtol=1e-14)
    np.testing.assert_allclose(
        fe.laplacian(lambda p: p["a"] ** 2 * p["b"])({"a": 1.0, "b": 2.0}), 4.0
    )


@pytest.mark.parametrize("dtype", (jnp.float32, jnp.float64))
def test_gradients_through_the_laplacian(dtype):
    net = fe.MLP(2, "scalar", width=8, depth=2, dtype=dtype, key=KEY)
    moving, fixed = eqx.partition(net, eqx.is_inexact_array)
    points = jr.uniform(KEY, (5, 2), dtype)

    def risk(operator):
        def value(theta):
            f = eqx.combine(theta, fixed)
            return jnp.sum(jax.vmap(operator(f))(points) ** 2)

        return jax.jit(jax.grad(value))(moving)

    by_trace = risk(lambda f: lambda x: jnp.trace(jax.hessian(f)(x)))
    for a, b in zip(jax.tree.leaves(risk(fe.laplacian)), jax.tree.leaves(by_trace), strict=True):
        assert a.dtype == dtype
        tolerance = 1e-11 if dtype == jnp.float64 else 2e-3
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def test_operators_explain_what_they_need():
    with pytest.raises(ValueError, match="scalar x"):
        fe.derivative(jnp.sum)(jnp.ones(2))
    with pytest.raises(ValueError, match="`order`"):
        fe.derivative(jnp.sin, -1)
    with pytest.raises(ValueError, match="scalar f"):
        fe.gradient(jnp.sin)(jnp.ones(2))


# -- complementarity and losses ------------------------------------------------------------------


def test_fischer_burmeister_is_zero_where_it_should_be():
    for a, b in [(0.0, 0.0), (0.0, 2.0), (3.0, 0.0), (1e8, 0.0)]:
        assert fe.fischer_burmeister(a, b) == 0.0
    assert fe.fischer_burmeister(1.0, 2.0) > 0
    assert fe.fischer_burmeister(-1e-3, 2.0) < 0
    assert fe.fischer_burmeister(-1.0, -2.0) < 0
    np.testing.assert_allclose(fe.fischer_burmeister(2.0, 0.02, smoothing=0.2), 0.0, atol=1e-16)
    # No digits are lost where one side is far larger than the other.
    np.testing.assert_allclose(fe.fischer_burmeister(1e9, 1e-9), 1e-9, rtol=1e-12)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 50))
    np.testing.assert_allclose(
        fe.fischer_burmeister(a, b), a + b - np.hypot(a, b), rtol=1e-11, atol=1e-15
    )


def test_fischer_burmeister_has_gradients_everywhere():
    slope = jax.grad(fe.fischer_burmeister, argnums=(0, 1))
    np.testing.assert_allclose(slope(0.0, 0.0), (1.0, 1.0))
    np.testing.assert_allclose(slope(3.0, 0.0), (0.0, 1.0), atol=1e-15)
    np.testing.assert_allclose(slope(0.0, 3.0), (1.0, 0.0), atol=1e-15)
    for a, b in [(1.0, 2.0), (-1.0, 0.5), (-1.0, -2.0), (1.0, -1.0)]:
        r = np.hypot(a, b)
        np.testing.assert_allclose(slope(a, b), (1 - a / r, 1 - b / r), rtol=1e-12, atol=1e-15)
    bent = jax.hessian(lambda p: fe.fischer_burmeister(p[0], p[1]))(jnp.zeros(2))
    assert np.all(np.isfinite(bent))


def test_losses():
    r = jnp.asarray([-3.0, -0.5, 0.0, 0.5, 2.0])
    np.testing.assert_allclose(fe.squared(r), r**2)
    np.testing.assert_allclose(fe.absolute(r), np.abs(r))
    np.testing.assert_allclose(fe.huber(r), [2.5, 0.125, 0.0, 0.125, 1.5])
    np.testing.assert_allclose(jax.vmap(jax.grad(fe.huber))(r), np.clip(r, -1, 1))
    np.testing.assert_allclose(fe.huber(r, threshold=10.0), r**2 / 2)
