"""Distributions of other libraries, as distributions of this one."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._show import told
from .._types import Point
from ._arrays import check_count
from ._base import AbstractDistribution, Empirical
from ._chain import MarkovChain
from ._data import Data


@runtime_checkable
class Sampler(Protocol):
    """What NumPyro's distributions can do: `.sample(key, sample_shape)`."""

    def sample(self, key: Any, sample_shape: Any) -> Any: ...


class Adapted(AbstractDistribution):
    """The distribution of an object in the style of NumPyro, `distribution.sample(key, (n,))`.

    **Arguments:**

    - `distribution`: the object.
    - `support`: corners (lower, upper), each shaped like a point; infinite by default.
    """

    distribution: Any
    bounds: tuple[Point, Point] | None

    def __init__(self, distribution: Any, *, support: tuple[Point, Point] | None = None) -> None:
        if isinstance(distribution, AbstractDistribution) or not isinstance(distribution, Sampler):
            raise ValueError(
                "`distribution` of `Adapted` must be an object of another library with a method "
                f"`.sample(key, (n,))`; got {distribution!r}"
            )
        self.distribution = distribution
        self.bounds = support

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws."""
        check_count("sample", n, key)
        return self.distribution.sample(key, (n,))

    def quadrature(self, n: int) -> Empirical:
        """**Raises:** `ValueError`: a sampler alone has no rule."""
        raise ValueError(
            f"`{type(self.distribution).__name__}` is known by its draws alone and has no "
            "quadrature rule: use `.empirical(n, key=key)`"
        )

    @property
    def support(self) -> tuple[Point, Point]:
        if self.bounds is not None:
            return self.bounds
        draws = jax.eval_shape(lambda key: self.sample(1, key=key), jr.key(0))
        return unbounded(jax.tree.map(lambda x: np.empty(x.shape[1:], x.dtype), draws))


def unbounded(point: Point) -> tuple[Point, Point]:
    """Corners without bound: infinite, or the extremes of an integer dtype."""

    def corner(x: Any, sign: int) -> np.ndarray:
        if jnp.issubdtype(x.dtype, jnp.floating):
            return np.full(x.shape, sign * np.inf, x.dtype)
        limits = jnp.iinfo(x.dtype)
        return np.full(x.shape, limits.min if sign < 0 else limits.max, x.dtype)

    lower, upper = (jax.tree.map(lambda x, s=s: corner(x, s), point) for s in (-1, 1))
    return lower, upper


def as_distribution(x: Any, name: str = "distribution") -> AbstractDistribution:
    """x as a distribution: itself, that of data, or adapted where it has a method
    `.sample(key, (n,))`.

    **Raises:** `ValueError` for anything else.
    """
    if isinstance(x, AbstractDistribution):
        return x
    if isinstance(x, Data):
        return x.distribution
    if isinstance(x, Sampler) and not isinstance(x, type):
        return Adapted(x)
    remedy = "Points are `fe.Empirical(points)`, a single one is `fe.Dirac(x)`, data are "
    remedy += "`fe.Data(X, Y)`"
    if isinstance(x, MarkovChain):
        remedy = "Tomorrow's state from i on is `chain.given(i)`, that of the long run "
        remedy += "`chain.stationary`"
    elif isinstance(x, list | tuple) and any(isinstance(p, AbstractDistribution) for p in x):
        remedy = "Several are given one by one, `fe.Product(p, q)`, and not in a list"
    raise ValueError(
        f"`{name}` must be a distribution, such as `fe.Uniform(0.0, 1.0)`; got {told(x)}. {remedy}"
    )
