"""Problems in continuous time: closed forms, SciPy's Riccati solver, and finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references import agrees
from references_continuous import clearing_rate, Household
from scipy.linalg import solve_continuous_are

import fesolve as fe
from fesolve import problems


def farthest(problem, f, exact, points):
    truth = np.asarray(jax.vmap(exact)(points))
    return float(np.max(np.abs(np.asarray(jax.vmap(f)(points)) - truth)) / np.max(np.abs(truth)))


# -- optimal stopping ----------------------------------------------------------------------------

STOCKS = jnp.linspace(0.3, 3.0, 1_001)


@pytest.mark.parametrize(
    "kind, boundary, value", [("chebyshev", 1e-13, 1e-13), ("spline", 1e-3, 1e-4)]
)
def test_a_perpetual_put_is_exercised_where_it_should_be(kind, boundary, value):
    problem = problems.perpetual_put()
    f = problem.solve(kind).value
    assert abs(float(f.boundary) - 5 / 7) <= boundary
    assert farthest(problem, f.value, problem.exact["value"], STOCKS) <= value
    assert float(f.value(jnp.asarray(1.0))) == pytest.approx(0.1232003287, abs=value + 1e-10)
    # the inequality everywhere, to the left of the boundary too
    if kind == "chebyshev":
        fresh = problem.risk.empirical(500, key=jr.key(1)).residuals(f)
        assert float(jnp.sum(fresh**2)) < 1e-20


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_perpetual_put_by_networks(seed):
    problem = problems.perpetual_put()
    f = problem.solve("mlp", key=jr.key(seed)).value
    assert abs(float(f.boundary) - 5 / 7) <= 1e-6
    assert farthest(problem, f.value, problem.exact["value"], STOCKS) <= 1e-6


def test_another_put():
    problem = problems.perpetual_put(r=0.02, sigma=0.3, K=2.0, S_low=0.3, S_high=6.0)
    f = problem.solve().value
    gamma = 2 * 0.02 / 0.3**2
    assert float(f.boundary) == pytest.approx(2.0 * gamma / (1 + gamma), rel=1e-10)


# -- the price of an option ----------------------------------------------------------------------


def on_grid():
    axes = jnp.meshgrid(jnp.linspace(0.0, 1.0, 21), jnp.linspace(-1.0, 1.0, 41))
    return jnp.stack([axis.ravel() for axis in axes], axis=-1)


@pytest.mark.slow
def test_a_call_is_worth_what_black_and_scholes_say():
    problem = problems.black_scholes()
    V = problem.solve().value
    assert float(V(jnp.asarray([1.0, 0.0]))) == pytest.approx(0.1045058357, abs=1e-6)
    points = on_grid()
    truth = jax.vmap(problem.exact)(points)
    assert np.max(np.abs(jax.vmap(V)(points) - truth)) <= 1e-6
    # at maturity the payoff, kink and all, whatever the coefficients
    payoff = jnp.maximum(jnp.exp(points[:, 1]) - 1.0, 0.0)
    at_maturity = jax.vmap(lambda x: V(jnp.stack([jnp.zeros(()), x[1]])))(points)
    np.testing.assert_allclose(at_maturity, payoff, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_call_by_networks(seed):
    problem = problems.black_scholes()
    V = problem.solve("mlp", key=jr.key(seed), throw=False).value
    assert np.max(np.abs(jax.vmap(V)(on_grid()) - jax.vmap(problem.exact)(on_grid()))) <= 1e-4


# -- a stationary density ------------------------------------------------------------------------


@pytest.mark.parametrize("kind, target", [("chebyshev", 1e-10), ("exponential", 1e-10)])
def test_the_long_run_of_a_process_that_returns_to_its_mean(kind, target):
    problem = problems.ornstein_uhlenbeck()
    g = problem.solve(kind).value
    x = jnp.linspace(*problem.risk.terms[0].distribution.support, 1_001)
    assert farthest(problem, g, problem.exact, x) <= target
    agrees(problem, g)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_stationary_density_by_networks(seed):
    problem = problems.ornstein_uhlenbeck()
    g = problem.solve("mlp", key=jr.key(seed)).value
    x = jnp.linspace(*problem.risk.terms[0].distribution.support, 1_001)
    assert farthest(problem, g, problem.exact, x) <= 1e-5


def test_a_stationary_density_is_where_its_diffusion_stays():
    """The same process simulated: its points have the moments of the density, and the equation
    holds there."""
    problem = problems.ornstein_uhlenbeck(eta=2.0)
    g = problem.solve("exponential").value
    long_run = problem.shifted(g, jr.key(0))["in_the_long_run"]
    points = long_run.terms[0].distribution.points
    assert float(jnp.mean(points)) == pytest.approx(0.2, abs=0.05)
    assert float(jnp.std(points)) == pytest.approx(0.3 / 2.0, rel=0.2)
    assert problem.references["variance"].quantity(g) == pytest.approx(0.3**2 / 4, rel=1e-8)
    assert float(long_run(g)) < 1e-20


# -- the linear regulator ------------------------------------------------------------------------


def test_the_linear_regulator_is_scipys():
    problem = problems.linear_quadratic()
    V = problem.solve("quadratic").value
    A, B, s = (np.asarray(part) for part in problem.risk.terms[0].args)
    assert A.shape == (50, 50)
    P = solve_continuous_are(A - 0.05 * np.eye(50), B, np.eye(50), np.eye(B.shape[1]))
    x = np.asarray(jr.normal(jr.key(3), (200, 50)))
    truth = np.einsum("ni,ij,nj->n", x, P, x) + s @ P @ s / 0.1
    values = np.asarray(jax.vmap(V)(jnp.asarray(x)))
    assert np.max(np.abs(values / truth - 1)) <= 1e-12
    assert all(check.passed for check in problem.checks(V))


@pytest.mark.parametrize("seed", range(2))
def test_a_regulator_by_networks(seed):
    problem = problems.linear_quadratic(d=8)
    V = problem.solve("mlp", key=jr.key(seed)).value
    x = jr.normal(jr.key(3), (200, 8))
    assert farthest(problem, V, problem.exact, x) <= 1e-10
    assert all(check.passed for check in problem.checks(V))


def test_a_regulator_that_explodes_is_found_out():
    """p^2 = 1 - 0.02 p, for a stock by itself, has a negative root as well."""
    problem = problems.linear_quadratic(d=2, leak=0.0, growth=0.04)
    start = problem.choice("quadratic").hypothesis(None)
    start = eqx.tree_at(lambda V: V.coefficients, start, jnp.asarray([-1.0, 0.0, 50.0, 0.0]))
    V = fe.solve(problem.risk.empirical(20, key=jr.key(0)), start, throw=False).value
    assert not problem.checks(V)[0].passed


# -- Huggett's economy ---------------------------------------------------------------------------

PARAMETERS = dict(rho=0.05, gamma=2.0, z=(0.1, 0.2), switch=(0.02, 0.03), a_min=-0.02, a_max=2.0)
# digits of upwind differences with 16,000 points, by another hand
PUBLISHED = np.asarray([[0.10787, 0.15109, 0.17871, 0.20327], [0.17350, 0.20502, 0.23036, 0.25387]])


def test_households_at_a_given_rate():
    problem = problems.huggett(r=0.03)
    f = problem.solve().value
    assert float(f.rate.value) == 0.03
    c = jax.vmap(f.consumption)(jnp.asarray([0.0, 0.5, 1.0, 1.5])).T
    np.testing.assert_allclose(c, PUBLISHED, atol=1e-5)
    agrees(problem, f)
    # the state constraint: at the limit the poor consume their income
    assert float(f.consumption(jnp.asarray(-0.02))[0]) == pytest.approx(
        0.1 - 0.02 * 0.03, rel=1e-12
    )
    # finite differences converge at first order, and here is what they converge to
    coarse, fine = (Household(n, 0.03, **PARAMETERS) for n in (2_001, 4_001))
    assets = jnp.asarray(fine.a[200:-400:100])
    at = [
        [np.interp(assets, h.a, row) for row in (*h.consumption, *h.value)] for h in (coarse, fine)
    ]
    limit = 2 * np.asarray(at[1]) - np.asarray(at[0])
    ours = np.asarray(
        jnp.concatenate(jax.vmap(lambda a: (f.consumption(a), f.value(a)))(assets), 1)
    )
    errors = np.linalg.norm(ours.T - limit, axis=1) / np.linalg.norm(limit, axis=1)
    assert np.max(errors) <= 1e-5
    # the distribution: shares and mean assets
    shares = np.asarray(f.integral(lambda a: 1.0))
    np.testing.assert_allclose(shares, [0.6, 0.4], rtol=1e-10)
    mean = float(jnp.sum(f.integral(lambda a: a)))
    assert mean == pytest.approx(2 * fine.assets() - coarse.assets(), rel=1e-3)


@pytest.mark.slow
def test_the_rate_at_which_the_market_clears():
    problem = problems.huggett()
    f = problem.solve().value
    assert float(jnp.sum(f.integral(lambda a: a))) == pytest.approx(0.0, abs=1e-9)
    agrees(problem, f)
    report = fe.RiskReport(f, test=problem.risk.empirical(300, key=jr.key(0)))
    assert report.solved, report
    parameters = {**PARAMETERS, "a_max": 0.2}
    rates = [clearing_rate(n, -0.01, 0.005, **parameters) for n in (501, 1_001)]
    assert float(f.rate) == pytest.approx(2 * rates[1] - rates[0], abs=2e-5)


@pytest.mark.slow
def test_densities_satisfy_the_forward_equation():
    """The flow's equation is that of the densities, by the adjoint, for both incomes."""
    f = problems.huggett(r=0.03).solve().value
    a = jnp.linspace(0.0, 0.9, 19)

    def forward(a):
        moved = [
            fe.adjoint_generator(lambda a, j=j: f.density(a)[j], lambda a, j=j: f.saving(a)[j])(a)
            for j in range(2)
        ]
        low, high = f.density(a)
        arrive = 0.03 * high - 0.02 * low
        return jnp.stack([moved[0] + arrive, moved[1] - arrive]) / (0.03 * high + 0.02 * low)

    assert np.max(np.abs(jax.jit(jax.vmap(forward))(a))) < 1e-9


