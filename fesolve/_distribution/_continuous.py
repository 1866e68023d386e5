"""Continuous distributions on intervals and boxes."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._types import is_traced, Point
from ._arrays import check_count, check_point_shape, floats, numpy_of
from ._base import AbstractDistribution, AbstractTransported, draws, Empirical, rule
from ._combine import Mixture, Product
from ._dirac import Dirac
from ._gauss import legendre, tensor
from ._moments import Moments


class Uniform(AbstractTransported):
    """The uniform distribution on an interval [lower, upper], or on a box.

    **Arguments:** `lower`, `upper`: numbers, and then x is a scalar; or vectors of shape (d,),
    and then x is a vector. They may be traced.

    **Raises:** `ValueError` unless lower < upper, both finite.
    """

    lower: Any
    upper: Any

    def __init__(self, lower: Any, upper: Any) -> None:
        self.lower, self.upper = floats(lower=lower, upper=upper)
        check_point_shape("lower", self.lower)
        if not is_traced((self.lower, self.upper)):
            _check_bounds(self.lower, self.upper)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws."""
        check_count("sample", n, key)
        return draws(self, n, key)

    def quadrature(self, n: int) -> Empirical:
        """The tensor Gauss-Legendre rule of n nodes per coordinate, exact to degree 2n - 1."""
        check_count("quadrature", n)
        return rule(*scaled(self, *legendre(n)), self)

    def moments(self) -> Moments | None:
        if is_traced((self.lower, self.upper)):
            return None
        lower, upper = np.asarray(self.lower).reshape(-1), np.asarray(self.upper).reshape(-1)
        return Moments((lower + upper) / 2, np.diag((upper - lower) ** 2 / 12))

    @property
    def support(self) -> tuple[Point, Point]:
        return self.lower, self.upper

    @property
    def dimension(self) -> int:
        return self.lower.size

    def transport(self, u: Float[Array, " cube"]) -> Point:
        u = u.reshape(self.lower.shape)
        lower, upper = jnp.asarray(self.lower, u.dtype), jnp.asarray(self.upper, u.dtype)
        return lower + (upper - lower) * u

    def boundary(self) -> AbstractDistribution:
        """The uniform distribution on the boundary: a `Mixture` of the 2d faces by their area.

        Each face is a `Product` with a `Dirac`; the `.parts` of the mixture are the faces, lower
        then upper, coordinate by coordinate. The boundary of an interval is its two ends, an
        `Empirical`, which are all there is of it.
        """
        xp = numpy_of(self.lower, self.upper)
        if self.dimension == 1:
            ends = Mixture(Dirac(self.lower), Dirac(self.upper))
            return Empirical(xp.stack([self.lower, self.upper]), population=ends)
        faces = [
            self._face(axis, end)
            for axis in range(self.dimension)
            for end in (self.lower, self.upper)
        ]
        area = 1 / (self.upper - self.lower)
        return Mixture(*faces, weights=xp.repeat(area / (2 * area.sum()), 2))

    def _face(self, axis: int, end: Any) -> Product:
        parts: list[AbstractDistribution] = [Dirac(end[axis])]
        if axis > 0:
            parts.insert(0, Uniform(self.lower[:axis], self.upper[:axis]))
        if axis < self.dimension - 1:
            parts.append(Uniform(self.lower[axis + 1 :], self.upper[axis + 1 :]))
        return Product(*parts)


def scaled(p: Uniform, nodes: np.ndarray, weights: np.ndarray) -> tuple[Any, np.ndarray]:
    """A rule for [-1, 1], as a (tensor) rule on the interval or box of p."""
    lower, upper = p.lower, p.upper
    if lower.ndim:
        nodes, weights = tensor(nodes, weights, p.dimension)
    share = ((nodes + 1) / 2).astype(lower.dtype)
    return lower[None] * (1 - share) + upper[None] * share, weights


def _check_bounds(lower: np.ndarray, upper: np.ndarray) -> None:
    if not (np.isfinite(lower).all() and np.isfinite(upper).all()):
        raise ValueError(
            f"`lower` and `upper` must be finite; got {lower} and {upper}. On an unbounded range "
            "use `fe.Normal`, `fe.LogNormal` or `fe.TruncatedNormal`"
        )
    if not (lower < upper).all():
        raise ValueError(
            f"`lower` must be less than `upper` in every coordinate; got lower = {lower} and "
            f"upper = {upper}. For a single point use `fe.Dirac(x)`"
        )
