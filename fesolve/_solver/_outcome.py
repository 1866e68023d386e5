"""From where an iteration has ended to a `Solution`."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._least_squares._assembly import Equation, LeastSquares
from .._least_squares._tolerances import root_mean_squares, within_tolerance
from .._solution import choose, ended, RESULTS, Solution
from .._types import made


UNRESOLVED_AT = "unresolved_at"
"""The name, in the statistics of a solution, of the place where elements did not resolve f."""
BEYOND = "beyond"
"""The same of theta after the shortest step from it, where that was not finite."""


class Outcome(NamedTuple):
    """Where an iteration has ended: theta, the rows there, how many steps it took, whether it has
    arrived at a minimum, whether the Jacobian is finite, and further numbers.

    - `undecided`: whether equations that hold leave some direction of theta free.
    - `unfinished`: the result where it has not arrived.
    - `history`: the risk after each step; `beyond`, the theta of a last attempt that was not
      finite. On the host alone.
    """

    theta: Any
    r: Any
    steps: Any
    converged: Any
    finite: Any = True
    more: dict[str, Any] | None = None
    undecided: Any = False
    unfinished: Any = RESULTS.max_steps_reached
    history: list[float] | None = None
    beyond: Any = None


def solution_on_host(problem: LeastSquares, out: Outcome) -> Solution:
    """Where an iteration on the host has ended, and how."""
    multipliers = [bare.multiplier for bare in problem.bares]
    result, stats = how_it_ended(problem.equations, multipliers, out)
    stats |= {"rows": out.r.size, "unknowns": out.theta.size}
    stats = {name: np.asarray(value) for name, value in stats.items()}
    if out.beyond is not None and bool(ended(result, RESULTS.non_finite)):
        stats[BEYOND] = out.beyond
    dtype = out.theta.dtype
    history = None if out.history is None else np.asarray(out.history, dtype)
    risk = np.asarray(out.r @ out.r, dtype)
    given = {"value": problem.value(out.theta), "risk": risk, "result": result, "stats": stats}
    return made(Solution, **given, history=history, trained=None, problem=problem)


def how_it_ended(
    equations: tuple[Equation, ...], multipliers: list, out: Outcome
) -> tuple[Any, dict[str, Any]]:
    """The result of an iteration, and the numbers about it."""
    rms = root_mean_squares(equations, out.r, multipliers)
    xp = np if isinstance(out.r, np.ndarray) else jnp
    result = choose(out.converged, RESULTS.not_zero, out.unfinished)
    if out.undecided is not False:
        open_ = within_tolerance(equations, rms, out.r.dtype) & out.undecided
        result = choose(open_, RESULTS.not_unique, result)
    result = choose(xp.isfinite(out.r).all() & out.finite, result, RESULTS.non_finite)
    return result, {"steps": out.steps, **(out.more or {}), "rms": rms}
