"""argmin norm(f) subject to R(f) = 0 for networks: a ridge that is taken away.

Minima of R + ridge * norm tend to the solution of the smallest norm as the ridge goes to 0, off by
O(ridge) (Engl, Kunisch and Neubauer, 1989). For networks each of them, from the one before, is
what damped least squares is good at, while steps in the null space of R have to follow its bends.
"""

import jax.numpy as jnp
import numpy as np

from .._least_squares._assembly import LeastSquares
from .._least_squares._null_space import decided_directions
from .._risk import AbstractRisk, Risk
from .._solution import ended, RESULTS, Solution
from .._types import changed
from ._base import Task
from ._levenberg_marquardt import LevenbergMarquardt
from ._outcome import Outcome, solution_on_host


def annealed(task: Task, norm: AbstractRisk, max_steps: int) -> Solution:
    """The solution after the last ridge, `max_steps` at most at each; solved where the constraint
    holds to within its tolerance and the last steps changed nothing."""
    risk, now, history, steps = task.risk, task._replace(key=None, monitors=()), [], 0
    # the norm is stationary long after the residual is small: no digit is too dear
    rounding = float(np.finfo(task.posed().theta.dtype).eps)
    solver = LevenbergMarquardt(max_steps=max_steps, accuracy=rounding)
    penalty = sum([_without_tolerance(term) for term in norm.terms])
    finite = converged = False
    for ridge in _ridges(rounding):
        inner = solver.minimise(now._replace(risk=risk + float(ridge) * penalty))
        steps += int(inner.stats["steps"])
        reached = float(risk(inner.value))
        # a smaller ridge with a larger residual: its steps were lost in rounding
        if bool(ended(inner.result, RESULTS.non_finite)) or (history and reached > history[-1]):
            continue
        # stationary, unless the steps ran out before the norm was
        now, finite = now.at(inner.value), True
        converged = int(inner.stats["steps"]) < max_steps
        history.append(reached)
        numbers = {"risk": reached, "norm": float(norm(now.f)), "ridge": float(ridge)}
        task.tell(steps, {**numbers, "stage": "ridge"}, now.f)
    problem = now.posed()
    r, jacobian = problem.linearise(problem.theta)
    more = {"norm": norm(now.f), "free_directions": _free(problem, jacobian)}
    out = Outcome(problem.theta, r, steps, converged, finite, more, history=history)
    return changed(solution_on_host(problem, out), problem=None)


def _ridges(rounding: float) -> np.ndarray:
    """From 1e-2 by hundredths to where the ridge drowns in rounding: 1e-14 in float64."""
    last = round(0.9 * np.log10(rounding))
    return 10.0 ** np.arange(-2, last - 1, -2)


def _without_tolerance(term: Risk) -> Risk:
    return changed(term, tolerance=float("inf"))


def _free(problem: LeastSquares, jacobian: np.ndarray) -> int:
    """How many directions of theta the constraint leaves free."""
    if not np.isfinite(jacobian).all():
        return problem.theta.size
    sigma = np.linalg.svd(jacobian, compute_uv=False)
    sigma = jnp.asarray(np.pad(sigma, (0, problem.theta.size - sigma.size)))
    decided = decided_directions(sigma, jnp.asarray(problem.theta), problem.equations)
    return problem.theta.size - int(np.sum(decided))
