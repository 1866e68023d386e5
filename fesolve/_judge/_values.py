"""The values of f: what an error of f is an error of.

These are f(x), where f is a function of a point; else the values of its methods of one argument,
and of the functions that it is made of. Numbers that none of these depends on, such as an unknown
price, count as they are.
"""

from collections import OrderedDict
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval
from jaxtyping import Array, PyTree

from .._compiled import arrays_of, Static
from .._distribution import Empirical
from .._hypothesis import AbstractLocalBasis, Functions, Series
from .._hypothesis._functions import names_of_functions
from .._least_squares._assembly import blocks, Equation
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import Hypothesis, is_traced, Point
from ._asked import ROOT
from ._fresh import in_pieces, recurrence
from ._probe import Corrected, functions, is_function, leaves_of_parts, method_names


SMALL = 1e-6
"""A component of f that is smaller than this, relative to the largest, is measured by that."""
OWN = ""
"""The name of f itself among its functions."""


class Value(eqx.Module):
    """The values of one function of f at a point, as one vector."""

    name: str = eqx.field(static=True)

    def __call__(self, f: Hypothesis, x: Point) -> Array:
        return _joined(_attribute(f, self.name)(x))


class Leaf(eqx.Module):
    """A parameter of f as its own value."""

    place: int = eqx.field(static=True)

    def __call__(self, f: Hypothesis) -> Array:
        return jnp.ravel(jax.tree.leaves(f)[self.place])


class Part(eqx.Module):
    """The values of one of the functions that f is made of."""

    place: int = eqx.field(static=True)

    def __call__(self, f: Hypothesis, x: Point) -> Array:
        return _joined(functions(f)[self.place](x))


class Values(NamedTuple):
    """A risk whose residuals are the values of f, each weighted by p*, and the name of each."""

    risk: AbstractRisk
    names: tuple[str, ...]


class _Layout(NamedTuple):
    """Which functions of f count: f and its methods by name and the number of a sample; of what
    it is made of, by place; and which of its leaves count as they are."""

    named: tuple[tuple[str, int], ...]
    parts: tuple[int, ...]
    leaves: tuple[int, ...]


def values_of(
    f: Hypothesis, mask: PyTree[bool], samples: list[Empirical], asked: dict[int, np.ndarray]
) -> Values:
    """The values of f on the first of the samples on which it is defined, where that is where the
    residuals ask for it; else on the points at which they do."""
    samples = [_where_asked(f, sample, asked.get(ROOT)) for sample in samples]
    methods = {
        name: asked[ROOT - 1 - i] for i, name in enumerate(method_names(f)) if ROOT - 1 - i in asked
    }
    own = len(samples)
    samples += [_equally(points) for points in methods.values()]
    layout = _layout(f, mask, samples, {name: own + i for i, name in enumerate(methods)})
    terms = [Risk(Value(name), samples[i], tolerance=np.inf) for name, i in layout.named]
    names = [name for name, _ in layout.named]
    for place in layout.parts:
        sample = _part_sample(functions(f)[place], asked.get(place), samples[:own])
        if sample is not None:
            terms.append(Risk(Part(place), sample, tolerance=np.inf))
            names.append(_part_name(f, place))
    terms += [Risk(Leaf(place), tolerance=np.inf) for place in layout.leaves]
    names += [_label(f, place) for place in layout.leaves]
    return Values(SumRisk(tuple(terms)), tuple(names))


def _where_asked(f: Hypothesis, sample: Empirical, points: np.ndarray | None) -> Empirical:
    """The sample, if f is asked for all over it; else the points at which f is."""
    if points is None or not callable(f):
        return sample
    x = sample.points
    if not isinstance(x, jax.Array | np.ndarray) or x.shape[1:] != points.shape[1:]:
        return _equally(points)
    return sample if is_inside(x, points.min(axis=0), points.max(axis=0)) else _equally(points)


def is_inside(points: Any, lower: Any, upper: Any) -> bool:
    """Whether points lie in a box, but for a twentieth of its width."""
    if is_traced((points, lower, upper)):
        return True
    x, lower, upper = (np.asarray(a) for a in (points, lower, upper))
    if x.shape[1:] != np.shape(lower):
        return False
    margin = 0.05 * (upper - lower)
    return bool((x.min(axis=0) >= lower - margin).all() and (x.max(axis=0) <= upper + margin).all())


