"""What the library must reach: errors and times of its model problems, as they are measured.

A row is a function that returns lines; `benchmarks.py` prints them, `test_targets.py` holds their
errors. The files `targets_*.py` beside this one have the rows of economics, by subject.
"""

import itertools
import statistics
import subprocess
import sys
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import (
    against,
    curve,
    Figure,
    from_nothing,
    Line,
    near,
    path_errors,
    ratio,
    seconds,
    solver_of,
    uniform,
    value_of,
    warm,
)
from references import at_same_error, FirstOrder, van_der_pol as taylor_series

from fesolve import problems


def parametric():
    """Three of them, each with where it is looked at."""
    first = lambda risk: risk.terms[0].args[0]
    second = lambda risk: risk.terms[0].args[1]
    return {
        "exponential": (value_of(problems.exponential(), first, lambda f: f(1.7)), -1.0),
        "logistic": (value_of(problems.logistic(), first, lambda f: f(3.0)), 1.0),
        "deterministic_growth": (
            value_of(problems.deterministic_growth(), second, lambda f: f.share(1.3)),
            0.9,
        ),
    }


# The rows.


COLD = """
import jax, jax.numpy as jnp, fesolve as fe
jax.config.update("jax_enable_x64", True)
ode = lambda f, x: jax.grad(f)(x) + f(x)
risk = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
fe.solve(risk.quadrature(24), fe.Series(fe.Chebyshev(16, (0.0, 2.0))))
"""


def exponential(timed=True):
    problem = lambda a: problems.exponential(a=float(a))
    errors, times = curve(problem, "chebyshev", near(-1.0), 1e-14, 2e-3, timed)
    if timed:
        run = lambda code: subprocess.run([sys.executable, "-c", code], check=True)
        cold = ratio(lambda _: run(COLD), lambda _: run("import jax"), rounds=7)
        times.append(Figure(cold, 2.5, "x import jax, cold process"))
    return [Line("exponential, degree 16", errors, times)]


def oscillator(timed=True):
    problem = lambda omega: problems.oscillator(omega=float(omega))
    return [
        Line("oscillator, degree 24", *curve(problem, "chebyshev", near(1.0), 1e-13, 5e-3, timed))
    ]


def logistic(timed=True):
    problem = lambda r: problems.logistic(r=float(r))
    return [
        Line("logistic, degree 64", *curve(problem, "chebyshev", near(1.0), 1e-13, 5e-3, timed)),
        Line("logistic, any degree", *curve(problem, "adaptive", near(1.0), 1e-13, 5e-3, timed)),
    ]


def van_der_pol(timed=True):
    return [elements(1.0, 10.0, 1e-12, ("DOP853", "solve_bvp"), timed)]


def stiff_van_der_pol(timed=True):
    return [elements(100.0, 200.0, 1e-8, ("Radau",), timed)]


def elements(mu, horizon, target, methods, timed):
    solver = lambda mu: solver_of(problems.van_der_pol(mu=float(mu), horizon=horizon), "elements")
    problem = problems.van_der_pol(mu=mu, horizon=horizon)
    points = np.asarray(uniform(problem))
    truth = taylor_series(mu, points)
    error = against(problem, solver(mu)().value, truth)
    times = []
    if timed:
        from threadpoolctl import threadpool_limits

        ours = warm(solver, near(mu, 10))
        times.append(Figure(ours, np.inf, "s"))
        system = FirstOrder(mu, horizon)
        with threadpool_limits(1):
            for method in methods:
                solve = system.collocate
                if method != "solve_bvp":
                    solve = lambda tolerance, name=method: system.integrate(name, tolerance)
                theirs, reached = at_same_error(solve, truth, points, error)
                unit = f"x {method} ({theirs * 1e3:.3g} ms at {reached:.1e})"
                times.append(Figure(ours / theirs, 1.0, unit))
    return Line(f"van_der_pol, mu = {mu:g}, elements", [Figure(error, target)], times)


def poisson(timed=True):
    problem = problems.poisson()
    error = Figure(against(problem, solver_of(problem)().value), 1e-14)
    times = []
    if timed:
        times = [Figure(warm(lambda k: solver_of(problem, start=1e-3 * k), range(10)), 50e-3, "s")]
    return [Line("poisson, 20 x 20", [error], times)]


def networks(name, seeds, target, limit, timed, kinds=("hard_mlp", "mlp"), measure=against):
    """A line a seed, each with its own compilation, the worst first."""
    lines = []
    for kind in kinds:
        label = "MLP" if len(kinds) == 1 else {"hard_mlp": "MLP, hard", "mlp": "MLP, soft"}[kind]
        for seed in range(seeds):
            problem = problems.catalogue[name]()
            solution, spent = from_nothing(solver_of(problem, kind, seed), timed)
            error = Figure(measure(problem, solution.value), target[kind])
            line = Line(f"{name}, {label}, seed {seed}", [error], [Figure(spent, limit, "s")])
            lines.append(line)
    return sorted(lines, key=lambda line: -line.errors[0].value / line.errors[0].target)


def exponential_mlp(timed=True):
    return networks("exponential", 5, {"hard_mlp": 1e-11, "mlp": 1e-10}, 5.0, timed)


def oscillator_mlp(timed=True):
    return networks("oscillator", 5, {"hard_mlp": 1e-11, "mlp": 1e-10}, 5.0, timed)


def logistic_mlp(timed=True):
    return networks("logistic", 5, {"hard_mlp": 1e-10, "mlp": 1e-10}, 15.0, timed)


