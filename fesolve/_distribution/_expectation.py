"""E_q[payoff(e)], the operator inside stochastic residuals, and its certainty equivalent."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, PyTree

from .._checks import function
from .._entry import entry
from .._operators._recursive import power_mean
from .._types import is_traced
from ._adapted import as_distribution
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

    def mean(values: Array, weights: Array) -> Array:
        return jnp.tensordot(weights, values, axes=1)

    return _over_points(mean, payoff, _exact(q, "expectation"))


@entry
def certainty_equivalent(
    payoff: Callable[..., PyTree], q: AbstractDistribution, gamma: ArrayLike
) -> PyTree:
    """(E_{e ~ q}[payoff(e)^(1 - gamma)])^(1 / (1 - gamma)): the sure payoff that is as good as the
    uncertain one to somebody of relative risk aversion gamma.

    At gamma = 1 it is exp(E[log payoff]), to which it is smooth; at 0 the expectation. It is
    homogeneous, and as exact near gamma = 1 and for large gamma as elsewhere. With
    `fe.recursive_utility` it makes Epstein and Zin's preferences.

    **Arguments:**

    - `payoff`: a function of one shock e that returns a number above 0, an array or a pytree of
      them.
    - `q`: an `fe.Empirical`, such as `fe.Normal(0.0, 0.1).quadrature(7)`, or an `fe.Dirac`.
    - `gamma`: the relative risk aversion, a number; may be traced.

    **Returns:** what `payoff` returns; nan where it is not above 0.

    **Raises:** `ValueError` for a continuous q, whose points have not been chosen, and for a gamma
    that is no number.

    **Source:** Kreps and Porteus (1978); Epstein and Zin (1989), "Substitution, risk aversion, and
    the temporal behavior of consumption and asset returns".
    """
    if jnp.shape(gamma) or not (is_traced(gamma) or np.isfinite(float(gamma))):
        raise ValueError(f"`gamma` is a relative risk aversion, a number; got {gamma}")
    if isinstance(q, Dirac):
        return payoff(jax.tree.map(jnp.asarray, q.point))

    def equivalent(values: Array, weights: Array) -> Array:
        return power_mean(values, weights, 1 - jnp.asarray(gamma).astype(values.dtype))

    return _over_points(equivalent, payoff, _exact(q, "certainty_equivalent"))


def _exact(q: AbstractDistribution, name: str) -> Empirical:
    found = as_distribution(q, f"q` of `{name}")
    if isinstance(found, Empirical):
        return found
    raise ValueError(
        f"`q` of `{name}` is continuous ({type(q).__name__}): call `q.quadrature(n)` or "
        "`q.empirical(n, key=key)` first"
    )


def _over_points(mean: Callable, payoff: Callable[..., PyTree], q: Empirical) -> PyTree:
    """A mean of the payoffs at the points of q, leaf by leaf."""
    function(payoff, "payoff", "`lambda e: v(x + e)`", ["e"])

    def of_leaf(values: Array) -> Array:
        if not jnp.issubdtype(values.dtype, jnp.inexact):
            values = values.astype(float)
        return mean(values, jnp.asarray(q.weights, values.dtype))

    return jax.tree.map(of_leaf, jax.vmap(payoff)(jax.tree.map(jnp.asarray, q.points)))
