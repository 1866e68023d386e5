"""What simulated distributions share: paths on the host's side, whatever simulates them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._types import Hypothesis, Point


def check_given(f: Hypothesis, name: str) -> None:
    """**Raises:** `ValueError` where a distribution that depends on f is asked without one."""
    if f is None:
        raise ValueError(
            f"`{name}` depends on f: call `.given(f)` first (on the distribution or on the risk), "
            "or solve with `fe.Resample(solver, n=..., rounds=...)`"
        )


def no_rule(name: str) -> ValueError:
    """What a distribution that is simulated says to `.quadrature`."""
    return ValueError(
        f"`{name}` is known by simulation alone and has no quadrature rule: call `.given(f)` and "
        "then `.empirical(n, key=key)`"
    )


def check_finite(broken: np.ndarray, of: int, name: str, what: str) -> None:
    """**Raises:** `ValueError` where a path leaves the finite numbers, before its state `of`."""
    count = int((broken < of).sum())
    if count:
        raise ValueError(
            f"{name} gave states that are not finite on {count} of {broken.size} paths, first in "
            f"{what} {int(broken.min())}: f leads out of the domain of the model. Begin with an f "
            "nearer to the solution, start from other states, or bound the state"
        )


def evenly(path: Point, broken: Array, n: int, burn_in: int) -> Point:
    """n states of as many paths as there are, evenly spread over each; `path` has its leaves
    shaped (periods, paths, ...), and a path that is broken at any time is nan throughout."""
    periods, paths = jax.tree.leaves(path)[0].shape[:2]
    kept = periods - burn_in
    chosen = np.arange(n) * (paths * kept) // n

    def choose(leaf: Array) -> Array:
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            fine = (broken == periods).reshape(1, paths, *(1,) * (leaf.ndim - 2))
            leaf = jnp.where(fine, leaf, jnp.nan)
        leaf = jnp.moveaxis(leaf[burn_in:], 1, 0)
        return leaf.reshape(paths * kept, *leaf.shape[2:])[chosen]

    return jax.tree.map(choose, path)


def first_broken(path: Point) -> Array:
    """For each path its first state that is not finite; the number of states if there is none."""
    periods, paths = jax.tree.leaves(path)[0].shape[:2]
    finite = jnp.ones((periods, paths), bool)
    for leaf in jax.tree.leaves(path):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            finite &= jnp.isfinite(leaf).reshape(periods, paths, -1).all(axis=2)
    return jnp.where(finite.all(axis=0), periods, jnp.argmin(finite, axis=0))


def precision(f: Hypothesis) -> Any:
    """The floating-point dtype of f, in which its states are simulated; None if it has no one."""
    dtypes = {np.dtype(leaf.dtype) for leaf in jax.tree.leaves(f) if is_floating(leaf)}
    return dtypes.pop() if len(dtypes) == 1 else None


def in_precision(tree: Any, dtype: Any) -> Any:
    """The floating-point arrays of a tree in this dtype, unless it is None."""
    if dtype is None:
        return tree
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if is_floating(x) else x, tree)


def is_floating(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray) and jnp.issubdtype(x.dtype, jnp.floating)


def shaped_like(x: Point, following: Point, what: str) -> Point:
    """What a law of motion returned, with the dtypes of x, as a scan asks.

    **Raises:** `ValueError` where it is shaped otherwise.
    """
    following = jax.tree.map(jnp.asarray, following)
    kinds, others = (
        jax.tree.map(lambda leaf: (leaf.shape, jnp.issubdtype(leaf.dtype, jnp.floating)), tree)
        for tree in (x, following)
    )
    if kinds != others:
        shapes, got = (jax.tree.map(jax.typeof, tree) for tree in (x, following))
        raise ValueError(f"{what} shaped like x, {shapes}; it returned {got}")
    return jax.tree.map(lambda leaf, old: leaf.astype(old.dtype), following, x)
