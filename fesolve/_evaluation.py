"""A risk at an f: residuals at points, their expectation over a shock, and their mean loss."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ._compiled import compiled
from ._distribution import AbstractDistribution, Empirical, expectation
from ._show import Shown
from ._types import Hypothesis, Point


class Pairs(Shown):
    """Two independent draws of the shock at each point, and the law that they came from."""

    first: PyTree
    second: PyTree
    population: AbstractDistribution | None


def pointwise(bare: tuple, f: Hypothesis, x: Point, extra: Any = None) -> PyTree:
    """The residual at one point, the expectation over an exact shock taken."""
    residual, _, args, points, _, shock, _ = bare
    if points is None:
        return residual(f, *args)
    if shock is None:
        return residual(f, x, *args)
    if isinstance(shock, Pairs):
        return residual(f, x, extra, *args)
    law = Empirical(*shock)
    return expectation(lambda e: residual(f, x, e, *args), law)


def components(bare: tuple, f: Hypothesis, x: Point, extra: Any = None) -> Float[Array, " m"]:
    """All components of the residual at one point, as one vector."""
    leaves = jax.tree.leaves(pointwise(bare, f, x, extra))
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])


def row_scale(bare: tuple, dtype: Any) -> Float[Array, " n"]:
    """sqrt(multiplier * w_i), with a zero derivative where a weight is zero; NaN where it is not a
    number, which must not pass for a point that does not count."""
    weights, multiplier = jnp.asarray(bare[4], dtype), jnp.asarray(bare[6], dtype)
    square = weights * multiplier
    counts = square != 0
    return jnp.where(counts, jnp.sqrt(jnp.where(counts, square, 1)), 0)


def table(bare: tuple, f: Hypothesis) -> Float[Array, "n m"]:
    """The unscaled residual components at every point."""
    points = bare[3]
    if points is None:
        return components(bare, f, None)[None]
    return jax.vmap(lambda x: components(bare, f, x))(points)


@compiled
def weighted_rows(bares: list[tuple], f: Hypothesis) -> Float[Array, " rows"]:
    rows = []
    for bare in bares:
        values = table(bare, f)
        rows.append(jnp.ravel(row_scale(bare, values.dtype)[:, None] * values))
    return jnp.concatenate(rows)


@compiled
def mean_square_components(bare: tuple, f: Hypothesis) -> Float[Array, " m"]:
    """E r_j^2 of each component j of a residual on its sample."""
    weights = bare[4]
    values = table(bare, f)
    return jnp.asarray(weights, values.dtype) @ values**2


@compiled
def mean_loss(bares: list[tuple], f: Hypothesis) -> Float[Array, ""]:
    total = jnp.zeros(())
    for bare in bares:
        _, loss, _, points, weights, shock, multiplier = bare
        if isinstance(shock, Pairs):
            draws = jax.vmap(lambda x, e, bare=bare: components(bare, f, x, e))
            values = draws(points, shock.first) * draws(points, shock.second)
        else:
            values = loss(table(bare, f))
        weights = jnp.asarray(weights, values.dtype)
        term = jnp.asarray(multiplier, values.dtype) * jnp.sum(weights[:, None] * values)
        total = total.astype(term.dtype) + term
    return total
