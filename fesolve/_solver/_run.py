"""One solve: the points, the iteration, the verdict.

Of a population risk under least squares the points are chosen by the error that they leave.
"""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from .._distribution import AbstractDistribution, Empirical, Sobol
from .._distribution._base import rule
from .._distribution._dirac import is_continuous
from .._distribution._flat import filling_rule
from .._hypothesis import AbstractTensor, Chebyshev
from .._hypothesis._leaves import is_series, linear_leaves, series_in
from .._iteration._stages import ALLOWANCE
from .._judge import judged, margin
from .._judge._fresh import coordinates, SEED, SHOCK_NODES
from .._least_squares._large import batch_for
from .._risk import AbstractRisk, on_exact_shock, rebuilt
from .._solution import ended, RESULTS, Solution
from .._types import changed, Hypothesis, is_traced
from .._worst import underlying
from ._base import AbstractLeastSquaresSolver, AbstractSolver, Task
from ._batches import is_fresh
from ._levenberg_marquardt import LevenbergMarquardt
from ._optax import Optax
from ._sequential import in_sequence, later, Sequential, steps_in


ROUNDING = 1e-12
"""An accuracy at which an iteration goes on to rounding."""
BY_RULES = 3
"""Up to so many coordinates points come from tensor rules, beyond from a low-discrepancy net."""
FIRST = {1: 64, 2: 24, 3: 10}
"""Nodes a coordinate with which networks begin, in several coordinates at least."""
AT_REST = 2.0
"""An error that more points do not shrink by this factor is no longer theirs."""


def solution_of(solver: AbstractSolver, task: Task) -> Solution:
    """What a solver finds, judged."""
    draws = isinstance(solver, LevenbergMarquardt) and solver.batch is not None
    if isinstance(solver, AbstractLeastSquaresSolver) and _is_population(task.risk) and not draws:
        return _on_chosen_points(solver, task)
    solution = judged(task.risk, solver.minimise(task), task.trainable, solver.accuracy)
    onward = _onward(solver, solution)
    if onward is None:
        return solution
    found = onward.minimise(task.at(solution.value))
    found = changed(in_sequence([solution, found]), problem=found.problem)
    return judged(task.risk, found, task.trainable, solver.accuracy)


def known_steps(solver: AbstractSolver, risk: AbstractRisk) -> int | None:
    """How many steps the solver takes, where that is known."""
    match solver:
        case Optax():
            return solver.steps_on(risk)
        case Sequential():
            steps = [known_steps(part, risk) for part in solver.solvers]
            return None if None in steps else sum(steps)
    return None


def _onward(solver: AbstractSolver, solution: Solution) -> LevenbergMarquardt | None:
    """The solver for the steps that are left, to rounding, where an iteration has ended since f
    seemed to be as accurate as was asked for, and is not: a residual that is small for most
    equations may hide an error where the conditioning is bad."""
    if not isinstance(solver, LevenbergMarquardt) or is_traced(solution.risk):
        return None
    stats = solution.stats
    left = solver.max_steps - int(stats["steps"])
    if not stats.keys() >= {"unit", "error"} or left <= 0 or bool(solution.solved):
        return None
    sure = margin(stats["error_is_bound"]) * stats["error"]
    enough = np.sqrt(solution.risk) <= ALLOWANCE * solver.accuracy * stats["unit"]
    if not (enough and solver.accuracy < sure < np.inf):
        return None
    return changed(solver, max_steps=left, accuracy=ROUNDING)


def _is_population(risk: AbstractRisk) -> bool:
    """Whether there are points to be chosen."""
    return any(is_fresh(term) for term in risk.terms)


def _on_chosen_points(solver: AbstractLeastSquaresSolver, task: Task) -> Solution:
    """Solve, judge on fresh points, and take twice as many while that lowers the error of f, which
    is then no longer one of estimation: until it is below the accuracy asked for, or at rest, or
    the budget of points is used up."""
    monitors, size, solutions, points, least = task.monitors, 1.0, [], 0, np.inf
    best: Solution | None = None
    while True:
        sample = _sampled(task.risk, task.f, size)
        batch = None if task.traced else _batch(solver, task._replace(risk=sample))
        if batch is not None:
            large = changed(_with_steps_left(solver, solutions), batch=batch)
            found = large.minimise(task._replace(monitors=later(monitors, solutions)))
            found = judged(task.risk, found, task.trainable, solver.accuracy)
            return in_sequence([*solutions, found])
        count = sum(term.count for term in sample.terms)
        if best is not None and count > solver.budget:
            break
        points, watching = count, later(monitors, solutions)
        now = task._replace(risk=sample, monitors=watching)
        found = _with_steps_left(solver, solutions).minimise(now)
        found = judged(sample, found, task.trainable, solver.accuracy)
        solutions.append(found)
        error = np.inf
        if not task.traced:
            error = float(np.nan_to_num(found.stats.get("error", 0.0), nan=np.inf))
        if best is None or error <= least:
            best, least = found, min(least, error)
        if task.traced or bool(found.solved) or _is_at_rest(solver, solutions):
            break
        task, size = task.at(best.value), 2 * size
    total = in_sequence(solutions, best)
    return changed(total, stats={**total.stats, "points": np.asarray(points)})


