"""Hamilton-Jacobi-Bellman equations of the catalogue: right where they are anchored, and never
called solved where they are not and the solution is another one."""

import dataclasses

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from references_hjb import best_flow, saddle_policy

import fesolve as fe
from fesolve import cli, problems


def points_of(problem):
    return jnp.linspace(*problem.risk.terms[0].population.support, 401)


def l2(problem, f, name="consumption"):
    """The relative L2 error of one of the exact functions."""
    x = points_of(problem)
    truth = jax.vmap(problem.exact[name])(x)
    return float(jnp.linalg.norm(jax.vmap(getattr(f, name))(x) - truth) / jnp.linalg.norm(truth))


def verdict(problem, f):
    fresh = problem.risk.empirical(500, key=jr.key(5))
    return fe.RiskReport(f, test=fresh, exact=problem.exact, checks=problem.checks(f))


def off(problem, f):
    """The largest relative error among the references, by their tolerances."""
    return max(
        abs(float(r.quantity(f)) / r.value - 1) / r.tolerance for r in problem.references.values()
    )


# The closed forms are those of others: brute force agrees.


def test_the_cake_is_eaten_as_brute_force_would():
    m = problems.cake_eating_hjb().parameters
    exact = problems.cake_eating_hjb().exact
    assert float(exact["value"](1.0)) == pytest.approx(-625.0, rel=1e-12)
    flow, choice = best_flow(
        lambda a: float(exact["value"](a)), 2.0, lambda c: m.r * 2.0 - c, [0.1], gamma=m.gamma
    )
    assert flow == pytest.approx(m.rho * float(exact["value"](2.0)), rel=1e-6)
    assert choice[0] == pytest.approx(float(exact["consumption"](2.0)), rel=1e-5)


def test_the_portfolio_is_as_brute_force_would_have_it():
    problem = problems.merton()
    m, exact = problem.parameters, problem.exact
    assert m.portfolio == pytest.approx(0.4166666667, rel=1e-9)
    assert m.share == pytest.approx(0.0369444444, rel=1e-8)
    assert float(exact["value"](1.0)) == pytest.approx(-9915.681850, rel=1e-8)
    flow, choice = best_flow(
        lambda w: float(exact["value"](w)),
        2.0,
        lambda c, pi: (m.r + pi * (m.mu - m.r)) * 2.0 - c,
        [0.1, 0.3],
        gamma=m.gamma,
        diffusion=lambda pi: pi * m.sigma * 2.0,
    )
    assert flow == pytest.approx(m.rho * float(exact["value"](2.0)), rel=1e-6)
    np.testing.assert_allclose(choice, [2.0 * m.share, m.portfolio], rtol=1e-5)


# Anchored.


@pytest.mark.parametrize(
    "parameters",
    [{}, pytest.param({"gamma": 0.5, "rho": 0.04, "r": 0.02}, marks=pytest.mark.slow)],
)
def test_cake_eating_by_series(parameters):
    problem = problems.cake_eating_hjb(**parameters)
    f = problem.solve().value
    assert l2(problem, f) <= 1e-12
    assert off(problem, f) <= 1e-4


def test_merton_by_series():
    problem = problems.merton()
    f = problem.solve().value
    assert max(l2(problem, f, name) for name in problem.exact) <= 1e-12


GROWTH = dict(gamma=2.0, alpha=0.3, delta=0.05, rho=0.05)


def test_growth_by_series_follows_the_saddle_path():
    problem = problems.growth_hjb()
    f = problem.solve().value
    m = problem.parameters
    assert m.k_steady == pytest.approx(4.8039866567, rel=1e-10)
    assert m.c_steady == pytest.approx(1.3611295527, rel=1e-10)
    published = [0.5257239401, m.c_steady, 1.8775141502]
    at = m.k_steady * np.array([0.1, 1.0, 2.0])
    np.testing.assert_allclose(jax.vmap(f.consumption)(at), published, rtol=2e-10)
    k = m.k_steady * np.array([0.1, 0.3, 0.9, 1.2, 2.0])
    np.testing.assert_allclose(jax.vmap(f.consumption)(k), saddle_policy(k, **GROWTH), rtol=1e-9)
    report = verdict(problem, f)
    assert report.solved and {check.name for check in report.checks} == {
        "stability",
        "transversality",
    }


