"""From the last iterate of a least-squares solver to a `Solution`."""

import numpy as np

from .._least_squares._assembly import LeastSquares
from . import _host
from ._base import RESULTS, Solution
from ._not_finite import BEYOND
from ._verdict import default_tolerance, root_mean_squares


def no_monitors_under_tracing(monitors: tuple) -> None:
    """Raises where monitors were given to a solve that runs inside a JAX transformation."""
    if monitors:
        raise ValueError(
            "`monitors` run on the host, and this solve is inside jit, vmap or grad: leave them "
            "out there"
        )


def host_solution(problem: LeastSquares, state: _host.Progress) -> Solution:
    """Where an iteration on the host has ended, and how."""
    dtype = state.theta.dtype
    multipliers = [bare[6] for bare in problem.bares]
    stats = {
        "steps": np.asarray(state.steps),
        "evaluations": np.asarray(state.evaluations),
        "damping": np.asarray(state.damping, dtype),
        "rows": np.asarray(state.r.size),
        "unknowns": np.asarray(state.theta.size),
        "rms": root_mean_squares(problem.equations, state.r, multipliers),
    }
    result = RESULTS.not_zero if state.converged else RESULTS.max_steps_reached
    result = RESULTS.overfitted if state.overfitted else result
    if not (state.finite and np.isfinite(state.r).all()):
        result = RESULTS.non_finite
        stats |= {} if state.beyond is None else {BEYOND: state.beyond}
    risk, history = np.asarray(state.cost, dtype), np.asarray(state.history, dtype)
    f = problem.value(state.theta)
    return Solution(f, risk, result, stats, history, problem=problem)


def is_zero(problem: LeastSquares, state: _host.Progress) -> bool:
    """Whether every equation holds: its root mean square is within its tolerance, or small
    against the size of the parts of which it is the sum."""
    if state.jacobian is None:
        return False
    relative = default_tolerance(state.theta.dtype)
    parts = state.jacobian**2 @ state.theta**2
    for equation in problem.equations:
        end = equation.start + equation.points * equation.width
        shape, columns = (equation.points, equation.width), list(equation.columns)
        size = parts[equation.start : end].reshape(shape)[:, columns].sum()
        square = (state.r[equation.start : end].reshape(shape)[:, columns] ** 2).sum()
        given = equation.tolerance or 0.0
        multiplier = float(np.asarray(problem.bares[equation.term][6]))
        if not square <= max(relative**2 * size, given**2 * multiplier):
            return False
    return True
