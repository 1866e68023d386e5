"""What every constructor asks of its arguments, and the sentence where that is not so."""

import inspect
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ._show import told
from ._types import is_traced


def whole(value: Any, name: str, least: int = 1, owner: str = "") -> int:
    """A whole number, as an int.

    **Raises:** `ValueError` unless it is one, and at least `least`.
    """
    fits = isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
    if not fits or value < least:
        raise ValueError(
            f"`{name}`{_of(owner)} must be a whole number of at least {least}; got {value!r}"
        )
    return int(value)


def size(value: Any, name: str, owner: str) -> Any:
    """The length of a vector, or the word that says that there is none.

    **Raises:** `ValueError` for anything else.
    """
    if isinstance(value, str) and value == "scalar":
        return value
    if isinstance(value, str):
        raise ValueError(
            f"`{name}` of {owner} must be a whole number of at least 1 or 'scalar'; got {value!r}"
        )
    return whole(value, name, 1, owner)


def positive(value: Any, name: str, owner: str = "") -> Any:
    """A number above 0, which may be traced.

    **Raises:** `ValueError` unless it is one, and finite.
    """
    if is_traced(value) and np.shape(value) == ():
        return value
    if not _is_number(value) or not (np.isfinite(value) and value > 0):
        raise ValueError(f"`{name}`{_of(owner)} must be a positive number; got {value!r}")
    return value


def tolerance(value: Any, name: str = "tolerance") -> float | None:
    """A number >= 0, or infinity, or `None`.

    **Raises:** `ValueError` for anything else, as an array, a truth value or what is traced.
    """
    if value is None:
        return None
    if is_traced(value):
        raise ValueError(
            f"`{name}` must be a number that is known before tracing, since it decides what counts "
            "as solved and not how it is solved; got a traced value"
        )
    if not _is_number(value) or not value >= 0:
        raise ValueError(f"`{name}` must be a number >= 0 or None; got {value!r}")
    return float(value)


def function(value: Any, name: str, example: str, given: Sequence[str] | None = None) -> Any:
    """A function, of the arguments that are `given`, where these are known.

    **Raises:** `ValueError` for what cannot be called, or not with so many arguments.
    """
    if not callable(value):
        raise ValueError(f"`{name}` must be a function, such as {example}; got {told(value)}")
    if given is not None:
        takes(value, name, given, f"write it as {example}")
    return value


def hypothesis_class(value: Any, name: str = "hypothesis_class") -> Any:
    """A function `key -> f`.

    **Raises:** `ValueError` for what is none, and for a single f.
    """
    says = f"`{name}` must be a function `key -> f` that draws a start; got {told(value)}"
    if not callable(value):
        raise ValueError(says)
    if isinstance(value, eqx.Module) and any(map(eqx.is_inexact_array, jax.tree.leaves(value))):
        first = next(iter(inspect.signature(value).parameters), "")
        if first != "key":
            raise ValueError(f"{says}, a single f: `lambda key: f` is the class that has it alone")
    takes(value, name, ["key"], "it is `key -> f`")
    return value


def numbered(args: tuple) -> list[str]:
    """How the members of `args` are called in a sentence."""
    return [f"args[{i}]" for i in range(len(args))]


def takes(function: Callable, name: str, given: Sequence[str], remedy: str) -> None:
    """Asks whether a function can be called with these arguments in their order.

    **Raises:** `ValueError` where its signature says that it cannot.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some functions of C say nothing
        return
    try:
        signature.bind(*given)
    except TypeError:
        own = getattr(function, "__name__", type(function).__name__)
        called = f"`{name}`" if own == name else f"`{own}`, which is `{name}`,"
        arguments = ", ".join(str(p) for p in signature.parameters.values())
        raise ValueError(
            f"{called} takes ({arguments}), and is called with ({', '.join(given)}): {remedy}"
        ) from None


def prng_key(key: Any, name: str = "key") -> Any:
    """A PRNG key, typed or of the older raw sort.

    **Raises:** `ValueError` for what is none, and for several keys at once.
    """
    if isinstance(key, jax.Array | np.ndarray):
        typed = jnp.issubdtype(key.dtype, jax.dtypes.prng_key)
        if typed and key.ndim == 0:
            return key
        if not typed and key.dtype == np.uint32 and key.shape in ((2,), (4,)):
            return key
        if typed:
            raise ValueError(
                f"`{name}` must be one PRNG key; got {key.size} of them, of shape {key.shape}: "
                "take one, or map over them by `jax.vmap`"
            )
    given = f"an array of {key.dtype}" if isinstance(key, jax.Array | np.ndarray) else repr(key)
    seed = key if type(key) is int else 0
    raise ValueError(f"`{name}` must be a PRNG key, `jax.random.key({seed})`; got {given}")


def floating(dtype: Any, owner: str) -> Any:
    """A floating-point dtype; `None` is JAX's default.

    **Raises:** `ValueError` for any other.
    """
    if dtype is None:
        return jnp.result_type(float)
    try:
        real = jnp.issubdtype(jnp.dtype(dtype), jnp.floating)
    except TypeError:
        real = False
    if not real:
        raise ValueError(
            f"`dtype` of {owner} must be a floating-point type such as `jnp.float32`; got {dtype!r}"
        )
    return dtype


def real_array(value: Any, name: str, owner: str, dtype: Any) -> Any:
    """Finite real numbers as an array of `dtype`, traced or not.

    **Raises:** `ValueError` for anything else.
    """
    traced = is_traced(value)
    try:
        array = (jnp if traced else np).asarray(value)
        real = is_real(array)
    except (TypeError, ValueError):
        real = False
    if not real or not (traced or np.isfinite(np.asarray(array, float)).all()):
        raise ValueError(
            f"`{name}` of {owner} must be a finite number, or one for each component of f(x); got "
            f"{value!r}"
        )
    return array.astype(dtype)


def is_real(array: Any) -> bool:
    """Whether an array holds real numbers, of whatever precision."""
    return jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_):
        return False
    if isinstance(value, jax.Array | np.ndarray):
        return value.shape == () and is_real(value)
    return isinstance(value, numbers.Real)


def _of(owner: str) -> str:
    return f" of {owner}" if owner else ""
