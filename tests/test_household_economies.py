"""Economies of many households, against endogenous grid points and histograms in NumPy."""

import runpy
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from references import agrees
from references_distributions import Aiyagari, KrusellSmith

import fesolve as fe
from fesolve import problems


def test_households_hold_the_capital_of_firms():
    problem = problems.aiyagari()
    solution = problem.solve("spline")
    assert solution.solved
    agrees(problem, solution.value)
    assert all(check.passed for check in problem.checks(solution.value))
    # consumption at one rate, of those whom no income keeps below this cash
    theirs, f = Aiyagari(600), solution.value
    rate = float(problem.references["rate"].quantity(f))
    prices = 1 + rate, theirs.wage(rate) * theirs.y
    theirs.household(prices)
    cash = np.linspace(2.2, 30.0, 25)
    for i in (0, 3, 6):
        ours = [float(f.consumption(at, i)) for at in cash]
        np.testing.assert_allclose(ours, theirs.consumption(cash, i, prices), rtol=1e-4)


def test_the_reference_converges():
    rates = [(m := Aiyagari(n)).rate(m.equilibrium()) for n in (100, 200)]
    extrapolated = rates[1] + (rates[1] - rates[0]) / 3
    value = problems.aiyagari().references["rate"].value
    assert abs(rates[1] - value) < 0.5 * abs(rates[0] - value)
    assert extrapolated == pytest.approx(value, abs=2e-5)


@pytest.mark.slow
def test_the_fine_reference():
    problem = problems.aiyagari()
    rates = [(m := Aiyagari(n)).rate(m.equilibrium()) for n in (1_200, 2_400)]
    rate = problem.references["rate"].value
    assert rates[1] + (rates[1] - rates[0]) / 3 == pytest.approx(rate, abs=5e-7)
    mass = m.mass
    assert mass[:, 0].sum() == pytest.approx(
        problem.references["share_at_the_limit"].value, rel=2e-3
    )
    mean = mass.sum(axis=0) @ m.a
    deviation = np.sqrt(mass.sum(axis=0) @ (m.a - mean) ** 2)
    assert deviation == pytest.approx(problem.references["deviation_of_assets"].value, rel=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"rho": 0.3}, {"gamma": 5.0}, {"states": 3}])
def test_other_economies_clear(given):
    problem = problems.aiyagari(**given)
    solution = problem.solve("spline")
    assert solution.solved and all(check.passed for check in problem.checks(solution.value))
    assert not problem.references


@pytest.mark.slow
def test_assets_beyond_the_nodes_are_refused():
    with pytest.raises(ValueError, match="`nodes` of `Histogram` do not hold the distribution"):
        problems.aiyagari(sigma=0.4, rho=0.9).solve("spline")


def test_what_is_refused_of_an_economy():
    with pytest.raises(ValueError, match="`sigma` must be a finite number above 0"):
        problems.aiyagari(sigma=0.0)
    with pytest.raises(ValueError, match="`states` must be at least 2"):
        problems.aiyagari(states=1)


@pytest.mark.slow
def test_a_path_after_a_tax_is_that_of_the_two_recursions():
    """Around the path that was found: what households then hold in NumPy is that path."""
    mpl.use("agg")
    file = Path(__file__).parent.parent / "examples" / "tax_transition.py"
    ours, theirs = runpy.run_path(str(file)), Aiyagari(200)
    plt.close("all")
    assert theirs.equilibrium() == pytest.approx(float(ours["before"]), rel=1e-8)
    assert theirs.equilibrium(0.2) == pytest.approx(float(ours["after"]), rel=1e-8)
    path = np.asarray(ours["path"])
    np.testing.assert_allclose(theirs.path(path, 0.2), path, rtol=1e-8)

    last, guess = ours["resting"](ours["after"], 0.2)[0], jnp.asarray(path[:8])

    def short(tax):  # a market that clears for eight periods
        return fe.solve(fe.Risk(ours["clearing"], args=(tax, last)), guess).value

    slope = jax.jvp(short, (0.2,), (1.0,))[1]
    numeric = (short(0.2 + 1e-4) - short(0.2 - 1e-4)) / 2e-4
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)


@pytest.mark.slow
def test_moments_of_households_differentiate_through_their_solve():
    problem = problems.aiyagari(states=3)
    choice = problem.choice("spline")
    first = choice.hypothesis(None)
    risk = choice.sample(problem.risk, choice.points, None)
    nodes = 60 * np.linspace(0.0, 1.0, 400) ** 2.5
    chain = fe.rouwenhorst(3, 0.6, 0.16)

    def saved(f, a, i, wage):
        cash = (1.0 + f.rate) * a + wage * jnp.exp(chain.grid)[i]
        return cash - f.consumption(cash, i)

    def moments(rate):
        """Mean and variance of assets at a rate, with the wage as it was."""
        f = eqx.tree_at(lambda f: f.rate, first, fe.freeze(rate))
        f = fe.solve(risk, f).value
        q = fe.Histogram(saved, nodes, chain, args=(1.19,)).given(f).stationary
        mean = fe.expectation(lambda x: x[0], q)
        return jnp.stack([mean, fe.expectation(lambda x: (x[0] - mean) ** 2, q)])

    # between nodes the variance of a lottery bends, which differences see
    rate, step = jnp.asarray(0.038), 1e-5
    numeric = (moments(rate + step) - moments(rate - step)) / (2 * step)
    np.testing.assert_allclose(jax.jacfwd(moments)(rate), numeric, rtol=1e-4)


