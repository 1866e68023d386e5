"""The default solver."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._checks import function, positive, whole
from .._least_squares._algebra import DAMPED, one_thread
from .._least_squares._assembly import LeastSquares, require_rows
from .._least_squares._trainable import linear_leaves
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced
from ._base import AbstractLeastSquaresSolver, Interrupted, RESULTS, Solution
from ._best import BestOnFresh
from ._causal import row_times
from ._degree import climb, degree_solution, has_free_degree, rooms, with_points, with_room
from ._differentiable import Settings, solve_on_device
from ._elements import has_elements, solve_elements, solve_refined
from ._host import Functions, Progress
from ._large import in_blocks, size_of_jacobian, travel_matrix_free
from ._march import element_series, on_elements
from ._outcome import host_solution, is_zero, no_monitors_under_tracing
from ._strategy import solve_network, solve_series


class LevenbergMarquardt(AbstractLeastSquaresSolver):
    """argmin over theta of |r(theta)|^2 by the Levenberg-Marquardt method on residual vectors.

    Where the minimum is zero this is nearly Newton's method. What it does follows from f and the
    risk:

    - f linear in theta (series): Gauss-Newton by LU or QR, damped only where that fails; an
      adaptive basis is refined until its coefficients are at rounding;
    - networks: the last layer by QR, then all weights by damped steps with geodesic acceleration
      in the smaller of J^T J and J J^T, then the last layer once more;
    - initial-value problems, whose empirical risk has false minima: rows weighted causally, by
      exp(-epsilon * loss up to there), until the solution has travelled through the interval.

    **Arguments:**

    - `max_steps`: at most this many accepted steps.
    - `damping`: what is first added to the diagonal of J^T J, relative to its largest entry.
    - `causal`: `x -> t`, the time of a point; for initial-value problems. Without it, a scalar x
      whose conditions all stand at the lower end is detected.
    - `memory`: bytes that a Jacobian may take; past it the steps are matrix-free.
    - `accuracy`: the relative error of f up to which it counts as solved.
    - `budget`: for a population risk, at most so many points.

    **Reference:** Levenberg (1944); Marquardt (1963); Transtrum and Sethna (2012), "Improvements
    to the Levenberg-Marquardt algorithm for nonlinear least-squares minimization"; Wang,
    Sankaran and Perdikaris (2022), "Respecting causality is all you need".
    """

    max_steps: int = 2_000
    damping: float = 1e-3
    causal: Callable | None = None
    memory: int = 1 << 31
    accuracy: float = 1e-3
    budget: int = 20_000

    def __check_init__(self) -> None:
        whole(self.max_steps, "max_steps")
        positive(self.damping, "damping")
        whole(self.memory, "memory")
        if self.causal is not None:
            function(self.causal, "causal", "`lambda x: x[0]`, the time of a point")
        positive(self.accuracy, "accuracy")
        whole(self.budget, "budget")

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        if has_elements(f):
            marched = solve_elements(risk, f, trainable)
            if marched is not None:
                return marched
            if element_series(f)[0].basis.adaptive and not is_traced((risk, f)):
                whole = lambda risk, f: self._solve(LeastSquares(risk, f, trainable), monitors)
                return solve_refined(whole, risk, f)
            risk = on_elements(risk, element_series(f)[0].basis)
        if has_free_degree(f):
            return self._choose_degree(risk, f, trainable, monitors)
        return self._solve(LeastSquares(risk, f, trainable), monitors)

    def _choose_degree(
        self, risk: AbstractRisk, f: Hypothesis, trainable: PyTree[bool], monitors: tuple
    ) -> Solution:
        solution = None
        for room in rooms(f):
            f = with_room(f, room)
            mask = jax.tree.unflatten(jax.tree.structure(f), jax.tree.leaves(trainable))
            problem = LeastSquares(with_points(risk, room), f, mask)
            if not on_host(problem):
                continue
            solution = self._on_host(problem, True, np.arange(problem.theta.size), monitors, climb)
            if not bool(solution.result == RESULTS.unresolved):
                return solution
        return self._solve(problem, monitors) if solution is None else solution

    def _solve(self, problem: LeastSquares, monitors: tuple) -> Solution:
        marks, linear = linear_leaves(problem.f, problem.mask)
        if linear:
            require_rows(problem, problem.theta.size)
        columns = problem.columns(marks)
        if on_host(problem) or (monitors and not problem.traced):
            return self._on_host(problem, linear, columns, monitors)
        return self._on_device(problem, linear, columns, monitors)

    def _on_device(
        self, problem: LeastSquares, linear: bool, columns: np.ndarray, monitors: tuple
    ) -> Solution:
        if problem.traced:
            no_monitors_under_tracing(monitors)
        last = () if linear else tuple(columns.tolist())
        options = Settings(linear, last, self.max_steps, self.damping, problem.equations)
        return solve_on_device(problem, options)

    def _on_host(
        self,
        problem: LeastSquares,
        linear: bool,
        columns: np.ndarray,
        monitors: tuple,
        climb: Callable | None = None,
    ) -> Solution:
        latest: list[np.ndarray] = []
        best = None if linear else BestOnFresh(problem)
        report = _reporter(problem, monitors, latest, best)
        functions = Functions(problem.residuals, problem.linearise, report)
        if size_of_jacobian(problem) > self.memory:
            return self._on_host_in_parts(problem, linear, functions)
        with one_thread(problem.theta.size if linear else DAMPED):
            r, jacobian = problem.linearise(problem.theta)
            state = Progress(problem.theta, r, jacobian, evaluations=1)
            if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
                state.finite = False
                return host_solution(problem, state)
            try:
                degree = None if climb is None else climb(functions, problem, state)
                if degree is None and linear:
                    solve_series(functions, state, **self._options(problem))
                elif degree is None and best is not None:
                    solve_network(functions, state, last=columns, **self._options(problem))
                    best.keep(problem, state)
            except KeyboardInterrupt:
                _adopt_better(problem, state, latest)
                raise Interrupted(host_solution(problem, state)) from None
            if climb is not None:
                return degree_solution(problem, state, degree)
            return host_solution(problem, state)

    def _on_host_in_parts(
        self, problem: LeastSquares, linear: bool, functions: Functions
    ) -> Solution:
        """Past the memory budget: in blocks of rows where they outnumber the unknowns, else
        without a Jacobian."""
        state = Progress(problem.theta, problem.residuals(problem.theta), None)
        state.finite = bool(np.isfinite(state.r).all())
        try:
            if state.finite and problem.rows > 4 * problem.theta.size:
                blocks = in_blocks(problem, self.memory, functions)
                state.r, state.jacobian = blocks.linearise(state.theta)
                if not np.isfinite(state.jacobian).all():
                    state.finite, state.r = False, problem.residuals(state.theta)
                    return host_solution(problem, state)
                options = {**self._options(problem), "times": lambda: None}
                solve_series(blocks, state, **options | {"zero": lambda _: False})
                state.r = problem.residuals(state.theta)
            elif state.finite:
                travel_matrix_free(problem, functions, state, self.max_steps, self.damping)
        except KeyboardInterrupt:
            state.r = problem.residuals(state.theta)
            raise Interrupted(host_solution(problem, state)) from None
        return host_solution(problem, state)

    def _options(self, problem: LeastSquares) -> dict[str, Any]:
        return {
            "times": lambda: row_times(problem, self.causal),
            "max_steps": self.max_steps,
            "damping": self.damping,
            "zero": lambda state: is_zero(problem, state),
        }


def on_host(problem: LeastSquares) -> bool:
    """Whether the loop runs on the host: nothing is traced, and the arrays are there anyway."""
    return not problem.traced and jax.default_backend() == "cpu"


def _reporter(
    problem: LeastSquares,
    monitors: tuple,
    latest: list[np.ndarray],
    best: BestOnFresh | None,
) -> Callable[[Progress], None]:
    def report(state: Progress) -> None:
        latest[:] = [state.theta]
        if best is not None:
            best.look(state)
        for monitor in monitors:
            metrics = {"risk": state.cost, "damping": float(state.damping)}
            monitor(state.steps, metrics, problem.value(state.theta))

    return report


def _adopt_better(problem: LeastSquares, state: Progress, latest: list[np.ndarray]) -> None:
    """Where a solve is interrupted: the better of the iterate it stood at and the last one that
    was reported, by the risk itself and not by weighted rows."""
    rows = [(problem.residuals(theta), theta) for theta in (state.theta, *latest)]
    state.r, state.theta = min(
        rows, key=lambda pair: float(np.nan_to_num(pair[0] @ pair[0], nan=np.inf))
    )
