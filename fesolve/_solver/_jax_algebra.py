"""The iteration inside a compiled program, in JAX, for `vmap`, `jit`, `grad` and accelerators.

A solve is one program there; differentiated, the implicit function theorem gives its tangent, and
the iterations are never looked into.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from .._compiled import program
from .._least_squares._assembly import (
    Assembly,
    Equation,
    forward,
    LeastSquares,
    linearise,
    residuals,
)
from .._least_squares._device_algebra import (
    damped_solve,
    damped_steps,
    gauss_newton_in,
    step_of_either,
)
from .._least_squares._implicit import tangent
from .._least_squares._times import Order
from .._least_squares._tolerances import holds
from .._solution import Solution
from .._types import changed
from ._algebra import Algebra, Point, Proposal, State, Tried
from ._iteration import Iteration
from ._outcome import how_it_ended, Outcome
from ._plans import Plan, Stage


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
        return iteration.end(jax.lax.while_loop(lambda s: ~s.done, body, blank))

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


class Staged(NamedTuple):
    """A plan, with the equations and their tolerances, and whether the last of the data are the
    order of the rows in time."""

    plan: Plan
    equations: tuple[Equation, ...]
    timed: bool = False

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        dtype, bares = assembly.dtype, assembly.merge(theta, data)[0]
        multipliers = [jnp.asarray(bare.multiplier, dtype) for bare in bares]
        algebra = InJax(
            lambda theta: residuals(assembly, theta, data),
            lambda theta: linearise(assembly, theta, data),
            dtype=dtype,
            holds=lambda at: holds(self.equations, multipliers, *at[:3]),
            order=Order(*data[-2:]) if self.timed else None,
        )
        end = algebra.run(self.plan, theta)
        ended = (end.best.theta, end.best.r, end.steps, end.converged, end.finite)
        return Outcome(*ended, unfinished=self.plan.unfinished)


Method = Callable[[Assembly, Any, list], Outcome]
"""An iteration inside a compiled program; hashable, since it is part of the program's key."""


def solve_on_device(
    problem: LeastSquares, method: Method, more: Any = (), tangent: Callable = tangent
) -> Solution:
    """The solution by one compiled program, differentiable in the data of the problem.

    **Arguments:** `more`, what the method finds behind the data, as the order of rows in time;
    `tangent`, how the minimum moves with all of these.
    """
    theta = jax.lax.stop_gradient(problem.theta) if problem.traced else problem.theta
    data = [*problem.data, *more]
    found = _minimum(problem.assembly, problem.equations, method, tangent, theta, data)
    return changed(found, value=problem.assemble(found.value))


@eqx.filter_custom_jvp
def _minimum(
    assembly: Assembly,
    equations: tuple[Equation, ...],
    method: Method,
    tangent: Callable,
    theta: Any,
    data: list,
) -> Solution:
    return _compute(assembly, equations, method, theta, data)


@_minimum.def_jvp
def _(primals: tuple, tangents: tuple) -> tuple:
    assembly, _, _, tangent, _, data = primals
    found = _minimum(*primals)
    leaves, drisk = _moved(assembly, tangent, found.value, data, tangents[-1])
    nothing = jax.tree.map(lambda _: None, found)
    return found, changed(nothing, value=leaves, risk=drisk)


@program(0, 1, 2)
def _compute(
    assembly: Assembly, equations: tuple[Equation, ...], method: Method, theta: Any, data: list
) -> Solution:
    """The solution, with the leaves of theta as its value."""
    with jax.default_matmul_precision("highest"):
        out = method(assembly, theta, data)
    multipliers = [jnp.asarray(bare.multiplier) for bare in assembly.merge(out.theta, data)[0]]
    result, stats = how_it_ended(equations, multipliers, out)
    return Solution(assembly.leaves(out.theta), out.r @ out.r, result, stats)


@program(0, 1)
def _moved(
    assembly: Assembly, tangent: Callable, leaves: list, data: list, moving: list
) -> tuple[list[Any], Array]:
    theta = jnp.concatenate([jnp.ravel(leaf).astype(assembly.dtype) for leaf in leaves])
    return tangent(assembly, theta, data, moving)
