"""`jit`, `vmap` and derivatives through a solve: lanes that end differently, what hides in
closures, what is compiled, and networks with more weights than rows."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations

import fesolve as fe


SERIES = fe.Series(fe.Chebyshev(8, (0.0, 1.0)))


def match(f, x, a):
    return f(x) - jnp.exp(a * x)


def risk(a, n=12):
    return fe.Risk(match, fe.Uniform(0.0, 1.0), args=(a,)).quadrature(n)


def at_one(a, solver=None):
    return fe.solve(risk(a), SERIES, solver).value(1.0)


def test_under_jit_where_nothing_is_traced():
    fixed = risk(-1.0)
    value = jax.jit(lambda: fe.solve(fixed, SERIES).value(1.0))()
    np.testing.assert_allclose(value, np.exp(-1.0), atol=1e-9)
    _, values = jax.lax.scan(lambda c, _: (c, fe.solve(fixed, SERIES).value(c)), 1.0, None, 2)
    np.testing.assert_allclose(values, [value, value], rtol=1e-14)


def test_lanes_may_end_differently_and_nothing_raises():
    members = [fe.RESULTS.solved, fe.RESULTS.not_zero, fe.RESULTS.non_finite]

    def lane(a, level):
        scaled = fe.Risk(lambda c, a, level: jnp.log(a) * (c - 1) + level, args=(a, level))
        known = fe.Risk(lambda c: c - 1.0)
        solution = fe.solve(scaled + known, jnp.asarray(0.5))
        return [solution.result == member for member in members], solution.value

    ends, values = jax.vmap(lane)(jnp.asarray([2.0, 2.0, -1.0]), jnp.asarray([0.0, 0.5, 0.0]))
    np.testing.assert_array_equal(np.asarray(ends), np.eye(3, dtype=bool))
    np.testing.assert_allclose(values[0], 1.0)
    # what is not finite says so, to whoever looks at f alone
    np.testing.assert_array_equal(np.isnan(np.asarray(values)), [False, False, True])


def test_without_throw_the_solution_comes_back_with_its_numbers():
    solution = fe.solve(risk(30.0), SERIES, throw=False)
    assert not bool(solution.solved)
    with pytest.raises(fe.SolveError) as error:
        fe.solve(risk(30.0), SERIES)
    np.testing.assert_allclose(error.value.solution.risk, solution.risk)
    np.testing.assert_allclose(risk(30.0)(solution.value), solution.risk, rtol=1e-9)
    for number in solution.stats.values():
        assert isinstance(number, np.ndarray | jax.Array)
    np.testing.assert_allclose(solution.stats["rms"][0] ** 2, solution.risk, rtol=1e-9)


def test_forward_reverse_and_nested_derivatives():
    exact = lambda a: jnp.exp(a)
    for transform in (jax.jacfwd, jax.grad, jax.hessian):
        np.testing.assert_allclose(transform(at_one)(-0.5), transform(exact)(-0.5), rtol=1e-6)
    rates = jnp.asarray([-1.0, 0.3])
    np.testing.assert_allclose(jax.vmap(jax.grad(at_one))(rates), jnp.exp(rates), rtol=1e-6)


def hidden(a):
    return fe.Risk(lambda f, x: f(x) - a * x, fe.Uniform(0.0, 1.0)).quadrature(12)


def test_a_parameter_hidden_in_a_closure():
    np.testing.assert_allclose(fe.solve(hidden(2.0), SERIES).value(1.0), 2.0, rtol=1e-12)
    np.testing.assert_allclose(fe.solve(hidden(3.0), SERIES).value(1.0), 3.0, rtol=1e-12)
    for transform in (jax.grad, jax.jit, lambda f: lambda a: jax.vmap(f)(jnp.full(2, a))):
        with pytest.raises(ValueError, match=r"`a`, which .* reads: pass it through `args`"):
            transform(lambda a: fe.solve(hidden(a), SERIES).value(1.0))(2.0)


def scaled(a, s):
    return fe.Risk(lambda f, x, s: f(x) - a * s, fe.Uniform(0.0, 1.0), args=(s,)).quadrature(9)


@pytest.mark.parametrize(
    "ask",
    (
        lambda a: fe.steady_state(lambda x, y, x1, y1: (x - a, y - x), (1.0, 1.0))[0],
        lambda a: fe.first_order(lambda x, y, x1, y1: (x1 - a * x, y), (0.0, 0.0)).policy_slope,
        lambda a: fe.solve(scaled(a, 1.0), SERIES, fe.Continuation(scaled(a, 0.5))).value(0.3),
    ),
)
def test_a_parameter_hidden_in_the_closure_of_a_model(ask):
    for transform in (jax.jacfwd, jax.jit, jax.vmap):
        with pytest.raises(
            ValueError, match=r"hides in `a`, which .* reads: pass it through `args"
        ):
            transform(ask)(jnp.ones(2) if transform is jax.vmap else 0.5)


def test_an_equal_lambda_compiles_once():
    def solve(a):
        condition = fe.Risk(lambda f, x, a: f(x) - a * x**2, fe.Uniform(0.0, 1.0), args=(a,))
        return fe.solve(condition.quadrature(11), SERIES).risk

    assert compilations(lambda: solve(1.0)) > 0
    solve(1.5)
    assert compilations(lambda: solve(2.0)) == 0
    jitted = [jax.jit(solve) for _ in range(2)]
    jitted[0](1.0)
    assert compilations(lambda: jitted[0](2.0)) == 0


def test_monitors_see_every_step():
    history = fe.History(keep_f=True)
    net = fe.MLP("scalar", "scalar", width=6, depth=1, support=(0.0, 1.0), key=jr.key(0))
    sample = risk(1.0)
    solver = fe.LevenbergMarquardt(max_steps=30)
    solution = fe.solve(sample, net, solver, monitors=(history,), throw=False)
    steps = history["step"]
    assert set(steps) == set(range(1, max(steps) + 1))
    assert float(solution.risk) <= min(history["risk"]) * (1 + 1e-6)
    for record, f in list(zip(history.records, history.fs))[::5]:
        np.testing.assert_allclose(sample(f), record["risk"], rtol=1e-6, atol=1e-25)


def test_a_series_can_be_interrupted_too():
    def stop(step, metrics, f):
        raise KeyboardInterrupt

    with pytest.raises(fe.Interrupted) as error:
        fe.solve(risk(1.0), SERIES, monitors=(stop,))
    assert float(error.value.solution.risk) <= float(risk(1.0)(SERIES))


def test_more_weights_than_rows():
    """The derivative of f at the sample follows the data, though the weights are not determined."""
    net = fe.MLP("scalar", "scalar", width=8, depth=1, support=(0.0, 1.0), key=jr.key(1))
    points = np.linspace(0.0, 1.0, 6)
    solver = fe.LevenbergMarquardt(max_steps=200)

    def values(a):
        sample = fe.Risk(match, fe.Empirical(points), args=(a,))
        f = fe.solve(sample, net, solver).value
        return jax.vmap(f)(jnp.asarray(points))

    _, slopes = jax.jvp(values, (1.0,), (1.0,))
    np.testing.assert_allclose(slopes, points * np.exp(points), atol=1e-5)
