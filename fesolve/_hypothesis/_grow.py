"""Series whose basis a solver may enrich: what is missing in it, and the next richer one.

The Chebyshev coefficients of a smooth function fall geometrically until they are rounding. So a
series is resolved where its last coefficients are, on each piece of a piecewise one; those of a
spline, whose degree is low, need half of the digits.

**Source:** Aurentz and Trefethen (2017), "Chopping a Chebyshev series".
"""

from functools import singledispatch
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._types import Hypothesis
from ._basis import AbstractBasis, Chebyshev
from ._elements import (
    BSpline,
    halved,
    polynomials,
    SpectralElements,
    spline_polynomials,
    with_more_knots,
)
from ._series import Series


FIRST_DEGREE = 16
"""The degree of the first attempt."""
MOST_ELEMENTS, SHORTEST = 2048, 2.0**-26
"""An element that is so short a part of the domain, and does not resolve f, holds a kink or a
jump."""
DEGREE_CAPACITY, ELEMENT_CAPACITY = 64, 32
"""The least capacity of a program: most functions are resolved by then."""
MOST_HALVINGS = 3
"""How often an interval of a spline is halved at once."""
MARCHED = 500
"""Of an element that is solved by itself, the last coefficients are at rounding where they are
below so many roundings of its own largest one."""


class Rule(NamedTuple):
    """When the coefficients of a piece resolve a function: how many of them are the last ones,
    and what they may be as a share of the largest."""

    count: int
    share: float


@singledispatch
def rule(basis: AbstractBasis, eps: float) -> Rule:
    """The rule of a basis, in numbers that are rounded to `eps`."""
    raise NotImplementedError


@rule.register
def _(basis: Chebyshev, eps: float) -> Rule:
    return Rule(last(basis.size - 1), 10 * eps)


@rule.register
def _(basis: SpectralElements, eps: float) -> Rule:
    # the errors of neighbouring elements are in the values at its ends
    return Rule(last(basis.degree), 5_000 * eps)


@rule.register
def _(basis: BSpline, eps: float) -> Rule:
    # the error of a low degree falls slowly with the width, as the last coefficient does
    return Rule(1, eps**0.5)


