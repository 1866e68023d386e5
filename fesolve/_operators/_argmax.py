"""The maximising point of a function on an interval, for the max inside a Bellman equation."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._checks import function
from .._entry import entry
from .._types import is_traced


@entry
def argmax(
    q: Callable[..., Any], low: ArrayLike, high: ArrayLike, *, points: int = 32
) -> Float[Array, ""]:
    """argmax over c in [low, high] of q(c), a point that can be differentiated.

    The best of a grid, halving of the step to its neighbours, then Newton's method on q'(c) = 0.
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
    function(q, "q", "`lambda c: u(c) + beta * v(x - c)`", ["c"])
    low, high = _interval(low, high)
    # traced once: q stands in the program at each place where it is evaluated
    held, constants = jax.closure_convert(lambda c: q(c), low)  # q may be a module: unhashable
    value = jax.eval_shape(held, low, *constants)
    if getattr(value, "shape", None) != () or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(
            "`q` of `argmax` must return a real number for a number c; got "
            f"{jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), value)}: take one component"
        )
    # Derivatives must not look into the search: what q closes over is held fixed there.
    still = [jax.lax.stop_gradient(c) for c in constants]
    bounds = jax.lax.stop_gradient((low, high))
    point, inside = _search(lambda c: held(c, *still), *bounds, points)
    at_low, at_high = point == bounds[0], point == bounds[1]
    middle = 0.5 * (bounds[0] + bounds[1])
    step = _expansion(lambda c: held(c, *constants), jnp.where(inside, point, middle)).step
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


class _Best(NamedTuple):
    """The best point so far, how far its neighbours are, and what q is there and at the ends."""

    point: Array
    value: Array
    apart: Array
    at_low: Array
    at_high: Array
    scale: Array


def _search(q: Callable, low: Array, high: Array, points: int) -> tuple[Array, Array]:
    """The maximising point, and whether q is smooth and strictly concave at it, so that q' is 0
    there."""
    best = _by_values(q, low, high, points)
    step = (high - low) / (points - 1)
    left, right = jnp.maximum(best.point - step, low), jnp.minimum(best.point + step, high)
    point, at = _polished(q, best.point, left, right)
    eps = jnp.finfo(low.dtype).eps
    short = jnp.abs(at.step) <= eps**0.5 * step
    stationary = short & (at.curvature < 0) & (low < point) & (point < high)
    candidates = jnp.stack([low, high, best.point, point])
    # Around a stationary point q is flat to rounding, and next to a corner nearly so: of values
    # that are equal to rounding, theirs counts.
    values = jnp.stack([best.at_low, best.at_high, best.value, _or_outside(at.value)])
    favoured = jnp.where(stationary, jnp.arange(4) == 3, jnp.arange(4) < 2)
    chosen = jnp.argmax(values + jnp.where(favoured, 64 * eps * best.scale, 0))
    return candidates[chosen], stationary & (chosen == 3)


def _or_outside(value: Array) -> Array:
    return jnp.where(jnp.isnan(value), -jnp.inf, value)


def _by_values(q: Callable, low: Array, high: Array, points: int) -> _Best:
    """The best point of a grid, then of the points half a step to its left and right, and so on.

    Both are one loop, in which q stands once, at two points: of a program that q is most of, the
    time to compile it is the number of places where q stands."""
    on_grid = -(-points // 2)
    # Below this width the values of a smooth q are the same; those of a kink are not.
    halvings = math.ceil(-2 / 3 * math.log2(float(jnp.finfo(low.dtype).eps)))

    def better(i: Any, now: _Best) -> _Best:
        is_grid = i < on_grid
        apart = jnp.where(is_grid, now.apart, now.apart / 2)
        places = jnp.minimum(2 * i + jnp.arange(2), points - 1)
        grid = low + (high - low) * (places.astype(low.dtype) / (points - 1))
        grid = jnp.where(places == points - 1, high, grid)  # rounding must not step over the end
        beside = jnp.clip(now.point + apart * jnp.asarray([-1, 1], low.dtype), low, high)
        tried = jnp.where(is_grid, grid, beside)
        values = _or_outside(jax.vmap(q)(tried)).astype(low.dtype)
        first = jnp.argmax(values)
        rises = values[first] > now.value
        sizes = jnp.where(jnp.isfinite(values) & is_grid, jnp.abs(values), 0)
        return _Best(
            jnp.where(rises, tried[first], now.point),
            jnp.where(rises, values[first], now.value),
            apart,
            jnp.where(i == 0, values[0], now.at_low),
            jnp.where(i == on_grid - 1, values[1], now.at_high),
            jnp.maximum(now.scale, jnp.max(sizes)),
        )

    nothing = jnp.full_like(low, -jnp.inf)
    step = (high - low) / (points - 1)
    start = _Best(low, nothing, step, nothing, nothing, jnp.zeros_like(low))
    return jax.lax.fori_loop(0, on_grid + halvings, better, start)


class _Expansion(NamedTuple):
    """q(c), the step -q'(c) / q''(c), which is 0 where q is not concave, and q''(c)."""

    value: Array
    step: Array
    curvature: Array


def _polished(q: Callable, start: Array, left: Array, right: Array) -> tuple[Array, _Expansion]:
    """Two steps of Newton's method inside the bracket, and what q is there."""

    def move(_: Any, now: tuple) -> tuple:
        point, at = now
        moved = point + at.step
        point = jnp.where((left <= moved) & (moved <= right), moved, start)
        return point, _expansion(q, point)

    nothing = jnp.zeros_like(start)
    return jax.lax.fori_loop(0, 3, move, (start, _Expansion(nothing, nothing, nothing)))


def _expansion(q: Callable, c: Array) -> _Expansion:
    """q'' is held fixed: where q' is 0, so is what its derivative would add."""

    def with_slope(c: Array) -> tuple[Array, Array]:
        value, slope = jax.jvp(q, (c,), (jnp.ones_like(c),))
        return value.astype(c.dtype), slope.astype(c.dtype)

    (value, first), (_, second) = jax.jvp(with_slope, (c,), (jnp.ones_like(c),))
    second = jax.lax.stop_gradient(second)
    step = -first / jnp.where(second < 0, second, -1)
    return _Expansion(value, jnp.where((second < 0) & jnp.isfinite(step), step, 0), second)
