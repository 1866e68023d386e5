"""The generator of a diffusion, and its adjoint: the words of continuous time."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from .._checks import function
from .._types import Point
from ._calculus import second_order


def generator(f: Callable, drift: Callable | None, diffusion: Callable | None = None) -> Callable:
    """The function A f = b . grad f + (1/2) tr(s s' Hess f): the expected change of f(x_t) per
    unit of time, where dx = b(x) dt + s(x) dW.

    ```python
    def black_scholes(V, x):                               # x = (t, S)
        drift = lambda x: jnp.stack([1.0, r * x[1]])       # time is a coordinate with drift 1
        noise = lambda x: jnp.stack([0.0, sigma * x[1]])
        return fe.generator(V, drift, noise)(x) - r * V(x)
    ```

    Value, slopes along the noise and A f travel together through the operations of f, forward,
    once: its price is that of f times 2 + the number of noises, in any dimension, and no Hessian
    is formed. Values of f may be arrays or pytrees.

    **Arguments:**

    - `f`: a function of a scalar x, or of a vector.
    - `drift`: `x -> b(x)`, shaped like x; `None` for none.
    - `diffusion`: `x -> s(x)`: shaped like x where each coordinate has a noise of its own, (d, m)
        for m noises that the d coordinates share, (m,) for a scalar x; `None` for none.

    **Returns:** a function of x, whose values are shaped like those of f.

    **Raises:** `ValueError` where x, b(x) or s(x) has another shape.

    **Source:** Øksendal (2003), Stochastic Differential Equations, theorem 7.3.3.
    """

    _check(drift, diffusion)

    def at(x: Point) -> PyTree:
        flat, restore = _flat(x, "generator")
        law = _Law(drift, diffusion, restore)
        return _applied(f, restore, law.drift(flat), law.noises(flat))(flat)

    return at


def adjoint_generator(
    g: Callable, drift: Callable | None, diffusion: Callable | None = None
) -> Callable:
    """The function A* g = -div(b g) + sum_ij d_i d_j (D_ij g), D = s s' / 2: how fast the density
    g of x_t changes, where dx = b(x) dt + s(x) dW (the Kolmogorov forward, or Fokker-Planck,
    equation). A stationary density has A* g = 0 and the mass 1.

    It is the adjoint of `generator`: the integrals of (A f) g and of f (A* g) agree where f or g
    vanishes at the boundary. The derivatives of b and s are taken too, so that these must be
    differentiable in x, s twice.

    **Arguments:** `g`, a function of x; `drift` and `diffusion` as in `generator`.

    **Returns:** a function of x, whose values are shaped like those of g.

    **Raises:** `ValueError` where x, b(x) or s(x) has another shape.

    **Source:** Øksendal (2003), Stochastic Differential Equations, exercise 8.3.
    """

    _check(drift, diffusion)

    def at(x: Point) -> PyTree:
        flat, restore = _flat(x, "adjoint_generator")
        law = _Law(drift, diffusion, restore)
        # sum_ij d_ij (D_ij g) = tr(D Hess g) + 2 div D . grad g + (div div D) g
        slope = 2 * law.spread(flat) - law.drift(flat)
        level = _divergence(lambda z: law.spread(z) - law.drift(z), flat)
        moved = _applied(g, restore, slope, law.noises(flat))(flat)
        return jax.tree.map(lambda a, b: a + level.astype(a.dtype) * b, moved, g(restore(flat)))

    return at


def _applied(f: Callable, restore: Callable, b: Array, noises: Array) -> Callable:
    whole = lambda flat: f(restore(flat))
    if not noises.shape[0]:
        return lambda flat: jax.jvp(whole, (flat,), (b,))[1]
    rows = jnp.concatenate([noises / math.sqrt(2.0), b[None]])
    return lambda flat: second_order(whole, flat, rows)


def _flat(x: Any, owner: str) -> tuple[Float[Array, " d"], Callable]:
    """x as a floating-point vector, and the way back."""
    try:
        x = jnp.asarray(x)
    except (TypeError, ValueError):
        raise ValueError(
            f"`{owner}` takes a scalar x or a vector; got a {type(x).__name__}: hold the other "
            "coordinates by a lambda"
        ) from None
    if x.ndim > 1 or jnp.iscomplexobj(x):
        raise ValueError(
            f"`{owner}` takes a real scalar x or a vector; got {x.dtype}{x.shape}: use `jax.vmap` "
            "over many points"
        )
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))
    return x.reshape(-1), lambda flat: flat.reshape(x.shape)


def _check(drift: Any, diffusion: Any) -> None:
    """**Raises:** `ValueError` for what is neither a function of x nor `None`."""
    for name, given in {"drift": drift, "diffusion": diffusion}.items():
        if given is not None:
            function(given, name, "`lambda x: 0.1 * x`", ["x"])


class _Law(NamedTuple):
    """b and s as functions of a vector."""

    b: Callable | None
    s: Callable | None
    restore: Callable

    def drift(self, flat: Float[Array, " d"]) -> Float[Array, " d"]:
        if self.b is None:
            return jnp.zeros_like(flat)
        x = self.restore(flat)
        b = jnp.asarray(self.b(x))
        if b.shape != x.shape:
            raise ValueError(
                f"`drift(x)` must have the shape {x.shape} of x; got {b.shape}: write "
                "`jnp.stack([...])`, one number a coordinate"
            )
        return b.astype(flat.dtype).reshape(-1)

    def noises(self, flat: Float[Array, " d"]) -> Float[Array, "m d"]:
        """The columns of s, one a row."""
        if self.s is None:
            return jnp.zeros((0, flat.size), flat.dtype)
        x = self.restore(flat)
        s = jnp.asarray(self.s(x)).astype(flat.dtype)
        if s.shape == x.shape:
            return jnp.diag(s.reshape(-1))
        if s.ndim == x.ndim + 1 and s.shape[: x.ndim] == x.shape:
            return s.reshape(flat.size, -1).T
        raise ValueError(
            f"`diffusion(x)` must have the shape {x.shape} of x, one noise a coordinate, or "
            f"{(*x.shape, 'm')} for m noises that they share; got {s.shape}"
        )

    def spread(self, flat: Float[Array, " d"]) -> Float[Array, " d"]:
        """div D = (1/2) sum_k [(s_k . grad) s_k + s_k div s_k]."""
        if self.s is None:
            return jnp.zeros_like(flat)
        s, slopes = self.noises(flat), jax.jacfwd(self.noises)(flat)
        along = jnp.einsum("kij,kj->i", slopes, s, precision=jax.lax.Precision.HIGHEST)
        return 0.5 * (along + jnp.trace(slopes, axis1=-2, axis2=-1) @ s)


def _divergence(field: Callable, x: Float[Array, " d"]) -> Float[Array, ""]:
    """sum_i d field_i / dx_i."""
    return jnp.trace(jax.jacfwd(field)(x))
