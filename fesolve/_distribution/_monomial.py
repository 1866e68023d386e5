"""Monomial rules: few nodes in many dimensions, exact for all polynomials of a total degree."""

from collections.abc import Callable
from functools import singledispatch
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray

from .._types import Point
from ._arrays import check_count, numpy_of
from ._base import AbstractDistribution, Empirical
from ._combine import Product
from ._continuous import Uniform
from ._dirac import Dirac
from ._normal import LogNormal, Normal
from ._rules import AbstractRule


class Monomial(AbstractRule):
    """p by a rule that is exact for every monomial of total degree 3 or 5.

    Degree 3 takes 2d nodes: at distance sqrt(d) on the axes for normals (Stroud, 1971; Judd,
    1998, section 7.5), and turned so as to stay inside for boxes (Stroud, 1957), all with equal
    weights. Degree 5 takes 2 d^2 + 1 nodes (Stroud and Secrest, 1963, for normals; Hammer and
    Stroud, 1958, for boxes); some of its weights are negative beyond a few dimensions, which
    `fe.expectation` takes and a risk does not.

    **Arguments:**

    - `distribution`: a `Normal` or `Uniform`, or a `Product` of them and `Dirac`s; for a
      `LogNormal` the monomials are those of log x.
    - `degree`: 3 or 5.
    """

    distribution: AbstractDistribution
    degree: int = eqx.field(static=True)

    def __init__(self, distribution: AbstractDistribution, degree: int) -> None:
        if degree not in _RULES:
            raise ValueError(
                f"`degree` of `Monomial` must be 3 or 5; got {degree!r}. For more use "
                "`.quadrature(n)` of the distribution itself, or `fe.Sobol`"
            )
        _standard(distribution)
        self.distribution = distribution
        self.degree = degree

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws of p."""
        return self.distribution.sample(n, key=key)

    def quadrature(self, n: int = 1) -> Empirical:
        """The rule, whose nodes follow from `degree` and the dimension: n changes nothing."""
        check_count("quadrature", n)
        standard = _standard(self.distribution)
        z, weights = _RULES[self.degree](standard.kurtosis)
        return Empirical(standard.place(z), weights).standing_for(self)


class _Standard(NamedTuple):
    """Independent symmetric coordinates of variance 1, their E z^4, and how z becomes x."""

    kurtosis: np.ndarray
    place: Callable[[np.ndarray], Any]


@singledispatch
def _standard(p: AbstractDistribution) -> _Standard:
    raise ValueError(
        f"`Monomial` takes a `Normal`, a `LogNormal`, a `Uniform` or a `Product` of them; got a "
        f"{type(p).__name__}: use `fe.Sobol(p)`, or `.quadrature(n)` of the distribution itself"
    )


@_standard.register
def _(p: Normal) -> _Standard:
    return _Standard(np.full(p.dimension, 3.0), p.place)


@_standard.register
def _(p: LogNormal) -> _Standard:
    def place(z: np.ndarray) -> Any:
        x = p.log.place(z)
        return numpy_of(x).exp(x)

    return _Standard(np.full(p.dimension, 3.0), place)


@_standard.register
def _(p: Uniform) -> _Standard:
    def place(z: np.ndarray) -> Any:
        share = (0.5 + z / np.sqrt(12)).astype(p.lower.dtype)
        share = share if p.lower.ndim else share[:, 0]
        return p.lower[None] * (1 - share) + p.upper[None] * share

    return _Standard(np.full(p.dimension, 1.8), place)


@_standard.register
def _(p: Dirac) -> _Standard:
    def place(z: np.ndarray) -> Any:
        return p.repeated(len(z))

    return _Standard(np.zeros(0), place)


@_standard.register
def _(p: Product) -> _Standard:
    parts = [_standard(part) for part in p.flat()]
    ends = np.cumsum([part.kurtosis.size for part in parts])

    def place(z: np.ndarray) -> Any:
        columns = np.split(z, ends[:-1], axis=1)
        return p.assembled([part.place(c) for part, c in zip(parts, columns, strict=True)], 1)

    return _Standard(np.concatenate([part.kurtosis for part in parts]), place)


def _degree_3(kurtosis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """2d nodes with equal weights; only the variances and the symmetry matter."""
    d = kurtosis.size
    weights = np.full(2 * d, 1 / (2 * d))
    if (kurtosis == 3).all():
        return np.sqrt(d) * np.concatenate([np.eye(d), -np.eye(d)]), weights
    k = np.arange(1, 2 * d + 1)
    z = np.empty((2 * d, d))
    for r in range(d // 2):
        angle = (2 * r + 1) * k * np.pi / d
        z[:, 2 * r], z[:, 2 * r + 1] = np.sqrt(2) * np.cos(angle), np.sqrt(2) * np.sin(angle)
    if d % 2:
        z[:, -1] = (-1.0) ** k
    return z, weights


def _degree_5(kurtosis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The centre, 2d nodes on the axes and 2d(d - 1) in the planes of two axes."""
    d = kurtosis.size
    first, second = np.triu_indices(d, 1)
    if (kurtosis == 3).all():
        axis, pair = np.full(d, np.sqrt(d + 2)), np.full(d, np.sqrt((d + 2) / 2))
        on_axis = np.full(d, (4 - d) / (2 * (d + 2) ** 2))
    else:
        # With both distances sqrt(E z^4) the fourth moments follow from the second.
        axis = pair = np.sqrt(kurtosis)
        on_axis = (1 - (1 / kurtosis).sum() + 1 / kurtosis) / (2 * kurtosis)
    on_pair = 1 / (4 * pair[first] ** 2 * pair[second] ** 2)
    blocks, weights = [np.zeros((1, d))], [np.zeros(1)]
    for sign in (1, -1):
        blocks.append(np.diag(sign * axis))
        weights.append(on_axis)
        for other in (1, -1):
            block = np.zeros((first.size, d))
            rows = np.arange(first.size)
            block[rows, first] = sign * pair[first]
            block[rows, second] = other * pair[second]
            blocks.append(block)
            weights.append(on_pair)
    weights[0] = 1 - np.concatenate(weights).sum(keepdims=True)
    return np.concatenate(blocks), np.concatenate(weights)


_RULES = {3: _degree_3, 5: _degree_5}
