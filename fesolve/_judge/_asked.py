"""Where a residual asks for f, and for the functions that f is made of.

Tomorrow's state, a delay, an integral, a logarithm: f may be called at points that only the
residual knows. So f is replaced by a copy, the recorder, whose functions note
at which points they are called.
"""

import itertools
import threading
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._compiled import compiled
from .._distribution import Empirical
from .._distribution._base import rule
from .._evaluation import Bare, table
from .._least_squares._assembly import LeastSquares
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis, Point
from ._probe import functions, is_function, leaves_of_parts, method_names


ROOT = -1
"""The place of f itself; its methods have the places before."""
MOST = 600
"""Points that are kept of each function."""
PARTS = 16
"""How often a program that is there may be run in place of one that is made for all points."""


class Log:
    """The points at which the functions of one recorder were called, by place and leaf."""

    numbers = itertools.count()
    opened: dict[int, "Log"] = {}  # noqa: RUF012
    lock = threading.Lock()

    def __init__(self) -> None:
        self.points: dict[tuple[int, int], list[np.ndarray]] = {}
        self.number = next(Log.numbers)

    def __enter__(self) -> "Log":
        Log.opened[self.number] = self
        return self

    def __exit__(self, *_: Any) -> None:
        del Log.opened[self.number]

    def add(self, place: int, leaf: int, x: np.ndarray, rank: int) -> None:
        flat = x.reshape(-1, *x.shape[x.ndim - rank :])
        with Log.lock:
            self.points.setdefault((place, leaf), []).append(flat)

    def of(self, place: int) -> np.ndarray | None:
        """The points at which a function of one floating-point array was called, some of them
        where there are many; `None` for other inputs."""
        found = [arrays for (i, _), arrays in self.points.items() if i == place]
        if len(found) != 1 or found[0][0].dtype.kind != "f":
            return None
        points = np.unique(np.concatenate(found[0]), axis=0)
        points = points[np.isfinite(points.reshape(len(points), -1)).all(axis=1)]
        if not len(points):
            return None
        some = np.unique(np.linspace(0, len(points) - 1, min(len(points), MOST)).astype(int))
        return points[some]


class Watched(eqx.Module):
    """A function that tells the log of that number where it is called."""

    node: Any
    log: Any
    place: int = eqx.field(static=True)
    methods: tuple[str, ...] = eqx.field(static=True, default=())

    def __call__(self, x: Point) -> PyTree:
        return self.node(self._all_told(x, self.place))

    def _all_told(self, x: Point, place: int) -> Point:
        leaves, structure = jax.tree.flatten(x)
        leaves = [self._told(jnp.asarray(leaf), i, place) for i, leaf in enumerate(leaves)]
        return jax.tree.unflatten(structure, leaves)

    def _told(self, x: Array, leaf: int, place: int) -> Array:
        rank, dtype = x.ndim, x.dtype

        def tell(log: Any, x: Any) -> np.ndarray:
            # in a thread of its own, which need not have the precision of this one
            x = np.asarray(x, dtype)
            Log.opened[int(np.ravel(log)[0])].add(place, leaf, x, rank)
            return np.zeros(x.shape, np.float32)

        @jax.custom_jvp
        def told(log: Array, x: Array) -> Array:
            nothing = jax.ShapeDtypeStruct(x.shape, np.float32)
            zero = jax.pure_callback(tell, nothing, log, x, vmap_method="broadcast_all")
            return x + zero.astype(x.dtype)

        told.defjvp(lambda primals, tangents: (told(*primals), tangents[1]))
        return told(jnp.asarray(self.log), x)

    def __getattr__(self, name: str) -> Any:
        if name in ("node", "log") or name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.node, name)
        if name not in self.methods:
            return found
        place = ROOT - 1 - self.methods.index(name)
        if isinstance(found, eqx.Module):
            return Watched(found, self.log, place)
        return lambda x: found(self._all_told(x, place))


def asked(risk: AbstractRisk, f: Hypothesis) -> dict[int, np.ndarray]:
    """The points at which the residuals of a risk on a sample call f, and each function that f is
    made of, by its place among them."""
    places = itertools.count()
    with Log() as log:
        number = np.asarray(log.number, np.int32)

        def replace(node: Any) -> Any:
            return Watched(node, number, next(places)) if is_function(node) else node

        recorder = jax.tree.map(replace, f, is_leaf=is_function)
        methods = tuple(method_names(f))
        if callable(f) or methods:
            recorder = Watched(recorder, number, ROOT, methods)
        bares = in_dtype([term.bare for term in risk.terms], theta_dtype(f))
        jax.block_until_ready(_watch(bares, recorder))
        first = ROOT - len(methods)
        known = {place: log.of(place) for place in range(first, len(functions(f)))}
    return {place: points for place, points in known.items() if points is not None}


