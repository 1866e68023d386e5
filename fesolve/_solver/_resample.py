"""Fresh samples for a solver that works on a fixed one."""

import equinox as eqx
import jax
import jax.numpy as jnp

from .._checks import whole
from .._distribution import Empirical
from .._risk import Risk, SumRisk
from .._solution import Solution
from .._types import changed
from ._base import AbstractOuterSolver, AbstractSolver, require_key, require_solver, Task
from ._sequential import after, in_sequence


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
        population = SumRisk(tuple(_population(term) for term in task.risk.terms))
        solutions: list[Solution] = []
        for round_key in jax.random.split(key, self.rounds):
            sample_key, solver_key = jax.random.split(round_key)
            now = after(task, solutions)
            sample = population.given(now.f).empirical(self.n, key=sample_key)
            solutions.append(self.solver.minimise(now._replace(risk=sample, key=solver_key)))
        total = in_sequence(solutions)
        risks = jnp.stack([jnp.asarray(solution.risk) for solution in solutions])
        return changed(total, stats={**total.stats, "risks": risks})


def _population(term: Risk) -> Risk:
    p = term.distribution
    drawn = isinstance(p, Empirical) and p.population is not None
    return changed(term, distribution=p.population) if drawn else term
