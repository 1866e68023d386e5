"""Solvers one after the other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._checkpoint import Watched
from .._least_squares._trainable import same_leaves
from .._risk import AbstractRisk
from .._types import Hypothesis
from ._base import AbstractSolver, Solution


class Sequential(AbstractSolver):
    """Solvers one after the other, each from the f of the one before it.

    ```python
    fe.Sequential(fe.Optax(optax.adam(1e-3), num_steps=500), fe.LevenbergMarquardt())
    ```

    The result and the statistics are those of the last, whose verdict is the one that counts;
    `stats["steps"]` is the sum over all, and `history` runs through all of them.

    **Arguments:** `*solvers`, at least one.
    """

    solvers: tuple[AbstractSolver, ...]

    def __init__(self, *solvers: Any) -> None:
        for solver in solvers:
            if not isinstance(solver, AbstractSolver):
                raise ValueError(
                    "`solvers` must be solvers, `fe.Sequential(first, second)` and not a list; got "
                    f"{solver!r}"
                )
        if not solvers:
            raise ValueError(
                "`solvers` is empty: `fe.Sequential(first, second)` needs at least one"
            )
        self.solvers = solvers

    @property
    def accuracy(self) -> float:
        return self.solvers[-1].accuracy

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        number = len(self.solvers)
        keys = [None] * number if key is None else list(jax.random.split(key, number))
        solutions: list[Solution] = []
        for solver, solver_key in zip(self.solvers, keys, strict=True):
            watching = later(monitors, solutions)
            solution = solver.minimise(risk, f, trainable, key=solver_key, monitors=watching)
            solutions.append(solution)
            f, trainable = solution.value, same_leaves(trainable, solution.value)
        return in_sequence(solutions)


def later(monitors: tuple, solutions: list[Solution]) -> tuple:
    """Monitors that go on counting where the solves so far have ended."""
    if not (monitors and solutions):
        return monitors
    before = int(sum(np.asarray(solution.stats["steps"]) for solution in solutions))
    return tuple(_Later(monitor, before) for monitor in monitors)


class _Later:
    """A monitor that counts on from so many steps."""

    def __init__(self, monitor: Callable, before: int) -> None:
        self.monitor, self.before = monitor, before
        self.keeper = monitor.keeper if isinstance(monitor, Watched) else None

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> bool | None:
        return self.monitor(self.before + step, metrics, f)


def in_sequence(solutions: list[Solution]) -> Solution:
    """The last of several solves, with the steps and the history of all."""
    last = solutions[-1]
    steps = sum(solution.stats["steps"] for solution in solutions)
    histories = [solution.history for solution in solutions if solution.history is not None]
    history = None
    if len(histories) == len(solutions):
        on_host = all(isinstance(history, np.ndarray) for history in histories)
        history = (np if on_host else jnp).concatenate(histories)
    stats = {**last.stats, "steps": np.asarray(steps) if isinstance(steps, np.generic) else steps}
    return Solution(last.value, last.risk, last.result, stats, history)
