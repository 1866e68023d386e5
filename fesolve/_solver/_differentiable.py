"""A least-squares solve as one compiled program, and the derivative across it.

Inside `jit`, `vmap` or `grad`, and on accelerators, a solve is one program; differentiated, the
implicit function theorem gives its tangent, and the iterations are never looked into.

theta*(p) satisfies J^T r = 0. Differentiating, (J^T J + S) dtheta = -(J^T dr + dJ^T r) with
S = sum_i r_i Hess r_i, so dtheta = -(I + J^+ J^+T S)^-1 (J^+ dr + J^+ J^+T dJ^T r), and -J^+ dr
where r = 0. J^+ comes from QR of J, so that the condition number is that of J and not its square;
where there are more unknowns than rows, J^+ gives the shortest dtheta.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import program
from .._least_squares._assembly import Assembly, Equation, LeastSquares, linearise, residuals
from .._least_squares._device_algebra import pseudo_inverse
from .._solution import Solution
from .._types import changed
from ._iteration import iterate
from ._jax_algebra import in_jax
from ._outcome import how_it_ended, Outcome
from ._plans import Plan


@runtime_checkable
class Method(Protocol):
    """An iteration inside a compiled program; hashable, since it is part of the program's key."""

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations with their tolerances."""
        ...

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome: ...

    def __hash__(self) -> int: ...


class Staged(NamedTuple):
    """A plan, with the equations and their tolerances, and whether the last of the data are the
    order of the rows in time."""

    plan: Plan
    equations: tuple[Equation, ...]
    timed: bool = False

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        algebra = in_jax(assembly, theta, data, self.equations, self.timed)
        end = iterate(algebra, self.plan, theta)
        ended = (end.best.theta, end.best.r, end.steps, end.converged, end.finite)
        return Outcome(*ended, unfinished=self.plan.unfinished)


def tangent(
    assembly: Assembly, theta: Array, data: list, moving: list
) -> tuple[list[Any], Float[Array, ""]]:
    """dtheta, as leaves, and the derivative 2 r . dr of the risk at its minimum (envelope).

    **Arguments:** `moving`, the tangents of the data, `None` for what does not move.
    """
    floats, given = parts_that_move(data, moving)

    def rows(theta: Any, floats: list) -> Array:
        return residuals(assembly, theta, given(floats))

    r, jacobian = linearise(assembly, theta, data)
    _, dr = jax.jvp(lambda p: rows(theta, p), (floats,), (moving,))
    risk_tangent = 2 * r @ dr
    inverse = pseudo_inverse(jacobian)
    if jacobian.shape[0] < jacobian.shape[1]:
        return assembly.leaves(-inverse @ dr), risk_tangent

    def curvature(theta: Any, floats: list) -> Array:
        # r is a number here, so that its derivatives hold J^T dr nowhere; a second derivative of
        # the minimum moves it, so that it must not be cut off from the data
        return jax.grad(lambda t: r @ rows(t, floats))(theta)

    _, mixed = jax.jvp(lambda p: curvature(theta, p), (floats,), (moving,))
    second = jax.jacfwd(lambda t: curvature(t, floats))(theta)
    gram_inverse = inverse @ inverse.T
    correction = pseudo_inverse(jnp.eye(theta.size, dtype=r.dtype) + gram_inverse @ second)
    change = -correction @ (inverse @ dr + gram_inverse @ mixed)
    return assembly.leaves(change), risk_tangent


def parts_that_move(data: list, moving: list) -> tuple[list, Callable[[list], list]]:
    """Those of the data that have a tangent, with `None` in the gaps, and all of the data again
    from others in their place."""
    floats = [None if dx is None else x for x, dx in zip(data, moving, strict=True)]
    given = lambda floats: [y if x is None else x for x, y in zip(floats, data, strict=True)]
    return floats, given


def solve_on_device(
    problem: LeastSquares, method: Method, more: Any = (), tangent: Callable = tangent
) -> Solution:
    """The solution by one compiled program, differentiable in the data of the problem.

    **Arguments:** `more`, what the method finds behind the data, as the order of rows in time;
    `tangent`, how the minimum moves with all of these.
    """
    theta = jax.lax.stop_gradient(problem.theta) if problem.traced else problem.theta
    data = [*problem.data, *more]
    found = _minimum(problem.assembly, method, tangent, theta, data)
    return changed(found, value=problem.assemble(found.value))


@eqx.filter_custom_jvp
def _minimum(
    assembly: Assembly, method: Method, tangent: Callable, theta: Any, data: list
) -> Solution:
    return _compute(assembly, method, theta, data)


@_minimum.def_jvp
def _(primals: tuple, tangents: tuple) -> tuple:
    assembly, _, tangent, _, data = primals
    found = _minimum(*primals)
    leaves, drisk = _moved(assembly, tangent, found.value, data, tangents[-1])
    nothing = jax.tree.map(lambda _: None, found)
    return found, changed(nothing, value=leaves, risk=drisk)


@program(0, 1)
def _compute(assembly: Assembly, method: Method, theta: Any, data: list) -> Solution:
    """The solution, with the leaves of theta as its value."""
    with jax.default_matmul_precision("highest"):
        out = method(assembly, theta, data)
    multipliers = [jnp.asarray(bare.multiplier) for bare in assembly.merge(out.theta, data)[0]]
    result, stats = how_it_ended(method.equations, multipliers, out)
    return Solution(assembly.leaves(out.theta), out.r @ out.r, result, stats)


@program(0, 1)
def _moved(
    assembly: Assembly, tangent: Callable, leaves: list, data: list, moving: list
) -> tuple[list[Any], Array]:
    theta = jnp.concatenate([jnp.ravel(leaf).astype(assembly.dtype) for leaf in leaves])
    return tangent(assembly, theta, data, moving)
