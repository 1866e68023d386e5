"""Fixed points, against known rates, closed forms and least squares on the equation itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import fesolve as fe


# f(x) = 1 + b f(x / 2), whose solution is 1 / (1 - b): the slowest error decays by b a step.
SERIES = fe.Series(fe.Chebyshev(5, (0.0, 1.0)))


def halved_step(f, g, x, b):
    return f(x) - (1.0 + b * g(0.5 * x))


def halved(f, x, b):
    return halved_step(f, f, x, b)


def halved_risk(b, **options):
    return fe.Risk(halved, fe.Uniform(0.0, 1.0), args=(b,), **options).quadrature(9)


@pytest.mark.parametrize("b", (pytest.param(0.5, marks=pytest.mark.slow), 0.9))
def test_the_rate_is_the_discount_factor(b):
    solution = fe.solve(halved_risk(b), SERIES, fe.FixedPoint(halved_step))
    np.testing.assert_allclose(solution.value(0.3), 1 / (1 - b), rtol=1e-8)
    np.testing.assert_allclose(solution.stats["contraction"], b, rtol=1e-5)
    # changes b^k, from 1 to 1e-10
    assert abs(int(solution.stats["steps"]) - np.log(1e-10) / np.log(b)) <= 3
    assert float(solution.stats["change"]) <= 1e-10
    assert bool(solution.stats["contracting"])
    np.testing.assert_allclose(solution.history[-1], solution.risk, rtol=1e-12)


def test_anderson_needs_a_few_steps_where_plain_needs_hundreds():
    plain = fe.solve(halved_risk(0.9), SERIES, fe.FixedPoint(halved_step))
    fast = fe.solve(halved_risk(0.9), SERIES, fe.FixedPoint(halved_step, anderson=4))
    np.testing.assert_allclose(fast.value(0.3), 10.0, rtol=1e-12)
    assert int(fast.stats["steps"]) <= 10 < 200 < int(plain.stats["steps"])


def test_divergence_says_so():
    solution = fe.solve(halved_risk(1.1), SERIES, fe.FixedPoint(halved_step), throw=False)
    assert bool(solution.result == fe.RESULTS.no_contraction)
    assert not bool(solution.stats["contracting"])
    np.testing.assert_allclose(solution.stats["contraction"], 1.1, rtol=1e-6)
    with pytest.raises(fe.SolveError, match="no contraction"):
        fe.solve(halved_risk(1.1), SERIES, fe.FixedPoint(halved_step))


def test_damping_tames_what_overshoots():
    risk = halved_risk(-1.5)
    plain = fe.solve(risk, SERIES, fe.FixedPoint(halved_step), throw=False)
    assert bool(plain.result == fe.RESULTS.no_contraction)
    tame = fe.solve(risk, SERIES, fe.FixedPoint(halved_step, damping=0.5))
    np.testing.assert_allclose(tame.value(0.8), 0.4, rtol=1e-9)


@pytest.mark.slow
def test_the_last_step_decides_and_so_does_the_number_of_steps():
    short = fe.FixedPoint(halved_step, max_steps=20)
    solution = fe.solve(halved_risk(0.9), SERIES, short, throw=False)
    assert bool(solution.result == fe.RESULTS.max_steps_reached)
    assert int(solution.stats["steps"]) == 20
    # a tolerance of the residual is a condition beside the accuracy of f, and none in its place
    wide = halved_risk(0.9, tolerance=0.5)
    assert bool(fe.solve(wide, SERIES, short, throw=False).failed)
    rough = fe.FixedPoint(halved_step, fe.LevenbergMarquardt(accuracy=0.5), max_steps=20)
    assert bool(fe.solve(wide, SERIES, rough).result == fe.RESULTS.solved)
    polished = fe.solve(halved_risk(0.9), SERIES, fe.Sequential(short, fe.LevenbergMarquardt()))
    np.testing.assert_allclose(polished.value(0.3), 10.0, rtol=1e-12)


def test_compiled_mapped_and_differentiated():
    def at(b):
        return fe.solve(halved_risk(b), SERIES, fe.FixedPoint(halved_step, anderson=2)).value(0.3)

    b = jnp.asarray([0.3, 0.9])
    values, slopes = jax.jit(jax.vmap(jax.value_and_grad(at)))(b)
    np.testing.assert_allclose(values, 1 / (1 - b), rtol=1e-9)
    np.testing.assert_allclose(slopes, 1 / (1 - b) ** 2, rtol=1e-8)
    eager = at(0.9)
    np.testing.assert_allclose(eager, values[1], rtol=1e-9)


@pytest.mark.slow
def test_divergence_in_one_lane_alone():
    def lane(b):
        solution = fe.solve(halved_risk(b), SERIES, fe.FixedPoint(halved_step))
        return solution.result == fe.RESULTS.no_contraction, solution.solved

    stuck, solved = jax.vmap(lane)(jnp.asarray([0.5, 1.2]))
    assert stuck.tolist() == [False, True]
    assert solved.tolist() == [True, False]


@pytest.mark.slow
def test_any_solver_any_hypothesis():
    """A descent inside of each step."""
    adam = fe.Optax(optax.adam(0.05), num_steps=300)
    solver = fe.FixedPoint(halved_step, adam, max_steps=20, tolerance=1e-3)
    loose = halved_risk(0.2, tolerance=1e-2)
    solution = fe.solve(loose, SERIES, solver, key=jax.random.key(0))
    np.testing.assert_allclose(solution.value(0.5), 1.25, rtol=2e-2)


def test_conditions_stay_in_each_step():
    """f' = -f, f(0) = 1 by Picard's iteration: f' = -g."""

    def picard(f, g, x):
        return jax.grad(f)(x) + g(x)

    def ode(f, x):
        return picard(f, f, x)

    def initial(f, x):
        return f(x) - 1.0

    risk = fe.Risk(initial, fe.Dirac(0.0)) + fe.Risk(ode, fe.Uniform(0.0, 1.0))
    series = fe.Series(fe.Chebyshev(12, (0.0, 1.0)))
    solution = fe.solve(risk.quadrature(16), series, fe.FixedPoint(picard))
    np.testing.assert_allclose(solution.value(1.0), np.exp(-1.0), rtol=1e-10)
    assert int(solution.stats["steps"]) < 25  # errors fall like 1 / k!


