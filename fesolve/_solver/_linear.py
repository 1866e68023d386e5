"""One linear solve."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checks import positive
from .._least_squares._algebra import least_squares_step, one_thread
from .._least_squares._assembly import Equation, LeastSquares, linearise, require_rows, residuals
from .._least_squares._device_algebra import gauss_newton_step
from .._risk import AbstractRisk
from .._types import Hypothesis
from ._base import AbstractLeastSquaresSolver, Interrupted, RESULTS, Solution
from ._device import Outcome
from ._differentiable import solve_on_device
from ._host import Progress
from ._levenberg_marquardt import on_host
from ._march import element_series, on_elements
from ._outcome import host_solution, no_monitors_under_tracing


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
        series = element_series(f)
        problem = LeastSquares(on_elements(risk, series[0].basis) if series else risk, f, trainable)
        require_rows(problem, problem.theta.size)
        if problem.traced:
            no_monitors_under_tracing(monitors)
        if not on_host(problem):
            return solve_on_device(problem, _LinearStep(problem.equations))
        try:
            with one_thread(problem.theta.size):
                solution = _on_host(problem)
        except KeyboardInterrupt:
            raise Interrupted(_start(problem)) from None
        for monitor in monitors:
            monitor(1, {"risk": float(solution.risk)}, solution.value)
        return solution


def _start(problem: LeastSquares) -> Solution:
    return host_solution(problem, Progress(problem.theta, problem.residuals(problem.theta), None))


def _on_host(problem: LeastSquares) -> Solution:
    r, jacobian = problem.linearise(problem.theta)
    start = Progress(problem.theta, r, jacobian, evaluations=1)
    if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
        start.finite = False
        return host_solution(problem, start)
    step = least_squares_step(jacobian, r, 0.0)
    theta = problem.theta + step
    after = problem.residuals(theta)
    end = Progress(theta, after, jacobian, steps=1, evaluations=2, converged=True)
    end.finite, end.history = bool(np.isfinite(after).all()), [end.cost]
    affine = bool(_moved_as_foretold(r, jacobian, step, after))
    if not affine and not end.cost < start.cost:
        end.theta, end.r, end.finite = start.theta, start.r, True
    solution = host_solution(problem, end)
    if affine or not bool(solution.result == RESULTS.not_zero):
        return solution
    return Solution(
        solution.value, solution.risk, RESULTS.not_affine, solution.stats, solution.history
    )


def _moved_as_foretold(r: Any, jacobian: Any, step: Any, after: Any) -> Any:
    """Whether r(theta + step) is r + J step, to half of the digits."""
    xp = np if isinstance(r, np.ndarray) else jnp
    eps = float(np.finfo(r.dtype).eps)
    norm = xp.linalg.norm
    size = norm(r) + norm(jacobian @ step)
    rounding = 100 * eps * norm(jacobian) * norm(step)
    return norm(after - (r + jacobian @ step)) <= eps**0.5 * size + rounding


class _LinearStep(NamedTuple):
    """The same inside a compiled program."""

    equations: tuple[Equation, ...]

    @property
    def unfinished(self) -> Any:
        return RESULTS.not_affine

    def __call__(self, assembly: Any, theta: Array, data: list) -> Outcome:
        r, jacobian = linearise(assembly, theta, data)
        step = gauss_newton_step(jacobian, r)
        after = residuals(assembly, theta + step, data)
        affine = _moved_as_foretold(r, jacobian, step, after)
        keep = affine | (after @ after < r @ r)
        end = jnp.where(keep, theta + step, theta)
        finite, one = jnp.isfinite(jacobian).all(), jnp.ones((), int)
        return Outcome(end, jnp.where(keep, after, r), one, affine, finite=finite)
