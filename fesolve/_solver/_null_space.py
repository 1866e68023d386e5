"""argmin |b(theta)|^2 subject to c(theta) = 0, by Gauss-Newton steps in the null space of the
constraint.

With the singular value decomposition C = U S V^T of the constraint's Jacobian, the directions in
which c moves, to within its tolerance, are those that the constraint decides; the others, Z, are
free, and the norm decides there:

    d = V y + Z z,    y = -S^-1 U^T c,    z = argmin |b + B (V y + Z z)|.

One step is exact where c and b are affine. Elsewhere it is damped, in both parts, until the merit
function |b|^2 / 2 + weight |c| falls, whose weight is above the Lagrange multipliers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Bool, Float, Int

from .._compiled import program
from .._least_squares._assembly import Assembly, Equation, linearise, residuals
from .._least_squares._device_algebra import pseudo_inverse
from ._implicit import join
from ._verdict import decided_directions


class Pair(NamedTuple):
    """The constraint and the norm as two least-squares problems in one theta."""

    constraint: Assembly
    norm: Assembly
    equations: tuple[Equation, ...]


class Iterate(NamedTuple):
    theta: Float[Array, " P"]
    c: Float[Array, " N"]
    b: Float[Array, " Q"]
    damping: Float[Array, ""]
    weight: Float[Array, ""]
    best: Float[Array, ""]
    stalled: Int[Array, ""]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    failed: Bool[Array, ""]
    free: Int[Array, ""]
    undecided: Int[Array, ""]
    finite: Bool[Array, ""]


class Split(NamedTuple):
    """The constraint and the norm along the right singular vectors of C, the columns of `v`."""

    v: Float[Array, "P P"]
    sigma: Float[Array, " P"]
    c: Float[Array, " P"]
    decides: Bool[Array, " P"]
    u_norm: Float[Array, "Q K"]
    sigma_norm: Float[Array, " K"]
    v_norm: Float[Array, "P K"]


@sequential_vmap
def _thin(matrix: Array) -> tuple[Array, Array, Array]:
    u, sigma, vt = jnp.linalg.svd(matrix, full_matrices=False)
    return u, sigma, vt.T


@sequential_vmap
def _wide(matrix: Array) -> tuple[Array, Array, Array]:
    """With fewer rows than columns; the right singular vectors are a basis of the whole space."""
    u, sigma, vt = jnp.linalg.svd(matrix, full_matrices=True)
    return u, sigma, vt.T


def split(pair: Pair, theta: Array, c: Array, c_jacobian: Array, b_jacobian: Array) -> Split:
    """Which directions the constraint decides, and the norm along the others. Singular values of
    the norm that are rounding are zero."""
    rows, columns = c_jacobian.shape
    u, sigma, v = (_wide if rows < columns else _thin)(c_jacobian)
    missing = (0, columns - sigma.size)
    sigma, along = jnp.pad(sigma, missing), jnp.pad(u.T @ c, missing)
    decides = decided_directions(sigma, theta, pair.equations)
    u_norm, sigma_norm, v_norm = _thin(b_jacobian @ jnp.where(decides, 0, v))
    floor = jnp.finfo(theta.dtype).eps ** (2 / 3) * jnp.linalg.norm(b_jacobian)
    sigma_norm = jnp.where(sigma_norm > floor, sigma_norm, 0)
    return Split(v, sigma, jnp.where(decides, along, 0), decides, u_norm, sigma_norm, v_norm)


def start(pair: Pair, theta: Array, data: tuple[list, list]) -> Iterate:
    """The iterate at theta."""
    c, b = residuals(pair.constraint, theta, data[0]), residuals(pair.norm, theta, data[1])
    zero, none, no = jnp.zeros((), theta.dtype), jnp.zeros((), int), jnp.zeros((), bool)
    failed = ~(jnp.isfinite(c).all() & jnp.isfinite(b).all())
    far = jnp.full((), jnp.inf, theta.dtype)
    return Iterate(theta, c, b, zero, zero, far, none, none, no, failed, none, none, ~failed)


def advance(pair: Pair, state: Iterate, data: tuple[list, list]) -> Iterate:
    """One step."""
    theta = state.theta
    eps = float(jnp.finfo(theta.dtype).eps)
    c, c_jacobian = linearise(pair.constraint, theta, data[0])
    b, b_jacobian = linearise(pair.norm, theta, data[1])
    parts = split(pair, theta, c, c_jacobian, b_jacobian)
    multipliers = _multipliers(parts, b, b_jacobian)
    weight = jnp.maximum(state.weight, _weight(parts, c, b, c_jacobian, b_jacobian, multipliers))

    measure = _distance(parts, theta, b, c_jacobian, b_jacobian)
    stalled = jnp.where(measure < 0.5 * state.best, 0, state.stalled + 1)
    # rounding of c is felt in the norm as often as the multipliers say
    rounding = eps * jnp.linalg.norm(c_jacobian) * jnp.maximum(jnp.linalg.norm(theta), 1)
    felt = multipliers * rounding / jnp.maximum(b @ b, jnp.finfo(theta.dtype).tiny)
    most = max(1e-4, eps**0.5)
    near = measure <= jnp.clip(felt, eps**0.5, most)
    converged = (measure <= eps**0.75) | (near & (stalled >= 3))

    def attempt(damping: Array) -> tuple[Array, Array, Array]:
        step = _step(parts, b, b_jacobian, damping)
        after = theta + step
        return (
            after,
            residuals(pair.constraint, after, data[0]),
            residuals(pair.norm, after, data[1]),
        )

    def merit(c: Array, b: Array) -> Array:
        return 0.5 * b @ b + weight * jnp.linalg.norm(c)

    def accepts(c_after: Array, b_after: Array) -> Array:
        finite = jnp.isfinite(c_after).all() & jnp.isfinite(b_after).all()
        # near the end, rounding decides about the merit, and full steps are right
        return finite & (near | (merit(c_after, b_after) < merit(c, b)))

    def again(trial: tuple) -> Array:
        _, count, _, c_after, b_after = trial
        return (count == 0) | (~accepts(c_after, b_after) & (count <= 30))

    def another(trial: tuple) -> tuple:
        # the first try is in the loop too: a second copy of the residuals costs a compilation
        damping, count, *_ = trial
        damping = jnp.where(count == 0, damping, jnp.maximum(4 * damping, 1e-4))
        return damping, count + 1, *attempt(damping)

    before = (state.damping, jnp.zeros((), int), theta, c, b)
    damping, _, after, c_after, b_after = jax.lax.while_loop(again, another, before)
    moved = accepts(c_after, b_after)
    # where no step of any length lowers the merit, rounding decides about it as well
    converged = converged | (~moved & (jnp.minimum(state.best, measure) <= most))
    finite = jnp.isfinite(c_jacobian).all() & jnp.isfinite(b_jacobian).all()
    less = damping / 10
    return Iterate(
        jnp.where(moved, after, theta),
        jnp.where(moved, c_after, c),
        jnp.where(moved, b_after, b),
        jnp.where(less < 1e-8, 0, less),
        weight,
        jnp.minimum(state.best, measure),
        stalled,
        state.steps + moved.astype(int),
        converged,
        ~finite | (~moved & ~converged),
        jnp.sum(~parts.decides),
        jnp.sum(~parts.decides) - jnp.sum(parts.sigma_norm > 0),
        finite,
    )


def _divided(x: Array, sigma: Array, used: Array, damping: Array | float = 0.0) -> Array:
    """sigma x / (sigma^2 + damping sigma_max^2) where it is used, and 0 elsewhere."""
    scale = jnp.max(sigma)
    below = jnp.where(used, sigma**2 + damping * scale**2, 1)
    return jnp.where(used, sigma * x / below, 0)


def _step(parts: Split, b: Array, b_jacobian: Array, damping: Array) -> Array:
    decided = -parts.v @ _divided(parts.c, parts.sigma, parts.decides, damping)
    along = parts.u_norm.T @ (b + b_jacobian @ decided)
    z = -parts.v_norm @ _divided(along, parts.sigma_norm, parts.sigma_norm > 0, damping)
    return decided + parts.v @ jnp.where(parts.decides, 0, z)


def _multipliers(parts: Split, b: Array, b_jacobian: Array) -> Float[Array, ""]:
    """The size of the Lagrange multipliers, after an undamped step."""
    ahead = b + b_jacobian @ _step(parts, b, b_jacobian, jnp.zeros((), b.dtype))
    gradient = parts.v.T @ (b_jacobian.T @ ahead)
    return jnp.linalg.norm(_divided(gradient, parts.sigma, parts.decides))


def _weight(
    parts: Split, c: Array, b: Array, c_jacobian: Array, b_jacobian: Array, multipliers: Array
) -> Float[Array, ""]:
    """A weight of |c| above the multipliers, under which an undamped step lowers the merit."""
    norm = jnp.linalg.norm
    step = _step(parts, b, b_jacobian, jnp.zeros((), b.dtype))
    ahead = b + b_jacobian @ step
    gain = norm(c) - norm(c + c_jacobian @ step)
    needed = jnp.where(gain > 0, 0.5 * (ahead @ ahead - b @ b) / jnp.where(gain > 0, gain, 1), 0)
    # where the norm has no opinion yet, any weight will do
    return 2 * jnp.maximum(jnp.maximum(multipliers, needed), 0.5)


def _distance(
    parts: Split, theta: Array, b: Array, c_jacobian: Array, b_jacobian: Array
) -> Float[Array, ""]:
    """How far theta is from a solution: what a step would change, relative to what is there."""
    norm, eps = jnp.linalg.norm, float(jnp.finfo(theta.dtype).eps)
    size = jnp.maximum(norm(theta), 1)
    constraint = norm(parts.c) / (norm(c_jacobian) * size)
    decided = -parts.v @ _divided(parts.c, parts.sigma, parts.decides)
    along = parts.u_norm.T @ (b + b_jacobian @ decided)
    along = jnp.where(parts.sigma_norm > 0, along, 0)
    rounding = eps**0.25 * norm(b_jacobian) * size
    return jnp.maximum(constraint, norm(along) / jnp.maximum(norm(b), rounding))


@program(0)
def tangent(
    pair: Pair,
    theta: Float[Array, " P"],
    floats: tuple[list, list],
    others: tuple[list, list],
    moving: tuple[list, list],
) -> Float[Array, " P"]:
    """dtheta at a solution, by the implicit function theorem.

    There c = 0 along what the constraint decides, and Z^T (B^T b + C^T lambda) = 0. The
    multipliers' own tangent drops out, since Z^T C^T = 0.
    """
    rows_c = lambda theta, p: residuals(pair.constraint, theta, join(p[0], others[0]))
    rows_b = lambda theta, p: residuals(pair.norm, theta, join(p[1], others[1]))
    _, c_jacobian = linearise(pair.constraint, theta, join(floats[0], others[0]))
    b, b_jacobian = linearise(pair.norm, theta, join(floats[1], others[1]))
    _, dc = jax.jvp(lambda p: rows_c(theta, p), (floats,), (moving,))
    _, db = jax.jvp(lambda p: rows_b(theta, p), (floats,), (moving,))
    parts = split(pair, theta, dc, c_jacobian, b_jacobian)
    multipliers = _range_multipliers(parts, c_jacobian, b_jacobian.T @ b)

    def curvature(theta: Array, p: tuple[list, list]) -> Array:
        # b and the multipliers are held, so that no product of first derivatives is in it
        return jax.grad(lambda t: b @ rows_b(t, p) + multipliers @ rows_c(t, p))(theta)

    _, mixed = jax.jvp(lambda p: curvature(theta, p), (floats,), (moving,))
    hessian = jax.jacfwd(lambda t: curvature(t, floats))(theta)
    decided = -parts.v @ _divided(parts.c, parts.sigma, parts.decides)
    free = jnp.where(parts.decides, 0, parts.v)
    seen = parts.sigma_norm > 0
    inverse = parts.v_norm * jnp.where(seen, 1 / jnp.where(seen, parts.sigma_norm, 1), 0)[None]
    direct = inverse @ (parts.u_norm.T @ (db + b_jacobian @ decided))
    gram = inverse @ inverse.T @ free.T
    matrix = jnp.eye(theta.size, dtype=theta.dtype) + gram @ hessian @ free
    z = -pseudo_inverse(matrix) @ (direct + gram @ (mixed + hessian @ decided))
    return decided + free @ z


def _range_multipliers(parts: Split, c_jacobian: Array, gradient: Array) -> Array:
    """lambda with C^T lambda = -gradient along what the constraint decides: U is C V / S."""
    along = _divided(parts.v.T @ gradient, parts.sigma, parts.decides)
    return -c_jacobian @ (parts.v @ _divided(along, parts.sigma, parts.decides))
