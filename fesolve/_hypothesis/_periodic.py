"""Bases for a point on a circle and for a point of a finite set."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._types import Point
from ._basis import AbstractBasis, AbstractGlobalBasis, checked_degree, interval, real_scalar


class Fourier(AbstractGlobalBasis):
    """1, cos w(x - lo), ..., cos nw(x - lo), sin w(x - lo), ..., sin nw(x - lo) with the degree n
    and w = 2 pi / (hi - lo): functions of period hi - lo.

    **Arguments:** `degree`, n >= 0; `domain`, one period (lo, hi), in units of x.

    **Raises:** `ValueError` for a negative degree, and unless lo < hi.
    """

    lower: Any
    upper: Any
    degree: int = eqx.field(static=True)

    def __init__(self, degree: int, domain: Any = (0.0, 2 * np.pi)):
        self.degree = checked_degree(degree, "degree", "Fourier")
        self.lower, self.upper = interval(domain, "Fourier")

    @property
    def size(self) -> int:
        return 2 * self.degree + 1

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.lower, self.upper

    @property
    def degrees(self) -> np.ndarray:
        n = np.arange(1, self.degree + 1)
        return np.concatenate([[0], n, n])

    @property
    def constant(self) -> np.ndarray:
        return np.eye(1, self.size)[0]

    def __call__(self, x: ArrayLike) -> Float[Array, " size"]:
        x = real_scalar(x, "Fourier")
        lo, hi = (jnp.asarray(end).astype(x.dtype) for end in self.domain)
        angle = (2 * np.pi * (x - lo) / (hi - lo)) * jnp.arange(1, self.degree + 1, dtype=x.dtype)
        return jnp.concatenate([jnp.ones(1, x.dtype), jnp.cos(angle), jnp.sin(angle)])


class Indicator(AbstractBasis):
    """1{x = 0}, ..., 1{x = states - 1}: all functions of a discrete state x.

    A state outside 0, ..., states - 1 gives NaN.

    **Arguments:** `states`, the number of states.

    **Raises:** `ValueError` unless it is a positive integer.
    """

    states: int = eqx.field(static=True)

    def __init__(self, states: int):
        self.states = checked_degree(states, "states", "Indicator")
        if self.states == 0:
            raise ValueError("`states` of Indicator must be at least 1; got 0")

    @property
    def size(self) -> int:
        return self.states

    @property
    def domain(self) -> tuple[Any, Any]:
        return np.asarray(0), np.asarray(self.size - 1)

    @property
    def degrees(self) -> np.ndarray:
        return np.zeros(self.size, int)

    @property
    def constant(self) -> np.ndarray:
        return np.ones(self.size)

    def __call__(self, x: Point) -> Float[Array, " size"]:
        return self.evaluate(jnp.eye(self.size), x)

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        state = jnp.asarray(x)
        if state.ndim or not jnp.issubdtype(state.dtype, jnp.integer):
            raise ValueError(
                f"Indicator takes an integer x, got {state.dtype}{state.shape}: keep a discrete "
                "state apart, by `fe.Product(k=p, z=q)` and `fe.Tensor(k=b, z=fe.Indicator(m))`"
            )
        # A negative index would count from the end.
        state = jnp.where(state < 0, self.size, state)
        return jnp.take(coefficients, state, axis=-1, mode="fill", fill_value=jnp.nan)
