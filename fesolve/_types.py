"""Types, and functions on trees, that all parts of the library share."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable, TypeAlias, TypeVar

import jax
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree


Point: TypeAlias = PyTree
"""One point x: a scalar, an array, or any pytree of arrays."""

Residual: TypeAlias = Callable[..., PyTree]
"""`residual(f, x, *args)` at one point x: a scalar, an array or a pytree of named equations."""

Hypothesis: TypeAlias = PyTree
"""The unknown f: any pytree, usually an `eqx.Module`, whose floating-point leaves are theta."""

F = TypeVar("F")
"""The type of f, which a solve returns as it was given."""

M = TypeVar("M")
"""The type of a module."""

HypothesisClass: TypeAlias = Callable[[PRNGKeyArray], Hypothesis]
"""A hypothesis class H as a way to draw its members: `key -> f`."""


@runtime_checkable
class Monitor(Protocol):
    """What a solver calls on the host between chunks of work, with the number of steps so far and
    numbers by their names: at least `"risk"`, and `"stage"`, the name of what the solver is at.
    One that returns `True` ends the solve."""

    def __call__(
        self, step: int, metrics: dict[str, float | str], f: Hypothesis
    ) -> bool | None: ...


def is_traced(tree: PyTree) -> bool:
    """Whether any leaf of `tree` is a JAX tracer, so that its values cannot be looked at."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def is_tracing() -> bool:
    """Whether what is computed now becomes part of a program, as under `jax.jit`, even where it
    depends on nothing traced. A small jitted call tells: its result is traced there."""
    return isinstance(_number(), jax.core.Tracer)


def made(kind: type[M], **fields: Any) -> M:
    """A module of these fields without the checks of its constructor, for fields that the library
    has made. Equinox's checks take thirty times as long as the rest of it."""
    module = object.__new__(kind)
    vars(module).update(fields)
    return module


def changed(module: M, **fields: Any) -> M:
    """A copy of a module with other fields, of which nothing is checked."""
    return made(type(module), **vars(module) | fields)


def still(tree: PyTree) -> PyTree:
    """`tree` as constants of differentiation; what is not traced stays as it is."""
    return jax.tree.map(_stopped, tree)


def _stopped(leaf: Any) -> Any:
    if not isinstance(leaf, jax.core.Tracer):
        return leaf
    found = jax.lax.stop_gradient(leaf)
    # under `jax.jvp` a number is the number of Python again, by whose value programs are kept
    return found if isinstance(found, jax.Array) else on_device(np.asarray(found, leaf.dtype))


@jax.jit
def _number() -> Array:
    return jax.numpy.zeros(())


def as_array(x: Any) -> Array | np.ndarray:
    """`x` as an array: NumPy for plain numbers and lists, JAX arrays and tracers as they are.

    Constructors stay in NumPy because each eager JAX operation costs a dispatch, and a
    compilation the first time.
    """
    if isinstance(x, jax.Array | np.ndarray):
        return x
    if is_traced(x):
        return jax.numpy.asarray(x)
    return np.asarray(x)


def on_device(x: Any) -> Array:
    """An array of NumPy as one of JAX, and a copy, since the host may go on with its own.
    `jnp.asarray` would compile a program for each shape."""
    return x if isinstance(x, jax.Array) else jax.device_put(np.array(x))
