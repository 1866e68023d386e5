"""From the last iterate of a least-squares solver to a `Solution`."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._least_squares._assembly import Equation, LeastSquares
from ._base import RESULTS, Solution
from ._not_finite import BEYOND
from ._verdict import root_mean_squares


UNRESOLVED_AT = "unresolved_at"
"""The name, in the statistics of a solution, of the place where elements did not resolve f."""


def no_monitors_under_tracing(monitors: tuple) -> None:
    """Raises where monitors were given to a solve that runs inside a JAX transformation."""
    if monitors:
        raise ValueError(
            "`monitors` run on the host, and this solve is inside jit, vmap or grad: leave them "
            "out there"
        )


class Outcome(NamedTuple):
    """Where an iteration has ended: theta, the rows there, how many steps it took, whether it has
    arrived at a minimum, whether the Jacobian is finite, and further numbers.

    - `history`: the risk after each step; `beyond`, the theta of a last attempt that was not
      finite; `overfitted`, whether an earlier iterate was better on fresh points. On the host
      alone.
    """

    theta: Any
    r: Any
    steps: Any
    converged: Any
    finite: Any = True
    more: dict[str, Any] | None = None
    history: list[float] | None = None
    beyond: Any = None
    overfitted: bool = False


def host_solution(problem: LeastSquares, out: Outcome, unfinished: Any = None) -> Solution:
    """Where an iteration on the host has ended, and how; `unfinished` where it has not arrived."""
    dtype = out.theta.dtype
    multipliers = [bare.multiplier for bare in problem.bares]
    unfinished = RESULTS.max_steps_reached if unfinished is None else unfinished
    result, rms = how_it_ended(problem.equations, unfinished, multipliers, out)
    stats = {
        "steps": np.asarray(out.steps),
        **{name: np.asarray(value) for name, value in (out.more or {}).items()},
        "rows": np.asarray(out.r.size),
        "unknowns": np.asarray(out.theta.size),
        "rms": rms,
    }
    if out.overfitted and bool(np.isfinite(out.r).all()):
        result = RESULTS.overfitted
    if out.beyond is not None and bool(result == RESULTS.non_finite):
        stats[BEYOND] = out.beyond
    history = None if out.history is None else np.asarray(out.history, dtype)
    risk = np.asarray(out.r @ out.r, dtype)
    return Solution(problem.value(out.theta), risk, result, stats, history, problem=problem)


def how_it_ended(
    equations: tuple[Equation, ...], unfinished: Any, multipliers: list, out: Outcome
) -> tuple[Any, Any]:
    """How an iteration ended, with every choice a `where` inside a program, so that lanes may end
    differently; and sqrt(E r^2) of each equation."""
    rms = root_mean_squares(equations, out.r, multipliers)
    xp = np if isinstance(out.r, np.ndarray) else jnp
    finite = xp.isfinite(out.r).all() & out.finite
    result = _choose(out.converged, RESULTS.not_zero, unfinished)
    return _choose(finite, result, RESULTS.non_finite), rms


def _choose(flag: Any, a: Any, b: Any) -> Any:
    if isinstance(flag, jax.Array):
        return RESULTS.where(flag, a, b)
    return a if flag else b