def history_by(problem, f, key):
    """log capital by ours and by endogenous grid points, with the same expectations, productivities
    and households to begin with."""
    economy = problem.parameters.economy
    path = economy.history(f, key)
    rule = lambda k, z: float(f.rule(jnp.array([k, z])))
    m = problem.parameters.states
    theirs = KrusellSmith(rule, economy.capitals, m).solve()
    nodes = economy.points[0].reshape(m, -1)[0]
    begin = np.asarray(path["mass"][0]).reshape(m, -1)
    return np.asarray(path["k"]), theirs.history(np.asarray(path["z"]), nodes, begin)


def test_households_save_as_by_endogenous_grid_points_for_given_expectations():
    problem = problems.krusell_smith(states=2)
    solution = problem.solve("by_moments", intervals=8, rounds=1)
    ours, theirs = history_by(problem, solution.value, jr.key(1))
    np.testing.assert_allclose(ours, theirs, atol=5e-4)


@pytest.mark.slow
def test_expectations_come_true():
    """R^2, the dynamic test of expectations, Euler errors, and the same economy in NumPy."""
    problem = problems.krusell_smith()
    f = problem.solve("by_moments").value
    for check in problem.checks(f):
        assert check.passed, check
    explained, apart = problem.parameters.economy.expectations(f, jr.key(2))
    assert explained > 0.99999 and apart < 1e-3
    assert problem.parameters.economy.euler_errors(f, jr.key(2)) < 2e-4
    ours, theirs = history_by(problem, f, jr.key(1))
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


class Half:
    """Half of cash is consumed, whatever the state."""

    def moments(self, x):
        return jnp.mean(x["a"])[None]

    def policy(self, moments, z):
        return lambda cash, i: 0.5 * cash, jnp.full(5, 0.3)


def test_many_households_draw_their_incomes_evenly_and_euler_is_that_of_one():
    agents = problems.krusell_smith().parameters.agents(8_000)
    economy, m, f = agents.economy, agents.economy.m, Half()
    x = agents.state(2.0, 0.01)
    x = {**x, "a": jnp.asarray(x["a"])}
    x1 = agents.step(f, x, jnp.array([0.02, 0.3]))
    before, after = x["p"].argmax(axis=1), np.asarray(x1["p"]).argmax(axis=1)
    counts = np.zeros((5, 5))
    np.add.at(counts, (before, after), 1)
    transition = np.asarray(economy.chain.transition)
    np.testing.assert_allclose(counts, transition * counts.sum(axis=1, keepdims=True), atol=8)
    assert abs(np.log(np.mean(x["a"])) - 2.0) < 1e-12 and abs(x1["z"] - 0.9 * 0.01 - 0.02) < 1e-12

    def prices(k, z):
        output = np.exp(z) * k**m.alpha
        return m.alpha * output / k - m.delta, (1 - m.alpha) * output

    r, w = prices(np.exp(2.0), 0.01)
    cash = (1 + r) * np.asarray(x["a"]) + w * economy.incomes[before]
    np.testing.assert_allclose(x1["a"], 0.5 * cash, rtol=1e-12)
    shock, weights = np.asarray(economy.shock.points), np.asarray(economy.shock.weights)
    above, k1, expected = np.array([0.0, 2.0]), np.mean(0.5 * cash), np.zeros((5, 2))
    for e, q in zip(shock, weights, strict=True):
        r, w = prices(k1, m.rho_z * 0.01 + e)
        c1 = 0.5 * ((1 + r) * 0.5 * (0.3 + above)[:, None] + w * economy.incomes)
        expected += q * m.beta * (1 + r) * transition @ (1 / c1).T
    found = np.asarray(agents.euler(f, x, above)).reshape(5, 2)
    np.testing.assert_allclose(found, 1 - 1 / expected / (0.5 * (0.3 + above)), rtol=1e-10)


def test_a_histogram_says_what_capital_will_be():
    """One household's Euler equation at a histogram is that at its log K and the log K to come."""
    problem = problems.krusell_smith(states=2)
    f = problem.choice("by_moments", intervals=6, degree=1, rounds=0).hypothesis(jr.key(0))
    economy = problem.parameters.economy
    x = {"mass": economy.ergodic.initial.point["mass"], "k": jnp.array(1.8), "z": jnp.array(0.01)}
    rows = eqx.filter_jit(economy.at_histogram)(np.array([0.0, 1.0]), f, x)
    following = eqx.filter_jit(economy.step)(f, x, jnp.array(0.0))
    k1 = np.log(np.sum(np.asarray(following["mass"]) * economy.points[0]))
    assert abs(float(rows["rule"]) - float(f.rule(jnp.array([1.8, 0.01])) - k1)) < 1e-12
    exact = eqx.filter_jit(economy.residual)(f, jnp.array([1.0, 1.8, 0.01]), jnp.asarray(k1))
    np.testing.assert_allclose(rows["euler"][2:], exact, rtol=1e-10, atol=1e-12)


@pytest.mark.slow
def test_a_histogram_as_state():
    """No rule is gone by: its households are those of the moments, and Euler's equation holds."""
    problem = problems.krusell_smith(states=3)
    f = problem.solve("by_histogram", intervals=8).value
    for check in problem.checks(f):
        assert check.passed, check
    assert problem.parameters.economy.euler_errors(f, jr.key(2)) < 5e-4
    moments = problem.solve("by_moments", intervals=8).value
    k, other = (problem.parameters.economy.history(g, jr.key(1))["k"] for g in (f, moments))
    np.testing.assert_allclose(k, other, atol=1e-3)