def last(degree: int) -> int:
    """How many coefficients are the last ones: at least two, since f may be even or odd."""
    return max(2, degree // 8)


def share_of_last(xp: Any, c: Any, largest: Any, count: int) -> Any:
    """The largest of the last coefficients, along the last axis, as a share of another number."""
    most = xp.max(xp.abs(c[..., -count:]))
    return most / (largest + np.finfo(c.dtype).tiny)


def is_free(node: Any) -> bool:
    """Whether this is a series whose basis a solver may enrich."""
    return isinstance(node, Series) and getattr(node.basis, "adaptive", False)


def is_element_series(node: Any) -> bool:
    return isinstance(node, Series) and isinstance(node.basis, SpectralElements)


def element_series(f: Hypothesis) -> list[Series]:
    """The series over spectral elements in f."""
    leaves = jax.tree.leaves(f, is_leaf=is_element_series)
    return [leaf for leaf in leaves if is_element_series(leaf)]


def is_settled(f: Hypothesis) -> bool:
    """Whether a solver has nothing to choose for f: no basis to enrich, and no elements, which ask
    for points of their own."""
    looked_after = lambda node: is_free(node) or is_element_series(node)
    return not any(map(looked_after, jax.tree.leaves(f, is_leaf=looked_after)))


def in_pieces(f: Hypothesis) -> list[Any]:
    """The bases in f whose points stand in each piece: elements, and splines whose knots are
    free."""
    pieced = lambda node: (
        is_element_series(node) or (is_free(node) and isinstance(node.basis, BSpline))
    )
    return [node.basis for node in jax.tree.leaves(f, is_leaf=pieced) if pieced(node)]


def free_series(f: Hypothesis) -> list[Series]:
    """The series in f whose bases a solver may enrich."""
    return [node for node in jax.tree.leaves(f, is_leaf=is_free) if is_free(node)]


def map_free(change: Any, f: Hypothesis, *others: list) -> Hypothesis:
    """f with `change(series, *one of each of the others)` in place of each such series."""
    given = [iter(other) for other in others]
    one = lambda node: change(node, *map(next, given)) if is_free(node) else node
    return jax.tree.map(one, f, is_leaf=is_free)


def unresolved(series: Series) -> np.ndarray:
    """Which pieces of a series have last coefficients above rounding; the one of a series that is
    not pieced together."""
    return ~(_excess(series) <= 1)


def _excess(series: Series) -> np.ndarray:
    """The last coefficients on each piece, by what they may be."""
    basis, c = series.basis, np.asarray(series.coefficients)
    pieces = local_polynomials(basis, c)
    largest, (count, share) = np.abs(pieces).max(), rule(basis, float(np.finfo(c.dtype).eps))
    tails = [share_of_last(np, piece, largest, count) for piece in np.moveaxis(pieces, -2, 0)]
    return np.asarray(tails) / share


@singledispatch
def local_polynomials(basis: AbstractBasis, c: np.ndarray) -> np.ndarray:
    """The Chebyshev coefficients on each piece, (*out, pieces, degree + 1)."""
    return c[..., None, :]


local_polynomials.register(SpectralElements, polynomials)
local_polynomials.register(BSpline, spline_polynomials)


def first(series: Series) -> Series:
    """Where to begin: degree 16, or what the coefficients that are given need; the elements that
    are given."""
    if not isinstance(series.basis, Chebyshev):
        return series
    given = np.flatnonzero(np.asarray(series.coefficients).reshape(-1, series.basis.size).any(0))
    degree = FIRST_DEGREE
    while given.size and degree < given[-1]:
        degree *= 2
    return of_degree(series, min(degree, series.basis.max_degree))


def of_degree(series: Series, degree: int) -> Series:
    """A Chebyshev series cut off, or filled up with zeros, and free up to `degree`."""
    c = series.coefficients[..., : degree + 1]
    c = jnp.pad(c, [(0, 0)] * (c.ndim - 1) + [(0, degree + 1 - c.shape[-1])])
    return _with(series, Chebyshev(None, series.basis.domain, max_degree=degree), c)


@singledispatch
def richer(
    basis: AbstractBasis, series: Series, pieces: np.ndarray, most: Series, tells: bool
) -> Series | None:
    """The same function in a richer space; `None` where there is no room for one.

    **Arguments:** `pieces`, which of them are to be refined; `most`, as the user gave it; `tells`,
    whether f is like the solution, so that its coefficients tell how fine a space that needs.
    """
    raise NotImplementedError


@richer.register
def _(
    basis: Chebyshev, series: Series, pieces: np.ndarray, most: Series, tells: bool
) -> Series | None:
    degree = min(2 * basis.max_degree, most.basis.max_degree)
    return None if degree == basis.max_degree else of_degree(series, degree)


@richer.register
def _(
    basis: SpectralElements | BSpline, series: Series, pieces: np.ndarray, most: Series, tells: bool
) -> Series | None:
    on_elements, grown = isinstance(basis, SpectralElements), series
    times = np.where(pieces, _halvings(series) if tells and not on_elements else 1, 0)
    while times.max() > 0:
        ends = np.asarray(grown.basis.pieces)
        pieces = (times > 0) & (np.diff(ends) > SHORTEST * (ends[-1] - ends[0]))
        if not pieces.any() or ends.size - 1 + pieces.sum() > MOST_ELEMENTS:
            break
        finer = halved if on_elements else with_more_knots
        ends, coefficients = finer(grown.basis, np.asarray(grown.coefficients), pieces)
        where = lambda b: b.breaks if on_elements else b.knots
        grown = _with(grown, eqx.tree_at(where, grown.basis, ends), jnp.asarray(coefficients))
        times = np.repeat(times - 1, 1 + pieces)
    return None if grown is series else grown


def _halvings(series: Series) -> np.ndarray:
    """How often each piece of a spline has to be halved at least: the last coefficient of degree p
    falls by 2^p each time. Several halvings at once save levels, each of which is a program."""
    excess = np.maximum(_excess(series), 1)
    falls = np.log2(excess) / max(series.basis.degree, 1)
    return np.clip(np.nan_to_num(falls).astype(int), 1, MOST_HALVINGS)


def _with(series: Series, basis: AbstractBasis, coefficients: Any) -> Series:
    return eqx.tree_at(lambda s: (s.basis, s.coefficients), series, (basis, coefficients))


@singledispatch
def with_capacity(basis: AbstractBasis, series: Series) -> Series:
    """The same function, its coefficients followed by zeros up to a size that many share, so that
    richer spaces ask for no other program."""
    raise NotImplementedError


@with_capacity.register
def _(basis: Chebyshev, series: Series) -> Series:
    return of_degree(series, _capacity(DEGREE_CAPACITY, 2, basis.max_degree))


@with_capacity.register
def _(basis: BSpline, series: Series) -> Series:
    return series  # no knots can stand beyond the last, where all that is there ends


@with_capacity.register
def _(basis: SpectralElements, series: Series) -> Series:
    # elements beyond the domain, where there are no points
    number, breaks = _capacity(ELEMENT_CAPACITY, 4, basis.number), np.asarray(basis.breaks)
    beyond = np.arange(1, number - basis.number + 1) * (breaks[-1] - breaks[0])
    breaks = np.concatenate([breaks, breaks[-1] + beyond]).astype(breaks.dtype)
    basis = eqx.tree_at(lambda b: b.breaks, basis, breaks)
    c = np.asarray(series.coefficients)
    padding = [(0, 0)] * (c.ndim - 1) + [(0, basis.size - c.shape[-1])]
    return _with(series, basis, jnp.asarray(np.pad(c, padding)))


def _capacity(least: int, factor: int, size: int) -> int:
    capacity = least
    while capacity < size:
        capacity *= factor
    return capacity


@singledispatch
def settled(basis: AbstractBasis) -> AbstractBasis:
    """The same basis, no longer free."""
    raise NotImplementedError


@settled.register
def _(basis: Chebyshev) -> Chebyshev:
    return Chebyshev(basis.max_degree, basis.domain)


@settled.register
def _(basis: SpectralElements) -> SpectralElements:
    return SpectralElements(basis.degree, basis.breaks, basis.smoothness)


@settled.register
def _(basis: BSpline) -> BSpline:
    return BSpline(basis.knots, degree=basis.degree)


def fixed(f: Hypothesis) -> Hypothesis:
    """f with its free bases as they are."""
    return map_free(lambda s: _with(s, settled(s.basis), s.coefficients), f)


def released(found: Hypothesis, given: Hypothesis) -> Hypothesis:
    """What was found, in bases as free as those of `given`, whose degrees it had settled."""
    if not free_series(given):
        return found
    is_series = lambda node: isinstance(node, Series)
    nodes, structure = jax.tree.flatten(given, is_leaf=is_series)
    others = jax.tree.leaves(found, is_leaf=is_series)

    def free(node: Any, other: Any) -> Any:
        if not is_free(node) or not isinstance(node.basis, Chebyshev) or is_free(other):
            return other
        return of_degree(other, node.basis.max_degree)

    return jax.tree.unflatten(structure, list(map(free, nodes, others)))
