"""A solve is the same solve alone, under `jit` and under `vmap`: result, error and f agree."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
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
    "ran",
    "disagree",
    "unresolved",
    "other_equation",
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


def network(key):
    return fe.MLP("scalar", "scalar", width=8, depth=1, support=DOMAIN, key=key)


def drawn(f):
    """A hypothesis class of f's shape, with other coefficients for each key."""
    start = lambda key: lambda leaf: leaf + 0.1 * jr.normal(key, leaf.shape)
    floating = lambda leaf: hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)
    return lambda key: jax.tree.map(lambda x: start(key)(x) if floating(x) else x, f)


CLASSES = {
    "series": lambda: fe.Series(fe.Chebyshev(16, DOMAIN)),
    "spline": lambda: fe.Series(fe.BSpline(14, DOMAIN, degree=5)),
    "elements": lambda: fe.Series(fe.SpectralElements(8, np.linspace(*DOMAIN, 4))),
    "kernel": lambda: fe.Series(
        fe.KernelBasis(fe.SquaredExponential(1.0), np.linspace(*DOMAIN, 12))
    ),
    "network": lambda: network(jr.key(0)),
    "module": lambda: fe.Ansatz(lambda g, x: 0.1 + x * g(x), fe.Series(fe.Chebyshev(14, DOMAIN))),
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
AROUND = {
    "optax": lambda f: fe.Optax(optax.adam(1e-2), num_steps=60),
    "sequential": lambda f: fe.Sequential(
        fe.Optax(optax.adam(1e-2), num_steps=20), fe.LevenbergMarquardt(max_steps=200)
    ),
    "continuation": lambda f: fe.Continuation(
        risk_of(decay, 0.5), fe.LevenbergMarquardt(max_steps=200), steps=2
    ),
    "multi_start": lambda f: fe.MultiStart(
        drawn(f), fe.LevenbergMarquardt(max_steps=200), starts=2
    ),
    "resample": lambda f: fe.Resample(fe.LevenbergMarquardt(max_steps=200), n=40, rounds=2),
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


# Picard's iteration on the weights of a network contracts or not by the points it is looked at on.
PAIRS = [
    (solver, kind)
    for solver in [*SOLVERS, *AROUND]
    for kind in CLASSES
    if (solver, kind) != ("fixed_point", "network")
]


@pytest.mark.slow
@pytest.mark.parametrize("solver, kind", PAIRS)
def test_every_solver_on_every_class(solver, kind):
    """One result and one f alone, under `jit` and under `vmap`; the error of a series is only
    bounded inside of a program, and may be known alone."""
    f = CLASSES[kind]()
    equation = logistic if solver == "fixed_point" else decay

    def run(a):
        risk = risk_of(equation, a)
        by = SOLVERS[solver]() if solver in SOLVERS else AROUND[solver](f)
        solution = fe.solve(risk, f, by, key=jr.key(1), throw=False)
        is_it = jnp.stack([solution.result == getattr(fe.RESULTS, name) for name in NAMES])
        return is_it, jax.vmap(solution.value)(POINTS)

    values = (0.5, 1.0) if solver == "fixed_point" else (1.0, 2.0)
    jitted, at_once = jax.jit(run), jax.jit(jax.vmap(run))(jnp.asarray(values))
    for i, a in enumerate(map(jnp.asarray, values)):
        lane = jax.tree.map(lambda part, i=i: np.asarray(part)[i], at_once)
        ends = [run(a), jitted(a), lane]
        assert all(np.sum(is_it) == 1 for is_it, _ in ends)
        alone, in_jit, in_vmap = (NAMES[int(np.argmax(is_it))] for is_it, _ in ends)
        assert in_jit == in_vmap
        assert in_jit == alone or (alone, in_jit) == ("solved", "not_estimated")
        if alone == "solved":
            for _, found in ends:
                np.testing.assert_allclose(found, EXACT[equation](POINTS, a), atol=1e-4)
        if alone == "solved" or kind != "network":
            for _, found in ends:
                atol = 1e-4 if kind == "network" else 1e-5
                np.testing.assert_allclose(found, ends[0][1], atol=atol)


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


LEVEL = fe.Risk(lambda f, x: f(x), fe.Uniform(*DOMAIN)).quadrature(24)
ITERATING = {
    "levenberg_marquardt": lambda n: fe.LevenbergMarquardt(max_steps=n),
    "batches": lambda n: fe.LevenbergMarquardt(max_steps=n, batch=8),
    "minimum_norm": lambda n: fe.MinimumNorm(LEVEL, max_steps=n),
    "fixed_point": lambda n: fe.FixedPoint(
        lambda f, g, x, a: jax.grad(f)(x) - a * g(x) * (1.0 - f(x)), max_steps=n
    ),
    "optimistix": lambda n: fe.Optimistix(optimistix.Dogleg(rtol=1e-12, atol=1e-12), max_steps=n),
}
GROWING = {
    "degree": lambda: fe.Series(fe.Chebyshev(None, DOMAIN)),
    "elements": lambda: fe.Series(fe.SpectralElements(4, np.linspace(*DOMAIN, 3), adaptive=True)),
    "knots": lambda: fe.Series(fe.BSpline(4, DOMAIN, degree=5, adaptive=True)),
    "network": CLASSES["network"],
}


QUICK = {("minimum_norm", "network"), ("levenberg_marquardt", "elements")}
EXHAUSTED = [
    pytest.param(solver, kind, count, marks=() if is_quick else pytest.mark.slow)
    for solver in ITERATING
    for kind in GROWING
    for count in (2, 13)
    for is_quick in [count == 13 and (kind == "degree" or (solver, kind) in QUICK)]
]


@pytest.mark.parametrize("solver, kind, count", EXHAUSTED)
def test_no_solver_exceeds_max_steps_as_spaces_grow(solver, kind, count):
    """The steps of all levels, penalties and elements together."""
    told = fe.History()
    found = fe.solve(
        risk_of(logistic, 4.0),
        GROWING[kind](),
        ITERATING[solver](count),
        key=jr.key(1),
        throw=False,
        monitors=(told,),
    )
    assert int(found.stats["steps"]) <= count
    assert told and told["step"][-1] <= count
    assert all(isinstance(stage, str) for stage in told["stage"])


@pytest.mark.parametrize("count", [3, 20])
def test_the_rounds_in_which_points_are_chosen_share_max_steps(count):
    risk = fe.Risk(logistic, fe.Uniform(*DOMAIN), args=(8.0,))
    risk = risk + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))
    solver = fe.LevenbergMarquardt(max_steps=count, accuracy=1e-12)
    found = fe.solve(risk, CLASSES["network"](), solver, throw=False)
    assert int(found.stats["steps"]) <= count


def test_steps_end_where_a_digit_is_not_worth_them():
    f, risk = CLASSES["network"](), risk_of(logistic, 1.0)
    enough = fe.solve(risk, f)
    every_digit = fe.solve(risk, f, fe.LevenbergMarquardt(accuracy=1e-12), throw=False)
    assert int(enough.stats["steps"]) < 0.6 * int(every_digit.stats["steps"])
    assert float(enough.stats["error"]) < 1e-6
