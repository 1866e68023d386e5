"""What a solve and its report say of f: small inputs whose answer is known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


grad = jax.grad
R, U, D = fe.Risk, fe.Uniform, fe.Dirac


def at(value, x=0.0):
    return R(lambda f, x: f(x) - value, D(x), name="condition")


def decay(scale=1.0):
    ode = R(lambda f, x: scale * (grad(f)(x) + f(x)), U(0.0, 2.0))
    return ode + R(lambda f, x: scale * (f(x) - 1.0), D(0.0), name="condition")


def chebyshev(degree, length, **options):
    return fe.Series(fe.Chebyshev(degree, (0.0, length)), **options)


def network(length, seed=0, width=8, depth=1):
    key = jr.key(seed)
    return fe.MLP("scalar", "scalar", width=width, depth=depth, support=(0.0, length), key=key)


def said(risk, f, n=40, solver=None):
    """What the solve says, and what the report says of its f alone; the report on the solution
    says what the solve does."""
    solution = fe.solve(risk.quadrature(n), f, solver, throw=False)
    test = risk.empirical(500, key=jr.key(1))
    report = fe.RiskReport(solution, test=test)
    assert bool(report.solved) == bool(solution.solved), (solution.result, report.verdict)
    return solution, report


@pytest.mark.parametrize("f", [chebyshev(12, 2.0), network(2.0)], ids=["series", "network"])
def test_solved(f):
    solution, report = said(decay(), f)
    assert bool(solution.solved) and report.verdict.startswith("solved: ")
    x = jnp.linspace(0.0, 2.0, 101)
    true = float(jnp.linalg.norm(jax.vmap(solution.value)(x) - jnp.exp(-x)))
    assert true < 1e-6 and float(solution.stats["error"]) < 1e-5
    assert 0.5 < float(solution.stats["conditioning"]) < 2.0
    assert report.error.relative <= 1.5 * float(solution.stats["error"]) + 1e-14


MISSING = {
    "series": chebyshev(12, 2.0, start=1.0),
    "cubic": chebyshev(3, 2.0, start=1.0),
    "spline": fe.Series(fe.BSpline(12, (0.0, 2.0)), start=1.0),
    "elements": fe.Series(fe.SpectralElements(6, np.linspace(0, 2, 3)), start=1.0),
    "network": network(2.0),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_condition_is_not_solved_by_any_class(kind):
    risk = R(lambda f, x: grad(f)(x) - f(x) + x, U(0.0, 2.0))
    solution, report = said(risk, MISSING[kind])
    assert solution.result == fe.RESULTS.not_unique
    assert bool(solution.failed) and "not" in report.verdict
    # e^x, which grows, is what is missing
    assert solution.stats["freest"] > 1.9 and "most of all at x = " in report.error.sentence
    with pytest.raises(fe.SolveError, match="f is free most of all at x = "):
        fe.solve(risk.quadrature(40), MISSING[kind])


WRONG = {
    "growing mode": (
        R(lambda f, x: grad(grad(f))(x) - f(x), U(0.0, 15.0))
        + at(1.0)
        + R(lambda f, x: grad(f)(x) + 1, D(0.0)),
        15.0,
    ),
    "small condition": (R(lambda f, x: grad(f)(x) - 3 * f(x), U(0.0, 6.0)) + at(1e-6), 6.0),
    "rest point": (
        R(lambda f, x: grad(f)(x) - 5 * f(x) * (1 - 1e8 * f(x)), U(0.0, 2.0)) + at(1e-9),
        2.0,
    ),
    "contradiction": (
        R(lambda f, x: grad(f)(x) + f(x), U(0.0, 2.0)) + at(1.0) + at(2.0, 1.0),
        2.0,
    ),
    "no solution": (R(lambda f, x: f(x) ** 2 + 1.0, U(0.0, 1.0)), 1.0),
}


@pytest.mark.parametrize("name", WRONG)
def test_small_and_wrong(name):
    risk, length = WRONG[name]
    solution, _ = said(risk, chebyshev(5, length, start=0.1))
    assert not bool(solution.solved)
    assert not fe.RiskReport(solution.value, test=risk.quadrature(50)).solved


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e4, 1e8])
@pytest.mark.parametrize("degree", [2, 8])
def test_the_unit_of_a_residual_changes_nothing(scale, degree):
    here, _ = said(decay(scale), chebyshev(degree, 2.0))
    there, _ = said(decay(), chebyshev(degree, 2.0))
    assert here.result == there.result
    np.testing.assert_allclose(here.stats["error"], there.stats["error"], rtol=1e-3, atol=1e-13)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_nor_does_it_for_a_network(scale):
    solution, _ = said(decay(scale), network(2.0))
    assert bool(solution.solved) and float(solution.stats["error"]) < 1e-6


@pytest.mark.parametrize("length", [1e-8, 1.0, 1e8])
def test_the_unit_of_x_changes_nothing(length):
    """In a small unit f' outweighs the condition on f by 1e8, and a least-squares solution misses
    it for the sake of a layer that the series has not."""
    stiff = lambda f, x: grad(f)(x) * length + 1e3 * (f(x) - jnp.cos(x / length))
    risk = R(stiff, U(0.0, length)) + at(2.0)
    solution, _ = said(risk, chebyshev(16, length))
    assert not bool(solution.solved) and float(solution.stats["error"]) > 1e-3
    gentle = lambda f, x: grad(f)(x) * length + f(x)
    solution, _ = said(R(gentle, U(0.0, length)) + at(1.0), chebyshev(16, length))
    assert bool(solution.solved) and float(solution.stats["error"]) < 1e-9


@pytest.mark.parametrize("start", [(), (1.0,)], ids=["no condition", "condition"])
@pytest.mark.parametrize("degree", [16, 32])
def test_a_mode_that_the_series_has_not(degree, start):
    """e^(10 x) grows by 1e13, so that the condition at 0 decides nothing; a polynomial of degree
    16 has none of it, and its solve sees nothing missing."""
    risk = R(lambda f, x: grad(f)(x) - 10 * (f(x) - jnp.cos(x)) + jnp.sin(x), U(0.0, 3.0))
    risk = risk + at(*start) if start else risk
    solution, _ = said(risk, chebyshev(degree, 3.0))
    assert solution.result == fe.RESULTS.not_unique
    assert solution.stats["freest"] > 2.9
    # what is not determined may be as wrong as the residuals allow
    assert float(solution.stats["error"]) > 1e-6


@pytest.mark.parametrize("power, known", [(1.0, True), (0.5, False)])
def test_zero_is_a_solution_where_the_residual_has_a_slope(power, known):
    right = (lambda y: y) if power == 1 else (lambda y: jnp.sqrt(jnp.abs(y) + 1e-300))
    risk = R(lambda f, x: grad(f)(x) - 2 * right(f(x)), U(0.0, 1.0)) + at(0.0)
    solution, _ = said(risk, chebyshev(12, 1.0))
    assert bool(solution.solved) == known
    assert np.isfinite(solution.stats["error"]) == known


class Wave(eqx.Module):
    """tanh(w (x - c))."""

    weights: jax.Array

    def __call__(self, x):
        return jnp.tanh(self.weights[0] * (x - self.weights[1]))


def test_a_front_that_may_move():
    """Fronts tanh((x - c) / sqrt(2 e)) leave residuals of e^(-14) at the ends alone, for any c. No
    polynomial of moderate degree follows that; the network itself does."""
    steep = 1 / np.sqrt(0.02)
    wave, end = Wave(jnp.array([steep, 0.0])), float(np.tanh(steep))
    risk = R(lambda f, x: 0.01 * grad(grad(f))(x) - f(x) ** 3 + f(x), U(-1.0, 1.0))
    risk = risk + at(end, 1.0) + at(-end, -1.0)
    estimate = fe.error_estimate(risk, wave)
    assert estimate.conditioning < 1e-6


def test_the_accuracy_that_was_asked_for():
    f = chebyshev(5, 2.0)
    loose, _ = said(decay(), f)
    strict = fe.solve(decay().quadrature(40), f, fe.LevenbergMarquardt(accuracy=1e-9), throw=False)
    assert bool(loose.solved) and strict.result == fe.RESULTS.not_zero
    test = decay().quadrature(30)
    assert not fe.RiskReport(loose, test=test, accuracy=1e-9).solved
    with pytest.raises(ValueError, match="`accuracy`"):
        fe.LevenbergMarquardt(accuracy=0.0)


def test_a_tolerance_is_a_further_condition():
    ode = R(lambda f, x: grad(f)(x) + f(x), U(0.0, 2.0), tolerance=1e-9)
    solution, report = said(ode + at(1.0), chebyshev(5, 2.0))
    assert solution.result == fe.RESULTS.not_zero and "above its tolerance" not in report.verdict
    assert float(solution.stats["error"]) < 1e-3
    bare = fe.RiskReport(solution.value, test=(ode + at(1.0)).quadrature(30))
    assert "above its tolerance" in bare.verdict


ENDS = {
    "boundary": fe.Uniform(-1.0, 1.0).boundary(),
    "mixture": fe.Mixture(fe.Dirac(-1.0), fe.Dirac(1.0)),
    "no more is known": fe.Empirical(np.array([-1.0, 1.0])),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_ends_of_an_interval_are_all_there_is_of_its_boundary(name):
    waves = lambda f, x: jax.grad(jax.grad(f))(x) + f(x)
    known = lambda f, x: f(x) - jnp.sin(x)
    risk = fe.Risk(waves, fe.Uniform(-1.0, 1.0)) + fe.Risk(known, ENDS[name])
    solution = fe.solve(risk.quadrature(24), fe.Series(fe.Chebyshev(16, (-1.0, 1.0))))
    assert abs(solution.value(0.5) - np.sin(0.5)) < 1e-12
    expected = fe.RESULTS.on_sample if name == "no more is known" else fe.RESULTS.solved
    assert solution.result == expected


def test_data_are_no_fresh_points():
    """sin(2 pi 48 x) on 49 points: zero at all of them, and 302 beside them."""
    k = 2 * np.pi * 48
    points = fe.Empirical(np.linspace(0, 1, 49))
    wave = R(lambda f, x: grad(f)(x) - k * jnp.cos(k * x), points)
    risk = wave + at(0.0)
    solution, report = said(risk, chebyshev(16, 1.0))
    assert solution.result == fe.RESULTS.on_sample and not bool(solution.failed)
    assert "sample alone" in report.verdict and "fresh" not in report.verdict
    known = fe.Empirical(np.linspace(0, 1, 49), population=U(0.0, 1.0))
    solution = fe.solve(risk.on(known), chebyshev(16, 1.0), throw=False)
    assert not bool(solution.solved) and float(solution.stats["error"]) > 0.5


def test_an_overfitted_network_is_told_so():
    """More weights than points, and a target that these do not determine."""
    rough = R(lambda f, x: f(x) - jnp.sin(60 * x), U(0.0, 1.0))
    solution = fe.solve(rough.quadrature(9), network(1.0, width=24, depth=2), throw=False)
    assert solution.result == fe.RESULTS.overfitted
    with pytest.raises(fe.SolveError, match="overfitted"):
        fe.solve(rough.quadrature(9), network(1.0, width=24, depth=2))


class Shares(eqx.Module):
    """Two shares by a softmax over all of two logits, which a common change leaves alone."""

    logits: fe.Series

    def __call__(self, x):
        return jax.nn.softmax(self.logits(x))


def test_a_gauge_is_no_missing_condition():
    f = Shares(fe.Series(fe.Chebyshev(8, (0.0, 1.0)), out_size=2))
    target = lambda x: jnp.stack([0.2 + 0.5 * x, 0.8 - 0.5 * x])
    risk = R(lambda f, x: f(x) - target(x), U(0.0, 1.0))
    solution, _ = said(risk, f)
    assert bool(solution.solved)


def test_a_saturated_bound_is_no_missing_condition():
    share = fe.Bounded(chebyshev(10, 1.0))
    target = lambda x: jax.nn.sigmoid(60 * (x - 0.5))
    risk = R(lambda f, x: f(x) - target(x), U(0.0, 1.0))
    solution, _ = said(risk, share)
    assert bool(solution.solved)


def test_a_removable_singularity():
    risk = R(lambda f, x: fe.derivative(f, 2)(x) + grad(f)(x) / x + f(x), U(0.0, 10.0)) + at(1.0)
    solution, _ = said(risk, chebyshev(32, 10.0), n=64)
    assert bool(solution.solved) and float(solution.stats["error"]) < 1e-9


def test_a_regression_expects_no_zero():
    x = np.linspace(0, 1, 30)
    y = x + 0.1 * np.sin(40 * x)
    risk = R(lambda f, p: f(p[0]) - p[1], fe.Empirical((x, y)), tolerance=np.inf)
    solution = fe.solve(risk, chebyshev(1, 1.0))
    assert bool(solution.solved) and "error" not in solution.stats


def test_optax_ran_or_solved_and_never_fails():
    few = fe.Optax(optax.adam(1e-3), num_steps=5, batch_size=16)
    solution = fe.solve(decay(), network(2.0), few, key=jr.key(0))
    assert solution.result == fe.RESULTS.ran and not bool(solution.solved)
    assert float(solution.stats["error"]) > 1e-2
    start = fe.solve(decay(), network(2.0)).value
    solution = fe.solve(
        decay(), start, fe.Optax(optax.adam(1e-8), num_steps=5, batch_size=16), key=jr.key(0)
    )
    assert bool(solution.solved)


def test_only_what_was_solved_for_is_judged():
    class Pair(eqx.Module):
        f: fe.Series
        price: jax.Array

        def __call__(self, x):
            return self.f(x)

    risk = R(lambda f, x: f(x) - f.price * x, U(0.0, 1.0))
    f = Pair(chebyshev(3, 1.0), jnp.asarray(2.0))
    held = fe.solve(risk.quadrature(10), f, only=lambda f: f.f)
    assert bool(held.solved) and fe.RiskReport(held, test=risk.quadrature(9)).solved
    free = fe.solve(risk.quadrature(10), f, throw=False)
    assert free.result == fe.RESULTS.not_unique


# Points chosen by the solver.


@pytest.mark.parametrize(
    "f",
    [
        chebyshev(None, 2.0),
        chebyshev(12, 2.0),
        fe.Series(fe.BSpline(20, (0.0, 2.0))),
        fe.Series(fe.SpectralElements(6, np.linspace(0, 2, 4))),
        network(2.0),
    ],
    ids=["free degree", "degree 12", "spline", "elements", "network"],
)
def test_a_population_has_its_points_chosen(f):
    solution = fe.solve(decay(), f)
    assert bool(solution.solved) and int(solution.stats["points"]) > 2
    x = jnp.linspace(0.0, 2.0, 101)
    error = float(jnp.max(jnp.abs(jax.vmap(solution.value)(x) - jnp.exp(-x))))
    assert error < 1e-4 and error < 30 * float(solution.stats["error"]) + 1e-13


def test_more_points_are_taken_where_they_are_needed():
    """A network that 64 points let overfit."""
    wave = R(lambda f, x: f(x) - jnp.sin(25 * x), U(0.0, 1.0))
    f = network(1.0, width=32, depth=2)
    chosen = fe.solve(wave, f, throw=False)
    few = fe.solve(wave.quadrature(8), f, throw=False)
    assert not bool(few.solved)
    assert bool(chosen.solved) and float(chosen.stats["error"]) <= 1e-3
    small = fe.LevenbergMarquardt(budget=70)
    assert int(fe.solve(wave, f, small, throw=False).stats["points"]) <= 70


def test_two_coordinates_and_many():
    box = U([0.0, 0.0], [1.0, 1.0])
    f = fe.Series(fe.Tensor(fe.Chebyshev(6, (0.0, 1.0)), fe.Chebyshev(6, (0.0, 1.0))))
    target = R(lambda f, x: f(x) - jnp.exp(x[0]) * jnp.sin(x[1]), box)
    assert float(fe.solve(target, f).stats["error"]) < 1e-5
    cube = U(np.zeros(5), np.ones(5))
    line = eqx.nn.Linear(5, "scalar", key=jr.key(0))
    solution = fe.solve(R(lambda f, x: f(x) - 2 * jnp.sum(x) - 1, cube), line)
    np.testing.assert_allclose(solution.value.weight, 2 * np.ones((1, 5)), rtol=1e-9)


def test_a_population_inside_a_program():
    def at_one(a):
        ode = R(lambda f, x, a: grad(f)(x) - a * f(x), U(0.0, 1.0), args=(a,))
        return fe.solve(ode + at(1.0), chebyshev(12, 1.0)).value(1.0)

    rates = jnp.asarray([-1.0, -2.0])
    np.testing.assert_allclose(jax.vmap(at_one)(rates), np.exp(rates), rtol=1e-11)
    np.testing.assert_allclose(jax.grad(at_one)(-1.0), np.exp(-1.0), rtol=1e-10)


def test_host_and_program_say_the_same():
    def solve(a, degree):
        ode = R(lambda f, x, a: grad(f)(x) - a * f(x), U(0.0, 1.0), args=(a,))
        s = fe.solve((ode + at(1.0)).quadrature(20), chebyshev(degree, 1.0), throw=False)
        return s.solved, s.stats["error"]

    for degree, solved in ((14, True), (2, False)):
        inside, error = jax.jit(lambda a, d=degree: solve(a, d))(-3.0)
        outside, other = solve(-3.0, degree)
        assert bool(inside) == bool(outside) == solved
        assert float(other) / 30 < float(error) < 30 * float(other) + 1e-13


def test_an_estimate_that_is_just_below_the_accuracy_says_why_it_is_not_enough():
    ode = R(lambda f, x: grad(f)(x) + f(x), U(0.0, 1.0))
    risk, f = (ode + at(1.0)).quadrature(20), chebyshev(3, 1.0)
    error = float(fe.solve(risk, f, throw=False).stats["error"])
    with pytest.raises(fe.SolveError, match="not clearly below the accuracy"):
        fe.solve(risk, f, fe.LevenbergMarquardt(accuracy=1.5 * error))
    with pytest.raises(fe.SolveError) as raised:
        fe.solve(risk, f, fe.LevenbergMarquardt(accuracy=0.1 * error))
    assert "estimated relative error of f" in str(raised.value)
    assert "not clearly" not in str(raised.value)
