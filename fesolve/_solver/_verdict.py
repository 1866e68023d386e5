"""Whether a least-squares minimum is a solution: zero is known, and theta must be determined."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import ArrayLike, Float

from ._assembly import Equation


def default_tolerance(dtype: Any) -> float:
    """sqrt(E r^2) at or below which an equation counts as solved, where its risk does not say."""
    return 1e-6 if np.finfo(dtype).bits >= 64 else 1e-3


def tolerance_of(equation: Equation, dtype: Any) -> float:
    return default_tolerance(dtype) if equation.tolerance is None else equation.tolerance


def root_mean_squares(
    equations: tuple[Equation, ...], r: Any, multipliers: list
) -> Float[ArrayLike, " equations"]:
    """sqrt(E r^2) of each equation, without the multipliers of the terms."""
    xp = np if isinstance(r, np.ndarray) else jnp
    values = []
    for equation in equations:
        end = equation.start + equation.points * equation.width
        block = r[equation.start : end].reshape(equation.points, equation.width)
        square = xp.sum(block[:, list(equation.columns)] ** 2)
        multiplier = multipliers[equation.term]
        safe = xp.where(multiplier > 0, multiplier, 1)
        values.append(xp.sqrt(square / safe))
    return xp.stack(values)


def within_tolerance(equations: tuple[Equation, ...], rms: Any, dtype: Any) -> Any:
    """Whether every equation holds to within its tolerance; a NaN never does."""
    xp = np if isinstance(rms, np.ndarray) else jnp
    tolerances = np.asarray([tolerance_of(equation, dtype) for equation in equations], dtype)
    return xp.all(rms <= tolerances)


def is_determined(smallest: Any, theta: Any, equations: tuple[Equation, ...], dtype: Any) -> Any:
    """Whether a change of theta as large as theta itself would show in the residual.

    `smallest` is the smallest singular value of the Jacobian: the change of the root mean square
    residual per unit of theta along the direction that it sees least.
    """
    xp = np if isinstance(theta, np.ndarray) else jnp
    finite = [t for e in equations if np.isfinite(t := tolerance_of(e, dtype))]
    least = min(finite, default=1e3 * float(np.finfo(dtype).eps))
    return smallest * xp.maximum(1.0, xp.linalg.norm(theta)) > max(
        min(least, default_tolerance(dtype)), 4 * float(np.finfo(dtype).eps)
    )
