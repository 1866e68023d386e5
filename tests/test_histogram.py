"""Stationary distributions of policies, against closed forms, NumPy and finite differences."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


RHO, SIGMA = 0.8973, 0.1
SPREAD = SIGMA / np.sqrt(1 - RHO**2)
SHOCK = fe.Normal(0.0, SIGMA).quadrature(15)


def autoregression(f, x, e):
    return f * x + e


def line(n):
    return fe.Histogram(autoregression, np.linspace(-7 * SPREAD, 7 * SPREAD, n), shock=SHOCK)


def variance(rho, n=201):
    return fe.expectation(lambda x: x**2, line(n).given(rho).stationary)


def test_an_autoregression_in_three_ways():
    """Its law is normal: by a histogram, at its rate; by simulation; by a density in a basis."""
    errors = [float(variance(jnp.asarray(RHO), n)) / SPREAD**2 - 1 for n in (101, 201, 401)]
    rates = np.log2(np.array(errors[:-1]) / errors[1:])
    np.testing.assert_allclose(rates, 2, atol=0.1)
    path = fe.Ergodic(autoregression, fe.Dirac(0.0), SHOCK, periods=40_000, burn_in=500)
    draws = path.given(jnp.asarray(RHO)).sample(39_500, key=jr.key(0))
    assert np.var(draws) == pytest.approx(SPREAD**2, rel=0.05)

    box = fe.Uniform(-7 * SPREAD, 7 * SPREAD)
    rule = box.quadrature(80)

    def forward(g, x):
        kernel = lambda x0: g(x0) * jnp.exp(-(((x - RHO * x0) / SIGMA) ** 2) / 2)
        length = 14 * SPREAD
        return g(x) - length / (SIGMA * np.sqrt(2 * np.pi)) * fe.expectation(kernel, rule)

    def mass(g):
        return 14 * SPREAD * fe.expectation(g, rule) - 1

    g = fe.Series(fe.Chebyshev(60, box.support))
    g = fe.solve((fe.Risk(forward, box) + fe.Risk(mass)).quadrature(80), g).value
    second = 14 * SPREAD * fe.expectation(lambda x: x**2 * g(x), rule)
    assert float(second) == pytest.approx(SPREAD**2, rel=1e-9)


def test_derivatives_in_the_policy():
    step, at = 1e-6, jnp.asarray(RHO)
    numeric = (variance(at + step) - variance(at - step)) / (2 * step)
    for by in (jax.grad, lambda f: jax.jit(jax.jacfwd(f))):
        np.testing.assert_allclose(by(variance)(at), numeric, rtol=1e-6)
    both = jax.vmap(variance)(jnp.asarray([0.5, RHO]))
    np.testing.assert_allclose(both, [variance(jnp.asarray(0.5)), variance(at)], rtol=1e-11)


@pytest.mark.parametrize("f", [0.0, 2.0, 2.3, 7.0])
def test_derivatives_where_all_mass_moves_to_nodes(f):
    """x' = f + e: the mean is f + E e, on the nodes, between them and at both ends."""
    e = fe.Empirical(np.array([0.0, 1.0, 3.0]), np.array([0.2, 0.5, 0.3]))

    def mean(f):
        q = (
            fe.Histogram(lambda f, x, e: f + e + 0 * x, np.arange(11.0), shock=e)
            .given(f)
            .stationary
        )
        return fe.expectation(lambda x: x, q)

    value, slope = jax.value_and_grad(mean)(jnp.asarray(f))
    assert float(value) == pytest.approx(f + 1.4, rel=1e-12)
    assert float(slope) == pytest.approx(1.0, rel=1e-12)
    assert float(jax.jvp(mean, (jnp.asarray(f),), (1.0,))[1]) == pytest.approx(1.0, rel=1e-12)


def test_the_derivative_of_a_mean_is_that_of_the_lognormal():
    """log k' = s + a log k + e, on nodes to which a share of the others lead exactly."""
    a, spread = 0.36, 0.2 / np.sqrt(1 - 0.36**2)
    shock, s = fe.Normal(0.0, 0.2).quadrature(9), np.log(0.3)
    nodes = s / (1 - a) + 7 * spread * np.linspace(-1, 1, 801)

    def capital(s):
        law = fe.Histogram(lambda s, x, e: s + a * x + e, nodes, shock=shock)
        return fe.expectation(jnp.exp, law.given(s).stationary)

    exact = np.exp(s / (1 - a) + spread**2 / 2)
    value, slope = jax.value_and_grad(capital)(jnp.asarray(s))
    assert abs(float(value) / exact - 1) < 1e-5
    assert abs(float(slope) * (1 - a) / exact - 1) < 5e-5


# Savers who keep a share of cash: x' = s (R x + y_i), with the same nodes in NumPy.
CHAIN = fe.rouwenhorst(3, 0.7, 0.3)
NODES = 12 * np.linspace(0, 1, 90) ** 2


def saved(f, x, i, R):
    return jnp.maximum(f * (R * x + jnp.exp(CHAIN.grid[i])) - 0.5, 0.0)


