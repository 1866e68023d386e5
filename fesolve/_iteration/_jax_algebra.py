"""The iteration inside a compiled program, in JAX, for `vmap`, `jit`, `grad` and accelerators."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._linear_algebra._device import (
    damped_solve,
    damped_steps,
    forward,
    gauss_newton_in,
    step_of_either,
)
from ._algebra import Algebra, Order, Point, Proposal, State, Tried
from ._plans import Plan, Stage
from ._stages import Iteration


class InJax(Algebra):
    """Functions of theta as an iteration sees them, where every choice is a `where`.

    **Arguments:** `residuals`, `linearise`, `holds`, `order` as for `InNumPy`, traceable; without
    `linearise`, the Jacobian is that of `residuals`, forward. The order of rows in time is known or
    there is none.
    """

    xp = jnp
    accelerates = True

    def __init__(
        self,
        residuals: Callable[[Array], Array],
        linearise: Callable[[Array], tuple[Array, Array]] | None = None,
        *,
        dtype: Any,
        holds: Callable[[Point], Array] = lambda point: jnp.zeros((), bool),
        order: Order | None = None,
    ) -> None:
        self.residuals, self.holds, self.order = residuals, holds, order
        self.linearised = partial(forward, residuals) if linearise is None else linearise
        self.dtype, self.eps = dtype, float(jnp.finfo(dtype).eps)

    def constant(self, x: float | int | bool) -> Array:
        return jnp.asarray(x, self.dtype if isinstance(x, float) else type(x))

    def choose(self, flag: Array, a: Any, b: Any) -> Any:
        return jax.tree.map(lambda x, y: jnp.where(flag, x, y), a, b)

    def either(self, flag: Array, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        return self.choose(flag, a(), b())

    def branch(self, flag: Array, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        return jax.lax.cond(flag, a, b)

    def stage(self, plan: Plan, index: Array) -> Stage:
        """The columns of the table of stages, at the index."""
        table = [s._replace(rtol=8 * self.eps if s.rtol is None else s.rtol) for s in plan.stages]
        kinds = {"steps": int, "rtol": self.dtype}
        fields = {
            name: jnp.asarray([getattr(s, name) for s in table], kinds.get(name, bool))[index]
            for name in Stage._fields[1:]
        }
        return Stage(name="", **fields)

    def run(self, plan: Plan, theta: Array) -> State:
        """The plan from theta until it is done. The start is the first point of the loop: a second
        copy of the residual would cost a compilation."""
        iteration, theta = Iteration(self, plan), jnp.asarray(theta, self.dtype)
        r = jnp.zeros_like(jax.eval_shape(self.residuals, theta))
        nothing = Point(theta, r, jnp.zeros((r.size, theta.size), self.dtype), r @ r)
        blank, _ = iteration.begin(nothing)
        start = Proposal(theta, jnp.zeros((), bool), jnp.zeros_like(theta), r, r @ r)

        def body(state: State) -> State:
            begun = state.stage >= 0
            proposal = jax.lax.cond(begun, lambda: iteration.propose(state), lambda: start)
            tried = self._tried(proposal, state.weights)
            went = lambda: iteration.conclude(state, proposal, tried)
            state, onward = jax.lax.cond(begun, went, lambda: iteration.begin(tried.point))
            return jax.lax.cond(onward, lambda: iteration.onward(state), lambda: state)

        blank = blank._replace(done=jnp.zeros((), bool))
        state = jax.lax.while_loop(lambda s: ~s.done, body, blank)
        return iteration.end(state) if plan.affine else state

    def _tried(self, proposal: Proposal, weights: Any) -> Tried:
        theta = proposal.theta
        r, jacobian = self.linearised(theta)
        rows = r if weights is None else weights * r
        return Tried(Point(theta, r, jacobian, r @ r), rows @ rows, self.is_finite(r, jacobian))

    def is_finite(self, r: Array, jacobian: Array) -> Array:
        return jnp.isfinite(r).all() & jnp.isfinite(jacobian).all()

    def diagonal(self, jacobian: Array) -> Array:
        axis = 1 if jacobian.shape[0] <= jacobian.shape[1] else 0
        return jnp.max(jnp.sum(jacobian**2, axis=axis))

    def no_weights(self, r: Array) -> Array | None:
        return jnp.ones_like(r) if self.timed else None

    def weighted(self, weights: Any, r: Array, jacobian: Array) -> tuple[Array, Array]:
        return (r, jacobian) if weights is None else (weights * r, weights[:, None] * jacobian)

    def direction(
        self, plan: Plan, damped: Array, r: Array, jacobian: Array, damping: Array
    ) -> tuple[Array, Array]:
        columns = jnp.asarray(plan.columns, int) if plan.columns else None
        if not plan.has_damped:
            return gauss_newton_in(columns, jacobian, r), jnp.zeros((0, 0), r.dtype)
        damping = jnp.maximum(damping, self.least_damping(jacobian))
        if all(stage.damped for stage in plan.stages):
            return damped_steps(jacobian, r, damping)
        return step_of_either(damped, jacobian, r, damping, columns)

    def damped_again(self, factors: Array, jacobian: Array, b: Array) -> Array:
        return -damped_solve(factors, jacobian, b)

    def least_damping(self, jacobian: Array) -> Array:
        return 4 * self.eps * self.diagonal(jacobian)
