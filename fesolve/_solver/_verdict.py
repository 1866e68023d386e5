"""Tolerances of equations, and the directions of theta that equations decide."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._least_squares._assembly import blocks, Equation


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
    xp = np if isinstance(rms, np.ndarray) else jnp
    tolerances = np.asarray([tolerance_of(equation, dtype) for equation in equations], dtype)
    return xp.all(rms <= tolerances)


def decided_directions(
    sigma: Float[Array, " P"], theta: Float[Array, " P"], equations: tuple[Equation, ...]
) -> Bool[Array, " P"]:
    """Which right singular vectors of a Jacobian the equations decide, from its falling singular
    values: not those at rounding, nor those below the tolerance and a gap, the mark of a missing
    condition."""
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
