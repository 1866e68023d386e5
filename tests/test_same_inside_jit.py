"""A solve is the same solve alone, under `jit` and under `vmap`: result, error and f agree."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optimistix
import pytest

import fesolve as fe


DOMAIN = (0.0, 3.0)
POINTS = np.linspace(*DOMAIN, 9)
NAMES = (
    "solved",
    "not_zero",
    "not_unique",
    "overfitted",
    "on_sample",
    "not_estimated",
    "max_steps_reached",
    "non_finite",
    "not_affine",
    "no_contraction",
)


def decay(f, x, a):
    return jax.grad(f)(x) + a * f(x)


def logistic(f, x, a):
    return jax.grad(f)(x) - a * f(x) * (1.0 - f(x))


def risk_of(equation, a):
    def initial(f, x):
        return f(x) - 0.1

    risk = fe.Risk(equation, fe.Uniform(*DOMAIN), args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))
    return risk.quadrature(24)


EXACT = {
    decay: lambda x, a: 0.1 * np.exp(-a * x),
    logistic: lambda x, a: 1 / (1 + 9 * np.exp(-a * x)),
}
CLASSES = {
    "series": lambda: fe.Series(fe.Chebyshev(16, DOMAIN)),
    "spline": lambda: fe.Series(fe.BSpline(14, DOMAIN, degree=5)),
    "network": lambda: fe.MLP("scalar", "scalar", width=8, depth=1, support=DOMAIN, key=jr.key(0)),
}
SOLVERS = {
    "levenberg_marquardt": lambda: fe.LevenbergMarquardt(max_steps=200),
    "linear": lambda: fe.LinearLeastSquares(),
    "minimum_norm": lambda: fe.MinimumNorm(
        fe.Risk(lambda f, x: f(x), fe.Uniform(*DOMAIN)).quadrature(24)
    ),
    "fixed_point": lambda: fe.FixedPoint(
        lambda f, g, x, a: jax.grad(f)(x) - a * g(x) * (1.0 - f(x)), max_steps=60
    ),
    "optimistix": lambda: fe.Optimistix(optimistix.Dogleg(rtol=1e-12, atol=1e-12)),
}
CASES = [
    (logistic, "series", "levenberg_marquardt", (1.0, 3.0), 2e-5),
    pytest.param(
        (logistic, "spline", "levenberg_marquardt", (1.0, 2.0), 1e-4), marks=pytest.mark.slow
    ),
    (logistic, "network", "levenberg_marquardt", (1.0, 3.0), 1e-6),
    pytest.param(
        (decay, "network", "levenberg_marquardt", (1.0, 2.0), 1e-6), marks=pytest.mark.slow
    ),
    (decay, "series", "linear", (1.0, 2.0), 1e-10),
    (decay, "series", "minimum_norm", (1.0, 2.0), 1e-10),
    (logistic, "series", "fixed_point", (0.5, 1.0), 1e-8),
    pytest.param((decay, "series", "optimistix", (1.0, 2.0), 1e-8), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join((case[0].__name__, *case[1:3])))
def test_alone_under_jit_and_under_vmap(case):
    equation, kind, solver, values, tolerance = case
    f = CLASSES[kind]()

    def run(a):
        solution = fe.solve(risk_of(equation, a), f, SOLVERS[solver](), throw=False)
        is_it = jnp.stack([solution.result == getattr(fe.RESULTS, name) for name in NAMES])
        return jnp.argmax(is_it), jax.vmap(solution.value)(POINTS), solution.stats["steps"]

    alone = [run(jnp.asarray(a)) for a in values]
    jitted = jax.jit(run)
    in_programs = [jitted(jnp.asarray(a)) for a in values]
    at_once = jax.jit(jax.vmap(run))(jnp.asarray(values))
    for i, a in enumerate(values):
        exact = EXACT[equation](POINTS, a)
        lane = [np.asarray(part)[i] for part in at_once]
        results = {NAMES[int(end[0])] for end in (alone[i], in_programs[i], lane)}
        assert results == {"solved"}, (a, results)
        for end in (alone[i], in_programs[i], lane):
            np.testing.assert_allclose(end[1], exact, atol=tolerance)
        # rounding may cost or save some
        steps = [int(end[2]) for end in (alone[i], in_programs[i], lane)]
        assert max(steps) <= 1.5 * min(steps) + 5, steps


def contradiction(a):
    return fe.Risk(lambda f, x, a: f(x) - a * jnp.abs(x), fe.Uniform(-1.0, 1.0), args=(a,))


def test_the_minimum_of_an_affine_problem_is_not_looked_for_again():
    f = fe.Series(fe.Chebyshev(4, (-1.0, 1.0)))
    run = lambda a: fe.solve(contradiction(a).quadrature(20), f, throw=False).stats["steps"]
    assert int(run(jnp.asarray(1.0))) <= 3
    assert int(jax.jit(run)(jnp.asarray(1.0))) <= 3


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("kind", ["series", "network"])
def test_max_steps_is_never_exceeded(count, kind):
    f, history = CLASSES[kind](), fe.History()
    solver = fe.LevenbergMarquardt(max_steps=count)
    solution = fe.solve(risk_of(logistic, 8.0), f, solver, throw=False, monitors=(history,))
    assert int(solution.stats["steps"]) <= count
    assert len(history) == len(solution.history) <= count
    assert all(isinstance(stage, str) for stage in history["stage"])


def test_steps_end_where_a_digit_is_not_worth_them():
    f, risk = CLASSES["network"](), risk_of(logistic, 1.0)
    enough = fe.solve(risk, f)
    every_digit = fe.solve(risk, f, fe.LevenbergMarquardt(accuracy=1e-12), throw=False)
    assert int(enough.stats["steps"]) < 0.6 * int(every_digit.stats["steps"])
    assert float(enough.stats["error"]) < 1e-6
