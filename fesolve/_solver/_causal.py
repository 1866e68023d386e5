"""Initial-value problems: residuals weighted causally, so that the past is solved before the
future.

The empirical risk of an initial-value problem has false minima: a logistic curve that rests at 0
after its first instant has a risk of 1e-2 and an error of 0.93. With the weights
w_i = exp(-epsilon * sum of losses before t_i) a point counts only once all that comes before it is
solved (Wang, Sankaran and Perdikaris, 2022).
"""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np

from .._distribution import Dirac
from .._least_squares._assembly import LeastSquares
from ._host import Functions, levenberg_marquardt, Progress


STRICTNESS = (1e2, 1e3, 1e4)
"""The epsilons: how small the past must be, in the unit of r, before the future counts."""


def row_times(problem: LeastSquares, causal: Callable | None) -> np.ndarray | None:
    """The time of each row; `None` where the problem is no initial-value problem.

    With `causal`, times are what it says. Without it, a scalar x whose conditions all stand at
    the lower end of the sample, or all at the upper end, is taken for time, forward or backward.
    """
    points = [bare[3] for bare in problem.bares]
    if causal is None:
        direction = _direction(problem, points)
        if direction is None:
            return None
        causal = lambda x: direction * x
    times = []
    for p, (count, width) in zip(points, _shapes(problem), strict=True):
        t = np.full(1, -np.inf) if p is None else np.asarray(jax.vmap(causal)(p), float)
        if t.shape != (count,):
            raise ValueError(
                f"`causal` must map one point to one time; it gave shape {t.shape[1:]} a point"
            )
        times.append(np.repeat(t, width))
    return np.concatenate(times)


def _shapes(problem: LeastSquares) -> list[tuple[int, int]]:
    found = {e.term: (e.points, e.width) for e in problem.equations}
    return [found[index] for index in sorted(found)]


def _direction(problem: LeastSquares, points: list) -> int | None:
    if any(not isinstance(p, np.ndarray | jax.Array) or p.ndim != 1 for p in points):
        return None
    conditions = [
        float(p[0])
        for p, term in zip(points, problem.terms, strict=True)
        if isinstance(term.distribution, Dirac)
    ]
    inside = [
        np.asarray(p)
        for p, term in zip(points, problem.terms, strict=True)
        if not isinstance(term.distribution, Dirac)
    ]
    if not conditions or not inside or len(set(conditions)) > 1:
        return None
    low, high = min(p.min() for p in inside), max(p.max() for p in inside)
    if conditions[0] <= low:
        return 1
    return -1 if conditions[0] >= high else None


def travel_causally(functions: Functions, state: Progress, times: np.ndarray, max_steps: int):
    """Damped steps under causal weights, stricter and stricter, until every weight is near 1."""
    order = np.argsort(times, kind="stable")
    later = np.searchsorted(times[order], times, side="left")
    for strictness in STRICTNESS:
        while state.steps < max_steps:
            r, jacobian = functions.linearise(state.theta)
            state.evaluations += 1
            before = np.concatenate([[0.0], np.cumsum((r[order] / state.unit) ** 2)])[later]
            if strictness * before.max() < 1e-2:
                break
            scale = np.exp(-0.5 * strictness * before)
            weighted = Functions(
                lambda theta, s=scale: s * functions.residuals(theta),
                lambda theta, s=scale: _scaled(s, functions.linearise(theta)),
                functions.report,
            )
            state.r, state.jacobian = scale * r, scale[:, None] * jacobian
            start, cost = state.steps, state.cost
            levenberg_marquardt(weighted, state, 8, 1e-12, floor=1e-3 * cost)
            state.converged = False
            if state.steps == start or state.cost > 0.999 * cost:
                break
    state.r, state.jacobian = functions.linearise(state.theta)


def _scaled(scale: np.ndarray, pair: tuple[np.ndarray, np.ndarray]):
    return scale * pair[0], scale[:, None] * pair[1]


def copy_of(state: Progress) -> Progress:
    """The same standing point, to go on from in another way."""
    return dataclasses.replace(state, history=list(state.history))
