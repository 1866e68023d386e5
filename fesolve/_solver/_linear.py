"""One linear solve."""

from typing import Any, NamedTuple

from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checks import positive
from .._least_squares._assembly import Equation, LeastSquares, require_rows
from .._risk import AbstractRisk
from .._types import Hypothesis
from ._algebra import Algebra, State
from ._base import AbstractLeastSquaresSolver, RESULTS, Solution
from ._differentiable import solve_on_device
from ._iteration import iterate
from ._on_host import in_numpy, on_host, run_on_host
from ._outcome import host_solution, no_monitors_under_tracing, Outcome
from ._plans import in_jax, newton_plan
from ._refined import Level, refined
from ._reporter import Reporter


class LinearLeastSquares(AbstractLeastSquaresSolver):
    """argmin over theta of |r(theta)|^2 where r is affine in theta: one least-squares solve by QR,
    from wherever f starts.

    That is a linear equation with f linear in theta (a series), or with the last layer of a
    network, `only=lambda f: f.layers[-1]`. If the residual moved otherwise than its linearisation
    foretold and is not zero there, the result is `not_affine`.

    **Arguments:**

    - `accuracy`: the relative error of f up to which it counts as solved.
    - `budget`: for a population risk, at most so many points.
    """

    accuracy: float = 1e-3
    budget: int = 20_000

    def __check_init__(self) -> None:
        positive(self.accuracy, "accuracy")

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        return refined(_linear_solve, risk, f, trainable, monitors=monitors)


def _linear_solve(level: Level, monitors: tuple) -> Solution:
    problem = LeastSquares(level.sample, level.f, level.trainable)
    require_rows(problem, problem.theta.size)
    if problem.traced:
        no_monitors_under_tracing(monitors)
    if problem.traced or not (on_host(problem) or monitors):
        return solve_on_device(problem, _LinearStep(problem.equations))
    algebra = in_numpy(problem, report=Reporter(problem.value, monitors), like_rows=lambda _: None)
    step = lambda: _adopted(algebra, iterate(algebra, ONE_STEP, problem.theta))
    out = run_on_host(problem, algebra, ONE_STEP, step)
    return host_solution(problem, out, RESULTS.not_affine)


ONE_STEP = newton_plan(1)


def _adopted(algebra: Algebra, end: State) -> State:
    """The step is taken where it goes where its linearisation said, or lowers the risk."""
    best = algebra.choose(end.affine, end.here, end.best)
    return end._replace(best=best, converged=end.affine)


class _LinearStep(NamedTuple):
    """The same inside a compiled program."""

    equations: tuple[Equation, ...]

    @property
    def unfinished(self) -> Any:
        return RESULTS.not_affine

    def __call__(self, assembly: Any, theta: Array, data: list) -> Outcome:
        algebra = in_jax(assembly, theta, data, self.equations, timed=False)
        end = _adopted(algebra, iterate(algebra, ONE_STEP, theta))
        return Outcome(end.best.theta, end.best.r, end.steps, end.converged, end.finite)
