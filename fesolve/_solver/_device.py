"""The iterations of `_host` inside one compiled program: for `vmap`, `jit`, `grad`, accelerators.

Nothing raises here; how a lane ended is in the numbers that come back.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._compiled import program
from .._least_squares._assembly import Assembly, linearise, residuals
from .._least_squares._device_algebra import damped_solve, damped_steps, gauss_newton_step


class Outcome(NamedTuple):
    """What a device solve returns; `more`, further numbers for its statistics; `finite`, whether
    the Jacobian at theta is finite, as far as that is known."""

    theta: Float[Array, " P"]
    r: Float[Array, " N"]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    more: dict[str, Array] | None = None
    finite: Bool[Array, ""] | None = None


class _State(NamedTuple):
    theta: Float[Array, " P"]
    r: Float[Array, " N"]
    jacobian: Float[Array, "N P"]
    best: Float[Array, " P"]
    best_r: Float[Array, " N"]
    damping: Float[Array, ""]
    steps: Int[Array, ""]
    stalled: Int[Array, ""]
    done: Bool[Array, ""]


def _start(assembly: Assembly, theta: Any, data: list, damping: Array) -> _State:
    r, jacobian = linearise(assembly, theta, data)
    zero, no = jnp.zeros((), int), jnp.zeros((), bool)
    return _State(theta, r, jacobian, theta, r, damping, zero, zero, no)


def newton(
    assembly: Assembly, theta: Any, data: list, max_steps: int, columns: np.ndarray | None = None
) -> Outcome:
    """Gauss-Newton with full steps, shortened only where the residual is not finite."""
    eps = float(jnp.finfo(theta.dtype).eps)

    def body(state: _State) -> _State:
        if columns is None:
            step = gauss_newton_step(state.jacobian, state.r)
        else:
            part = gauss_newton_step(state.jacobian[:, columns], state.r)
            step = jnp.zeros_like(state.theta).at[columns].set(part)
        step = step * state.damping  # here: the fraction of the step that is taken
        theta = state.theta + step
        r, jacobian = linearise(assembly, theta, data)
        finite = jnp.isfinite(r).all() & jnp.isfinite(jacobian).all()
        size, scale = jnp.linalg.norm(step), jnp.linalg.norm(theta)
        cost, best_cost = r @ r, state.best_r @ state.best_r
        better = finite & (cost < best_cost)
        stalled = jnp.where(finite & (cost < 0.5 * best_cost), 0, state.stalled + 1)
        small = size <= 8 * eps * (scale + eps)
        floor = jnp.minimum(cost, best_cost) <= (8 * eps) ** 2 * r.size
        return _State(
            jnp.where(finite, theta, state.theta),
            jnp.where(finite, r, state.r),
            jnp.where(finite, jacobian, state.jacobian),
            jnp.where(better, theta, state.best),
            jnp.where(better, r, state.best_r),
            jnp.where(finite, jnp.ones_like(state.damping), state.damping / 4),
            state.steps + 1,
            stalled,
            (finite & (small | floor)) | (stalled >= 10),
        )

    start = _start(assembly, theta, data, jnp.ones((), theta.dtype))
    end = jax.lax.while_loop(lambda s: ~s.done & (s.steps < max_steps), body, start)
    converged = end.done & (end.stalled < 10)
    finite = jnp.isfinite(start.jacobian).all()
    return Outcome(end.best, end.best_r, end.steps, converged, finite=finite)


def levenberg_marquardt(
    assembly: Assembly,
    theta: Any,
    data: list,
    max_steps: int | Array,
    damping: float,
    floor: float,
) -> Outcome:
    """Levenberg-Marquardt with geodesic acceleration, each step by QR of the damped Jacobian
    (of its transpose, where there are more unknowns than rows)."""

    def body(state: _State) -> _State:
        direction, factor = damped_steps(state.jacobian, state.r, state.damping)
        h = 0.1
        ahead = residuals(assembly, state.theta + h * direction, data)
        second = 2 / h * ((ahead - state.r) / h - state.jacobian @ direction)
        acceleration = -0.5 * damped_solve(factor, state.jacobian, second)
        short = 2 * jnp.linalg.norm(acceleration) < 0.75 * jnp.linalg.norm(direction)
        step = direction + jnp.where(short, acceleration, 0)
        theta = state.theta + step
        r, jacobian = linearise(assembly, theta, data)
        cost, before = r @ r, state.r @ state.r
        accept = jnp.isfinite(cost) & jnp.isfinite(jacobian).all() & (cost < before)
        # progress of less than a thousandth, thirty times in a row, is no progress
        stalled = jnp.where(accept & (cost < (1 - 1e-3) * before), 0, state.stalled + 1)
        theta = jnp.where(accept, theta, state.theta)
        r = jnp.where(accept, r, state.r)
        done = (r @ r <= floor) | (stalled >= 30)
        return _State(
            theta,
            r,
            jnp.where(accept, jacobian, state.jacobian),
            theta,
            r,
            jnp.where(accept, state.damping / 5, state.damping * 3),
            state.steps + 1,
            stalled,
            done,
        )

    start = _start(assembly, theta, data, jnp.asarray(damping, theta.dtype))
    start = start._replace(done=start.r @ start.r <= floor)
    end = jax.lax.while_loop(lambda s: ~s.done & (s.steps < max_steps), body, start)
    # a step to where it is not finite is not taken
    finite = jnp.isfinite(start.jacobian).all()
    return Outcome(end.theta, end.r, end.steps, end.done, finite=finite)


@program(0, 3, 4, 5, 6)
def minimise(
    assembly: Assembly,
    theta: Any,
    data: list,
    linear: bool,
    last: tuple[int, ...],
    max_steps: int,
    damping: float,
) -> Outcome:
    """Newton, with Levenberg-Marquardt where it fails, for f linear in theta; else the last
    layer, all weights, and the last layer again.

    **Arguments:** `linear`, whether f is linear in theta; `last`, the columns of theta in which
    it is.
    """
    count = residuals(assembly, theta, data).size
    eps = float(jnp.finfo(theta.dtype).eps)
    floor = (100 * eps) ** 2 * count
    if linear:
        first = newton(assembly, theta, data, min(max_steps, 30))
        enough = (first.r @ first.r <= eps**0.75 * count) | first.converged
        # the damped iteration starts where Newton started, not where it went astray
        rest = jnp.where(enough, 0, max_steps)
        second = levenberg_marquardt(assembly, theta, data, rest, damping, floor)
        return _better(first, second)
    columns = np.asarray(last, int)
    if not last:
        return levenberg_marquardt(assembly, theta, data, max_steps, damping, floor)
    before = newton(assembly, theta, data, 4, columns)
    travelled = levenberg_marquardt(assembly, before.theta, data, max_steps, damping, floor)
    arrived = newton(assembly, travelled.theta, data, 6, columns)
    end = _better(travelled, arrived)
    return end._replace(
        steps=before.steps + travelled.steps + arrived.steps,
        converged=travelled.converged,
    )


def _better(a: Outcome, b: Outcome) -> Outcome:
    first = ~(b.r @ b.r < a.r @ a.r)
    chosen = jax.tree.map(lambda x, y: jnp.where(first, x, y), a, b)
    return chosen._replace(steps=a.steps + b.steps)
