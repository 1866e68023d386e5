"""How the points of a risk lie in the domain of a series."""

from typing import Any

import jax
import numpy as np

from .._hypothesis import Series
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced, Point
from ._fresh import is_movable
from ._values import is_inside


Box = list[tuple[Any, Any, Any, Any]]
"""Ends of the points, and of the domain of a series, leaf by leaf."""
FILLED = 1e-6
"""The share of the domain of a series that points may leave out and still fill it."""


def is_plain(risk: AbstractRisk, f: Hypothesis) -> bool:
    """Whether f is a series whose domain holds the points of the risk, so that these are taken for
    the points at which it is asked for."""
    box = _support(risk, f)
    return box is not None and _holds(box)


def _holds(box: Box) -> bool:
    return all(is_traced((a, b)) or is_inside(np.stack([a, b]), c, d) for a, b, c, d in box)


def fills(risk: AbstractRisk, f: Hypothesis) -> bool:
    """Whether f is plain, and the points of the risk are spread over all of its domain. Where the
    domain is wider, what f does beyond the points is nearly free, and a space as poor as f's own
    does not show it."""
    box = _support(risk, f)
    if box is None or is_traced(box):
        return box is not None
    numbers = [[np.asarray(end) for end in ends] for ends in box]
    spread = all(np.all(b - a >= (1 - FILLED) * (d - c)) for a, b, c, d in numbers)
    return spread and _holds(box)


def trained_in(risk: AbstractRisk, f: Hypothesis) -> tuple[Point, Point] | None:
    """The corners of the box in which a series was trained; `None` where it is all of its domain,
    or is not known."""
    if not is_plain(risk, f) or fills(risk, f):
        return None
    return next(term.population for term in risk.terms if is_movable(term)).support


def _support(risk: AbstractRisk, f: Hypothesis) -> Box | None:
    """Ends of the points, and of the domain of a series, leaf by leaf; `None` where their
    structures differ."""
    if not isinstance(f, Series):
        return None
    movable = [term.population for term in risk.terms if is_movable(term)]
    ends = movable[0].support if movable else f.basis.domain
    lower, upper = f.basis.domain
    if jax.tree.structure(ends[0]) != jax.tree.structure(lower):
        return None
    sides = [jax.tree.leaves(side) for side in (*ends, lower, upper)]
    found = list(zip(*sides, strict=True))
    return found if all(np.shape(a) == np.shape(c) for a, _, c, _ in found) else None
