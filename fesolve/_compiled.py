"""Compilation that is keyed by what a computation is: a tree is split into its arrays, which are
arguments of the compiled program, and a hashable rest, which is its key."""

import functools
from collections.abc import Callable, Hashable
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ._fingerprint import _is_library, fingerprint, TracedClosureError


_USER_TYPES: dict[Any, tuple[type, ...]] = {}
"""The user's own classes among the nodes of a tree structure (a cache of a pure function)."""


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


def _user_types(tree: PyTree, structure: Any) -> tuple[type, ...]:
    found = _USER_TYPES.get(structure)
    if found is None:
        kinds: dict[type, None] = {}
        jax.tree.flatten(tree, is_leaf=lambda node: kinds.setdefault(type(node)) is not None)
        found = tuple(kind for kind in kinds if not _is_library(kind.__module__))
        _USER_TYPES[structure] = found
    return found


class Static:
    """A tree without its arrays: hashable, and equal where the trees compute the same."""

    def __init__(self, tree: PyTree) -> None:
        leaves, self.structure = jax.tree.flatten(tree)
        self.is_array = tuple(_is_array(leaf) for leaf in leaves)
        self.others = [leaf for leaf in leaves if not _is_array(leaf)]
        types = _user_types(tree, self.structure)
        self.key: Hashable = (
            self.structure,
            self.is_array,
            fingerprint((self.others, types)),
        )
        self._hash = hash(self.key)

    def merge(self, arrays: list[Any]) -> PyTree:
        """The tree again, with these arrays."""
        given, rest = iter(arrays), iter(self.others)
        leaves = [next(given) if is_array else next(rest) for is_array in self.is_array]
        return jax.tree.unflatten(self.structure, leaves)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key


def arrays_of(tree: PyTree) -> list[Any]:
    """The array leaves of a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree) if _is_array(leaf)]


def compiled(function: Callable) -> Callable:
    """`function`, compiled once for each distinct set of non-array arguments.

    Inside another trace it is called as it is, so that tracers in closures are allowed there.
    """

    @functools.partial(jax.jit, static_argnums=0)
    def run(static: Static, arrays: list[Any]) -> PyTree:
        return function(*static.merge(arrays))

    @functools.wraps(function)
    def call(*args: Any) -> PyTree:
        arrays = arrays_of(args)
        if any(isinstance(array, jax.core.Tracer) for array in arrays):
            return function(*args)
        try:
            static = Static(args)
        except TracedClosureError:
            return function(*args)
        return run(static, arrays)

    return call
