"""The iteration of every least-squares problem: Gauss-Newton and Levenberg-Marquardt steps, in
stages.

Written once, over an algebra: in NumPy, with the loop on the host, a Chebyshev solve takes a
millisecond and compiles the residual alone; in JAX the same lines are one compiled program, in
which the residual stands once, whatever the number of stages. Nothing raises here; how a lane
ended is in what comes back.

**Reference:** Transtrum and Sethna (2012), "Improvements to the Levenberg-Marquardt algorithm for
nonlinear least-squares minimization"; Wang, Sankaran and Perdikaris (2022), "Respecting causality
is all you need", for the weights of causal stages.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ._algebra import Algebra, Plan, Point, State
from ._stages import entered, next_stage
from ._stops import causal_ends, damped_ends, Move, newton_ends


def iterate(algebra: Algebra, plan: Plan, theta: Any) -> State:
    """Runs the plan from theta."""
    state = _before(algebra, plan, theta)
    # what is known to be wanted is not asked for: whether the start holds, whether rows have times
    begin = lambda: next_stage(algebra, plan, state)
    if not (plan.to_rounding or plan.stages[0].causal):
        begin = lambda: entered(algebra, plan, state._replace(stage=algebra.constant(0)))
    begun = algebra.either(state.done, lambda: state, begin)
    end = algebra.loop(plan, lambda s: _advance(algebra, plan, s), begun)
    if not plan.affine:
        return end
    # of what is not affine the step is taken all the same where it lowers the risk
    best = algebra.choose(end.affine, end.here, end.best)
    return end._replace(best=best, converged=end.affine)


def _before(algebra: Algebra, plan: Plan, theta: Any) -> State:
    """Before the first stage; done where nothing can be begun."""
    r, jacobian = algebra.linearised(theta)
    point = Point(theta, r, jacobian, r @ r)
    no, none, zero = algebra.constant(False), algebra.constant(0), algebra.constant(0.0)
    parts = point.cost + algebra.xp.sum((jacobian @ theta) ** 2)
    unit = algebra.xp.sqrt(algebra.choose(algebra.xp.isfinite(parts), parts, zero))
    finite = algebra.is_finite(r, jacobian)
    spent = algebra.xp.logical_not(finite) | (none >= plan.max_steps)
    return State(
        *(point, point, point, unit, algebra.constant(-1), none, none, zero, algebra.constant(1.0)),
        *(none, none, point.cost, point.cost, none),
        *(algebra.no_weights(r), none, point.cost, none),
        *(no, no, no, finite, theta, spent),
    )


def _advance(algebra: Algebra, plan: Plan, state: State) -> State:
    """One attempt at a step, and what follows from it."""
    stage = algebra.stage(plan, state.stage)
    move = _attempt(algebra, plan, stage, state)
    state = _moved(algebra, stage, state, move)
    ends = lambda: newton_ends(algebra, stage, state, move)
    if has_damped(plan):
        newton, damped = ends, lambda: damped_ends(algebra, plan, stage, state, move)
        ends = lambda: algebra.either(stage.damped, damped, newton)
    over, converged, finite = ends()
    if state.weights is not None:
        timely = lambda: causal_ends(algebra, state, move)
        free = lambda: (state, over, converged)
        state, over, converged = algebra.branch(stage.causal, timely, free)
    decides, exhausted = over & stage.decides, state.steps >= plan.max_steps
    state = state._replace(
        converged=state.converged | (decides & converged),
        finite=algebra.choose(decides, finite, state.finite),
        done=exhausted,
    )
    goes_on = over & algebra.xp.logical_not(exhausted)
    return algebra.branch(goes_on, lambda: next_stage(algebra, plan, state), lambda: state)


def has_damped(plan: Plan) -> bool:
    return any(stage.damped for stage in plan.stages)


def _attempt(algebra: Algebra, plan: Plan, stage: Any, state: State) -> Move:
    xp, here = algebra.xp, state.here
    r, jacobian = algebra.weighted(state.weights, here.r, here.jacobian)
    step, factors = algebra.direction(plan, stage.damped, r, jacobian, state.damping)
    if algebra.accelerates and has_damped(plan):
        plain = lambda: step
        bent = lambda: _accelerated(algebra, state, r, jacobian, step, factors)
        step = algebra.branch(stage.damped, bent, plain)
    step = step * state.length
    ahead, before = (jacobian @ step), r @ r
    point, after, finite = algebra.attempt(stage.damped, here.theta + step, state.weights, before)
    taken = finite & (algebra.xp.logical_not(stage.damped) | (after < before))
    gains = xp.linalg.norm(ahead) > algebra.eps**0.5 * xp.sqrt(before)
    whole = (state.steps == 0) & algebra.xp.logical_not(stage.damped) & (state.length == 1)
    foretold = algebra.either(
        whole, lambda: is_foretold(xp, r, jacobian, step, ahead, point.r), lambda: state.affine
    )
    return Move(point, after, before, xp.linalg.norm(step), gains, foretold, finite, taken)


def is_foretold(xp: Any, r: Any, jacobian: Any, step: Any, ahead: Any, after: Any) -> Any:
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


AHEAD = 0.1
"""The share of a step after which the residual tells its second derivative along it."""


def acceleration(
    xp: Any, again: Callable[[Any], Any], r: Any, there: Any, ahead: Any, direction: Any
) -> Any:
    """Half of the geodesic acceleration along a step; zero where it is no small correction of it.
    The second directional derivative is a finite difference, one more residual, because its exact
    form doubles the compilation.

    **Arguments:** `again`, b -> -(J^T J + damping I)^-1 J^T b; `there`, the residual after the
    share `AHEAD` of the step; `ahead`, J times the step.
    """
    found = 0.5 * again(2 / AHEAD * ((there - r) / AHEAD - ahead))
    # a NaN is never less
    small = 2 * xp.linalg.norm(found) < 0.75 * xp.linalg.norm(direction)
    return xp.where(small, found, 0)


def _moved(algebra: Algebra, stage: Any, state: State, move: Move) -> State:
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
        affine=choose(taken, move.foretold, state.affine),
        beyond=choose(move.finite, state.beyond, move.point.theta),
    )
