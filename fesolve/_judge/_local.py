"""The missing correction of a function that is pieced together, by sparse factorisations."""

from typing import Any

import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg
from jaxtyping import Float

from .._least_squares._assembly import LeastSquares
from .._least_squares._rows import beside
from .._least_squares._windows import linearised, Local
from ._newton import alike, ROUNDING, Step


SEEN = 1e-8
"""Basis functions whose values are smaller than this, relative to the largest, are not seen."""
DIGITS = 1e-3
"""The relative accuracy of the conditioning."""


def local_step(
    problem: LeastSquares, system: Local, values: Local, scale: Float[np.ndarray, " M"]
) -> Step | None:
    """The step of `missing_step`; `None` where some of theta does not show in the values.

    **Arguments:** `scale`, by which values of functions of unlike size are brought to one.
    """
    scaled = (sparse.diags_array(scale) @ values.jacobian).tocsr()
    values = Local(scale * values.r, scaled)
    eps = float(np.finfo(system.r.dtype).eps)
    sizes = np.sqrt(values.jacobian.power(2).sum(axis=0))
    if not np.all(sizes > SEEN * sizes.max()):
        return None
    theta = np.asarray(problem.theta)
    squares = system.jacobian.power(2)
    parts = squares @ theta**2
    near = lambda: linearised(problem, beside(theta)).jacobian.power(2) @ theta**2
    norm = np.linalg.norm(theta)
    factor = alike(np, problem.equations, parts, squares.sum(axis=1), norm, system.r, near)
    r, unit = factor * system.r, float(np.sqrt(factor**2 @ parts))
    jacobian = sparse.diags_array(factor) @ system.jacobian @ sparse.diags_array(1 / sizes)
    table = values.jacobian @ sparse.diags_array(1 / sizes)
    normal = _Normal(jacobian)
    change = -normal.solve(jacobian.T @ r)
    change = change - normal.solve(jacobian.T @ (r + jacobian @ change))
    conditioning, free, apart = normal.weakest(table)
    size = float(np.linalg.norm(values.r))
    return Step(
        change=table @ change,
        parameters=change / sizes,
        conditioning=np.asarray(conditioning),
        free=free / sizes,
        determined=np.asarray(conditioning * size > ROUNDING * eps * unit),
        apart=np.asarray(apart),
        unit=np.asarray(unit),
        rms=np.linalg.norm(r),
        left_over=np.linalg.norm(r + jacobian @ change),
    )


class _Normal:
    """(J^T J)^-1, by a factorisation that does not square J: u = J y, J^T u = b."""

    def __init__(self, jacobian: Any) -> None:
        rows, self.unknowns = jacobian.shape
        self.rows, self.jacobian = rows, jacobian
        self.unit = np.sqrt(jacobian.power(2).sum(axis=0).max())
        small = jacobian / self.unit
        system = sparse.block_array([[sparse.eye_array(rows), -small], [small.T, None]])
        try:
            self.factor = sparse_linalg.splu(system.tocsc())
        except RuntimeError:  # J has lost rank
            self.factor = None

    def solve(self, b: np.ndarray) -> np.ndarray:
        if self.factor is None:
            return np.zeros_like(b)
        right = np.concatenate([np.zeros(self.rows, b.dtype), b])
        return self.factor.solve(right)[self.rows :] / self.unit**2

    def weakest(self, table: Any) -> tuple[float, np.ndarray, float]:
        """The least |J y| per |F y|, its y with |F y| = 1, and how far it is apart from the next.

        **Arguments:** `table`, F.
        """
        start = np.random.default_rng(1).standard_normal(self.unknowns)
        nothing = 0.0, start / np.linalg.norm(table @ start), np.inf
        if self.factor is None:
            return nothing
        shape = (self.unknowns, self.unknowns)
        try:
            largest, y = sparse_linalg.eigsh(
                (table.T @ table).astype(float),
                k=2,
                M=sparse_linalg.LinearOperator(
                    shape, matvec=lambda y: self.jacobian.T @ (self.jacobian @ y), dtype=float
                ),
                Minv=sparse_linalg.LinearOperator(shape, matvec=self.solve, dtype=float),
                which="LA",
                tol=DIGITS,
                v0=start,
            )
        except sparse_linalg.ArpackError:
            return nothing
        if not np.all(largest > 0):  # J is singular but for rounding
            return nothing
        y = y[:, 1] / np.linalg.norm(table @ y[:, 1])
        return 1 / np.sqrt(largest[1]), y, np.sqrt(largest[1] / largest[0])
