"""The precision in which a risk is evaluated: that of f; and what is said where it is too low."""

import functools
import warnings
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._distribution import Data, Empirical
from ._fingerprint import depth_outside
from ._hypothesis import AbstractBasis, Frozen
from ._hypothesis._grow import free_series
from ._types import Hypothesis


class PrecisionWarning(UserWarning):
    """A solve asks for more digits than its arrays have."""


def say(sentence: str) -> None:
    """Warns at the line of the user."""
    warnings.warn(sentence, PrecisionWarning, stacklevel=depth_outside())


def how_to_float64() -> str:
    """What to do for float64, as the settings are at this moment."""
    if jax.config.jax_enable_x64:
        return (
            "float64 is on in JAX, so that what is float32 was made before that, or asked for: set "
            "`jax_enable_x64` before all else, and make it anew"
        )
    return (
        "float64 is off in JAX: put `jax.config.update('jax_enable_x64', True)` before all else, "
        "or JAX_ENABLE_X64=1 in the environment"
    )


def theta_dtype(f: Hypothesis) -> Any:
    """The floating-point dtype of f's parameters; `None` where it has none."""
    is_given = lambda node: isinstance(node, AbstractBasis | Frozen)
    leaves = jax.tree.leaves(f, is_leaf=is_given)
    dtypes = [leaf.dtype for leaf in leaves if eqx.is_inexact_array(leaf)]
    return np.result_type(*dtypes) if dtypes else None


def check_precision(risk: Any, f: Hypothesis, accuracy: float) -> None:
    """Warns where more digits are asked for than float32 has, and where numbers of the equation
    have fewer than f."""
    dtype = theta_dtype(f)
    if dtype == np.float64:
        for name, leaf in _numbers(risk):
            if leaf.dtype == np.float32:
                say(
                    f"{name} is float32, and f is float64: of its numbers seven digits are known, "
                    f"so that f has no more. {how_to_float64()}"
                )
                return
    elif dtype == np.float32:
        rounding = float(np.finfo(np.float32).eps)
        if accuracy < rounding:
            asked = f"`accuracy` is {accuracy:.2g}"
        elif free_series(f):
            asked = "the basis is enriched until f is at rounding"
        else:
            return
        say(f"{asked}, and f is float32, whose rounding is {rounding:.1g}. {how_to_float64()}")


def _numbers(risk: Any) -> Iterator[tuple[str, Any]]:
    """The arrays on which the equation depends, by name; data are what they are."""
    for term in risk.terms:
        p = term.distribution
        is_data = isinstance(p, Data) or (isinstance(p, Empirical) and p.population is None)
        parts = {"args": term.args, "shock": term.shock, "distribution": None if is_data else p}
        for name, part in parts.items():
            for leaf in jax.tree.leaves(part):
                if isinstance(leaf, jax.Array | np.ndarray):
                    yield f"`{name}` of `{term.name}`", leaf


def in_dtype(tree: PyTree, dtype: Any) -> PyTree:
    """`tree` with its floating-point arrays in `dtype`: a risk is evaluated in the dtype of f."""
    return tree if dtype is None else jax.tree.map(functools.partial(_cast, dtype), tree)


def _cast(dtype: Any, leaf: Any) -> Any:
    if not isinstance(leaf, jax.Array | np.ndarray | np.generic) or leaf.dtype == dtype:
        return leaf
    return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
