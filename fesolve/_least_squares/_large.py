"""Least squares of many rows and unknowns: what a step costs, and what is done where it costs too
much.

Where a network has about as many rows as weights, and many of both, a step sees a batch of them.
Else, where the Jacobian does not fit, the rows come in blocks, and each block is folded into the
triangular factor of those before it, so that no more than a block and a triangle are in memory.
"""

import itertools
from collections.abc import Sequence

import equinox as eqx
import jax
import numpy as np

from .._distribution import Empirical
from .._risk import Risk
from .._types import changed
from ._assembly import by_term, LeastSquares


OPERATIONS = 5e10
"""Multiplications up to which a network's step sees all points: about a second of one core."""
ACCELERATED = 1e13
"""The same on an accelerator."""
ENTRIES = 4e6
"""Entries of the Jacobian of a batch."""
FEWEST = 100
"""Points that a batch has at least, where there are so many."""


def batch_for(problem: LeastSquares) -> int | None:
    """How many points of each term a step of a network sees; `None` where it sees all of them."""
    rows, unknowns = problem.rows, problem.theta.size
    most = OPERATIONS if jax.default_backend() == "cpu" else ACCELERATED
    if rows > 4 * unknowns or problem.operations <= most:
        return None
    points = max(term.count for term in problem.terms)
    found = max(FEWEST, int(ENTRIES * points / (unknowns * rows)))
    return found if found < points else None


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
    # four copies: the Jacobian, its scaled rows, and what QR works in
    sizes = [max(1, memory // (4 * row * e.width)) for e in by_term(problem.equations)]
    return list(itertools.chain(*in_blocks(problem, sizes)))


def in_blocks(problem: LeastSquares, sizes: Sequence[int]) -> list[list[LeastSquares]]:
    """Each term by itself, on at most so many of its points at a time; the last of its blocks may
    be filled up with points of weight zero."""
    blocks = []
    for term, size in zip(problem.terms, sizes, strict=True):
        p = term.distribution
        parts = [term]
        if isinstance(p, Empirical) and p.size > size:
            parts = _parts(term, p, size)
        first = LeastSquares(parts[0], problem.f, problem.mask)
        blocks.append([first, *(_moved(first, part) for part in parts[1:])])
    return blocks


def _moved(block: LeastSquares, part: Risk) -> LeastSquares:
    """The same on the points of another part, as a new problem where anything is traced."""
    return block.on_points(part, block.f) or LeastSquares(part, block.f, block.mask)


def _parts(term: Risk, p: Empirical, size: int) -> list[Risk]:
    """A term in parts of equal length, so that they share one program; the last is filled up with
    points of weight zero."""
    count = -(-p.size // size)
    index = np.resize(np.arange(p.size), count * size)
    weights = np.where(np.arange(count * size) < p.size, np.asarray(p.weights)[index], 0)
    parts = []
    for k in range(count):
        chosen = slice(k * size, (k + 1) * size)
        points = jax.tree.map(lambda x, s=chosen: np.asarray(x)[index[s]], p.points)
        part = eqx.tree_at(lambda q: (q.points, q.weights), p, (points, weights[chosen]))
        parts.append(changed(term, distribution=part))
    return parts
