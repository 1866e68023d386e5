"""Models with many agents: closed forms by other means, and what is solved against them."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references_agents import (
    euler_errors_of_generations,
    lifetime_shares,
    linear_quadratic_equilibrium,
)
from targets_agents import on_path_of, policy_error

import fesolve as fe
from fesolve import problems


@pytest.mark.parametrize(
    "given", [{}, {"beta": 0.9, "gamma": 30.0}, {"delta": 0.2, "alpha_0": 2.0, "alpha_1": 0.7}]
)
def test_the_policy_of_firms_is_their_best_response(given):
    m = problems.symmetric_investment(**given).parameters
    numbers = (m.beta, m.gamma, m.delta, m.alpha_0, m.alpha_1)
    expected = linear_quadratic_equilibrium(*numbers)
    np.testing.assert_allclose(m.linear_quadratic(), expected, rtol=1e-9)
    if not given:
        np.testing.assert_allclose(expected, (0.0687224391, -0.0504613550), atol=5e-11)


def test_the_steady_state_rests():
    for nu in (1.0, 1.5, 3.0):
        m = problems.symmetric_investment(nu=nu).parameters
        x, (h0, h1) = m.steady_state(), m.linear_quadratic()
        price = m.alpha_0 - m.alpha_1 * x**nu
        cost = m.gamma * (1 - m.beta * (1 - m.delta)) * m.delta * x
        np.testing.assert_allclose(cost, m.beta * price, rtol=1e-13)
        np.testing.assert_allclose(h0 + h1 * x, m.delta * x, rtol=1e-13)


def test_a_series_in_the_mean_is_exact_for_firms():
    problem = problems.symmetric_investment(firms=16)
    f = problem.solve(points=256).value
    points, errors = on_path_of(problem, f)
    assert policy_error(problem, f, points) <= 1e-13 and errors.max() <= 1e-13


@pytest.mark.slow
def test_a_deep_set_is_a_policy_for_any_number_of_firms():
    problem = problems.symmetric_investment(firms=8)
    solution = problem.solve("deep_set", points=192, width=8, throw=False)
    # only the last layer of the outer network is solved for as if it were linear, so that the
    # first steps, Newton's, go down
    assert np.all(np.diff(solution.history[:4]) < 0)
    f = solution.value
    for count in (8, 100):
        other = problems.symmetric_investment(firms=count)
        points = on_path_of(other, f)[0]
        assert policy_error(other, f, points) <= 1e-3
    x = points[0]
    np.testing.assert_allclose(f(x), f(jr.permutation(jr.key(0), x)), rtol=1e-13)


def test_series_inside_fixed_functions_are_linear():
    """exp o series is solved as a series is; a product of two unknowns is not."""
    p = fe.Uniform(0.0, 1.0)
    series = fe.Series(fe.Chebyshev(6, (0.0, 1.0)))
    f = fe.fit(fe.Compose(jnp.exp, series), lambda x: 1.0 + x, p.quadrature(9))
    assert int(f.stats["steps"]) <= 10
    both = fe.Compose(series, series)
    solution = fe.fit(both, jnp.sin, p.quadrature(20))
    assert float(solution.risk) < 1e-10


# Shares saved and Euler errors of generations.


def test_savings_rates_are_those_of_a_life():
    for beta, count in ((0.7, 6), (0.95, 4), (0.5, 2)):
        m = problems.overlapping_generations(beta=beta, generations=count).parameters
        remaining = np.arange(count - 1, 0, -1)
        closed = beta * (1 - beta**remaining) / (1 - beta ** (remaining + 1))
        np.testing.assert_allclose(m.savings_rates(), closed, rtol=1e-14)
    rng = np.random.default_rng(0)
    for _ in range(2):
        by_force = lifetime_shares(0.7, rng.uniform(0.5, 3.0, 5))
        np.testing.assert_allclose(
            problems.overlapping_generations().parameters.savings_rates(), by_force, atol=1e-6
        )


def test_the_closed_form_has_no_euler_errors():
    m = problems.overlapping_generations().parameters
    errors = euler_errors_of_generations(
        m.savings_rates(), m.alpha, m.beta, *m.states(), periods=2_000, seed=1
    )
    assert errors.max() < 2e-15
    off = euler_errors_of_generations(
        m.savings_rates() * 1.001, m.alpha, m.beta, *m.states(), periods=200, seed=1
    )
    assert off.min() > 1e-4


@pytest.mark.parametrize("kind", ["chebyshev", "mlp"])
def test_generations_save_their_shares(kind):
    problem = problems.overlapping_generations()
    f = problem.solve(kind).value
    points, errors = on_path_of(problem, f)
    rates = problem.parameters.savings_rates()
    assert np.max(np.abs(jax.vmap(f.shares)(points) - rates[None])) <= 1e-10
    assert errors.shape == (5_000, 5) and errors.mean() <= 1e-10
    fresh = problem.risk.empirical(500, key=jr.key(1))
    report = fe.RiskReport(f, test=fresh, exact=problem.exact)
    assert report.solved and "generation 5" in str(report)


@pytest.mark.slow
def test_other_lives_and_risks():
    problem = problems.overlapping_generations(
        generations=3, alpha=0.4, beta=0.9, eta_low=0.8, eta_high=1.3
    )
    f = problem.solve(degree=2, points=200).value
    assert on_path_of(problem, f)[1].max() < 1e-12


@pytest.mark.slow
def test_shares_in_float32():
    with jax.enable_x64(False):
        problem = problems.overlapping_generations(generations=3)
        f = problem.solve(points=100).value
        x = {"k": jnp.full(2, 0.1), "z": jnp.asarray(1)}
        assert f.shares(x).dtype == jnp.float32
        rates = problem.parameters.savings_rates()
        np.testing.assert_allclose(f.shares(x), rates, rtol=1e-5)


def test_bad_parameters_are_explained():
    with pytest.raises(ValueError, match="`beta` is a discount factor"):
        problems.overlapping_generations(beta=1.0)
    with pytest.raises(ValueError, match="`generations` must be at least 2"):
        problems.overlapping_generations(generations=1)
    with pytest.raises(ValueError, match="`delta` must lie between 0 and 1"):
        problems.symmetric_investment(delta=0.0)
    with pytest.raises(ValueError, match="`gamma` must be a finite number above 0"):
        problems.symmetric_investment(gamma=-1.0)


@pytest.mark.slow
def test_many_generations_by_all_capital():
    problem = problems.overlapping_generations(generations=20)
    solution = problem.solve("aggregate")
    points, _ = on_path_of(problem, solution.value)
    shares = jax.vmap(solution.value.shares)(points)
    rates = problem.parameters.savings_rates()
    np.testing.assert_allclose(shares, np.broadcast_to(rates, shares.shape), rtol=1e-12)


def heavy(f, x):
    """A residual that makes a square matrix of its many coordinates on the way."""
    return jnp.mean(jnp.tanh(jnp.outer(x, x))) + f(jnp.mean(x))


@pytest.mark.parametrize("count", [1, 37, 150])
def test_large_points_are_worked_on_in_parts(count):
    """All at once their matrices would be 1 GB; the last part has fewer of them."""
    x = np.random.default_rng(0).normal(size=(count, 500))
    expected = [np.mean(np.tanh(np.outer(a, a))) for a in x]
    risk = fe.Risk(heavy, fe.Empirical(x))
    zero = fe.Series(fe.Chebyshev(3, (-1.0, 1.0)))
    found = np.asarray(risk.residuals(zero)) * np.sqrt(count)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    if count > 4:
        fitted = fe.solve(fe.Risk(heavy, risk.distribution, tolerance=jnp.inf), zero).value
        columns = np.polynomial.chebyshev.chebvander(x.mean(axis=1), 3)
        c = np.linalg.lstsq(columns, -np.array(expected), rcond=None)[0]
        np.testing.assert_allclose(fitted.coefficients, c, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_memory_for_large_points_is_bounded():
    """A thousand points, of which each makes matrices of 8 MB: all at once they take 1.8 GB."""
    import os
    import subprocess
    import sys

    code = """
import resource, jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np, fesolve as fe
def heavy(f, x):
    return jnp.mean(jnp.tanh(jnp.outer(x, x)) @ jnp.outer(x, x[:16])) + f(jnp.mean(x))
x = np.random.default_rng(0).normal(size=(1_000, 1_000)) / 30
risk = fe.Risk(heavy, fe.Empirical(x), tolerance=np.inf)
fe.solve(risk, fe.Series(fe.Chebyshev(3, (-1.0, 1.0))))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)
"""
    optimised = {**os.environ, "XLA_FLAGS": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=optimised
    )
    assert float(run.stdout) < 1.0
