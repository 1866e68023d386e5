"""The iteration of every least-squares problem: Gauss-Newton and Levenberg-Marquardt steps, in
stages.

Written once, over an algebra: in NumPy, with the loop on the host, a Chebyshev solve takes a
millisecond and compiles the residual alone; in JAX the same lines are one compiled program, in
which the residual stands once, whatever the number of stages. Nothing raises here; how a lane
ended is in what comes back.
"""

from typing import Any, NamedTuple

import numpy as np

from ._acceleration import acceleration, AHEAD
from ._algebra import Algebra, Point, Proposal, State, Tried
from ._plans import Plan


NEAR = 1e-4
"""A residual that is so small, in the unit of r, is near a solution: one does not turn back."""
WORTH_A_RETRY = 1e-4
"""A larger residual, relative to the accuracy asked for, is worth a second attempt."""
STRICTNESS = (1e2, 1e3, 1e4)
"""The epsilons of causal weights: how small the past must be, in the unit of r, before the future
counts."""
ALLOWANCE = 1e-5
"""A residual, relative to the accuracy asked for, below which a digit must be worth its steps. The
error of f is the residual over the conditioning, for which this leaves room."""
PATIENCE = 25
"""So many steps may every digit take."""


class _Move(NamedTuple):
    """An attempt: the point, its weighted cost and that before it, the length of the step,
    whether the linearisation predicted a gain and was right, whether the point is finite, and
    whether it is taken."""

    point: Point
    after: Any
    before: Any
    size: Any
    gains: Any
    predicted: Any
    finite: Any
    taken: Any


class Iteration(NamedTuple):
    """A plan over an algebra, as its loop runs it: `begin` makes a state of the point at the start;
    `propose` a step, and `conclude` the next state of what it leads to, each of the two with
    whether the loop goes `onward` to another stage; `end` makes the last state of an affine
    plan."""

    algebra: Algebra
    plan: Plan

    def begin(self, point: Point) -> tuple[State, Any]:
        """Before the first stage; done where nothing can be begun."""
        algebra, plan, (theta, r, jacobian, _) = self.algebra, self.plan, point
        no, none, zero = algebra.constant(False), algebra.constant(0), algebra.constant(0.0)
        parts = point.cost + algebra.xp.sum((jacobian @ theta) ** 2)
        unit = algebra.xp.sqrt(algebra.choose(algebra.xp.isfinite(parts), parts, zero))
        finite = algebra.is_finite(r, jacobian)
        spent = algebra.xp.logical_not(finite) | (none >= plan.max_steps)
        one, before = algebra.constant(1.0), algebra.constant(-1)
        state = State(
            *(point, point, point, unit, before, none, none, zero, one),
            *(none, none, point.cost, point.cost, none),
            *(algebra.no_weights(r), none, point.cost, none),
            *(no, no, no, finite, theta, spent),
        )
        return state, algebra.xp.logical_not(spent)

    def propose(self, state: State) -> Proposal:
        """The next step."""
        algebra, plan, here = self.algebra, self.plan, state.here
        stage = algebra.stage(plan, state.stage)
        r, jacobian = algebra.weighted(state.weights, here.r, here.jacobian)
        step, factors = algebra.direction(plan, stage.damped, r, jacobian, state.damping)
        if algebra.accelerates and plan.has_damped:
            plain = lambda: step
            accelerated = lambda: _accelerated(algebra, state, r, jacobian, step, factors)
            step = algebra.branch(stage.damped, accelerated, plain)
        step = step * state.length
        return Proposal(here.theta + step, stage.damped, step, jacobian @ step, r @ r)

    def conclude(self, state: State, proposal: Proposal, tried: Tried) -> tuple[State, Any]:
        """What follows from an attempt, and whether another stage does."""
        algebra, plan = self.algebra, self.plan
        stage = algebra.stage(plan, state.stage)
        move = _move(algebra, state, proposal, tried)
        state = _moved(algebra, stage, state, move)
        ends = lambda: _newton_ends(algebra, stage, state, move)
        if plan.has_damped:
            newton, damped = ends, lambda: _damped_ends(algebra, plan, stage, state, move)
            ends = lambda: algebra.either(stage.damped, damped, newton)
        over, converged, finite = ends()
        if state.weights is not None:
            timely = lambda: _causal_ends(algebra, state, move)
            free = lambda: (state, over, converged)
            state, over, converged = algebra.branch(stage.causal, timely, free)
        decides, exhausted = over & stage.decides, state.steps >= plan.max_steps
        state = state._replace(
            converged=state.converged | (decides & converged),
            finite=algebra.choose(decides, finite, state.finite),
            done=exhausted,
        )
        return state, over & algebra.xp.logical_not(exhausted)

    def onward(self, state: State) -> State:
        """On to the next stage that has something to do, or to the end."""
        return _next_stage(self.algebra, self.plan, state)

    def end(self, state: State) -> State:
        """Under an affine plan the solve has arrived where the residual is affine; of what is not,
        the step is taken all the same where it lowers the risk."""
        best = self.algebra.choose(state.affine, state.here, state.best)
        return state._replace(best=best, converged=state.affine)


