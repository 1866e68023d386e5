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
    fixed = lambda node: isinstance(node, AbstractBasis | Frozen)

    def free(node: Any) -> PyTree[bool]:
        if fixed(node):
            return jax.tree.map(lambda _: False, node)
        return eqx.is_inexact_array(node)

    return jax.tree.map(free, f, is_leaf=fixed)
