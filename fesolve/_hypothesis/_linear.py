"""f(x) = W x + b."""

from typing import Any, Literal

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import floating, real_array, size as checked_size
from .._show import Called, Plain, Word, words
from .._types import is_traced
from ._series import in_dtype


class Linear(Called):
    """f(x) = W x + b, theta = (W, b): the hypothesis of ordinary least squares.

    f is linear in theta, so that a risk of squares is minimised by one QR. It starts at W = 0, and
    with it at the constant b.

    **Arguments:**

    - `in_size`, `out_size`: lengths of x and f(x), or `"scalar"`.
    - `use_bias`: whether there is a b.
    - `start`: b before it is solved for: a number or, for a vector-valued f, one number a
      component.
    - `dtype`: of W and b, by default JAX's default floating-point type.

    **Raises:** `ValueError` where a size is none, or `start` is not zero and there is no b.
    """

    weight: Float[Array, "*out_in"]
    bias: Float[Array, "*out"] | None

    def __init__(
        self,
        in_size: int | Literal["scalar"],
        out_size: int | Literal["scalar"] = "scalar",
        *,
        use_bias: bool = True,
        start: Any = 0.0,
        dtype: Any = None,
    ) -> None:
        sizes = (
            checked_size(out_size, "out_size", "Linear"),
            checked_size(in_size, "in_size", "Linear"),
        )
        out, inner = (() if size == "scalar" else (size,) for size in sizes)
        dtype = floating(dtype, "Linear")
        value = real_array(start, "start", "Linear", dtype)
        if value.shape not in ((), out):
            raise ValueError(
                f"`start` must be a number or have the shape {out} of f(x); got {value.shape}"
            )
        if not use_bias and (is_traced(value) or (value != 0).any()):
            raise ValueError("`start` must be 0 where `use_bias` is False: W x is zero at x = 0")
        self.weight = jnp.zeros(out + inner, dtype)
        self.bias = jnp.asarray(jnp.broadcast_to(value, out)) if use_bias else None

    def __call__(self, x: Float[Array, "*in"] | Any) -> Float[Array, "*out"]:
        x = in_dtype(x, self.weight.dtype)
        value = jnp.tensordot(self.weight, x, x.ndim)
        return value if self.bias is None else value + self.bias


@words.register
def _(f: Linear) -> list[Word]:
    shape = " x ".join(map(str, f.weight.shape))
    weights = f"{shape} weights" if shape else "1 weight"
    return [Word(Plain(weights)), *([] if f.bias is None else [Word(Plain("bias"))])]
