"""f in a richer space: what is missing from its hypothesis class can be seen there.

Each function inside f, a series or a network, is replaced where it stands, so that whatever is
built around it (hard conditions, heads, compositions, a module of several functions) goes with it.
Beside a network stand polynomials; its own parameters stay free, since a layer that a network has
found, and that may move, is more than a polynomial can follow.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._hypothesis import (
    AbstractBasis,
    AbstractLocalBasis,
    AbstractNetwork,
    Chebyshev,
    Compose,
    freeze,
    Frozen,
    Series,
    Tensor,
)
from .._hypothesis._refine import refined, Refinement
from .._show import Shown
from .._types import Hypothesis, on_device, Point


DEGREES = {1: 40, 2: 20, 3: 10}
"""The (total) degree of the polynomials beside a network, by the number of its coordinates."""
LARGEST, FACTORED = 1_200, 4_000
"""Unknowns up to which a singular value decomposition is affordable, and a factorisation by QR;
local bases need neither."""
RESOLVED = 1e-4
"""Coefficients below this share of the largest are no part of the degree that a network needs."""
TANGENTS = 500
"""Parameters up to which those of a network move as well as the polynomials beside it."""


class Corrected(Shown):
    """f + delta: a function as it was given, and a series of corrections beside it."""

    given: Frozen
    delta: Series

    def __call__(self, x: Point) -> Array:
        return self.given(x) + self.delta(x)

    def __getattr__(self, name: str) -> Any:
        if name in ("given", "delta") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.given, name)


class Given(eqx.Module):
    """A function without parameters: all of what it misses is in the richer space."""

    function: Callable

    def __call__(self, x: Point) -> Array:
        return self.function(x)


class Probe(NamedTuple):
    """f in the richer space, which of its leaves are free there, which of these are f's own beside
    polynomials, and whether every function of f has got a richer space; `why` one has not."""

    f: Hypothesis
    mask: PyTree[bool]
    own: PyTree[bool]
    complete: bool
    why: str


class _Part(NamedTuple):
    node: Any
    mask: Any
    own: Any
    why: str


def probe(
    f: Hypothesis,
    mask: PyTree[bool],
    asked: dict[int, np.ndarray],
    richness: int = 1,
    largest: int = LARGEST,
) -> Probe:
    """f with each function that trains in a richer space.

    **Arguments:** `asked`, the points at which each function is called, by its place among the
    functions of f; `richness`, 1 for the usual space, 2 for more polynomials with networks held
    fixed, 0 for only those polynomials that are of higher degree than the network needs as a
    series; `largest`, how many unknowns of a function are affordable.
    """
    at = (asked.get(place) for place in range(len(functions(f))))

    def richer(node: Any, trained: Any) -> _Part:
        points = next(at) if is_function(node) else None
        return _part(node, trained, points, richness, largest)

    parts = jax.tree.map(richer, f, mask, is_leaf=is_function)
    is_part = lambda node: isinstance(node, _Part)
    found = jax.tree.leaves(parts, is_leaf=is_part)
    why = next((part.why for part in found if part.why), "")
    pick = lambda i: jax.tree.map(lambda part: part[i], parts, is_leaf=is_part)
    return Probe(pick(0), pick(1), pick(2), not why, why)


def _part(node: Any, trained: Any, points: np.ndarray | None, richness: int, largest: int) -> _Part:
    none = jax.tree.map(lambda _: False, node)
    if not is_function(node) or not (any(jax.tree.leaves(trained)) or isinstance(node, Given)):
        return _Part(node, trained, none, "")
    richer = _richer(node, points, richness, largest)
    if isinstance(richer, str):
        return _Part(node, trained, none, richer)
    none = jax.tree.map(lambda _: False, richer)
    if isinstance(richer, Series):
        free = eqx.tree_at(lambda g: g.coefficients, none, True)
        return _Part(richer, free, none, "")
    own = none
    moves = richness == 1 and _parameters(node, trained) <= TANGENTS
    if moves and not isinstance(node, Series):
        own = eqx.tree_at(lambda g: g.given.value, none, trained)
    return _Part(richer, eqx.tree_at(lambda g: g.delta.coefficients, own, True), own, "")


def polynomials_alone(space: Probe) -> Probe:
    """The space in which nothing of f's own moves beside polynomials."""
    mask = jax.tree.map(lambda free, own: free and not own, space.mask, space.own)
    return space._replace(mask=mask, own=jax.tree.map(lambda _: False, space.own))


