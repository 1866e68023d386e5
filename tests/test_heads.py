"""Constraints by construction hold for every theta, and what holds them can be solved for."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def wild(f, key, scale=10.0):
    """f with every number that trains drawn anew, and far from small."""
    leaves, structure = jax.tree.flatten(f, is_leaf=lambda n: isinstance(n, fe.Frozen))
    keys = jr.split(key, len(leaves))
    drawn = [
        scale * jr.normal(k, leaf.shape, leaf.dtype) if eqx.is_inexact_array(leaf) else leaf
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(structure, drawn)


def series(degree=5, **options):
    # a basis is not theta: frozen here, so that `wild` leaves its domain alone
    return fe.Series(fe.Chebyshev(degree, (-1.0, 1.0)), **options)


def with_coefficients(f, key, scale):
    new = scale * jr.normal(key, f.g.coefficients.shape, f.g.coefficients.dtype)
    return eqx.tree_at(lambda h: h.g.coefficients, f, new)


X = jnp.linspace(-1.0, 1.0, 201)


def test_positive_is_positive(getkey):
    f = with_coefficients(fe.Positive(series(), start=0.3), getkey(), 20.0)
    assert np.all(np.asarray(jax.vmap(f)(X)) > 0)
    np.testing.assert_allclose(fe.Positive(series(), start=0.3)(0.2), 0.3, rtol=1e-15)


@pytest.mark.parametrize("low, high", [(0.1, 0.3), (-7.3, 1e6), (1e-12, 1.0)])
def test_bounded_stays_between_its_bounds_to_the_last_digit(low, high):
    def values(scale, seed):
        return jax.vmap(with_coefficients(fe.Bounded(series(), low, high), jr.key(seed), scale))(X)

    f = np.asarray(jax.jit(jax.vmap(values))(jnp.tile(jnp.array([1.0, 1e3]), 20), jnp.arange(40)))
    assert np.all(f >= low) and np.all(f <= high)
    assert np.all((f[::2] > low) & (f[::2] < high))
    assert np.any(f[1::2] == low) and np.any(f[1::2] == high)


def test_bounds_may_depend_on_the_point():
    f = fe.Bounded(series(start=1.0), lambda x: x - 1.0, lambda x: x**2 + 1.0)
    s = 1 / (1 + np.exp(-1.0))
    np.testing.assert_allclose(
        jax.vmap(f)(X), (X - 1.0) * (1 - s) + (X**2 + 1.0) * s, rtol=1e-14, atol=1e-14
    )


def test_heads_start_where_they_are_told():
    np.testing.assert_allclose(fe.Bounded(series())(0.1), 0.5, rtol=1e-15)
    np.testing.assert_allclose(fe.Bounded(series(), start=0.03)(0.1), 0.03, rtol=1e-14)
    np.testing.assert_allclose(fe.Bounded(series(), 2.0, 5.0, start=4.5)(0.1), 4.5, rtol=1e-14)
    f = fe.Bounded(series(), 0.0, lambda x: 3.0 + x, start=lambda x: 1.0 + x)
    np.testing.assert_allclose(f(0.1), 1.1, rtol=1e-14)
    np.testing.assert_allclose(fe.Positive(series(), start=lambda x: 2.0 + x)(0.1), 2.1, rtol=1e-15)
    vector = fe.Bounded(series(out_size=3), start=jnp.array([0.1, 0.2, 0.9]))
    np.testing.assert_allclose(vector(0.4), [0.1, 0.2, 0.9], rtol=1e-14)


def test_derivatives_of_heads_are_those_of_finite_differences(getkey):
    for head in (fe.Positive(series(), start=0.7), fe.Bounded(series(), -1.0, lambda x: 2.0 + x)):
        f = with_coefficients(head, getkey(), 1.0)
        for x in (-0.7, 0.0, 0.9):
            h = 1e-4
            slope = (f(x + h) - f(x - h)) / (2 * h)
            bend = (f(x + h) - 2 * f(x) + f(x - h)) / h**2
            np.testing.assert_allclose(jax.grad(f)(x), slope, rtol=1e-6, atol=1e-7)
            np.testing.assert_allclose(fe.derivative(f, 2)(x), bend, rtol=1e-5, atol=1e-5)


def test_what_is_given_to_heads_never_trains(getkey):
    net = fe.MLP("scalar", "scalar", width=4, depth=1, support=(-1.0, 1.0), key=getkey())
    f = fe.Bounded(series(), jnp.asarray(-1.0), lambda x: 3.0 + net(x), start=jnp.asarray(0.5))
    solution = fe.fit(f, lambda x: 0.2 * x, fe.Uniform(-1.0, 1.0))
    assert int(solution.stats["unknowns"]) == 6
    np.testing.assert_array_equal(solution.value.low.value, f.low.value)


def test_a_series_in_a_head_keeps_newton():
    """f' = f, f(0) = 1, by g = x: a handful of steps to rounding, as for a series."""
    ode = lambda f, x: jax.grad(f)(x) - f(x)
    start = lambda f, x: f(x) - 1.0
    risk = fe.Risk(ode, fe.Uniform(-1.0, 1.0)) + fe.Risk(start, fe.Dirac(0.0))
    solution = fe.solve(risk.quadrature(12), fe.Positive(series(), start=2.0))
    assert int(solution.stats["steps"]) <= 10
    assert np.max(np.abs(jax.vmap(solution.value)(X) - np.exp(X))) < 1e-13
    share = fe.fit(fe.Bounded(series(24)), lambda x: 0.5 + 0.4 * jnp.sin(x), fe.Uniform(-1.0, 1.0))
    assert int(share.stats["steps"]) <= 12
    assert np.max(np.abs(jax.vmap(share.value)(X) - (0.5 + 0.4 * np.sin(X)))) < 1e-12


