"""The maximum over finitely many alternatives, with or without shocks to taste."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._types import is_traced


def discrete_choice(
    values: Any, scale: ArrayLike = 0.0
) -> tuple[Float[Array, ""], Float[Array, " alternatives"]]:
    """E max_k (values_k + scale e_k) and the probability that k is chosen: the maximum over
    alternatives in a Bellman equation.

    The e_k are independent shocks to taste with Gumbel's distribution and mean 0, so that the value
    is the log-sum, scale log sum_k exp(values_k / scale), and the probabilities are the logit's,
    exp(values_k / scale) over their sum. At scale 0 the value is the maximum, and the first
    alternative that reaches it is chosen. The derivative of the value in `values` is the
    probabilities, at scale 0 too.

    ```python
    def bellman(f, b, scale):                # repay or default
        value, _ = fe.discrete_choice(jnp.stack([f.repay(b), f.default(b)]), scale)
        ...
    ```

    Smooth values are easier to solve for: begin at a scale that is a fair part of the differences
    between alternatives, pass it through `args`, and let `fe.Continuation` take it to 0.

    **Arguments:**

    - `values`: of the alternatives, of shape (k,). One that cannot be taken is -inf.
    - `scale`: of the shocks, >= 0, in the unit of `values`; may be traced.

    **Returns:** the value, a number, and the probabilities, of shape (k,).

    **Raises:** `ValueError` where `values` is no vector of real numbers, or `scale` is negative or
    no number.

    **Source:** McFadden (1974), "Conditional logit analysis of qualitative choice behavior"; Rust
    (1987), "Optimal replacement of GMC bus engines", equations 4.13 and 4.14.
    """
    values = jnp.asarray(values)
    if values.ndim != 1 or values.size == 0 or not jnp.issubdtype(values.dtype, jnp.floating):
        raise ValueError(
            "`values` of `discrete_choice` must be one real number for each alternative, of shape "
            f"(k,), as `jnp.stack([stay, leave])` is; got shape {values.shape} of {values.dtype}"
        )
    scale = jnp.asarray(scale).astype(values.dtype)
    if scale.shape:
        raise ValueError(f"`scale` of `discrete_choice` must be a number; got shape {scale.shape}")
    if not is_traced(scale) and not scale >= 0:
        raise ValueError(f"`scale` of `discrete_choice` must be >= 0; got {float(scale)}")
    best = jnp.argmax(values)
    most = values[best]
    possible = jnp.isfinite(values) & jnp.isfinite(most)
    behind = jnp.where(possible, values - most, 0)
    # where scale is 0, another one stands in: the branch that is not taken has a derivative too
    positive = jnp.where(scale > 0, scale, 1)
    odds = jnp.where(possible, jnp.exp(behind / positive), 0)
    total = jnp.sum(odds)
    smooth = most + scale * jnp.log(jnp.where(total > 0, total, 1))
    sharp = jax.nn.one_hot(best, values.size, dtype=values.dtype)
    chosen = jnp.where((scale > 0) & (total > 0), odds / jnp.where(total > 0, total, 1), sharp)
    return jnp.where(scale > 0, smooth, most), chosen