def _parameters(node: Any, trained: Any) -> int:
    pairs = zip(jax.tree.leaves(node), jax.tree.leaves(trained), strict=True)
    return sum(np.size(leaf) for leaf, mark in pairs if mark)


def functions(f: Hypothesis) -> list[Any]:
    """The functions that f is made of, in order."""
    return [node for node in jax.tree.leaves(f, is_leaf=is_function) if is_function(node)]


def is_large(f: Hypothesis, mask: PyTree[bool]) -> bool:
    """Whether f has a richer space that only a factorisation by QR affords."""
    return not probe(f, mask, {}).complete and probe(f, mask, {}, largest=FACTORED).complete


def has_only_series(f: Hypothesis) -> bool:
    """Whether every function that f is made of is a series of which a richer basis is known."""
    return is_made_of_series(f) and all(refined(node.basis) is not None for node in functions(f))


def is_made_of_series(f: Hypothesis) -> bool:
    """Whether every function that f is made of is a series, or several that are stacked."""
    return all(isinstance(node, Series) for node in functions(f))


def method_names(f: Hypothesis) -> list[str]:
    """What a module of the user's own that is no function itself is called by: its methods of one
    argument, and its fields that are built around a function, such as a head."""
    kind = type(f)
    if callable(f) or not isinstance(f, eqx.Module) or kind.__module__.startswith("equinox."):
        return []
    public = [name for base in kind.__mro__[:-1] for name in vars(base) if name[0] != "_"]
    methods = [name for name in dict.fromkeys(public) if _takes_one(kind, name)]
    return methods + [name for name, field in vars(f).items() if _is_around_function(field)]


def _is_around_function(node: Any) -> bool:
    """Whether a module can be called, and a function stands inside of it."""
    known = isinstance(node, AbstractBasis | Frozen) or is_function(node)
    if not isinstance(node, eqx.Module) or not callable(node) or known:
        return False
    return bool(functions(node))


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


def leaves_of_parts(f: Hypothesis) -> list[set[int]]:
    """The places of the leaves of each function that f is made of."""
    found, start = [], 0
    for node in jax.tree.leaves(f, is_leaf=is_function):
        count = len(jax.tree.leaves(node))
        if is_function(node):
            found.append(set(range(start, start + count)))
        start += count
    return found


def is_function(node: Any) -> bool:
    """Whether a node is a function of its input as a whole: a series, a network, a composition,
    or a module of the user's own that holds arrays and none of these."""
    if isinstance(node, Series | AbstractNetwork | Compose | Given | Corrected):
        return True
    if not isinstance(node, eqx.Module) or isinstance(node, AbstractBasis | Frozen):
        return False
    return _is_own_function(node)


def _is_own_function(node: Any) -> bool:
    """A callable module, of the user or of `eqx.nn`, that holds arrays of its own."""
    if not callable(node) or type(node).__module__.startswith("fesolve."):
        return False
    known = Series | AbstractNetwork | Compose | Frozen | AbstractBasis
    leaves = jax.tree.leaves(node, is_leaf=lambda n: n is not node and isinstance(n, known))
    if any(isinstance(leaf, known) for leaf in leaves):
        return False
    return any(eqx.is_inexact_array(leaf) and leaf.ndim > 0 for leaf in leaves)


