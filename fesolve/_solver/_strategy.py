"""In which order a least-squares problem is attacked on the host."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from .._least_squares._algebra import DAMPED, one_thread
from ._causal import copy_of, travel_causally
from ._host import Functions, levenberg_marquardt, newton, Progress
from ._verdict import default_tolerance


def solve_series(
    functions: Functions,
    state: Progress,
    *,
    times: Callable[[], np.ndarray | None],
    max_steps: int,
    damping: float,
    zero: Callable[[Progress], bool],
) -> None:
    """f linear in theta: Gauss-Newton; where that does not arrive at `zero`, damped steps from the
    start, causally weighted on an initial-value problem, and Gauss-Newton again."""
    rtol = 8 * float(np.finfo(state.theta.dtype).eps)
    state.measure()
    start = copy_of(state)
    newton(functions, state, min(max_steps, 30), rtol, None)
    if zero(state):
        state.finite = True
        return
    clock = times()
    for travel in [travel_damped] if clock is None else [travel_causally, travel_damped]:
        other = copy_of(start)
        other.steps, other.evaluations, other.history = 0, 0, []
        other.damping = damping * _scale(other)
        with one_thread(DAMPED):
            travel(functions, other, clock, max_steps)
        travelled = other.converged
        newton(functions, other, 10, rtol, None)
        other.converged = other.converged or travelled
        other.steps += state.steps
        other.evaluations += state.evaluations
        other.history = state.history + other.history
        if not other.cost < state.cost:
            other = replace(other, theta=state.theta, r=state.r, jacobian=state.jacobian)
        adopt(state, other)
        if zero(state):
            state.finite = True
            return


def travel_damped(
    functions: Functions, state: Progress, times: np.ndarray | None, max_steps: int
) -> None:
    """Levenberg-Marquardt on all rows alike."""
    rtol = 8 * float(np.finfo(state.theta.dtype).eps)
    levenberg_marquardt(functions, state, max_steps, rtol, floor=rounding(state))


def solve_network(
    functions: Functions,
    state: Progress,
    *,
    last: np.ndarray,
    times: Callable[[], np.ndarray | None],
    max_steps: int,
    damping: float,
    zero: Callable[[Progress], bool],
) -> None:
    """f nonlinear in theta: the last layer by QR, all weights by damped steps, the last layer
    once more. The damped steps travel, the QR arrives: Cholesky of a Gram matrix loses half of
    the digits.

    On a nonlinear initial-value problem the first solve of the last layer is left out, since it
    settles in a false minimum that blocks what follows, and the steps travel causally instead.
    """
    eps = float(np.finfo(state.theta.dtype).eps)
    state.measure()
    clock, begin, early = times(), copy_of(state), False
    last = last if last.size < state.theta.size else last[:0]
    if last.size:
        first = copy_of(state)
        newton(functions, first, 6, 8 * eps, last)
        travels_in_time = clock is not None and not _is_affine(functions, state, first, last)
        early = not travels_in_time and first.cost < state.cost
        if early:
            adopt(state, first)
    _travel_and_arrive(functions, state, last, clock, max_steps, damping)
    left = max_steps - state.steps
    enough = (1e-2 * default_tolerance(state.theta.dtype) * state.unit) ** 2
    if early and state.converged and left > 0 and state.cost > enough:
        # a last layer of large weights can be a valley that is too narrow to travel in
        again = replace(begin, evaluations=state.evaluations, history=state.history)
        _travel_and_arrive(functions, again, last, clock, left, damping)
        if again.cost < state.cost:
            adopt(state, replace(again, steps=again.steps + state.steps))
    state.finite = state.finite or zero(state)


def _travel_and_arrive(
    functions: Functions,
    state: Progress,
    last: np.ndarray,
    clock: np.ndarray | None,
    max_steps: int,
    damping: float,
) -> None:
    eps = float(np.finfo(state.theta.dtype).eps)
    if clock is not None and state.cost > rounding(state):
        state.damping = damping * _scale(state)
        travel_causally(functions, state, clock, max_steps)
    if state.cost > rounding(state):
        near = state.cost < 1e-8 * state.unit**2
        state.damping = (1e-8 if near else damping) * _scale(state)
        levenberg_marquardt(functions, state, max_steps, 8 * eps, floor=rounding(state))
    converged = state.converged or state.cost <= rounding(state)
    if last.size:
        touched = copy_of(state)
        newton(functions, touched, 6, 8 * eps, last)
        if touched.cost < state.cost:
            # whether the steps in all weights could go on is for them to say
            finite, beyond = state.finite, state.beyond
            adopt(state, touched)
            state.finite, state.beyond = finite, beyond
    state.converged = converged


def _is_affine(functions: Functions, state: Progress, after: Progress, columns: np.ndarray) -> bool:
    """Whether the residual moved along the last layer as its linearisation said it would."""
    assert state.jacobian is not None
    step = (after.theta - state.theta)[columns]
    predicted = state.r + state.jacobian[:, columns] @ step
    return bool(np.linalg.norm(after.r - predicted) <= 1e-6 * np.linalg.norm(state.r))


def rounding(state: Progress) -> float:
    """The squared norm of a residual vector that is nothing but rounding."""
    return (30 * float(np.finfo(state.theta.dtype).eps) * state.unit) ** 2


def _scale(state: Progress) -> float:
    """The largest entry of the diagonal of J^T J, or of J J^T, the smaller of the two."""
    assert state.jacobian is not None
    axis = 1 if state.jacobian.shape[0] <= state.jacobian.shape[1] else 0
    return float(np.max(np.sum(state.jacobian**2, axis=axis)))


def adopt(state: Progress, other: Progress) -> None:
    """Goes on from where `other` stands."""
    for name in vars(other):
        setattr(state, name, getattr(other, name))