def test_solves_differentiate_in_bounds():
    """argmin |f - 1|^2 with f = high s(g): s = 1 / high at the start of g, whatever high is."""

    def share(high):
        f = fe.Bounded(series(2), 0.0, high)
        solution = fe.fit(f, lambda x: 1.0 + 0.0 * x, fe.Uniform(-1.0, 1.0).quadrature(4))
        return jax.nn.sigmoid(solution.value.g(0.3))

    np.testing.assert_allclose(share(3.0), 1 / 3, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(share)(3.0), -1 / 9, rtol=1e-9)


def test_heads_in_float32(getkey):
    single = {"dtype": jnp.float32}
    x = jnp.asarray(0.2, jnp.float32)
    for f in (
        fe.Positive(series(**single), start=0.3),
        fe.Bounded(series(**single), 0.1, lambda x: 1.0 + x, start=0.3),
        fe.Monotone("scalar", width=4, depth=2, support=(0.0, 1.0), key=getkey(), **single),
        fe.Concave(
            "scalar", width=4, depth=2, direction=1, support=(0.0, 1.0), key=getkey(), **single
        ),
    ):
        assert f(x).dtype == jax.grad(f)(x).dtype == jnp.float32
        many = jax.vmap(lambda x: f(x))(jnp.stack([x, x]))
        np.testing.assert_allclose(many, [f(x), f(x)], rtol=1e-6)


def test_bad_heads_are_explained():
    with pytest.raises(ValueError, match="`start` of Positive must be positive"):
        fe.Positive(series(), start=0.0)
    with pytest.raises(ValueError, match="must lie below `high`"):
        fe.Bounded(series(), 1.0, 0.0)
    with pytest.raises(ValueError, match="`start` of Bounded must lie below `high`"):
        fe.Bounded(series(), start=1.0)
    with pytest.raises(ValueError, match="must be finite"):
        fe.Bounded(series(), 0.0, jnp.inf)
    with pytest.raises(ValueError, match="`g` of Bounded must be a function"):
        fe.Bounded(0.3)
    with pytest.raises(ValueError, match="`high` must be a real number"):
        fe.Bounded(series(), 0.0, "one")
    with pytest.raises(ValueError, match="does not fit"):
        fe.Bounded(series(), 0.0, jnp.ones(2))(0.1)


