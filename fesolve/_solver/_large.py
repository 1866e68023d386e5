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
from .._least_squares._assembly import Assembly, LeastSquares, residuals
from .._risk import Risk
from .._types import changed
from ._host import Functions, Progress


def size_of_jacobian(problem: LeastSquares) -> int:
    """Bytes of a dense Jacobian."""
    return problem.rows * problem.theta.size * problem.theta.dtype.itemsize


def in_blocks(problem: LeastSquares, memory: int, functions: Functions) -> Functions:
    """The functions of a problem whose Jacobian is folded, block by block, into the triangular
    factor of (J, r): what the loops see is (R, Q^T r), with the norm of what R cannot reach as a
    last row, and any step from it is the step from (J, r)."""
    blocks = _blocks(problem, memory)

    def linearise(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = theta.size
        upper = np.zeros((0, n + 1), theta.dtype)
        for block in blocks:
            r, jacobian = block.linearise(theta)
            upper = np.linalg.qr(np.vstack([upper, np.column_stack([jacobian, r])]), mode="r")
        return upper[:, n], upper[:, :n]

    def rest(theta: np.ndarray) -> np.ndarray:
        # only its norm is used: blocks have no common rows in which to difference residuals
        norm = np.sqrt(sum(float(np.sum(block.residuals(theta) ** 2)) for block in blocks))
        return np.asarray([norm], theta.dtype)

    return Functions(rest, linearise, functions.report, accelerate=False)


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


@program(0, 4)
def _conjugate_gradient_step(
    assembly: Assembly, theta: Any, data: list, damping: Array, iterations: int
) -> tuple[Float[Array, " P"], Float[Array, ""]]:
    """(J^T J + damping I)^-1 (-J^T r) by conjugate gradients, and the norm of J^T r."""
    rows = lambda t: residuals(assembly, t, data)
    r, forward = jax.linearize(rows, theta)
    backward = jax.linear_transpose(forward, theta)
    product = lambda v: backward(forward(v))[0] + damping * v
    gradient = backward(r)[0]
    step, _ = jax.scipy.sparse.linalg.cg(product, -gradient, maxiter=iterations)
    return step, jnp.linalg.norm(gradient)


def travel_matrix_free(
    problem: LeastSquares, functions: Functions, state: Progress, max_steps: int, damping: float
) -> None:
    """Levenberg-Marquardt steps by conjugate gradients: no Jacobian is built."""
    assembly, data = problem.assembly, problem.data
    state.r = functions.residuals(state.theta)
    amount, rejected = damping * max(state.cost, 1e-30) ** 0.5, 0
    iterations = int(min(200, state.theta.size))
    before = (state.theta, state.r)
    while state.steps < max_steps and rejected < 20:
        step, slope = _conjugate_gradient_step(assembly, state.theta, data, amount, iterations)
        # conjugate gradients answer a NaN with no step
        if not (np.isfinite(slope) and np.isfinite(step).all()):
            # the derivative shows only in the next step: back to where it was finite
            state.beyond, amount, rejected = state.theta, amount * 16, rejected + 1
            state.finite = before[0] is not state.theta
            state.theta, state.r = before
            if state.finite:
                continue
            break
        theta = state.theta + np.asarray(step)
        r = functions.residuals(theta)
        state.evaluations += 2
        cost = float(r @ r)
        if np.isfinite(cost) and cost < state.cost:
            small = cost > (1 - 1e-6) * state.cost
            before = (state.theta, state.r)
            state.theta, state.r = theta, r
            state.steps += 1
            state.history.append(cost)
            amount, rejected = amount / 4, 0
            functions.report(state)
            if small or cost <= 1e-28 * r.size:
                break
        else:
            amount, rejected = amount * 4, rejected + 1
    state.damping = amount
    state.converged = state.steps < max_steps
