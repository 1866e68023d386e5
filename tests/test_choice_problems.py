"""Problems of discrete choice, against value iteration in NumPy."""

import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from references import agrees
from references_choices import retirement, Sovereign

from fesolve import problems


def test_a_sovereign_defaults_as_often_as_on_a_fine_grid():
    problem = problems.sovereign_default()
    solution = problem.solve("spline")
    assert solution.solved and solution.stats["contracting"]
    agrees(problem, solution.value)


def test_what_is_refused_of_a_sovereign():
    for given, message in (
        ({"gamma": 1.0}, "`gamma` must be above 1"),
        ({"r": 0.06}, r"`beta` \(1 \+ `r`\) must be below 1"),
        ({"scale": -1.0}, "`scale` must be at least 0"),
        ({"continuous": True}, "at least 15; got 9: take 25"),
        ({"continuous": True, "states": 25, "scale": 0.1}, "`scale` is for the incomes of a chain"),
    ):
        with pytest.raises(ValueError, match=message):
            problems.sovereign_default(**given)


@pytest.mark.slow
def test_the_policy_of_a_sovereign_and_the_way_to_no_shocks():
    problem = problems.sovereign_default()
    theirs = Sovereign(801)
    for name, value in theirs.moments().items():
        assert value == pytest.approx(problem.references[name].value, rel=1e-3), name
    f = problem.solve("spline", intervals=60).value
    values = np.asarray(jax.vmap(f)(jnp.asarray(theirs.b))).T
    assert np.max(np.abs(values - theirs.value)) < 1e-3
    # by a path from large shocks to taste to none
    solution = problem.solve("to_no_shocks")
    assert solution.solved
    agrees(problem, solution.value)


@pytest.mark.slow
def test_a_sovereign_whose_income_is_continuous():
    """Against value iteration that divides debts and incomes, whose moments it has to 2e-4."""
    problem = problems.sovereign_default(continuous=True, states=25)
    solution = problem.solve()
    f = solution.value
    agrees(problem, f)
    # the error of f is that against a finer spline, of the incomes where it is largest
    b = jnp.linspace(-0.35, 0.15, 2_001)
    ours, finer = (
        np.asarray(jax.vmap(g)(b)) for g in (f, problem.solve(intervals=90, throw=False).value)
    )
    error = np.sqrt(((ours - finer) ** 2).mean(axis=0) / (finer**2).mean(axis=0)).max()
    assert solution.solved and not solution.stats["error_is_bound"]
    assert error / 3 < float(solution.stats["error"]) < 3 * error
    theirs = Sovereign(801, nodes=161, tolerance=5e-6, kept_policies=10)
    for name, value in theirs.moments().items():
        assert value == pytest.approx(problem.references[name].value, abs=2e-4), name
    b = jnp.asarray(theirs.b)
    # at mean income, and 2 standard deviations below and above
    at = np.array([48, 80, 112])
    values = np.asarray(jax.vmap(f)(b)).T[[6, 12, 18]]
    np.testing.assert_allclose(values, theirs.value[at], atol=5e-4)
    for (name, price), i in zip(problem.functions(f).items(), at, strict=True):
        off = np.abs(np.asarray(jax.jit(jax.vmap(price))(b)) - theirs.price[i])
        assert off.mean() < 2e-4 and off.max() < 5e-3, name


@pytest.mark.slow
def test_shocks_to_taste_smooth_the_decision():
    """As their scale falls, values fall to those without."""
    at = lambda scale: problems.sovereign_default(scale=scale).solve("spline").value
    values = [np.asarray(jax.vmap(at(s))(jnp.linspace(-0.3, 0.1, 41))) for s in (0.02, 0.002, 0.0)]
    gaps = [np.max(np.abs(v - values[2])) for v in values[:2]]
    assert gaps[1] < 0.3 * gaps[0]


def test_the_reference_for_retirement_converges():
    """DC-EGM on half as many savings, and the last choice in closed form: of wealth m and an income
    to come, a share for each of two periods, where something is saved."""
    coarse, fine = (retirement(420 * np.linspace(0, 1, n) ** 2)[0] for n in (1_001, 2_001))
    wealth = np.linspace(25.0, 300.0, 60)
    np.testing.assert_allclose(fine[0](wealth)[1], coarse[0](wealth)[1], atol=1e-3)
    np.testing.assert_allclose(fine[18](wealth)[0], (wealth + 20.0) / 1.98, rtol=1e-9)


@pytest.mark.slow
def test_retirement_against_dcegm():
    """At all ages, off the jumps of consumption, with shocks to taste and without."""
    model = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "retirement.py"))
    wealth = np.exp(np.linspace(np.log(10.5), np.log(300.0), 200))
    for values, scale, share in ((model["smooth"], 0.05, 0.95), (model["sharp"], 0.0, 0.75)):
        theirs, _ = retirement(420 * np.linspace(0, 1, 4_001) ** 2, scale=scale)
        for t in range(18):
            c, v = theirs[t](wealth)
            at = lambda m, t=t, values=values, s=scale: model["consumption"](m, values[t + 1], t, s)
            ours = np.asarray(jax.vmap(at)(jnp.asarray(wealth)))
            worth = np.asarray(jax.vmap(values[t])(jnp.log(wealth)))
            assert np.max(np.abs(worth - v)) < 2e-3
            off = np.abs(ours / c - 1)
            assert np.median(off) < 5e-5 and np.mean(off < 1e-3) > share
