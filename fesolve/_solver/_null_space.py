"""argmin |b(theta)|^2 subject to c(theta) = 0, by Gauss-Newton steps in the null space of the
constraint.

One step is exact where c and b are affine. Elsewhere it is damped, in both parts, until the merit
function |b|^2 / 2 + weight |c| falls, whose weight is above the Lagrange multipliers.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .._compiled import program
from .._least_squares._assembly import Assembly, Equation, linearise, residuals
from .._least_squares._device_algebra import pseudo_inverse
from .._least_squares._implicit import parts_that_move
from .._least_squares._null_space import split


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


class Iterate(NamedTuple):
    """theta with the residuals c and b, and how far the iteration has come.

    - `stalled`: steps since the norm's distance from its minimum, at `best` so far, was halved.
    - `free`, `undecided`: directions that the constraint, and that neither of both decides.
    """

    theta: Float[Array, " P"]
    c: Float[Array, " N"]
    b: Float[Array, " Q"]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    failed: Bool[Array, ""]
    finite: Bool[Array, ""]
    damping: Float[Array, ""]
    weight: Float[Array, ""]
    best: Float[Array, ""]
    stalled: Int[Array, ""]
    free: Int[Array, ""]
    undecided: Int[Array, ""]


@program(0)
def start(pair: Pair, theta: Array, data: list) -> Iterate:
    """The iterate at theta."""
    theta = jnp.asarray(theta)
    c, b = pair.rows(theta, data)
    zero, none, no = jnp.zeros((), theta.dtype), jnp.zeros((), int), jnp.zeros((), bool)
    failed = ~(jnp.isfinite(c).all() & jnp.isfinite(b).all())
    far = jnp.full((), jnp.inf, theta.dtype)
    ended = (none, no, failed, ~failed)
    return Iterate(theta, c, b, *ended, zero, zero, far, none, none, none)


@program(0)
def advance(pair: Pair, state: Iterate, data: list) -> Iterate:
    """One step."""
    with jax.default_matmul_precision("highest"):
        return _advanced(pair, state, data)


def _advanced(pair: Pair, state: Iterate, data: list) -> Iterate:
    theta = state.theta
    eps = float(jnp.finfo(theta.dtype).eps)
    c, c_jacobian, b, b_jacobian = pair.linearised(theta, data)
    parts = split(pair.equations, theta, c, c_jacobian, b_jacobian)
    multipliers = parts.multipliers(b)
    weight = jnp.maximum(state.weight, parts.weight(c, b, multipliers))
    measure = parts.distance(theta, b)
    stalled = jnp.where(measure < 0.5 * state.best, 0, state.stalled + 1)
    # rounding of c is felt in the norm as often as the multipliers say
    rounding = eps * jnp.linalg.norm(c_jacobian) * jnp.maximum(jnp.linalg.norm(theta), 1)
    felt = multipliers * rounding / jnp.maximum(b @ b, jnp.finfo(theta.dtype).tiny)
    most = max(1e-4, eps**0.5)
    near = measure <= jnp.clip(felt, eps**0.5, most)
    converged = (measure <= eps**0.75) | (near & (stalled >= 3))

    def attempt(damping: Array) -> tuple[Array, Array, Array]:
        after = theta + parts.step(b, damping)
        return after, *pair.rows(after, data)

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
        state.steps + moved.astype(int),
        converged,
        ~finite | (~moved & ~converged),
        finite,
        jnp.where(less < 1e-8, 0, less),
        weight,
        jnp.minimum(state.best, measure),
        stalled,
        jnp.sum(~parts.decides),
        jnp.sum(~parts.decides) - jnp.sum(parts.sigma_norm > 0),
    )


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
