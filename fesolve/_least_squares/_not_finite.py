"""Where a residual, or its derivative, is not finite, as a sentence."""

from typing import Any

import jax
import numpy as np

from ._assembly import blocks, LeastSquares


MOST = 1 << 28
"""Entries of a Jacobian beyond which none is made for the sake of a sentence."""


def where_not_finite(problem: LeastSquares, beyond: Any = None) -> str:
    """Which equation is not finite, at theta or after the shortest step from it, at how many
    points, and at which first.

    **Arguments:** `beyond`, theta after that step, where one was tried.
    """
    places = {"At the f that was reached": problem.theta}
    if beyond is not None and np.shape(beyond) == np.shape(problem.theta):
        places["After the shortest step from the f that was reached"] = beyond
    for place, theta in places.items():
        found = _at(problem, theta)
        if found is not None:
            return f"{place}, {found}"
    return (
        "At the f that was reached, residual and derivative are finite: it is not the equations, "
        "but a norm (`fe.MinimumNorm`), or steps that are too long"
    )


def _at(problem: LeastSquares, theta: Any) -> str | None:
    bad = ~np.isfinite(problem.residuals(theta))
    found = _first(problem, bad)
    if found is not None:
        name, count, where = found
        return f"residual `{name}` is not finite at {count}{where}"
    if bad.size * problem.theta.size > MOST:
        return None
    found = _first(problem, ~np.isfinite(problem.linearise(theta)[1]).all(axis=1))
    if found is None:
        return None
    name, count, where = found
    return (
        f"the derivative of residual `{name}` in f is not finite at {count}{where}, where the "
        "residual itself is: a root or a power below 1 has no slope at 0, and behind a "
        "`jnp.where` or a `jnp.maximum` its slope still counts. Put `jnp.where` on both sides, "
        "around the argument of the function as well as around its value, or use a power > 1"
    )


def _first(problem: LeastSquares, rows: np.ndarray) -> tuple[str, str, str] | None:
    """The first equation of which some rows are marked, at how many points, and at which."""
    marks = blocks(problem.equations, rows)
    for equation, block in zip(problem.equations, marks, strict=True):
        bad = np.flatnonzero(block.any(axis=1))
        if bad.size:
            points = problem.bares[equation.term].points
            first = "" if points is None else f", first at x = {_point(points, int(bad[0]))}"
            return equation.name, f"{bad.size} of {equation.points} points", first
    return None


def _point(points: Any, index: int) -> str:
    return str(jax.tree.map(lambda p: np.asarray(p[index]).tolist(), points))
