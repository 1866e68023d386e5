"""Solves one after the other: by other solvers, or on other samples."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checkpoint import Watched
from .._checks import whole
from .._hypothesis._grow import released
from .._risk import SumRisk
from .._solution import Solution
from .._types import changed, Hypothesis
from ._base import AbstractOuterSolver, AbstractSolver, require_key, require_solver, Task


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


class Resample(AbstractOuterSolver):
    """Draw a sample given f, solve on it, and draw again: `rounds` times.

    For p*(x; f), the distribution of the states that f itself leads to (`fe.Ergodic`), this is
    the iteration that brings f and p* together; under a fixed p it is empirical risk
    minimisation on one sample after another, each from where the last has ended.

    ```python
    solver = fe.Resample(fe.LevenbergMarquardt(), n=200, rounds=3)
    c = fe.solve(fe.Risk(euler, ergodic), c, solver, key=key).value
    ```

    The result is that of the last round; `stats["risks"]` has the risk of each, on its own sample.

    **Arguments:**

    - `solver`: works on each sample.
    - `n`: points of each term in a round. A term whose points were drawn from a population is
      drawn from it anew; conditions and data stay as they are.
    - `rounds`: the number of samples.

    **Raises:** `ValueError` without a `key`.
    """

    solver: AbstractSolver = eqx.field(converter=require_solver)
    n: int = eqx.field(kw_only=True)
    rounds: int = eqx.field(kw_only=True)

    def __check_init__(self) -> None:
        whole(self.n, "n")
        whole(self.rounds, "rounds")

    def minimise(self, task: Task) -> Solution:
        key = require_key(task.key, "`fe.Resample` draws samples")
        terms = [changed(term, distribution=term.population) for term in task.risk.terms]
        population = SumRisk(tuple(terms))
        solutions: list[Solution] = []
        for round_key in jax.random.split(key, self.rounds):
            sample_key, solver_key = jax.random.split(round_key)
            now = after(task, solutions)
            sample = population.given(now.f).empirical(self.n, key=sample_key)
            solutions.append(self.solver.minimise(now._replace(risk=sample, key=solver_key)))
        total = in_sequence(solutions)
        risks = jnp.stack([jnp.asarray(solution.risk) for solution in solutions])
        return changed(total, stats={**total.stats, "risks": risks})


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
    before = steps_in(solutions)
    return tuple(_Later(monitor, before) for monitor in monitors)


def steps_in(solutions: list[Solution]) -> int:
    """The steps of several solves on the host."""
    return sum(int(np.asarray(solution.stats["steps"])) for solution in solutions)


class _Later:
    """A monitor that counts on from so many steps."""

    def __init__(self, monitor: Callable, before: int) -> None:
        self.monitor, self.before = monitor, before
        self.keeper = monitor.keeper if isinstance(monitor, Watched) else None

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> bool | None:
        return self.monitor(self.before + step, metrics, f)


def in_sequence(solutions: list[Solution], chosen: Solution | None = None) -> Solution:
    """The last of several solves, or the one that is chosen of them, with the steps, the
    evaluations and the history of all."""
    chosen = solutions[-1] if chosen is None else chosen
    every = set.intersection(*[set(solution.stats) for solution in solutions])
    stats = dict(chosen.stats)
    for name in every & {"steps", "evaluations"}:
        total = sum(solution.stats[name] for solution in solutions)
        stats[name] = np.asarray(total) if isinstance(total, np.generic) else total
    histories = [solution.history for solution in solutions if solution.history is not None]
    history = None
    if len(histories) == len(solutions):
        on_host = all(isinstance(history, np.ndarray) for history in histories)
        history = (np if on_host else jnp).concatenate(histories)
    return Solution(chosen.value, chosen.risk, chosen.result, stats, history)
