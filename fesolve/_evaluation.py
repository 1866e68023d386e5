"""A risk at an f: residuals at points, their expectation over a shock, and their mean loss."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ._checks import numbered, takes
from ._compiled import bytes_of, compiled
from ._distribution import AbstractDistribution, Empirical, expectation
from ._distribution._data import arguments
from ._show import Shown
from ._types import Hypothesis, Point


class Pairs(Shown):
    """Two independent draws of the shock at each point, and the law that they came from."""

    first: PyTree
    second: PyTree
    population: AbstractDistribution | None


class Bare(NamedTuple):
    """What an evaluation of a term needs, without names and tolerances, which would key programs:
    the points with a leading axis, or `None` for a condition on f as a whole; the shock as
    (points, weights), as `Pairs`, or `None`."""

    residual: Any
    loss: Any
    args: tuple
    points: Point | None
    weights: Any
    shock: Any
    multiplier: Any


def pointwise(bare: Bare, f: Hypothesis, x: Point, extra: Any = None) -> PyTree:
    """The residual at one point, the expectation over an exact shock taken."""
    residual, args, at = bare.residual, bare.args, arguments(x)
    _check_call(bare, at)
    if bare.points is None:
        return residual(f, *args)
    if bare.shock is None:
        return residual(f, *at, *args)
    if isinstance(bare.shock, Pairs):
        return residual(f, *at, extra, *args)
    law = Empirical(*bare.shock)
    return expectation(lambda e: residual(f, *at, e, *args), law)


def _check_call(bare: Bare, at: tuple) -> None:
    """**Raises:** `ValueError` where the residual takes other arguments than it is given."""
    given, remedies = ["f"], []
    if bare.points is not None:
        given += ["x", "y"][: len(at)]
        if bare.shock is None:
            remedies.append("a shock e, the argument after the point, comes of `shock=q`")
        else:
            given.append("e")
            remedies.append("the shock e comes of `shock=`: leave that out where there is none")
        if len(at) == 2:
            remedies.append("on `fe.Data(X, Y)` a residual takes `(f, x, y, *args)`")
    else:
        remedies.append("a point x comes of a distribution, `fe.Risk(residual, p)`")
    given += numbered(bare.args)
    remedies.append("parameters come of `args=(...)`, in their order")
    takes(bare.residual, "residual", given, "; ".join(remedies))


def components(bare: Bare, f: Hypothesis, x: Point, extra: Any = None) -> Float[Array, " m"]:
    """All components of the residual at one point, as one vector."""
    leaves = jax.tree.leaves(pointwise(bare, f, x, extra))
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])


def row_scale(bare: Bare, dtype: Any) -> Float[Array, " n"]:
    """sqrt(multiplier * w_i), with a zero derivative where a weight is zero; NaN where it is not a
    number, which must not pass for a point that does not count."""
    weights, multiplier = jnp.asarray(bare.weights, dtype), jnp.asarray(bare.multiplier, dtype)
    square = weights * multiplier
    counts = square != 0
    return jnp.where(counts, jnp.sqrt(jnp.where(counts, square, 1)), 0)


def table(bare: Bare, f: Hypothesis) -> Float[Array, "n m"]:
    """The unscaled residual components at every point."""
    points = bare.points
    if points is None:
        return components(bare, f, None)[None]
    return at_points(lambda x: components(bare, f, x), points)


def drawn(bare: Bare, f: Hypothesis, draws: Point) -> Float[Array, "n m"]:
    """The residual components at every point with one draw of the shock at each."""
    return at_points(lambda x, e: components(bare, f, x, e), bare.points, draws)


MANY = 256
"""Coordinates of a point from which its residual may need much memory."""
MEMORY = 2**28
"""Bytes of what is worked out at once, for such points."""


def at_points(function: Callable, *points: Point) -> PyTree:
    """`function` at every point: at all of them at once, or, where a point has so many coordinates,
    as the state of thousands of agents, at as many at a time as `MEMORY` has room for.

    **Arguments:** `function`, of one point of each of `points`, which have a leading axis.
    """
    leaves = jax.tree.leaves(points)
    if max(leaf[0].size for leaf in leaves) < MANY:
        return jax.vmap(function)(*points)
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), points)
    size = max(1, MEMORY // bytes_of(jax.make_jaxpr(function)(*one).jaxpr))
    return jax.lax.map(lambda x: function(*x), points, batch_size=min(size, leaves[0].shape[0]))


@compiled
def weighted_rows(bares: list[Bare], f: Hypothesis) -> Float[Array, " rows"]:
    rows = []
    for bare in bares:
        values = table(bare, f)
        rows.append(jnp.ravel(row_scale(bare, values.dtype)[:, None] * values))
    return jnp.concatenate(rows)


@compiled
def mean_square_components(bare: Bare, f: Hypothesis) -> Float[Array, " m"]:
    """E r_j^2 of each component j of a residual on its sample."""
    weights = bare.weights
    values = table(bare, f)
    return jnp.asarray(weights, values.dtype) @ values**2


@compiled
def mean_loss(bares: list[Bare], f: Hypothesis) -> Float[Array, ""]:
    total = jnp.zeros(())
    for bare in bares:
        shock = bare.shock
        if isinstance(shock, Pairs):
            first, second = (drawn(bare, f, e) for e in (shock.first, shock.second))
            values = first * second
        else:
            values = bare.loss(table(bare, f))
        weights = jnp.asarray(bare.weights, values.dtype)
        term = jnp.asarray(bare.multiplier, values.dtype) * jnp.sum(weights[:, None] * values)
        total = total.astype(term.dtype) + term
    return total
