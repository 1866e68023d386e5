"""argmin norm(f) subject to R(f) = 0 for networks: a ridge that is taken away.

Minima of R + ridge * norm tend to the solution of the smallest norm as the ridge goes to 0, off by
O(ridge) (Engl, Kunisch and Neubauer, 1989). For networks each of them, from the one before, is
what damped least squares is good at, while steps in the null space of R have to follow its bends.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._least_squares._assembly import LeastSquares
from .._risk import AbstractRisk, Risk
from .._types import changed, Hypothesis
from ._base import RESULTS, Solution
from ._levenberg_marquardt import LevenbergMarquardt
from ._verdict import decided_directions, root_mean_squares


def annealed(
    risk: AbstractRisk,
    norm: AbstractRisk,
    f: Hypothesis,
    trainable: PyTree[bool],
    *,
    max_steps: int,
    monitors: tuple,
) -> Solution:
    """The solution after the last ridge, `max_steps` at most at each; solved where the constraint
    holds to within its tolerance and the last steps changed nothing."""
    # the norm is stationary long after the residual is small: no digit is too dear
    rounding = float(np.finfo(LeastSquares(risk, f, trainable).assembly.dtype).eps)
    solver = LevenbergMarquardt(max_steps=max_steps, accuracy=rounding)
    penalty = sum([_without_tolerance(term) for term in norm.terms])
    steps, history, result = 0, [], RESULTS.non_finite
    for ridge in _ridges(rounding):
        inner = solver.minimise(risk + float(ridge) * penalty, f, trainable, key=None, monitors=())
        steps += int(inner.stats["steps"])
        reached = float(risk(inner.value))
        # a smaller ridge with a larger residual: its steps were lost in rounding
        if bool(inner.result == RESULTS.non_finite) or (history and reached > history[-1]):
            continue
        f, result = inner.value, _unless_unfinished(inner, max_steps)
        history.append(reached)
        for monitor in monitors:
            numbers = {"risk": reached, "norm": float(norm(f)), "ridge": float(ridge)}
            monitor(steps, {**numbers, "stage": "ridge"}, f)
    problem = LeastSquares(risk, f, trainable)
    r, jacobian = problem.linearise(problem.theta)
    multipliers = [bare.multiplier for bare in problem.bares]
    stats = {
        "steps": np.asarray(steps),
        "rms": root_mean_squares(problem.equations, r, multipliers),
        "norm": np.asarray(norm(f)),
        "free_directions": np.asarray(_free(problem, jacobian)),
    }
    return Solution(f, np.asarray(r @ r), result, stats, np.asarray(history))


def _unless_unfinished(inner: Solution, max_steps: int) -> Any:
    """Stationary, unless the steps ran out before the norm was."""
    unfinished = int(inner.stats["steps"]) >= max_steps
    return RESULTS.max_steps_reached if unfinished else RESULTS.not_zero


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
