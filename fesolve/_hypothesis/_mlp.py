"""A network that starts where least squares can reach machine precision."""

import abc
import math
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import (
    floating,
    function,
    is_real,
    positive,
    prng_key,
    real_array,
    size as checked_size,
    whole,
)
from .._show import Called
from .._types import as_array, is_traced
from ._basis import to_unit
from ._freeze import freeze, Frozen
from ._series import in_dtype


class AbstractNetwork(Called):
    """A network whose inputs are carried from a box, its support, to [-1, 1]."""

    support: eqx.AbstractVar[Frozen | None]

    @abc.abstractmethod
    def __call__(self, x: Float[Array, "..."] | Any) -> Float[Array, "..."]:
        """f(x) at one point x."""


class MLP(AbstractNetwork):
    """f(x) = net(t), t the point x of a box carried to [-1, 1]: an `eqx.nn.MLP` with scaled
    inputs and wide hidden weights.

    Hidden weights and biases start from U(-R, R) with R = spread / sqrt(fan in). They fix the
    functions that the last layer combines: too narrow, and these are nearly linear and alike;
    too wide, and they are steps. With 1.4, two layers of 32 tanh units hold f' = -f on [0, 2]
    to 2e-13 and f'' = -f on [0, 2 pi] to 3e-12 by the last layer alone, whatever the seed;
    steeper or longer solutions want more (logistic growth on [0, 5] about 2.5, ten units of time
    of Van der Pol's oscillator about 5), and more layers want no more than that.

    **Arguments:**

    - `in_size`, `out_size`: lengths of x and f(x), or `"scalar"`, as in `eqx.nn.MLP`.
    - `width`, `depth`: units a hidden layer, and hidden layers.
    - `support`: (lo, hi), numbers or vectors, such as `distribution.support`; where most of the
      x are. `None` leaves x as it is.
    - `activation`, `final_activation`: elementwise; smooth ones, where derivatives are wanted.
    - `spread`: see above; 1.0 is Equinox's own range.
    - `start`: the constant that f is before it is solved for: a number or, for a vector-valued f,
      one number a component. The last layer then starts from zero weights and this bias (what
      `final_activation` makes of it is f). By default it starts from random ones.
    - `dtype`: of the weights, by default JAX's default floating-point type.
    - `key`: for the initial weights.

    **Raises:** `ValueError` unless lo < hi, both finite, and shaped like x; and where `start` is
    not shaped like f(x).
    """

    net: eqx.nn.MLP
    support: Frozen | None

    def __init__(
        self,
        in_size: int | Literal["scalar"],
        out_size: int | Literal["scalar"],
        *,
        width: int,
        depth: int,
        support: Any = None,
        activation: Callable = jnp.tanh,
        final_activation: Callable = lambda x: x,
        spread: Any = 1.4,
        start: Any = None,
        dtype: Any = None,
        key: PRNGKeyArray,
    ):
        checked_size(in_size, "in_size", "MLP")
        checked_size(out_size, "out_size", "MLP")
        whole(width, "width", 1, "MLP")
        whole(depth, "depth", 0, "MLP")
        positive(spread, "spread", "MLP")
        prng_key(key)
        function(activation, "activation", "`jnp.tanh`")
        function(final_activation, "final_activation", "`jax.nn.softplus`")
        shape = () if in_size == "scalar" else (in_size,)
        self.support = None if support is None else freeze(box(support, shape))
        if any(eqx.is_array(leaf) for leaf in jax.tree.leaves((activation, final_activation))):
            raise ValueError(
                "`activation` of MLP must have no parameters of its own: use `eqx.nn.MLP` for one "
                "that has"
            )
        dtype = floating(dtype, "MLP")
        net = eqx.filter_eval_shape(
            eqx.nn.MLP, in_size, out_size, width, depth, activation, final_activation, key=key
        )
        leaves = _drawn(_weights(net), spread, dtype, key)
        if start is not None:
            leaves[-2:] = [jnp.zeros_like(leaves[-2]), _constant(start, out_size, dtype)]
        self.net = eqx.tree_at(_weights, net, leaves)

    def __call__(self, x: Float[Array, "..."] | Any) -> Float[Array, "..."]:
        x = in_dtype(x, self.net.layers[0].weight.dtype)
        return self.net(x if self.support is None else to_unit(x, *self.support))


def _weights(net: eqx.nn.MLP) -> list[Any]:
    return [leaf for layer in net.layers for leaf in (layer.weight, layer.bias)]


def _drawn(shapes: list[Any], spread: Any, dtype: Any, key: PRNGKeyArray) -> list[Array]:
    """Weights and biases from U(-R, R), R = spread / sqrt(fan in), or 1 / sqrt(fan in) in the
    last layer."""
    # One draw for all of them: each shape that is drawn by itself costs a compilation.
    numbers = jr.uniform(key, (sum(shape.size for shape in shapes),), dtype, -1.0, 1.0)
    numbers = numbers if is_traced((numbers, spread)) else np.asarray(numbers)
    leaves, used = [], 0
    for i, shape in enumerate(shapes):
        fan_in = math.prod(shapes[i - i % 2].shape[1:])
        scale = (1.0 if i >= len(shapes) - 2 else spread) / math.sqrt(fan_in)
        part = numbers[used : used + shape.size].reshape(shape.shape)
        leaves.append(jnp.asarray(scale * part, dtype))
        used += shape.size
    return leaves


def _constant(start: Any, out_size: int | Literal["scalar"], dtype: Any) -> Array:
    """The bias of the last layer with which f starts from `start`."""
    out = () if out_size == "scalar" else (out_size,)
    value = real_array(start, "start", "MLP", dtype)
    if value.shape not in ((), out):
        raise ValueError(
            f"`start` must be a number or have the shape {out} of f(x); got {value.shape}"
        )
    return jnp.broadcast_to(jnp.asarray(value, dtype), out or (1,))


def box(support: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """The ends of a support, each shaped like a point."""
    try:
        lo, hi = (as_array(end) for end in support)
    except (TypeError, ValueError):
        raise ValueError(f"`support` must be a pair (lo, hi); got {support!r}") from None
    if any(end.shape not in ((), shape) for end in (lo, hi)):
        raise ValueError(
            f"`support` must have ends that are numbers or shaped like x, {shape}; got "
            f"{lo.shape} and {hi.shape}"
        )
    if not (is_real(lo) and is_real(hi)):
        raise ValueError(f"`support` must be a pair of numbers (lo, hi); got {support!r}")
    if not is_traced((lo, hi)) and not np.all(np.isfinite(lo) & np.isfinite(hi) & (lo < hi)):
        raise ValueError(
            f"`support` must have finite ends lo < hi, where most of the x are; got {lo}, {hi}"
        )
    xp = jnp if is_traced((lo, hi)) else np
    return xp.broadcast_to(lo, shape), xp.broadcast_to(hi, shape)
