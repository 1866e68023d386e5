"""One solve: the points, the iteration, the verdict."""

import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._judge import margin
from .._risk import AbstractRisk
from .._types import changed, Hypothesis, is_traced
from ._base import AbstractLeastSquaresSolver, AbstractSolver, Solution
from ._chosen import is_population, on_chosen_points
from ._judged import judged
from ._levenberg_marquardt import LevenbergMarquardt
from ._optax import Optax
from ._sequential import Sequential
from ._stops import ALLOWANCE


ROUNDING = 1e-12
"""An accuracy at which an iteration goes on to rounding."""


def solution_of(
    solver: AbstractSolver,
    risk: AbstractRisk,
    f: Hypothesis,
    trainable: PyTree[bool],
    *,
    key: PRNGKeyArray | None,
    monitors: tuple,
) -> Solution:
    """What a solver finds, judged."""
    if isinstance(solver, AbstractLeastSquaresSolver) and is_population(risk):
        given = {"key": key, "monitors": monitors}
        return on_chosen_points(solver, risk, f, trainable, **given)
    given = {"key": key, "monitors": monitors}
    solution = judged(
        risk, solver.minimise(risk, f, trainable, **given), trainable, solver.accuracy
    )
    onward = _onward(solver, solution)
    if onward is None:
        return solution
    found = onward.minimise(risk, solution.value, trainable, **given)
    return judged(risk, _joined(solution, found), trainable, solver.accuracy)


def known_steps(solver: AbstractSolver, risk: AbstractRisk) -> int | None:
    """How many steps the solver takes, where that is known."""
    match solver:
        case Optax():
            return solver.steps_on(risk)
        case Sequential():
            steps = [known_steps(part, risk) for part in solver.solvers]
            return None if None in steps else sum(steps)
    return None


def _onward(solver: AbstractSolver, solution: Solution) -> LevenbergMarquardt | None:
    """The solver for the steps that are left, to rounding, where an iteration has ended since f
    seemed to be as accurate as was asked for, and is not: a residual that is small for most
    equations may hide an error where the conditioning is bad."""
    if not isinstance(solver, LevenbergMarquardt) or is_traced(solution):
        return None
    stats = solution.stats
    left = solver.max_steps - int(stats["steps"])
    if not stats.keys() >= {"unit", "error"} or left <= 0 or bool(solution.solved):
        return None
    sure = margin(stats["error_is_bound"]) * stats["error"]
    enough = np.sqrt(solution.risk) <= ALLOWANCE * solver.accuracy * stats["unit"]
    if not (enough and solver.accuracy < sure < np.inf):
        return None
    return changed(solver, max_steps=left, accuracy=ROUNDING)


def _joined(first: Solution, then: Solution) -> Solution:
    """The second of two solves, of which the second went on from the first."""
    counted = ("steps", "evaluations")
    stats = then.stats | {name: first.stats[name] + then.stats[name] for name in counted}
    both = first.history is not None and then.history is not None
    history = np.concatenate([first.history, then.history]) if both else then.history
    return changed(then, stats=stats, history=history)
