"""Finitely many points with weights: samples, data and quadrature rules."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import is_real
from .._types import as_array, is_traced, Point
from ._base import AbstractDistribution, AbstractTransported, check_count, stored, uniforms
from ._moments import check_moments, Moments, weighted


class Empirical(AbstractTransported):
    """The discrete distribution sum_i w_i delta_{x_i}: a sample D, data, or a quadrature rule.

    **Arguments:**

    - `points`: n points, as one pytree whose leaves have a leading axis of length n. A tuple
      `(X, Y)` gives pairs (x, y).
    - `weights`: w, of shape (n,), with sum 1; equal by default. Weights of a rule may be
      negative (`fe.expectation` takes them, `fe.Risk` does not).
    - `population`: the distribution that the points stand for, if there is one: whatever needs
      new points asks it. A rule, which is points with `weights`, has its mean and covariance.

    **Raises:** `ValueError` where shapes disagree, weights do not sum to 1, values are not finite,
    or a rule has another mean or covariance than the normal, uniform or product law that it stands
    for (Gauss-Hermite nodes without their factor sqrt(2)). What is traced is not looked at.
    """

    points: Point
    weights: Any
    population: AbstractDistribution | None

    def __init__(
        self,
        points: Point,
        weights: Any = None,
        population: AbstractDistribution | None = None,
    ) -> None:
        self.points = stored(points, "points")
        n = _number(self.points)
        self.weights = np.full(n, 1 / n) if weights is None else _weights(weights)
        if population is not None and not isinstance(population, AbstractDistribution):
            raise ValueError(
                "`population` must be the distribution that the points stand for, or None; got "
                f"{population!r}"
            )
        self.population = population
        if self.weights.shape != (n,):
            raise ValueError(
                f"`weights` must have one entry for each of the {n} points, shape ({n},); got "
                f"shape {self.weights.shape}"
            )
        for leaf in jax.tree.leaves(self.points):
            check_finite("points", leaf)
        if not is_traced(self.weights):
            _check_sum(np.asarray(self.weights))
        if weights is not None and population is not None:
            check_moments(self.points, self.weights, population)

    def standing_for(self, population: AbstractDistribution) -> "Empirical":
        """These points as a rule for `population` that need not have its moments, as one node a
        coordinate has not."""
        return rule(self.points, self.weights, population)

    @property
    def size(self) -> int:
        """The number of points n."""
        return self.weights.shape[0]

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n of the points, drawn with replacement by their weights."""
        check_count("sample", n, key)
        self._check_positive()
        return _resampled(self.points, self.weights, n, key)

    def quadrature(self, n: int) -> "Empirical":
        """The distribution itself, which is exact."""
        check_count("quadrature", n)
        return self

    def empirical(self, n: int, *, key: PRNGKeyArray) -> "Empirical":
        """The distribution itself, whose points are chosen already."""
        check_count("empirical", n)
        return self

    def moments(self) -> Moments | None:
        return weighted(self.points, self.weights)

    @property
    def support(self) -> tuple[Point, Point]:
        lower = jax.tree.map(lambda leaf: leaf.min(axis=0), self.points)
        return lower, jax.tree.map(lambda leaf: leaf.max(axis=0), self.points)

    @property
    def dimension(self) -> int:
        return 1

    def transport(self, u: Float[Array, " cube"]) -> Point:
        self._check_positive()
        index = _index(self.weights, u[0])
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[index], self.points)

    def _check_positive(self) -> None:
        if not is_traced(self.weights) and np.min(np.asarray(self.weights)) < 0:
            raise ValueError(
                "`weights` has negative entries, so the rule cannot be sampled from: sample its "
                "population, or use it in `fe.expectation`"
            )


def rule(points: Point, weights: Any, population: AbstractDistribution | None) -> Empirical:
    """An `Empirical` that is not checked: points that were made here, not given."""
    made = object.__new__(Empirical)
    for name, value in (("points", points), ("weights", weights), ("population", population)):
        object.__setattr__(made, name, value)
    return made


@partial(jax.jit, static_argnames="n")
def _resampled(points: Point, weights: Array, n: int, key: PRNGKeyArray) -> Point:
    index = _index(weights, uniforms(key, (n,), jax.dtypes.canonicalize_dtype(weights.dtype)))
    return jax.tree.map(lambda leaf: leaf[index], points)


def _index(weights: Any, u: Array) -> Array:
    cumulative = jnp.cumsum(jnp.asarray(weights, u.dtype))
    # Side "right" steps over points of weight zero; rounding may leave the last sum below u.
    index = jnp.searchsorted(cumulative, u * cumulative[-1], side="right")
    return jnp.minimum(index, cumulative.size - 1)


def _weights(weights: Any) -> Any:
    try:
        weights = as_array(weights)
        if not is_real(weights):
            raise ValueError
    except ValueError:
        raise ValueError(f"`weights` must be numbers, one a point; got {weights!r}") from None
    return weights if jnp.issubdtype(weights.dtype, jnp.floating) else weights.astype(float)


def _number(points: Point) -> int:
    """The common length of the leading axes."""
    shapes = [leaf.shape for leaf in jax.tree.leaves(points)]
    if any(len(shape) == 0 for shape in shapes):
        raise ValueError(
            "`points` must carry a leading axis over the points on every leaf; got a scalar leaf. "
            "For a single point use `fe.Dirac(x)`"
        )
    lengths = {shape[0] for shape in shapes}
    if len(lengths) > 1:
        raise ValueError(f"`points` must have leading axes of one length; got the shapes {shapes}")
    n = lengths.pop()
    if n == 0:
        raise ValueError("`points` is empty: at least one point is needed")
    return n


def check_finite(name: str, leaf: Any) -> None:
    if is_traced(leaf) or not jnp.issubdtype(leaf.dtype, jnp.inexact):
        return
    if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable:
        return
    finite = np.isfinite(np.asarray(leaf)).reshape(leaf.shape[0], -1).all(axis=1)
    if not finite.all():
        raise ValueError(
            f"`{name}` has values that are not finite at {int((~finite).sum())} of {finite.size} "
            f"points, the first at index {int(np.argmin(finite))}: remove or repair them"
        )


def _check_sum(weights: np.ndarray) -> None:
    check_finite("weights", weights)
    total = float(np.sum(weights, dtype=np.float64))
    rounding = 1e-8 if weights.dtype == np.float64 else 1e-5
    if abs(total - 1) > rounding * max(1.0, float(np.sum(np.abs(weights)))):
        hint = ""
        if abs(total - np.sqrt(np.pi)) < 1e-6:
            hint = (
                ", which is sqrt(pi): these are the weights of Gauss and Hermite for exp(-x^2), "
                "whose nodes have to be multiplied by sqrt(2) as well"
            )
        raise ValueError(
            f"`weights` must sum to 1; they sum to {total:.10g}. Divide them by their sum{hint}"
        )
