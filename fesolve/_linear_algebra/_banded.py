"""Least squares with sparse rows, by QR in a band.

The unknowns are ordered so that each row reaches over few neighbours. QR goes through the columns
block by block, and hands on to the next block what is left of its rows: the work grows linearly
with the number of elements, and J is not squared.

**Source:** Cuthill and McKee (1969), "Reducing the bandwidth of sparse symmetric matrices"; Björck
(1996), Numerical Methods for Least Squares Problems, section 6.3.
"""

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from jaxtyping import Float
from scipy.sparse.csgraph import reverse_cuthill_mckee

from ._host import minimum_norm


class _Block(NamedTuple):
    """Some rows of the triangular factor: the columns from `start`, the square block, what stands
    right of it, and Q^T b."""

    start: int
    square: np.ndarray
    beside: np.ndarray
    projection: np.ndarray


def banded_step(jacobian: Any, r: Float[np.ndarray, " N"], damping: float = 0.0) -> np.ndarray:
    """argmin_d |r + J d|^2 + damping |d|^2; unknowns that are in no row stay as they are."""
    jacobian = sparse.csr_array(jacobian)
    used = np.flatnonzero(np.bincount(jacobian.indices, minlength=jacobian.shape[1]))
    step = np.zeros(jacobian.shape[1], r.dtype)
    part = sparse.csr_array(jacobian[:, used])
    if damping > 0:
        part = sparse.vstack([part, np.sqrt(damping) * sparse.eye_array(used.size)], format="csr")
        r = np.concatenate([r, np.zeros(used.size, r.dtype)])
    try:
        step[used] = -_solved(part, r)
    except np.linalg.LinAlgError:
        step[used] = -minimum_norm(part.toarray(), r)
    return step


def _solved(jacobian: Any, b: np.ndarray) -> np.ndarray:
    pattern = jacobian.astype(bool).astype(np.int8)
    order = reverse_cuthill_mckee(sparse.csr_array(pattern.T @ pattern), symmetric_mode=True)
    jacobian = sparse.csr_array(jacobian[:, order])
    lengths = np.diff(jacobian.indptr)
    filled = lengths > 0
    starts = jacobian.indptr[:-1][filled]
    first = np.minimum.reduceat(jacobian.indices, starts)
    width = int((np.maximum.reduceat(jacobian.indices, starts) - first).max()) + 1
    columns = jacobian.shape[1]
    # each row from its first entry on, in the order of these
    band = np.zeros((first.size, width), jacobian.dtype)
    row = np.repeat(np.arange(first.size), lengths[filled])
    band[row, jacobian.indices - first[row]] = jacobian.data
    sorted_rows = np.argsort(first, kind="stable")
    band, first, b = band[sorted_rows], first[sorted_rows], b[filled][sorted_rows]
    edges = np.append(np.arange(0, columns, width), columns)
    x = _back(_blocks(band, first, b, edges), columns)
    found = np.empty_like(x)
    found[order] = x
    return found


def _blocks(band: np.ndarray, first: np.ndarray, b: np.ndarray, edges: np.ndarray) -> list[_Block]:
    width = band.shape[1]
    cuts = np.searchsorted(first, edges)
    blocks, carried = [], np.zeros((0, width + 1), band.dtype)
    for start, end, lo, hi in zip(edges[:-1], edges[1:], cuts[:-1], cuts[1:], strict=True):
        rows = np.zeros((carried.shape[0] + hi - lo, 2 * width + 1), band.dtype)
        rows[: carried.shape[0], :width] = carried[:, :-1]
        rows[: carried.shape[0], -1] = carried[:, -1]
        below = np.arange(carried.shape[0], rows.shape[0])[:, None]
        rows[below, (first[lo:hi] - start)[:, None] + np.arange(width)] = band[lo:hi]
        rows[carried.shape[0] :, -1] = b[lo:hi]
        size = end - start
        upper = np.linalg.qr(rows, mode="r")
        if upper.shape[0] < size:
            raise np.linalg.LinAlgError
        square, beside = upper[:size, :size], upper[:size, size:-1]
        blocks.append(_Block(start, square, beside, upper[:size, -1]))
        carried = upper[size:, np.append(np.arange(size, size + width), -1)]
    return blocks


def _back(blocks: list[_Block], columns: int) -> np.ndarray:
    x = np.zeros(columns + 2 * blocks[0].beside.shape[1], blocks[0].projection.dtype)
    for start, square, beside, projection in reversed(blocks):
        size = square.shape[0]
        after = x[start + size : start + size + beside.shape[1]]
        x[start : start + size] = np.linalg.solve(square, projection - beside @ after)
    return x[:columns]


class BandedSteps:
    """Damped and undamped steps of a sparse Jacobian, as `Damped` has them of a dense one."""

    def __init__(self, jacobian: Any) -> None:
        self.jacobian, self.damping = jacobian, 0.0
        eps = float(np.finfo(jacobian.dtype).eps)
        self.least = 4 * eps * float(self.diagonal(jacobian))

    def step(self, b: np.ndarray, damping: float | None = None) -> np.ndarray:
        """-(J^T J + damping I)^-1 J^T b; with the last damping where none is given."""
        self.damping = self.damping if damping is None else damping
        return banded_step(self.jacobian, b, max(self.damping, self.least))

    undamped = staticmethod(banded_step)

    @staticmethod
    def is_finite(jacobian: Any) -> bool:
        return bool(np.isfinite(jacobian.data).all())

    @staticmethod
    def diagonal(jacobian: Any) -> Any:
        return np.max((jacobian**2).sum(axis=0))
