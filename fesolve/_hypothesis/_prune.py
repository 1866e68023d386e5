"""A network with a part of its weights."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._show import Called, Plain, Word, words
from .._types import Hypothesis, Point
from ._freeze import Frozen
from ._leaves import free_leaves


class Pruned(Called):
    """f with some of its weights zero, for good: theta are the others, `kept`."""

    kept: Float[Array, " P"]
    template: Frozen
    where: tuple[np.ndarray, ...] = eqx.field(converter=tuple)

    @property
    def full(self) -> Hypothesis:
        """f with its zeros, of the structure that was pruned."""
        template, where, start = self.template.value, iter(self.where), 0
        leaves, structure = jax.tree.flatten(template)
        for i, trains in enumerate(jax.tree.leaves(free_leaves(template))):
            if trains:
                leaf, index = leaves[i], next(where)
                values = self.kept[start : start + index.size].astype(leaf.dtype)
                flat = jnp.zeros(leaf.size, leaf.dtype).at[index].set(values)
                leaves[i] = flat.reshape(leaf.shape)
                start += index.size
        return jax.tree.unflatten(structure, leaves)

    def __call__(self, x: Point) -> PyTree:
        return self.full(x)

    def __getattr__(self, name: str) -> Any:
        # reached only for names that this class lacks
        if name in ("kept", "template", "where") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.full, name)


def prune(f: Hypothesis, share: float, *, start: Hypothesis | None = None) -> Pruned:
    """f with that share of the weights of each layer, the largest; the others are zero and train no
    more.

    With `start` the weights that are kept go back to what they were before training. That a part
    of a network, trained from where it began, is as good as the whole is the lottery ticket:

    ```python
    f = fe.solve(risk, start).value
    ticket = fe.prune(f, 0.2, start=start)
    g = fe.solve(risk, ticket).value                   # a fifth of the weights
    h = fe.solve(risk, fe.prune(g, 0.5, start=start)).value      # a tenth
    ```

    Matrices are pruned, and vectors of biases are kept. Frozen parts stay as they are.

    **Arguments:**

    - `f`: a trained network, or one that was pruned before, of whose weights the share is taken.
    - `share`: of the weights that are kept, above 0 and at most 1.
    - `start`: the network before it was trained, of the structure of f.

    **Returns:** a hypothesis whose theta are the weights that are kept; `.full` is f with zeros.

    **Raises:** `ValueError` for a share outside (0, 1], an f without a matrix of weights, and a
    `start` of another structure.

    **Reference:** Frankle and Carbin (2019), "The lottery ticket hypothesis", section 1.
    """
    if isinstance(share, bool) or not isinstance(share, float | int) or not 0 < share <= 1:
        raise ValueError(f"`share` must be a number above 0 and at most 1; got {share!r}")
    whole = f.full if isinstance(f, Pruned) else f
    before = whole if start is None else start.full if isinstance(start, Pruned) else start
    shapes = [[np.shape(x) for x in jax.tree.leaves(tree)] for tree in (whole, before)]
    if shapes[0] != shapes[1]:
        raise ValueError("`start` must be of the structure of `f`: the same network, untrained")
    leaves, others = _trained(whole), _trained(before)
    if not any(leaf.ndim > 1 for leaf in leaves):
        raise ValueError("`f` has no matrix of weights to prune: it must hold a network")
    alive = f.where if isinstance(f, Pruned) else [np.arange(leaf.size) for leaf in leaves]
    where = tuple(
        index if leaf.ndim < 2 else _largest(leaf, index, share)
        for leaf, index in zip(leaves, alive, strict=True)
    )
    kept = [jnp.ravel(x)[index] for x, index in zip(others, where, strict=True)]
    dtype = jnp.result_type(*kept)
    return Pruned(jnp.concatenate([x.astype(dtype) for x in kept]), Frozen(whole), where)


def _trained(f: Hypothesis) -> list[Array]:
    """The leaves that train."""
    return jax.tree.leaves(eqx.filter(f, free_leaves(f)))


def _largest(leaf: Array, index: np.ndarray, share: float) -> np.ndarray:
    """The places of the largest entries among those at `index`."""
    number = max(1, round(share * index.size))
    sizes = np.abs(np.asarray(leaf).ravel()[index])
    return np.sort(index[np.argsort(-sizes, kind="stable")[:number]])


@words.register
def _(f: Pruned) -> list[Word]:
    total = sum(leaf.size for leaf in _trained(f.template.value))
    kind = type(f.template.value).__name__
    return [Word(Plain(kind)), Word(Plain(f"{f.kept.shape[-1]:,} of {total:,} parameters"))]
