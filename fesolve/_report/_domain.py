"""Whether a residual asks for f outside the domain that f was built for, or beyond where it was
trained.

The evaluations of f happen inside derivatives, expectations and compositions, at states that only
the residual knows. So f tells by itself: copies of it have other values outside the domain, and a
residual that asks for f there differs from copy to copy. One mark is NaN, which every derivative
and every sum carries to the residual; the others are finite and of both signs, since a guard such
as `jnp.maximum(f(x), 1e-3)` lets no NaN through. A residual that none of them moves does not depend
on f there. The mark is an array in the copy, so that all share one compiled program.
"""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._hypothesis import AbstractBasis, AbstractNetwork, AbstractTensor, Fourier, Series
from .._precision import in_dtype, theta_dtype
from .._types import Hypothesis, Point


class WatchedBasis(AbstractBasis):
    """A basis with other values outside its domain, unless `mark` is 0."""

    basis: AbstractBasis
    mark: Any

    @property
    def size(self) -> int:
        return self.basis.size

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.basis.domain

    @property
    def degrees(self) -> np.ndarray | None:
        return self.basis.degrees

    @property
    def constant(self) -> np.ndarray | None:
        return self.basis.constant

    def __call__(self, x: Point) -> Float[Array, " size"]:
        return _watched(self.basis(x), x, self.domain, self.mark)

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        return _watched(self.basis.evaluate(coefficients, x), x, self.domain, self.mark)

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, "basis", name)


class WatchedNetwork(eqx.Module):
    """A network with other values outside its support, unless `mark` is 0."""

    network: AbstractNetwork
    mark: Any

    def __call__(self, x: Point) -> Array:
        support = self.network.support
        assert support is not None
        return _watched(self.network(x), x, tuple(support), self.mark)

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, "network", name)


class WatchedFunction(eqx.Module):
    """A function with other values outside a region, unless `mark` is 0."""

    function: Any
    region: tuple[Any, Any]
    mark: Any

    def __call__(self, x: Point) -> Array:
        return _watched(self.function(x), x, self.region, self.mark)

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, "function", name)


MARKS = (0.0, np.nan, 2.0, -2.0)
"""What is added outside of a domain, in units of 1 + |f|: enough to change the sign of f. A copy
has the index of its mark, a whole number, since floating-point arrays are parameters of f."""


def watched(
    f: Hypothesis, region: tuple[Point, Point] | None = None
) -> tuple[Hypothesis, list[Hypothesis]] | None:
    """f, and f with each of the marks outside of its domain, all of one structure; `None` where no
    part of f has a domain. A periodic basis has none.

    **Arguments:** `region`, the corners of a smaller box than the domain of f, outside of which f
    has other values as well.
    """
    if not any(_has_domain(node) for node in jax.tree.leaves(f, is_leaf=_is_part)):
        return None
    region = in_dtype(region, theta_dtype(f))  # the box is no parameter that makes f float64
    first, *others = [_copy(f, region, mark) for mark in range(len(MARKS))]
    return first, others


def _copy(f: Hypothesis, region: tuple[Point, Point] | None, mark: int) -> Hypothesis:
    outer = lambda node: isinstance(node, Series) or _is_part(node)
    made = jax.tree.map(functools.partial(_replaced, mark), f, is_leaf=outer)
    return made if region is None else WatchedFunction(made, region, np.asarray(mark))


def _replaced(mark: int, node: Any) -> Any:
    """A series, a network or a basis that is marked outside of its domain, if it has one."""
    if not isinstance(node, Series):
        return _marked(node, np.full(_stack(node, node), mark))
    stack = _stack(node, node.basis)
    if not (stack or jax.tree.leaves(node.basis) or node.coefficients.ndim == 1):
        return node  # a stack, but nobody knows of how many
    basis = jax.tree.map(
        lambda part: _marked(part, np.full(stack, mark)), node.basis, is_leaf=_is_part
    )
    return eqx.tree_at(lambda s: s.basis, node, basis)


def _marked(part: Any, mark: np.ndarray) -> Any:
    if not _has_domain(part):
        return part
    return (WatchedNetwork if isinstance(part, AbstractNetwork) else WatchedBasis)(part, mark)