def _move(algebra: Algebra, state: State, proposal: Proposal, tried: Tried) -> _Move:
    xp, here, (_, damped, step, ahead, before) = algebra.xp, state.here, proposal
    taken = tried.finite & (xp.logical_not(damped) | (tried.after < before))
    gains = xp.linalg.norm(ahead) > algebra.eps**0.5 * xp.sqrt(before)
    whole = (state.steps == 0) & xp.logical_not(damped) & (state.length == 1)
    linear = lambda: is_predicted(xp, here.r, here.jacobian, step, ahead, tried.point.r)
    predicted = algebra.either(whole, linear, lambda: state.affine)
    point, after, finite = tried
    return _Move(point, after, before, xp.linalg.norm(step), gains, predicted, finite, taken)


def is_predicted(xp: Any, r: Any, jacobian: Any, step: Any, ahead: Any, after: Any) -> Any:
    """Whether the residual after a step is r + J step, with `ahead` = J step, to half of the
    digits."""
    eps, norm = float(np.finfo(r.dtype).eps), xp.linalg.norm
    rounding = 100 * eps * xp.sqrt((jacobian**2).sum()) * norm(step)
    return norm(after - (r + ahead)) <= eps**0.5 * (norm(r) + norm(ahead)) + rounding


def _accelerated(
    algebra: Algebra, state: State, r: Any, jacobian: Any, direction: Any, factors: Any
) -> Any:
    """The step with geodesic acceleration."""
    there = algebra.residuals(state.here.theta + AHEAD * direction)
    there = there if state.weights is None else state.weights * there
    again = lambda b: algebra.damped_again(factors, jacobian, b)
    return direction + acceleration(algebra.xp, again, r, there, jacobian @ direction, direction)


def _moved(algebra: Algebra, stage: Any, state: State, move: _Move) -> State:
    choose, taken, one = algebra.choose, move.taken, algebra.constant(1)
    here = choose(taken, move.point, state.here)
    steps = choose(taken, state.steps + one, state.steps)
    # near rounding a damped step must earn more: the last layer's QR is better at the end
    close = here.cost <= 1e10 * (algebra.eps * state.unit) ** 2
    least = choose(close, algebra.constant(0.8), algebra.constant(1 - 1e-3)) * move.before
    earned = choose(stage.damped, move.after <= least, here.cost < 0.5 * state.lowest)
    digit = taken & (here.cost <= 1e-2 * state.digit)
    # from the least on that a factor takes: below it, the step would be the same again
    more = lambda: 3 * algebra.xp.maximum(state.damping, algebra.least_damping(here.jacobian))
    less = lambda: state.damping / 5
    return state._replace(
        here=here,
        best=choose(taken & (here.cost < state.best.cost), here, state.best),
        steps=steps,
        damping=algebra.either(taken | algebra.xp.logical_not(stage.damped), less, more),
        length=choose(taken | stage.damped, algebra.constant(1.0), state.length / 4),
        refused=choose(taken, algebra.constant(0), state.refused + one),
        stalled=choose(
            taken & earned, algebra.constant(0), choose(taken, state.stalled + one, state.stalled)
        ),
        lowest=algebra.xp.minimum(here.cost, state.lowest),
        digit=choose(digit, here.cost, state.digit),
        digit_at=choose(digit, steps, state.digit_at),
        affine=choose(taken, move.predicted, state.affine),
        beyond=choose(move.finite, state.beyond, move.point.theta),
    )


def _newton_ends(algebra: Algebra, stage: Any, state: State, move: _Move) -> tuple[Any, Any, Any]:
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
    stalls, failed = state.stalled >= 8, state.refused >= 12
    spent = state.steps - state.entered >= stage.steps
    over = arrived | idle | stalls | failed | spent
    return over, arrived | (idle & algebra.xp.logical_not(stalls)), algebra.xp.logical_not(failed)