def _batch(solver: AbstractLeastSquaresSolver, task: Task) -> int | None:
    """How many points a step sees where steps on all of them would take too long."""
    if not isinstance(solver, LevenbergMarquardt) or linear_leaves(task.f, task.trainable)[1]:
        return None
    return batch_for(task.posed())


def _with_steps_left(
    solver: AbstractLeastSquaresSolver, solutions: list[Solution]
) -> AbstractLeastSquaresSolver:
    """The solver for the steps that the rounds before have left."""
    if not (isinstance(solver, LevenbergMarquardt) and solutions):
        return solver
    return changed(solver, max_steps=solver.max_steps - steps_in(solutions))


def _is_at_rest(solver: AbstractLeastSquaresSolver, solutions: list[Solution]) -> bool:
    """Whether the last two rounds brought nothing, more points cannot help, or no step is left."""
    counts = isinstance(solver, LevenbergMarquardt)
    if counts and steps_in(solutions) >= solver.max_steps:
        return True
    last = solutions[-1].result
    hopeless = (RESULTS.non_finite, RESULTS.not_unique, RESULTS.not_affine, RESULTS.unresolved)
    if bool(ended(last, *hopeless)):
        return True
    errors = [float(np.asarray(s.stats.get("error", np.nan))) for s in solutions[-3:]]
    return len(errors) == 3 and not errors[0] > AT_REST * min(errors[1:])


def _sampled(risk: AbstractRisk, f: Hypothesis, size: float) -> AbstractRisk:
    """The risk on points of its populations, `size` times as many as f needs at first; samples
    that were given stay as they are."""
    terms = []
    for term in risk.given(f).terms:
        term = on_exact_shock(term, SHOCK_NODES)
        if is_continuous(term.distribution):
            term = changed(term, distribution=_points(term.distribution, f, size))
        terms.append(term)
    return rebuilt(risk, terms)


def _points(p: AbstractDistribution, f: Hypothesis, size: float) -> Empirical:
    inner, conditions = underlying(p)
    d = coordinates(inner)
    if 0 < d <= BY_RULES:
        return filling_rule(p, int(np.ceil(_nodes(f, d) * size ** (1 / d))))
    unknowns = sum(leaf.size for leaf in jax.tree.leaves(f) if eqx.is_inexact_array(leaf))
    n = int(np.ceil(size * max(500, unknowns)))
    if d and not conditions and inner is p:
        return Sobol(p).quadrature(n)
    return rule(p.sample(n, key=jax.random.key(SEED)), np.full(n, 1 / n), p)


def _nodes(f: Hypothesis, coordinates: int) -> int:
    """Nodes a coordinate that decide the series in f half as many times again, and at least as
    many as its networks begin with."""
    sizes = [_size(node.basis, coordinates) for node in series_in(f)]
    leaves = [leaf for leaf in jax.tree.leaves(f, is_leaf=is_series) if not is_series(leaf)]
    others = [leaf for leaf in leaves if eqx.is_inexact_array(leaf)]
    if sizes and not any(leaf.ndim > 1 for leaf in others):
        return max([*sizes, 4])
    # a point a weight; on a line the error tells whether fewer were enough
    weights = sum(leaf.size for leaf in others) if coordinates > 1 else 0
    return max([*sizes, FIRST[coordinates], int(np.ceil(weights ** (1 / coordinates)))])


def _size(basis: Any, coordinates: int) -> int:
    """Nodes a coordinate for a basis."""
    if isinstance(basis, AbstractTensor):
        return max(_size(factor, len(basis.bases)) for factor in basis.bases)
    size = 17 if isinstance(basis, Chebyshev) and basis.adaptive else basis.size
    return int(1.5 * size) + 4 if coordinates == 1 else size + 3
