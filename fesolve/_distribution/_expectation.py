"""E_q[payoff(e)], the operator inside stochastic residuals."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, PyTree

from .._entry import entry
from ._base import AbstractDistribution, Empirical
from ._dirac import Dirac


@entry
def expectation(payoff: Callable[..., PyTree], q: AbstractDistribution) -> PyTree:
    """E_{e ~ q}[payoff(e)] = sum_i w_i payoff(e_i), exactly, over the points of q.

    **Arguments:**

    - `payoff`: a function of one shock e that returns an array or a pytree of them.
    - `q`: an `fe.Empirical`, such as `fe.Normal(0.0, 0.1).quadrature(7)`, or an `fe.Dirac`.

    **Returns:** what `payoff` returns, averaged.

    **Raises:** `ValueError` for a continuous q, whose points have not been chosen.
    """
    if isinstance(q, Dirac):
        return payoff(jax.tree.map(jnp.asarray, q.point))
    if not isinstance(q, Empirical):
        raise ValueError(
            f"`q` of `expectation` is continuous ({type(q).__name__}): call `q.quadrature(n)` or "
            "`q.empirical(n, key=key)` first"
        )

    def mean(values: Array) -> Array:
        if not jnp.issubdtype(values.dtype, jnp.inexact):
            values = values.astype(float)
        return jnp.tensordot(jnp.asarray(q.weights, values.dtype), values, axes=1)

    return jax.tree.map(mean, jax.vmap(payoff)(jax.tree.map(jnp.asarray, q.points)))
