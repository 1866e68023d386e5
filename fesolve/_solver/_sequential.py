"""Solvers one after the other."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checkpoint import Watched
from .._hypothesis._grow import released
from .._solution import Solution
from .._types import Hypothesis
from ._base import AbstractSolver, Task


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

    def minimise(self, task: Task) -> Solution:
        number, key = len(self.solvers), task.key
        keys = [None] * number if key is None else list(jax.random.split(key, number))
        solutions: list[Solution] = []
        for solver, key in zip(self.solvers, keys, strict=True):
            solutions.append(solver.minimise(after(task, solutions)._replace(key=key)))
        return in_sequence(solutions)


def after(task: Task, solutions: list[Solution]) -> Task:
    """The task as it stands after some solves: from the f of the last of them, in bases as free as
    they were given."""
    if not solutions:
        return task
    f = released(solutions[-1].value, task.f)
    return task.at(f, monitors=later(task.monitors, solutions))


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
    """The last of several solves, with the steps, the evaluations and the history of all."""
    last = solutions[-1]
    every = set.intersection(*[set(solution.stats) for solution in solutions])
    stats = dict(last.stats)
    for name in every & {"steps", "evaluations"}:
        total = sum(solution.stats[name] for solution in solutions)
        stats[name] = np.asarray(total) if isinstance(total, np.generic) else total
    histories = [solution.history for solution in solutions if solution.history is not None]
    history = None
    if len(histories) == len(solutions):
        on_host = all(isinstance(history, np.ndarray) for history in histories)
        history = (np if on_host else jnp).concatenate(histories)
    return Solution(last.value, last.risk, last.result, stats, history)
