"""Distributions made of distributions: independent products and mixtures."""

import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import run_seldom
from .._types import as_array, Hypothesis, is_traced, Point
from ._adapted import as_distribution
from ._arrays import check_count, float_dtype, keys_from, numpy_of
from ._base import AbstractDistribution, AbstractTransported, Empirical
from ._dirac import Dirac
from ._gauss import check_nodes
from ._moments import independent, mixed, Moments


class Product(AbstractTransported):
    """Independent coordinates, p(x) = p_1(x_1) ... p_m(x_m).

    **Arguments:** either distributions of scalars and vectors in order, `Product(p, q)`, whose
    points are joined into one vector; or named ones, `Product(k=p, z=q)`, whose points are
    dictionaries `{"k": ..., "z": ...}` with the dtypes of the parts.

    **Raises:** `ValueError` where both forms are mixed, or a part of the first form has points
    that are neither scalars nor vectors.
    """

    parts: tuple[AbstractDistribution, ...] | dict[str, AbstractDistribution]

    def __init__(self, *parts: Any, **named: Any) -> None:
        if bool(parts) == bool(named):
            raise ValueError(
                "`parts` of Product are either distributions in order, `Product(p, q)`, or named "
                f"ones, `Product(k=p, z=q)`; got {len(parts)} in order and {len(named)} named"
            )
        ordered = tuple(
            as_distribution(part, f"parts[{i}]` of `Product") for i, part in enumerate(parts)
        )
        self.parts = ordered or {k: as_distribution(part, k) for k, part in named.items()}
        for position, part in enumerate(ordered):
            lower, _ = part.support
            if not isinstance(lower, jax.Array | np.ndarray | np.generic) or lower.ndim > 1:
                raise ValueError(
                    f"part {position} of `Product` has points that are neither scalars nor "
                    "vectors, which cannot be joined into one vector: name the parts, "
                    "`Product(k=p, z=q)`"
                )

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws, the parts from independent keys."""
        check_count("sample", n, key)
        parts = self.flat()
        keys = keys_from(key, len(parts))
        draws = [part.sample(n, key=k) for part, k in zip(parts, keys, strict=True)]
        return self.assembled(draws, 1)

    def quadrature(self, n: int) -> Empirical:
        """The tensor product of the rules of the parts."""
        check_count("quadrature", n)
        rules = [finite(part.quadrature(n)) for part in self.flat()]
        sizes = [rule.size for rule in rules]
        check_nodes(sizes)
        index = np.indices(sizes).reshape(len(sizes), -1)
        points = [
            jax.tree.map(lambda leaf, i=i: leaf[i], rule.points)
            for rule, i in zip(rules, index, strict=True)
        ]
        dtype = float_dtype([rule.weights for rule in rules])
        columns = [rule.weights.astype(dtype)[i] for rule, i in zip(rules, index, strict=True)]
        weights = functools.reduce(operator.mul, columns)
        return Empirical(self.assembled(points, 1), weights).standing_for(self)

    @property
    def support(self) -> tuple[Point, Point]:
        corners = [part.support for part in self.flat()]
        lower, upper = (self.assembled([c[side] for c in corners], 0) for side in (0, 1))
        return lower, upper

    def moments(self) -> Moments | None:
        return independent([part.moments() for part in self.flat()])

    def given(self, f: Hypothesis) -> "Product":
        if isinstance(self.parts, dict):
            return Product(**{name: part.given(f) for name, part in self.parts.items()})
        return Product(*(part.given(f) for part in self.parts))

    @property
    def dimension(self) -> int:
        return sum(transported(part, "Product").dimension for part in self.flat())

    def transport(self, u: Float[Array, " cube"]) -> Point:
        points, used = [], 0
        for part in self.flat():
            part = transported(part, "Product")
            points.append(part.transport(u[used : used + part.dimension]))
            used += part.dimension
        return self.assembled(points, 0)

    def flat(self) -> list[AbstractDistribution]:
        """The parts in order; named ones in the order of their names."""
        if isinstance(self.parts, dict):
            return [self.parts[name] for name in sorted(self.parts)]
        return list(self.parts)

    def assembled(self, points: Sequence[Any], batch: int) -> Point:
        """Points of the parts, in the order of `flat`, as points of the product."""
        if isinstance(self.parts, dict):
            return dict(zip(sorted(self.parts), points, strict=True))
        return joined(points, batch)


class Mixture(AbstractTransported):
    """The mixture sum_j w_j p_j of distributions over the same kind of points.

    ```python
    fe.Mixture(fe.Normal(-2.0, 0.5), fe.Normal(3.0, 1.0), weights=[0.3, 0.7])
    ```

    **Arguments:** `*parts`, the distributions p_j; `weights`, the w_j >= 0 with sum 1, equal by
    default.

    **Raises:** `ValueError` where points differ in structure, shape or dtype, or weights are not
    those of a mixture.
    """

    parts: tuple[AbstractDistribution, ...]
    weights: Any

    def __init__(self, *parts: Any, weights: Any = None) -> None:
        self.parts = tuple(
            as_distribution(part, f"parts[{i}]` of `Mixture") for i, part in enumerate(parts)
        )
        if not self.parts:
            raise ValueError("`parts` of a mixture is empty: `fe.Mixture(p, q)` needs at least one")
        m = len(self.parts)
        self.weights = np.full(m, 1 / m) if weights is None else as_array(weights)
        if self.weights.shape != (m,):
            raise ValueError(
                f"`weights` must have one entry a part, shape ({m},); got {self.weights.shape}"
            )
        if not is_traced(self.weights):
            values = np.asarray(self.weights, np.float64)
            if not (values >= 0).all() or abs(values.sum() - 1) > 1e-6:
                raise ValueError(f"`weights` of a mixture must be >= 0 and sum to 1; got {values}")
        kinds = [_kind(part) for part in self.parts]
        if any(kind != kinds[0] for kind in kinds):
            raise ValueError(f"`parts` must have points of one structure and shape; got {kinds}")

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws: a part by its weight, then a point of that part."""
        check_count("sample", n, key)
        which, *keys = keys_from(key, len(self.parts) + 1)
        labels = self._labels().sample(n, key=which)
        draws = [part.sample(n, key=k) for part, k in zip(self.parts, keys, strict=True)]
        return _selected(draws, labels)

    def quadrature(self, n: int) -> Empirical:
        """The rules of all the parts, each with the weight of its part."""
        check_count("quadrature", n)
        rules = [finite(part.quadrature(n)) for part in self.parts]
        points = jax.tree.map(
            lambda *leaves: numpy_of(leaves).concatenate(leaves), *[rule.points for rule in rules]
        )
        xp = numpy_of(self.weights, [rule.weights for rule in rules])
        dtype = float_dtype([self.weights, *(rule.weights for rule in rules)])
        shares = self.weights.astype(dtype)
        weights = [shares[j] * rule.weights.astype(dtype) for j, rule in enumerate(rules)]
        return Empirical(points, xp.concatenate(weights)).standing_for(self)

    @property
    def support(self) -> tuple[Point, Point]:
        corners = [part.support for part in self.parts]
        lower = jax.tree.map(lambda *x: numpy_of(x).stack(x).min(axis=0), *[c[0] for c in corners])
        upper = jax.tree.map(lambda *x: numpy_of(x).stack(x).max(axis=0), *[c[1] for c in corners])
        return lower, upper

    def moments(self) -> Moments | None:
        return mixed([part.moments() for part in self.parts], self.weights)

    def given(self, f: Hypothesis) -> "Mixture":
        return Mixture(*(part.given(f) for part in self.parts), weights=self.weights)

    @property
    def dimension(self) -> int:
        return 1 + max(transported(part, "Mixture").dimension for part in self.parts)

    def transport(self, u: Float[Array, " cube"]) -> Point:
        """The first coordinate chooses the part, and the others the point."""
        parts = [transported(part, "Mixture") for part in self.parts]
        points = [part.transport(u[1 : 1 + part.dimension]) for part in parts]
        label = self._labels().transport(u[:1])
        return jax.tree.map(lambda *leaves: _stack(leaves)[label], *points)

    def _labels(self) -> Empirical:
        return Empirical(np.arange(len(self.parts)), self.weights)