# Growth with logarithmic utility and full depreciation.
ALPHA, BETA = 0.36, 0.95
SLOPE = ALPHA / (1 - ALPHA * BETA)
CONSTANT = (np.log(1 - ALPHA * BETA) + BETA * SLOPE * np.log(ALPHA * BETA)) / (1 - BETA)


class Value(eqx.Module):
    """V in log k."""

    series: fe.Series

    def __call__(self, k):
        return self.series(jnp.log(k))


def payoff(c, k, v, beta):
    return jnp.log(c) + beta * v(k**ALPHA - c)


def best(v, k, beta):
    y = k**ALPHA
    return fe.argmax(lambda c: payoff(c, k, v, beta), 0.05 * y, 0.95 * y)


def value_step(f, g, k, beta):
    return f(k) - payoff(best(g, k, beta), k, g, beta)


def howard_step(f, g, k, beta):
    return f(k) - payoff(best(g, k, beta), k, f, beta)


def bellman(f, k, beta):
    return value_step(f, f, k, beta)


def growth(degree=3):
    series = fe.Series(fe.Chebyshev(degree, (np.log(0.05), np.log(0.4))), start=-15.0)
    rising = eqx.tree_at(lambda s: s.coefficients, series, series.coefficients.at[1].set(1.0))
    risk = fe.Risk(bellman, fe.Uniform(0.05, 0.4), args=(BETA,)).quadrature(10)
    return risk, Value(rising)


def check_value(v, rtol):
    k = jnp.linspace(0.05, 0.4, 11)
    np.testing.assert_allclose(jax.vmap(v)(k), CONSTANT + SLOPE * jnp.log(k), rtol=rtol)


