"""Search and saving: closed forms, SciPy, and an endogenous grid written for these tests."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references_bellman import endogenous_grid
from scipy.optimize import brentq

import fesolve as fe
from fesolve import problems


@pytest.mark.parametrize("beta, c", [(0.99, 0.0), pytest.param(0.9, 0.3, marks=pytest.mark.slow)])
def test_the_reservation_wage_is_the_root_of_its_equation(beta, c):
    problem = problems.mccall_search(beta=beta, c=c)
    wage = brentq(lambda w: w - c - beta * (1 - w) ** 2 / (2 * (1 - beta)), 0.0, 1.0, xtol=1e-15)
    reference = problem.references["reservation wage"]
    np.testing.assert_allclose(reference.value, wage, rtol=1e-13)
    f = problem.solve().value
    np.testing.assert_allclose(reference.quantity(f), wage, rtol=1e-12)
    w = jnp.linspace(0.0, 1.0, 41)
    exact = np.maximum(w, wage) / (1 - beta)
    np.testing.assert_allclose(jax.vmap(f.value)(w), exact, rtol=1e-12)


def test_the_published_reservation_wage():
    value = problems.mccall_search().references["reservation wage"].value
    assert value == pytest.approx(0.8676087275, abs=5e-11)


@pytest.mark.slow
def test_search_by_value_iteration():
    """Where nothing is known of the offer but that it is refused, the rate is beta F(wbar)."""
    problem = problems.mccall_search(beta=0.95)
    solution = problem.solve("value_iteration")
    wage = problem.references["reservation wage"]
    np.testing.assert_allclose(wage.quantity(solution.value), wage.value, rtol=1e-8)
    np.testing.assert_allclose(solution.stats["contraction"], 0.95 * wage.value, rtol=1e-3)


@pytest.mark.slow
def test_a_smooth_value_is_wrong_at_the_kink_and_the_report_shows_it_apart():
    problem = problems.mccall_search()
    f = problem.solve("smooth").value
    parts = problem.shifted(f, jr.key(0))
    report = fe.RiskReport(f, **parts)
    rms = {row.on: row.rms for row in report.rows}
    assert rms["kink"] > 3 * rms["away"]
    assert abs(float(problem.references["reservation wage"].quantity(f)) - 0.8676087275) < 2e-4


@pytest.mark.slow
def test_the_error_of_a_smooth_value_falls_slowly():
    errors = []
    problem = problems.mccall_search()
    w = jnp.linspace(0.0, 1.0, 1_001)
    exact = jax.vmap(problem.exact["value"])(w)
    for degree in (20, 40, 80):
        f = problem.solve("smooth", degree=degree, throw=False).value
        errors.append(float(np.max(np.abs(jax.vmap(f.value)(w) - exact))))
    # of the first order: the kink is worth 1 / degree
    assert np.all(np.diff(np.log2(errors)) < -0.6)
    assert np.all(np.diff(np.log2(errors)) > -1.8)


def test_search_by_a_network():
    problem = problems.mccall_search()
    f = problem.solve("mlp").value
    assert abs(float(problem.references["reservation wage"].quantity(f)) - 0.8676087275) < 1e-9


def test_the_endogenous_grid_is_that_of_others():
    exact, kink = endogenous_grid()
    published = {1.5: 1.2131959, 2.0: 1.2947365, 4.0: 1.4968222, 8.0: 1.7693350, 16.0: 2.1855818}
    np.testing.assert_allclose(exact(list(published)), list(published.values()), rtol=5e-7)
    assert kink == pytest.approx(1.0933195, abs=5e-7)


def test_saving_against_an_endogenous_grid():
    problem = problems.income_fluctuation()
    f = problem.solve().value
    exact, kink = endogenous_grid()
    a = np.linspace(0.05, 20.0, 501)
    off = np.abs(np.asarray(jax.vmap(f)(jnp.asarray(a))) / exact(a) - 1)
    assert off.max() <= 1e-3
    assert off.mean() <= 1e-4
    assert off[a < kink].max() <= 1e-3
    np.testing.assert_allclose(f.kink, kink, rtol=1e-3)
    for reference in problem.references.values():
        np.testing.assert_allclose(reference.quantity(f), reference.value, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_saving_by_networks(seed):
    f = problems.income_fluctuation().solve("mlp", key=jr.key(seed)).value
    exact, _ = endogenous_grid()
    a = np.linspace(0.05, 20.0, 501)
    off = np.abs(np.asarray(jax.vmap(f)(jnp.asarray(a))) / exact(a) - 1)
    assert off.max() <= 1e-3
    assert off.mean() <= 1e-4


@pytest.mark.slow
def test_saving_by_time_iteration():
    problem = problems.income_fluctuation()
    solution = problem.solve("time_iteration")
    direct = problem.solve().value
    a = jnp.linspace(0.05, 20.0, 101)
    np.testing.assert_allclose(jax.vmap(solution.value)(a), jax.vmap(direct)(a), rtol=1e-3)
    assert 0.5 < float(solution.stats["contraction"]) < 1.0


def test_what_is_refused():
    with pytest.raises(ValueError, match="every offer, or none"):
        problems.mccall_search(c=1.0)
    with pytest.raises(ValueError, match="discount"):
        problems.mccall_search(beta=1.0)
    with pytest.raises(ValueError, match="savings grow without bound"):
        problems.income_fluctuation(R=1.05)