def finite(rule: AbstractDistribution) -> Empirical:
    """What `.quadrature` gave, as points with weights."""
    if isinstance(rule, Dirac):
        return Empirical(rule.repeated(1))
    assert isinstance(rule, Empirical)
    return rule


def joined(leaves: Sequence[Any], batch: int) -> Any:
    """Scalars and vectors (after `batch` leading axes) as one vector of a common dtype."""
    xp = np if all(isinstance(leaf, np.ndarray | np.generic) for leaf in leaves) else jnp
    dtype = _common_dtype(leaves)
    columns = [leaf.astype(dtype) for leaf in leaves]
    columns = [c if c.ndim > batch else c[..., None] for c in columns]
    return xp.concatenate(columns, axis=batch)


def transported(part: AbstractDistribution, whole: str) -> AbstractTransported:
    """The part, if it is the image of a unit cube; otherwise an error that names it."""
    if not isinstance(part, AbstractTransported):
        raise ValueError(
            f"`distribution` of `{whole}` is, or has, the part {type(part).__name__}, which can be "
            "sampled only by its own `.sample`: low-discrepancy rules cannot place its points"
        )
    return part


def _common_dtype(leaves: Sequence[Any]) -> Any:
    """One dtype for all: a floating one if any is, in which integer coordinates are exact."""
    if any(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        return float_dtype(leaves)
    return np.result_type(*(leaf.dtype for leaf in leaves))


def _kind(part: AbstractDistribution) -> Any:
    lower, _ = part.support
    leaves, structure = jax.tree.flatten(lower)
    return structure, [
        (leaf.shape, str(jax.dtypes.canonicalize_dtype(leaf.dtype))) for leaf in leaves
    ]


@run_seldom
def _selected(draws: list[Point], labels: Array) -> Point:
    """The i-th draw of the part that label i names."""
    rows = jnp.arange(labels.size)
    return jax.tree.map(lambda *leaves: _stack(leaves)[labels, rows], *draws)


def _stack(leaves: Sequence[Array]) -> Array:
    return jnp.stack([jnp.asarray(leaf) for leaf in leaves])
