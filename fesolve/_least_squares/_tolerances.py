"""Tolerances of equations, and whether the equations hold."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._iteration._algebra import Point
from ._assembly import blocks, Equation


def default_tolerance(dtype: Any) -> float:
    """sqrt(E r^2) at or below which an equation counts as solved, where its risk does not say."""
    return 1e-6 if np.finfo(dtype).bits >= 64 else 1e-3


def tolerance_of(equation: Equation, dtype: Any) -> float:
    return default_tolerance(dtype) if equation.tolerance is None else equation.tolerance


def root_mean_squares(
    equations: tuple[Equation, ...], r: Any, multipliers: list
) -> Float[Array | np.ndarray, " equations"]:
    """sqrt(E r^2) of each equation, without the multipliers of the terms."""
    xp = np if isinstance(r, np.ndarray) else jnp
    values = []
    for equation, block in zip(equations, blocks(equations, r), strict=True):
        square = xp.sum(block**2)
        multiplier = multipliers[equation.term]
        safe = xp.where(multiplier != 0, multiplier, 1)
        values.append(xp.sqrt(square / safe))
    return xp.stack(values)


def within_tolerance(equations: tuple[Equation, ...], rms: Any, dtype: Any) -> Any:
    """Whether every equation holds to within its tolerance; a NaN never does."""
    tolerances = np.asarray([tolerance_of(equation, dtype) for equation in equations], dtype)
    return (rms <= tolerances).all()


def holds(equations: tuple[Equation, ...], multipliers: list, point: Point) -> Any:
    """Whether every equation holds: its root mean square is within its tolerance, or small
    against the size of the parts of which it is the sum. One that need not be zero, as in a
    regression, has no residual at which it is known to have been minimised."""
    theta, r, jacobian, _ = point
    xp = np if isinstance(r, np.ndarray) else jnp
    relative = default_tolerance(r.dtype)
    parts = blocks(equations, jacobian**2 @ theta**2)
    squares = blocks(equations, r**2)
    good = []
    for equation, part, square in zip(equations, parts, squares, strict=True):
        tolerance = equation.tolerance if np.isfinite(equation.tolerance or 0.0) else None
        given = (tolerance or 0.0) ** 2 * multipliers[equation.term]
        good.append(square.sum() <= xp.maximum(relative**2 * part.sum(), given))
    return xp.all(xp.stack(good))
