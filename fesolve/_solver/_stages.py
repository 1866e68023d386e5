"""From one stage of an iteration to the next."""

from typing import Any

from ._algebra import Algebra, Plan, State
from ._stops import rounding, weighed


NEAR = 1e-4
"""A residual that is so small, in the unit of r, is near a solution: one does not turn back."""
WORTH_A_RETRY = 1e-4
"""A larger residual, relative to the accuracy asked for, is worth a second attempt."""


def next_stage(algebra: Algebra, plan: Plan, state: State) -> State:
    """On to the next stage that has something to do, or to the end."""
    if any(stage.probes for stage in plan.stages):
        state = _probed(algebra, plan, state)
    best = state.best
    if plan.to_rounding:
        settled = best.cost <= rounding(algebra, state)
    else:
        # the minimum of an affine problem is the only one, be it zero or not
        settled = algebra.holds(best) | (state.affine & state.converged)
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
    return algebra.either(state.done, lambda: state, lambda: entered(algebra, plan, state))


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
    index = algebra.constant(len(plan.stages))
    for i, stage in reversed(list(enumerate(plan.stages))):
        if stage.timely and not algebra.timed:
            continue
        takes = (state.stage < i) & (again if stage.again else algebra.constant(True))
        index = algebra.choose(takes, algebra.constant(i), index)
    return index


def entered(algebra: Algebra, plan: Plan, state: State) -> State:
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
    return algebra.either(stage.causal, lambda: weighed(algebra, state, none), lambda: state)
