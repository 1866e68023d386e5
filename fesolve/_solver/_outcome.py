"""From the last iterate of a least-squares solver to a `Solution` with a verdict."""

from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from .._risk import AbstractRisk
from .._types import Hypothesis
from . import _host
from ._algebra import smallest_singular_value
from ._assembly import LeastSquares
from ._base import RESULTS, Solution
from ._verdict import (
    is_determined,
    root_mean_squares,
    spectrum_determines,
    within_tolerance,
)


def no_monitors_under_tracing(monitors: tuple) -> None:
    """Raises where monitors were given to a solve that runs inside a JAX transformation."""
    if monitors:
        raise ValueError(
            "`monitors` run on the host, and this solve is inside jit, vmap or grad: leave them "
            "out there"
        )


def host_solution(
    problem: LeastSquares,
    state: _host.Progress,
    *,
    jacobian: np.ndarray | None = None,
    smallest: float | None = None,
) -> Solution:
    """The solution at `state`: solved only where every equation is within its tolerance and, with
    the Jacobian of what must be determined given, or its `smallest` singular value alone, where
    the sample determines theta."""
    dtype = state.theta.dtype
    multipliers = [bare[6] for bare in problem.bares]
    rms = root_mean_squares(problem.equations, state.r, multipliers)
    stats = {
        "steps": np.asarray(state.steps),
        "evaluations": np.asarray(state.evaluations),
        "damping": np.asarray(state.damping, dtype),
        "rows": np.asarray(state.r.size),
        "unknowns": np.asarray(state.theta.size),
        "rms": rms,
    }
    result = RESULTS.not_zero if state.converged else RESULTS.max_steps_reached
    if not (state.finite and np.isfinite(state.r).all()):
        result = RESULTS.non_finite
    elif bool(within_tolerance(problem.equations, rms, dtype)):
        result = RESULTS.solved
        if jacobian is not None:
            smallest = smallest_singular_value(jacobian)
        if smallest is not None:
            stats["smallest_singular_value"] = np.asarray(smallest, dtype)
            if not _determined(problem, state, jacobian, smallest):
                result = RESULTS.not_unique
    risk = np.asarray(state.cost, dtype)
    history = np.asarray(state.history, dtype)
    return Solution(problem.value(state.theta), risk, result, stats, history)


def _determined(
    problem: LeastSquares, state: _host.Progress, jacobian: np.ndarray | None, smallest: float
) -> bool:
    if jacobian is None:
        return bool(is_determined(smallest, state.theta, problem.equations, state.theta.dtype))
    doubtful = smallest * max(1.0, float(np.linalg.norm(state.theta))) < 1e-4
    return not doubtful or spectrum_determines(jacobian, state.theta, problem.equations)


def is_zero(problem: LeastSquares, r: np.ndarray) -> bool:
    """Whether every equation is within its tolerance."""
    multipliers = [bare[6] for bare in problem.bares]
    rms = root_mean_squares(problem.equations, r, multipliers)
    return bool(within_tolerance(problem.equations, rms, problem.assembly.dtype))


def where_not_finite(risk: AbstractRisk, f: Hypothesis, trainable: PyTree[bool]) -> str:
    """Which equation is not finite at f, at how many points, and at which first."""
    problem = LeastSquares(risk, f, trainable)
    r = problem.residuals(problem.theta)
    for equation in problem.equations:
        end = equation.start + equation.points * equation.width
        block = r[equation.start : end].reshape(equation.points, equation.width)
        bad = np.flatnonzero(~np.isfinite(block[:, list(equation.columns)]).all(axis=1))
        if bad.size:
            points = problem.bares[equation.term][3]
            first = "" if points is None else f", first at x = {_point(points, int(bad[0]))}"
            return (
                f"residual `{equation.name}` is not finite at {bad.size} of {equation.points} "
                f"points{first}"
            )
    return "the residual is finite there, and its derivative in theta is not"


def _point(points: Any, index: int) -> str:
    return str(jax.tree.map(lambda p: np.asarray(p[index]).tolist(), points))
