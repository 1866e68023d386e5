"""Initial-value problems: the rows in the order of their times, so that they can be weighted
causally and the past is solved before the future.

The empirical risk of an initial-value problem has false minima: a logistic curve that rests at 0
after its first instant has a risk of 1e-2 and an error of 0.93. With the weights
w_i = exp(-epsilon * sum of losses before t_i) a point counts only once all that comes before it is
solved (Wang, Sankaran and Perdikaris, 2022).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._distribution import Dirac
from .._iteration._algebra import Order
from .._types import is_traced
from ._assembly import by_term, LeastSquares


def timely_order(problem: LeastSquares, causal: Callable | None) -> Order | None:
    """The rows in the order of their times; `None` where the problem is no initial-value problem.

    With `causal`, times are what it says. Without it, a scalar x whose conditions all stand at
    the lower end of the sample, or all at the upper end, is taken for time, forward or backward.
    Of points that are traced this is not known, and all times are 0 where it is not so.
    """
    points = [bare.points for bare in problem.bares]
    times = lambda p: jax.vmap(causal)(p)
    if causal is None:
        direction = _direction(problem, points)
        if direction is None:
            return None
        times = lambda p: direction * (jnp if is_traced(p) else np).asarray(p, float)
    rows = []
    for p, equation in zip(points, by_term(problem.equations), strict=True):
        t = np.full(1, -np.inf) if p is None else times(p)
        if t.shape != (equation.points,):
            raise ValueError(
                f"`causal` must map one point to one time; it gave shape {t.shape[1:]} a point"
            )
        rows.append((t, equation.width))
    xp = jnp if is_traced([t for t, _ in rows]) else np
    times = xp.concatenate([xp.repeat(xp.asarray(t, float), width) for t, width in rows])
    order = xp.argsort(times)
    return Order(order, xp.searchsorted(times[order], times))


def _direction(problem: LeastSquares, points: list) -> Any:
    if any(not isinstance(p, np.ndarray | jax.Array) or p.ndim != 1 for p in points):
        return None
    traced = is_traced(points)
    xp = jnp if traced else np
    sides: dict[bool, list] = {True: [], False: []}
    for p, term in zip(points, problem.terms, strict=True):
        sides[isinstance(term.distribution, Dirac)].append(xp.asarray(p, float))
    if not sides[True] or not sides[False]:
        return None
    conditions, inside = xp.concatenate(sides[True]), xp.concatenate(sides[False])
    one_time = (conditions == conditions[0]).all()
    forward = one_time & (conditions[0] <= inside.min())
    backward = one_time & (conditions[0] >= inside.max())
    direction = xp.where(forward, 1.0, xp.where(backward, -1.0, 0.0))
    return direction if traced or direction else None
