"""Networks that are monotone or concave by construction.

The coordinates that a constraint is about pass through layers whose weights have the signs that
keep it; the others come in through the biases, which depend on them in any way. Sums and
compositions of this kind keep the constraint for every theta, and so does automatic
differentiation: it multiplies and adds numbers of the right sign.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import floating, positive, prng_key, size as checked_size, whole
from .._types import is_traced, Point
from ._basis import to_unit
from ._freeze import freeze, Frozen
from ._mlp import AbstractNetwork, box
from ._series import in_dtype


class Context(eqx.Module):
    """Biases that depend on the coordinates without a constraint, by one hidden layer."""

    hidden: Float[Array, "width inputs"]
    hidden_bias: Float[Array, " width"]
    out: Float[Array, "outputs width"]

    def __call__(self, u: Float[Array, " inputs"]) -> Float[Array, " outputs"]:
        return self.out @ jnp.tanh(self.hidden @ u + self.hidden_bias)


class Monotone(AbstractNetwork):
    """A network f(x), a number, that rises or falls in each coordinate asked for, for every theta.

    Hidden layers are h' = tanh(|W| h + b), where |W|, a softplus, is positive, and
    f = |w| h + |a| t + c: rising in t, the point carried to [-1, 1], with a linear part for what
    lies beyond. A coordinate in which f falls enters as -t. Coordinates without a constraint enter
    through the biases b and c.

    ```python
    rising = fe.Monotone("scalar", width=16, depth=2, support=(0.0, 1.0), key=key)
    demand = fe.Monotone(2, direction=(-1, 0), width=16, depth=2, support=box, key=key)
    ```

    **Arguments:**

    - `in_size`: the length of x, or `"scalar"`.
    - `width`, `depth`: units a hidden layer, and hidden layers. One layer is enough for functions
      of one coordinate; those of several take two or more.
    - `direction`: 1 where f rises, -1 where it falls, 0 where neither is asked for: one number
      for all coordinates of x, or one for each.
    - `support`: (lo, hi), as in `fe.MLP`.
    - `spread`: how steep hidden units are at first.
    - `dtype`: of the weights, by default JAX's default floating-point type.
    - `key`: for the initial weights.

    **Raises:** `ValueError` where `direction` asks for nothing, or does not fit x.

    **Source:** Daniels and Velikova (2010), "Monotone and partially monotone neural networks".
    """

    weights: tuple[Float[Array, "..."], ...]
    biases: tuple[Float[Array, "..."], ...]
    slopes: Float[Array, " constrained"]
    context: Context | None
    support: Frozen | None
    direction: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_size: int | Literal["scalar"],
        *,
        width: int,
        depth: int,
        direction: int | Sequence[int] = 1,
        support: Any = None,
        spread: Any = 2.0,
        dtype: Any = None,
        key: PRNGKeyArray,
    ):
        size = _checked_sizes("Monotone", in_size, width, depth)
        positive(spread, "spread", "Monotone")
        self.direction = _directions(direction, size)
        if not any(self.direction):
            raise ValueError(
                f"`direction` of Monotone is {direction!r}, which asks for nothing: say 1 or -1 "
                "for a coordinate, or take `fe.MLP`"
            )
        self.support = None if support is None else freeze(box(support, _shape(in_size)))
        n = sum(map(abs, self.direction))
        draw, context_key = _Draw(prng_key(key), dtype, "Monotone"), jr.fold_in(key, 1)
        for i, (a, b) in enumerate(zip([n, *[width] * depth], [*[width] * depth, 1], strict=True)):
            # the first are steep enough for kinks all over the box
            draw.add((b, a), 0.0 if i == 0 else -2.0, 2 * spread if i == 0 else 2.0)
        for _ in range(depth):
            draw.add((width,), -spread, spread)
        leaves = draw.leaves()
        self.weights = tuple(leaves[: depth + 1])
        self.biases = (*leaves[depth + 1 :], jnp.zeros(1, draw.dtype))
        self.slopes = jnp.full(n, -2.0, draw.dtype)
        self.context = _context(size - n, width, depth, dtype, context_key)

    def __call__(self, x: Float[Array, "..."] | Any) -> Float[Array, ""]:
        t = _unit(x, self.support, self.slopes.dtype)
        signs = np.asarray(self.direction)
        biases = _shifted(self.biases, self.context, t[np.flatnonzero(signs == 0)])
        chosen = np.flatnonzero(signs)
        t = t[chosen] * jnp.asarray(signs[chosen], t.dtype)
        h = t
        for weight, bias in zip(self.weights[:-1], biases[:-1], strict=True):
            h = jnp.tanh(_positive(weight) @ h + bias)
        linear = jax.nn.softplus(self.slopes) @ t
        return (_positive(self.weights[-1]) @ h + biases[-1])[0] + linear


class Concave(AbstractNetwork):
    """A network f(x), a number, that is concave in x, or in the coordinates asked for, for every
    theta.

    -f is an input-convex network: h' = softplus(|W| h + A t + b), where |W|, a softplus, is
    positive and A is free, and f = -|w| h + a t + c, t the point carried to [-1, 1]. Where f also
    rises, or falls, in a coordinate, its weights in A and in a have the sign of that. Coordinates
    without a constraint enter through the biases b and c.

    A convex f is minus a concave one: `fe.Ansatz(lambda g, x: -g(x), fe.Concave(...))`.

    ```python
    value = fe.Concave("scalar", direction=1, width=16, depth=2, support=(0.1, 5.0), key=key)
    ```

    **Arguments:**

    - `in_size`: the length of x, or `"scalar"`.
    - `width`, `depth`: units a hidden layer, and hidden layers.
    - `coordinates`: those in which f is concave, jointly, by number; `None` means all.
    - `direction`: 1 where f also rises, -1 where it falls, 0 where neither is asked for: one
      number for all `coordinates`, or one for each of them.
    - `support`, `dtype`, `key`: as in `fe.Monotone`.
    - `spread`: how sharp the kinks of hidden units are at first.

    **Raises:** `ValueError` for coordinates that x does not have, or directions that do not fit
    them.

    **Source:** Amos, Xu and Kolter (2017), "Input convex neural networks", propositions 1 and 2.
    """

    weights: tuple[Float[Array, "..."], ...]
    passes: tuple[Float[Array, "..."], ...]
    biases: tuple[Float[Array, "..."], ...]
    slopes: Float[Array, " constrained"]
    context: Context | None
    support: Frozen | None
    coordinates: tuple[int, ...] = eqx.field(static=True)
    direction: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        in_size: int | Literal["scalar"],
        *,
        width: int,
        depth: int,
        coordinates: Sequence[int] | None = None,
        direction: int | Sequence[int] = 0,
        support: Any = None,
        spread: Any = 5.0,
        dtype: Any = None,
        key: PRNGKeyArray,
    ):
        size = _checked_sizes("Concave", in_size, width, depth)
        positive(spread, "spread", "Concave")
        chosen = range(size) if coordinates is None else coordinates
        if isinstance(chosen, str) or not isinstance(chosen, Iterable):
            raise ValueError(
                f"`coordinates` of Concave must be a tuple of whole numbers; got {chosen!r}"
            )
        self.coordinates = tuple(sorted(set(chosen)))
        if not self.coordinates or not set(self.coordinates) <= set(range(size)):
            raise ValueError(
                f"`coordinates` of Concave must be some of 0, ..., {size - 1}, the coordinates of "
                f"x; got {coordinates!r}"
            )
        n = len(self.coordinates)
        self.direction = _directions(direction, n)
        self.support = None if support is None else freeze(box(support, _shape(in_size)))
        draw, context_key = _Draw(prng_key(key), dtype, "Concave"), jr.fold_in(key, 1)
        # weights of a given sign pass a softplus, before which they start mostly positive
        low = np.where(np.asarray(self.direction) == 0, -1.0, 0.0)
        for _ in range(depth):
            draw.add((width, n), low * spread, spread)
        for _ in range(depth):
            draw.add((width,), -spread, spread)
        for out in [width] * (depth - 1) + [1]:
            draw.add((out, width), -2.0, 2.0)
        leaves = draw.leaves()
        self.passes = tuple(leaves[:depth])
        self.biases = (*leaves[depth : 2 * depth], jnp.zeros(1, draw.dtype))
        self.weights = tuple(leaves[2 * depth :])
        self.slopes = jnp.zeros(n, draw.dtype)
        self.context = _context(size - n, width, depth, dtype, context_key)

    def __call__(self, x: Float[Array, "..."] | Any) -> Float[Array, ""]:
        t = _unit(x, self.support, self.slopes.dtype)
        chosen = np.asarray(self.coordinates)
        free = np.setdiff1d(np.arange(t.size), chosen)
        biases = _shifted(self.biases, self.context, t[free])
        t = t[chosen]
        # -f falls where f rises, so that the weights of -f have the sign turned
        h = jax.nn.softplus(biases[0] - self._signed(self.passes[0]) @ t)
        for weight, across, bias in zip(
            self.weights[:-1], self.passes[1:], biases[1:-1], strict=True
        ):
            h = jax.nn.softplus(_positive(weight) @ h + bias - self._signed(across) @ t)
        return self._signed(self.slopes) @ t + (biases[-1] - _positive(self.weights[-1]) @ h)[0]

    def _signed(
        self, raw: Float[Array, "*units constrained"]
    ) -> Float[Array, "*units constrained"]:
        """Weights of f on t: free, or of the sign of the direction that is asked for."""
        signs = np.broadcast_to(np.asarray(self.direction), raw.shape)
        return jnp.where(signs == 0, raw, jnp.asarray(signs, raw.dtype) * jax.nn.softplus(raw))


class _Draw:
    """Uniform numbers for several arrays, in one draw: each shape that is drawn by itself costs a
    compilation."""

    def __init__(self, key: PRNGKeyArray, dtype: Any, owner: str) -> None:
        self.key = key
        self.dtype = floating(dtype, owner)
        self.ranges: list[tuple[tuple[int, ...], Any, Any]] = []

    def add(self, shape: tuple[int, ...], low: Any, high: Any) -> None:
        self.ranges.append((shape, low, high))

    def leaves(self) -> list[Array]:
        sizes = [math.prod(shape) for shape, _, _ in self.ranges]
        numbers = jr.uniform(self.key, (sum(sizes),), self.dtype)
        numbers = numbers if is_traced((numbers, self.ranges)) else np.asarray(numbers)
        leaves, used = [], 0
        for (shape, low, high), size in zip(self.ranges, sizes, strict=True):
            part = numbers[used : used + size].reshape(shape)
            leaves.append(jnp.asarray(part * (high - low) + low, self.dtype))
            used += size
        return leaves


def _context(inputs: int, width: int, depth: int, dtype: Any, key: PRNGKeyArray) -> Context | None:
    """A network from the coordinates without a constraint to all biases; `None` without any."""
    if inputs == 0:
        return None
    draw, bound = _Draw(key, dtype, "the network"), 1 / math.sqrt(width)
    draw.add((width, inputs), -1.4, 1.4)
    draw.add((width,), -1.4, 1.4)
    draw.add((depth * width + 1, width), -bound, bound)
    return Context(*draw.leaves())


def _shifted(
    biases: tuple[Array, ...], context: Context | None, u: Float[Array, " inputs"]
) -> list[Array]:
    """The biases at the coordinates without a constraint."""
    if context is None:
        return list(biases)
    shifts, shifted, used = context(u), [], 0
    for bias in biases:
        shifted.append(bias + shifts[used : used + bias.size])
        used += bias.size
    return shifted


def _positive(raw: Float[Array, "out in"]) -> Float[Array, "out in"]:
    """Positive weights that sum to about 1 a row, so that layers neither fade nor explode."""
    return jax.nn.softplus(raw) / raw.shape[1]


def _unit(x: Point, support: Frozen | None, dtype: Any) -> Float[Array, " coordinates"]:
    """x as a vector, carried from the support to [-1, 1]."""
    x = in_dtype(x, dtype)
    return jnp.atleast_1d(x if support is None else to_unit(x, *support))


def _shape(in_size: int | Literal["scalar"]) -> tuple[int, ...]:
    return () if in_size == "scalar" else (in_size,)


def _checked_sizes(owner: str, in_size: Any, width: Any, depth: Any) -> int:
    checked_size(in_size, "in_size", owner)
    whole(width, "width", 1, owner)
    whole(depth, "depth", 1, owner)
    return 1 if in_size == "scalar" else int(in_size)


def _directions(direction: int | Sequence[int], size: int) -> tuple[int, ...]:
    several = isinstance(direction, Iterable) and not isinstance(direction, str)
    values = tuple(direction) if several else (direction,) * size
    if len(values) != size or not set(values) <= {-1, 0, 1}:
        raise ValueError(
            f"`direction` must be 1, -1 or 0, for all {size} coordinates at once or for each; got "
            f"{direction!r}"
        )
    return values
