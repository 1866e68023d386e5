"""A richer basis for each basis: the space in which what a series misses can be seen."""

import functools
from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._types import is_traced
from ._basis import AbstractBasis, Chebyshev
from ._elements import BSpline, SpectralElements, with_middles, with_more_knots
from ._periodic import Fourier, Indicator
from ._tensor import AbstractTensor, Smolyak, Tensor


RICH = 12
"""The least degree of a refined basis of one coordinate: a direction that is missing from a small
class, such as exp(x) from the cubics, must be there."""


class Refinement(NamedTuple):
    """A basis of a space that contains another.

    - `places`: those in its coefficients of the coefficients there; `None` where these are not
      simply filled up by zeros.
    - `carried`: from coefficients there to those of the same function here, where it is no matter
      of places.
    """

    basis: AbstractBasis
    places: np.ndarray | None
    carried: Callable[[Any], Any] | None = None

    def coefficients(self, c: Any) -> Any:
        """Those of the same functions in the richer basis."""
        if self.carried is not None:
            return self.carried(c)
        shape = (*c.shape[:-1], self.basis.size)
        if is_traced(c):
            return jnp.zeros(shape, c.dtype).at[..., self.places].set(c)
        filled = np.zeros(shape, c.dtype)
        filled[..., self.places] = c
        return filled


@singledispatch
def refined(basis: AbstractBasis, coordinates: int = 1, sparing: bool = False) -> Refinement | None:
    """A richer basis on the same domain; `None` for kernels, which hold smooth functions but
    slowly, and for a basis of the user's own.

    **Arguments:** `coordinates`, in how many coordinates there is one: a tensor grows by the
    product of its factors; `sparing`, whether degrees grow by one in several coordinates.
    """
    return None


def refined_degree(degree: int, coordinates: int, sparing: bool) -> int:
    if coordinates == 1:
        return max(int(np.ceil(1.5 * degree)) + 4, RICH)
    if sparing:
        return degree + 1
    return degree + (3 if coordinates == 2 else 2)


@refined.register
def _(basis: Chebyshev, coordinates: int = 1, sparing: bool = False) -> Refinement:
    degree = refined_degree(basis.size - 1, coordinates, sparing)
    return Refinement(Chebyshev(degree, basis.domain), np.arange(basis.size))


@refined.register
def _(basis: Fourier, coordinates: int = 1, sparing: bool = False) -> Refinement:
    n = np.arange(1, basis.degree + 1)
    degree = refined_degree(basis.degree, coordinates, sparing)
    places = np.concatenate([[0], n, degree + n])
    return Refinement(Fourier(degree, basis.domain), places)


@refined.register
def _(basis: SpectralElements, coordinates: int = 1, sparing: bool = False) -> Refinement:
    degree = basis.degree + (4 if coordinates == 1 else 1 if sparing else 2)
    richer = SpectralElements(degree, basis.breaks, basis.smoothness)
    # the shared functions and the first interior ones are those of the lower degree
    local = np.arange(basis.stride) + np.arange(basis.number)[:, None] * richer.stride
    last = richer.number * richer.stride + np.arange(basis.smoothness + 1)
    return Refinement(richer, np.concatenate([local.ravel(), last]))


@refined.register
def _(basis: BSpline, coordinates: int = 1, sparing: bool = False) -> Refinement:
    every = np.ones(basis.knots.shape[0] - 1, bool)
    carried = lambda c: with_more_knots(basis, c, every)[1]
    finer = BSpline(with_middles(basis.knots, every), degree=basis.degree)
    return Refinement(finer, None, carried)


@refined.register
def _(basis: Indicator, coordinates: int = 1, sparing: bool = False) -> Refinement:
    return Refinement(basis, np.arange(basis.size))


@refined.register
def _(basis: AbstractTensor, coordinates: int = 1, sparing: bool = False) -> Refinement | None:
    moving = sum(not isinstance(factor, Indicator) for factor in basis.bases)
    parts = [refined(factor, max(moving, 1), sparing) for factor in basis.bases]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    bases = [part.basis for part in found]
    names = basis.names
    named = dict(zip(names, bases, strict=True)) if names else {}
    more = functools.partial(refined_degree, coordinates=max(moving, 2), sparing=sparing)
    richer = _over(basis, [] if names else bases, named, more)
    if any(part.places is None for part in found):
        # a basis without degrees stands in no sum of degrees: all products are there
        return Refinement(richer, None, functools.partial(_along_each, found, basis.bases))
    indices = [p.places[i] for p, i in zip(found, basis.indices.T, strict=True)]
    return Refinement(richer, _rows_of(richer.indices, np.stack(indices, axis=1)))


def _over(basis: AbstractTensor, bases: list, named: dict, more: Callable) -> AbstractTensor:
    """The products of richer bases, of which more are taken."""
    match basis:
        case Smolyak(level=level):
            return Smolyak(*bases, level=level + 1, **named)
        case Tensor(degree=int(degree)):
            return Tensor(*bases, degree=more(degree), **named)
    return Tensor(*bases, **named)


def _rows_of(table: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where in `table` each of the rows stands."""
    # as strings of bytes, since all places that there could be are 5^20 in twenty coordinates
    joined = [np.ascontiguousarray(part, np.int64) for part in (table, rows)]
    every, own = (part.view(f"V{part.strides[0]}").ravel() for part in joined)
    order = np.argsort(every)
    return order[np.searchsorted(every, own, sorter=order)]


def _along_each(parts: list[Refinement], bases: tuple[AbstractBasis, ...], c: Any) -> Any:
    """The coefficients of products, each factor by its own refinement."""
    xp = jnp if is_traced(c) else np
    c, outputs = xp.asarray(c), c.ndim - 1
    c = c.reshape(*c.shape[:-1], *[basis.size for basis in bases])
    for axis, part in enumerate(parts, outputs):
        c = xp.moveaxis(part.coefficients(xp.moveaxis(c, axis, -1)), -1, axis)
    return c.reshape(*c.shape[:outputs], -1)
