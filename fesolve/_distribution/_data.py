"""Observations (x, y), and how they are parted into samples."""

import itertools
from typing import Any, NamedTuple

import jax
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._checks import prng_key, whole
from .._show import Called, Plain, Word, words
from .._types import Point
from ._arrays import numpy_of, stored
from ._base import check_finite, Empirical


class Observation(NamedTuple):
    """One point of data: a residual takes it as two arguments, `residual(f, x, y, *args)`."""

    x: Point
    y: Point


class Data(Called):
    """n observations (x_i, y_i): the distribution of regression.

    The residual of a risk on data has the observation as two arguments:

    ```python
    data = fe.Data(X, Y)
    train_data, test_data = data.split(0.7, key=key)
    train = fe.Risk(lambda f, x, y: f(x) - y, train_data, tolerance=jnp.inf)
    test = train.on(test_data)
    ```

    **Arguments:**

    - `X`, `Y`: arrays, or pytrees of them, with a leading axis of length n. Y of shape (n,) has
      numbers y, of shape (n, m) vectors.
    - `weights`: of shape (n,), with sum 1; equal by default.

    **Raises:** `ValueError` where lengths disagree, values are not finite, or weights do not sum
    to 1.
    """

    X: Point
    Y: Point
    weights: Any

    def __init__(self, X: Point, Y: Point, weights: Any = None) -> None:
        self.X, self.Y = stored(X, "X"), stored(Y, "Y")
        shapes = [leaf.shape for leaf in jax.tree.leaves((self.X, self.Y))]
        if any(not shape for shape in shapes) or len({shape[0] for shape in shapes}) > 1:
            raise ValueError(
                "`X` and `Y` must have one leading axis of the same length, the observations; got "
                f"the shapes {[leaf.shape for leaf in jax.tree.leaves(self.X)]} and "
                f"{[leaf.shape for leaf in jax.tree.leaves(self.Y)]}"
            )
        for name, tree in (("X", self.X), ("Y", self.Y)):
            for leaf in jax.tree.leaves(tree):
                check_finite(name, leaf)
        self.weights = Empirical(Observation(self.X, self.Y), weights).weights

    @property
    def size(self) -> int:
        """The number of observations n."""
        return self.weights.shape[0]

    @property
    def distribution(self) -> Empirical:
        """The empirical distribution of the observations, which a risk takes from it."""
        return Empirical(Observation(self.X, self.Y), self.weights)

    def split(self, share: float, *, key: PRNGKeyArray) -> "tuple[Data, Data]":
        """Two samples: that share of the observations, chosen by the key, and the others.

        **Arguments:** `share`, between 0 and 1: of n observations the first sample has
        round(share n). `key`, a PRNG key.

        **Raises:** `ValueError` where one of the samples would be empty.
        """
        prng_key(key)
        given = isinstance(share, float | int | np.number) and not isinstance(share, bool)
        first = round(float(share) * self.size) if given and 0 < share < 1 else 0
        if not 0 < first < self.size:
            raise ValueError(
                "`share` of `.split(share, key=key)` must be a number between 0 and 1 that leaves "
                f"observations on both sides; got {share!r} of {self.size:,} observations"
            )
        order = self._order(key)
        return self._of(order[:first]), self._of(order[first:])

    def folds(self, k: int, *, key: PRNGKeyArray) -> "list[tuple[Data, Data]]":
        """The pairs (train, test) of k-fold cross-validation: each observation is in one test
        sample, and these differ in size by at most one.

        **Arguments:** `k`, at least 2 and at most the number of observations; `key`, a PRNG key,
        by which the observations are dealt out.
        """
        prng_key(key)
        if whole(k, "k", 2) > self.size:
            raise ValueError(
                f"`k` must be at most the number of observations, {self.size}; got {k}"
            )
        ends = np.linspace(0, self.size, k + 1).round().astype(int)
        order, join = self._order(key), numpy_of(key).concatenate
        return [
            (self._of(join([order[:a], order[b:]])), self._of(order[a:b]))
            for a, b in itertools.pairwise(ends)
        ]

    def _order(self, key: PRNGKeyArray) -> Array | np.ndarray:
        return numpy_of(key).asarray(jr.permutation(key, self.size))

    def _of(self, index: Array | np.ndarray) -> "Data":
        """These observations, their weights renormalised."""
        # NumPy costs no compilation where nothing is traced
        xp = numpy_of(self.X, self.Y, self.weights, index)
        X, Y, weights = jax.tree.map(
            lambda leaf: xp.asarray(leaf)[index], (self.X, self.Y, self.weights)
        )
        return Data(X, Y, weights / weights.sum())


def inputs(points: Point) -> Point:
    """Where f is evaluated: the x of observations, and else the points themselves."""
    return points.x if isinstance(points, Observation) else points


def arguments(x: Point) -> tuple:
    """A point as a residual takes it: an observation is two arguments."""
    return tuple(x) if isinstance(x, Observation) else (x,)


@words.register
def _(data: Data) -> list[Word]:
    n = jax.tree.leaves(data.X)[0].shape[:1]
    return [Word(Plain(f"{n[0]:,} observation{'' if n == (1,) else 's'}" if n else "observations"))]
