"""Fresh samples for a solver that works on a fixed one."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree

from .._checks import whole
from .._distribution import Empirical
from .._least_squares._trainable import same_leaves
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis
from ._base import AbstractOuterSolver, AbstractSolver, require_key, require_solver, Solution
from ._sequential import in_sequence, later


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

    solver: AbstractSolver
    n: int
    rounds: int

    def __init__(self, solver: Any, *, n: int, rounds: int) -> None:
        require_solver(solver)
        for name, number in {"n": n, "rounds": rounds}.items():
            whole(number, name)
        self.solver = solver
        self.n = n
        self.rounds = rounds

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        key = require_key(key, "`fe.Resample` draws samples")
        population = SumRisk(tuple(_population(term) for term in risk.terms))
        solutions: list[Solution] = []
        for round_key in jax.random.split(key, self.rounds):
            sample_key, solver_key = jax.random.split(round_key)
            sample = population.given(f).empirical(self.n, key=sample_key)
            solution = self.solver.minimise(
                sample, f, trainable, key=solver_key, monitors=later(monitors, solutions)
            )
            solutions.append(solution)
            f, trainable = solution.value, same_leaves(trainable, solution.value)
        total = in_sequence(solutions)
        risks = jnp.stack([jnp.asarray(solution.risk) for solution in solutions])
        stats = {**total.stats, "risks": risks}
        return Solution(total.value, total.risk, total.result, stats, total.history)


def _population(term: Risk) -> Risk:
    p = term.distribution
    drawn = isinstance(p, Empirical) and p.population is not None
    return changed(term, distribution=p.population) if drawn else term
