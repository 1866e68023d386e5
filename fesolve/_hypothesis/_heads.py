"""Heads: a hypothesis carried into the values that are allowed, whatever theta is."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import takes
from .._show import Called
from .._types import as_array, is_traced, Point
from ._freeze import freeze, Frozen


class Positive(Called):
    """f(x) = start(x) exp(g(x)): positive for every theta; g = log(f / start).

    The exponential and not the softplus: f is then free of units, since g does not change with
    the scale of f and of its guess together; a g that is linear in logs makes a power function,
    the shape of most policies near a steady state; and ratios f(x) / f(x'), of which Euler
    equations consist, are differences of g. A series stays a series to the solvers: Newton's
    method on its coefficients.

    ```python
    consumption = fe.Positive(fe.Series(basis), start=lambda x: 0.7 * output(x))
    ```

    **Arguments:**

    - `g`: a function or module with real values, numbers or vectors.
    - `start`: what f is where g is zero, as a series is before it is solved for: a positive
      number or vector, or a function of x. It is given, and never trained.

    **Raises:** `ValueError` for a `start` that is not positive and finite.
    """

    g: Callable
    start: Frozen

    def __init__(self, g: Any, *, start: Any = 1.0):
        self.g = _function(g, "g", "Positive")
        self.start = _given(start, "start")
        numbers = _numbers(self.start)
        if numbers is not None and not np.all((numbers > 0) & np.isfinite(numbers)):
            raise ValueError(
                f"`start` of Positive must be positive and finite; got {numbers}: it is the f "
                "that the solver starts from where g is zero"
            )

    def __call__(self, x: Point) -> Float[Array, "*out"]:
        g = self.g(x)
        return _at(self.start, x, g) * jnp.exp(g)


class Bounded(Called):
    """f(x) = low(x) + (high(x) - low(x)) s(g(x)), s the logistic function: within its bounds for
    every theta; by default a share between 0 and 1.

    The bounds hold to the last digit: where s is nearer to 1, f is computed down from `high`.

    ```python
    share = fe.Bounded(fe.Series(basis), start=0.3)                   # a savings rate
    capital = fe.Bounded(net, lambda x: 0.0, resources)               # feasible, whatever x is
    ```

    **Arguments:**

    - `g`: a function or module with real values, numbers or vectors.
    - `low`, `high`: the bounds, numbers, vectors or functions of x. They are given, and never
      trained.
    - `start`: what f is where g is zero: a number, a vector or a function of x between the
      bounds. `None` is the middle.

    **Raises:** `ValueError` unless low < start < high, all finite, wherever they are numbers.
    """

    g: Callable
    low: Frozen
    high: Frozen
    start: Frozen | None

    def __init__(self, g: Any, low: Any = 0.0, high: Any = 1.0, *, start: Any = None):
        self.g = _function(g, "g", "Bounded")
        self.low, self.high = _given(low, "low"), _given(high, "high")
        self.start = None if start is None else _given(start, "start")
        _check_order(self.low, self.high, "`low` of Bounded must lie below `high`")
        if self.start is not None:
            _check_order(self.low, self.start, "`start` of Bounded must lie above `low`")
            _check_order(self.start, self.high, "`start` of Bounded must lie below `high`")

    def __call__(self, x: Point) -> Float[Array, "*out"]:
        g = self.g(x)
        low, high = _at(self.low, x, g), _at(self.high, x, g)
        if self.start is not None:
            start = _at(self.start, x, g)
            g = g + jnp.log(start - low) - jnp.log(high - start)
        width = high - low
        from_low, from_high = width * jax.nn.sigmoid(g), width * jax.nn.sigmoid(-g)
        return jnp.where(g < 0, low + from_low, high - from_high)


class Shares(Called):
    """f_i(x) = start_i(x) exp(g_i(x)) / sum_j start_j(x) exp(g_j(x)), g_n = 0: n shares that sum to
    one for every theta, none below 0; g has n - 1 values.

    One share has no g of its own, since n of them would leave one direction of theta without any
    effect. The largest share is one minus the others, so that the sum is right to the last digit.

    ```python
    uses = fe.Shares(fe.Series(basis, 2), start=(0.7, 0.2, 0.1))      # of output: c, i and g
    ```

    **Arguments:**

    - `g`: a function or module whose values are vectors, one entry less than there are shares; a
      number for two shares.
    - `start`: the shares where g is zero, a vector or a function of x. `None` is equal shares. It
      is given, and never trained.

    **Raises:** `ValueError` for a `start` whose entries are not above 0 or do not sum to one, or
    that is not one longer than g.
    """

    g: Callable
    start: Frozen | None

    def __init__(self, g: Any, *, start: Any = None):
        self.g = _function(g, "g", "Shares")
        self.start = None if start is None else _given(start, "start")
        numbers = None if self.start is None else _numbers(self.start)
        if numbers is None:
            return
        right = numbers.ndim == 1 and numbers.size > 1 and np.all(numbers > 0)
        if not (right and abs(numbers.sum() - 1) < 1e-6):
            raise ValueError(
                "`start` of Shares must be the shares where g is zero, a vector of at least two "
                f"numbers above 0 that sum to one; got {numbers}"
            )

    def __call__(self, x: Point) -> Float[Array, " n"]:
        g = jnp.atleast_1d(self.g(x))
        if g.ndim != 1:
            raise ValueError(
                "`g` of Shares must return a vector, one entry less than there are shares; got "
                f"shape {g.shape}"
            )
        odds = jnp.concatenate([g, jnp.zeros_like(g, shape=(1,))])
        if self.start is not None:
            odds = odds + jnp.log(_as_long(self.start, x, odds))
        shares = jax.nn.softmax(odds)
        largest = jnp.argmax(odds)
        others = jnp.where(jnp.arange(odds.size) == largest, 0, shares)
        return others.at[largest].set(1 - others.sum())


def _as_long(start: Frozen, x: Point, odds: Array) -> Array:
    """The shares to start from at x."""
    value = jnp.asarray(start.value(x) if callable(start.value) else start.value)
    if value.shape != odds.shape:
        raise ValueError(
            f"`start` of Shares has the shape {value.shape}, and there are {odds.size} shares: one "
            "more than g has values"
        )
    return value.astype(odds.dtype)


def _function(g: Any, name: str, owner: str) -> Callable:
    if not callable(g):
        raise ValueError(
            f"`{name}` of {owner} must be a function of a point, such as `fe.Series(basis)`; got "
            f"a {type(g).__name__}"
        )
    return g


def _given(value: Any, name: str) -> Frozen:
    """A function of x, or numbers in NumPy, that no solver trains."""
    if callable(value):
        takes(value, name, ["x"], "it is a number, a vector or a function of x")
        return freeze(value)
    try:
        array = as_array(value)
    except (TypeError, ValueError):
        array = np.asarray(None)
    if not (jnp.issubdtype(array.dtype, jnp.number) and jnp.isrealobj(array)):
        raise ValueError(
            f"`{name}` must be a real number, a vector or a function of x; got {value!r}"
        )
    return freeze(array)


def _numbers(given: Frozen) -> np.ndarray | None:
    """The numbers that were given; `None` where that is a function, or traced."""
    value = given.value
    return None if callable(value) or is_traced(value) else np.asarray(value)


def _check_order(lower: Frozen, upper: Frozen, sentence: str) -> None:
    low, high = _numbers(lower), _numbers(upper)
    for numbers in (low, high):
        if numbers is not None and not np.isfinite(numbers).all():
            raise ValueError(f"{sentence}, and all of them must be finite; got {numbers}")
    if low is not None and high is not None and not np.all(low < high):
        raise ValueError(f"{sentence}; got {low} and {high}")


def _at(given: Frozen, x: Point, like: Array) -> Array:
    """What was given, at x, in the shape and dtype of f(x)."""
    value = given.value(x) if callable(given.value) else given.value
    value = jnp.asarray(value).astype(like.dtype)
    if value.ndim > like.ndim or any(
        a not in (1, b) for a, b in zip(value.shape[::-1], like.shape[::-1], strict=False)
    ):
        raise ValueError(
            f"a bound or start of shape {value.shape} does not fit values of shape {like.shape}"
        )
    return jnp.broadcast_to(value, like.shape)
