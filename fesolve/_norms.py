"""Norms of functions as risks."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._hypothesis import AbstractKernelBasis, Series
from ._hypothesis._leaves import free_leaves
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


def _weights(f: Hypothesis) -> Float[Array, " P"]:
    """theta as one vector."""
    leaves = jax.tree.leaves(eqx.filter(f, free_leaves(f)))
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves]) if leaves else jnp.zeros(1)


weights_norm = Risk(_weights, tolerance=float("inf"), name="weights_norm")
"""|theta|^2, the squared norm of all parameters of f that are not frozen, as a risk.

A number at an f, the ridge of a regression, and what `fe.MinimumNorm` chooses by:

```python
fe.weights_norm(f)                                                 # |theta|^2
ridge = fe.solve(train + 1e-3 * fe.weights_norm, f).value
least = fe.solve(train, f, fe.MinimumNorm(fe.weights_norm)).value
```

For a part of f alone it is a risk of one's own, `fe.Risk(lambda f: f.coefficients)`.
"""
