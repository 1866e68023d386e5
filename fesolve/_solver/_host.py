"""Newton and Levenberg-Marquardt driven from the host.

Only the residual and its Jacobian are compiled; the loop and the linear algebra are NumPy. A
Chebyshev solve takes a millisecond and its compilation a second, so what is not compiled is won.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from .._least_squares._algebra import least_squares_step


@dataclasses.dataclass
class Progress:
    """Where the iteration stands; the only mutable state of a host solve. `beyond` is the theta
    of the shortest step that was tried where none was finite."""

    theta: np.ndarray
    r: np.ndarray
    jacobian: np.ndarray | None
    steps: int = 0
    evaluations: int = 0
    damping: float = 0.0
    finite: bool = True
    converged: bool = False
    overfitted: bool = False
    unit: float = 0.0
    beyond: np.ndarray | None = None
    history: list[float] = dataclasses.field(default_factory=list)

    def measure(self) -> None:
        """Sets the unit of r, once: the size of r and of J theta at the start. What counts as
        rounding is relative to it, so that nothing depends on the unit of the equations."""
        if not self.unit and self.jacobian is not None:
            parts = self.r @ self.r + np.sum((self.jacobian @ self.theta) ** 2)
            self.unit = float(np.sqrt(parts)) if np.isfinite(parts) else 0.0

    @property
    def cost(self) -> float:
        return float(self.r @ self.r)


@dataclasses.dataclass(frozen=True)
class Functions:
    """The problem as the loops see it, its rows possibly weighted."""

    residuals: Callable[[np.ndarray], np.ndarray]
    linearise: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    report: Callable[[Progress], None]
    accelerate: bool = True


def _finite(*arrays: np.ndarray) -> bool:
    return all(np.isfinite(array).all() for array in arrays)


def newton(
    functions: Functions, state: Progress, max_steps: int, rtol: float, columns: np.ndarray | None
) -> None:
    """Gauss-Newton with full steps, shortened only where residual or Jacobian are not finite.

    It does not insist on a falling risk: from f = 0 the first step of a logistic equation raises
    it a thousandfold and the seventh arrives at 1e-15. Keeps the best theta that it met.
    """
    if state.jacobian is None:
        state.r, state.jacobian = functions.linearise(state.theta)
        state.evaluations += 1
    state.measure()
    best = (state.cost, state.theta, state.r, state.jacobian)
    state.finite = _finite(state.r, state.jacobian)
    nothing = (8 * float(np.finfo(state.r.dtype).eps) * state.unit) ** 2
    little = (1e-9 * state.unit) ** 2
    stalled = 0
    for _ in range(max_steps if state.finite else 0):
        step = _restricted_step(state, columns, 0.0)
        size = np.linalg.norm(step)
        moved = _shorten_until_finite(functions, state, step)
        if not moved:
            state.finite = False
            break
        state.steps += 1
        state.history.append(state.cost)
        functions.report(state)
        small = size <= rtol * (np.linalg.norm(state.theta) + rtol) or state.cost <= nothing
        if state.cost < best[0]:
            stalled = 0 if state.cost < 0.5 * best[0] else stalled + 1
            best = (state.cost, state.theta, state.r, state.jacobian)
        else:
            stalled += 1
        if small or (stalled >= 2 and best[0] <= little) or stalled >= 8:
            state.converged = bool(small or stalled < 8)
            break
    _, state.theta, state.r, state.jacobian = best


def _restricted_step(state: Progress, columns: np.ndarray | None, damping: float) -> np.ndarray:
    assert state.jacobian is not None
    if columns is None:
        return least_squares_step(state.jacobian, state.r, damping)
    step = np.zeros_like(state.theta)
    step[columns] = least_squares_step(state.jacobian[:, columns], state.r, damping)
    return step


def _shorten_until_finite(functions: Functions, state: Progress, step: np.ndarray) -> bool:
    for _ in range(12):
        if _finite(step):
            theta = state.theta + step
            r, jacobian = functions.linearise(theta)
            state.evaluations += 1
            if _finite(r, jacobian):
                state.theta, state.r, state.jacobian = theta, r, jacobian
                return True
            state.beyond = theta
        step = step / 4
    return False


def levenberg_marquardt(
    functions: Functions, state: Progress, max_steps: int, rtol: float, *, floor: float
) -> None:
    """Levenberg-Marquardt with geodesic acceleration, in the smaller of J^T J + damping I and the
    Gram matrix J J^T + damping I (Transtrum and Sethna, 2012).

    Cholesky of these is right for travelling; the last digits are left to a QR step. The second
    directional derivative of the geodesic term is a finite difference, one more residual, because
    its exact form doubles the compilation. The Jacobian stays on a rejected step, and a step is
    rejected as well where the Jacobian after it is not finite.
    """
    if state.jacobian is None:
        state.r, state.jacobian = functions.linearise(state.theta)
        state.evaluations += 1
    state.finite = _finite(state.r, state.jacobian)
    if not state.finite:
        return
    solver = _Damped(state.jacobian)
    damping = state.damping
    rejected, slow = 0, 0
    start = state.steps
    state.measure()
    near = 1e10 * (float(np.finfo(state.r.dtype).eps) * state.unit) ** 2
    while state.steps - start < max_steps:
        direction = solver.solve(-state.r, damping)
        step = _accelerated(functions, state, solver, direction, damping)
        theta = state.theta + step
        r = functions.residuals(theta) if _finite(step) else np.full_like(state.r, np.nan)
        state.evaluations += 2
        cost = float(r @ r)
        finite = bool(np.isfinite(cost))
        if finite and cost < state.cost:
            after = functions.linearise(theta)
            finite = _finite(*after)
        if finite and cost < state.cost:
            # near rounding a step must earn more: the last layer's QR is better at the end
            gain = 1e-3 if state.cost > near else 0.2
            slow = slow + 1 if cost > (1 - gain) * state.cost else 0
            state.theta = theta
            state.r, state.jacobian = after
            state.steps += 1
            state.history.append(cost)
            damping, rejected = damping / 5, 0
            solver = _Damped(state.jacobian)
            functions.report(state)
        else:
            # from the least on that a factor takes: below it, the step would be the same again
            damping, rejected = 3 * max(damping, solver.least), rejected + 1
        size = np.linalg.norm(step)
        short = rejected and size <= rtol * np.linalg.norm(state.theta)
        if state.cost <= floor or rejected >= 30 or slow >= 25 or short:
            state.converged = True
            # however short the step, it leads to where nothing is finite
            if rejected and not finite and state.cost > floor:
                state.finite, state.beyond = False, theta
            break
    state.damping = damping


class _Damped:
    """(J^T J + damping I)^-1 J^T, formed once for a Jacobian and factored for each damping."""

    def __init__(self, jacobian: np.ndarray) -> None:
        self.jacobian = jacobian
        rows, columns = jacobian.shape
        self.dual = rows <= columns
        self.gram = jacobian @ jacobian.T if self.dual else jacobian.T @ jacobian
        # the smallest damping at which a Cholesky factor exists in this precision
        self.least = 4 * float(np.finfo(jacobian.dtype).eps) * float(np.max(np.diagonal(self.gram)))
        self.factored: tuple[float, np.ndarray] | None = None

    def solve(self, b: np.ndarray, damping: float) -> np.ndarray:
        from scipy.linalg import cho_factor, cho_solve

        if self.factored is None or self.factored[0] != damping:
            # where J^T J underflows to zero, ten times nothing would be tried for ever
            amount = max(damping, self.least, float(np.finfo(self.gram.dtype).tiny))
            while True:
                shifted = self.gram.copy()
                shifted[np.diag_indices_from(shifted)] += amount
                try:
                    self.factored = (damping, cho_factor(shifted, lower=True, check_finite=False))
                    break
                except np.linalg.LinAlgError:
                    amount *= 10
        factored = self.factored[1]
        if self.dual:
            return self.jacobian.T @ cho_solve(factored, b, check_finite=False)
        return cho_solve(factored, self.jacobian.T @ b, check_finite=False)


def _accelerated(
    functions: Functions,
    state: Progress,
    solver: _Damped,
    direction: np.ndarray,
    damping: float,
) -> np.ndarray:
    if not (functions.accelerate and _finite(direction)):
        return direction
    h = 0.1
    ahead = functions.residuals(state.theta + h * direction)
    second = 2 / h * ((ahead - state.r) / h - state.jacobian @ direction)
    if not _finite(second):
        return direction
    acceleration = -0.5 * solver.solve(second, damping)
    if 2 * np.linalg.norm(acceleration) < 0.75 * np.linalg.norm(direction):
        return direction + acceleration
    return direction