# -- networks of a shape -------------------------------------------------------------------------

BOX = (np.array([0.0, -1.0, 2.0]), np.array([1.0, 3.0, 4.0]))
SIZES = {"width": 6, "depth": 2, "support": BOX}


def points(n, seed):
    """Points of the box and around it."""
    u = np.random.default_rng(seed).uniform(-0.5, 1.5, (n, 3))
    return BOX[0] + (BOX[1] - BOX[0]) * u


def at_many_thetas(f, function, *batches):
    """`function(f, *points)` at each point, for small and for wild weights."""
    keys = jr.split(jr.key(11), 16)

    @eqx.filter_jit
    def values(f, scale):
        one = lambda key: jax.vmap(lambda *x: function(wild(f, key, scale), *x))(*batches)
        return jax.vmap(one)(keys)

    return np.concatenate([np.asarray(values(f, jnp.asarray(scale))) for scale in (1.0, 6.0)])


@pytest.mark.slow
@pytest.mark.parametrize("direction", [(1, 1, 1), (1, -1, 0)])
def test_monotone_networks_rise_and_fall(direction, getkey):
    f = fe.Monotone(3, direction=direction, key=getkey(), **SIZES)
    slopes = at_many_thetas(f, lambda f, x: jax.grad(f)(x), points(50, 1))
    for i, sign in enumerate(direction):
        assert sign == 0 or np.all(sign * slopes[..., i] >= 0)
        assert sign != 0 or slopes[..., i].min() < 0 < slopes[..., i].max()
    x = points(50, 2)
    further = x + np.array(direction) * np.random.default_rng(3).uniform(size=x.shape)
    low, high = at_many_thetas(f, lambda f, *pair: jnp.stack([f(x) for x in pair]), x, further).T
    assert np.all(high >= low - 1e-13 * np.abs(low))


@pytest.mark.slow
@pytest.mark.parametrize("coordinates, direction", [(None, 0), ((0, 2), (1, -1))])
def test_concave_networks_bend_down(coordinates, direction, getkey):
    f = fe.Concave(3, coordinates=coordinates, direction=direction, key=getkey(), **SIZES)
    chosen = list(coordinates or range(3))
    # along every chord in the coordinates asked for, the others held
    a, b = points(50, 1), points(50, 1)
    b[:, chosen] = points(50, 2)[:, chosen]
    w = np.random.default_rng(3).uniform(size=50)
    three = lambda f, *x: jnp.stack([f(x) for x in x])
    between = w[:, None] * a + (1 - w[:, None]) * b
    at_a, at_b, at_w = np.moveaxis(at_many_thetas(f, three, a, b, between), -1, 0)
    rounding = 1e-13 * (1 + np.abs(at_a) + np.abs(at_b))
    assert np.all(at_w >= w * at_a + (1 - w) * at_b - rounding)
    slopes_and_bends = lambda f, x: jnp.column_stack([jax.grad(f)(x), jax.hessian(f)(x)])
    both = at_many_thetas(f, slopes_and_bends, a)
    slopes, bends = both[..., 0], both[..., 1:]
    bends = bends[..., chosen, :][..., chosen]
    assert np.all(np.linalg.eigvalsh(bends)[..., -1] <= 1e-13 * (1 + np.abs(bends).max((2, 3))))
    if direction:
        assert np.all(slopes[..., 0] >= 0) and np.all(slopes[..., 2] <= 0)
        # nothing is asked of the other coordinate, and nothing holds
        assert slopes[..., 1].min() < 0 < slopes[..., 1].max()