def _stack(function: Any, part: Any) -> tuple[int, ...]:
    """The leading axes that the arrays of a stack of functions have, as `eqx.filter_vmap` makes it:
    so many as leave a function of a point when they are taken off."""
    if not callable(function) or not _has_any_domain(part):
        return ()
    arrays = [x for x in jax.tree.leaves(function) if isinstance(x, jax.Array | np.ndarray)]
    least = min((np.ndim(leaf) for leaf in arrays), default=0)
    for count in range(min(least, 2) + 1):
        if _is_function(jax.tree.map(functools.partial(_cut, count), function)):
            return np.shape(arrays[0])[:count] if arrays else ()
    return ()


def _cut(count: int, leaf: Any) -> Any:
    """The shape of a leaf without its leading axes."""
    if not eqx.is_array(leaf) and not isinstance(leaf, np.ndarray | np.generic):
        return leaf
    return jax.ShapeDtypeStruct(np.shape(leaf)[count:], leaf.dtype)


def _at_its_corner(one: Any) -> Any:
    inner = one.basis if isinstance(one, Series) else one
    lower = inner.support[0] if isinstance(inner, AbstractNetwork) else inner.domain[0]
    return one(jax.tree.map(jnp.asarray, lower))


def _is_function(one: Any) -> bool:
    try:
        return eqx.filter_eval_shape(_at_its_corner, one).ndim <= 1
    except (TypeError, ValueError, IndexError, AttributeError):
        return False


def _has_any_domain(part: Any) -> bool:
    return any(_has_domain(node) for node in jax.tree.leaves(part, is_leaf=_is_part))


def _is_part(node: Any) -> bool:
    """A network or a basis; a tensor basis is looked into, coordinate by coordinate."""
    return isinstance(node, AbstractNetwork | AbstractBasis) and not isinstance(
        node, AbstractTensor
    )


def _has_domain(node: Any) -> bool:
    if isinstance(node, AbstractNetwork):
        return node.support is not None
    return isinstance(node, AbstractBasis) and not isinstance(node, Fourier)


def _watched(value: Array, x: Point, domain: tuple[Any, Any], mark: Any) -> Array:
    lower, upper = domain
    inside = jnp.stack(jax.tree.leaves(jax.tree.map(_inside, x, lower, upper))).all()
    # A factor, and not a choice between two values: its derivatives move as well.
    amount = jnp.where(inside, 0, jnp.asarray(MARKS)[jnp.asarray(mark)]).astype(value.dtype)
    phase = sum(jax.tree.leaves(jax.tree.map(_phase, x, lower, upper)), jnp.zeros(()))
    wave = 1.5 + jnp.sin(0.7 + phase).astype(value.dtype)
    return value + amount * wave * (1 + jnp.abs(value))


def _phase(x: Any, lower: Any, upper: Any) -> Array:
    """A number that every coordinate moves, so that no derivative of a mark is zero."""
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.zeros(())
    lower, upper = (jnp.broadcast_to(jnp.asarray(b, x.dtype), x.shape) for b in (lower, upper))
    bounded = jnp.isfinite(upper - lower) & (upper > lower)
    width = jnp.where(bounded, upper - lower, 1)
    return jnp.sum((x - jnp.where(bounded, lower, 0)) / width).astype(float)


def _inside(x: Any, lower: Any, upper: Any) -> Array:
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return ((x >= jnp.asarray(lower, x.dtype)) & (x <= jnp.asarray(upper, x.dtype))).all()
    lower, upper = (jnp.broadcast_to(jnp.asarray(b, x.dtype), x.shape) for b in (lower, upper))
    rounding = jnp.sqrt(jnp.finfo(x.dtype).eps) * (upper - lower)
    return ((x >= lower - rounding) & (x <= upper + rounding)).all()


def _attribute(copy: Any, inner: str, name: str) -> Any:
    # Reached only for names that the copy lacks; `inner` itself is missing while a copy is built.
    if name == inner or name.startswith("__"):
        raise AttributeError(name)
    return getattr(getattr(copy, inner), name)
