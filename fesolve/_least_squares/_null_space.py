"""Steps under a constraint: least squares in the null space of another Jacobian.

With the singular value decomposition C = U S V^T of the constraint's Jacobian, the directions in
which c moves, to within its tolerance, are those that the constraint decides; the others, Z, are
free, and the norm |b| decides there:

    d = V y + Z z,    y = -S^-1 U^T c,    z = argmin |b + B (V y + Z z)|.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .._linear_algebra._device import decomposed, pseudo_inverse
from .._linear_algebra._host import tall
from ._assembly import Assembly, Equation, linearise, residuals
from ._implicit import parts_that_move
from ._tolerances import default_tolerance, tolerance_of


class Pair(NamedTuple):
    """The constraint and the norm as two least-squares problems in one theta, whose data are one
    list, of which the first `count` are those of the constraint."""

    constraint: Assembly
    norm: Assembly
    equations: tuple[Equation, ...]
    count: int

    def apart(self, data: list) -> tuple[list, list]:
        """The data of each."""
        return data[: self.count], data[self.count :]

    def rows(self, theta: Array, data: list) -> tuple[Array, Array]:
        """The residuals of both."""
        first, second = self.apart(data)
        return residuals(self.constraint, theta, first), residuals(self.norm, theta, second)

    def linearised(self, theta: Array, data: list) -> tuple[Array, Array, Array, Array]:
        """The residuals and the Jacobian of the constraint, and those of the norm."""
        first, second = self.apart(data)
        return *linearise(self.constraint, theta, first), *linearise(self.norm, theta, second)


def decided_directions(
    sigma: Float[Array, " P"], theta: Float[Array, " P"], equations: tuple[Equation, ...]
) -> Bool[Array, " P"]:
    """Which right singular vectors of a Jacobian the equations decide, from its falling singular
    values: not those at rounding, nor those below the tolerance and a gap, the mark of a missing
    condition."""
    dtype = theta.dtype
    eps = float(jnp.finfo(dtype).eps)
    finite = [t for e in equations if (t := tolerance_of(e, dtype)) < float("inf")]
    bar = min(min(finite, default=1e3 * eps), default_tolerance(dtype))
    size = sigma * jnp.maximum(1.0, jnp.linalg.norm(theta))
    before = jnp.concatenate([jnp.full(1, jnp.inf, sigma.dtype), sigma[:-1]])
    below_gap = jnp.cumsum((size < bar) & (before > 1e4 * sigma)) > 0
    at_rounding = (size <= max(1e-3 * bar, 4 * eps)) | (sigma <= 1e3 * eps * sigma[0])
    return ~(below_gap | at_rounding)


class Split(NamedTuple):
    """The constraint and the norm along the right singular vectors of C, the columns of `v`."""

    v: Float[Array, "P P"]
    sigma: Float[Array, " P"]
    c: Float[Array, " P"]
    decides: Bool[Array, " P"]
    u_norm: Float[Array, "Q K"]
    sigma_norm: Float[Array, " K"]
    v_norm: Float[Array, "P K"]
    c_jacobian: Float[Array, "N P"]
    b_jacobian: Float[Array, "Q P"]

    def step(self, b: Array, damping: Array | float = 0.0) -> Float[Array, " P"]:
        """d, damped in both parts."""
        decided = self.decided(damping)
        along = self.u_norm.T @ (b + self.b_jacobian @ decided)
        z = -self.v_norm @ _divided(along, self.sigma_norm, self.sigma_norm > 0, damping)
        return decided + self.v @ jnp.where(self.decides, 0, z)

    def decided(self, damping: Array | float = 0.0) -> Float[Array, " P"]:
        """V y."""
        return -self.v @ _divided(self.c, self.sigma, self.decides, damping)

    def multipliers(self, b: Array) -> Float[Array, ""]:
        """The size of the Lagrange multipliers, after an undamped step."""
        ahead = b + self.b_jacobian @ self.step(b)
        gradient = self.v.T @ (self.b_jacobian.T @ ahead)
        return jnp.linalg.norm(_divided(gradient, self.sigma, self.decides))

    def range_multipliers(self, gradient: Array) -> Array:
        """lambda with C^T lambda = -gradient along what the constraint decides: U is C V / S."""
        along = _divided(self.v.T @ gradient, self.sigma, self.decides)
        return -self.c_jacobian @ (self.v @ _divided(along, self.sigma, self.decides))

    def weight(self, c: Array, b: Array, multipliers: Array) -> Float[Array, ""]:
        """A weight of |c| above the multipliers, under which an undamped step lowers |b|^2 / 2 +
        weight |c|."""
        norm, step = jnp.linalg.norm, self.step(b)
        ahead = b + self.b_jacobian @ step
        gain = norm(c) - norm(c + self.c_jacobian @ step)
        needed = 0.5 * (ahead @ ahead - b @ b) / jnp.where(gain > 0, gain, 1)
        # where the norm has no opinion yet, any weight will do
        least = jnp.maximum(multipliers, jnp.where(gain > 0, needed, 0))
        return 2 * jnp.maximum(least, 0.5)

    def distance(self, theta: Array, b: Array) -> Float[Array, ""]:
        """How far theta is from a solution: what a step would change, relative to what is there."""
        norm, eps = jnp.linalg.norm, float(jnp.finfo(theta.dtype).eps)
        size = jnp.maximum(norm(theta), 1)
        constraint = norm(self.c) / (norm(self.c_jacobian) * size)
        along = self.u_norm.T @ (b + self.b_jacobian @ self.decided())
        along = jnp.where(self.sigma_norm > 0, along, 0)
        rounding = eps**0.25 * norm(self.b_jacobian) * size
        return jnp.maximum(constraint, norm(along) / jnp.maximum(norm(b), rounding))


def split(
    equations: tuple[Equation, ...], theta: Array, c: Array, c_jacobian: Array, b_jacobian: Array
) -> Split:
    """Which directions the constraint decides, and the norm along the others. Singular values of
    the norm that are rounding are zero."""
    u, sigma, vt = decomposed(tall(jnp, c_jacobian))
    along, v = u[: c.size].T @ c, vt.T
    decides = decided_directions(sigma, theta, equations)
    u_norm, sigma_norm, vt_norm = decomposed(b_jacobian @ jnp.where(decides, 0, v))
    floor = jnp.finfo(theta.dtype).eps ** (2 / 3) * jnp.linalg.norm(b_jacobian)
    sigma_norm = jnp.where(sigma_norm > floor, sigma_norm, 0)
    along = jnp.where(decides, along, 0)
    return Split(v, sigma, along, decides, u_norm, sigma_norm, vt_norm.T, c_jacobian, b_jacobian)


def _divided(x: Array, sigma: Array, used: Array, damping: Array | float = 0.0) -> Array:
    """sigma x / (sigma^2 + damping sigma_max^2) where it is used, and 0 elsewhere."""
    scale = jnp.max(sigma)
    below = jnp.where(used, sigma**2 + damping * scale**2, 1)
    return jnp.where(used, sigma * x / below, 0)


def tangent(pair: Pair, theta: Float[Array, " P"], data: list, moving: list) -> Float[Array, " P"]:
    """dtheta at a solution, by the implicit function theorem.

    There c = 0 along what the constraint decides, and Z^T (B^T b + C^T lambda) = 0. The
    multipliers' own tangent drops out, since Z^T C^T = 0.
    """
    floats, given = parts_that_move(data, moving)
    rows = lambda theta, p: pair.rows(theta, given(p))
    _, c_jacobian, b, b_jacobian = pair.linearised(theta, data)
    _, (dc, db) = jax.jvp(lambda p: rows(theta, p), (floats,), (moving,))
    parts = split(pair.equations, theta, dc, c_jacobian, b_jacobian)
    multipliers = parts.range_multipliers(b_jacobian.T @ b)

    def weighed(theta: Array, p: list) -> Array:
        c, norm = rows(theta, p)
        return b @ norm + multipliers @ c

    def curvature(theta: Array, p: list) -> Array:
        # b and the multipliers are held, so that no product of first derivatives is in it
        return jax.grad(lambda t: weighed(t, p))(theta)

    _, mixed = jax.jvp(lambda p: curvature(theta, p), (floats,), (moving,))
    hessian = jax.jacfwd(lambda t: curvature(t, floats))(theta)
    decided = parts.decided()
    free = jnp.where(parts.decides, 0, parts.v)
    seen = parts.sigma_norm > 0
    inverse = parts.v_norm * jnp.where(seen, 1 / jnp.where(seen, parts.sigma_norm, 1), 0)[None]
    direct = inverse @ (parts.u_norm.T @ (db + b_jacobian @ decided))
    gram = inverse @ inverse.T @ free.T
    matrix = jnp.eye(theta.size, dtype=theta.dtype) + gram @ hessian @ free
    z = -pseudo_inverse(matrix) @ (direct + gram @ (mixed + hessian @ decided))
    return decided + free @ z
