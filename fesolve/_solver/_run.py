"""One solve: the points, the iteration, the verdict."""

import numpy as np

from .._judge import judged, margin
from .._risk import AbstractRisk
from .._solution import Solution
from .._types import changed, is_traced
from ._base import AbstractLeastSquaresSolver, AbstractSolver, Task
from ._chosen import is_population, on_chosen_points
from ._levenberg_marquardt import LevenbergMarquardt
from ._optax import Optax
from ._sequential import in_sequence, Sequential
from ._stops import ALLOWANCE


ROUNDING = 1e-12
"""An accuracy at which an iteration goes on to rounding."""


def solution_of(solver: AbstractSolver, task: Task) -> Solution:
    """What a solver finds, judged."""
    draws = isinstance(solver, LevenbergMarquardt) and solver.batch is not None
    if isinstance(solver, AbstractLeastSquaresSolver) and is_population(task.risk) and not draws:
        return on_chosen_points(solver, task)
    verdict = lambda found: judged(task.risk, found, task.trainable, solver.accuracy)
    solution = verdict(solver.minimise(task))
    onward = _onward(solver, solution)
    if onward is None:
        return solution
    found = onward.minimise(task.at(solution.value))
    return verdict(changed(in_sequence([solution, found]), problem=found.problem))


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
    if not isinstance(solver, LevenbergMarquardt) or is_traced(solution.risk):
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
