"""The values of f: what an error of f is an error of.

These are f(x), where f is a function of a point of the risk; else the values of its methods of one
argument, and of the functions that it is made of. Coefficients that none of these depends on, such
as an unknown price, count as they are.
"""

import inspect
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
from .._hypothesis import Series
from .._least_squares._assembly import Equation
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import Hypothesis, Point


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


class Values(NamedTuple):
    """A risk whose residuals are the values of f, each weighted by p*, and the name of each."""

    risk: AbstractRisk
    names: tuple[str, ...]


class _Layout(NamedTuple):
    """Which functions of f count, each by its name and the number of its sample; and which of its
    leaves count as they are."""

    functions: tuple[tuple[str, int], ...]
    leaves: tuple[int, ...]


def values_of(f: Hypothesis, mask: PyTree[bool], samples: list[Empirical]) -> Values:
    """The values of f on the first of the samples on which each of its functions is defined."""
    layout = _layout(f, mask, samples)
    terms = [_term(name, samples[i]) for name, i in layout.functions]
    names = [name for name, _ in layout.functions]
    terms += [Risk(Leaf(place), tolerance=np.inf) for place in layout.leaves]
    names += [_label(f, place) for place in layout.leaves]
    return Values(SumRisk(tuple(terms)), tuple(names))


def _term(name: str, sample: Empirical) -> Risk:
    return Risk(Value(name), sample, tolerance=np.inf)


_LAYOUTS: OrderedDict[Any, _Layout] = OrderedDict()
"""Layouts by what f is (a cache of a pure function: finding one takes some dry runs)."""


def _layout(f: Hypothesis, mask: PyTree[bool], samples: list[Empirical]) -> _Layout:
    if isinstance(f, Series) and _is_defined(f, OWN, samples[0]):
        return _Layout(((OWN, 0),), ())
    shapes = [(x.shape, x.dtype) for x in arrays_of((f, [s.points for s in samples]))]
    key = (Static((f, mask)), tuple(shapes))
    if key not in _LAYOUTS:
        _LAYOUTS[key] = _found(f, mask, samples)
        if len(_LAYOUTS) > 256:
            _LAYOUTS.popitem(last=False)
    return _LAYOUTS[key]


def _found(f: Hypothesis, mask: PyTree[bool], samples: list[Empirical]) -> _Layout:
    """f(x) and, of methods and fields in turn, those in which there is something new."""
    unseen = set(np.flatnonzero(jax.tree.leaves(mask)).tolist())
    chosen: list[tuple[str, int]] = []
    for name in function_names(f):
        place = next((i for i, s in enumerate(samples) if _is_defined(f, name, s)), None)
        if place is None:
            continue
        new = unseen & _seen(f, name, samples[place])
        if new:
            chosen.append((name, place))
            unseen -= new
    return _Layout(tuple(chosen), tuple(sorted(unseen)))


def function_names(f: Hypothesis) -> list[str]:
    """The functions of f by name: f itself first, then methods, then fields."""
    names = [OWN] if callable(f) else []
    if not isinstance(f, eqx.Module):
        return names
    kind = type(f)
    if not kind.__module__.startswith(("fesolve.", "equinox.")):
        public = [name for base in kind.__mro__[:-1] for name in vars(base) if name[0] != "_"]
        names += [name for name in dict.fromkeys(public) if _takes_one(kind, name)]
    fields = [name for name, value in vars(f).items() if callable(value) and name[0] != "_"]
    return [*names, *(name for name in fields if name not in names)]


def _takes_one(kind: type, name: str) -> bool:
    method = inspect.getattr_static(kind, name)
    method = getattr(method, "method", method)  # how equinox keeps the methods of a module
    if not inspect.isfunction(method):
        return False
    needed = [
        p
        for p in list(inspect.signature(method).parameters.values())[1:]
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 1


def _attribute(f: Hypothesis, name: str) -> Any:
    return getattr(f, name) if name else f


def _joined(out: PyTree) -> Array:
    leaves = [leaf for leaf in jax.tree.leaves(out) if jnp.issubdtype(leaf.dtype, jnp.floating)]
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])


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

    x = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape[1:], leaf.dtype), sample.points)
    jaxpr = jax.make_jaxpr(values)(leaves, x).jaxpr
    _, used = partial_eval.dce_jaxpr(jaxpr, [True] * len(jaxpr.outvars))
    return {place for place, is_used in zip(places, used, strict=False) if is_used}


def _label(f: Hypothesis, place: int) -> str:
    path, _ = jax.tree_util.tree_leaves_with_path(f)[place]
    return jax.tree_util.keystr(path).lstrip(".")


def blocks(equations: tuple[Equation, ...], rows: Any) -> list[Any]:
    """Rows of values by function: n points times m components each."""
    found = []
    for equation in equations:
        end = equation.start + equation.points * equation.width
        found.append(rows[equation.start : end].reshape(equation.points, equation.width))
    return found


def scales(xp: Any, equations: tuple[Equation, ...], values: Any) -> Any:
    """What makes the functions of f alike in size: 1 for a single one, so that units stay."""
    parts = blocks(equations, values)
    sizes = [xp.sqrt(xp.sum(block**2, axis=0)) for block in parts]
    largest = xp.max(xp.concatenate(sizes))
    rows = []
    for block, size in zip(parts, sizes, strict=True):
        factor = largest / xp.maximum(size, SMALL * largest)
        factor = xp.where(largest > 0, factor, 1)
        rows.append(xp.ravel(xp.broadcast_to(factor, block.shape)))
    return xp.concatenate(rows)
