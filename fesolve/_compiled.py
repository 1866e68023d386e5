"""Compilation that is keyed by what a computation is: a tree is split into its arrays, which are
arguments of the compiled program, and a hashable rest, which is its key."""

import functools
import weakref
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ._fingerprint import fingerprint, forget, Opaque, said, TracedClosureError


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic)


class Static:
    """A tree without its arrays: hashable, and equal where the trees compute the same.

    Where something in it cannot be read it is equal to itself alone, and a warning says so."""

    def __init__(self, tree: PyTree) -> None:
        leaves, self.structure = jax.tree.flatten(tree)
        self.is_array = tuple([_is_array(leaf) for leaf in leaves])
        self.others = [leaf for leaf in leaves if not _is_array(leaf)]
        found = said(fingerprint(self.others, self.structure, self.is_array))
        self.key = found.key
        self.opaque: Opaque | None = found.opaque
        self.functions = found.functions

    def merge(self, arrays: list[Any]) -> PyTree:
        """The tree again, with these arrays. It is then traced, and so are its functions."""
        self.forget()
        given, rest = iter(arrays), iter(self.others)
        leaves = [next(given) if is_array else next(rest) for is_array in self.is_array]
        return jax.tree.unflatten(self.structure, leaves)

    def forget(self) -> None:
        """Has JAX trace the functions of the tree anew, once."""
        functions, self.functions = self.functions, []
        forget(functions)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Static) and self.key == other.key


def arrays_of(tree: PyTree) -> list[Any]:
    """The array leaves of a tree, in order."""
    return [leaf for leaf in jax.tree.leaves(tree) if _is_array(leaf)]


def program(*static: int) -> Callable[[Callable], Callable]:
    """`jax.jit` with static arguments, among which are keys. The programs of an opaque key are
    kept with it, and with it forgotten, since nobody can ask for them again."""

    def decorated(function: Callable) -> Callable:
        shared = jax.jit(function, static_argnums=static)

        @functools.wraps(function)
        def call(*args: Any) -> Any:
            for place in static:
                opaque = getattr(args[place], "opaque", None)
                if opaque is not None:
                    return _own_program(opaque, function, static, args)(*args)
            return shared(*args)

        return call

    return decorated


def _own_program(
    opaque: Opaque, function: Callable, static: tuple[int, ...], args: tuple
) -> Callable:
    key = (function, *[args[place] for place in static])
    if key not in opaque.programs:
        fixed = {place: args[place] for place in static}

        # a function of its own, since JAX keeps programs by functions as long as these live
        def own(*moving: Any) -> Any:
            return function(*[fixed.get(i, x) for i, x in enumerate(moving)])

        run = jax.jit(own)
        opaque.programs[key] = lambda *args: run(
            *[None if i in fixed else x for i, x in enumerate(args)]
        )
    return opaque.programs[key]


class _Label:
    """A key that stands in JAX's cache for a `Static`, and keeps alive nothing that it holds."""

    def __init__(self, static: Static) -> None:
        self.key, self.opaque, self.static = static.key, static.opaque, weakref.ref(static)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Label) and self.key == other.key


def compiled(function: Callable) -> Callable:
    """`function`, compiled once for each distinct set of non-array arguments.

    Inside another trace it is called as it is, so that tracers in closures are allowed there.
    """

    @program(0)
    def run(label: _Label, arrays: list[Any]) -> PyTree:
        static = label.static()
        assert static is not None, "the caller holds it"
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
        return run(_Label(static), arrays)

    return call