def _richer(node: Any, points: np.ndarray | None, richness: int, largest: int) -> Any:
    """The function in a richer space, or why there is none."""
    series = _richer_series(node, richness, largest) if isinstance(node, Series) else None
    if series is not None:
        return series
    lower, upper = _domain(node, points)
    name = type(node).__name__
    if lower is None:
        return f"the domain of the {name} in f is not known: take `fe.MLP(support=)`"
    if not isinstance(lower, jax.Array | np.ndarray) or lower.ndim > 1 or lower.size > max(DEGREES):
        coordinates = sum(np.size(leaf) for leaf in jax.tree.leaves(lower))
        return f"the {name} in f has {coordinates} coordinates, and no richer space is affordable"
    out = eqx.filter_eval_shape(node, jax.ShapeDtypeStruct(lower.shape, lower.dtype))
    if not isinstance(out, jax.ShapeDtypeStruct) or len(out.shape) > 1:
        return f"the values of the {name} in f are neither numbers nor vectors"
    degree = DEGREES[max(int(lower.size), 1)]
    if richness == 0:
        degree = min(degree, 3 * _degree_of(node, lower, upper, degree) // 2 + 4)
    basis = polynomials(lower, upper, degree + max(richness - 1, 0) * (degree // 2))
    size = out.shape[0] if out.shape else "scalar"
    return Corrected(freeze(node), Series(basis, size, dtype=out.dtype))


def _richer_series(node: Series, richness: int, largest: int) -> Any:
    """The same for a series; `None` where no richer basis is known."""
    sizes = []
    # where the richer space is too large, a less rich one may not be
    for sparing in (False, True) if largest > LARGEST else (False,):
        richer = _refined_times(node.basis, richness, sparing)
        if richer is None:
            return None
        basis = richer[-1].basis
        sizes.append(basis.size * int(np.prod(node.coefficients.shape[:-1])))
        if sizes[-1] <= largest or isinstance(basis, AbstractLocalBasis):
            break
    else:
        said = f"a basis richer than that of f has {sizes[-1]:,} functions, and "
        if sizes[-1] > FACTORED:
            return said + f"up to {FACTORED:,} are affordable"
        return said + f"above {LARGEST:,} it is asked only where a bound does not suffice"
    c = functools.reduce(lambda c, step: step.coefficients(c), richer, node.coefficients)
    return eqx.tree_at(lambda s: (s.basis, s.coefficients), node, (basis, on_device(c)))


def _refined_times(basis: AbstractBasis, times: int, sparing: bool) -> list[Refinement] | None:
    steps = []
    for _ in range(times):
        richer = refined(basis, sparing=sparing)
        if richer is None:
            return None
        steps.append(richer)
        basis = richer.basis
    return steps


def _domain(node: Any, points: np.ndarray | None) -> tuple[Any, Any]:
    """Where the function lives: its domain, and where it is called besides."""
    if isinstance(node, Series):
        return tuple(jax.tree.map(np.asarray, end) for end in node.basis.domain)
    support = node.support if isinstance(node, AbstractNetwork) else None
    if points is None:
        return (None, None) if support is None else support.value
    ends = np.asarray(points.min(axis=0)), np.asarray(points.max(axis=0))
    if support is None:
        return ends
    lower, upper = support.value
    return np.asarray(np.minimum(lower, ends[0])), np.asarray(np.maximum(upper, ends[1]))


def _degree_of(node: Any, lower: np.ndarray, upper: np.ndarray, most: int) -> int:
    """The (total) degree of the polynomial that interpolates a function in its Chebyshev nodes,
    but for what is too small to matter: a series of this degree could stand in its place."""
    t = np.cos(np.pi * (np.arange(most + 1) + 0.5) / (most + 1))
    axes = tuple(range(lower.size))
    grid = np.stack(np.meshgrid(*[t] * lower.size, indexing="ij"), axis=-1)
    points = lower + (upper - lower) * (grid.reshape(-1, *lower.shape) + 1) / 2
    from scipy.fft import dctn  # takes long to import, and is rarely needed

    values = np.asarray(jax.vmap(node)(jnp.asarray(points, lower.dtype)))
    values = values.reshape(*[most + 1] * lower.size, -1)
    sizes = np.abs(dctn(values, axes=axes))
    matters = (sizes > RESOLVED * sizes.max(axis=axes, keepdims=True)).any(axis=-1)
    degrees = np.sum(np.indices(matters.shape), axis=0)
    return int(degrees[matters].max(initial=0))


def polynomials(lower: Any, upper: Any, degree: int) -> AbstractBasis:
    """Polynomials of a (total) degree on a box."""
    if np.ndim(lower) == 0:
        return Chebyshev(degree, (lower, upper))
    factors = [Chebyshev(degree, ends) for ends in zip(lower, upper, strict=True)]
    return Tensor(*factors, degree=degree)
