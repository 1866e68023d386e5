"""Which leaves of f may be theta."""

from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._types import Hypothesis
from ._basis import AbstractBasis
from ._freeze import Frozen


def free_leaves(f: Hypothesis) -> PyTree[bool]:
    """True at the floating-point JAX arrays of f that are neither in a basis nor frozen, if any."""
    return jax.tree.map(_free, f, is_leaf=_is_fixed)


def _is_fixed(node: Any) -> bool:
    return isinstance(node, AbstractBasis | Frozen)


def _free(node: Any) -> PyTree[bool]:
    if _is_fixed(node):
        return jax.tree.map(lambda _: False, node)
    return eqx.is_inexact_array(node)