def error(f, target, low, high):
    x = jnp.linspace(low, high, 1_001)
    return float(jnp.max(jnp.abs(jax.vmap(f)(x) - jax.vmap(target)(x))))


def test_shapes_are_fitted():
    """A small network and few steps; that 1e-6 is reached is a slow test."""
    for kind in (fe.Concave, fe.Monotone):
        f = kind("scalar", width=8, depth=1, support=(0.2, 2.0), key=jr.key(0))
        p = fe.Uniform(0.2, 2.0).quadrature(40)
        f = fe.fit(f, jnp.log, p, fe.LevenbergMarquardt(max_steps=60)).value
        assert error(f, jnp.log, 0.2, 2.0) <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("direction", [0, 1])
@pytest.mark.parametrize("target", [jnp.log, lambda x: x**0.3], ids=["log", "power"])
def test_concave_functions_are_fitted_by_every_seed(target, direction, seed):
    f = fe.Concave(
        "scalar", width=16, depth=2, direction=direction, support=(0.2, 2.0), key=jr.key(seed)
    )
    p = fe.Uniform(0.2, 2.0).quadrature(100)
    f = fe.fit(f, target, p, fe.LevenbergMarquardt(max_steps=300)).value
    assert error(f, target, 0.2, 2.0) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_monotone_functions_are_fitted_by_every_seed(seed):
    target = lambda x: jnp.tanh(3.0 * (x - 1.2)) + 0.2 * x
    f = fe.Monotone("scalar", width=8, depth=2, support=(0.2, 2.0), key=jr.key(seed))
    p = fe.Uniform(0.2, 2.0).quadrature(100)
    f = fe.fit(f, target, p, fe.LevenbergMarquardt(max_steps=300)).value
    assert error(f, target, 0.2, 2.0) <= 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_functions_concave_in_one_coordinate_are_fitted(seed):
    target = lambda x: jnp.exp(x[1]) * jnp.log(x[0]) + jnp.sin(3 * x[1])
    corners = ([0.5, -0.3], [2.0, 0.3])
    f = fe.Concave(
        2, width=12, depth=2, coordinates=(0,), direction=1, support=corners, key=jr.key(seed)
    )
    p = fe.Uniform(*corners)
    f = fe.fit(f, target, p.quadrature(14), fe.LevenbergMarquardt(max_steps=300)).value
    x = p.sample(2_000, key=jr.key(9))
    assert float(jnp.max(jnp.abs(jax.vmap(f)(x) - jax.vmap(target)(x)))) <= 2e-6


def test_bad_shapes_are_explained(getkey):
    sizes = {"width": 4, "depth": 1, "key": getkey()}
    with pytest.raises(ValueError, match="asks for nothing"):
        fe.Monotone(2, direction=0, **sizes)
    with pytest.raises(ValueError, match="`direction` must be"):
        fe.Monotone(2, direction=(1, 1, 1), **sizes)
    with pytest.raises(ValueError, match="`coordinates` of Concave"):
        fe.Concave(2, coordinates=(2,), **sizes)
    with pytest.raises(ValueError, match="`depth` of Concave must be a whole number of at least 1"):
        fe.Concave(2, width=4, depth=0, key=getkey())


# -- networks that start at a constant -----------------------------------------------------------


def test_a_network_starts_at_a_constant(getkey):
    options = {"width": 8, "depth": 2, "support": (-1.0, 1.0)}
    f = fe.MLP("scalar", "scalar", start=0.7, key=getkey(), **options)
    np.testing.assert_array_equal(jax.vmap(f)(X), np.full(201, 0.7))
    g = fe.MLP("scalar", 2, start=[0.1, -3.0], key=getkey(), **options)
    np.testing.assert_array_equal(g(0.3), [0.1, -3.0])
    # the hidden layers are those of the network without a start
    key = getkey()
    plain, started = (fe.MLP("scalar", "scalar", start=s, key=key, **options) for s in (None, 1.0))
    np.testing.assert_array_equal(plain.net.layers[1].weight, started.net.layers[1].weight)
    solution = fe.fit(started, jnp.sin, fe.Uniform(-1.0, 1.0).quadrature(40))
    assert error(solution.value, jnp.sin, -1.0, 1.0) < 1e-6
    with pytest.raises(ValueError, match="`start` must be a number or have the shape"):
        fe.MLP("scalar", 2, start=[1.0, 2.0, 3.0], key=getkey(), **options)


