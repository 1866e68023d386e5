"""Means of a power, of which recursive utility is made."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._types import is_traced


def recursive_utility(
    consumption: ArrayLike, equivalent: ArrayLike, beta: ArrayLike, psi: ArrayLike
) -> Float[Array, ""]:
    """((1 - beta) c^p + beta m^p)^(1/p), p = 1 - 1/psi: the utility of consumption c today and of
    tomorrow's utility, whose certainty equivalent is m, in units of consumption.

    At psi = 1 it is c^(1 - beta) m^beta, to which it is smooth. Epstein and Zin's utility is then

    ```python
    def value(f, x, c):
        later = fe.certainty_equivalent(lambda e: f.value(step(x, c, e)), shock, gamma)
        return fe.recursive_utility(c, later, beta, psi)
    ```

    With psi = 1 / gamma it is expected utility, (1 - beta) sum of beta^t E c^(1 - gamma), in units
    of consumption.

    **Arguments:**

    - `consumption`: c, a number above 0.
    - `equivalent`: m, a number above 0, as `fe.certainty_equivalent` returns it.
    - `beta`: the discount factor.
    - `psi`: the elasticity of intertemporal substitution, above 0.

    **Returns:** a number; nan where c or m is not above 0.

    **Raises:** `ValueError` where `beta` is not between 0 and 1, or `psi` not above 0.

    **Source:** Epstein and Zin (1989), "Substitution, risk aversion, and the temporal behavior of
    consumption and asset returns", equation 3.5; Weil (1990).
    """
    if not is_traced(beta) and not 0 < float(beta) < 1:
        raise ValueError(f"`beta` is a discount factor and must lie between 0 and 1; got {beta}")
    if not is_traced(psi) and not float(psi) > 0:
        raise ValueError(f"`psi` is an elasticity of substitution and must be above 0; got {psi}")
    dtype = jnp.result_type(consumption, equivalent, 1.0)
    values = jnp.stack([jnp.asarray(v).astype(dtype) for v in (consumption, equivalent)])
    b = jnp.asarray(beta).astype(values.dtype)
    power = 1 - 1 / jnp.asarray(psi).astype(values.dtype)
    return power_mean(values, jnp.stack([1 - b, b]), power)


def power_mean(
    values: Float[Array, "..."], weights: Float[Array, " n"], power: Float[Array, ""]
) -> Float[Array, "..."]:
    """(sum_i w_i v_i^power)^(1 / power) over the first axis, for weights that sum to 1.

    Computed from logarithms around their mean: no digits are lost near power 0, where it is the
    geometric mean, and nothing overflows where the power is large.
    """
    positive = values > 0
    logs = jnp.where(positive, jnp.log(jnp.where(positive, values, 1)), jnp.nan)
    mean = jnp.tensordot(weights, logs, axes=1)
    away = logs - mean[None]
    scaled = power * away
    average = lambda a: jnp.tensordot(weights, a, axes=1)
    # near power 0, cumulants, whose derivatives in the power are right there as well
    second, third = average(away**2), average(away**3)
    near = power * (second / 2 + power * third / 6)
    nonzero = jnp.where(power == 0, 1, power)
    small = jnp.max(jnp.abs(scaled), axis=0) < 1
    excess = average(jnp.expm1(jnp.where(small[None], scaled, 0)))
    moderate = jnp.log1p(excess) / nonzero
    large = jnp.where(small[None], 0, scaled)
    top = jax.lax.stop_gradient(large.max(axis=0))
    far = (top + jnp.log(average(jnp.exp(large - top[None])))) / nonzero
    return jnp.exp(mean + jnp.where(power == 0, near, jnp.where(small, moderate, far)))
