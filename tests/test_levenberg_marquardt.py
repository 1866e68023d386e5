"""The default solver against closed forms, SciPy and finite differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.optimize
from compilations import compilations

import fesolve as fe


def exponential(a, width=2.0):
    def ode(f, x, a):
        return jax.grad(f)(x) - a * f(x)

    def initial(f, x):
        return f(x) - 1.0

    return fe.Risk(ode, fe.Uniform(0.0, width), args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))


def logistic(growth):
    def ode(f, x, growth):
        return jax.grad(f)(x) - growth * f(x) * (1.0 - f(x))

    def initial(f, x):
        return f(x) - 0.1

    return fe.Risk(ode, fe.Uniform(0.0, 5.0), args=(growth,)) + 10.0 * fe.Risk(
        initial, fe.Dirac(0.0)
    )


def max_error(f, exact, lo, hi):
    x = jnp.linspace(lo, hi, 1001)
    truth = jax.vmap(exact)(x)
    return float(jnp.max(jnp.abs(jax.vmap(f)(x) - truth)) / jnp.max(jnp.abs(truth)))


def test_geometric_convergence_in_the_degree():
    errors = []
    for degree in (4, 8, 12):
        f = fe.Series(fe.Chebyshev(degree, (0.0, 2.0)))
        solution = fe.solve(exponential(-1.0).quadrature(degree + 4), f, throw=False)
        errors.append(max_error(solution.value, lambda x: jnp.exp(-x), 0.0, 2.0))
    assert errors[1] < 1e-3 * errors[0]
    assert errors[2] < 1e-4 * errors[1]


@pytest.mark.parametrize("growth", [1.0, 2.0, 4.0])
def test_steep_logistic_curves_are_not_taken_for_their_rest_points(growth):
    """One start in twenty, by rounding, ends at f = 0 after its first instant, and is refused."""
    exact, risk = lambda x: 1 / (1 + 9 * jnp.exp(-growth * x)), logistic(growth).quadrature(132)
    solved = []
    for seed in range(3):
        f = fe.Series(fe.Chebyshev(128, (0.0, 5.0)))
        start = 1e-10 * jr.normal(jr.key(seed), f.coefficients.shape)
        f = eqx.tree_at(lambda f: f.coefficients, f, start)
        solution = fe.solve(risk, f, throw=False)
        solved.append(bool(solution.solved))
        assert solved[-1] == (max_error(solution.value, exact, 0.0, 5.0) <= 1e-12)
    assert sum(solved) >= 2


@pytest.mark.parametrize("growth", [4.0, 10.0, 40.0])
@pytest.mark.parametrize("degree", [16, 32])
def test_a_false_minimum_is_never_called_solved(growth, degree):
    f = fe.Series(fe.Chebyshev(degree, (0.0, 5.0)))
    solution = fe.solve(logistic(growth).quadrature(degree + 4), f, throw=False)
    exact = lambda x: 1 / (1 + 9 * jnp.exp(-growth * x))
    error = max_error(solution.value, exact, 0.0, 5.0)
    assert bool(solution.solved) == (error < 1e-3), error


def test_nonlinear_least_squares_agrees_with_scipy():
    # a decaying exponential in noise, whose risk is not zero at the minimum
    x = np.linspace(0.0, 3.0, 40)
    y = 2.0 * np.exp(-1.3 * x) + 0.1 * np.random.default_rng(0).normal(size=x.size)
    other = scipy.optimize.least_squares(
        lambda p: p[0] * np.exp(p[1] * x) - y, [1.0, -1.0], xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    risk = fe.Risk(
        lambda f, point: f["scale"] * jnp.exp(f["rate"] * point[0]) - point[1],
        fe.Empirical((x, y)),
        tolerance=jnp.inf,
    )
    ours = fe.solve(risk, {"scale": jnp.asarray(1.0), "rate": jnp.asarray(-1.0)})
    found = [float(ours.value["scale"]), float(ours.value["rate"])]
    np.testing.assert_allclose(found, other.x, rtol=1e-7)
    np.testing.assert_allclose(float(ours.risk), 2 * other.cost / x.size, rtol=1e-10)


def test_many_problems_at_once_are_the_same_problems():
    f = fe.Series(fe.Chebyshev(16, (0.0, 2.0)))
    value = lambda a: fe.solve(exponential(a).quadrature(20), f).value(1.0)
    a = jnp.linspace(-2.0, 1.0, 7)
    one_by_one = jnp.stack([value(one) for one in a])
    np.testing.assert_allclose(jax.vmap(value)(a), one_by_one, rtol=1e-13)
    np.testing.assert_allclose(jax.jit(value)(a[0]), one_by_one[0], rtol=1e-13)


def test_derivatives_of_a_solution():
    f = fe.Series(fe.Chebyshev(64, (0.0, 5.0)))
    value = lambda growth: fe.solve(logistic(growth).quadrature(70), f).value(2.0)
    step = 1e-4
    difference = (value(1.0 + step) - value(1.0 - step)) / (2 * step)
    exact = jax.grad(lambda growth: 1 / (1 + 9 * jnp.exp(-growth * 2.0)))(1.0)
    np.testing.assert_allclose(jax.grad(value)(1.0), exact, rtol=1e-11)
    np.testing.assert_allclose(jax.grad(value)(1.0), difference, rtol=1e-7)


def test_the_derivative_where_the_risk_is_not_zero():
    # the derivative of a ridge regression in its penalty, in closed form
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 3)), rng.normal(size=30)

    def coefficients(penalty):
        data = fe.Risk(
            lambda f, p: p[0] @ f - p[1], fe.Empirical((x, y)), tolerance=jnp.inf, name="data"
        )
        ridge = fe.Risk(lambda f, c: c * f, args=(penalty,), tolerance=jnp.inf, name="ridge")
        return fe.solve(data + ridge, jnp.zeros(3)).value

    def closed_form(penalty):
        return jnp.linalg.solve(x.T @ x / 30 + penalty**2 * jnp.eye(3), x.T @ y / 30)

    np.testing.assert_allclose(coefficients(0.7), closed_form(0.7), rtol=1e-10)
    np.testing.assert_allclose(
        jax.jacfwd(coefficients)(0.7), jax.jacfwd(closed_form)(0.7), rtol=1e-9
    )


def test_the_gradient_of_the_risk_at_its_minimum():
    x = np.linspace(-1.0, 1.0, 20)

    def risk(level):
        target = lambda f, p, level: f(p) - jnp.abs(p) * level
        r = fe.Risk(target, fe.Empirical(x), args=(level,), tolerance=jnp.inf)
        return fe.solve(r, fe.Series(fe.Chebyshev(2, (-1.0, 1.0)))).risk

    # the risk is quadratic in the level
    np.testing.assert_allclose(jax.grad(risk)(3.0), 2 * risk(3.0) / 3.0, rtol=1e-10)


def test_other_values_of_the_same_shapes_compile_nothing():
    f = fe.Series(fe.Chebyshev(10, (0.0, 2.0)))
    call = lambda a: fe.solve(exponential(a).quadrature(14), f, throw=False).risk
    call(-1.0)
    assert compilations(lambda: call(-1.1)) == 0


BETA = 2.0


def test_a_changed_global_is_never_served_from_a_stale_program(monkeypatch):
    risk = fe.Risk(lambda f, x: f(x) - BETA, fe.Uniform(0.0, 1.0)).quadrature(5)
    f = fe.Series(fe.Chebyshev(2, (0.0, 1.0)))
    np.testing.assert_allclose(fe.solve(risk, f).value(0.5), 2.0)
    monkeypatch.setitem(globals(), "BETA", 3.0)
    np.testing.assert_allclose(fe.solve(risk, f).value(0.5), 3.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_jacobian_past_the_memory_budget(seed):
    risk = logistic(1.0).empirical(500, key=jr.key(seed))
    f = fe.Series(fe.Chebyshev(24, (0.0, 5.0)))
    dense = fe.solve(risk, f).value
    blocks = fe.solve(risk, f, fe.LevenbergMarquardt(memory=50_000)).value
    np.testing.assert_allclose(blocks.coefficients, dense.coefficients, atol=1e-10)


def test_a_network_past_the_memory_budget(getkey):
    net = fe.MLP("scalar", "scalar", width=8, depth=1, support=(0.0, 2.0), key=getkey())
    solver = fe.LevenbergMarquardt(memory=20_000, max_steps=100)
    solution = fe.solve(exponential(-1.0).quadrature(40), net, solver, throw=False)
    assert max_error(solution.value, lambda x: jnp.exp(-x), 0.0, 2.0) <= 1e-5


def test_the_degree_is_chosen_by_the_solver():
    f = fe.Series(fe.Chebyshev(None, (0.0, 2.0)))
    solution = fe.solve(exponential(-1.0).quadrature(8), f)
    assert solution.value.basis.degree == int(solution.stats["degree"]) <= 32
    assert max_error(solution.value, lambda x: jnp.exp(-x), 0.0, 2.0) <= 1e-14


def test_a_degree_that_is_not_enough_is_said():
    f = fe.Series(fe.Chebyshev(None, (-1.0, 1.0), max_degree=32))
    risk = fe.Risk(lambda f, x: f(x) - 1 / (1 + 100 * x**2), fe.Uniform(-1.0, 1.0), tolerance=0.1)
    solution = fe.solve(risk.quadrature(8), f, throw=False)
    assert bool(solution.result == fe.RESULTS.unresolved)


@pytest.mark.parametrize("hypothesis", ["series", "network"])
def test_float32(hypothesis, getkey):
    if hypothesis == "series":
        f = fe.Series(fe.Chebyshev(12, (0.0, 2.0)), dtype=jnp.float32)
    else:
        net = fe.MLP("scalar", "scalar", width=16, depth=2, support=(0.0, 2.0), key=getkey())
        f = jax.tree.map(lambda x: x.astype(jnp.float32) if isinstance(x, jax.Array) else x, net)
    solution = fe.solve(exponential(-1.0).quadrature(30), f)
    assert solution.value(jnp.float32(1.0)).dtype == jnp.float32
    assert abs(float(solution.value(jnp.float32(1.0))) - np.exp(-1.0)) < 1e-4


def test_a_jacobian_whose_square_underflows_ends():
    """f falls to zero, where 1 + f^2 is least and its derivative vanishes."""
    risk = fe.Risk(lambda f, x: 1 + f(x) ** 2 + 0 * x, fe.Uniform(0.0, 1.0)).quadrature(48)
    solution = fe.solve(risk, fe.Series(fe.Chebyshev(16, (0.0, 1.0))), throw=False)
    assert not bool(solution.solved)
    assert float(solution.risk) == pytest.approx(1.0)


@pytest.mark.slow
def test_a_boundary_value_problem_on_adaptive_elements():
    def layer(f, x):
        return 1e-2 * jax.grad(jax.grad(f))(x) - f(x)

    def one(f, x):
        return f(x) - 1.0

    risk = fe.Risk(layer, fe.Uniform(0.0, 1.0)).quadrature(8)
    risk = risk + fe.Risk(one, fe.Dirac(0.0)) + fe.Risk(one, fe.Dirac(1.0))
    f = fe.Series(fe.SpectralElements(12, (0.0, 1.0), adaptive=True))
    solution = fe.solve(risk, f)
    exact = lambda x: (jnp.exp(-10 * x) + jnp.exp(-10 * (1 - x))) / (1 + jnp.exp(-10.0))
    assert max_error(solution.value, exact, 0.0, 1.0) <= 1e-12
    assert solution.value.basis.number > 1


@pytest.mark.parametrize("unit", (1e-8, 1e8))
@pytest.mark.parametrize("kind", ("series", "network"))
def test_the_unit_of_x_does_not_decide_whether_it_arrives(unit, kind):
    """f' = f (1 - f) / unit, f(0) = 1/10: f' may outweigh the condition by 1e8."""
    end = 2.0 * unit
    if kind == "series":
        f = fe.Series(fe.Chebyshev(24, (0.0, end)))
    else:
        f = fe.MLP("scalar", "scalar", width=16, depth=1, support=(0.0, end), key=jr.key(0))
    ode = lambda f, x: jax.grad(f)(x) - f(x) * (1 - f(x)) / unit
    risk = fe.Risk(ode, fe.Uniform(0.0, end)) + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))
    seen = []
    monitor = lambda step, metrics, f: seen.append(metrics["risk"])
    sol = fe.solve(risk.quadrature(40), f, monitors=(monitor,))
    x = np.linspace(0.0, end, 50)
    exact = 1 / (1 + 9 * np.exp(-x / unit))
    assert sol.solved
    np.testing.assert_allclose(jax.vmap(sol.value)(x), exact, rtol=1e-6)
    # the risk is told in the units of the residual; a network keeps its best iterate on others
    assert float(sol.risk) == pytest.approx(float(risk.quadrature(40)(sol.value)), rel=1e-6, abs=0)
    assert float(sol.risk) / 10 < min(seen) < 1.01 * float(sol.risk)


def test_an_equation_that_is_at_rest_where_f_is_right_has_its_size_beside_it():
    """At the best c the value does not move with c, so that c alone is begun at its solution."""
    basis = fe.Chebyshev(6, (0.0, 1.0))

    def both(f, x):
        q = lambda c: c * x - 0.5 * c**2  # max over c is at c = x
        return {"value": f["value"](x) - q(f["c"](x)), "choice": jax.grad(q)(f["c"](x))}

    risk = fe.Risk(both, fe.Uniform(0.0, 1.0)).quadrature(12)
    f = {"value": fe.Series(basis), "c": fe.Series(basis, start=0.1)}
    found = fe.solve(risk, f)
    assert float(found.risk) < 1e-25
    # a value that is nearly right, and a choice that is as good as it can be
    value = eqx.tree_at(
        lambda s: s.coefficients, found.value["value"], replace_fn=lambda c: c + 1e-8
    )
    nearly = {"value": value, "c": found.value["c"]}
    again = fe.solve(risk, nearly, only=lambda f: f["c"], throw=False)
    assert float(again.risk) <= 1.001 * float(risk(nearly)) and int(again.stats["steps"]) <= 3
    np.testing.assert_allclose(again.value["c"](0.3), 0.3, rtol=1e-6)
