"""Elementwise losses l(r), each zero at r = 0 and nowhere else."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def squared(r: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """l(r) = r^2: least squares, which every least-squares solver needs."""
    return r * r


def absolute(r: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """l(r) = |r|: the loss whose minimiser is a median."""
    return jnp.abs(r)


def huber(r: Float[Array, "*shape"], threshold: float = 1.0) -> Float[Array, "*shape"]:
    """l(r) = r^2 / 2 where |r| <= threshold, threshold (|r| - threshold / 2) beyond.

    **Source:** Huber (1964), "Robust estimation of a location parameter".
    """
    size = jnp.abs(r)
    near = jnp.minimum(size, threshold)
    return near * (size - 0.5 * near)
