"""The default solver."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from .._checks import function, positive, whole
from .._hypothesis._grow import element_series, fixed, is_settled, map_free, with_capacity
from .._hypothesis._leaves import linear_leaves
from .._iteration._numpy_algebra import InNumPy
from .._iteration._plans import is_affine, network_plan, newton_plan, Plan, series_plan
from .._least_squares._assembly import LeastSquares, require_rows
from .._least_squares._large import batch_for, Folded
from .._least_squares._rows import is_sparse
from .._least_squares._times import timely_order
from .._solution import RESULTS, Solution
from .._types import changed, Hypothesis
from ._base import (
    AbstractLeastSquaresSolver,
    AbstractSolver,
    require_no_monitors,
    require_solver,
    Task,
)
from ._elements import solve_elements
from ._fresh_batches import in_fresh_batches
from ._minimum import in_numpy, Outcome, run_on_host, solution_on_host, solve_on_device, Staged
from ._refined import Level, refined, sample_for
from ._reporter import best_on_fresh, Reporter
from ._sequential import in_sequence, later


class LevenbergMarquardt(AbstractLeastSquaresSolver):
    """argmin over theta of |r(theta)|^2 by the Levenberg-Marquardt method on residual vectors.

    Where the minimum is zero this is nearly Newton's method. What it does follows from f and the
    risk:

    - f linear in theta (series, linear maps, modules of your own in which the residual turns out
      to be affine): Gauss-Newton by LU or QR, damped only where that fails; an adaptive basis is
      refined until its coefficients are at rounding;
    - networks: the last layer by QR, then all weights by damped steps with geodesic acceleration
      in the smaller of J^T J and J J^T, then the last layer once more;
    - large networks on many points: damped steps on batches of them;
    - initial-value problems, whose empirical risk has false minima: rows weighted causally, by
      exp(-epsilon * loss up to there), until the solution has travelled through the interval.

    **Arguments:**

    - `max_steps`: at most this many accepted steps, over all stages.
    - `damping`: what is first added to the diagonal of J^T J, relative to its largest entry.
    - `causal`: `x -> t`, the time of a point; for initial-value problems. Without it, a scalar x
      whose conditions all stand at the lower end is detected.
    - `batch`: points of each term that a step sees: fresh draws of a continuous distribution (of
      p*(x; f) at the f of that step, where it depends on f), a random choice by their weights of a
      sample that has more. The steps remember the last one, and the value is the iterate of
      the least risk on points that no step saw; they end once f is judged to be as accurate as was
      asked for. Without it a step sees all points, unless f is a network and one such step takes
      seconds, as from 4,000 weights on as many points on; then a batch is chosen.
    - `memory`: bytes that a Jacobian may take; past it its rows are taken in blocks.
    - `accuracy`: the relative error of f up to which it counts as solved. It is the relative
      tolerance of the iteration too: where the residual, relative to the terms of which it is made,
      is a hundred-thousandth of it, steps go on only while a digit costs no more than half of
      the steps before it. A small one (1e-12) has them go on to rounding. The absolute tolerance,
      in the unit of the residual, is that of the risk.
    - `budget`: for a population risk, at most so many points.
    - `every`: monitors are called after every so many steps, and at the end.

    **Reference:** Levenberg (1944); Marquardt (1963); Transtrum and Sethna (2012), "Improvements
    to the Levenberg-Marquardt algorithm for nonlinear least-squares minimization"; Wang,
    Sankaran and Perdikaris (2022), "Respecting causality is all you need"; Goldshlager, Abrahamsen
    and Lin (2024), "A Kaczmarz-inspired approach to accelerate the optimization of neural network
    wavefunctions", for batches.
    """

    max_steps: int = 2_000
    damping: float = 1e-3
    causal: Callable | None = None
    batch: int | None = None
    memory: int = 1 << 31
    accuracy: float = 1e-3
    budget: int = 20_000
    every: int = 1

    def __check_init__(self) -> None:
        whole(self.max_steps, "max_steps")
        positive(self.damping, "damping")
        whole(self.memory, "memory")
        if self.batch is not None:
            whole(self.batch, "batch")
        if self.causal is not None:
            function(self.causal, "causal", "`lambda x: x[0]`, the time of a point", ["x"])
        positive(self.accuracy, "accuracy")
        whole(self.budget, "budget")
        whole(self.every, "every")

    def minimise(self, task: Task) -> Solution:
        if self.batch is not None:
            return in_fresh_batches(self, task)
        if is_settled(task.f):
            return minimum(self, task.posed(), task.monitors)
        marched = solve_elements(task, self.max_steps) if element_series(task.f) else None
        if marched is not None:
            return marched
        return refined(partial(_at_level, self), task, self.max_steps)


def _at_level(solver: LevenbergMarquardt, level: Level) -> Solution:
    left = changed(solver, max_steps=level.left)
    problem = level.task.posed()
    if level.free is None or not problem.on_host:
        return minimum(left, problem, level.task.monitors)
    return _within_capacity(left, level, problem)


def _within_capacity(solver: LevenbergMarquardt, level: Level, exact: LeastSquares) -> Solution:
    """The minimum in some columns of a larger problem, which serves many levels: Gauss-Newton
    steps to the degree, all of the plan on elements."""
    f, size, monitors = level.free, exact.theta.size, level.task.monitors
    padded = map_free(lambda node: with_capacity(node.basis, node), f)
    on_pieces = bool(element_series(f))
    whole = level.task.at(fixed(padded), risk=sample_for(level.task.risk, padded))
    problem = whole.posed()
    # zeros stand for elements beyond the domain, where there must be no points
    if on_pieces and not (is_sparse(problem) and _ends_with_elements(exact)):
        return minimum(solver, exact, monitors)
    columns = tuple(problem.columns(_entries(f, whole.f)).tolist())
    require_rows(exact)
    plan = newton_plan(30, columns=columns, max_steps=solver.max_steps)
    if on_pieces:
        plan = _plan(solver, True, (), timed=True)._replace(columns=columns)
    narrowed = lambda theta: exact.value(theta[list(columns)])
    report = Reporter(narrowed, monitors, solver.every) if monitors else None
    algebra = in_numpy(problem, order=partial(timely_order, problem, solver.causal), report=report)
    out = run_on_host(problem, algebra, plan)
    short = out.steps < solver.max_steps
    out = out._replace(unfinished=RESULTS.not_zero) if short else out
    found = solution_on_host(problem, out)
    if level.is_last and short and not (on_pieces or out.converged):
        left = changed(solver, max_steps=solver.max_steps - int(out.steps))
        return in_sequence([found, minimum(left, exact, later(monitors, [found]))])
    stats = {**found.stats, "unknowns": np.asarray(size), "rows": np.asarray(exact.rows)}
    value = narrowed(np.asarray(out.theta))
    return Solution(value, found.risk, found.result, stats, found.history)


def _plan(
    solver: LevenbergMarquardt, linear: bool, last: tuple[int, ...], *, timed: bool = True
) -> Plan:
    given = (solver.max_steps, float(solver.damping), float(solver.accuracy))
    if linear:
        return series_plan(*given, timed=timed)
    return network_plan(last, *given, timed=timed)


def minimum(solver: LevenbergMarquardt, problem: LeastSquares, monitors: tuple = ()) -> Solution:
    """The minimum of a problem as it stands, in the space of its f."""
    linear, last = _linear_columns(problem)
    if linear:
        require_rows(problem)
    elif problem.on_host and problem.rows >= problem.theta.size:
        linear = is_affine(problem.residuals, problem.theta)
    if problem.traced or not (problem.on_host or monitors):
        require_no_monitors(monitors)
        return solve_on_device(problem, *in_program(solver, problem))
    if not linear and (size := batch_for(problem)) is not None:
        task = Task(problem.risk, problem.f, problem.mask, monitors=monitors)
        return in_fresh_batches(changed(solver, batch=size), task)
    in_parts = problem.size_of_jacobian > solver.memory
    best = None if linear or in_parts else best_on_fresh(problem)
    watched = monitors or best is not None
    report = Reporter(problem.value, monitors, solver.every, best) if watched else None
    if in_parts:
        return solution_on_host(problem, _in_parts(solver, problem, linear, report))
    algebra = in_numpy(problem, order=partial(timely_order, problem, solver.causal), report=report)
    # for series it is asked only where Gauss-Newton does not arrive
    plan = _plan(solver, linear, last, timed=linear or algebra.timed)
    out = run_on_host(problem, algebra, plan)
    return solution_on_host(problem, best.kept(problem, out) if best and out.finite else out)


def in_program(solver: LevenbergMarquardt, problem: LeastSquares) -> tuple[Staged, tuple]:
    """The steps for a program, and what they find behind the data: the order of the rows in time,
    if they have one."""
    order = timely_order(problem, solver.causal)
    plan = _plan(solver, *_linear_columns(problem), timed=order is not None)
    return Staged(plan, problem.equations, order is not None), order or ()


def _in_parts(
    solver: LevenbergMarquardt, problem: LeastSquares, linear: bool, report: Reporter | None
) -> Outcome:
    """Past the memory budget."""
    folded = Folded(problem, solver.memory)
    given = {"report": report, "accelerates": False}
    algebra = InNumPy(folded.residuals, folded.linearise, **given)
    out = run_on_host(problem, algebra, _plan(solver, linear, (), timed=False))
    return out._replace(r=problem.residuals(out.theta))


def or_default(solver: Any) -> AbstractSolver:
    """The solver that another is built around, the default one for `None`.

    **Raises:** `ValueError` for what is none.
    """
    return LevenbergMarquardt() if solver is None else require_solver(solver)


def _ends_with_elements(problem: LeastSquares) -> bool:
    """Whether no point lies above the last break."""
    last = min(float(series.basis.breaks[-1]) for series in element_series(problem.f))
    return all(np.max(bare.points) <= last for bare in problem.bares)


def _entries(f: Hypothesis, padded: Hypothesis) -> PyTree:
    """True at each leaf of `padded`; at coefficients that were followed by zeros an array of
    booleans, which leaves these out."""

    def mark(leaf: Any, larger: Any) -> Any:
        if np.shape(leaf) == np.shape(larger):
            return True
        return np.broadcast_to(np.arange(larger.shape[-1]) < leaf.shape[-1], larger.shape)

    marks = map(mark, jax.tree.leaves(f), jax.tree.leaves(padded))
    return jax.tree.unflatten(jax.tree.structure(padded), list(marks))


def _linear_columns(problem: LeastSquares) -> tuple[bool, tuple[int, ...]]:
    """Whether f is linear in theta; where it is so in a part alone, the columns of that part."""
    marks, linear = linear_leaves(problem.f, problem.mask)
    return linear, () if linear else tuple(problem.columns(marks).tolist())