def _damped_ends(
    algebra: Algebra, plan: Plan, stage: Any, state: State, move: _Move
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
    at_rounding = cost <= _rounding(algebra, state)
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


def _rounding(algebra: Algebra, state: State) -> Any:
    """The squared norm of a residual vector that is nothing but rounding."""
    return (30 * algebra.eps * state.unit) ** 2


def _causal_ends(algebra: Algebra, state: State, move: _Move) -> tuple[State, Any, Any]:
    """The state, whether the stage is over, and that it has not converged; every few steps with
    new weights, of the next strictness where these steps have brought nothing."""
    cost = algebra.choose(move.taken, move.after, move.before)
    short = move.size <= 1e-12 * algebra.xp.linalg.norm(state.here.theta)
    stuck = (state.refused >= 30) | (state.stalled >= PATIENCE) | ((state.refused > 0) & short)
    far = (cost <= 1e-3 * state.round_cost) | (state.steps - state.round_at >= 8)
    idle = (state.steps == state.round_at) | (cost > 0.999 * state.round_cost)
    level = algebra.choose(idle, state.level + algebra.constant(1), state.level)
    renewed = lambda: _weighed(algebra, state, level)
    state = algebra.either(stuck | far, renewed, lambda: state)
    return state, state.level >= len(STRICTNESS), algebra.constant(False)


def _weighed(algebra: Algebra, state: State, level: Any) -> State:
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


def _next_stage(algebra: Algebra, plan: Plan, state: State) -> State:
    if any(stage.probes for stage in plan.stages):
        state = _probed(algebra, plan, state)
    best, begun = state.best, state.stage >= 0
    if plan.to_rounding:
        settled = best.cost <= _rounding(algebra, state)
    else:
        # the minimum of an affine problem is the only one, be it zero or not
        settles = lambda: algebra.holds(best) | (state.affine & state.converged)
        # whether the start holds is not asked for where the first stage finds out in one step
        asked = begun | plan.stages[0].causal
        settled = algebra.either(asked, settles, lambda: algebra.constant(False))
    # what an attempt has begun is finished, and no other is begun
    last = len(plan.stages)
    stages = [last if s.turns_back else i for i, s in enumerate(plan.stages)]
    onward = algebra.xp.asarray([*stages, last])[state.stage + 1]
    index = algebra.either(settled, lambda: onward, lambda: _following(algebra, plan, state))
    state = state._replace(
        stage=index,
        converged=state.converged | settled,
        finite=state.finite | settled,
        done=index >= len(plan.stages),
    )
    return algebra.either(state.done, lambda: state, lambda: _entered(algebra, plan, state))


def _probed(algebra: Algebra, plan: Plan, state: State) -> State:
    """After a probe: on from what it found, or back."""
    timeless = state.affine | (not algebra.timed)
    kept = (state.best.cost < state.start.cost) & timeless
    point = algebra.choose(kept, state.best, state.start)
    after = state._replace(here=point, best=point, early=kept)
    probes = (state.stage >= 0) & algebra.stage(plan, state.stage).probes
    return algebra.choose(probes, after, state)


def _following(algebra: Algebra, plan: Plan, state: State) -> Any:
    """The index of the next stage that has something to do."""
    # a last layer of large weights can be a valley that is too narrow to travel in
    rest = state.best.cost > (max(WORTH_A_RETRY * plan.accuracy, 1e-8) * state.unit) ** 2
    second = [i for i, stage in enumerate(plan.stages) if stage.again]
    begun = state.stage >= min(second, default=len(plan.stages))
    again = (state.early & state.converged & rest) | begun

    def first_from(i: int) -> Any:
        if i == len(plan.stages):
            return algebra.constant(i)
        stage, others = plan.stages[i], lambda: first_from(i + 1)
        if stage.timely and not algebra.timed:
            return others()
        takes = (state.stage < i) & (again if stage.again else algebra.constant(True))
        return algebra.either(takes, lambda: algebra.constant(i), others)

    return first_from(0)


def _entered(algebra: Algebra, plan: Plan, state: State) -> State:
    """At the beginning of a stage."""
    choose, none = algebra.choose, algebra.constant(0)
    stage = algebra.stage(plan, state.stage)
    near = state.best.cost < (NEAR * state.unit) ** 2
    begin = choose(near & algebra.xp.logical_not(stage.again), state.best, state.start)
    here = choose(stage.turns_back, begin, state.here)
    near = (here.cost < (NEAR * state.unit) ** 2) & algebra.xp.logical_not(stage.causal)
    damping = choose(near, algebra.constant(1e-8), algebra.constant(plan.damping))
    scaled = lambda: damping * algebra.diagonal(here.jacobian)
    state = state._replace(
        here=here,
        entered=state.steps,
        damping=algebra.either(stage.damped, scaled, lambda: algebra.constant(0.0)),
        length=algebra.constant(1.0),
        refused=none,
        stalled=none,
        lowest=here.cost,
        digit=here.cost,
        digit_at=state.steps,
        weights=algebra.no_weights(here.r),
        converged=state.converged & algebra.xp.logical_not(stage.turns_back),
        finite=state.finite | stage.turns_back,
    )
    if not any(stage.causal for stage in plan.stages):
        return state
    return algebra.either(stage.causal, lambda: _weighed(algebra, state, none), lambda: state)
