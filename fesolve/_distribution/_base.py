"""What a distribution is, what every distribution shares, and finitely many points with weights:
samples, data and quadrature rules, which every distribution can be made into."""

import abc
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import is_real
from .._compiled import run_seldom
from .._show import Called
from .._types import as_array, Hypothesis, is_traced, made, Point
from ._arrays import check_count, float_dtype, stored, uniforms
from ._moments import check_moments, Moments, weighted


class AbstractDistribution(Called):
    """A probability distribution p over points x, where a point is any pytree of arrays."""

    @abc.abstractmethod
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n draws from p: a point whose leaves carry a leading axis of length n."""

    @abc.abstractmethod
    def quadrature(self, n: int) -> "Empirical":
        """Nodes and weights with sum_i w_i g(x_i) near E_p[g]: n nodes per coordinate.

        **Raises:** `ValueError` where the rule would need more than a million nodes.
        """

    @property
    @abc.abstractmethod
    def support(self) -> tuple[Point, Point]:
        """The corners (lower, upper) of the smallest box around the support of p, each shaped
        like a point; infinite where there is no bound."""

    def given(self, f: Hypothesis) -> "AbstractDistribution":
        """p(x; f): the distribution at this f, which is p itself unless p depends on f."""
        return self

    def moments(self) -> Moments | None:
        """The mean and the covariance of a point, its leaves joined into one vector; `None` where
        they have no closed form."""
        return None

    def empirical(self, n: int, *, key: PRNGKeyArray) -> "Empirical":
        """The empirical distribution of n draws, equally weighted, whose population is p."""
        return Empirical(self.sample(n, key=key), population=self)


class AbstractTransported(AbstractDistribution):
    """A distribution p that is the law of T(U), with U uniform on a unit cube.

    Low-discrepancy points of the cube become points of p by the same T.
    """

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """The dimension of the cube."""

    @abc.abstractmethod
    def transport(self, u: Float[Array, " cube"]) -> Point:
        """T(u) at one u in the open cube: on the line, the quantile function of p."""


@partial(run_seldom, static_argnums=1)
def draws(p: AbstractTransported, n: int, key: PRNGKeyArray) -> Point:
    """n independent draws of p by its transport, in the precision of its parameters."""
    dtype = jax.dtypes.canonicalize_dtype(float_dtype(jax.tree.leaves(p.support)))
    return jax.vmap(p.transport)(uniforms(key, (n, p.dimension), dtype))


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
    return made(Empirical, points=points, weights=weights, population=population)


@partial(run_seldom, static_argnums=2)
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
