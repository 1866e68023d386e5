"""Ensembles, whose spread has a closed form where f is linear in theta, and pruned networks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


SIGMA, N, DEGREE = 0.3, 60, 3
SERIES = fe.Series(fe.Chebyshev(DEGREE, (-1.0, 1.0)))
X = np.linspace(-1.0, 1.0, N)
POINTS = np.linspace(-0.9, 0.9, 7)


def truth(x):
    return 1.0 + x - 2.0 * x**3


def bootstrapped(x, y, key, size=60):
    """Members of resampled observations."""

    def one(key):
        chosen = jr.randint(key, (N,), 0, N)
        data = fe.Data(jnp.asarray(x)[chosen], jnp.asarray(y)[chosen])
        risk = fe.Risk(lambda f, x, y: f(x) - y, data, tolerance=np.inf)
        return fe.solve(risk, SERIES, fe.LinearLeastSquares()).value

    return fe.Ensemble(jax.vmap(one)(jr.split(key, size)))


def test_the_spread_is_the_standard_error_of_least_squares_and_covers():
    """sigma^2 a(x)' (A'A)^-1 a(x), over 100 samples; two of it cover f in about 95 of 100."""
    keys = jr.split(jr.key(0), 100)
    noise = jax.vmap(lambda key: SIGMA * jr.normal(key, (N,)))(keys)

    @jax.jit
    @jax.vmap
    def found(e, key):
        ensemble = bootstrapped(X, truth(X) + e, key, 40)
        middle = jax.vmap(ensemble)(POINTS)
        return middle, jax.vmap(ensemble.spread)(POINTS)

    middle, spread = map(np.asarray, found(noise, keys))
    design = np.polynomial.chebyshev.chebvander(X, DEGREE)
    rows = np.polynomial.chebyshev.chebvander(POINTS, DEGREE)
    exact = SIGMA * np.sqrt(np.einsum("ij,jk,ik->i", rows, np.linalg.inv(design.T @ design), rows))
    np.testing.assert_allclose(spread.mean(axis=0), exact, rtol=0.1)
    covered = np.mean(np.abs(middle - truth(POINTS)) <= 2 * spread)
    assert 0.88 <= covered <= 0.98


def test_members_as_a_list_and_as_a_stack():
    a, b = (eqx.tree_at(lambda f: f.coefficients, SERIES, jnp.full(4, c)) for c in (1.0, 3.0))
    ensemble = fe.Ensemble([a, b])
    assert len(ensemble) == 2 and float(ensemble(0.3)) == pytest.approx(2 * float(a(0.3)))
    assert float(ensemble.spread(0.3)) == pytest.approx(np.sqrt(2) * abs(float(a(0.3))))
    np.testing.assert_allclose(ensemble[-1].coefficients, b.coefficients)
    np.testing.assert_allclose(ensemble.each(lambda f: f.coefficients[0]), [1.0, 3.0])
    stack = jax.vmap(lambda c: eqx.tree_at(lambda f: f.coefficients, SERIES, c))(jnp.ones((3, 4)))
    assert float(fe.Ensemble(stack).spread(0.1)) == 0.0
    assert float(fe.Ensemble([a]).spread(0.1)) == 0.0
    assert repr(ensemble) == "Ensemble(2 members, Series)"
    for wrong, words in (
        ([], "is empty"),
        ([a, fe.Linear(3)], "of one structure"),
        ([1.0], "a list"),
    ):
        with pytest.raises(ValueError, match=words):
            fe.Ensemble(wrong)


def ode(f, x):
    return jax.grad(f)(x) + f(x)


EQUATION = fe.Risk(ode, fe.Uniform(0.0, 1.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))


def start_of(width, depth=1):
    support = (0.0, 1.0)
    return lambda key: fe.MLP(
        "scalar", "scalar", width=width, depth=depth, support=support, key=key
    )


def test_starts_of_a_regression_are_kept_and_their_spread_grows_outside():
    network = lambda key: fe.MLP("scalar", "scalar", width=4, depth=1, key=key)
    risk = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(X, truth(X)), tolerance=np.inf)
    solver = fe.MultiStart(network, fe.LevenbergMarquardt(max_steps=20), starts=3, keep=True)
    found = fe.solve(risk, network(jr.key(0)), solver, key=jr.key(1))
    assert bool(found.solved) and len(found.value) == 4
    assert float(found.risk) == pytest.approx(float(risk(found.value)))
    assert float(found.value.spread(3.0)) > 3 * float(found.value.spread(0.0))


@pytest.mark.slow
def test_several_starts_are_kept_and_judged():
    network = start_of(4)
    solver = fe.MultiStart(network, keep=True, starts=2)
    found = fe.solve(
        EQUATION.quadrature(16), network(jr.key(0)), solver, key=jr.key(1), throw=False
    )
    ensemble = found.value
    assert isinstance(ensemble, fe.Ensemble) and len(ensemble) <= 3
    x = np.linspace(0, 1, 11)
    np.testing.assert_allclose(jax.vmap(ensemble)(x), np.exp(-x), atol=1e-3)
    report = fe.RiskReport(ensemble, test=EQUATION.quadrature(20), exact=lambda x: jnp.exp(-x))
    error = np.max(np.abs(jax.vmap(ensemble)(x) - np.exp(-x)))
    assert report.error.relative == pytest.approx(error, rel=5)
    with pytest.raises(ValueError, match="inside jit"):
        jax.jit(lambda key: fe.solve(EQUATION.quadrature(8), network(key), solver, key=key).risk)(
            jr.key(0)
        )


def test_pruning_keeps_the_largest_weights():
    net = start_of(8, 2)(jr.key(0))
    pruned = fe.prune(net, 0.25)
    for before, after in zip(net.net.layers, pruned.full.net.layers, strict=True):
        weights, kept = np.abs(before.weight).ravel(), np.asarray(after.weight).ravel() != 0
        assert kept.sum() == max(1, round(0.25 * weights.size))
        assert weights[kept].min() >= weights[~kept].max()
        np.testing.assert_array_equal(before.bias, after.bias)
    again = fe.prune(pruned, 0.5)
    assert set(np.flatnonzero(again.full.net.layers[1].weight)) <= set(
        np.flatnonzero(pruned.full.net.layers[1].weight)
    )
    other = start_of(8, 2)(jr.key(1))
    rewound = fe.prune(net, 0.25, start=other).full.net.layers[1].weight
    alive = np.asarray(rewound) != 0
    np.testing.assert_array_equal(rewound[alive], other.net.layers[1].weight[alive])
    assert pruned.net.layers[0].weight.shape == (8, 1)  # attributes are those of f
    assert repr(pruned).startswith("Pruned(MLP, ")
    report = fe.RiskReport(pruned, test=EQUATION.quadrature(8))
    assert not report.solved and "total" in str(report)
    whole = fe.prune(net, 1.0)
    assert float(whole(0.3)) == pytest.approx(float(net(0.3)), rel=1e-14)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fe.prune(SERIES, 0.5), "no matrix of weights"),
        (lambda: fe.prune(start_of(4)(jr.key(0)), 0.0), "`share` must be a number above 0"),
        (lambda: fe.prune(start_of(4)(jr.key(0)), 0.5, start=start_of(5)(jr.key(0))), "structure"),
    ],
)
def test_what_is_wrong_with_pruning_is_said(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.slow
def test_a_lottery_ticket_on_an_equation():
    """Half of the weights, trained from where they began, hold the solution as the whole does."""
    start = start_of(16, 2)(jr.key(5))
    sample = EQUATION.quadrature(64)
    f = fe.solve(sample, start).value
    x = np.linspace(0, 1, 101)
    error = lambda f: np.max(np.abs(jax.vmap(f)(x) - np.exp(-x)))
    ticket = fe.solve(sample, fe.prune(f, 0.5, start=start)).value
    assert ticket.kept.size < 0.6 * sum(
        w.size for w in jax.tree.leaves(eqx.filter(f.net, eqx.is_inexact_array))
    )
    assert error(f) < 1e-7 and error(ticket) < 1e-6
