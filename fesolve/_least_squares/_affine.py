"""Whether residuals are affine in theta, found by trying, or by a step."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float


def is_affine(
    residuals: Callable[[Any], Float[np.ndarray, " N"]], theta: Float[np.ndarray, " P"]
) -> bool:
    """Whether r(theta + d) - r(theta) = r(theta) - r(theta - d), to half of the digits, for a d
    that changes every entry by as much as it is, and by 1 at least.

    It costs three residuals and no Jacobian. What is affine in pieces may pass, so that whoever
    asks must be right, and no more than slower, where it is not so.
    """
    size = 1 + np.abs(theta)
    step = (size * np.random.default_rng(0).uniform(0.5, 1.0, theta.size)).astype(theta.dtype)
    step *= np.where(np.random.default_rng(1).uniform(size=theta.size) < 0.5, -1, 1)
    before, here, after = (residuals(t) for t in (theta - step, theta, theta + step))
    if not all(np.isfinite(r).all() for r in (before, here, after)):
        return False
    first, second, norm = here - before, after - here, np.linalg.norm
    eps = float(np.finfo(theta.dtype).eps)
    rounding = 100 * eps * (norm(before) + norm(here) + norm(after))
    return bool(norm(second - first) <= eps**0.5 * (norm(first) + norm(second)) + rounding)


def is_foretold(xp: Any, r: Any, jacobian: Any, step: Any, ahead: Any, after: Any) -> Any:
    """Whether the residual after a step is r + J step, with `ahead` = J step, to half of the
    digits."""
    eps, norm = float(np.finfo(r.dtype).eps), xp.linalg.norm
    rounding = 100 * eps * xp.sqrt((jacobian**2).sum()) * norm(step)
    return norm(after - (r + ahead)) <= eps**0.5 * (norm(r) + norm(ahead)) + rounding
