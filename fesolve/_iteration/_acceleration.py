"""Geodesic acceleration of a damped step, in NumPy or JAX.

**Reference:** Transtrum and Sethna (2012), "Improvements to the Levenberg-Marquardt algorithm for
nonlinear least-squares minimization".
"""

from collections.abc import Callable
from typing import Any


AHEAD = 0.1
"""The share of a step after which the residual tells its second derivative along it."""


def acceleration(
    xp: Any, again: Callable[[Any], Any], r: Any, there: Any, ahead: Any, direction: Any
) -> Any:
    """Half of the geodesic acceleration along a step; zero where it is no small correction of it.
    The second directional derivative is a finite difference, one more residual, because its exact
    form doubles the compilation.

    **Arguments:** `again`, b -> -(J^T J + damping I)^-1 J^T b; `there`, the residual after the
    share `AHEAD` of the step; `ahead`, J times the step.
    """
    found = 0.5 * again(2 / AHEAD * ((there - r) / AHEAD - ahead))
    # a NaN is never less
    small = 2 * xp.linalg.norm(found) < 0.75 * xp.linalg.norm(direction)
    return xp.where(small, found, 0)