def test_a_start_may_be_traced(getkey):
    key = getkey()
    value = lambda s: fe.MLP("scalar", "scalar", width=4, depth=1, start=s, key=key)(0.3)
    np.testing.assert_allclose(jax.vmap(value)(jnp.array([0.5, 2.0])), [0.5, 2.0])
    np.testing.assert_allclose(jax.grad(value)(0.5), 1.0)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_shares_sum_to_one_to_the_last_digit(n):
    def values(scale, seed):
        f = fe.Shares(series(out_size=n - 1))
        return jax.vmap(with_coefficients(f, jr.key(seed), scale))(X)

    scales = jnp.tile(jnp.array([0.1, 3.0, 1e3]), 4)
    f = np.asarray(jax.jit(jax.vmap(values))(scales, jnp.arange(12)))
    assert f.shape[-1] == n and np.all((f >= 0) & (f <= 1))
    largest = f.max(axis=-1)
    others = np.sum(np.sort(f, axis=-1)[..., :-1], axis=-1)
    assert np.abs(largest + others - 1).max() <= 2**-52


def test_shares_are_the_softmax_and_start_where_they_are_told(getkey):
    g = with_coefficients(fe.Positive(series(out_size=2)), getkey(), 2.0).g
    start = np.array([0.7, 0.2, 0.1])
    found = jax.vmap(fe.Shares(g, start=start))(X)
    odds = start * np.exp(np.concatenate([jax.vmap(g)(X), np.zeros((X.size, 1))], axis=1))
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(fe.Shares(series(out_size=2), start=start)(0.3), start, rtol=1e-14)
    np.testing.assert_allclose(fe.Shares(series())(0.3), [0.5, 0.5], rtol=1e-15)
    moving = fe.Shares(series(), start=lambda x: jnp.stack([x**2, 1 - x**2]))
    np.testing.assert_allclose(moving(0.3), [0.09, 0.91], rtol=1e-14)


def test_shares_have_the_derivatives_of_the_softmax():
    at = jnp.array([0.3, -1.2, 0.8])
    ours = jax.jacfwd(lambda g: fe.Shares(lambda x: g)(0.0))(at)
    theirs = jax.jacfwd(lambda g: jax.nn.softmax(jnp.concatenate([g, jnp.zeros(1)])))(at)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_shares_of_another_number_are_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\), and there are 2 shares"):
        fe.Shares(series(), start=(0.2, 0.3, 0.5))(0.1)
    with pytest.raises(ValueError, match="must return a vector"):
        fe.Shares(lambda x: jnp.zeros((2, 2)))(0.1)


def test_a_budget_is_divided():
    """max of sum_i a_i(x) log s_i, sum_i s_i = 1: the shares are a_i over their sum."""
    a = lambda x: jnp.stack([jnp.exp(x), jnp.ones_like(x), jnp.exp(jnp.sin(3 * x))])

    def first_order(f, x):
        marginal = a(x) / f(x)
        return marginal[:2] / marginal[2] - 1

    f = fe.Shares(fe.Series(fe.Chebyshev(24, (-1.0, 1.0)), 2))
    sol = fe.solve(fe.Risk(first_order, fe.Uniform(-1.0, 1.0)).quadrature(30), f)
    exact = jax.vmap(lambda x: a(x) / a(x).sum())(X)
    assert sol.solved
    np.testing.assert_allclose(jax.vmap(sol.value)(X), exact, atol=1e-13)