def asked_where_it_matters(
    risk: AbstractRisk,
    f: Hypothesis,
    mask: PyTree[bool],
    known: dict[int, np.ndarray],
    given: AbstractRisk,
) -> dict[int, np.ndarray]:
    """The same, for the functions that f is made of without the points of the risk at which the
    residual does not depend on them: both sides of a `where` are called, and one counts.

    **Arguments:** `given`, the same risk on the points that were given, if any.
    """
    problem = LeastSquares(risk, f, mask, once=True)
    jacobian = _by_parts(problem, given)
    if jacobian is None:
        _, jacobian = problem.linearise(problem.theta)
    seen: dict[tuple, dict[int, np.ndarray]] = {}
    found = dict(known)
    for place, own in enumerate(leaves_of_parts(f)):
        if place not in known:
            continue
        marks = jax.tree.unflatten(
            jax.tree.structure(f), [i in own for i in range(len(jax.tree.leaves(f)))]
        )
        columns = problem.columns(marks) if any(jax.tree.leaves(marks)) else np.zeros(0, int)
        matters = np.abs(jacobian[:, columns]).max(axis=1, initial=0.0) > 0
        if matters.all() or not matters.any():
            continue
        key = tuple(matters.tolist())
        if key not in seen:
            seen[key] = asked(_restricted(risk, problem, matters), f)
        found[place] = seen[key].get(place, known[place])
    return found


def _by_parts(problem: LeastSquares, given: AbstractRisk) -> np.ndarray | None:
    """The Jacobian of a problem, but for weights, by the program of a solver that had other points:
    as many as it had at a time, the last of them again where some are missing. `None` where no
    points were given."""
    try:
        own = LeastSquares(given, problem.f, problem.mask)
    except ValueError:  # a population
        return None
    if own.assembly.key != problem.assembly.key:
        return None
    pairs = list(zip(own.terms, problem.terms, strict=True))
    parts = max(-(-there.count // one.count) for one, there in pairs)
    if parts > PARTS or any(one.count > there.count for one, there in pairs):
        return None
    found: list[list[np.ndarray]] = [[] for _ in pairs]
    for part in range(parts):
        moved = own.on_points(SumRisk(tuple(_taken(*pair, part) for pair in pairs)), problem.f)
        if moved is None:
            return None
        _, jacobian = moved.linearise(moved.theta)
        for index, block in enumerate(found):
            block.append(jacobian[_rows(own, index)])
    sizes = [_rows(problem, index) for index in range(len(pairs))]
    return np.concatenate(
        [np.concatenate(b)[: s.stop - s.start] for b, s in zip(found, sizes, strict=True)]
    )


def _rows(problem: LeastSquares, term: int) -> slice:
    """The rows of a term."""
    own = next(e for e in problem.equations if e.term == term)
    return slice(own.start, own.start + own.points * own.width)


def _taken(own: Risk, there: Risk, part: int) -> Risk:
    """A term on its share of the points of another."""
    p, q = own.distribution, there.distribution
    if not (isinstance(p, Empirical) and isinstance(q, Empirical)):
        return own
    index = np.minimum(part * own.count + np.arange(own.count), there.count - 1)
    x = jax.tree.map(lambda leaf: np.asarray(leaf)[index], q.points)
    return changed(own, distribution=rule(x, np.full(own.count, 1.0), p.population))


def _restricted(risk: AbstractRisk, problem: LeastSquares, matters: np.ndarray) -> AbstractRisk:
    """The risk with each point that does not matter replaced by one that does, so that all shapes
    stay; terms in which none does are left out."""
    terms = []
    for index, term in enumerate(risk.terms):
        points = matters[_rows(problem, index)].reshape(term.count, -1).any(axis=1)
        p = term.distribution
        if not points.any():
            continue
        if isinstance(p, Empirical) and not points.all():
            chosen = np.where(points, np.arange(term.count), np.argmax(points))
            x = jax.tree.map(lambda leaf, i=chosen: np.asarray(leaf)[i], p.points)
            term = changed(term, distribution=Empirical(x))
        terms.append(term)
    return SumRisk(tuple(terms))


@partial(compiled, seldom=True)
def _watch(bares: list[Bare], f: Hypothesis) -> Array:
    return jnp.stack([jnp.sum(table(bare, f)) for bare in bares])
