"""A least-squares solve as one compiled program, and the derivative across it.

Inside `jit`, `vmap` or `grad`, and on accelerators, a solve is one program;
differentiated, the implicit function theorem gives its tangent, and the iterations are never
looked into.
"""

import functools
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._compiled import program
from .._least_squares._assembly import Assembly, Equation, LeastSquares
from . import _implicit
from ._algebra import Plan
from ._base import RESULTS, Solution
from ._causal import Order
from ._iteration import iterate
from ._outcome import how_it_ended, Outcome
from ._plans import in_jax


@runtime_checkable
class Method(Protocol):
    """An iteration inside a compiled program; hashable, since it is part of the program's key."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations with their tolerances."""
        ...

    @property
    def unfinished(self) -> Any:
        """The member of `RESULTS` that says that the iteration did not arrive."""
        ...

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome: ...

    def __hash__(self) -> int: ...


class Staged(NamedTuple):
    """A plan, with the equations and their tolerances, and whether the last of the data are the
    order of the rows in time."""

    plan: Plan
    equations: tuple[Equation, ...]
    timed: bool = False

    @property
    def unfinished(self) -> Any:
        return RESULTS.max_steps_reached

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        algebra = in_jax(assembly, theta, data, self.equations, self.timed)
        end = iterate(algebra, self.plan, theta)
        return Outcome(end.best.theta, end.best.r, end.steps, end.converged, end.finite)


class Minimum(NamedTuple):
    """A minimum: theta as its leaves, the risk, how it ended, and numbers about it."""

    leaves: list[Any]
    risk: Array
    result: Any
    stats: dict[str, Array]


def solve_on_device(problem: LeastSquares, method: Method, order: Order | None = None) -> Solution:
    """The solution by one compiled program, differentiable in the data of the problem, of which
    the order of rows in time is the last."""
    arrays = [jax.lax.stop_gradient(problem.theta) if problem.traced else problem.theta]
    arrays += problem.data
    arrays += [] if order is None else list(order)
    floats, others = _implicit.separate(_implicit.unknown(arrays))
    out = _minimum(problem.assembly, method, _implicit.Known(arrays), floats, others)
    return Solution(problem.assemble(out.leaves), out.risk, out.result, out.stats, None)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _minimum(
    assembly: Assembly, method: Method, known: _implicit.Known, floats: list, others: list
) -> Minimum:
    theta, *data = known.fill(_implicit.join(floats, others))
    return _compute(assembly, method, theta, data)


@program(0, 1)
def _compute(assembly: Assembly, method: Method, theta: Any, data: list) -> Minimum:
    with jax.default_matmul_precision("highest"):
        out = method(assembly, theta, data)
    multipliers = [jnp.asarray(bare.multiplier) for bare in assembly.merge(out.theta, data)[0]]
    result, rms = how_it_ended(method.equations, method.unfinished, multipliers, out)
    stats = {"steps": out.steps, "rms": rms}
    stats |= out.more or {}
    return Minimum(assembly.leaves(out.theta), out.r @ out.r, result, stats)


@_minimum.defjvp
def _(
    assembly: Assembly, method: Method, known: _implicit.Known, primals: tuple, tangents: tuple
) -> tuple:
    floats, others = primals
    out = _minimum(assembly, method, known, floats, others)
    moving = tangents_of(floats, tangents[0])
    fixed = known.fill(others)
    changes, drisk = _implicit.tangent(
        assembly, out.leaves, floats[1:], _gaps(fixed, floats)[1:], moving[1:]
    )
    still = jax.tree.map(no_tangent, out)
    return out, still._replace(leaves=changes, risk=drisk)


def _gaps(arrays: list, floats: list) -> list:
    """`arrays` without those that stand in `floats`."""
    return [None if moving is not None else x for x, moving in zip(arrays, floats, strict=True)]


def tangents_of(values: list, changes: list) -> list:
    """The tangents of the floating-point arrays among `values`, in their dtypes."""
    return [
        None if x is None else jnp.asarray(dx, jnp.result_type(x))
        for x, dx in zip(values, changes, strict=True)
    ]


def no_tangent(x: Array) -> Any:
    """The tangent of what does not move."""
    if jnp.issubdtype(jnp.result_type(x), jnp.inexact):
        return jnp.zeros_like(x)
    return np.zeros(jnp.shape(x), jax.dtypes.float0)
