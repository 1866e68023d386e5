"""Points, boxes and residuals of a risk as plain NumPy arrays for a figure."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PyTree

import fesolve as fe


def on_points(risk: fe.AbstractRisk) -> list[fe.Risk]:
    """The terms of a risk that stand on a sample of several points: those with a picture."""
    return [term for term in risk.terms if isinstance(term.distribution, fe.Empirical)]


def sample(term: fe.Risk) -> fe.Empirical:
    """The sample on which a term stands."""
    assert isinstance(term.distribution, fe.Empirical)
    return term.distribution


def on_some_points(where: fe.AbstractRisk | fe.AbstractDistribution) -> fe.AbstractRisk:
    """A risk as it is; of a distribution, one on some of its points."""
    if isinstance(where, fe.AbstractRisk):
        return where
    return fe.Risk(lambda f, x: 0.0, where).empirical(256, key=jr.key(0))


def sampled(risk: fe.AbstractRisk) -> list[fe.Risk]:
    """`on_points`, of which there must be one.

    **Raises:** `ValueError` where no term of `risk` stands on points.
    """
    terms = on_points(risk)
    if not terms:
        raise ValueError(
            "`risk` has no term on a sample of points: pass `risk.quadrature(n)` or "
            "`risk.empirical(n, key=key)`."
        )
    return terms


def as_columns(points: PyTree) -> np.ndarray:
    """n points as a matrix (n, d) of their coordinates."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(points)]
    return np.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)


def from_columns(columns: np.ndarray, like: PyTree) -> PyTree:
    """The inverse of `as_columns`; `like` is a batch of points of the wanted structure."""
    leaves, structure = jax.tree.flatten(like)
    out, start = [], 0
    for leaf in leaves:
        leaf = np.asarray(leaf)
        width = int(np.prod(leaf.shape[1:], dtype=int))
        part = columns[:, start : start + width].reshape(-1, *leaf.shape[1:])
        out.append(part.astype(leaf.dtype))
        start += width
    return jax.tree.unflatten(structure, out)


def whole(points: PyTree) -> np.ndarray:
    """Which coordinates are whole numbers, such as the index of a state."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(points)]
    kinds = [np.full(int(np.prod(a.shape[1:], dtype=int)), a.dtype.kind in "iu") for a in leaves]
    return np.concatenate(kinds)


def box(term: fe.Risk) -> tuple[np.ndarray, np.ndarray]:
    """The box that a figure shows: the support where it is bounded, else the sample's extent; of a
    law that falls towards the ends of its support, what holds all but a thousandth on each side."""
    columns = as_columns(sample(term).points)
    population = sample(term).population
    lower, upper = columns.min(axis=0), columns.max(axis=0)
    if population is None:
        return lower, upper
    ends = population.support
    if _falls(population):
        shares = (jnp.full(population.dimension, u) for u in (RARE, 1 - RARE))
        ends = tuple(population.transport(u) for u in shares)
    corners = [
        np.concatenate([np.ravel(np.asarray(leaf, float)) for leaf in jax.tree.leaves(corner)])
        for corner in ends
    ]
    return tuple(
        np.where(np.isfinite(corner), corner, seen) for corner, seen in zip(corners, (lower, upper))
    )


RARE = 1e-3


def _falls(p: Any) -> bool:
    """Whether p is a truncated normal distribution, or a product that can be placed with one."""
    if isinstance(p, fe.Product):
        parts = p.flat()
        placed = all(isinstance(part, fe.Uniform | fe.TruncatedNormal) for part in parts)
        return placed and any(_falls(part) for part in parts)
    return isinstance(p, fe.TruncatedNormal)


def absolute(
    f: Any, term: fe.Risk, units: Callable | None = None, report: fe.RiskReport | None = None
) -> np.ndarray:
    """max over components of |r(f, x_i)|, at each point x_i of the sample, without weights; as a
    report on f has found it, where it has and units are those of r."""
    known = None if units is not None or report is None else _reported(report, term)
    if known is not None:
        return known
    weights = np.asarray(sample(term).weights) * float(np.asarray(term.multiplier))
    rows = np.asarray(term.residuals(f)).reshape(len(weights), -1)
    # A point of weight zero has no say in the risk, and its residual cannot be read from it.
    seen = np.sqrt(weights)[:, None]
    rows = np.divide(rows, seen, out=np.zeros_like(rows), where=seen > 0)
    if units is not None:
        rows = np.asarray(jax.vmap(jax.vmap(units))(rows))
    return np.abs(rows).max(axis=1)


def _reported(report: fe.RiskReport, term: fe.Risk) -> np.ndarray | None:
    """What a report has found of a term at the points of its sample."""
    columns = as_columns(sample(term).points)
    is_of_term = re.compile(re.escape(term.name) + r"(\.| x | #|$)").match
    sizes = {
        found.equation: found.sizes
        for found in report.samples
        if is_of_term(found.equation) and _are_close(as_columns(found.points), columns)
    }
    if not sizes or any(" #" in name for name in sizes):  # of which of two terms of one name?
        return None
    return np.max(list(sizes.values()), axis=0)


def _are_close(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=0.0)


def logarithm(values: np.ndarray) -> np.ndarray:
    """log10 |r|; an exact zero has none, and is left out of a figure as nan."""
    return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)


def names(coordinates: Sequence[str] | None, number: int, points: PyTree) -> list[str]:
    """The names of the coordinates: those that are given, or that points have as dictionaries of
    numbers; else x, or x1, x2, ..."""
    if coordinates is not None and len(coordinates) == number:
        return list(coordinates)
    if isinstance(points, dict) and len(points) == number:
        return sorted(points)
    return ["x"] if number == 1 else [f"x{i + 1}" for i in range(number)]


def evaluated(function: Callable, points: PyTree) -> PyTree:
    """A function at a batch of points, by one program: in a call of its own each operation would be
    one. What it computes of anything but x it may ask for numbers, where it is called as it is."""
    try:
        return jax.jit(jax.vmap(function))(points)
    except jax.errors.JAXTypeError:
        return jax.vmap(function)(points)


def named(of: Any, f: Any, states: PyTree) -> dict[str, np.ndarray]:
    """The quantities of(f, x) at states of shape (paths, periods, ...), by name: arrays of shape
    (paths, periods)."""
    quantity = (lambda f, x: x) if of is None else of
    values = jax.vmap(jax.vmap(lambda x: quantity(f, x)))(states)
    found: dict[str, np.ndarray] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(values):
        name = ".".join(str(getattr(k, "key", getattr(k, "name", k))) for k in path) or "x"
        columns = np.asarray(leaf).reshape(*leaf.shape[:2], -1)
        for j in range(columns.shape[2]):
            found[name if columns.shape[2] == 1 else f"{name}{j + 1}"] = columns[:, :, j]
    return found