def poisson_mlp(timed=True):
    def relative_l2(problem, f):
        points = uniform(problem)
        truth = jax.vmap(problem.exact)(points)
        return float(jnp.linalg.norm(jax.vmap(f)(points) - truth) / jnp.linalg.norm(truth))

    return networks("poisson", 3, {"hard_mlp": 1e-10}, 15.0, timed, ("hard_mlp",), relative_l2)


def van_der_pol_mlp(timed=True, kind="hard_mlp"):
    problem = problems.van_der_pol()
    truth = taylor_series(1.0, np.asarray(uniform(problem)))
    lines, missed, unsaid = [], 0, 0
    for seed in range(3):
        # digits that are to be had are asked for
        solve = solver_of(problem, kind, seed, accuracy=1e-9)
        solution, spent = from_nothing(solve, timed)
        error = against(problem, solution.value, truth)
        said = "" if bool(solution.solved) else "said to be unsolved"
        missed += error > 1e-7
        unsaid += error > 1e-7 and not said
        times = [Figure(spent, 40.0, "s")]
        lines.append(Line(f"van_der_pol, MLP, seed {seed}", [Figure(error, np.inf, said)], times))
    lines.sort(key=lambda line: -line.errors[0].value)
    counts = [Figure(missed, 1, "seeds of 3 above 1e-7"), Figure(unsaid, 0, "of them unsaid")]
    return [*lines, Line("van_der_pol, MLP, all seeds", counts)]


def stochastic_growth(timed=True):
    lines = []
    for name, degree, mean, largest in (("A", 6, -12, -11), ("B", 9, -8.5, -8)):
        problem = problems.stochastic_growth(calibration=name)
        solve = lambda k, p=problem, n=degree: solver_of(p, start=1e-3 * k, degree=n)
        errors = path_errors(problem, solve(0)().value, mean, largest)
        times = [Figure(warm(solve, range(10)), 2.0, "s")] if timed else []
        lines.append(Line(f"stochastic_growth {name}, degree {degree}", errors, times))
    return lines


def stochastic_growth_mlp(timed=True):
    lines = []
    for name, seed in itertools.product("AB", range(3)):
        problem = problems.stochastic_growth(calibration=name)
        solution, spent = from_nothing(solver_of(problem, "mlp", seed), timed)
        errors = path_errors(problem, solution.value, -5, -3.5)
        times = [Figure(spent, 120.0, "s")]
        lines.append(Line(f"stochastic_growth {name}, MLP, seed {seed}", errors, times))
    return lines


def brock_mirman(timed=True):
    alpha, beta = 0.36, 0.96
    problem = problems.brock_mirman(alpha=alpha, beta=beta)
    f = solver_of(problem)().value
    points = problem.risk.terms[0].distribution.sample(1_001, key=jr.key(7))
    error = float(jnp.max(jnp.abs(jax.vmap(f.share)(points) - alpha * beta)))
    return [Line("brock_mirman, savings share", [Figure(error, 1e-8)])]


def lucas_tree(timed=True):
    problem = problems.lucas_tree()
    f = solver_of(problem, degree=8)().value
    return [Line("lucas_tree, degree 8", [Figure(against(problem, f), 1e-13)])]


def calibrations(timed=True):
    """1,000 solves in one call of a compiled function, against each alone."""

    lines = []
    for name, lo, hi, limit in (
        ("exponential", -3.0, -0.1, 50e-3),
        ("deterministic_growth", 0.88, 0.92, 300e-3),
    ):
        f, values = parametric()[name][0], jnp.linspace(lo, hi, 1_000)
        together = jax.jit(jax.vmap(f))
        one_by_one = np.array([f(float(value)) for value in values[::10]])
        error = np.max(np.abs(together(values)[::10] - one_by_one)) / np.max(np.abs(one_by_one))
        times = []
        if timed:
            calls = [lambda v=values + shift: together(v) for shift in np.arange(10) * 1e-6]
            times = [Figure(statistics.median([seconds(call) for call in calls]), limit, "s")]
        lines.append(Line(f"1,000 x {name}", [Figure(float(error), 1e-12, "from one")], times))
    return lines


def gradients(timed=True):
    """The derivative of a value of the solution in a parameter, both compiled."""

    lines = []
    for name, (f, at) in parametric().items():
        slope, value, h = jax.jit(jax.grad(f)), jax.jit(f), 1e-3
        # central differences of order six
        weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
        differences = sum(
            w * (float(f(at + k * h)) - float(f(at - k * h))) / h for k, w in weights.items()
        )
        error = abs(float(slope(at)) / differences - 1)
        times = []
        if timed:
            x, eager = near(at, 41), jax.grad(f)
            compiled = ratio(lambda k: slope(x[k]), lambda k: value(x[k]), rounds=40)
            plain = ratio(lambda k: eager(x[k]), lambda k: f(x[k]), rounds=20)
            times.append(Figure(compiled, 3.0, "x the solve, both compiled"))
            times.append(Figure(plain, 3.0, "x the solve, not compiled"))
        lines.append(Line(f"gradient, {name}", [Figure(error, 1e-8)], times))
    return lines


ROWS: dict[str, Callable[..., list[Line]]] = {
    row.__name__: row
    for row in (
        exponential,
        oscillator,
        logistic,
        van_der_pol,
        stiff_van_der_pol,
        poisson,
        exponential_mlp,
        oscillator_mlp,
        logistic_mlp,
        van_der_pol_mlp,
        poisson_mlp,
        stochastic_growth,
        stochastic_growth_mlp,
        brock_mirman,
        lucas_tree,
        calibrations,
        gradients,
    )
}
LONG = {"logistic_mlp", "van_der_pol_mlp", "poisson_mlp", "stochastic_growth_mlp"}
"""Rows that take more than a few seconds."""
