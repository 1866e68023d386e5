"""The words of a residual: derivatives at a point, and complementarity."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.extend.core as jex
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, ArrayLike, Float, PyTree

from .._types import Point


def derivative(f: Callable, order: int = 1) -> Callable:
    """The function f^(order), for f of a scalar x; values of f may be arrays or pytrees.

    **Arguments:** `f`; `order` >= 0.

    **Returns:** a function of x.

    **Raises:** `ValueError` where the order is negative, or x is not a scalar.
    """
    if not isinstance(order, int | np.integer) or order < 0:
        raise ValueError(f"`order` of `derivative` must be an integer >= 0; got {order!r}")
    g = f
    for _ in range(order):
        g = _slope(g)
    return lambda x: g(_scalar(x))


def _slope(f: Callable) -> Callable:
    return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]


def _scalar(x: ArrayLike) -> Array:
    """x as a floating-point scalar."""
    x = jnp.asarray(x)
    if x.shape:
        raise ValueError(
            f"`derivative(f)` takes a scalar x; got shape {x.shape}: use `fe.gradient(f)`, or "
            "`fe.directional(f, v)`, for a point with several coordinates"
        )
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def directional(f: Callable, v: PyTree, order: int = 1) -> Callable:
    """The function x -> d^order/ds^order f(x + s v) at s = 0.

    **Arguments:** `f`; `v`, a direction, shaped like x; `order` >= 0.

    **Returns:** a function of x, whose values are shaped like those of f.
    """

    def at(x: Point) -> PyTree:
        x = _real(x)
        direction = jax.tree.map(lambda a, b: jnp.asarray(b).astype(a.dtype), x, v)

        def along(s: Array) -> PyTree:
            return f(jax.tree.map(lambda a, b: a + s.astype(a.dtype) * b, x, direction))

        return derivative(along, order)(0.0)

    return at


def gradient(f: Callable) -> Callable:
    """The function grad f, for a scalar-valued f; integer coordinates of x have none (`None`).

    **Returns:** a function of x, whose values are shaped like x.

    **Raises:** `ValueError` where f(x) is not a scalar.
    """

    def at(x: Point) -> PyTree:
        moving, fixed = eqx.partition(_real(x), eqx.is_inexact_array)
        value, pull = jax.vjp(lambda m: f(eqx.combine(m, fixed)), moving)
        if jnp.shape(value) or not isinstance(value, jax.Array):
            raise ValueError(
                "`gradient(f)` needs a scalar f(x); got "
                f"{jax.tree.map(jnp.shape, value)}: take one component, or `jax.jacfwd`"
            )
        return pull(jnp.ones_like(value))[0]

    return at


def hessian(f: Callable) -> Callable:
    """The function of second derivatives of f, for an array x.

    **Returns:** a function of x, whose values have the shape of f(x), then that of x twice.
    """
    return lambda x: jax.hessian(f)(_real(x))


def laplacian(f: Callable) -> Callable:
    """The function sum_i d^2 f / dx_i^2; values of f may be arrays or pytrees.

    Value, gradient and Laplacian travel together through the operations of f, forward, once:
    for networks that is several times cheaper than the trace of a Hessian. It holds for any f
    that can be differentiated forward twice.

    **Returns:** a function of x, whose values are shaped like those of f.

    **Source:** Li et al. (2024), "A computational framework for neural network-based variational
    Monte Carlo with forward Laplacian".
    """

    def at(x: Point) -> PyTree:
        x = _real(x)
        if not all(_real_dtype(leaf) for leaf in jax.tree.leaves(x)):
            raise ValueError(
                "`laplacian(f)` needs floating-point coordinates: hold a discrete one by a lambda"
            )
        flat, unravel = ravel_pytree(x)
        start = jnp.concatenate([jnp.eye(flat.size, dtype=flat.dtype), jnp.zeros_like(flat)[None]])
        return second_order(lambda z: f(unravel(z)), flat, start)

    return at


def second_order(f: Callable, x: Float[Array, " d"], rows: Float[Array, "m d"]) -> PyTree:
    """b . grad f(x) + sum_k v_k . Hess f(x) v_k, where v_1, v_2, ... and last b are the rows:
    Ito's rule, applied to each operation of f. It holds m numbers beside each value of f."""
    program, shape = jax.make_jaxpr(f, return_shape=True)(x)
    outputs = _propagate(program.jaxpr, program.consts, [_Jet(x, rows)])
    second = [out.rows[-1] if isinstance(out, _Jet) else jnp.zeros_like(out) for out in outputs]
    return jax.tree.unflatten(jax.tree.structure(shape), second)


class _Jet(eqx.Module):
    """A value with its derivatives along some directions and, in the last row, what adds up their
    second ones: the Laplacian, where the directions are the axes."""

    value: Array
    rows: Float[Array, "..."]


