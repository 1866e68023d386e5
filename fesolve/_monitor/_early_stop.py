"""The end of a solve where further steps bring nothing."""

from typing import Any, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import whole
from .._show import line, Word, words
from .._types import Hypothesis
from ._figures import value_of


@final
class EarlyStop:
    """Ends a solve whose validation risk no longer falls, with the f that was best by it.

    Stopping early is a regularisation: theta stays near where it began. The solve then ends with
    `RESULTS.stopped`. `best` is the best f so far, also where the solve ran to its end, `value`
    its validation risk and `step` when it was met.

    ```python
    early = fe.EarlyStop(test, patience=20)
    f = fe.solve(train, f, fe.Optax(optax.adam(1e-3), num_steps=10_000), monitors=(early,)).value
    ```

    **Arguments:**

    - `validation`: a risk on points that are not trained on, or a function from f to a number.
    - `patience`: after so many reports in a row without a lower value the solve ends. How often
      a solver reports is its `every=`.
    - `least`: by how much a value must be lower to count.

    **Reference:** Prechelt (1998), "Early stopping - but when?".
    """

    def __init__(self, validation: Any, *, patience: int = 10, least: float = 0.0) -> None:
        self.validation = value_of(validation, "validation", "`fe.EarlyStop`")
        self.patience = whole(patience, "patience", owner="`fe.EarlyStop`")
        if not (isinstance(least, int | float) and 0 <= least < np.inf):
            raise ValueError(f"`least` of `fe.EarlyStop` must be a number >= 0; got {least!r}")
        self.least = float(least)
        self._reset()

    def _reset(self) -> None:
        self.best: Hypothesis = None
        self.value, self.risk, self.step, self.waited = np.inf, np.nan, 0, 0

    def __repr__(self) -> str:
        return line(self)

    def __enter__(self) -> "EarlyStop":
        self._reset()
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> bool:
        value = float(self.validation(f))
        # a NaN is never less
        if self.best is None or value < self.value - self.least:
            self.best, self.step, self.waited = f, step, 0
            self.value, self.risk = (np.inf if np.isnan(value) else value), float(metrics["risk"])
        else:
            self.waited += 1
        return self.waited >= self.patience

    def state(self) -> list[np.ndarray]:
        """What a checkpoint keeps of it: numbers, and the arrays of the best f."""
        if self.best is None:
            return []
        numbers = np.asarray([self.value, self.risk, self.step, self.waited], float)
        return [numbers, *(np.asarray(x) for x in jax.tree.leaves(self.best) if eqx.is_array(x))]

    def resume(self, state: list[np.ndarray], f: Hypothesis) -> None:
        """Goes on from there, in a solve that began at f."""
        numbers, *arrays = state
        self.value, self.risk = float(numbers[0]), float(numbers[1])
        self.step, self.waited = int(numbers[2]), int(numbers[3])
        leaves, structure = jax.tree.flatten(f)
        given = iter(arrays)
        leaves = [jnp.asarray(next(given)) if eqx.is_array(leaf) else leaf for leaf in leaves]
        self.best = jax.tree.unflatten(structure, leaves)


@words.register
def _(monitor: EarlyStop) -> list[Word]:
    return [Word(monitor.validation), Word(monitor.patience, "patience")]
