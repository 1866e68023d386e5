"""The derivative of a least-squares minimum in the data of its problem, by the implicit function
theorem.

theta*(p) satisfies J^T r = 0. Differentiating, (J^T J + S) dtheta = -(J^T dr + dJ^T r) with
S = sum_i r_i Hess r_i, so dtheta = -(I + J^+ J^+T S)^-1 (J^+ dr + J^+ J^+T dJ^T r), and -J^+ dr
where r = 0. J^+ comes from QR of J, so that the condition number is that of J and not its square;
where there are more unknowns than rows, J^+ gives the shortest dtheta.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._compiled import program
from .._least_squares._assembly import Assembly, linearise, residuals
from .._least_squares._device_algebra import pseudo_inverse


def is_differentiable(x: Any) -> bool:
    """Whether x is an array of real floating-point numbers."""
    return x is not None and jnp.issubdtype(jnp.result_type(x), jnp.floating)


@program(0)
def tangent(
    assembly: Assembly,
    leaves: list[Any],
    floats: list,
    others: list,
    float_tangents: list,
) -> tuple[list[Any], Float[Array, ""]]:
    """dtheta, as leaves, and the derivative 2 r . dr of the risk at its minimum (envelope)."""

    theta = jnp.concatenate([jnp.ravel(leaf).astype(assembly.dtype) for leaf in leaves])

    def rows(theta: Any, floats: list) -> Array:
        return residuals(assembly, theta, join(floats, others))

    r, jacobian = linearise(assembly, theta, join(floats, others))
    _, dr = jax.jvp(lambda p: rows(theta, p), (floats,), (float_tangents,))
    risk_tangent = 2 * r @ dr
    inverse = pseudo_inverse(jacobian)
    if jacobian.shape[0] < jacobian.shape[1]:
        return assembly.leaves(-inverse @ dr), risk_tangent

    def curvature(theta: Any, floats: list) -> Array:
        # r is a number here, so that its derivatives hold J^T dr nowhere; a second derivative of
        # the minimum moves it, so that it must not be cut off from the data
        return jax.grad(lambda t: r @ rows(t, floats))(theta)

    _, mixed = jax.jvp(lambda p: curvature(theta, p), (floats,), (float_tangents,))
    second = jax.jacfwd(lambda t: curvature(t, floats))(theta)
    gram_inverse = inverse @ inverse.T
    correction = pseudo_inverse(jnp.eye(theta.size, dtype=r.dtype) + gram_inverse @ second)
    change = -correction @ (inverse @ dr + gram_inverse @ mixed)
    return assembly.leaves(change), risk_tangent


def separate(data: list) -> tuple[list, list]:
    """Floating-point arrays, and the others; both of full length, with None in the gaps."""
    floats = [x if is_differentiable(x) else None for x in data]
    others = [None if is_differentiable(x) else x for x in data]
    return floats, others


class Known:
    """Arrays that are no tracers, so that nothing is differentiated in them: they pass by the
    rule of differentiation, which would make a zero of the size of each."""

    def __init__(self, arrays: list) -> None:
        self.arrays = [None if isinstance(x, jax.core.Tracer) else x for x in arrays]

    def fill(self, arrays: list) -> list:
        """`arrays`, their gaps filled."""
        return join(arrays, self.arrays)


def unknown(data: list) -> list:
    """The tracers among the arrays, with None in the gaps."""
    return [x if isinstance(x, jax.core.Tracer) else None for x in data]


def join(floats: list, others: list) -> list:
    """The inverse of `separate`."""
    return [y if x is None else x for x, y in zip(floats, others, strict=True)]
