"""Least squares whose Jacobian does not fit: in blocks of points, or without a Jacobian.

With many more rows than unknowns the rows come in blocks, and each block is folded into the
triangular factor of those before it, so that no more than a block and a triangle are in memory.
Otherwise steps are computed by conjugate gradients on products J v and J^T w.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import program
from .._distribution import Empirical
from .._risk import Risk
from .._types import changed
from ._assembly import Assembly, LeastSquares, residuals


class Folded:
    """A problem whose Jacobian is folded, block by block, into the triangular factor of (J, r):
    what the loops see is (R, Q^T r), with the norm of what R cannot reach as a last row, and any
    step from it is the step from (J, r)."""

    def __init__(self, problem: LeastSquares, memory: int) -> None:
        self.blocks = _blocks(problem, memory)

    def linearise(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = theta.size
        upper = np.zeros((0, n + 1), theta.dtype)
        for block in self.blocks:
            r, jacobian = block.linearise(theta)
            upper = np.linalg.qr(np.vstack([upper, np.column_stack([jacobian, r])]), mode="r")
        return upper[:, n], upper[:, :n]

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        # only its norm is used: blocks have no common rows in which to difference residuals
        norm = np.sqrt(sum(float(np.sum(block.residuals(theta) ** 2)) for block in self.blocks))
        return np.asarray([norm], theta.dtype)


def _blocks(problem: LeastSquares, memory: int) -> list[LeastSquares]:
    row = problem.theta.size * problem.theta.dtype.itemsize
    widths = {e.term: e.width for e in problem.equations}
    blocks = []
    for index, term in enumerate(problem.terms):
        p = term.distribution
        # four copies: the Jacobian, its scaled rows, and what QR works in
        room = max(1, memory // (4 * row * widths[index]))
        if isinstance(p, Empirical) and p.size > room:
            blocks += [
                LeastSquares(part, problem.f, problem.mask) for part in _parts(term, p, room)
            ]
        else:
            blocks.append(LeastSquares(term, problem.f, problem.mask))
    return blocks


def _parts(term: Risk, p: Empirical, room: int) -> list[Risk]:
    """A term in parts of equal length, so that they share one program; the last is filled up with
    points of weight zero."""
    count = -(-p.size // room)
    index = np.resize(np.arange(p.size), count * room)
    weights = np.where(np.arange(count * room) < p.size, np.asarray(p.weights)[index], 0)
    parts = []
    for k in range(count):
        chosen = slice(k * room, (k + 1) * room)
        points = jax.tree.map(lambda x, s=chosen: np.asarray(x)[index[s]], p.points)
        part = eqx.tree_at(lambda q: (q.points, q.weights), p, (points, weights[chosen]))
        parts.append(changed(term, distribution=part))
    return parts


class Products:
    """A Jacobian at theta that is known by its products alone, with J^T r and a size of J^T J."""

    def __init__(self, problem: LeastSquares, theta: Any) -> None:
        self.problem, self.theta = problem, theta
        found = _slope(problem.assembly, theta, problem.data)
        self.r, self.gradient, self.size = (np.asarray(x) for x in found)

    def __matmul__(self, v: Any) -> np.ndarray:
        return np.asarray(_product(self.problem.assembly, self.theta, self.problem.data, v))


class WithoutJacobian:
    """Damped steps by conjugate gradients."""

    least = 0.0

    def __init__(self, jacobian: Products) -> None:
        self.jacobian = jacobian

    def step(self, r: Any, damping: float) -> np.ndarray:
        at, iterations = self.jacobian, int(min(200, self.jacobian.theta.size))
        amount = np.asarray(damping, at.theta.dtype)
        problem = at.problem
        found = _conjugate_gradients(problem.assembly, at.theta, problem.data, amount, iterations)
        return np.asarray(found)

    @staticmethod
    def is_finite(jacobian: Products) -> bool:
        return bool(np.isfinite(jacobian.gradient).all())

    @staticmethod
    def diagonal(jacobian: Products) -> Any:
        return jacobian.size


@program(0)
def _slope(
    assembly: Assembly, theta: Any, data: list
) -> tuple[Float[Array, " N"], Float[Array, " P"], Float[Array, ""]]:
    """r, g = J^T r and |J g|^2 / |g|^2, a size of J^T J."""
    r, forward = jax.linearize(lambda t: residuals(assembly, t, data), theta)
    gradient = jax.linear_transpose(forward, theta)(r)[0]
    square = gradient @ gradient
    along = forward(gradient)
    return r, gradient, (along @ along) / jnp.where(square > 0, square, 1)


@program(0)
def _product(assembly: Assembly, theta: Any, data: list, v: Any) -> Float[Array, " N"]:
    return jax.jvp(lambda t: residuals(assembly, t, data), (theta,), (v,))[1]


@program(0, 4)
def _conjugate_gradients(
    assembly: Assembly, theta: Any, data: list, damping: Array, iterations: int
) -> Float[Array, " P"]:
    """(J^T J + damping I)^-1 (-J^T r) by conjugate gradients."""
    r, forward = jax.linearize(lambda t: residuals(assembly, t, data), theta)
    backward = jax.linear_transpose(forward, theta)
    product = lambda v: backward(forward(v))[0] + damping * v
    return jax.scipy.sparse.linalg.cg(product, -backward(r)[0], maxiter=iterations)[0]
