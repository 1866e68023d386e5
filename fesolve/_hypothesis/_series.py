"""f(x) = sum_i c_i phi_i(x): the hypothesis that is linear in theta."""

import functools
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import floating, real_array, size as checked_size
from .._compiled import compiled
from .._show import Called
from .._types import is_traced, on_device, Point
from ._basis import AbstractBasis


class Series(Called):
    """f(x) = sum_i c_i phi_i(x), theta = (c_i).

    **Arguments:**

    - `basis`: the functions phi_i.
    - `out_size`: `"scalar"`, or the length of the vector f(x).
    - `start`: the constant that f is before it is solved for: a number or, for a vector-valued
      f, one number a component.
    - `dtype`: of the coefficients, by default JAX's default floating-point type.

    **Raises:** `ValueError` where `basis` is none, or `out_size` or `start` has a wrong shape.
    """

    basis: AbstractBasis
    coefficients: Float[Array, "*out size"]

    def __init__(
        self,
        basis: Any,
        out_size: int | Literal["scalar"] = "scalar",
        *,
        start: Any = 0.0,
        dtype: Any = None,
    ):
        if not isinstance(basis, AbstractBasis):
            raise ValueError(
                f"`basis` must be a basis such as `fe.Chebyshev(12, (0.0, 1.0))`; got {basis!r}"
            )
        checked_size(out_size, "out_size", "Series")
        out = () if out_size == "scalar" else (out_size,)
        dtype = floating(dtype, "Series")
        # NumPy costs no compilation where nothing is traced.
        xp = jnp if is_traced(start) else np
        value = real_array(start, "start", "Series", dtype)
        if value.shape not in ((), out):
            raise ValueError(
                f"`start` must be a number or have the shape {out} of f(x); got {value.shape}"
            )
        constant = basis.constant
        if constant is None:
            if is_traced(value) or np.any(value != 0):
                raise ValueError(
                    f"`start` must be 0: no combination of the functions of "
                    f"{type(basis).__name__} is constant. `fe.IntegratedKernelBasis` has the "
                    "constant 1"
                )
            constant = np.zeros(basis.size)
        constant = np.asarray(constant, dtype)
        self.basis = basis
        self.coefficients = on_device(xp.broadcast_to(value, out)[..., None] * constant)

    def __call__(self, x: Point) -> Float[Array, "*out"]:
        x = in_dtype(x, self.coefficients.dtype)
        if is_traced(x):
            return self.basis.evaluate(self.coefficients, x)
        return _evaluated(self.basis, self.coefficients, x)


@compiled
def _evaluated(
    basis: AbstractBasis, coefficients: Float[Array, "*out size"], x: Point
) -> Float[Array, "*out"]:
    """f(x) at the prompt, by one program, where each operation would be compiled by itself."""
    return basis.evaluate(coefficients, x)


def in_dtype(x: Point, dtype: Any) -> Point:
    """x with its floating-point leaves in `dtype`, and its integer ones as they are."""
    return jax.tree.map(functools.partial(_cast, dtype), x)


def _cast(dtype: Any, leaf: Any) -> Array:
    leaf = on_device(leaf)
    return leaf.astype(dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
