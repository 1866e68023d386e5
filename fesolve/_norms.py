"""Norms of functions as risks."""

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from ._hypothesis import AbstractKernelBasis, Series
from ._risk import Risk
from ._types import Hypothesis


def _all(f: Hypothesis) -> Any:
    return f


def rkhs_norm(where: Callable = _all, *, name: str = "rkhs_norm") -> Risk:
    """The squared norm of a series of kernels in their Hilbert space, alpha' K alpha: a risk
    without distribution, for `fe.MinimumNorm`.

    For a series of `fe.KernelBasis` it is the norm of f, for one of `fe.IntegratedKernelBasis` that
    of f', which leaves the level of f free. The norms of several series are summed as risks are,
    with weights:

    ```python
    norm = fe.rkhs_norm(lambda f: f.k) + 2.0 * fe.rkhs_norm(lambda f: f.mu)
    ```

    Eigenvalues of (K(x_i, x_j)) below rounding count as rounding, so that no direction is free of
    charge. Components of a vector-valued series are summed.

    **Arguments:**

    - `where`: `f -> series`, by default f itself.
    - `name`: what reports call it.

    **Raises:** `ValueError`, when it is evaluated, where that is no series of kernels.
    """

    def coordinates(f: Hypothesis) -> Float[Array, "..."]:
        series = where(f)
        if not (isinstance(series, Series) and isinstance(series.basis, AbstractKernelBasis)):
            kind = type(series.basis if isinstance(series, Series) else series).__name__
            raise ValueError(
                "`where` of `rkhs_norm` must lead to a `fe.Series` of `fe.KernelBasis` or "
                f"`fe.IntegratedKernelBasis`; got {kind}. Other functions have Sobolev norms: "
                "`fe.Risk(slope, distribution).quadrature(n)`"
            )
        return series.basis.isometry(series.coefficients)

    return Risk(coordinates, name=name)
