"""When a stage of an iteration is over, and how."""

from typing import Any, NamedTuple

from ._algebra import Algebra, Plan, Point, State


STRICTNESS = (1e2, 1e3, 1e4)
"""The epsilons of causal weights: how small the past must be, in the unit of r, before the future
counts."""
ALLOWANCE = 1e-5
"""A residual, relative to the accuracy asked for, below which a digit must be worth its steps. The
error of f is the residual over the conditioning, for which this leaves room."""
PATIENCE = 25
"""So many steps may every digit take."""


class Move(NamedTuple):
    """An attempt: the point, its weighted cost and that before it, the length of the step,
    whether the linearisation foretold a gain and was right, whether the point is finite, and
    whether it is taken."""

    point: Point
    after: Any
    before: Any
    size: Any
    gains: Any
    foretold: Any
    finite: Any
    taken: Any


def newton_ends(algebra: Algebra, stage: Any, state: State, move: Move) -> tuple[Any, Any, Any]:
    """Whether Gauss-Newton is over, has converged, and is finite.

    It does not insist on a falling risk: from f = 0 the first step of a logistic equation raises
    it a thousandfold and the seventh arrives at 1e-15. A step that was to gain nothing is the last.
    """
    cost, eps = state.here.cost, algebra.eps
    scale = algebra.xp.linalg.norm(state.here.theta)
    short = move.size <= stage.rtol * (scale + stage.rtol)
    arrived = short | algebra.xp.logical_not(move.gains) | (cost <= (8 * eps * state.unit) ** 2)
    arrived = arrived & move.taken
    idle = (state.stalled >= 2) & (state.lowest <= (max(1e-9, 8 * eps) * state.unit) ** 2)
    wanders, failed = state.stalled >= 8, state.refused >= 12
    spent = state.steps - state.entered >= stage.steps
    over = arrived | idle | wanders | failed | spent
    return over, arrived | (idle & algebra.xp.logical_not(wanders)), algebra.xp.logical_not(failed)


def damped_ends(
    algebra: Algebra, plan: Plan, stage: Any, state: State, move: Move
) -> tuple[Any, Any, Any]:
    """Whether damped steps are over, have converged, and are finite.

    They end at rounding, where they are refused or too short, or gain less than a thousandth many
    times in a row; and, once f is as accurate as was asked for, where the next digit costs
    more than half of what all digits before it did."""
    cost, eps = state.here.cost, algebra.eps
    enough = max(ALLOWANCE * plan.accuracy, 100 * eps) * state.unit
    since = state.steps - state.digit_at
    dear = (since > PATIENCE) & (2 * since > state.digit_at - state.entered)
    short = (state.refused > 0) & (
        move.size <= stage.rtol * algebra.xp.linalg.norm(state.here.theta)
    )
    at_rounding = cost <= rounding(algebra, state)
    stuck = (state.refused >= 30) | (state.stalled >= PATIENCE) | short
    converged = at_rounding | stuck | (dear & (cost <= enough**2))
    over = converged | (state.steps >= plan.max_steps - plan.reserve)
    # however short the step, it leads to where nothing is finite
    lost = (
        (state.refused > 0)
        & algebra.xp.logical_not(move.finite)
        & algebra.xp.logical_not(at_rounding)
    )
    return over, converged, algebra.xp.logical_not(lost)


def rounding(algebra: Algebra, state: State) -> Any:
    """The squared norm of a residual vector that is nothing but rounding."""
    return (30 * algebra.eps * state.unit) ** 2


def causal_ends(algebra: Algebra, state: State, move: Move) -> tuple[State, Any, Any]:
    """The state, whether the stage is over, and that it has not converged; every few steps with
    new weights, of the next strictness where these steps have brought nothing."""
    cost = algebra.choose(move.taken, move.after, move.before)
    short = move.size <= 1e-12 * algebra.xp.linalg.norm(state.here.theta)
    stuck = (state.refused >= 30) | (state.stalled >= PATIENCE) | ((state.refused > 0) & short)
    far = (cost <= 1e-3 * state.round_cost) | (state.steps - state.round_at >= 8)
    idle = (state.steps == state.round_at) | (cost > 0.999 * state.round_cost)
    level = algebra.choose(idle, state.level + algebra.constant(1), state.level)
    renewed = lambda: weighed(algebra, state, level)
    state = algebra.either(stuck | far, renewed, lambda: state)
    return state, state.level >= len(STRICTNESS), algebra.constant(False)


def weighed(algebra: Algebra, state: State, level: Any) -> State:
    """New causal weights, of the first strictness from `level` on under which they are not all
    near 1."""
    xp, r = algebra.xp, state.here.r
    unit = algebra.choose(state.unit > 0, state.unit, algebra.constant(1.0))
    past = algebra.past(r / unit)
    strictness = xp.asarray(STRICTNESS, r.dtype)
    idle = xp.sum(strictness * xp.max(past) < 1e-2)
    level = xp.maximum(level, idle)
    weights = xp.exp(-0.5 * strictness[xp.minimum(level, len(STRICTNESS) - 1)] * past)
    none = algebra.constant(0)
    rows = weights * r
    return state._replace(
        weights=weights,
        level=level,
        round_cost=rows @ rows,
        round_at=state.steps,
        refused=none,
        stalled=none,
    )