def saver(share, R=1.02, nodes=NODES):
    return fe.Histogram(saved, nodes, CHAIN, args=(R,)).given(jnp.asarray(share))


def transition_matrix(share, R):
    """T[from, to], pairs (i, node) in the order of states."""
    p, y = np.asarray(CHAIN.transition), np.exp(np.asarray(CHAIN.grid))
    n = NODES.size
    t = np.zeros((3 * n, 3 * n))
    for i in range(3):
        for k, x in enumerate(NODES):
            x1 = max(share * (R * x + y[i]) - 0.5, 0.0)
            weights = np.array([np.interp(x1, NODES, row) for row in np.eye(n)])
            t[i * n + k] = np.concatenate([p[i, j] * weights for j in range(3)])
    return t


def test_the_eigenvector_and_a_period_are_those_of_the_matrix():
    t = transition_matrix(0.75, 1.02)
    system = np.vstack([t.T - np.eye(t.shape[0]), np.ones(t.shape[0])])
    theirs = np.linalg.lstsq(system, np.eye(t.shape[0] + 1)[-1], rcond=None)[0]
    households = saver(0.75)
    ours = households.stationary
    np.testing.assert_allclose(ours.weights, theirs, atol=1e-12)
    assert theirs[0] > 0.01  # a mass at the limit
    np.testing.assert_allclose(ours.points[0], np.tile(NODES, 3))
    np.testing.assert_array_equal(ours.points[1], np.repeat(np.arange(3), 90))
    np.testing.assert_allclose(households.after(ours).weights, theirs, atol=1e-12)
    other = saver(0.7).after(ours)
    np.testing.assert_allclose(
        other.weights, theirs @ transition_matrix(0.7, 1.02), rtol=0, atol=1e-12
    )
    drawn = households.sample(1_000, key=jr.key(0))
    assert drawn[0].shape == (1_000,) and set(np.asarray(drawn[1])) == {0, 1, 2}
    assert households.quadrature(5).size == households.empirical(9, key=jr.key(0)).size == 270


def test_a_slow_chain_on_many_nodes():
    """Wealth that hardly returns: powers of the matrix would take thousands of steps."""
    nodes = 300 * np.linspace(0, 1, 800) ** 2
    p = fe.Histogram(saved, nodes, CHAIN, args=(1.0,)).given(jnp.asarray(0.985))
    q = p.stationary
    np.testing.assert_allclose(p.after(q).weights, q.weights, atol=1e-13)
    # the mean is linear in the mean, where the limit does not bind
    mean = float(fe.expectation(lambda x: x[0], q))
    income = float(fe.expectation(lambda i: jnp.exp(CHAIN.grid[i]), CHAIN.stationary))
    assert mean == pytest.approx((0.985 * income - 0.5) / 0.015, rel=1e-8)


def test_points_of_a_risk_where_households_stay():
    def residual(f, x):
        return f - x[0]

    risk = fe.Risk(residual, saver(0.75)).given(jnp.asarray(0.75)).quadrature(1)
    q = saver(0.75).stationary
    expected = np.sum(np.asarray(q.weights) * (0.75 - np.asarray(q.points[0])) ** 2)
    assert float(risk(jnp.asarray(0.75))) == pytest.approx(expected)


@pytest.mark.slow
def test_a_histogram_in_float32():
    with jax.enable_x64(False):
        v = variance(jnp.asarray(RHO, jnp.float32))
        assert v.dtype == jnp.float32 and abs(float(v) / SPREAD**2 - 1) < 5e-3


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"`nodes` of `Histogram` do not hold"):
        _ = saver(0.97, nodes=np.linspace(0, 2, 50)).stationary
    with pytest.raises(ValueError, match=r"depends on f: call `\.given"):
        _ = line(11).stationary
    with pytest.raises(ValueError, match="no stationary distribution that could be found"):
        _ = line(11).given(jnp.asarray(jnp.nan)).stationary
    with pytest.raises(ValueError, match=r"`nodes` must rise"):
        fe.Histogram(saved, [1.0, 0.0, 2.0])
    with pytest.raises(ValueError, match=r"`nodes` must be at least three"):
        fe.Histogram(saved, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"`chain` must be an `fe\.MarkovChain`"):
        fe.Histogram(saved, NODES, SHOCK)
    with pytest.raises(ValueError, match="must have finitely many values"):
        fe.Histogram(saved, NODES, shock=fe.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="must return the next x, a number; got shape"):
        _ = fe.Histogram(lambda f, x: jnp.stack([x, x]), NODES).given(1.0).stationary
    with pytest.raises(ValueError, match=r"`today` must be a distribution on the 270 points"):
        saver(0.75).after(SHOCK)
    with pytest.raises(ValueError, match=r"`step` must be a function"):
        fe.Histogram(1.0, NODES)
    with pytest.raises(ValueError, match=r"`args` must be a tuple"):
        fe.Histogram(saved, NODES, args=1.0)


def test_it_says_what_it_is():
    text = repr(saver(0.75))
    assert text.startswith("Histogram(saved, 90 nodes") and "3 states" in text
