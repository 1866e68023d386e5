"""The maximising point of a function on an interval, for the max inside a Bellman equation."""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._entry import entry
from .._types import is_traced


_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


@entry
def argmax(
    q: Callable[..., Any], low: ArrayLike, high: ArrayLike, *, points: int = 32
) -> Float[Array, ""]:
    """argmax over c in [low, high] of q(c), a point that can be differentiated.

    The best of a grid, golden section between its neighbours, then Newton's method on q'(c) = 0.
    The last Newton step alone is seen by derivatives: it gives the implicit function theorem at
    the point, dc = -dq'(c) / q''(c), and by the envelope theorem the derivative of q(c) is the
    partial derivative of q.

    ```python
    def bellman(f, k):
        q = lambda c: jnp.log(c) + beta * f(k**alpha - c)
        return f(k) - q(fe.argmax(q, 0.0, k**alpha))
    ```

    At a corner the point is the bound, and so is its derivative; at a kink of q the derivative is
    0. q need not be concave: the global maximum is found where the grid sees its peak. Where q is
    NaN or -inf it is outside of its domain.

    **Arguments:**

    - `q`: a function of a number c, which returns a number.
    - `low`, `high`: the ends of the interval; they may depend on the state.
    - `points`: of the grid.

    **Returns:** c, whose value is `q(c)`. Where q has no value on the whole grid, `low`.

    **Raises:** `ValueError` where the interval is empty, `points` is less than 3, or q(c) is not
    a number.

    **Source:** Milgrom and Segal (2002), "Envelope theorems for arbitrary choice sets".
    """
    if not isinstance(points, int | np.integer) or points < 3:
        raise ValueError(f"`points` of `argmax` must be a whole number >= 3; got {points!r}")
    low, high = _interval(low, high)
    value = jax.eval_shape(q, low)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(
            "`q` of `argmax` must return a real number for a number c; got "
            f"{jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), value)}: take one component"
        )
    # Derivatives must not look into the search: what q closes over is held fixed there.
    held, constants = jax.closure_convert(lambda c: q(c), low)  # q may be a module: unhashable
    constants = [jax.lax.stop_gradient(c) for c in constants]
    bounds = jax.lax.stop_gradient((low, high))
    point, inside = _search(lambda c: held(c, *constants), *bounds, points)
    at_low, at_high = point == bounds[0], point == bounds[1]
    step, _ = _newton_step(q, jnp.where(inside, point, 0.5 * (bounds[0] + bounds[1])))
    moved = jnp.clip(point + jnp.where(inside, step, 0), low, high)
    return jnp.where(at_low & ~inside, low, jnp.where(at_high & ~inside, high, moved))


def _interval(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """Both ends as floating-point numbers of one dtype."""
    dtype = jnp.result_type(low, high)
    dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
    low, high = jnp.asarray(low).astype(dtype), jnp.asarray(high).astype(dtype)
    for name, end in {"low": low, "high": high}.items():
        if end.shape:
            raise ValueError(
                f"`{name}` of `argmax` must be a number; got shape {end.shape}: for several, "
                "`jax.vmap` a function that calls `argmax`"
            )
    if not is_traced((low, high)) and not low <= high:
        raise ValueError(f"`argmax` needs `low` <= `high`; got {float(low)} and {float(high)}")
    return low, high


def _search(q: Callable, low: Array, high: Array, points: int) -> tuple[Array, Array]:
    """The maximising point, and whether q is smooth and strictly concave at it, so that q' is 0
    there."""

    def score(c: Array) -> Array:
        value = q(c)
        return jnp.where(jnp.isnan(value), -jnp.inf, value)

    grid = low + (high - low) * jnp.linspace(0, 1, points, dtype=low.dtype)
    grid = grid.at[-1].set(high)  # rounding must not step over the end
    on_grid = jax.vmap(score)(grid)
    best = jnp.argmax(on_grid)
    left, right = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, points - 1)]
    golden = _golden_section(score, left, right)
    point, step, curvature = _polished(q, golden, left, right)
    eps = jnp.finfo(low.dtype).eps
    short = jnp.abs(step) <= eps**0.5 * (right - left)
    stationary = short & (curvature < 0) & (low < point) & (point < high)
    candidates = jnp.stack([low, high, grid[best], golden, point])
    # Around a stationary point q is flat to rounding, and next to a corner nearly so: of values
    # that are equal to rounding, theirs counts.
    values = jax.vmap(score)(candidates)
    favoured = jnp.where(stationary, jnp.arange(5) == 4, jnp.arange(5) < 2)
    scale = jnp.max(jnp.where(jnp.isfinite(on_grid), jnp.abs(on_grid), 0))
    chosen = jnp.argmax(values + jnp.where(favoured, 64 * eps * scale, 0))
    return candidates[chosen], stationary & (chosen == 4)


def _golden_section(score: Callable, left: Array, right: Array) -> Array:
    """The maximum of a unimodal function between two points, by its values alone."""
    # Below this width the values of a smooth q are the same; those of a kink are not.
    steps = math.ceil(math.log(float(jnp.finfo(left.dtype).eps)) * (2 / 3) / math.log(_GOLDEN))

    def narrow(_: Any, bracket: tuple) -> tuple:
        a, b, c, d, q_c, q_d = bracket
        to_left = q_c >= q_d
        a, b = jnp.where(to_left, a, c), jnp.where(to_left, d, b)
        new = jnp.where(to_left, b - _GOLDEN * (b - a), a + _GOLDEN * (b - a))
        q_new = score(new)
        c, d = jnp.where(to_left, new, d), jnp.where(to_left, c, new)
        q_c, q_d = jnp.where(to_left, q_new, q_d), jnp.where(to_left, q_c, q_new)
        return a, b, c, d, q_c, q_d

    inner = jnp.stack([right - _GOLDEN * (right - left), left + _GOLDEN * (right - left)])
    values = jax.vmap(score)(inner)
    start = (left, right, inner[0], inner[1], values[0], values[1])
    _, _, c, d, q_c, q_d = jax.lax.fori_loop(0, steps, narrow, start)
    return jnp.where(q_c >= q_d, c, d)


def _polished(q: Callable, start: Array, left: Array, right: Array) -> tuple[Array, Array, Array]:
    """Two steps of Newton's method inside the bracket; the third, not taken, and q'' there."""

    def move(_: Any, now: tuple) -> tuple:
        point, step, _ = now
        point = jnp.where((left <= point + step) & (point + step <= right), point + step, start)
        return point, *_newton_step(q, point)

    nothing = jnp.zeros_like(start)
    return jax.lax.fori_loop(0, 3, move, (start, nothing, nothing))


def _newton_step(q: Callable, c: Array) -> tuple[Array, Array]:
    """-q'(c) / q''(c), or 0 where q is not concave, and q''(c). q'' is held fixed: where q' is 0,
    so is what its derivative would add."""

    def slope(c: Array) -> Array:
        return jax.jvp(q, (c,), (jnp.ones_like(c),))[1].astype(c.dtype)

    first, second = jax.jvp(slope, (c,), (jnp.ones_like(c),))
    second = jax.lax.stop_gradient(second)
    step = -first / jnp.where(second < 0, second, -1)
    return jnp.where((second < 0) & jnp.isfinite(step), step, 0), second
