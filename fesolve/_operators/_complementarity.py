"""Complementarity conditions as equations."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float


def fischer_burmeister(
    a: ArrayLike, b: ArrayLike, smoothing: ArrayLike = 0.0
) -> Float[Array, "..."]:
    """a + b - sqrt(a^2 + b^2 + 2 smoothing^2): zero if and only if a >= 0, b >= 0 and a b = 0.

    With smoothing it is zero if and only if a > 0, b > 0 and a b = smoothing^2. Its derivative
    is safe at the origin, where it is that of a + b, an element of the generalised Jacobian.

    **Arguments:** `a` and `b`, the two sides of the complementarity condition, in comparable
    units, numbers or arrays of one shape, where each component is a condition of its own;
    `smoothing` >= 0, in the same units. It may be traced: in the `args` of a risk it can be lowered
    from solve to solve without a compilation.

    **Source:** Fischer (1992), "A special Newton-type optimization method"; Kanzow (1996) for
    the smoothing.
    """
    a, b = jnp.asarray(a), jnp.asarray(b)
    smoothing = jnp.asarray(smoothing).astype(jnp.result_type(a, b, float))
    squares = a * a + b * b + 2 * smoothing**2
    positive = squares > 0
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1)), 0)
    # Where a + b > 0 the difference would cancel; times its conjugate it does not.
    add = a + b > 0
    product = 2 * (a * b - smoothing**2) / jnp.where(add, a + b + root, 1)
    return jnp.where(add, product, a + b - root)
