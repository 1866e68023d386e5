"""The precision in which a risk is evaluated: that of f."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._hypothesis import AbstractBasis, Frozen
from ._types import Hypothesis


def theta_dtype(f: Hypothesis) -> Any:
    """The floating-point dtype of f's parameters; `None` where it has none."""
    is_given = lambda node: isinstance(node, AbstractBasis | Frozen)
    leaves = jax.tree.leaves(f, is_leaf=is_given)
    dtypes = [leaf.dtype for leaf in leaves if eqx.is_inexact_array(leaf)]
    return np.result_type(*dtypes) if dtypes else None


def in_dtype(tree: PyTree, dtype: Any) -> PyTree:
    """`tree` with its floating-point arrays in `dtype`: a risk is evaluated in the dtype of f."""

    def cast(leaf: Any) -> Any:
        if not isinstance(leaf, jax.Array | np.ndarray | np.generic):
            return leaf
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(dtype) if floating and leaf.dtype != dtype else leaf

    return tree if dtype is None else jax.tree.map(cast, tree)
