"""What models with an expectation inside must reach."""

import itertools
from collections.abc import Callable

import jax.random as jr
import numpy as np
import optax
from measuring import Figure, from_nothing, Line, path_errors, solver_of, warm
from references_expectations import consumption_differences

import fesolve as fe
from fesolve import problems


def stochastic_growth_degree_9(timed=True):
    lines = []
    for name in "ABC":
        problem = problems.stochastic_growth(calibration=name)
        solve = lambda k, p=problem: solver_of(p, start=1e-3 * k, degree=9)
        errors = path_errors(problem, solve(0)().value, -8, -6)
        times = [Figure(warm(solve, range(5)), 2.0, "s")] if timed else []
        lines.append(Line(f"stochastic_growth {name}, degree 9", errors, times))
    return lines


def adam(steps=3_000, batch_size=128):
    """The recipe for descent alone: fresh points at each step, the expectation by quadrature, and a
    rate that falls along a cosine to nothing."""
    rate = optax.cosine_decay_schedule(3e-3, steps)
    return fe.Optax(optax.adam(rate), num_steps=steps, batch_size=batch_size)


def stochastic_growth_adam(timed=True):
    lines = []
    for name, seed in itertools.product("AB", range(2)):
        problem = problems.stochastic_growth(calibration=name)
        f = problem.choice("mlp", width=50).hypothesis(jr.key(seed))
        solve = lambda p=problem, f=f, s=seed: fe.solve(p.risk, f, adam(), key=jr.key(s))
        solution, spent = from_nothing(solve, timed)
        errors = path_errors(problem, solution.value, -4, -3)
        times = [Figure(spent, 60.0, "s")]
        lines.append(Line(f"stochastic_growth {name}, Adam, seed {seed}", errors, times))
    return lines


def consumption_saving(timed=True):
    lines = []
    for kind, largest in (("chebyshev", 1e-3), ("mlp", 2e-3)):
        solution, spent = from_nothing(solver_of(problems.consumption_saving(), kind), timed)
        error, (mean, away) = consumption_differences(solution.value)
        errors = [
            Figure(error, largest, "of c"),
            Figure(mean, 1e-4, "mean complementarity"),
            # There are more bends than the first, at each of which a smooth f errs.
            Figure(away, np.inf, "max, away from the first bend"),
        ]
        lines.append(Line(f"consumption_saving, {kind}", errors, [Figure(spent, 60.0, "s")]))
    return lines


ROWS: dict[str, Callable[..., list[Line]]] = {
    row.__name__: row
    for row in (stochastic_growth_degree_9, stochastic_growth_adam, consumption_saving)
}
LONG = {"stochastic_growth_degree_9", "stochastic_growth_adam", "consumption_saving"}
"""Rows that take more than a few seconds."""
