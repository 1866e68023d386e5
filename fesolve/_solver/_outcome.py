"""From the last iterate of a least-squares solver to a `Solution` with a verdict."""

import numpy as np

from . import _host
from ._algebra import smallest_singular_value
from ._assembly import LeastSquares
from ._base import RESULTS, Solution
from ._not_finite import BEYOND
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
    multipliers = [bare[6] for bare in problem.assembly.bares]
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
        stats |= {} if state.beyond is None else {BEYOND: state.beyond}
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
    multipliers = [bare[6] for bare in problem.assembly.bares]
    rms = root_mean_squares(problem.equations, r, multipliers)
    return bool(within_tolerance(problem.equations, rms, problem.assembly.dtype))