# Linear in all of their floating-point operands together.
_LINEAR = frozenset(
    """
    add add_any broadcast_in_dim concatenate convert_element_type copy copy_p cumsum
    dynamic_slice dynamic_update_slice expand_dims gather neg pad reduce_sum reshape rev
    select_n slice squeeze sub transpose
    """.split()  # noqa: SIM905
)
_BILINEAR = frozenset({"mul", "dot_general", "conv_general_dilated"})
# Elementwise in one argument, whatever the others hold.
_ELEMENTWISE = frozenset(
    """
    abs acos acosh asin asinh atan atan2 atanh cbrt cos cosh digamma div erf erf_inv erfc exp
    exp2 expm1 integer_pow lgamma log log1p logistic max min pow rsqrt sin sinh sqrt square
    tan tanh
    """.split()  # noqa: SIM905
)
_NESTED = frozenset({"jit", "pjit", "closed_call", "checkpoint"})


def _propagate(program: Any, consts: list, arguments: list) -> list:
    """The outputs of a jaxpr, jets where they depend on x and plain values elsewhere."""
    known: dict = dict(zip(program.constvars, consts, strict=True))
    known.update(zip(program.invars, arguments, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, jex.Literal) else known[atom]

    for equation in program.eqns:
        inputs = [read(atom) for atom in equation.invars]
        known.update(zip(equation.outvars, _apply(equation, inputs), strict=True))
    return [read(atom) for atom in program.outvars]


def _apply(equation: Any, inputs: list) -> list:
    name, where = equation.primitive.name, [isinstance(one, _Jet) for one in inputs]
    if any(where) and name in _NESTED:
        inner = equation.params["jaxpr"]
        if isinstance(inner, jex.ClosedJaxpr):
            return _propagate(inner.jaxpr, inner.consts, inputs)
        return _propagate(inner, [], inputs)

    values = [one.value if jet else one for one, jet in zip(inputs, where, strict=True)]
    jets = tuple(one for one in inputs if isinstance(one, _Jet))

    def run(*moving: Array) -> list:
        """The operation as a function of the operands that depend on x."""
        queue = iter(moving)
        operands = [next(queue) if jet else v for v, jet in zip(values, where, strict=True)]
        parameters = equation.primitive.get_bind_params(equation.params)
        out = equation.primitive.bind(*operands, **parameters)
        return out if equation.primitive.multiple_results else [out]

    points, rows = tuple(jet.value for jet in jets), tuple(jet.rows for jet in jets)
    if not jets:
        return run()
    if name in _ELEMENTWISE and len(jets) == 1 and _same_shape(equation, jets[0]):
        return _elementwise(run, jets[0])

    def push(moving: tuple, tangents: tuple) -> list:
        return jax.jvp(run, moving, tangents)[1]

    out = run(*points)
    first = jax.vmap(lambda t: push(points, t))(rows)
    slopes = tuple(row[:-1] for row in rows)
    if name in _LINEAR or (name in _BILINEAR and len(jets) == 1):
        curved = [None]
    elif name in _BILINEAR:
        curved = [2 * cross.sum(0) for cross in jax.vmap(run)(*slopes)]
    else:

        def bend(t: tuple) -> list:
            return jax.jvp(lambda *moving: push(moving, t), points, t)[1]

        curved = [b.sum(0) if _real_dtype(b) else None for b in jax.vmap(bend)(slopes)]
    return [_joined(*parts) for parts in zip(out, first, curved, strict=True)]


def _elementwise(run: Callable, jet: _Jet) -> list:
    """Laplacian of g(u) = g'(u) Laplacian(u) + g''(u) |grad u|^2."""

    def slope(u: Array) -> Array:
        return jax.jvp(lambda v: run(v)[0], (u,), (jnp.ones_like(u),))[1]

    once, twice = jax.jvp(slope, (jet.value,), (jnp.ones_like(jet.value),))
    second = twice * jnp.square(jet.rows[:-1]).sum(0)
    return [_joined(run(jet.value)[0], once[None] * jet.rows, second)]


def _joined(value: Array, rows: Any, curved: Array | None) -> Any:
    if not _real_dtype(rows):
        return value
    return _Jet(value, rows if curved is None else rows.at[-1].add(curved))


def _real_dtype(x: Any) -> bool:
    """False for the tangents of integers and booleans, which are none."""
    return jnp.issubdtype(x.dtype, jnp.floating)


def _same_shape(equation: Any, jet: _Jet) -> bool:
    return equation.outvars[0].aval.shape == jet.value.shape


def _real(x: PyTree) -> PyTree:
    """x as arrays, a bare number as a floating-point one."""
    return jax.tree.map(jnp.asarray, float(x) if isinstance(x, int | float) else x)
