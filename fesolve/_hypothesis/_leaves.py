"""Which leaves of f are theta, and which of them f is linear in."""

import types
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._types import Hypothesis
from ._basis import AbstractBasis
from ._compose import Compose, DeepSet
from ._freeze import Frozen
from ._linear import Linear
from ._mlp import AbstractNetwork
from ._series import Series


def free_leaves(f: Hypothesis) -> PyTree[bool]:
    """True at the floating-point JAX arrays of f that are neither in a basis nor frozen, if any."""
    return jax.tree.map(_free, f, is_leaf=_is_fixed)


def _is_fixed(node: Any) -> bool:
    return isinstance(node, AbstractBasis | Frozen)


def _free(node: Any) -> PyTree[bool]:
    if _is_fixed(node):
        return jax.tree.map(lambda _: False, node)
    return eqx.is_inexact_array(node)


def _constant(tree: PyTree, value: bool) -> PyTree[bool]:
    return jax.tree.map(lambda _: value, tree)


def trainable_leaves(f: Hypothesis, only: Callable | None = None) -> PyTree[bool]:
    """True at the leaves of f that are theta: floating-point JAX arrays that are not in a basis
    nor frozen, and, with `only`, inside the subtree that it names.

    **Raises:** `ValueError` where nothing is left to train.
    """
    mask = free_leaves(f)
    if only is not None:
        allowed = eqx.tree_at(only, _constant(f, False), replace_fn=lambda s: _constant(s, True))
        mask = jax.tree.map(lambda a, b: a and b, mask, allowed)
    if not any(jax.tree.leaves(mask)):
        where = "the subtree that `only` names" if only is not None else "`f`"
        raise ValueError(f"{where} has nothing to train: {_why_nothing(f)}")
    for leaf, chosen in zip(jax.tree.leaves(f), jax.tree.leaves(mask), strict=True):
        if chosen and jax.numpy.iscomplexobj(leaf):
            raise ValueError(
                "`f` has complex parameters: train their real and imaginary parts as real arrays"
            )
    return mask


def _why_nothing(f: Any) -> str:
    is_basis = lambda node: isinstance(node, AbstractBasis)
    has_basis = any(map(is_basis, jax.tree.leaves(f, is_leaf=is_basis)))
    if has_basis and not series_in(f):
        what = "it is" if is_basis(f) else "it has"
        return f"{what} a basis, without coefficients. The function is `fe.Series(basis)`"
    if isinstance(f, type):
        return f"it is the class `{f.__name__}`, and not an object of it"
    if isinstance(f, types.FunctionType):
        return (
            "it is a function, which has no parameters. Of a hypothesis class, `key -> f`, take a "
            "member: `hypothesis_class(jax.random.key(0))`"
        )
    return (
        "no floating-point JAX array outside `freeze` and outside a basis. Unknown numbers are "
        "array leaves, for example `jnp.asarray(1.0)`"
    )


def linear_leaves(f: Hypothesis, mask: PyTree[bool]) -> tuple[PyTree[bool], bool]:
    """The trainable leaves in which f is linear by construction: the coefficients of series, the
    last layers of networks, linear maps, and numbers that stand alone; and whether these are all
    there are."""
    linear = jax.tree.map(lambda a, b: a and b, mask, _marks(f, mask))
    every = all(a == b for a, b in zip(jax.tree.leaves(linear), jax.tree.leaves(mask), strict=True))
    return linear, every


def _marks(f: Hypothesis, mask: PyTree[bool]) -> PyTree[bool]:
    if isinstance(f, Linear | eqx.nn.Linear):  # inside of a module it may be a layer of a network
        return _constant(f, True)

    def mark(node: Any, trained: Any) -> PyTree[bool]:
        match node:
            case Series():
                return _constant(node, True)
            case eqx.nn.MLP():
                marks = _constant(node, False)
                return eqx.tree_at(
                    lambda net: net.layers[-1], marks, replace_fn=lambda s: _constant(s, True)
                )
            case Compose():
                return _composed(node, trained, lambda f: (f.outer, f.inner))
            case DeepSet():
                return _composed(node, trained, lambda f: (f.rho, f.phi))
            case _:
                return eqx.is_inexact_array(node) and node.ndim == 0

    kinds = Series | eqx.nn.MLP | Compose | DeepSet
    return jax.tree.map(mark, f, mask, is_leaf=lambda node: isinstance(node, kinds))


def _composed(node: Any, trained: Any, parts: Callable) -> PyTree[bool]:
    """Of a composition the outer part; the inner one only where nothing trains outside of it, since
    the product of two unknowns is not linear in them."""
    (outer, inner), (trained_outer, trained_inner) = parts(node), parts(trained)
    marks = _marks(outer, trained_outer)
    if any(jax.tree.leaves(trained_outer)):
        return eqx.tree_at(lambda f: parts(f)[0], _constant(node, False), marks)
    return eqx.tree_at(parts, _constant(node, False), (marks, _marks(inner, trained_inner)))


def same_leaves(mask: PyTree[bool], f: Hypothesis) -> PyTree[bool]:
    """`mask` for an f whose bases have been refined: the leaves stay, their tree does not."""
    return jax.tree.unflatten(jax.tree.structure(f), jax.tree.leaves(mask))


def has_network(f: Hypothesis) -> bool:
    """Whether f has a network or a layer of `eqx.nn`, whose weights its values do not determine."""
    kinds: set[type] = set()
    jax.tree.flatten(f, is_leaf=lambda node: kinds.add(type(node)) is not None)
    return any(
        issubclass(kind, AbstractNetwork) or kind.__module__.startswith("equinox.nn")
        for kind in kinds
    )


def is_series(node: Any) -> bool:
    return isinstance(node, Series)


def series_in(f: Hypothesis) -> list[Series]:
    """The series of which f is made."""
    return [node for node in jax.tree.leaves(f, is_leaf=is_series) if is_series(node)]
