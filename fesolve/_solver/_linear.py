"""One linear solve."""

from .._checks import positive
from .._iteration._plans import LINEAR
from .._least_squares._assembly import require_rows
from .._solution import Solution
from ._base import AbstractLeastSquaresSolver, require_no_monitors, Task
from ._minimum import in_numpy, run_on_host, solution_on_host, solve_on_device, Staged
from ._refined import Level, refined
from ._reporter import Reporter


class LinearLeastSquares(AbstractLeastSquaresSolver):
    """argmin over theta of |r(theta)|^2 where r is affine in theta: one least-squares solve by QR,
    from wherever f starts.

    That is a linear equation with f linear in theta (a series), or with the last layer of a
    network, `only=lambda f: f.layers[-1]`. If the residual moved otherwise than its linearisation
    predicted and is not zero there, the result is `not_affine`.

    **Arguments:**

    - `accuracy`: the relative error of f up to which it counts as solved.
    - `budget`: for a population risk, at most so many points.
    """

    accuracy: float = 1e-3
    budget: int = 20_000

    def __check_init__(self) -> None:
        positive(self.accuracy, "accuracy")

    def minimise(self, task: Task) -> Solution:
        return refined(_linear_solve, task)


def _linear_solve(level: Level) -> Solution:
    problem, monitors = level.task.posed(), level.task.monitors
    require_rows(problem)
    if not problem.on_host and (problem.traced or not monitors):
        require_no_monitors(monitors)
        return solve_on_device(problem, Staged(LINEAR, problem.equations))
    report = Reporter(problem.value, monitors) if monitors else None
    algebra = in_numpy(problem, report=report, like_rows=lambda jacobian: None)
    return solution_on_host(problem, run_on_host(problem, algebra, LINEAR))
