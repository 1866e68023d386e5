"""Small dense linear algebra inside compiled programs.

Under `vmap` each matrix is factored by itself, in a loop. A batch would go to LAPACK in one call,
which jaxlib spreads over XLA's worker threads and waits for on one of them: on a machine with two
cores, two such calls at once wait for each other for ever. Their derivatives are products of
matrices, so that no factorisation is transposed or differentiated.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Bool, Float, Int


def _triangular(upper: Array, b: Array, *, transpose: bool = False) -> Array:
    return jax.scipy.linalg.solve_triangular(upper, b, trans=int(transpose))


@sequential_vmap
def gauss_newton_step(jacobian: Float[Array, "N P"], r: Float[Array, " N"]) -> Float[Array, " P"]:
    """argmin_d |r + J d|, by QR of (J, r), in which Q is never formed; with fewer rows than
    columns, or without full rank, the shortest d."""
    rows, columns = jacobian.shape
    if rows < columns:
        q, upper = jnp.linalg.qr(jacobian.T)
        step = -q @ _triangular(upper, r, transpose=True)
    else:
        upper = jnp.linalg.qr(jnp.column_stack([jacobian, r]), mode="r")
        step = -_triangular(upper[:columns, :columns], upper[:columns, columns])
    shortest = lambda: -jnp.linalg.lstsq(jacobian, r)[0]
    deficient = jnp.isfinite(jacobian).all() & ~jnp.isfinite(step).all()
    return jax.lax.cond(deficient, shortest, lambda: step)


@sequential_vmap
def damped_steps(
    jacobian: Float[Array, "N P"], r: Float[Array, " N"], damping: Float[Array, ""]
) -> tuple[Float[Array, " P"], Float[Array, "K K"]]:
    """-(J^T J + damping I)^-1 J^T r by QR of the damped Jacobian, or of its transpose where that
    is the smaller, and the triangular factor."""
    tall = jacobian if jacobian.shape[0] >= jacobian.shape[1] else jacobian.T
    least = (jnp.finfo(tall.dtype).eps * jnp.max(jnp.abs(tall))) ** 2
    lower = jnp.sqrt(damping + least) * jnp.eye(tall.shape[1], dtype=tall.dtype)
    upper = jnp.linalg.qr(jnp.concatenate([tall, lower]), mode="r")
    return -_normal(upper, jacobian, r), upper


def gauss_newton_in(
    columns: Int[Array, " K"] | None, jacobian: Float[Array, "N P"], r: Float[Array, " N"]
) -> Float[Array, " P"]:
    """The Gauss-Newton step in some columns, or in all."""
    if columns is None:
        return gauss_newton_step(jacobian, r)
    part = gauss_newton_step(jacobian[:, columns], r)
    return jnp.zeros(jacobian.shape[1], r.dtype).at[columns].set(part)


@sequential_vmap
def step_of_either(
    damped: Bool[Array, ""],
    jacobian: Float[Array, "N P"],
    r: Float[Array, " N"],
    damping: Float[Array, ""],
    columns: Int[Array, " K"] | None,
) -> tuple[Float[Array, " P"], Float[Array, "L L"]]:
    """A damped step with its factor, or a Gauss-Newton step with zeros: each lane of a batch
    factors one matrix, and not two of which it uses one."""
    least = min(jacobian.shape)
    newton = lambda: (gauss_newton_in(columns, jacobian, r), jnp.zeros((least, least), r.dtype))
    return jax.lax.cond(damped, lambda: damped_steps(jacobian, r, damping), newton)


@sequential_vmap
def damped_solve(
    upper: Float[Array, "K K"], jacobian: Float[Array, "N P"], b: Float[Array, " N"]
) -> Float[Array, " P"]:
    """(J^T J + damping I)^-1 J^T b by the factor of `damped_steps`."""
    return _normal(upper, jacobian, b)


def _normal(upper: Array, jacobian: Array, b: Array) -> Array:
    twice = lambda v: _triangular(upper, _triangular(upper, v, transpose=True))
    if jacobian.shape[0] >= jacobian.shape[1]:
        return twice(jacobian.T @ b)
    return jacobian.T @ twice(b)


@sequential_vmap
def _pseudo_inverse(matrix: Float[Array, "N P"]) -> Float[Array, "P N"]:
    if matrix.shape[0] < matrix.shape[1]:
        q, upper = jnp.linalg.qr(matrix.T)
        return _triangular(upper, q.T).T
    q, upper = jnp.linalg.qr(matrix)
    return _triangular(upper, q.T)


@jax.custom_jvp
def pseudo_inverse(matrix: Float[Array, "N P"]) -> Float[Array, "P N"]:
    """A^+ of a matrix of full rank, through QR."""
    return _pseudo_inverse(matrix)


@pseudo_inverse.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    (a,), (da,) = primals, tangents
    k = pseudo_inverse(a)
    change = -k @ da @ k
    if a.shape[0] > a.shape[1]:
        change = change + k @ k.T @ (da.T - (da.T @ a) @ k)
    if a.shape[0] < a.shape[1]:
        change = change + (da.T - k @ (a @ da.T)) @ (k.T @ k)
    return k, change


@sequential_vmap
def decomposed(matrix: Float[Array, "N P"]) -> tuple[Array, Array, Array]:
    """The thin singular value decomposition u, s, v^T."""
    return jnp.linalg.svd(matrix, full_matrices=False)


@sequential_vmap
def inverse_factor(jacobian: Float[Array, "N P"]) -> Float[Array, "P P"]:
    """R^-1 of J = QR; not finite where J has lost rank."""
    triangle = jnp.linalg.qr(jacobian, mode="r")
    return _triangular(triangle, jnp.eye(triangle.shape[0], dtype=triangle.dtype))


def forward(rows: Callable[[Array], Array], theta: Array) -> tuple[Array, Array]:
    """The rows and their Jacobian, column by column, from one trace."""
    r, along = jax.linearize(rows, theta)
    return r, jax.vmap(along, out_axes=-1)(jnp.eye(theta.size, dtype=theta.dtype))