@pytest.mark.slow
def test_growth_has_a_closed_form():
    problem = problems.growth_hjb(gamma=0.3)
    assert problem.parameters.share == pytest.approx(0.2833333333, rel=1e-9)
    assert l2(problem, problem.solve().value) <= 1e-11


@pytest.mark.slow
def test_growth_by_its_value():
    problem = problems.growth_hjb(unknown="value")
    f = problem.solve().value
    k = problem.parameters.k_steady * np.array([0.1, 0.5, 0.9, 1.2, 2.0])
    np.testing.assert_allclose(jax.vmap(f.consumption)(k), saddle_policy(k, **GROWTH), rtol=1e-7)


def test_growth_by_a_network():
    problem = problems.growth_hjb()
    f = problem.solve("mlp", key=jr.key(3)).value
    k = problem.parameters.k_steady * np.array([0.1, 0.5, 0.9, 1.2, 2.0])
    np.testing.assert_allclose(jax.vmap(f.consumption)(k), saddle_policy(k, **GROWTH), rtol=1e-9)


@pytest.mark.slow
def test_merton_by_a_network():
    problem = problems.merton()
    f = problem.solve("mlp", key=jr.key(1)).value
    assert l2(problem, f) <= 1e-5 and l2(problem, f, "portfolio") <= 1e-5


@pytest.mark.slow
def test_consumption_moves_with_interest_as_differences_say():
    """d c / d r at given values at the ends, by the implicit function theorem."""
    problem = problems.merton()
    f = problem.choice(degree=10).hypothesis(jr.key(0))
    term = problem.risk.terms[0]

    def consumption(r):
        risk = fe.Risk(term.residual, term.distribution, args=(term.args[0], r, term.args[2]))
        return fe.solve(risk.quadrature(14), f).value.consumption(2.0)

    h = 1e-4
    difference = (consumption(0.02 + h) - consumption(0.02 - h)) / (2 * h)
    assert float(jax.grad(consumption)(0.02)) == pytest.approx(float(difference), rel=1e-5)


# Not anchored.


def test_growth_without_its_anchor_has_other_solutions():
    """With residuals of zero, on fresh points as well: rank, stability and transversality tell."""
    problem = problems.growth_hjb(anchor=False)
    choice, fresh = problem.choice(), problem.risk.empirical(500, key=jr.key(5))
    sample = choice.sample(problem.risk, choice.points, jr.key(0))
    wrong = []
    for seed in range(12):
        f = choice.hypothesis(jr.key(seed))
        solution = fe.solve(sample, f, fe.LevenbergMarquardt(), throw=False)
        c = float(solution.value.consumption(problem.parameters.k_steady))
        off = c / problem.parameters.c_steady - 1
        # never solved and wrong
        assert not bool(solution.solved) or abs(off) < 1e-8
        if float(solution.risk) < 1e-20 and off < -0.1:
            wrong.append(solution)
    assert wrong
    f = wrong[0].value
    assert bool(wrong[0].result == fe.RESULTS.not_unique)
    assert "not determined" in fe.RiskReport(f, test=fresh).verdict
    report = verdict(problem, f)
    assert not report.solved
    assert [check.passed for check in report.checks] == [False, False]


@pytest.mark.slow
def test_growth_without_its_anchor_starts_disagree():
    problem = problems.growth_hjb(anchor=False)
    solution = problem.solve(throw=False)
    assert not bool(solution.solved)
    assert float(solution.stats["spread"]) > 0.1


def test_a_cake_without_its_anchor_is_not_determined():
    problem = problems.cake_eating_hjb(anchor=False)
    solution = problem.solve(throw=False)
    assert bool(solution.result == fe.RESULTS.not_unique)
    good = problems.cake_eating_hjb().solve()
    smallest = [float(s.stats["conditioning"]) for s in (solution, good)]
    assert smallest[0] < 1e-2 * smallest[1]


