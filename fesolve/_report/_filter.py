"""The cycle that is left when a smooth trend is taken out."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._types import is_traced


def hp_cycle(
    y: Float[Array | np.ndarray, "..."], smoothing: float | int = 1600.0
) -> Float[Array, "..."]:
    """y - argmin over tau of sum (y_t - tau_t)^2 + smoothing sum (second difference of tau)^2: the
    cycle of Hodrick and Prescott, y less its trend.

    The trend solves (I + smoothing D' D) tau = y, a band of five, by SciPy. Inside `jit` and `grad`
    it is one product with the matrix of the filter.

    **Arguments:**

    - `y`: a series of at least 3 entries, or several as columns.
    - `smoothing`: 1600 for quarters, 6.25 for years, 129,600 for months.

    **Returns:** the cycle, shaped like y.

    **Raises:** `ValueError` for fewer than 3 entries, and for a `smoothing` that is not above 0.

    **Source:** Hodrick and Prescott (1997), "Postwar U.S. business cycles"; Ravn and Uhlig (2002)
    for other frequencies.
    """
    from scipy.linalg import solveh_banded

    if np.ndim(y) < 1 or np.shape(y)[0] < 3:
        raise ValueError(f"`y` must be a series of at least 3 entries; got shape {np.shape(y)}")
    if not 0 < smoothing < np.inf:
        raise ValueError(f"`smoothing` must be above 0, such as 1600; got {smoothing}")
    band = _band(np.shape(y)[0], float(smoothing))
    if is_traced(y):
        trend = solveh_banded(band, np.eye(band.shape[1]))
        return y - jnp.tensordot(jnp.asarray(trend, y.dtype), y, axes=1)
    values = np.asarray(y, float)
    flat = values.reshape(len(values), -1)
    cycle = flat - solveh_banded(band, flat)
    return jnp.asarray(cycle.reshape(values.shape), jnp.result_type(y, float))


def _band(t: int, smoothing: float) -> np.ndarray:
    """The upper band of I + smoothing D' D, as SciPy has it: rows are the diagonals 2, 1 and 0."""
    rows = np.zeros((t - 2, 3)) + np.array([1.0, -2.0, 1.0])
    band = np.zeros((3, t))
    for i in range(3):
        for j in range(i, 3):  # entries (s + i, s + j) of D' D, of each row s of D
            band[2 - (j - i), j : j + t - 2] += rows[:, i] * rows[:, j]
    band *= smoothing
    band[2] += 1
    return band
