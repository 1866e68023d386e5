"""The way of a fixed-point iteration: what it keeps, how it goes on and when it ends.

One step at a time and in numbers alone, so that the same lines serve the loop on the host and the
loop inside a compiled program.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int


MEMORY = 10
"""The rate of contraction is the mean over this many steps."""
PATIENCE = 50
"""So many steps without a smaller change are no contraction."""


class Rule(NamedTuple):
    """How the iteration goes on: the part of the way to the image that is taken, how many earlier
    steps Anderson's acceleration combines, and the change at which the iteration has arrived."""

    damping: float
    anderson: int
    tolerance: float


class Memory(NamedTuple):
    """What Anderson's acceleration goes by.

    - `theta`, `residual`: of the step before, image - theta; `plain`, the theta that it led to
      without acceleration.
    - `theta_changes`, `residual_changes`: those in earlier steps, newest first.
    - `used`: whether the last theta was accelerated.
    """

    theta: Float[Array, " P"]
    residual: Float[Array, " P"]
    plain: Float[Array, " P"]
    theta_changes: Float[Array, "anderson P"]
    residual_changes: Float[Array, "anderson P"]
    used: Bool[Array, ""]


class Walk(NamedTuple):
    """`theta` is held as tomorrow's function next; `best` is the image with the smallest risk."""

    theta: Float[Array, " P"]
    best: Float[Array, " P"]
    best_risk: Float[Array, ""]
    changes: Float[Array, " memory"]
    least: Float[Array, ""]
    since: Int[Array, ""]
    steps: Int[Array, ""]
    done: Bool[Array, ""]
    converged: Bool[Array, ""]
    memory: Memory

    @property
    def contraction(self) -> Float[Array, ""]:
        """The factor by which a step shrinks the change: a geometric mean over the last steps."""
        known = jnp.isfinite(self.changes)
        number = jnp.maximum(jnp.sum(known) - 1, 1).astype(self.changes.dtype)
        first = self.changes[jnp.argmax(known)]
        # a last change of zero, as after Newton's method, says no more than that it is at rounding
        info = jnp.finfo(self.changes.dtype)
        ratio = jnp.maximum(self.changes[-1] / jnp.maximum(first, info.tiny), info.eps)
        return jnp.where(jnp.sum(known) > 1, ratio ** (1 / number), jnp.nan)


def begin(theta: Float[Array, " P"], rule: Rule) -> Walk:
    """Before the first step."""
    infinite = jnp.full((), jnp.inf, theta.dtype)
    no, none, zero = jnp.zeros((), bool), jnp.zeros((), int), jnp.zeros_like(theta)
    earlier = jnp.zeros((rule.anderson, theta.size), theta.dtype)
    changes = jnp.full((MEMORY + 1,), jnp.inf, theta.dtype)
    memory = Memory(zero, zero, theta, earlier, earlier, no)
    return Walk(theta, theta, infinite, changes, infinite, none, none, no, no, memory)


@functools.partial(jax.jit, static_argnums=0)
def advance(
    rule: Rule,
    walk: Walk,
    image: Float[Array, " P"],
    change: Float[Array, ""],
    risk: Float[Array, ""],
) -> Walk:
    """The walk after one more step, which led from `walk.theta` to its `image`.

    An accelerated theta from which the step is more than twice as long as the one before is given
    up for the plain one, and the memory with it.
    """
    change = jnp.where(jnp.isfinite(image).all() & jnp.isfinite(change), change, jnp.inf)
    refused = walk.memory.used & ~(change <= 2 * walk.changes[-1])
    theta, memory = _accelerated(rule, walk, image - walk.theta, refused)
    better = risk < walk.best_risk
    smaller = change < (1 - 1e-3) * walk.least
    since = jnp.where(smaller, 0, walk.since + 1)
    arrived = change <= rule.tolerance
    lost = ~refused & ~(change <= 1e3 * walk.least)
    shifted = jnp.concatenate([walk.changes[1:], change[None]])
    return Walk(
        theta=theta,
        best=jnp.where(better, image, walk.best),
        best_risk=jnp.where(better, risk, walk.best_risk),
        changes=jnp.where(refused, walk.changes, shifted),
        least=jnp.minimum(walk.least, change),
        since=since,
        steps=walk.steps + 1,
        done=arrived | lost | (since >= PATIENCE),
        converged=arrived,
        memory=memory,
    )


def _accelerated(
    rule: Rule, walk: Walk, residual: Float[Array, " P"], refused: Bool[Array, ""]
) -> tuple[Float[Array, " P"], Memory]:
    """The theta that comes next, and what is kept in mind for the one after it."""
    memory = walk.memory
    theta = plain = walk.theta + rule.damping * residual
    steps, changes = memory.theta_changes, memory.residual_changes
    if rule.anderson:
        seen = (walk.steps > 0) & jnp.isfinite(walk.changes[-1])
        steps = _remember(steps, jnp.where(seen, walk.theta - memory.theta, 0))
        changes = _remember(changes, jnp.where(seen, residual - memory.residual, 0))
        theta = plain - _combination(steps + rule.damping * changes, changes, residual)
        theta = jnp.where(jnp.isfinite(theta).all(), theta, plain)
        steps, changes = jnp.where(refused, 0, steps), jnp.where(refused, 0, changes)
    used = jnp.asarray(rule.anderson > 0) & ~refused & (walk.steps > 0)
    kept = jnp.where(refused, memory.plain, plain)
    after = Memory(walk.theta, residual, kept, steps, changes, used)
    return jnp.where(refused, memory.plain, theta), after


def _remember(memory: Float[Array, "m P"], newest: Float[Array, " P"]) -> Float[Array, "m P"]:
    return jnp.roll(memory, 1, axis=0).at[0].set(newest)


def _combination(
    steps: Float[Array, "m P"], residual_changes: Float[Array, "m P"], residual: Float[Array, " P"]
) -> Float[Array, " P"]:
    """sum_i gamma_i steps_i, with gamma that minimises |residual - sum_i gamma_i changes_i|."""
    size = jnp.linalg.norm(residual_changes, axis=1)
    unit = jnp.where(size > 0, 1 / jnp.where(size > 0, size, 1), 0)
    gamma = jnp.linalg.lstsq((residual_changes * unit[:, None]).T, residual, rcond=1e-8)[0]
    return (gamma * unit) @ steps
