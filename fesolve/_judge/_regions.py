"""Where a residual asks for the functions that f is made of.

Tomorrow's state, a delay, an integral: a function may be called at points that only the residual
knows. So each function, in a twin of f, tells at which points it is called.
"""

import itertools
import threading
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._compiled import compiled
from .._evaluation import table
from .._least_squares._assembly import cast
from .._risk import AbstractRisk
from .._types import Hypothesis, Point
from ._probe import Box, functions, has_own_domain, is_function


POINTS = 64
"""Points of each term at which the residual is watched."""


class Log:
    """What the functions of one twin were called with: ends of boxes by place and leaf."""

    numbers = itertools.count()
    opened: dict[int, "Log"] = {}  # noqa: RUF012
    lock = threading.Lock()

    def __init__(self) -> None:
        self.ends: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
        self.number = next(Log.numbers)

    def __enter__(self) -> "Log":
        Log.opened[self.number] = self
        return self

    def __exit__(self, *_: Any) -> None:
        del Log.opened[self.number]

    def add(self, place: int, leaf: int, x: np.ndarray, rank: int) -> None:
        flat = x.reshape(-1, *x.shape[x.ndim - rank :])
        flat = flat[np.isfinite(flat.reshape(len(flat), -1)).all(axis=1)]
        if not len(flat):
            return
        lower, upper = flat.min(axis=0), flat.max(axis=0)
        with Log.lock:
            before = self.ends.get((place, leaf), (lower, upper))
            self.ends[place, leaf] = np.minimum(lower, before[0]), np.maximum(upper, before[1])


class Watched(eqx.Module):
    """A function that tells the log of that number where it is called."""

    node: Any
    log: Any
    place: int = eqx.field(static=True)

    def __call__(self, x: Point) -> PyTree:
        leaves, structure = jax.tree.flatten(x)
        leaves = [self._told(jnp.asarray(leaf), i) for i, leaf in enumerate(leaves)]
        return self.node(jax.tree.unflatten(structure, leaves))

    def _told(self, x: Array, leaf: int) -> Array:
        rank, place = x.ndim, self.place

        def tell(log: Any, x: Any) -> np.ndarray:
            x = np.asarray(x)
            Log.opened[int(np.ravel(log)[0])].add(place, leaf, x, rank)
            return np.zeros_like(x)

        @jax.custom_jvp
        def told(log: Array, x: Array) -> Array:
            return x + jax.pure_callback(tell, x, log, x, vmap_method="broadcast_all")

        told.defjvp(lambda primals, tangents: (told(*primals), tangents[1]))
        return told(jnp.asarray(self.log), x)

    def __getattr__(self, name: str) -> Any:
        if name in ("node", "log") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.node, name)


def regions(risk: AbstractRisk, f: Hypothesis) -> dict[int, Box]:
    """The box on which each function of f without a domain of its own is called by the residuals
    of a risk on a sample, by its place among the functions of f."""
    nodes = functions(f)
    watched = {i for i, node in enumerate(nodes) if not has_own_domain(node)}
    if not watched:
        return {}
    places = itertools.count()

    with Log() as log:
        number = np.asarray(log.number)

        def replace(node: Any) -> Any:
            if not is_function(node):
                return node
            place = next(places)
            return Watched(node, number, place) if place in watched else node

        twin = jax.tree.map(replace, f, is_leaf=is_function)
        bares = [_thinned(term.bare()) for term in risk.terms]
        floats = [x for x in jax.tree.leaves(f) if eqx.is_inexact_array(x)]
        dtype = jnp.result_type(*floats) if floats else jnp.result_type(float)
        bares = jax.tree.map(lambda x: cast(x, dtype) if eqx.is_array(x) else x, bares)
        jax.block_until_ready(_watch(bares, twin))
    return {i: box for i in watched if (box := _box(log, i)) is not None}


def _box(log: Log, place: int) -> Box | None:
    """The box of a function of one array; of other inputs none is needed."""
    found = [ends for (i, _), ends in log.ends.items() if i == place]
    if len(found) != 1 or found[0][0].dtype.kind != "f":
        return None
    return Box(*map(np.asarray, found[0]))


def _thinned(bare: tuple) -> tuple:
    residual, loss, args, points, weights, shock, multiplier = bare
    if points is None:
        return bare
    n = jax.tree.leaves(points)[0].shape[0]
    some = np.unique(np.linspace(0, n - 1, min(n, POINTS)).astype(int))
    points = jax.tree.map(lambda leaf: np.asarray(leaf)[some], points)
    return residual, loss, args, points, np.asarray(weights)[some], shock, multiplier


@compiled
def _watch(bares: list[tuple], f: Hypothesis) -> Array:
    return jnp.stack([jnp.sum(table(bare, f)) for bare in bares])