@pytest.mark.parametrize(
    "name", [pytest.param("cake_eating_hjb", marks=pytest.mark.slow), "growth_hjb"]
)
def test_the_command_line_does_not_call_them_solved(name, tmp_path, capsys):
    status = cli.run(["solve", name, "--anchor", "false", "--out", str(tmp_path)])
    assert status == 1
    assert f"{name} was not solved" in capsys.readouterr().err


# Parameters without a solution.


@pytest.mark.parametrize(
    "name, parameters, words",
    (
        ("cake_eating_hjb", {"gamma": 0.5, "rho": 0.01}, "the value of eating later is infinite"),
        ("cake_eating_hjb", {"gamma": 1.0}, "`gamma` must not be 1"),
        ("cake_eating_hjb", {"rho": -0.05}, "`rho` must be a finite number above 0"),
        ("cake_eating_hjb", {"a_high": 0.1}, "`a_high` must lie above"),
        ("growth_hjb", {"alpha": 1.0}, "`alpha` must lie between 0 and 1"),
        ("growth_hjb", {"rho": 0.0}, "`rho` must be a finite number above 0"),
        ("growth_hjb", {"delta": -0.1}, "`delta` must be 0 or more"),
        ("growth_hjb", {"k_low": 1.5}, "must have the steady state, 1, between them"),
        ("growth_hjb", {"gamma": 1.0, "unknown": "value"}, "`gamma` must not be 1"),
        ("merton", {"gamma": 0.5, "rho": 0.01}, "the value of waiting is infinite"),
        ("merton", {"sigma": 0.0}, "`sigma` must be a finite number above 0"),
        ("merton", {"w_high": 0.5}, "`w_high` must lie above"),
    ),
)
def test_parameters_without_a_solution_are_refused(name, parameters, words):
    with pytest.raises(ValueError, match=words):
        problems.catalogue[name](**parameters)


@pytest.mark.slow
def test_logarithmic_growth_has_a_policy():
    problem = problems.growth_hjb(gamma=1.0)
    f = problem.solve().value
    k = problem.parameters.k_steady * np.array([0.1, 2.0])
    exact = saddle_policy(k, **dict(GROWTH, gamma=1.0))
    np.testing.assert_allclose(jax.vmap(f.consumption)(k), exact, rtol=1e-8)


# Longer ones.


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["cake_eating_hjb", "merton"])
def test_closed_forms_by_networks(name, seed):
    problem = problems.catalogue[name]()
    f = problem.solve("mlp", key=jr.key(seed)).value
    assert l2(problem, f) <= 1e-5
    assert verdict(problem, f).solved


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_growth_by_networks(seed):
    problem = problems.growth_hjb()
    assert off(problem, problem.solve("mlp", key=jr.key(seed)).value) <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["cake_eating_hjb", "growth_hjb"])
def test_networks_without_an_anchor_are_right_or_say_so(name, seed):
    problem = problems.catalogue[name](anchor=False)
    solution = problem.solve("mlp", key=jr.key(seed), throw=False)
    said = not bool(solution.solved) or not verdict(problem, solution.value).solved
    assert said or off(problem, solution.value) <= 1.0


@pytest.mark.slow
def test_in_float32():
    problem = problems.growth_hjb()
    choice = problem.choice(degree=10)
    cast = lambda leaf: leaf.astype(jnp.float32) if isinstance(leaf, jax.Array) else leaf
    f = jax.tree.map(cast, choice.hypothesis(jr.key(0)))
    f = fe.solve(problem.risk.quadrature(20), f).value
    k = problem.parameters.k_steady * np.array([0.1, 0.5, 2.0])
    found = jax.vmap(f.consumption)(jnp.asarray(k, jnp.float32))
    np.testing.assert_allclose(found, saddle_policy(k, **GROWTH), rtol=1e-4)


def test_the_parameters_are_kept():
    problem = problems.growth_hjb(gamma=3.0, anchor=False)
    assert dataclasses.asdict(problem.parameters)["gamma"] == 3.0