@pytest.mark.slow
def test_clearing_from_outside_finds_the_same_rate():
    problem = problems.huggett()
    f = problem.solve().value
    choice = problems.huggett(r=0.0).choice()
    start = choice.hypothesis(None)
    risk = problems.huggett(r=0.0).risk.quadrature(choice.points)

    def excess(rate):
        at = eqx.tree_at(lambda f: f.rate.value, start, rate)
        return jnp.sum(fe.solve(risk, at).value.integral(lambda a: a))

    assert float(fe.equilibrium(excess, -0.006, 0.004)) == pytest.approx(float(f.rate), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_households_by_networks(seed):
    series = problems.huggett(r=0.03).solve().value
    net = problems.huggett(r=0.03).solve("mlp", key=jr.key(seed)).value
    assets = jnp.linspace(-0.02, 2.0, 401)
    truth, found = (jax.vmap(f.consumption)(assets) for f in (series, net))
    assert float(jnp.linalg.norm(found - truth) / jnp.linalg.norm(truth)) <= 1e-4


# -- parameters that make no sense ---------------------------------------------------------------


@pytest.mark.parametrize(
    "name, values, message",
    [
        ("huggett", {"a_min": 0.0}, "`a_min` must be negative where the market is to clear"),
        ("huggett", {"r": 0.06}, "`r` must be below `rho`"),
        ("huggett", {"z_high": 0.05}, "`z_high` must be above `z_low`"),
        ("perpetual_put", {"K": 5.0}, "`K` must lie between `S_low`"),
        ("linear_quadratic", {"growth": 1.3, "leak": 0.0}, "no control keeps"),
        ("linear_quadratic", {"d": 1}, "`d` must be at least 2"),
        ("ornstein_uhlenbeck", {"s": -0.1}, "`s` must be a finite number above 0"),
        ("black_scholes", {"sigma": 0.0}, "`sigma` must be a finite number above 0"),
    ],
)
def test_parameters_are_checked(name, values, message):
    with pytest.raises(ValueError, match=message):
        problems.catalogue[name](**values)
