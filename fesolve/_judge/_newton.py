"""One Gauss-Newton step in the values of f: the correction that is still missing from it.

With J the Jacobian of the residuals r and F that of the values of f, both in the parameters of a
space richer than f's, the columns of T = V / S from F = U S V^T are directions whose values have
unit size. The step is

    d = argmin_y |r + (I - Q Q^T) J T y|,

where Q spans what J does with directions that leave the values as they are: what f does elsewhere
adjusts freely. The smallest singular value of (I - Q Q^T) J T is the least |dr| per |df|.

The same lines serve NumPy on the host and JAX inside a program.

Equations whose parts differ in size by more than `UNLIKE` are brought to the largest of them: in
x of 1e-8 of the unit, f' outweighs a condition on f by 1e8, and the least squares would not miss
it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float

from .._least_squares._assembly import blocks, Equation, owners
from .._linear_algebra._host import tall


ROUNDING = 50
"""Singular values up to so many roundings of the largest are zero."""
SELECTED = 1e-7
"""Directions below this, relative to the largest, are left to what selects among solutions."""
UNLIKE = 1e3
"""The ratio of sizes from which equations are brought to one size."""
ABSENT = 1e-12
"""Parts so much smaller than the largest cannot be told from rounding, and stay as they are."""
ROUNDED = 1e-7
"""Parts so much smaller than theta would make them are what rounding left of zero."""
FOLLOWED = 1e-9
"""Changes of a network that polynomials follow so well are left to them."""
CROWD, SHARE, UNTOLD = 4, 10, 1e-8
"""More directions than the first, and than one in the second, of which r tells so little are no
growing modes, of which an equation has as many as its order: f is free there."""
UNSEEN = 1e-8
"""Directions whose values are smaller than this, relative to the largest, leave f as it is."""


class Step(NamedTuple):
    """The missing correction, in values and in parameters, and how far it can be trusted.

    - `change`: what it does to the values of f.
    - `parameters`: the correction itself.
    - `conditioning`: the least singular value of J in units of values.
    - `free`: the direction that belongs to it, with values of unit size.
    - `determined`: whether every direction of values shows in r above rounding, and all but a few
      of them clearly.
    - `apart`: the largest ratio of a singular value to the next below it, among the lower half.
    - `unit`: the size of the parts of which r is the sum, whose rounding it holds.
    - `rms`: |r|, with equations of unlike size brought to one.
    - `left_over`: the same after the step: what no change of f takes away, as where equations
      contradict one another.
    """

    change: Any
    parameters: Any
    conditioning: Any
    free: Any
    determined: Any
    apart: Any
    unit: Any
    rms: Any
    left_over: Any


Decomposition = Callable[[Any], tuple[Any, Any, Any]]
"""`svd(matrix) -> u, s, vt`, thin."""


class Linearised(NamedTuple):
    """theta, the residuals and the values of f there, and their Jacobians in theta.

    - `beside`: the Jacobian of the residuals near theta, where it is to be had.
    """

    theta: Float[Array | np.ndarray, " P"]
    r: Float[Array | np.ndarray, " N"]
    jacobian: Float[Array | np.ndarray, "N P"]
    values_jacobian: Float[Array | np.ndarray, "M P"]
    values: Float[Array | np.ndarray, " M"]
    beside: Callable[[], Float[np.ndarray, "N P"]] | None = None


def missing_step(
    xp: Any,
    svd: Decomposition,
    system: Linearised,
    equations: tuple[Equation, ...],
    own: np.ndarray,
    selected: bool,
) -> Step:
    """The step from theta.

    **Arguments:** `equations`, which rows belong to which; `own`, the entries of theta that move
    only where polynomials do not follow; `selected`, whether only directions count that the
    equations decide clearly.
    """
    theta, r, jacobian, values_jacobian, values, beside = system
    eps = float(np.finfo(r.dtype).eps)
    directions = None
    if own.any():
        directions = _apart_from_polynomials(xp, svd, values_jacobian, own)
        jacobian, values_jacobian = jacobian @ directions, values_jacobian @ directions
        theta = xp.where(own, 0, theta)
    left, s, vt = svd(tall(xp, values_jacobian))
    seen = s > max(UNSEEN, 10 * eps) * s[0]
    to_theta = vt.T * xp.where(seen, 1 / xp.where(seen, s, 1), 0)[None]
    # f itself in the richer space, where what was given is not part of theta
    within = to_theta @ (left[: values.size].T @ values)
    theta = xp.maximum(xp.abs(theta), xp.abs(within))
    parts = jacobian * theta[None]
    squares, size = (xp.sum(matrix**2, axis=1) for matrix in (parts, jacobian))
    near = None
    if beside is not None:
        along_own = lambda matrix: matrix if directions is None else matrix @ directions
        near = lambda: np.sum((along_own(beside()) * theta) ** 2, axis=1)
    factor = alike(xp, equations, squares, size, xp.linalg.norm(theta), r, near)
    r, jacobian = factor * r, factor[:, None] * jacobian
    along, rest = jacobian @ to_theta, r
    if xp is not np or not seen.all():
        unseen = vt.T * xp.where(seen, 0, 1)[None]
        along, rest = _projected_out(xp, svd, jacobian @ unseen, jacobian, (along, rest))
    u, sigma, wt = svd(tall(xp, along))
    u = u[: r.size]
    used = xp.arange(sigma.size) < xp.sum(seen)
    least = max(SELECTED, ROUNDING * eps) if selected else ROUNDING * eps
    kept = used & (sigma > least * sigma[0])
    y = -wt.T @ xp.where(kept, u.T @ rest / xp.where(kept, sigma, 1), 0)
    change = to_theta @ y
    left_over = xp.linalg.norm(rest + along @ y)
    unit = xp.linalg.norm(factor[:, None] * parts)
    crowded = _is_crowded(xp, used, sigma, xp.linalg.norm(values), unit)
    last = xp.sum(seen) - 1
    free = to_theta @ wt[last]
    if directions is not None:
        free = directions @ free
    return Step(
        change=values_jacobian @ change,
        parameters=change if directions is None else directions @ change,
        conditioning=xp.min(xp.where(kept, sigma, xp.inf)) if selected else sigma[last],
        free=free,
        determined=(kept[last] & ~crowded) | selected,
        apart=_largest_gap(xp, sigma, used),
        unit=unit,
        rms=xp.linalg.norm(r),
        left_over=left_over,
    )


def _projected_out(xp: Any, svd: Decomposition, columns: Any, whole: Any, of: tuple) -> tuple:
    """Matrices without their parts in the range of some columns of a whole Jacobian."""
    u, size, _ = svd(columns)
    eps = float(np.finfo(whole.dtype).eps)
    q = u * xp.where(size > 1e3 * eps * xp.linalg.norm(whole), 1, 0)[None]
    return tuple(matrix - q @ (q.T @ matrix) for matrix in of)


def _is_crowded(xp: Any, used: Any, sigma: Any, size: Any, unit: Any) -> Any:
    """Whether many directions of f, whose values have that size, hardly move the residuals: in the
    unit of their parts, which rounding follows, and beside other directions, as for a gauge."""
    untold = xp.sum(used & (sigma * size < UNTOLD * unit) & (sigma < UNTOLD * sigma[0]))
    return (untold > CROWD) & (SHARE * untold > xp.sum(used))


def _apart_from_polynomials(xp: Any, svd: Decomposition, table: Any, own: np.ndarray) -> Any:
    """Directions of theta: each entry alone, but for those that are a network's own, which move in
    combinations of unit size whose values are orthogonal to polynomials."""
    beside, mine = table[:, ~own], table[:, own]
    u, s, vt = svd(tall(xp, beside))
    inverse = xp.where(s > UNSEEN * s[0], 1 / xp.where(s > 0, s, 1), 0)
    follow = vt.T @ (inverse[:, None] * (u[: table.shape[0]].T @ mine))
    _, s, vt = svd(tall(xp, mine - beside @ follow))
    rounding = 100 * float(np.finfo(table.dtype).eps)
    kept = s > max(FOLLOWED, rounding) * xp.linalg.norm(mine)
    combined = vt.T * xp.where(kept, 1 / xp.where(kept, s, 1), 0)[None]
    entries = np.eye(own.size, dtype=table.dtype)
    columns = entries[:, own] @ combined - entries[:, ~own] @ (follow @ combined)
    return xp.asarray(np.diag(~own), table.dtype) + columns @ entries[own]


def alike(
    xp: Any,
    equations: tuple[Equation, ...],
    parts: Float[Array | np.ndarray, " N"],
    jacobian: Float[Array | np.ndarray, " N"],
    theta: Any,
    r: Any = None,
    beside: Callable[[], Float[np.ndarray, " N"]] | None = None,
) -> Any:
    """A factor for each row that brings equations of unlike size, and components of one, to that
    of the largest; 1 where they are alike.

    Parts that are no more than rounding, as those of f'(0) = 0 in values and slopes, have no size.
    Parts that are small at theta alone, as those of a Bellman equation in the policy that is best,
    have the size that they have beside it, if r is larger than they are: no change of theta by its
    own size would bring it to zero.

    **Arguments:** `parts`, squares of what each row is the sum of, added up; `jacobian`, the same
    of its derivatives; `theta`, the norm of theta; `r`, the rows; `beside`, the parts near theta.
    """
    if sum(len(equation.columns) for equation in equations) == 1:
        return xp.ones(parts.shape, parts.dtype)
    size = lambda squares: xp.sqrt(
        xp.concatenate([xp.sum(block, axis=0) for block in blocks(equations, squares)])
    )
    sizes = size(parts)
    largest = xp.max(sizes)
    there = (sizes > ABSENT * largest) & (sizes > ROUNDED * theta * size(jacobian))
    differ = there & (sizes * UNLIKE < largest)
    resting = differ if beside is None else differ & (size(r**2) > sizes)
    if beside is not None and resting.any():
        with np.errstate(invalid="ignore", over="ignore"):
            # NaN, as where a residual leaves its domain, is no size
            sizes = np.where(resting, np.fmax(sizes, size(beside())), sizes)
        differ &= sizes * UNLIKE < largest
    if xp is np and not differ.any():
        return np.ones(parts.shape, parts.dtype)
    return xp.where(differ, largest / xp.where(differ, sizes, 1), 1)[owners(equations)]


def _largest_gap(xp: Any, sigma: Any, used: Any) -> Any:
    """The largest ratio of neighbours among the lower half of the singular values."""
    ratios = sigma[:-1] / xp.where(sigma[1:] > 0, sigma[1:], xp.inf)
    low = used[1:] & (xp.arange(1, sigma.size) >= xp.sum(used) // 2)
    return xp.max(xp.where(low, ratios, 0)) if sigma.size > 1 else xp.ones(())
