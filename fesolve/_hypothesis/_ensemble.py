"""Several members of a class as one function, and how far they are apart."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._show import Plain, Word, words
from .._types import Hypothesis, Point
from ._freeze import freeze, Frozen
from ._mlp import AbstractNetwork
from ._series import Series


class Ensemble(AbstractNetwork):
    """f(x) = (1 / m) sum_i f_i(x), with the spread of the f_i as an error bar.

    What a sample leaves open, members that were found from different starts or samples fill in
    differently. Of what the sample settles, and of an error that all members share, their spread
    says nothing: `fe.error_estimate` asks the equation.

    ```python
    ensemble = fe.solve(train, f, fe.MultiStart(network, keep=True), key=key).value
    ensemble(x), ensemble.spread(x)

    def resampled(key):                                     # the bootstrap, by vmap
        X, Y = fe.Empirical((data.X, data.Y)).sample(data.size, key=key)
        return fe.solve(train.on(fe.Data(X, Y)), f).value
    ensemble = fe.Ensemble(jax.vmap(resampled)(jr.split(key, 100)))
    ```

    **Arguments:** `members`, a list of hypotheses of one structure, or one whose arrays have a
    leading axis over the members, as `jax.vmap` returns it.

    **Raises:** `ValueError` where members have different shapes, or there is none.
    """

    members: Hypothesis

    def __init__(self, members: Hypothesis | Sequence[Hypothesis]) -> None:
        self.members = _stacked(members) if isinstance(members, list | tuple) else members
        sizes = {x.shape[:1] for x in jax.tree.leaves(self.members) if _is_array(x)}
        if len(sizes) != 1 or () in sizes:
            raise ValueError(
                "`members` must be a list of hypotheses, or one whose arrays have a leading axis "
                f"over the members, all of the same length; got the lengths {sorted(sizes)}"
            )

    @property
    def support(self) -> Frozen | None:
        """The box on which the members are known, where they have one."""
        first = self[0]
        if isinstance(first, AbstractNetwork):
            return first.support
        return freeze(tuple(first.basis.domain)) if isinstance(first, Series) else None

    def __len__(self) -> int:
        return next(x.shape[0] for x in jax.tree.leaves(self.members) if _is_array(x))

    def __getitem__(self, index: int) -> Hypothesis:
        if not -len(self) <= index < len(self):
            raise IndexError(f"member {index} of {len(self)}")
        return jax.tree.map(lambda x: x[index] if _is_array(x) else x, self.members)

    def each(self, of: Callable[[Hypothesis], PyTree]) -> PyTree:
        """`of(f_i)` for every member, stacked, such as `lambda f: f.policy(x)`."""
        arrays, rest = eqx.partition(self.members, _is_array)
        return jax.vmap(lambda one: of(eqx.combine(one, rest)))(arrays)

    def __call__(self, x: Point) -> Array:
        return jax.tree.map(lambda values: values.mean(axis=0), self.each(lambda f: f(x)))

    def spread(self, x: Point) -> Array:
        """The standard deviation of f_i(x) over the members, an error bar of one member."""
        values = self.each(lambda f: f(x))
        return jax.tree.map(lambda v: jnp.std(v, axis=0, ddof=min(1, len(self) - 1)), values)


def _is_array(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray)


def _stacked(members: Sequence[Hypothesis]) -> Hypothesis:
    if not members:
        raise ValueError("`members` of `fe.Ensemble` is empty: at least one member is needed")
    trees = [eqx.partition(f, _is_array) for f in members]
    shapes = {(jax.tree.structure(a), tuple(x.shape for x in jax.tree.leaves(a))) for a, _ in trees}
    if len(shapes) > 1:
        raise ValueError(
            "`members` of `fe.Ensemble` must be of one structure, with arrays of the same shapes: "
            "draw them from one hypothesis class"
        )
    return eqx.combine(jax.tree.map(lambda *x: jnp.stack(x), *[a for a, _ in trees]), trees[0][1])


@words.register
def _(ensemble: Ensemble) -> list[Word]:
    return [Word(Plain(f"{len(ensemble)} members")), Word(Plain(type(ensemble.members).__name__))]
