"""Prices that clear markets: an outer root-find around whole solves."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._checks import function
from .._entry import entry
from .._types import is_traced, is_tracing, on_device


SMALL = 1e-10
"""An excess that is so small against that at the ends may be rounding of the solve inside."""


@entry
def equilibrium(
    excess: Callable[..., Any], low: ArrayLike, high: ArrayLike, *, max_steps: int = 100
) -> Float[Array, ""]:
    """The price in [low, high] at which `excess(price)` is zero.

    At the prompt it is Brent's method on the host, where a solve inside of `excess` compiles once
    and costs afterwards what it costs alone. Inside `jit`, `vmap` and `grad` it is one program:
    Newton's method where its steps stay inside of the interval that is left and shrink, else
    bisection, as at a kink or far away. `excess` may contain a whole `fe.solve`, and the price can
    be differentiated in whatever `excess` depends on, by the implicit function theorem:
    d price = -d excess / (d excess / d price).

    ```python
    def excess(rate):
        c = fe.solve(fe.Risk(euler, types, args=(rate,)).quadrature(16), start).value
        return fe.expectation(c, types.quadrature(16)) - supply

    rate = fe.equilibrium(excess, 0.9, 1.5)
    ```

    **Arguments:**

    - `excess`: excess demand, a function of a number that returns a number.
    - `low`, `high`: an interval at whose ends `excess` has different signs.
    - `max_steps`: at most this many steps; bisection alone needs 53 in float64.

    **Returns:** the price; under `jit` or `vmap`, where nothing can be raised, NaN where there is
    no change of sign.

    **Raises:** `ValueError` where `excess` has one sign at both ends, is not finite there, or
    jumps across zero.

    **Source:** Brent (1973), "Algorithms for minimization without derivatives", chapter 4; Press,
    Teukolsky, Vetterling and Flannery (2007), "Numerical Recipes", section 9.4.
    """
    function(excess, "excess", "`lambda price: demand(price) - supply`", ["price"])
    low, high = _interval(low, high)
    values = [_number(excess(low)), _number(excess(high))]
    if not (is_traced((low, high, values)) or is_tracing()):
        ends = np.asarray([np.asarray(value) for value in values])
        _check_signs(low, high, ends)
        return _on_host(excess, low, high, ends, max_steps)
    ends = jnp.stack(values)
    changes = _check_signs(low, high, ends)
    # Derivatives must not look into the search: what excess closes over is held fixed there.
    held, constants = jax.closure_convert(lambda price: _number(excess(price)), low)
    constants = [jax.lax.stop_gradient(c) for c in constants]
    rising = jax.lax.stop_gradient(jnp.where(ends[1] > ends[0], 1, -1).astype(ends.dtype))
    price = _search(lambda p: rising * held(p, *constants), low, high, max_steps)
    value, slope = jax.jvp(excess, (price,), (jnp.ones_like(price),))
    _check_zero(price, value, ends)
    slope = jax.lax.stop_gradient(slope)
    step = -value / jnp.where(slope == 0, jnp.inf, slope)
    near = jnp.abs(jax.lax.stop_gradient(step)) <= 1e-6 * (high - low)
    return jnp.where(changes, price + jnp.where(near, step, 0), jnp.nan)


def _on_host(excess: Callable, low: Array, high: Array, ends: np.ndarray, max_steps: int) -> Array:
    """The price where nothing is traced: each solve inside `excess` runs as it does alone, by the
    programs that the first has compiled."""
    from scipy import optimize  # half a second, which `import fesolve` need not wait for

    known = {float(end): float(value) for end, value in zip((low, high), ends, strict=True)}
    nearly = SMALL * max(abs(value) for value in known.values())

    def at(price: float) -> float:
        if price in known:
            return known[price]
        least = min(abs(value) for value in known.values())
        value = known[price] = float(_number(excess(on_device(np.asarray(price, low.dtype)))))
        # steps that no longer make a small excess smaller are at the rounding of the solve inside
        return 0.0 if 0.5 * least < abs(value) and least < nearly else value

    rounding = 4 * float(jnp.finfo(low.dtype).eps)
    stop = {"xtol": rounding * (float(high) - float(low)), "rtol": rounding, "maxiter": max_steps}
    found = optimize.brentq(at, float(low), float(high), full_output=True, disp=False, **stop)[0]
    best = min(known, key=lambda price: abs(known[price]))
    price = best if abs(known[best]) < nearly else found
    _check_zero(jnp.asarray(price), jnp.asarray(at(price)), ends)
    return on_device(np.asarray(price, low.dtype))


def _interval(low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """Both ends as floating-point numbers of one dtype, held fixed."""
    dtype = jnp.result_type(low, high)
    dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
    if is_traced((low, high)):
        low, high = (jax.lax.stop_gradient(jnp.asarray(end).astype(dtype)) for end in (low, high))
    else:
        low, high = (on_device(np.asarray(end, dtype)) for end in (low, high))
    if low.shape or high.shape:
        raise ValueError(
            f"`low` and `high` must be numbers; got shapes {low.shape} and {high.shape}"
        )
    if not is_traced((low, high)) and not float(low) < float(high):
        raise ValueError(f"`equilibrium` needs `low` < `high`; got {float(low)} and {float(high)}")
    return low, high


def _number(value: Any) -> Float[Array, ""]:
    value = value if isinstance(value, jax.Array) else on_device(np.asarray(value))
    if value.shape or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(
            f"`excess` must return a real number; got shape {value.shape} of {value.dtype}: for "
            "several markets at once make the prices leaves of f, and clearing a condition"
        )
    return value


def _check_signs(low: Array, high: Array, ends: Any) -> Any:
    xp = jnp if is_traced((low, high, ends)) else np
    changes = xp.isfinite(ends).all() & ((ends[0] <= 0) != (ends[1] <= 0))
    if xp is jnp or changes:
        return changes
    at = f"excess({float(low):.6g}) = {float(ends[0]):.6g} and excess({float(high):.6g}) = "
    at += f"{float(ends[1]):.6g}"
    if not np.isfinite(np.asarray(ends)).all():
        raise ValueError(f"`excess` is not finite at the ends of the interval: {at}")
    raise ValueError(
        f"`excess` does not change sign between `low` and `high`: {at}. Widen the interval, or "
        "look at the sign of the excess"
    )


def _check_zero(price: Array, value: Array, ends: Any) -> None:
    if is_traced((price, value, ends)):
        return
    scale = float(np.max(np.abs(np.asarray(ends))))
    if not abs(float(value)) <= 1e-4 * scale:
        raise ValueError(
            f"`excess` changes sign at {float(price):.10g} without being zero: it is "
            f"{float(value):.6g} there, so that it jumps, or has a pole"
        )


class _Bracket(NamedTuple):
    """A zero between `left` and `right`, where the function is negative and positive; `step` led
    to `price`."""

    left: Array
    right: Array
    price: Array
    step: Array
    steps: Array


def _search(rising: Callable, low: Array, high: Array, max_steps: int) -> Array:
    """The zero of a function that is negative at `low` and positive at `high`: Newton's steps
    where they stay inside and shrink by half, else bisection."""
    eps = float(jnp.finfo(low.dtype).eps)

    def body(now: _Bracket) -> _Bracket:
        value, slope = jax.jvp(rising, (now.price,), (jnp.ones_like(now.price),))
        left = jnp.where(value < 0, now.price, now.left)
        right = jnp.where(value < 0, now.right, now.price)
        newton = -value / jnp.where(slope == 0, 1, slope)
        ahead = now.price + newton
        shrinks = jnp.abs(newton) <= 0.5 * jnp.abs(now.step)
        good = (slope > 0) & shrinks & (left <= ahead) & (ahead <= right)
        price = jnp.where(good, ahead, 0.5 * (left + right))
        price = jnp.where(value == 0, now.price, price)
        return _Bracket(left, right, price, price - now.price, now.steps + 1)

    def going(now: _Bracket) -> Array:
        small = 2 * eps * jnp.maximum(jnp.abs(now.price), eps * (high - low))
        return (jnp.abs(now.step) > small) & (now.steps < max_steps)

    start = _Bracket(low, high, 0.5 * (low + high), high - low, jnp.zeros((), int))
    return jax.lax.stop_gradient(jax.lax.while_loop(going, body, start).price)
