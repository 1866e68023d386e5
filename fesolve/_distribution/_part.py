"""A distribution on the part of its support where a condition holds."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import takes
from .._entry import entry
from .._types import Hypothesis, is_traced, Point
from ._arrays import check_count
from ._base import AbstractDistribution, Empirical, rule
from ._data import arguments


ROUNDS = 64
"""Rejection gives up after this many rounds."""


class Part(AbstractDistribution):
    """p(x | condition(x)), by rejection.

    **Arguments:** `distribution`, p; `condition`, a function of one point, true on the part.
    """

    distribution: AbstractDistribution
    condition: Callable

    @entry
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        check_count("sample", n, key)
        kept, found = [], 0
        for draw in jax.random.split(key, ROUNDS):
            points = self.distribution.sample(max(n, 1_024), key=draw)
            inside = holds(self.condition, points)
            kept.append(jax.tree.map(lambda leaf, i=inside: np.asarray(leaf)[i], points))
            found += int(inside.sum())
            if found >= n:
                return jax.tree.map(lambda *leaves: np.concatenate(leaves)[:n], *kept)
        raise ValueError(
            f"`condition` holds at {found} of {ROUNDS * max(n, 1_024)} draws, too few for a sample "
            f"of {n}: ask for fewer points, or name the part by a distribution of its own"
        )

    @entry
    def quadrature(self, n: int) -> Empirical:
        """The nodes of p's rule on the part, their weights renormalised."""
        return on_part(self.distribution.quadrature(n), self.condition)

    @property
    def support(self) -> tuple[Point, Point]:
        return self.distribution.support

    def given(self, f: Hypothesis) -> "Part":
        return Part(self.distribution.given(f), self.condition)


def holds(condition: Callable, points: Point) -> np.ndarray:
    """Whether the condition holds, at each of n points.

    **Raises:** `ValueError` where it is not a truth value at each point.
    """
    _check_call(condition, "condition", points)
    inside = jax.vmap(lambda x: condition(*arguments(x)))(points)
    if is_traced(inside):
        raise ValueError(
            "`.where(condition)` takes points away, whose number is not known inside jit, vmap "
            "or grad: call it outside"
        )
    n = jax.tree.leaves(points)[0].shape[0]
    if getattr(inside, "shape", None) != (n,) or inside.dtype != bool:
        raise ValueError(
            "`condition` must return one truth value at a point, such as `lambda x: x < 1`; got "
            f"{jax.tree.map(lambda leaf: (leaf.shape[1:], leaf.dtype.name), inside)}"
        )
    return np.asarray(inside)


def _check_call(function: Callable, name: str, points: Point) -> None:
    given = ["x", "y"][: len(arguments(points))]
    takes(function, name, given, "it is a function of one point, and of x and y on data")


def on_part(p: Empirical, condition: Callable, inside: Any = None) -> Empirical:
    """The points at which the condition holds, their weights renormalised.

    **Raises:** `ValueError` where it holds at none.
    """
    inside = holds(condition, p.points) if inside is None else inside
    weights = np.asarray(p.weights)[inside]
    if not weights.sum() > 0:
        raise ValueError(
            f"`condition` holds at none of the {inside.size} points: take more points, or a wider "
            "condition"
        )
    points = jax.tree.map(lambda leaf: leaf[inside], p.points)
    population = None if p.population is None else Part(p.population, condition)
    return Empirical(points, weights / weights.sum(), population)


def under_ratio(p: Empirical, ratio: Callable) -> Empirical:
    """The same points under q, whose density relative to that of p is proportional to `ratio`.

    **Raises:** `ValueError` where that is no density.
    """
    _check_call(ratio, "ratio", p.points)
    values = jax.vmap(lambda x: ratio(*arguments(x)))(p.points)
    shape, n = getattr(values, "shape", None), p.size
    if shape != (n,):
        raise ValueError(
            f"`ratio` must return one number at a point, such as `lambda x: jnp.exp(x)`; got shape "
            f"{shape if shape is None else shape[1:]}"
        )
    if is_traced((values, p.weights)):
        weights = values * p.weights
        return rule(p.points, weights / weights.sum(), None)
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all() or (values < 0).any() or not values.any():
        raise ValueError(
            "`ratio` must be finite, nowhere negative, and positive somewhere, as a ratio of "
            f"densities is; it lies between {values.min():.3g} and {values.max():.3g}"
        )
    weights = values * np.asarray(p.weights)
    return Empirical(p.points, weights / weights.sum())
