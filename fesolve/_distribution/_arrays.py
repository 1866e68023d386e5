"""Parameters and points as arrays: what every distribution checks and converts."""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._checks import prng_key
from .._compiled import run_seldom
from .._types import as_array, is_traced, Point


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


@functools.partial(run_seldom, static_argnums=1)
def keys_from(key: PRNGKeyArray, n: int) -> tuple[PRNGKeyArray, ...]:
    """n independent keys, where `jax.random.split` and taking them apart are two programs."""
    return tuple(jr.split(key, n))


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