def _equally(points: Any) -> Empirical:
    count = len(jax.tree.leaves(points)[0])
    return Empirical(points, np.full(count, 1 / count))


def _part_sample(
    node: Any, points: np.ndarray | None, samples: list[Empirical]
) -> Empirical | None:
    """The points at which a function is called; where these are not known, as of functions of named
    or discrete coordinates, the first of the samples whose points it takes, or its domain."""
    if points is not None:
        return _equally(points)
    if not isinstance(node, Series):
        return None
    lower, upper = node.basis.domain
    count = int(2.2 * node.basis.size) + 8
    if not isinstance(lower, jax.Array | np.ndarray) or not jnp.issubdtype(
        lower.dtype, jnp.floating
    ):
        taken = (sample for sample in samples if _is_shaped_alike(node, sample, discrete=True))
        return next(taken, None) or _over(lower, upper, count)
    if lower.shape:
        u = np.sin(np.pi / 2 * recurrence(count, lower.size)) ** 2
        u = u.reshape(-1, *lower.shape)
        return _equally(lower[None] * (1 - u) + upper[None] * u)
    basis, xp = node.basis, jnp if is_traced((lower, upper)) else np
    cuts = basis.pieces if isinstance(basis, AbstractLocalBasis) else xp.stack([lower, upper])
    return Empirical(*in_pieces(count, cuts))


def _over(lower: Any, upper: Any, count: int) -> Empirical | None:
    """Points that fill a domain of scalar coordinates, of which some are discrete; of a single
    discrete one, its states."""
    (ends, structure), tops = jax.tree.flatten(lower), jax.tree.leaves(upper)
    if is_traced((ends, tops)) or any(np.ndim(end) for end in ends):
        return None
    discrete = [np.issubdtype(np.asarray(end).dtype, np.integer) for end in ends]
    if len(ends) == 1 and discrete[0]:
        states = np.arange(int(ends[0]), int(tops[0]) + 1)
        return _equally(jax.tree.unflatten(structure, [states]))
    x = []
    for u, low, top, whole in zip(
        recurrence(count, len(ends)).T, ends, tops, discrete, strict=True
    ):
        # each state as often, and the ends of an interval more often than its middle
        states = low + np.floor(u * (top - low + 1)).astype(int) if whole else None
        v = np.sin(np.pi / 2 * u) ** 2
        x.append(low * (1 - v) + top * v if states is None else states)
    return _equally(jax.tree.unflatten(structure, x))


def _part_name(f: Hypothesis, place: int) -> str:
    leaves = jax.tree_util.tree_leaves_with_path(f, is_leaf=is_function)
    paths = [path for path, node in leaves if is_function(node)]
    return jax.tree_util.keystr(paths[place]).lstrip(".")


_LAYOUTS: OrderedDict[Any, _Layout] = OrderedDict()
"""Layouts by what f is (a cache of a pure function: finding one takes some dry runs)."""


def _layout(
    f: Hypothesis, mask: PyTree[bool], samples: list[Empirical], methods: dict[str, int]
) -> _Layout:
    if isinstance(f, Series | Corrected) and samples:
        series = f if isinstance(f, Series) else f.delta
        if _is_shaped_alike(series, samples[0]) or _is_defined(f, OWN, samples[0]):
            return _Layout(((OWN, 0),), (), ())
    shapes = [(x.shape, x.dtype) for x in arrays_of((f, [s.points for s in samples]))]
    key = (Static((f, mask)), tuple(methods), tuple(shapes))
    if key not in _LAYOUTS:
        _LAYOUTS[key] = _found(f, mask, samples, methods)
        if len(_LAYOUTS) > 256:
            _LAYOUTS.popitem(last=False)
    return _LAYOUTS[key]


