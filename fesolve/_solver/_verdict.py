"""Whether a least-squares minimum is a solution: zero is known, and theta must be determined."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ._assembly import Equation


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
    for equation in equations:
        end = equation.start + equation.points * equation.width
        block = r[equation.start : end].reshape(equation.points, equation.width)
        square = xp.sum(block[:, list(equation.columns)] ** 2)
        multiplier = multipliers[equation.term]
        safe = xp.where(multiplier != 0, multiplier, 1)
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
    residual per unit of theta along the direction that it sees least. Smooth equations with other,
    rougher solutions have some small ones that are harmless, so the bar is a thousandth of the
    tolerance where nothing more is known.
    """
    xp = np if isinstance(theta, np.ndarray) else jnp
    bar = max(1e-3 * _bar(equations, dtype), 4 * float(np.finfo(dtype).eps))
    return smallest * xp.maximum(1.0, xp.linalg.norm(theta)) > bar


def spectrum_determines(
    jacobian: np.ndarray, theta: np.ndarray, equations: tuple[Equation, ...]
) -> bool:
    """The same from all singular values. Theta is not determined where J has lost rank to
    rounding; nor where singular values below the tolerance stand apart from the others by a gap:
    that is the mark of a missing condition, while those of rougher solutions come down in steps.
    """
    dtype = theta.dtype
    scale = np.linalg.norm(jacobian, axis=0)
    if not scale.all():
        return False
    values = np.linalg.svd(jacobian / scale, compute_uv=False)[::-1]
    if values[0] <= 1e3 * np.finfo(dtype).eps * values[-1]:
        return False
    values = np.linalg.svd(jacobian, compute_uv=False)[::-1]
    small = values[:-1] * max(1.0, float(np.linalg.norm(theta))) < _bar(equations, dtype)
    return not bool(np.any(small & (values[1:] > 1e4 * values[:-1])))


def decided_directions(
    sigma: Float[Array, " P"], theta: Float[Array, " P"], equations: tuple[Equation, ...]
) -> Bool[Array, " P"]:
    """Which right singular vectors of a Jacobian the equations decide, by the same two marks, from
    its falling singular values: not those at rounding, nor those below the tolerance and a gap."""
    eps, bar = float(np.finfo(theta.dtype).eps), _bar(equations, theta.dtype)
    size = sigma * jnp.maximum(1.0, jnp.linalg.norm(theta))
    before = jnp.concatenate([jnp.full(1, jnp.inf, sigma.dtype), sigma[:-1]])
    below_gap = jnp.cumsum((size < bar) & (before > 1e4 * sigma)) > 0
    at_rounding = (size <= max(1e-3 * bar, 4 * eps)) | (sigma <= 1e3 * eps * sigma[0])
    return ~(below_gap | at_rounding)


def _bar(equations: tuple[Equation, ...], dtype: Any) -> float:
    finite = [t for e in equations if np.isfinite(t := tolerance_of(e, dtype))]
    least = min(finite, default=1e3 * float(np.finfo(dtype).eps))
    return min(least, default_tolerance(dtype))
