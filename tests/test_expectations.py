"""Expectations inside residuals: every rule against a closed form, and what a wrong square does."""

import itertools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy import integrate

import fesolve as fe
from fesolve import problems


DIRECTION = np.array([0.4, -0.7, 0.2])
COVARIANCE = np.array([[1.0, 0.6, 0.2], [0.6, 2.0, -0.3], [0.2, -0.3, 0.5]])
SHOCKS = fe.Normal(np.zeros(3), covariance=COVARIANCE)
EXACT = np.exp(DIRECTION @ COVARIANCE @ DIRECTION / 2)


def payoff(e):
    return jnp.exp(jnp.asarray(DIRECTION) @ e)


def off(rule):
    return abs(float(fe.expectation(payoff, rule)) / EXACT - 1)


def test_gauss_hermite_of_correlated_shocks_converges_geometrically():
    errors = [off(SHOCKS.quadrature(n)) for n in (1, 2, 3, 5, 8)]
    assert all(b < a / 4 for a, b in itertools.pairwise(errors))
    assert errors[-1] < 1e-8


def test_monomial_rules_gain_two_orders_in_the_size_of_the_shocks():
    sizes = np.array([0.4, 0.2, 0.1])
    for degree in (3, 5):
        errors = []
        for size in sizes:
            rule = fe.Monomial(fe.Normal(np.zeros(3), covariance=size**2 * COVARIANCE), degree)
            exact = np.exp(size**2 * DIRECTION @ COVARIANCE @ DIRECTION / 2)
            errors.append(abs(float(fe.expectation(payoff, rule.quadrature())) - exact))
        slope = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
        assert degree + 0.7 < slope < degree + 1.3


@pytest.mark.slow
def test_rates_of_draws():
    sizes = np.array([64, 2048])
    rates = {}
    for name, rule in {
        "independent": SHOCKS,
        "antithetic": fe.Antithetic(SHOCKS),
        "Sobol": fe.Sobol(SHOCKS),
    }.items():
        mean = lambda key, n, rule=rule: jnp.mean(jax.vmap(payoff)(rule.sample(n, key=key)))
        errors = []
        for n in sizes:
            values = jax.jit(jax.vmap(lambda k, n=n: mean(k, int(n))))(jr.split(jr.key(0), 100))
            errors.append(float(jnp.sqrt(jnp.mean((values / EXACT - 1) ** 2))))
        rates[name] = np.polyfit(np.log(sizes), np.log(errors), 1)[0], errors[-1]
    assert -0.6 < rates["independent"][0] < -0.4
    assert -0.6 < rates["antithetic"][0] < -0.4
    assert rates["antithetic"][1] < rates["independent"][1]
    assert rates["Sobol"][0] < -0.75 and rates["Sobol"][1] < rates["independent"][1] / 5


def test_a_row_of_a_markov_chain_is_summed_exactly():
    chain = fe.rouwenhorst(5, 0.9, 0.1)
    values = jnp.exp(chain.grid)

    def tomorrow(i):
        return fe.expectation(lambda j: values[j], chain.given(i))

    rows = jax.vmap(tomorrow)(jnp.arange(5))
    np.testing.assert_allclose(rows, chain.transition @ values, rtol=1e-14)
    # The conditional mean of z' is rho z to all digits.
    means = jax.vmap(lambda i: fe.expectation(lambda j: chain.grid[j], chain.given(i)))
    np.testing.assert_allclose(means(jnp.arange(5)), 0.9 * chain.grid, atol=1e-14)


@pytest.mark.parametrize("seed", range(3))
def test_the_product_of_two_draws_has_the_mean_of_the_square_outside(seed):
    """r(f, x, e) = f x - e^2 - x: (E_e r)^2 = (f x - s^2 - x)^2."""
    s = 0.7
    residual = lambda f, x, e: f * x - e**2 - x
    risk = fe.Risk(residual, fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, s))
    f = jnp.asarray(2.0)
    exact = integrate.quad(lambda x: (x - s**2) ** 2, 0.0, 1.0)[0]
    assert abs(float(risk.quadrature(8)(f)) - exact) < 1e-14
    drawn = risk.empirical(100_000, key=jr.key(seed))
    assert abs(float(drawn(f)) - exact) < 5e-3
    inside = integrate.quad(lambda x: (x - s**2) ** 2 + 2 * s**4, 0.0, 1.0)[0]
    assert inside > exact + 0.4


def growth(degree):
    problem = problems.stochastic_growth(calibration="B")
    return problem, problem.choice("chebyshev", degree=degree).hypothesis(jr.key(0))


def test_the_square_inside_consumes_too_little():
    problem, f = growth(3)
    term = problem.risk.terms[0]
    residual, x = term.residual, term.distribution.quadrature(7)
    right = fe.solve(problem.risk.quadrature(7), f, throw=False).value
    joint = fe.Product(x=x, e=term.shock).quadrature(1)
    together = lambda f, point: residual(f, point["x"], point["e"])
    wrong = fe.solve(fe.Risk(together, joint, tolerance=jnp.inf), f)

    def consumption(f, k, z):
        return f.calibration.resources(k, z) - f.next_capital(jnp.array([k, z]))

    bias = [
        float(consumption(wrong.value, k, z) / consumption(right, k, z)) - 1
        for k, z in ((6.3668372129, 0.0), (10.0, 0.0), (6.3668372129, 0.1))
    ]
    np.testing.assert_allclose(bias, [-0.010, -0.027, -0.0255], atol=0.002)
    assert 5e-5 < float(wrong.risk) < 2e-4


@pytest.mark.slow
def test_a_box_mixed_with_the_ergodic_set_covers_rare_states():
    problem, f = growth(5)
    term = problem.risk.terms[0]

    def step(f, x, e):
        return jnp.stack([f.next_capital(x), 0.9 * x[1] + e])

    start = fe.Dirac(np.array([6.3668372129, 0.0]))
    path = fe.Ergodic(step, start, fe.Normal(0.0, 0.04), periods=500, burn_in=100)
    box = term.distribution
    states = fe.Mixture(box, path, weights=[0.4, 0.6])
    solver = fe.Resample(fe.LevenbergMarquardt(), n=150, rounds=2)
    both = fe.solve(problem.risk.on(states), f, solver, key=jr.key(0), throw=False).value
    alone = fe.solve(problem.risk.on(path), f, solver, key=jr.key(0), throw=False).value

    drawn = problem.risk.on(states).given(both).empirical(2_000, key=jr.key(1))
    k = np.asarray(drawn.terms[0].distribution.points)[:, 0]
    # A box whose lower 28 % the path never sees.
    assert abs(np.mean(k < 4) - 0.4 * 3.1 / 11.1) < 0.03
    rare = problem.risk.on(box).quadrature(12)
    assert float(rare(both)) < float(rare(alone)) / 3
    report = fe.RiskReport(both, test=drawn, box=rare)
    assert report.solved == (np.sqrt(float(drawn(both))) < 1e-6)
    assert float(problem.risk.on(path).given(both).empirical(500, key=jr.key(2))(both)) < 1e-6
