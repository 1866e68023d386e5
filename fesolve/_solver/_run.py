"""One solve: the points, the iteration, the verdict."""

from jaxtyping import PRNGKeyArray, PyTree

from .._risk import AbstractRisk
from .._types import Hypothesis
from ._base import AbstractLeastSquaresSolver, AbstractSolver, Solution
from ._chosen import is_population, on_chosen_points
from ._judged import judged


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
    found = solver.minimise(risk, f, trainable, key=key, monitors=monitors)
    return judged(risk, found, trainable, solver.accuracy)
