"""Several starts: solutions that agree, and solutions that do not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


X = fe.Uniform(0.0, 1.0)
GRID = jnp.linspace(0.0, 1.0, 201)


def series(key, degree=12):
    """A Chebyshev series that is a random constant at first."""
    start = jr.choice(key, jnp.array([-1.0, 1.0])) * jr.uniform(key, minval=0.5, maxval=2.0)
    return fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), start=start)


def network(key):
    return fe.MLP("scalar", "scalar", width=16, depth=2, support=(0.0, 1.0), key=key)


def root(f, x, a):
    return f(x) ** 2 - a - x


def decay(a):
    def ode(f, x, a):
        return jax.grad(f)(x) + a * f(x)

    def initial(f, x):
        return f(x) - 1.0

    return fe.Risk(ode, X, args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))


def test_two_isolated_solutions_are_told():
    """f^2 = 1 + x has the two solutions sqrt(1 + x) and -sqrt(1 + x), 2 apart."""
    risk = fe.Risk(root, X, args=(1.0,)).quadrature(16)
    solver = fe.MultiStart(series, starts=5)
    with pytest.raises(fe.SolveError, match="several solutions") as error:
        fe.solve(risk, series(jr.key(0)), solver, key=jr.key(1))
    solution = error.value.solution
    assert bool(solution.result == fe.RESULTS.disagree) and not bool(solution.solved)
    assert float(solution.stats["spread"]) == pytest.approx(2.0, rel=1e-2)
    assert int(solution.stats["starts_solved"]) == 6
    # each alone is a solution, and its solver says so
    values = np.abs(np.asarray(jax.vmap(solution.value)(GRID)))
    np.testing.assert_allclose(values, np.sqrt(1 + GRID), atol=1e-11)


def test_what_should_agree_is_the_users_to_say():
    risk = fe.Risk(root, X, args=(1.0,)).quadrature(16)
    solver = fe.MultiStart(series, starts=5, compare=lambda f, x: f(x) ** 2)
    solution = fe.solve(risk, series(jr.key(0)), solver, key=jr.key(1))
    assert float(solution.stats["spread"]) < 1e-10


@pytest.mark.parametrize("draw", [series, pytest.param(network, marks=pytest.mark.slow)])
def test_one_solution_is_agreed_on(draw):
    risk = decay(1.0).quadrature(32)
    solver = fe.MultiStart(draw, fe.LevenbergMarquardt(max_steps=40), starts=3)
    solution = fe.solve(risk, draw(jr.key(0)), solver, key=jr.key(1))
    assert bool(solution.result == fe.RESULTS.solved)
    stats = solution.stats
    error = np.max(np.abs(jax.vmap(solution.value)(GRID) - np.exp(-GRID)))
    assert float(stats["spread"]) < 1e-6 and error < 1e-6
    assert int(stats["starts_solved"]) == stats["risks"].size == 4
    assert float(solution.risk) == np.min(stats["risks"]) == stats["risks"][int(stats["chosen"])]
    if solution.history is not None:  # starts that run at once keep none
        assert int(stats["steps"]) == len(solution.history)


def test_the_same_key_gives_the_same():
    risk, solver = decay(1.0).quadrature(16), fe.MultiStart(series, starts=2)
    first, other = (fe.solve(risk, series(jr.key(0)), solver, key=jr.key(1)) for _ in range(2))
    np.testing.assert_array_equal(first.value.coefficients, other.value.coefficients)
    np.testing.assert_array_equal(first.stats["spread"], other.stats["spread"])


@pytest.mark.parametrize("seeds", [(7,), pytest.param(range(10), marks=pytest.mark.slow)])
def test_more_weights_than_points(seeds):
    """f' = 1.5 f on [0, 2] with 193 weights on 40 points: each f is right, or its solver or
    fresh points say that it is not. Seed 7 is solved on the sample alone."""

    def ode(f, x):
        return jax.grad(f)(x) - 1.5 * f(x)

    wide = lambda key: fe.MLP(
        "scalar", "scalar", width=12, depth=2, support=(0.0, 2.0), spread=4.0, key=key
    )
    risk = fe.Risk(ode, fe.Uniform(0.0, 2.0))
    risk = risk + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    train = risk.empirical(40, key=jr.key(1))
    fresh = risk.empirical(1_000, key=jr.key(2))
    weights = jax.tree.leaves(eqx.filter(wide(jr.key(0)).net, eqx.is_array))
    assert sum(leaf.size for leaf in weights) == 193
    x = jnp.linspace(0.0, 2.0, 401)
    solver = fe.LevenbergMarquardt(max_steps=60)
    for seed in seeds:
        solution = fe.solve(train, wide(jr.key(seed)), solver, throw=False)
        error = np.max(np.abs(jax.vmap(solution.value)(x) - np.exp(1.5 * x))) / np.exp(3.0)
        said = not bool(solution.solved)
        said = said or not fe.RiskReport(solution.value, train=train, test=fresh).solved
        assert error <= 1e-3 or said, (seed, error)


def test_between_the_points_starts_disagree():
    """37 weights on four points: each start is zero there, and they differ in between."""
    four = fe.Empirical(jnp.array([0.1, 0.4, 0.6, 0.9]), population=X)
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(3 * x), four)
    draw = lambda key: fe.MLP(
        "scalar", "scalar", width=12, depth=1, support=(0.0, 1.0), spread=30.0, key=key
    )
    solution = fe.solve(
        risk, draw(jr.key(0)), fe.MultiStart(draw, starts=3), key=jr.key(1), throw=False
    )
    assert int(solution.stats["starts_solved"]) == 0  # the judge sees it for each by itself
    assert bool(solution.result == fe.RESULTS.disagree)
    assert float(solution.stats["spread"]) > 1e-2


class Economy(eqx.Module):
    demand: fe.Series
    price: jax.Array

    def __init__(self, key):
        self.demand = series(key, 6)
        self.price = jr.uniform(key, minval=-1.0, maxval=1.0)


def test_series_and_numbers_inside_are_compared():
    """demand = x + price^2 with E[demand] = 3 / 4 has the prices 1 / 2 and -1 / 2."""

    def schedule(f, x):
        return f.demand(x) - x - f.price**2

    def market(f):
        return fe.expectation(f.demand, X.quadrature(8)) - 0.75

    risk = fe.Risk(schedule, X).quadrature(8) + fe.Risk(market)
    solver = fe.MultiStart(Economy, starts=6)
    solution = fe.solve(risk, Economy(jr.key(0)), solver, key=jr.key(1), throw=False)
    assert bool(solution.result == fe.RESULTS.disagree)
    # the price is 1 apart at a size of 1 / 2, the demand is the same
    assert float(solution.stats["spread"]) == pytest.approx(2.0, rel=1e-6)
    assert abs(float(solution.value.price)) == pytest.approx(0.5, rel=1e-10)
    same = fe.MultiStart(Economy, starts=6, compare=lambda f, x: f.demand(x))
    assert bool(fe.solve(risk, Economy(jr.key(0)), same, key=jr.key(1)).solved)


def test_where_zero_is_not_expected_the_least_risk_wins():
    """E r^2 of r = (c^2 - 1, (c - 1) / 10) has a local minimum near -1, of another size."""

    def sizes(c):
        return jnp.stack([c**2 - 1.0, (c - 1.0) / 10.0])

    risk = fe.Risk(sizes, tolerance=np.inf)
    draw = lambda key: jr.uniform(key, minval=-2.0, maxval=2.0)
    solution = fe.solve(risk, jnp.asarray(-1.5), fe.MultiStart(draw), key=jr.key(0))
    assert bool(solution.solved)
    assert float(solution.value) == pytest.approx(1.0, abs=1e-8)
    assert np.max(solution.stats["risks"]) > 0.03


def test_without_a_condition_the_reason_is_kept():
    """No start determines f, which is more than that they differ; the spread says by how much."""
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), X).quadrature(16)
    solution = fe.solve(risk, series(jr.key(0)), fe.MultiStart(series), key=jr.key(1), throw=False)
    assert bool(solution.result == fe.RESULTS.not_unique)
    assert int(solution.stats["starts_solved"]) == 0
    assert float(solution.stats["spread"]) > 0.1


@pytest.mark.slow
def test_compiled_mapped_and_differentiated():
    draw = lambda key: series(key, 10)

    def end(a):
        solver = fe.MultiStart(draw, starts=2)
        solution = fe.solve(decay(a).quadrature(14), draw(jr.key(0)), solver, key=jr.key(1))
        return solution.value(1.0), solution.stats["spread"], solution.solved

    a = jnp.array([0.5, 1.0])
    value, spread, solved = jax.jit(jax.vmap(end))(a)
    np.testing.assert_allclose(value, np.exp(-a), rtol=1e-9)
    assert np.all(spread < 1e-8) and np.all(solved)
    slope = jax.grad(lambda a: end(a)[0])(0.5)
    assert float(slope) == pytest.approx(-np.exp(-0.5), rel=1e-7)


def test_disagreement_inside_a_transformation():
    def result(a):
        risk = fe.Risk(root, X, args=(a,)).quadrature(16)
        solver = fe.MultiStart(series, starts=4)
        solution = fe.solve(risk, series(jr.key(0)), solver, key=jr.key(1))
        return solution.result == fe.RESULTS.disagree, solution.stats["starts_solved"]

    disagree, count = jax.jit(result)(1.0)
    assert bool(disagree) and int(count) == 5


def test_inside_other_solvers():
    several = fe.MultiStart(series, fe.LevenbergMarquardt(max_steps=30), starts=2)
    chain = fe.Sequential(several, fe.LevenbergMarquardt())
    solution = fe.solve(decay(1.0).quadrature(24), series(jr.key(0)), chain, key=jr.key(1))
    assert bool(solution.solved)
    again = fe.Resample(fe.MultiStart(series, starts=2), n=24, rounds=2)
    solution = fe.solve(decay(1.0), series(jr.key(0)), again, key=jr.key(1))
    assert bool(solution.solved) and solution.stats["risks"].shape == (2,)


def test_float32():
    draw = lambda key: jax.tree.map(
        lambda leaf: leaf.astype(jnp.float32) if eqx.is_array(leaf) else leaf, series(key)
    )
    solver = fe.MultiStart(draw, starts=2)
    solution = fe.solve(decay(1.0).quadrature(16), draw(jr.key(0)), solver, key=jr.key(1))
    assert solution.value.coefficients.dtype == jnp.float32
    assert float(solution.stats["spread"]) < 1e-4


def test_interrupted_it_keeps_the_best():
    def stop(step, metrics, f):
        if step > 12:
            raise KeyboardInterrupt

    solver = fe.MultiStart(series, starts=4)
    risk = fe.Risk(root, X, args=(1.0,)).quadrature(16)
    with pytest.raises(fe.Interrupted) as error:
        fe.solve(risk, series(jr.key(0)), solver, key=jr.key(1), monitors=(stop,))
    assert float(error.value.solution.risk) < 1e-12


def test_only_a_part_starts_anew():
    f = Economy(jr.key(0))
    risk = fe.Risk(lambda f, x: f.demand(x) - x - f.price**2, X).quadrature(8)
    solver = fe.MultiStart(Economy, starts=3)
    solution = fe.solve(risk, f, solver, only=lambda f: f.demand, key=jr.key(1))
    assert float(solution.value.price) == float(f.price)


@pytest.mark.parametrize(
    "arguments, words",
    (
        (dict(hypothesis_class=3), "`hypothesis_class` must be a function"),
        (dict(hypothesis_class=series(jr.key(0))), r"got Series\(.*a single f: `lambda key: f` is"),
        (dict(hypothesis_class=lambda: 3), r"takes \(\), and is called with \(key\)"),
        (dict(hypothesis_class=series, solver=series), "`solver` must be a solver"),
        (dict(hypothesis_class=series, starts=0), "`starts` must be a whole number"),
        (dict(hypothesis_class=series, compare="value"), "`compare` must be a function"),
        (dict(hypothesis_class=series, tolerance=0.0), "`tolerance` must be a positive"),
    ),
)
def test_bad_input(arguments, words):
    with pytest.raises(ValueError, match=words):
        fe.MultiStart(arguments.pop("hypothesis_class"), arguments.pop("solver", None), **arguments)


def test_what_cannot_be_started_or_compared():
    risk, f = decay(1.0).quadrature(16), series(jr.key(0))
    solve = lambda f, solver, **options: fe.solve(risk, f, solver, **options)
    with pytest.raises(ValueError, match="`key` is missing"):
        solve(f, fe.MultiStart(series))
    with pytest.raises(ValueError, match="drew the same f for two different keys"):
        solve(f, fe.MultiStart(lambda key: f), key=jr.key(0))
    with pytest.raises(ValueError, match="members of the class of `f`"):
        solve(f, fe.MultiStart(lambda key: series(key, 5)), key=jr.key(0))
    with pytest.raises(ValueError, match="`compare` must be a function `compare\\(f, x\\)`"):
        solve(f, fe.MultiStart(series, compare=lambda f: f), key=jr.key(0))

    class Held(eqx.Module):
        net: eqx.nn.MLP

    draw = lambda key: Held(eqx.nn.MLP("scalar", "scalar", 4, 1, key=key))
    risk = fe.Risk(lambda f, x: f.net(x) - x, X).quadrature(8)
    with pytest.raises(ValueError, match="`compare` is missing: f holds a MLP without a domain"):
        fe.solve(risk, draw(jr.key(0)), fe.MultiStart(draw), key=jr.key(0))
