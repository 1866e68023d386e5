"""The functions of a basis at many points, in NumPy: a table costs no compilation."""

from functools import singledispatch

import jax
import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev as cheb

from .._types import is_traced, Point
from ._basis import AbstractBasis, Chebyshev
from ._periodic import Fourier, Indicator
from ._tensor import AbstractTensor


def tabulated(basis: AbstractBasis, points: Point) -> Float[np.ndarray, "n size"] | None:
    """phi_j(x_i), an entry for each point and function; `None` where there is no formula in NumPy,
    or something is traced."""
    if is_traced((basis, points)):
        return None
    return _table(basis, jax.tree.map(np.asarray, points))


@singledispatch
def _table(basis: AbstractBasis, points: Point) -> np.ndarray | None:
    return None


@_table.register
def _(basis: Chebyshev, points: Point) -> np.ndarray:
    lo, hi = np.asarray(basis.lower), np.asarray(basis.upper)
    return cheb.chebvander(((points - lo) - (hi - points)) / (hi - lo), basis.size - 1)


@_table.register
def _(basis: Fourier, points: Point) -> np.ndarray:
    lo, hi = np.asarray(basis.lower), np.asarray(basis.upper)
    angle = (2 * np.pi * (points - lo) / (hi - lo))[:, None] * np.arange(1, basis.degree + 1)
    return np.hstack([np.ones((len(points), 1)), np.cos(angle), np.sin(angle)])


@_table.register
def _(basis: Indicator, points: Point) -> np.ndarray:
    return np.eye(basis.size)[points]


@_table.register
def _(basis: AbstractTensor, points: Point) -> np.ndarray | None:
    names = basis.names
    parts = [points[name] for name in names] if names else list(points.T)
    factors = [_table(factor, part) for factor, part in zip(basis.bases, parts, strict=True)]
    product = np.ones((1, basis.size))
    for factor, index in zip(factors, basis.indices.T, strict=True):
        if factor is None:
            return None
        product = product * factor[:, index]
    return product
