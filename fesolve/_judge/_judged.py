"""From where an iteration ended to a verdict on f: the one judge of every solver."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._dry_run import equation_widths
from .._evaluation import mean_square_components
from .._hypothesis._leaves import same_leaves
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk, on_exact_shock, require_sample
from .._solution import choose, ended, RESULTS, Solution
from .._types import changed, Hypothesis, is_traced, still
from ._bound import Bound, quick_bound
from ._error import ErrorEstimate, margin
from ._estimate import estimate
from ._fresh import SHOCK_NODES


CLEARLY = 10.0
"""A residual that is so many times larger on fresh points was fitted to its sample."""
FREEST = "freest"
"""The name, in the statistics of a solution, of the point at which f is free most of all."""
HOLDS = 1e-4
"""The residual of an equation that holds, relative to the size of its parts."""


def judged(
    risk: AbstractRisk, found: Solution, trainable: PyTree[bool], accuracy: float
) -> Solution:
    """The solution with its verdict: `solved` where the equations determine f and its error,
    estimated or bounded on fresh points, is clearly below `accuracy`; where the risk has a
    tolerance, the residual on the sample is below it as well."""
    if all(term.tolerance is not None and np.isinf(term.tolerance) for term in risk.terms):
        return _regression(found)
    solved = found.problem
    mask = same_leaves(trainable, found.value) if solved is None else solved.mask
    constant = found
    if is_traced((risk, found.risk)):  # a verdict is not differentiated
        risk, constant = still((risk, found))
    error = _error(risk, constant, mask, accuracy)
    numbers = {
        "error": error.largest,
        "error_is_bound": error.is_bound,
        "conditioning": error.conditioning,
    }
    numbers = {k: v if isinstance(v, jax.Array) else np.asarray(v) for k, v in numbers.items()}
    stats = {**found.stats, **numbers, **_freest(error)}
    result = _result(risk, constant, error, accuracy)
    trained = tuple(bool(mark) for mark in jax.tree.leaves(mask))
    return changed(found, result=result, stats=stats, trained=trained, problem=None)


def _freest(error: ErrorEstimate | Bound) -> dict[str, np.ndarray]:
    """Where f is free, if it is and that is one array."""
    if isinstance(error, Bound) or not isinstance(error.freest, np.ndarray | np.generic):
        return {}
    return {} if bool(error.determined) else {FREEST: np.asarray(error.freest)}


def _regression(found: Solution) -> Solution:
    """Where zero is not expected, the minimum is the solution."""
    unfinished = ended(found.result, RESULTS.non_finite, RESULTS.disagree)
    result = choose(unfinished, found.result, RESULTS.solved)
    return changed(found, result=result, problem=None)


def _error(
    risk: AbstractRisk, found: Solution, mask: PyTree[bool], accuracy: float
) -> ErrorEstimate | Bound:
    """The bound, where it is enough, since it costs no new program; else the estimate. Inside a
    program, which would have to hold both, the bound is all there is for series."""
    selected = "free_directions" in found.stats
    bound = None if selected else quick_bound(risk, found.value, mask, found.problem)
    if bound is not None:
        if is_traced((bound.largest, found.risk)):
            return bound
        if bool(bound.largest <= 0.1 * accuracy):
            return bound
    return estimate(risk, found.value, mask, selected=selected, enough=accuracy)


def _result(
    risk: AbstractRisk, found: Solution, error: ErrorEstimate | Bound, accuracy: float
) -> Any:
    """The member of RESULTS, with every choice a `where`, so that lanes may end differently."""
    traced = is_traced((found.risk, error.largest, error.determined))
    xp, dtype = (jnp, jnp.result_type(found.risk)) if traced else (np, np.float64)
    numbers = (error.largest, error.rms, error.unit, found.risk)
    largest, rms, unit, risk_of_f = (xp.asarray(number, dtype) for number in numbers)
    finite = xp.isfinite(largest)
    accurate = finite & (margin(error.is_bound) * largest <= accuracy)
    # a bound above the accuracy tells neither way
    known = finite & (accurate | (not error.is_bound))
    holds = rms <= HOLDS * unit
    within = _within_tolerances(risk, found)
    if any(term.tolerance is not None for term in risk.terms):
        holds |= within
    trained = xp.sqrt(xp.abs(risk_of_f))
    beyond = (rms > CLEARLY * trained) & (trained <= HOLDS * unit)
    before = found.result
    stationary = ended(before, RESULTS.not_zero, RESULTS.max_steps_reached)
    result = choose(stationary & beyond, RESULTS.overfitted, before)
    result = choose(stationary & ~known & holds, RESULTS.not_estimated, result)
    good = RESULTS.solved if error.fresh else RESULTS.on_sample
    result = choose(accurate & within, good, result)
    free = ~error.determined & finite & holds & ~ended(before, RESULTS.ran)
    result = choose(free, RESULTS.not_unique, result)
    # what is known of the iteration, and is no matter of accuracy
    kinds = [RESULTS.non_finite, RESULTS.disagree, RESULTS.not_unique]
    if "free_directions" in found.stats:
        kinds.append(RESULTS.max_steps_reached)
    return choose(ended(before, *kinds), before, result)


def _within_tolerances(risk: AbstractRisk, found: Solution) -> Any:
    """Whether the residuals on the sample are within the tolerances that the user gave."""
    given = [term for term in risk.terms if term.tolerance is not None]
    if not given:
        return np.asarray(True)
    problem, rms = found.problem, found.stats.get("rms")
    if problem is not None and problem.risk is risk and np.shape(rms) == (len(problem.equations),):
        # the solver has them, for the sample and the f that are judged
        asked = [equation.tolerance for equation in problem.equations]
        return (rms <= np.asarray([np.inf if a is None else a for a in asked])).all()
    small = [
        square <= term.tolerance**2 for term in given for square in mean_squares(term, found.value)
    ]
    if not small:
        return np.asarray(True)
    xp = jnp if is_traced(small) else np
    return xp.all(xp.stack(small))


def mean_squares(term: Any, f: Hypothesis) -> list[Any]:
    """E r^2 of each equation of a term on its sample; of a population nothing is known."""
    term = on_exact_shock(term, SHOCK_NODES)
    try:
        require_sample(term)
    except ValueError:
        return []
    bare = in_dtype(term.bare, theta_dtype(f))
    squares = mean_square_components(bare, f)
    ends = np.cumsum([0, *equation_widths(term.name, bare, f).values()])
    return [squares[a:b].sum() for a, b in itertools.pairwise(ends)]
