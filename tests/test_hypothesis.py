"""Compositions, frozen parts and networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def net(key, in_size="scalar", out_size="scalar", **options):
    options = {"width": 8, "depth": 2, "support": (-1.0, 1.0)} | options
    return fe.MLP(in_size, out_size, key=key, **options)


def test_compositions_are_what_they_say(getkey):
    inner, outer = net(getkey(), 2, 3), net(getkey(), 3, "scalar")
    x = jnp.asarray([0.1, 0.2])
    np.testing.assert_allclose(fe.Compose(outer, inner)(x), outer(inner(x)))
    hard = fe.Ansatz(lambda n, x: 1.0 + x[0] * outer(n(x)), inner)
    np.testing.assert_allclose(hard(x.at[0].set(0.0)), 1.0)
    np.testing.assert_allclose(hard(x), 1.0 + x[0] * outer(inner(x)))


def test_deep_sets_do_not_see_the_order(getkey):
    f = fe.DeepSet(rho=net(getkey(), 4), phi=net(getkey(), 2, 4))
    x = jr.normal(getkey(), (7, 2))
    np.testing.assert_allclose(f(x), f(jr.permutation(getkey(), x)), rtol=1e-13)
    np.testing.assert_allclose(f(x), f(jnp.concatenate([x, x])), rtol=1e-13)
    np.testing.assert_allclose(f(x), f.rho(jax.vmap(f.phi)(x).mean(0)), rtol=1e-13)


def test_frozen_modules_behave_as_before(getkey):
    f = net(getkey())
    frozen = fe.freeze(f)
    np.testing.assert_allclose(frozen(0.3), f(0.3))
    assert frozen.net.width_size == 8
    assert fe.freeze(frozen) is frozen

    class Both(eqx.Module):
        inner: fe.MLP

        def double(self, x):
            return 2 * self.inner(x)

    np.testing.assert_allclose(fe.freeze(Both(f)).double(0.3), 2 * f(0.3))
    swapped = eqx.tree_at(lambda b: b.inner, Both(f), replace_fn=fe.freeze)
    np.testing.assert_allclose(swapped.double(0.3), 2 * f(0.3))
    np.testing.assert_allclose(jax.tree.map(lambda leaf: leaf, swapped).double(0.3), 2 * f(0.3))
    with pytest.raises(AttributeError):
        _ = frozen.nothing


def test_frozen_arrays_behave_as_arrays():
    a = jnp.asarray([1.0, 2.0])
    b = fe.freeze(a)
    for got, expected in [
        (b + 1.0, a + 1.0),
        (1.0 - b, 1.0 - a),
        (2.0 * b, 2.0 * a),
        (b / 2.0, a / 2.0),
        (2.0 / b, 2.0 / a),
        (b**2, a**2),
        (2.0**b, 2.0**a),
        (-b, -a),
        (b @ a, a @ a),
        (a @ b, a @ a),
        (jnp.sin(b), jnp.sin(a)),
        (b[0], a[0]),
        (b.sum(), a.sum()),
    ]:
        np.testing.assert_allclose(got, expected)
    assert len(b) == 2 and b.shape == (2,)
    np.testing.assert_allclose(jax.grad(lambda y: (fe.freeze(y) * y).sum())(a), 2 * a)


def test_frozen_modules_pass_through_transformations(getkey):
    frozen = fe.freeze(net(getkey()))
    value, leaves = frozen(0.3), jax.tree.leaves(frozen)
    np.testing.assert_allclose(eqx.filter_jit(lambda f: f(0.3))(frozen), value)
    batch = jax.tree.map(lambda x: jnp.stack([x, x]) if eqx.is_array(x) else x, frozen)
    np.testing.assert_allclose(eqx.filter_vmap(lambda f: f(0.3))(batch), [value, value])
    assert len(leaves) == len(jax.tree.leaves(frozen.value))


# -- MLP -----------------------------------------------------------------------------------------


def test_mlp_is_the_network_of_the_scaled_point(getkey):
    f = net(getkey(), 2, 3, support=([0.0, 1.0], [2.0, 5.0]))
    np.testing.assert_allclose(f(jnp.asarray([0.0, 5.0])), f.net(jnp.asarray([-1.0, 1.0])))
    same = net(getkey(), 2, support=(0.0, 2.0))
    np.testing.assert_allclose(same(jnp.asarray([1.0, 1.0])), same.net(jnp.zeros(2)), atol=1e-14)
    bare = net(getkey(), support=None)
    np.testing.assert_allclose(bare(0.3), bare.net(jnp.asarray(0.3)))
    # Only weights are numbers to train.
    outside = eqx.filter(eqx.tree_at(lambda g: g.support, f, None), eqx.is_inexact_array)
    assert len(jax.tree.leaves(outside)) == 6


@pytest.mark.parametrize("spread", (1.0, 1.4, 5.0))
def test_spread_is_the_range_of_the_hidden_weights(spread, getkey):
    f = net(getkey(), 3, width=400, spread=spread)
    first, second, last = f.net.layers
    for layer, fan_in, scale in ((first, 3, spread), (second, 400, spread), (last, 400, 1.0)):
        bound = scale / np.sqrt(fan_in)
        for leaf in (layer.weight, layer.bias):
            assert np.abs(leaf).max() <= bound
        assert np.abs(layer.weight).max() > 0.97 * bound
        assert np.asarray(layer.weight).std() == pytest.approx(bound / np.sqrt(3), rel=0.06)


def test_mlp_under_vmap_is_mlp_in_a_loop(getkey):
    keys = jr.split(getkey(), 3)
    values = eqx.filter_vmap(lambda key: net(key)(0.3))(keys)
    np.testing.assert_allclose(values, [net(key)(0.3) for key in keys], rtol=1e-13)
    ends = jnp.asarray([1.0, 2.0])
    key = getkey()
    values = jax.vmap(lambda hi: net(key, support=(0.0, hi))(0.3))(ends)
    np.testing.assert_allclose(values[1], net(key, support=(0.0, 2.0))(0.3), rtol=1e-13)


def test_mlp_in_float32(getkey):
    f = net(getkey(), dtype=jnp.float32)
    assert all(
        leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(eqx.filter(f.net, eqx.is_array))
    )
    assert f(0.3).dtype == jnp.float32
    assert jax.grad(f)(jnp.asarray(0.3, jnp.float32)).dtype == jnp.float32


def features(f):
    """What the last layer combines: hidden units, and 1."""
    depth = f.net.depth

    def hidden(x):
        t = f.support.value
        h = (2 * x - t[0] - t[1]) / (t[1] - t[0])
        h = jnp.broadcast_to(h, (1,)) if jnp.ndim(h) == 0 else h
        for layer in f.net.layers[:depth]:
            h = jnp.tanh(layer.weight @ h + layer.bias)
        return jnp.concatenate([h, jnp.ones(1)])

    return hidden


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("end, order", [(2.0, 1), (2 * np.pi, 2)])
def test_the_last_layer_alone_reaches_rounding(seed, end, order):
    # f' = -f and f'' = -f by least squares over the last layer, conditions held by f = ... + x^k n.
    f = net(jr.key(seed), width=32, support=(0.0, end))
    phi = features(f)
    start = (lambda x: 1.0 + 0.0 * x) if order == 1 else (lambda x: 1.0 * x)
    functions = lambda x: x**order * phi(x)
    highest = functions
    for _ in range(order):
        highest = jax.jacfwd(highest)
    nodes, weights = np.polynomial.legendre.leggauss(100)
    x, w = (nodes + 1) * end / 2, np.sqrt(weights / 2)[:, None]
    matrix = np.asarray(jax.jit(jax.vmap(lambda y: highest(y) + functions(y)))(x)) * w
    right = -start(x)[:, None] * w
    q, r = np.linalg.qr(matrix)
    c = np.linalg.solve(r, q.T @ right)
    c = c + np.linalg.solve(r, q.T @ (right - matrix @ c))
    fresh = np.linspace(0.0, end, 1001)
    got = start(fresh) + np.asarray(jax.jit(jax.vmap(functions))(fresh) @ c)[:, 0]
    exact = np.exp(-fresh) if order == 1 else np.sin(fresh)
    assert np.abs(got - exact).max() <= 1e-11


def test_bad_networks_are_explained(getkey):
    with pytest.raises(ValueError, match="lo < hi"):
        net(getkey(), support=(1.0, 0.0))
    with pytest.raises(ValueError, match="finite"):
        net(getkey(), support=(-np.inf, 0.0))
    with pytest.raises(ValueError, match="shaped like x"):
        net(getkey(), 2, support=(jnp.zeros(3), jnp.ones(3)))
    with pytest.raises(ValueError, match="pair"):
        net(getkey(), support=1.0)
    with pytest.raises(ValueError, match="`activation`"):
        net(getkey(), activation=eqx.nn.PReLU())
