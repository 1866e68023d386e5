"""Refinement, outside of the solvers: an adaptive basis grows until the last coefficients of f are
at rounding.

Solve, look at the last coefficients, take twice the degree, or halve the elements in which they are
too large, and solve again from there. What a solver sees is an f of a fixed basis, on a sample that
decides it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from .._distribution._dirac import is_continuous
from .._distribution._flat import filling_rule
from .._hypothesis import BSpline, Chebyshev, SpectralElements
from .._hypothesis._grow import (
    element_series,
    first,
    fixed,
    free_series,
    in_pieces,
    is_settled,
    map_free,
    of_degree,
    richer,
    unresolved,
)
from .._least_squares._tolerances import default_tolerance
from .._risk import AbstractRisk
from .._solution import ended, RESULTS, Solution
from .._types import changed, Hypothesis
from ._base import Task
from ._elements import on_elements
from ._minimum import UNRESOLVED_AT
from ._sequential import in_sequence, later, steps_in


NEAR = 1e-4
"""A risk that is smaller by this factor than at the start is near a solution, from which a richer
space begins; the risk of few coefficients may have minima that the risk of many has not."""
TELLS = 0.1
"""A risk that is smaller by this factor is that of an f whose coefficients tell how many more it
needs."""
ROUGH = 1e-2
"""An element that is shorter than this, relative to those that were given, stands at a place where
the equation is rough, if it does not hold."""


class Level(NamedTuple):
    """A task with a sample that decides its f, of a fixed basis.

    - `free`: the same f, its bases as the user left them to the solver; `None` where there are
      none to be refined.
    - `left`: how many steps may be taken; `None` where the solver does not count them.
    - `is_last`: whether no degree may be higher.
    """

    task: Task
    free: Hypothesis | None = None
    left: int | None = None
    is_last: bool = True


def refined(
    solve: Callable[[Level], Solution], task: Task, max_steps: int | None = None
) -> Solution:
    """The solution in a space in which it is resolved, or in the richest that is allowed or that
    so many steps lead to; in that of f itself where there is nothing to be refined."""
    risk, f = task.risk, task.f
    if is_settled(f):
        return solve(Level(task, left=max_steps))
    if not free_series(f):
        return solve(Level(task._replace(risk=sample_for(risk, f)), left=max_steps))
    if task.traced:
        return solve(Level(task.at(fixed(f), risk=sample_for(risk, f)), left=max_steps))
    asked, solutions, before = free_series(f), [], np.inf
    begin = free = map_free(first, f)
    while True:
        level = _level(task, free, solutions, asked, max_steps)
        found = solve(level)
        if not solutions:  # the square of the size of the residual, or of its parts
            unit = found.stats.get("unit")
            before = float(level.task.risk(level.task.f) if unit is None else unit**2)
        solutions.append(found)
        # what was found, its bases free as they were
        free = jax.tree.unflatten(jax.tree.structure(free), jax.tree.leaves(found.value))
        pieces = [unresolved(node) for node in free_series(free)]
        risk, rounding = float(found.risk), default_tolerance(np.asarray(found.risk).dtype)
        fatal = [RESULTS.max_steps_reached, RESULTS.not_affine]
        # a series of low degree may well lead to where nothing is finite
        fatal += [RESULTS.non_finite] if element_series(free) else []
        lost, is_resolved = bool(ended(found.result, *fatal)), not any(p.any() for p in pieces)
        if lost or (is_resolved and risk <= rounding**2 * max(1.0, before)):
            return _concluded(solutions, free, found.result)
        from_here = free
        if risk > NEAR * before and not in_pieces(free):
            of_degrees = lambda node, like: of_degree(node, like.basis.max_degree)
            from_here = map_free(of_degrees, begin, free_series(free))
        grown = _grown(from_here, pieces, asked, risk <= TELLS * before)
        if grown is None:
            place = _place(free, pieces, asked)
            is_open = bool(ended(found.result, RESULTS.not_zero))
            known = is_open and (not is_resolved or place is not None)
            return _concluded(solutions, free, RESULTS.unresolved if known else found.result, place)
        if max_steps is not None and steps_in(solutions) >= max_steps:
            return _concluded(solutions, free, RESULTS.max_steps_reached)
        free = grown


def sample_for(risk: AbstractRisk, f: Hypothesis) -> AbstractRisk:
    """The risk on points that decide the series in f whose bases are pieced together or free:
    Gauss nodes in each element, or a quadrature rule of the populations; a sample without a
    population stays."""
    degrees = [s.basis.size - 1 for s in free_series(f) if isinstance(s.basis, Chebyshev)]
    if degrees:
        nodes = max(degrees) + 8
        terms = [
            changed(term, distribution=filling_rule(term.population, nodes))
            if is_continuous(term.population)
            else term
            for term in risk.terms
        ]
        return sum(terms[1:], terms[0]).quadrature(nodes)  # of shocks that are continuous
    pieced = in_pieces(f)
    return on_elements(risk, pieced[0]) if pieced else risk


def _level(
    task: Task, free: Hypothesis, solutions: list[Solution], asked: list, max_steps: int | None
) -> Level:
    sample, watching = sample_for(task.risk, free), later(task.monitors, solutions)
    left = None if max_steps is None else max_steps - steps_in(solutions)
    degrees = [(s.basis, most.basis) for s, most in zip(free_series(free), asked, strict=True)]
    is_last = all(b.size == most.size for b, most in degrees if isinstance(b, Chebyshev))
    return Level(task.at(fixed(free), risk=sample, monitors=watching), free, left, is_last)


def _grown(f: Hypothesis, pieces: list[np.ndarray], asked: list, tells: bool) -> Hypothesis | None:
    """f with those bases richer that do not resolve it yet; `None` where there is no room. Where
    all do and the equations do not hold, degrees are too low: coefficients at rounding of what is
    no solution say nothing."""
    everywhere = not any(p.any() for p in pieces)
    grown = []
    for node, which, most in zip(free_series(f), pieces, asked, strict=True):
        is_low = everywhere and not isinstance(node.basis, SpectralElements)
        which = np.ones_like(which) if is_low else which
        finer = richer(node.basis, node, which, most, tells) if which.any() else node
        grown.append(finer)
    unchanged = all(a is b for a, b in zip(grown, free_series(f), strict=True))
    if unchanged or any(node is None for node in grown):
        return None
    return map_free(lambda _, node: node, f, grown)


def _place(f: Hypothesis, pieces: list[np.ndarray], asked: list) -> float | None:
    """Where the first element stands that does not resolve f; the shortest where all do, and it is
    so short that the equation is rough there."""
    for node, which, begun in zip(free_series(f), pieces, asked, strict=True):
        if isinstance(node.basis, Chebyshev):
            continue
        breaks = np.asarray(node.basis.pieces)
        widths, middles = np.diff(breaks), (breaks[:-1] + breaks[1:]) / 2
        if which.any():
            return float(middles[which][0])
        if widths.min() < ROUGH * np.diff(np.asarray(begun.basis.pieces)).min():
            return float(middles[np.argmin(widths)])
    return None


def _concluded(
    solutions: list[Solution], free: Hypothesis, result: Any, place: float | None = None
) -> Solution:
    """All levels as one solution, its degrees as they were found; elements stay free."""
    total, series = in_sequence(solutions), free_series(free)
    settle = lambda node: fixed(node) if isinstance(node.basis, Chebyshev) else node
    numbers = {
        "degree": [s.basis.max_degree for s in series if isinstance(s.basis, Chebyshev)],
        "elements": [s.basis.number for s in series if isinstance(s.basis, SpectralElements)],
        "knots": [s.basis.pieces.size for s in series if isinstance(s.basis, BSpline)],
        UNRESOLVED_AT: [] if place is None else [place],
    }
    more = {name: np.asarray(max(found)) for name, found in numbers.items() if found}
    value, stats = map_free(settle, free), {**total.stats, **more}
    return Solution(value, total.risk, result, stats, total.history)
