"""What a distribution is, and what every distribution shares."""

import abc
from collections.abc import Sequence
from functools import partial
from typing import Any, TYPE_CHECKING

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import prng_key
from .._show import Shown
from .._types import as_array, Hypothesis, is_traced, Point


if TYPE_CHECKING:
    from ._empirical import Empirical
    from ._moments import Moments


class AbstractDistribution(Shown):
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

    def moments(self) -> "Moments | None":
        """The mean and the covariance of a point, its leaves joined into one vector; `None` where
        they have no closed form."""
        return None

    def empirical(self, n: int, *, key: PRNGKeyArray) -> "Empirical":
        """The empirical distribution of n draws, equally weighted, whose population is p."""
        from ._empirical import Empirical  # an Empirical is a distribution, defined after this

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


@partial(jax.jit, static_argnames="n")
def draws(p: AbstractTransported, n: int, key: PRNGKeyArray) -> Point:
    """n independent draws of p by its transport, in the precision of its parameters."""
    dtype = jax.dtypes.canonicalize_dtype(float_dtype(jax.tree.leaves(p.support)))
    return jax.vmap(p.transport)(uniforms(key, (n, p.dimension), dtype))


NO_KEY = object()


def check_count(method: str, n: Any, key: Any = NO_KEY) -> None:
    """**Raises:** `ValueError` unless n is a whole number of points, at least one, and `key`,
    where one is needed, a PRNG key."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ValueError(f"`n` of `.{method}(n)` must be a whole number n >= 1; got {n!r}")
    if key is not NO_KEY:
        prng_key(key)


def floats(**parameters: Any) -> list[Any]:
    """Parameters as arrays of one floating-point dtype and one shape, NumPy unless traced.

    JAX arrays decide the dtype where there are any, so that `Uniform(0.0, b)` has that of b.
    """
    arrays = [real(name, value) for name, value in parameters.items()]
    dtype = float_dtype(arrays)
    try:
        shape = np.broadcast_shapes(*(a.shape for a in arrays))
    except ValueError:
        shapes = ", ".join(
            f"`{k}` of shape {a.shape}" for k, a in zip(parameters, arrays, strict=True)
        )
        raise ValueError(f"{shapes} do not fit together: pass scalars or equal shapes") from None
    return [cast(a, dtype, shape) for a in arrays]


def float_dtype(arrays: Sequence[Any]) -> Any:
    """The floating-point dtype that arrays share: that of the JAX arrays, if there are any."""
    floating = [a for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
    chosen = [a.dtype for a in floating if isinstance(a, jax.Array)]
    return np.result_type(*(chosen or [a.dtype for a in floating] or [np.float64]))


def check_point_shape(name: str, array: Any) -> None:
    """**Raises:** `ValueError` unless a point would be a scalar or a vector."""
    if array.ndim > 1 or array.size == 0:
        raise ValueError(
            f"`{name}` must be a number, or a vector with one entry a coordinate; got shape "
            f"{array.shape}. For points of several parts use `fe.Product(k=p, z=q)`"
        )


def numpy_of(*arrays: Any) -> Any:
    """The array library to compute in: NumPy unless something is traced."""
    return jnp if is_traced(arrays) else np


def stored(tree: Point, name: str) -> Point:
    """Points as they are kept: leaves become arrays, and a list of plain numbers one array."""
    tree = jax.tree.map(_plain_list, tree, is_leaf=_is_plain_list)
    tree = jax.tree.map(as_array, tree)
    leaves = jax.tree.leaves(tree)
    if not leaves:
        raise ValueError(f"`{name}` is empty: pass an array, or a pytree of arrays")
    for leaf in leaves:
        if leaf.dtype.kind in "OSUMm":
            raise ValueError(f"`{name}` must hold numbers; got an array of {leaf.dtype}")
    return tree


def uniforms(key: PRNGKeyArray, shape: tuple[int, ...], dtype: Any) -> Array:
    """Uniform draws from the open interval (0, 1)."""
    return open_unit(jr.uniform(key, shape, dtype))


def open_unit(u: Array) -> Array:
    """u in [0, 1] moved off the two ends, where a quantile may be infinite."""
    step = jnp.finfo(u.dtype)
    return jnp.clip(u, step.tiny, 1 - step.epsneg)


def real(name: str, value: Any) -> Any:
    """A parameter as an array of real numbers."""
    try:
        array = as_array(value)
    except ValueError:
        array = np.asarray(value, dtype=object)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise ValueError(f"`{name}` must be a real number or an array of them; got {value!r}")
    return array


def cast(array: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """A parameter in this dtype and shape, in NumPy unless it is traced."""
    if is_traced(array):
        return jnp.broadcast_to(array.astype(dtype), shape)
    return np.array(np.broadcast_to(np.asarray(array).astype(dtype), shape))


def _is_plain_list(node: Any) -> bool:
    return isinstance(node, list) and all(
        isinstance(item, int | float) or _is_plain_list(item) for item in node
    )


def _plain_list(node: Any) -> Any:
    return np.asarray(node) if isinstance(node, list) else node
