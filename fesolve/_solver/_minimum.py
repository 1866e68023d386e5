"""From a least-squares problem to its minimum, on the host or in one compiled program, and how it
ended.

Differentiated, the implicit function theorem gives the tangent of a program, and its iterations are
never looked into.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._compiled import program
from .._iteration._algebra import Order, State
from .._iteration._jax_algebra import InJax
from .._iteration._numpy_algebra import InNumPy
from .._iteration._plans import Plan
from .._least_squares._assembly import (
    Assembly,
    count_rows,
    Equation,
    LeastSquares,
    linearise,
    operations,
    residuals,
)
from .._least_squares._implicit import is_zero, tangent, tangent_at_zero
from .._least_squares._rows import is_sparse, like_rows
from .._least_squares._tolerances import holds, root_mean_squares, within_tolerance
from .._linear_algebra._host import threads_for
from .._solution import choose, ended, Interrupted, RESULTS, Solution
from .._types import changed, is_traced, is_tracing, made, on_device


UNRESOLVED_AT = "unresolved_at"
"""The name, in the statistics of a solution, of the place where elements did not resolve f."""
BEYOND = "beyond"
"""The same of theta after the shortest step from it, where that was not finite."""


class Outcome(NamedTuple):
    """Where an iteration has ended: theta, the rows there, how many steps it took, whether it has
    arrived at a minimum, whether the Jacobian is finite, and further numbers.

    - `undecided`: whether equations that hold leave some direction of theta free.
    - `unfinished`: the result where it has not arrived.
    - `history`: the risk after each step; `beyond`, the theta of a last attempt that was not
      finite. On the host alone.
    """

    theta: Any
    r: Any
    steps: Any
    converged: Any
    finite: Any = True
    more: dict[str, Any] | None = None
    undecided: Any = False
    unfinished: Any = RESULTS.max_steps_reached
    history: list[float] | None = None
    beyond: Any = None


def in_numpy(problem: LeastSquares, **more: Any) -> InNumPy:
    """The algebra of a problem on the host, by sparse rows where it has them."""
    multipliers = [np.asarray(bare.multiplier, problem.theta.dtype) for bare in problem.bares]
    given = {"holds": functools.partial(holds, problem.equations, multipliers), **more}
    if is_sparse(problem):
        from .._least_squares._windows import linearised
        from .._linear_algebra._banded import BandedSteps

        given["steps"] = BandedSteps
        return InNumPy(problem.residuals, lambda theta: linearised(problem, theta)[:2], **given)
    given = {"like_rows": functools.partial(like_rows, problem), **given}
    given["operations"] = problem.operations
    return InNumPy(problem.residuals, problem.linearise, **given)


def run_on_host(problem: LeastSquares, algebra: InNumPy, plan: Plan) -> Outcome:
    """Where a plan ends.

    **Raises:** `Interrupted` on Ctrl-C, with the best iterate so far.
    """
    try:
        with threads_for(problem.operations, problem.theta.size):
            return _outcome_on_host(algebra, plan, algebra.run(plan, problem.theta))
    except KeyboardInterrupt:
        state = algebra.latest
        if state is None:
            r = problem.residuals(problem.theta)
            out = Outcome(problem.theta, r, 0, converged=False, history=[])
        else:
            out = _outcome_on_host(algebra, plan, state)
        raise Interrupted(solution_on_host(problem, out)) from None


def _outcome_on_host(algebra: InNumPy, plan: Plan, state: State) -> Outcome:
    beyond = None if bool(state.finite) or state.beyond is state.best.theta else state.beyond
    more = {"evaluations": algebra.evaluations, "damping": state.damping, "unit": state.unit}
    return _outcome(plan, state, more=more, history=algebra.history, beyond=beyond)


def _outcome(plan: Plan, state: State, **more: Any) -> Outcome:
    best, how = state.best, (state.converged, state.finite)
    converged, finite = map(bool, how) if isinstance(best.r, np.ndarray) else how
    # of an affine plan that has not arrived the residual is not affine
    unfinished = RESULTS.not_affine if plan.affine else RESULTS.max_steps_reached
    given = (best.theta, best.r, state.steps, converged, finite)
    return Outcome(*given, unfinished=unfinished, **more)


def solution_on_host(problem: LeastSquares, out: Outcome) -> Solution:
    """Where an iteration on the host has ended, and how."""
    multipliers = [bare.multiplier for bare in problem.bares]
    result, stats = how_it_ended(problem.equations, multipliers, out)
    stats |= {"rows": out.r.size, "unknowns": out.theta.size}
    stats = {name: np.asarray(value) for name, value in stats.items()}
    if out.beyond is not None and bool(ended(result, RESULTS.non_finite)):
        stats[BEYOND] = out.beyond
    dtype = out.theta.dtype
    history = None if out.history is None else np.asarray(out.history, dtype)
    risk = np.asarray(out.r @ out.r, dtype)
    given = {"value": problem.value(out.theta), "risk": risk, "result": result, "stats": stats}
    return made(Solution, **given, history=history, trained=None, problem=problem)


def how_it_ended(
    equations: tuple[Equation, ...], multipliers: list, out: Outcome
) -> tuple[Any, dict[str, Any]]:
    """The result of an iteration, and the numbers about it."""
    rms = root_mean_squares(equations, out.r, multipliers)
    xp = np if isinstance(out.r, np.ndarray) else jnp
    result = choose(out.converged, RESULTS.not_zero, out.unfinished)
    if out.undecided is not False:
        open_ = within_tolerance(equations, rms, out.r.dtype) & out.undecided
        result = choose(open_, RESULTS.not_unique, result)
    result = choose(xp.isfinite(out.r).all() & out.finite, result, RESULTS.non_finite)
    return result, {"steps": out.steps, **(out.more or {}), "rms": rms}


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
            holds=functools.partial(holds, self.equations, multipliers),
            order=Order(*data[-2:]) if self.timed else None,
        )
        return _outcome(self.plan, algebra.run(self.plan, theta))

    def on_host(self, assembly: Assembly, theta: np.ndarray, data: list) -> Outcome:
        """The same in NumPy."""
        own, order = (data[:-2], data[-2:]) if self.timed else (data, ())
        in_numpy = lambda found: jax.tree.map(np.asarray, found)
        bares = assembly.merge(theta, own)[0]
        multipliers = [np.asarray(bare.multiplier, assembly.dtype) for bare in bares]
        algebra = InNumPy(
            lambda theta: np.asarray(residuals(assembly, theta, own)),
            lambda theta: in_numpy(linearise(assembly, theta, own)),
            holds=functools.partial(holds, self.equations, multipliers),
            order=lambda: Order(*in_numpy(order)) if self.timed else None,
        )
        with threads_for(operations(count_rows(self.equations), theta.size), theta.size):
            return _outcome(self.plan, algebra.run(self.plan, theta))


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
    assembly, _, _, how, _, data = primals
    found = _at_the_prompt(*primals) or _minimum(*primals)
    at = _at_zero(assembly, found.value, data) if how is tangent else None
    if at is None:
        leaves, drisk = _moved(assembly, how, found.value, data, tangents[-1])
    else:
        leaves, drisk = _moved_from_zero(assembly, *at, _as_given(data), tangents[-1])
    nothing = jax.tree.map(lambda _: None, found)
    return found, changed(nothing, value=leaves, risk=drisk)


def _at_the_prompt(
    assembly: Assembly,
    equations: tuple[Equation, ...],
    method: Method,
    tangent: Callable,
    theta: Any,
    data: list,
) -> Solution | None:
    """The solution where nothing but derivatives is traced: by the programs that a plain solve has
    compiled, and not by one with the whole loop in it."""
    if not isinstance(method, Staged) or not _is_known((theta, data)):
        return None
    data = _as_given(data)
    out = method.on_host(assembly, np.asarray(theta), data)
    found = _as_leaves(assembly, equations, out, data)
    return jax.tree.map(lambda leaf: on_device(np.asarray(leaf)), found)


def _is_known(numbers: Any) -> bool:
    """Whether NumPy can work with numbers, and is where the work is done."""
    return not (is_traced(numbers) or is_tracing()) and jax.default_backend() == "cpu"


def _as_given(data: list) -> list:
    """Data as those of a plain solve: `jax.jvp` leaves numbers of Python behind."""
    is_key = lambda x: isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    return [x if is_key(x) else np.asarray(x) for x in data]


def _at_zero(assembly: Assembly, leaves: list, data: list) -> tuple[Any, Any] | None:
    """theta and the Jacobian, where they are known and r is zero."""
    if not _is_known((leaves, data)):
        return None
    theta = np.concatenate([np.ravel(np.asarray(leaf, assembly.dtype)) for leaf in leaves])
    r, jacobian = linearise(assembly, theta, _as_given(data))
    return (theta, jacobian) if is_zero(theta, r, jacobian) else None


@program(0, 1, 2)
def _compute(
    assembly: Assembly, equations: tuple[Equation, ...], method: Method, theta: Any, data: list
) -> Solution:
    with jax.default_matmul_precision("highest"):
        out = method(assembly, theta, data)
    return _as_leaves(assembly, equations, out, data)


def _as_leaves(
    assembly: Assembly, equations: tuple[Equation, ...], out: Outcome, data: list
) -> Solution:
    """The solution, with the leaves of theta as its value."""
    xp = np if isinstance(out.r, np.ndarray) else jnp
    multipliers = [xp.asarray(bare.multiplier) for bare in assembly.merge(out.theta, data)[0]]
    result, stats = how_it_ended(equations, multipliers, out)
    return Solution(assembly.leaves(out.theta), xp.asarray(out.r @ out.r), result, stats)


@program(0, 1)
def _moved(
    assembly: Assembly, tangent: Callable, leaves: list, data: list, moving: list
) -> tuple[list[Any], Array]:
    theta = jnp.concatenate([jnp.ravel(leaf).astype(assembly.dtype) for leaf in leaves])
    return tangent(assembly, theta, data, moving)


_moved_from_zero = program(0)(tangent_at_zero)