@pytest.mark.slow
def test_value_iteration_howard_and_least_squares_agree():
    risk, start = growth()
    slow = fe.solve(risk, start, fe.FixedPoint(value_step, tolerance=1e-9))
    fast = fe.solve(risk, start, fe.FixedPoint(howard_step))
    check_value(slow.value, 1e-9)
    check_value(fast.value, 1e-12)
    check_value(fe.solve(risk, fast.value).value, 1e-12)
    np.testing.assert_allclose(slow.stats["contraction"], BETA, rtol=1e-3)
    assert int(fast.stats["steps"]) <= 10 < 200 < int(slow.stats["steps"])


class Policy(eqx.Module):
    logit: eqx.Module

    def __call__(self, x):
        return (
            jnp.exp(x[1]) * x[0] ** ALPHA * jax.nn.sigmoid(self.logit(x.at[0].set(jnp.log(x[0]))))
        )


def time_step(c, tomorrow, x, e, beta):
    k1 = jnp.exp(x[1]) * x[0] ** ALPHA - c(x)
    x1 = jnp.stack([k1, 0.8 * x[1] + e])
    marginal = ALPHA * jnp.exp(x1[1]) * k1 ** (ALPHA - 1)
    return 1.0 - beta * c(x) * marginal / tomorrow(x1)


def euler(c, x, e, beta):
    return time_step(c, c, x, e, beta)


@pytest.mark.slow
def test_time_iteration_with_a_shock():
    """The policy of Brock and Mirman, k' = alpha beta z k^alpha."""
    bases = fe.Chebyshev(3, (np.log(0.05), np.log(0.4))), fe.Chebyshev(3, (-0.2, 0.2))
    c = Policy(fe.Series(fe.Tensor(*bases, degree=3)))
    shock = fe.Normal(0.0, 0.02).quadrature(3)
    risk = fe.Risk(euler, fe.Uniform([0.1, -0.1], [0.3, 0.1]), args=(BETA,), shock=shock)
    risk = risk.quadrature(6)
    solution = fe.solve(risk, c, fe.FixedPoint(time_step))
    direct = fe.solve(risk, c)
    for x in ([0.1, -0.1], [0.2, 0.0], [0.3, 0.05]):
        x = jnp.asarray(x)
        exact = (1 - ALPHA * BETA) * jnp.exp(x[1]) * x[0] ** ALPHA
        np.testing.assert_allclose(solution.value(x), exact, rtol=1e-9)
        np.testing.assert_allclose(direct.value(x), exact, rtol=1e-9)
    assert float(solution.stats["contraction"]) < 0.9


@pytest.mark.slow
def test_in_float32():
    series = fe.Series(fe.Chebyshev(5, (0.0, 1.0)), start=jnp.zeros((), jnp.float32))
    single = jax.tree.map(lambda x: x.astype(jnp.float32), series)
    solution = fe.solve(halved_risk(0.5), single, fe.FixedPoint(halved_step))
    assert solution.value(jnp.float32(0.3)).dtype == jnp.float32
    np.testing.assert_allclose(solution.value(jnp.float32(0.3)), 2.0, rtol=1e-5)


def test_what_is_refused():
    with pytest.raises(ValueError, match="`step` must be a function"):
        fe.FixedPoint(3)
    with pytest.raises(ValueError, match="`damping`"):
        fe.FixedPoint(halved_step, damping=0.0)
    with pytest.raises(ValueError, match="`max_steps`"):
        fe.FixedPoint(halved_step, max_steps=0)
    with pytest.raises(ValueError, match="no term with a distribution"):
        fe.solve(fe.Risk(lambda f: f(0.0)), SERIES, fe.FixedPoint(halved_step))
    adam = fe.FixedPoint(halved_step, fe.Optax(optax.adam(0.1), num_steps=1))
    with pytest.raises(ValueError, match=r"must be an `fe\.LevenbergMarquardt` inside jit"):
        jax.jit(lambda b: fe.solve(halved_risk(b), SERIES, adam).risk)(0.5)


