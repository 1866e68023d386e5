"""Whether a residual asks for f outside the domain that f was built for.

The evaluations of f happen inside derivatives, expectations and compositions, at states that only
the residual knows. So f tells by itself: a twin of it multiplies its value by NaN outside the
domain, which every derivative and every sum carries to the residual. One switch turns the twin
into f again, so that both share one compiled program.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._hypothesis import AbstractBasis, AbstractNetwork, Fourier, Tensor
from .._types import Hypothesis, Point


class WatchedBasis(AbstractBasis):
    """A basis that is NaN outside its domain while `strict`."""

    basis: AbstractBasis
    strict: Any

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
        return _watched(self.basis(x), x, self.domain, self.strict)

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        return _watched(self.basis.evaluate(coefficients, x), x, self.domain, self.strict)

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, "basis", name)


class WatchedNetwork(eqx.Module):
    """A network with a support that is NaN outside of it while `strict`."""

    network: AbstractNetwork
    strict: Any

    def __call__(self, x: Point) -> Array:
        support = self.network.support
        assert support is not None
        return _watched(self.network(x), x, tuple(support), self.strict)

    def __getattr__(self, name: str) -> Any:
        return _attribute(self, "network", name)


def watched(f: Hypothesis) -> tuple[Hypothesis, Hypothesis] | None:
    """f, and f that is NaN outside of its domain, both of one structure; `None` where no part of
    f has a domain. A periodic basis has none."""
    marks = [_has_domain(node) for node in jax.tree.leaves(f, is_leaf=_is_part)]
    if not any(marks):
        return None

    def twin(strict: bool) -> Hypothesis:
        def replace(node: Any) -> Any:
            if not _has_domain(node):
                return node
            kind = WatchedNetwork if isinstance(node, AbstractNetwork) else WatchedBasis
            return kind(node, np.asarray(strict))

        return jax.tree.map(replace, f, is_leaf=_is_part)

    return twin(False), twin(True)


def _is_part(node: Any) -> bool:
    """A network or a basis; a tensor basis is looked into, coordinate by coordinate."""
    return isinstance(node, AbstractNetwork | AbstractBasis) and not isinstance(node, Tensor)


def _has_domain(node: Any) -> bool:
    if isinstance(node, AbstractNetwork):
        return node.support is not None
    return isinstance(node, AbstractBasis) and not isinstance(node, Fourier)


def _watched(value: Array, x: Point, domain: tuple[Any, Any], strict: Any) -> Array:
    lower, upper = domain
    marks = jax.tree.map(_inside, x, lower, upper)
    inside = jnp.stack(jax.tree.leaves(marks)).all() | ~jnp.asarray(strict)
    # A product, and not a choice between f and NaN: its derivatives are NaN as well.
    return value * jnp.where(inside, 1, jnp.nan).astype(value.dtype)


def _inside(x: Any, lower: Any, upper: Any) -> Array:
    x = jnp.asarray(x)
    if not jnp.issubdtype(x.dtype, jnp.floating):
        return ((x >= jnp.asarray(lower, x.dtype)) & (x <= jnp.asarray(upper, x.dtype))).all()
    lower, upper = (jnp.broadcast_to(jnp.asarray(b, x.dtype), x.shape) for b in (lower, upper))
    rounding = jnp.sqrt(jnp.finfo(x.dtype).eps) * (upper - lower)
    return ((x >= lower - rounding) & (x <= upper + rounding)).all()


def _attribute(twin: Any, inner: str, name: str) -> Any:
    # Reached only for names that the twin lacks; `inner` itself is missing while a copy is built.
    if name == inner or name.startswith("__"):
        raise AttributeError(name)
    return getattr(getattr(twin, inner), name)
