"""All mass at one point: where a condition holds."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._types import is_traced, Point
from ._arrays import check_count, numpy_of, stored
from ._base import AbstractDistribution, AbstractTransported, Empirical
from ._moments import Moments, weighted


class Dirac(AbstractTransported):
    """The distribution delta_x, all of whose mass is at one point: an initial condition.

    **Arguments:** `point`, the point x: a number, an array or a pytree.
    """

    point: Point

    def __init__(self, point: Point) -> None:
        self.point = stored(point, "point")
        for leaf in jax.tree.leaves(self.point):
            if not is_traced(leaf) and np.isnan(np.asarray(leaf, float)).any():
                raise ValueError(f"`point` has NaN: a point must be numbers; got {self.point}")

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """The point, n times."""
        check_count("sample", n)
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (n, *x.shape)), self.point)

    def quadrature(self, n: int) -> "Dirac":
        """The distribution itself, which is exact."""
        check_count("quadrature", n)
        return self

    def empirical(self, n: int, *, key: PRNGKeyArray) -> "Dirac":
        """The distribution itself, whose point is chosen already."""
        check_count("empirical", n)
        return self

    def moments(self) -> Moments | None:
        return weighted(self.repeated(1), np.ones(1))

    @property
    def support(self) -> tuple[Point, Point]:
        return self.point, self.point

    @property
    def dimension(self) -> int:
        return 0

    def transport(self, u: Float[Array, " cube"]) -> Point:
        return jax.tree.map(jnp.asarray, self.point)

    def repeated(self, n: int) -> Point:
        """The point n times, in NumPy unless it is traced."""
        return jax.tree.map(lambda x: numpy_of(x).broadcast_to(x[None], (n, *x.shape)), self.point)


def is_continuous(p: Any) -> bool:
    """Whether p is a law whose points are not listed: neither a point nor a sample."""
    return isinstance(p, AbstractDistribution) and not isinstance(p, Dirac | Empirical)
