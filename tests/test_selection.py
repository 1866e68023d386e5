"""Problems whose equations have many solutions, of which one is selected."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references_selection import saddle_path, value_by_finite_differences

import fesolve as fe
from fesolve import problems


def test_a_class_of_bounded_functions_has_one_price_and_one_path():
    problem = problems.asset_pricing()
    mu = problem.solve("bounded").value
    t = jnp.linspace(0.0, 50.0, 100)
    assert np.max(np.abs(jax.vmap(mu)(t) / problem.exact(t) - 1)) < 1e-8
    f = problems.growth_path(k0=0.7, a=0.36).solve("bounded").value
    k, c = saddle_path(np.array([0.0, 5.0, 20.0]), 0.7, alpha=0.36)
    times = jnp.array([0.0, 5.0, 20.0])
    np.testing.assert_allclose(jax.vmap(f.k)(times), k, rtol=1e-8)
    np.testing.assert_allclose(jax.vmap(f.c)(times), c, rtol=1e-8)


def test_the_saddle_path_is_that_of_published_digits():
    k, c = saddle_path(np.array([0.0, 5.0, 10.0, 20.0]))
    np.testing.assert_allclose(k, [1, 1.6576070888, 1.8862272049, 1.9875268044], rtol=1e-9)
    known = [0.6933829286, 0.9428139396, 1.0217602895, 1.0558069533]
    np.testing.assert_allclose(c, known, rtol=1e-9)


def test_checks_see_a_bubble_that_residuals_do_not():
    """A fifth of the price at the horizon is bubble, and the residuals are zero."""
    problem = problems.sequential_asset_pricing()
    zeta = 0.21 * float(problem.exact(49)) * 0.9**49
    bubble = lambda t: problem.exact(t) + zeta * 0.9 ** -jnp.asarray(t, float)
    assert float(problem.risk(bubble)) < 1e-25
    honest, dishonest = (problem.checks(p)[0] for p in (problem.exact, bubble))
    assert honest.passed and not dishonest.passed
    assert float(dishonest.value) == pytest.approx(0.21, rel=1e-6)
    report = fe.RiskReport(bubble, test=problem.risk, checks=problem.checks(bubble))
    assert not report.solved

    continuous = problems.asset_pricing()
    bubble = lambda t: continuous.exact(t) + 0.2 * jnp.exp(0.1 * (t - 50.0))
    assert float(continuous.risk.quadrature(50)(bubble)) < 1e-25
    assert continuous.checks(continuous.exact)[0].passed
    assert float(continuous.checks(bubble)[0].value) == pytest.approx(0.2 / 1.2, abs=1e-3)
    assert not continuous.checks(bubble)[0].passed


@pytest.mark.slow
def test_networks_find_the_price_without_a_bubble():
    problem, dates = problems.sequential_asset_pricing(), jnp.arange(50.0)
    for seed in range(2):
        p = problem.solve("mlp", key=jr.key(seed)).value
        errors = np.abs(jax.vmap(p)(dates) / problem.exact(dates) - 1)
        assert errors[:30].max() < 1e-4 and errors.max() < 1e-2
        assert problem.checks(p)[0].passed


def test_a_path_that_over_saves_is_not_at_rest():
    problem = problems.growth_path()
    f = problem.choice("bounded").hypothesis(None)
    assert not problem.checks(f)[0].passed
    assert not problems.skiba_growth().checks(f)[0].passed
    sequential = problems.sequential_growth()
    standing = sequential.choice("chebyshev").hypothesis(None)
    assert not sequential.checks(standing)[0].passed


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ({"every": 4}, {"g": 0.02}))
def test_sparse_dates_and_growing_dividends(parameters):
    problem, dates = problems.sequential_asset_pricing(**parameters), jnp.arange(50.0)
    errors = np.abs(jax.vmap(problem.solve().value)(dates) / problem.exact(dates) - 1)
    assert errors[:30].max() < 5e-3 and errors.max() < 1e-2


@pytest.mark.slow
def test_two_steady_states_part_where_the_value_function_says():
    output = lambda k: 0.5 * np.maximum(k ** (1 / 3), 3.0 * k ** (1 / 3) - 2.5)
    k, value, drift = value_by_finite_differences(output, delta=0.1, rho=0.11, nodes=1_501)
    split = k[np.flatnonzero((drift[:-1] < 0) & (drift[1:] > 0))]
    assert len(split) == 1 and split[0] == pytest.approx(2.1458, abs=0.01)
    for k0 in (0.5, 1.9, 2.1, 2.2, 4.0):
        problem = problems.skiba_growth(k0=k0)
        f = problem.solve("kernel", throw=False).value
        assert problem.checks(f)[0].passed
        rest = problem.parameters.steady_states()[0][int(k0 > split[0])]
        assert float(f.k(40.0)) == pytest.approx(rest, rel=0.05)
        # rho V = log c + k' / c at t = 0
        c, slope = float(f.c(0.0)), float(jax.grad(f.k)(0.0))
        expected = np.interp(k0, k, value)
        assert (np.log(c) + slope / c) / 0.11 == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    "call, words",
    (
        (lambda: problems.asset_pricing(g=0.1), "`g` must be below 0"),
        (lambda: problems.sequential_asset_pricing(g=0.2), "`g` must keep beta"),
        (lambda: problems.skiba_growth(b1=0.9), "`b1` and `b2` must be above"),
    ),
)
def test_bad_parameters(call, words):
    with pytest.raises(ValueError, match=words):
        call()