@pytest.mark.parametrize(
    "step, sentence",
    (
        (lambda f, g, x, b: {"a": f(x), "b": g(x)}, r"returns 1 number \(`step.a`\) and 1 number"),
        (lambda f, g, x, b: jnp.stack([f(x), g(x)]), r"returns 2 numbers .*the residual 1 number"),
        (lambda f, g, x, b: None, "returned no array"),
        (lambda f, g, x, b: jnp.ones((2, 2)) * f(x), r"an array of shape \(2, 2\)"),
        (lambda f, g, x: f(x), r"takes \(f, g, x\), and is called with \(f, g, x, args\[0\]\)"),
        (lambda f, x: f(x), r"takes \(f, x\), and is called with"),
        (lambda f, g, x, e, b: f(x), "and is called with"),
    ),
)
def test_a_step_of_another_form(step, sentence):
    iteration = fe.FixedPoint(step)
    asked = [
        lambda: fe.solve(halved_risk(0.5), SERIES, iteration),
        lambda: fe.solve(
            halved_risk(0.5), SERIES, fe.FixedPoint(step, fe.Optax(optax.sgd(0.1), num_steps=1))
        ),
        lambda: jax.jit(lambda b: fe.solve(halved_risk(b), SERIES, iteration).risk)(0.5),
    ]
    for ask in asked:
        with pytest.raises(ValueError, match=sentence):
            ask()


def test_a_step_that_is_another_equation_says_so():
    other = lambda f, g, x, b: halved_step(f, g, x, b) + 1.0
    names = [None, "jit"]
    for name in names:
        ask = lambda b: fe.solve(halved_risk(b), SERIES, fe.FixedPoint(other), throw=False)
        found = ask(0.5) if name is None else jax.jit(ask)(0.5)
        assert bool(found.result == fe.RESULTS.other_equation)
        assert not bool(found.stats["same_equation"])
    # the same zeros in another unit are the same equation
    scaled = fe.solve(halved_risk(0.5), SERIES, fe.FixedPoint(lambda *a: 1e-3 * halved_step(*a)))
    assert bool(scaled.solved)


def test_a_step_on_data():
    data = fe.Data(jnp.linspace(0.0, 1.0, 9), jnp.ones(9))
    step = lambda f, g, x, y, b: f(x) - (y + b * g(0.5 * x))
    risk = fe.Risk(lambda f, x, y, b: step(f, f, x, y, b), data, args=(0.5,))
    found = fe.solve(risk, SERIES, fe.FixedPoint(step), throw=False)
    np.testing.assert_allclose(found.value(0.3), 2.0, rtol=1e-8)


def test_monitors_see_each_step():
    seen = []
    watch = lambda step, metrics, f: seen.append((step, metrics["risk"], metrics["change"]))
    solution = fe.solve(halved_risk(0.5), SERIES, fe.FixedPoint(halved_step), monitors=(watch,))
    steps, risks, changes = zip(*seen, strict=True)
    assert steps == tuple(range(1, int(solution.stats["steps"]) + 1))
    np.testing.assert_allclose(risks, solution.history)
    np.testing.assert_allclose(changes[0], 1.0)


def test_a_step_whose_jacobian_is_another_one_each_time():
    """v = 0.2 + x / 10 + v^2 / 2: what f counts for depends on g, or does not."""

    def step(v, g, x):
        return v(x) - (0.1 * x + 0.2) - 0.5 * g(x) * v(x)

    risk = fe.Risk(lambda v, x: step(v, v, x), fe.Uniform(0.0, 1.0)).quadrature(16)
    found = fe.solve(risk, fe.Series(fe.Chebyshev(15, (0.0, 1.0))), fe.FixedPoint(step))
    x = jnp.linspace(0.0, 1.0, 11)
    exact = 1 - jnp.sqrt(1 - 2 * (0.1 * x + 0.2))
    np.testing.assert_allclose(jax.vmap(found.value)(x), exact, rtol=1e-9)
    # held as a whole, as in value iteration, it leaves one Jacobian for all steps
    linear = lambda v, g, x: v(x) - (0.1 * x + 0.2) - 0.5 * g(x) ** 2
    found = fe.solve(risk, fe.Series(fe.Chebyshev(15, (0.0, 1.0))), fe.FixedPoint(linear))
    np.testing.assert_allclose(jax.vmap(found.value)(x), exact, rtol=1e-9)
