"""How the minimum of a least-squares problem moves with its data: the implicit function theorem.

theta*(p) satisfies J^T r = 0. Differentiating, (J^T J + S) dtheta = -(J^T dr + dJ^T r) with
S = sum_i r_i Hess r_i, so dtheta = -(I + J^+ J^+T S)^-1 (J^+ dr + J^+ J^+T dJ^T r), and -J^+ dr
where r = 0. J^+ comes from QR of J, so that the condition number is that of J and not its square;
where there are more unknowns than rows, J^+ gives the shortest dtheta.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._linear_algebra._device import pseudo_inverse
from ._assembly import Assembly, linearise, residuals


ROUNDED = 1e3
"""Roundings of its parts up to which a residual is zero."""


def tangent(
    assembly: Assembly, theta: Array, data: list, moving: list
) -> tuple[list[Any], Float[Array, ""]]:
    """dtheta, as leaves, and the derivative 2 r . dr of the risk at its minimum (envelope).

    **Arguments:** `moving`, the tangents of the data, `None` for what does not move.
    """
    floats, given = parts_that_move(data, moving)

    def rows(theta: Any, floats: list) -> Array:
        return residuals(assembly, theta, given(floats))

    r, jacobian = linearise(assembly, theta, data)
    _, dr = jax.jvp(lambda p: rows(theta, p), (floats,), (moving,))
    risk_tangent = 2 * r @ dr
    inverse = pseudo_inverse(jacobian)
    if jacobian.shape[0] < jacobian.shape[1]:
        return assembly.leaves(-inverse @ dr), risk_tangent

    def curvature(theta: Any, floats: list) -> Array:
        # r is a number here, so that its derivatives hold J^T dr nowhere; a second derivative of
        # the minimum moves it, so that it must not be cut off from the data
        return jax.grad(lambda t: r @ rows(t, floats))(theta)

    _, mixed = jax.jvp(lambda p: curvature(theta, p), (floats,), (moving,))
    second = jax.jacfwd(lambda t: curvature(t, floats))(theta)
    gram_inverse = inverse @ inverse.T
    correction = pseudo_inverse(jnp.eye(theta.size, dtype=r.dtype) + gram_inverse @ second)
    change = -correction @ (inverse @ dr + gram_inverse @ mixed)
    return assembly.leaves(change), risk_tangent


def tangent_at_zero(
    assembly: Assembly, theta: Array, jacobian: Array, data: list, moving: list
) -> tuple[list[Any], Float[Array, ""]]:
    """The same where r = 0, by the Jacobian there: nothing is differentiated twice."""
    floats, given = parts_that_move(data, moving)
    rows = lambda floats: residuals(assembly, theta, given(floats))
    r, dr = jax.jvp(rows, (floats,), (moving,))
    return assembly.leaves(-pseudo_inverse(jacobian) @ dr), 2 * r @ dr


def is_zero(theta: Any, r: Any, jacobian: Any) -> bool:
    """Whether r is no more than the rounding of the parts that it is the sum of. As many equations
    as unknowns have their zero where an iteration ends near it: r is then what is left to do, and
    no minimum by itself."""
    theta, r, jacobian = (np.abs(np.asarray(x)) for x in (theta, r, jacobian))
    eps = np.finfo(r.dtype).eps
    least = np.sqrt(eps) if r.size == theta.size else ROUNDED * eps
    return bool((r <= least * (jacobian @ theta)).all())


def parts_that_move(data: list, moving: list) -> tuple[list, Callable[[list], list]]:
    """Those of the data that have a tangent, with `None` in the gaps, and all of the data again
    from others in their place."""
    floats = [None if dx is None else x for x, dx in zip(data, moving, strict=True)]
    given = lambda floats: [y if x is None else x for x, y in zip(floats, data, strict=True)]
    return floats, given