def _found(
    f: Hypothesis, mask: PyTree[bool], samples: list[Empirical], methods: dict[str, int]
) -> _Layout:
    """f(x), by name where it has names, else the methods that a residual calls, where there is
    something new in them; then the functions that none of these shows, and the numbers."""
    unseen = set(np.flatnonzero(jax.tree.leaves(mask)).tolist())
    places = {name: [place] for name, place in methods.items()}
    if callable(f):
        own = names_of_functions(f) if isinstance(f, Functions) else (OWN,)
        places = {name: list(range(len(samples))) for name in own}
    named: list[tuple[str, int]] = []
    for name, possible in places.items():
        place = next((i for i in possible if _is_defined(f, name, samples[i])), None)
        new = set() if place is None else unseen & _seen(f, name, samples[place])
        if place is not None and new:
            named.append((name, place))
            unseen -= new
    parts = []
    for place, own in enumerate(leaves_of_parts(f)):
        if own & unseen:
            parts.append(place)
            unseen -= own
    return _Layout(tuple(named), tuple(parts), tuple(sorted(unseen)))


def _attribute(f: Hypothesis, name: str) -> Any:
    return getattr(f, name) if name else f


def _joined(out: PyTree) -> Array:
    leaves = [leaf for leaf in jax.tree.leaves(out) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])


def _is_shaped_alike(series: Series, sample: Empirical, *, discrete: bool = False) -> bool:
    """Whether the points of a sample are shaped like the ends of the domain of a series, which
    needs no dry run; with `discrete`, whole numbers where these are."""
    lower, _ = series.basis.domain
    if jax.tree.structure(lower) != jax.tree.structure(sample.points):
        return False
    pairs = zip(jax.tree.leaves(lower), jax.tree.leaves(sample.points), strict=True)
    kind = lambda a: jnp.issubdtype(a.dtype, jnp.floating)
    return all(
        np.shape(a) == b.shape[1:] and kind(a) == kind(b) and (discrete or kind(a))
        for a, b in pairs
    )


def _is_defined(f: Hypothesis, name: str, sample: Empirical) -> bool:
    """Whether a function of f takes the points of a sample, and gives floating-point numbers."""
    point = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), sample.points
    )
    try:
        out = eqx.filter_eval_shape(lambda f, x: Value(name)(f, x), f, point)
    except Exception:
        return False
    return isinstance(out, jax.ShapeDtypeStruct) and out.size > 0


def _seen(f: Hypothesis, name: str, sample: Empirical) -> set[int]:
    """The places of the leaves on which a function of f depends."""
    places = [i for i, leaf in enumerate(jax.tree.leaves(f)) if eqx.is_array(leaf)]
    arrays, rest = eqx.partition(f, eqx.is_array)
    leaves, structure = jax.tree.flatten(arrays)

    def values(leaves: list, x: Point) -> Array:
        return Value(name)(eqx.combine(jax.tree.unflatten(structure, leaves), rest), x)

    x = jax.tree.map(lambda leaf: np.zeros(leaf.shape[1:], leaf.dtype), sample.points)
    jaxpr = jax.make_jaxpr(values)(leaves, x).jaxpr
    _, used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return {place for place, is_used in zip(places, used, strict=False) if is_used}


def _label(f: Hypothesis, place: int) -> str:
    path, _ = jax.tree_util.tree_leaves_with_path(f)[place]
    return jax.tree_util.keystr(path).lstrip(".")


def scales(xp: Any, equations: tuple[Equation, ...], values: Any) -> Any:
    """What makes the functions of f alike in size: 1 for a single one, so that units stay."""
    parts = blocks(equations, values)
    sizes = [component_sizes(xp, block) for block in parts]
    largest = xp.max(xp.concatenate(sizes))
    rows = []
    for block, size in zip(parts, sizes, strict=True):
        factor = largest / xp.maximum(size, SMALL * largest)
        factor = xp.where(largest > 0, factor, 1)
        rows.append(xp.ravel(xp.broadcast_to(factor[None], block.shape)))
    return xp.concatenate(rows)


def component_sizes(xp: Any, block: Any) -> Any:
    """The norm of each component over the points; of an array that is no function, of all of it."""
    if block.shape[0] == 1:
        return xp.sqrt(xp.sum(block**2))[None]
    return xp.sqrt(xp.sum(block**2, axis=0))
