"""Small dense linear algebra on the host, in NumPy, with one thread.

LAPACK with OpenBLAS's default threads makes a small QR 10 to 700 times slower on a busy machine,
so everything here runs inside `one_thread`.
"""

import contextlib
import functools
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


@functools.cache
def _controller(scipy_loaded: bool) -> Any:
    import threadpoolctl

    return threadpoolctl.ThreadpoolController().select(user_api="blas")


class _Solve:
    """That a solve goes on."""


class _Limit(NamedTuple):
    """A BLAS that is held to one thread: how many it had, and for which solves."""

    library: Any
    threads: int
    solves: weakref.WeakSet


class _Limits:
    """Which solves go on, in all threads of this process: most BLAS have one number of threads for
    all of them. The first solve notes it, the last gives it back.

    Ctrl-C may come between any two lines, so solves are counted by what they are and not by a
    number: one that is left twice, or that never came in, changes nothing.
    """

    def __init__(self) -> None:
        self.lock, self.limits = threading.Lock(), {}

    def enter(self, solve: _Solve, libraries: list) -> None:
        with self.lock:
            for library in libraries:
                key = _scope(library)
                if key not in self.limits:
                    self.limits[key] = _Limit(library, library.num_threads, weakref.WeakSet())
                limit = self.limits[key]
                limit.solves.add(solve)
                if len(limit.solves) == 1:
                    _set(library, 1)

    def leave(self, solve: _Solve, libraries: list) -> None:
        with self.lock:
            for key in map(_scope, libraries):
                limit = self.limits.get(key)
                if limit is not None:
                    limit.solves.discard(solve)
                    if not limit.solves:
                        _set(limit.library, limit.threads)
                        del self.limits[key]


def _scope(library: Any) -> tuple:
    """Where a number of threads counts: with OpenMP in the thread that sets it."""
    per_thread = getattr(library, "threading_layer", None) == "openmp"
    return (library.filepath, threading.get_ident() if per_thread else None)


def _set(library: Any, threads: int) -> None:
    # threadpoolctl 3.8 listens to one thread at a time, and to it for as long as it lives
    listen_to_all = getattr(library, "clear_controlling_thread", None)
    if listen_to_all is not None:
        listen_to_all(force=True)
    library.set_num_threads(threads)
    if listen_to_all is not None:
        listen_to_all(force=True)


_LIMITS = _Limits()
"""The number of threads of BLAS is a state of the process, and so is who holds it."""


@contextlib.contextmanager
def one_thread(unknowns: int) -> Iterator[None]:
    """BLAS on one thread, and as it was after the last of all solves that overlap. SciPy brings a
    BLAS of its own, so it is imported before the guard where it will be used, and the libraries
    are looked up again."""
    if unknowns > SMALL:
        import scipy.linalg  # noqa: F401
    libraries = _controller("scipy.linalg" in sys.modules).lib_controllers
    solve = _Solve()
    try:
        _LIMITS.enter(solve, libraries)
        # an iterate that goes astray overflows, which the loops see for themselves
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    finally:
        _LIMITS.leave(solve, libraries)


def threads_for(operations: float, unknowns: int) -> contextlib.AbstractContextManager:
    """One thread, as in `one_thread`; all that BLAS has where a factorisation of so many operations
    is worth their waiting for each other, or takes one thread by itself."""
    if TINY < operations < LARGE:
        return one_thread(unknowns)
    return np.errstate(over="ignore", invalid="ignore")


TINY = 5e4
"""Multiplications of a Jacobian that OpenBLAS multiplies in one thread."""
LARGE = 1e10
"""Multiplications from which all threads are used. On a busy machine a Cholesky factor of 1,000
rows takes 10 ms on one thread and 100 to 600 on two."""


SMALL = 96
"""Up to so many unknowns an LU in NumPy costs less than importing SciPy for a triangular solve."""


DAMPED = SMALL + 1
"""Damped steps use SciPy's Cholesky factors whatever their size."""


class Factor(NamedTuple):
    """The triangular factor of J = QR and Q^T r: enough for a least-squares step."""

    triangle: np.ndarray
    projection: np.ndarray


def factor(jacobian: np.ndarray, r: np.ndarray) -> Factor:
    """QR of (J, r) in one Householder sweep, so that Q is never formed."""
    n = jacobian.shape[1]
    upper = np.linalg.qr(np.column_stack([jacobian, r]), mode="r")
    return Factor(upper[:n, :n], upper[:n, n])


def back_substitute(triangle: np.ndarray, b: np.ndarray) -> np.ndarray:
    """R^-1 b."""
    if triangle.shape[0] <= SMALL:
        return np.linalg.solve(triangle, b)
    from scipy.linalg import solve_triangular

    return solve_triangular(triangle, b, check_finite=False)


def gauss_newton_step(jacobian: np.ndarray, r: np.ndarray) -> np.ndarray:
    """argmin_d |r + J d|, by LU, QR or, without full rank, the SVD.

    Never through J^T J, whose condition number is the square: that loses the last eight digits.
    """
    rows, columns = jacobian.shape
    if rows < columns:
        return minimum_norm(jacobian, -r)
    try:
        if rows == columns:
            return -np.linalg.solve(jacobian, r)
        found = factor(jacobian, r)
        return -back_substitute(found.triangle, found.projection)
    except np.linalg.LinAlgError:
        return minimum_norm(jacobian, -r)


class Damped:
    """-(J^T J + damping I)^-1 J^T b in the smaller of J^T J and J J^T, formed once for a Jacobian
    and factored by Cholesky for each damping.

    That is right for travelling; the last digits are left to a QR step.
    """

    def __init__(self, jacobian: np.ndarray) -> None:
        self.jacobian = jacobian
        rows, columns = jacobian.shape
        self.dual = rows <= columns
        self.gram = jacobian @ jacobian.T if self.dual else jacobian.T @ jacobian
        # the smallest damping at which a Cholesky factor exists in this precision
        self.least = 4 * float(np.finfo(jacobian.dtype).eps) * float(np.max(np.diagonal(self.gram)))
        self.damping, self.factored = -1.0, None

    def step(self, b: np.ndarray, damping: float | None = None) -> np.ndarray:
        """The step; with the last damping where none is given."""
        from scipy.linalg import cho_solve

        if damping is not None and damping != self.damping:
            self.damping, self.factored = damping, self._factored(damping)
        if self.dual:
            return -self.jacobian.T @ cho_solve(self.factored, b, check_finite=False)
        return -cho_solve(self.factored, self.jacobian.T @ b, check_finite=False)

    undamped = staticmethod(gauss_newton_step)

    @staticmethod
    def is_finite(jacobian: np.ndarray) -> bool:
        """Whether all entries are."""
        return bool(np.isfinite(jacobian).all())

    @staticmethod
    def diagonal(jacobian: np.ndarray) -> Any:
        """The largest entry of the diagonal of J^T J, or of J J^T, the smaller of the two."""
        axis = 1 if jacobian.shape[0] <= jacobian.shape[1] else 0
        return np.max(np.sum(jacobian**2, axis=axis))

    def _factored(self, damping: float) -> Any:
        from scipy.linalg import cho_factor

        # where J^T J underflows to zero, ten times nothing would be tried for ever
        amount = max(damping, self.least, float(np.finfo(self.gram.dtype).tiny))
        while True:
            shifted = self.gram.copy()
            shifted[np.diag_indices_from(shifted)] += amount
            try:
                return cho_factor(shifted, lower=True, check_finite=False)
            except np.linalg.LinAlgError:
                amount *= 10


def minimum_norm(matrix: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The shortest x that minimises |A x - b|, singular values at rounding cut off; NaN where the
    matrix has no singular values, as one that is not finite."""
    try:
        return np.linalg.lstsq(matrix, b, rcond=None)[0]
    except np.linalg.LinAlgError:
        return np.full(matrix.shape[1], np.nan, b.dtype)


def singular_values(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The thin decomposition u, s, v^T. LAPACK's quick way does not always end where many singular
    values are zero; its older one does.

    A matrix of many columns in blocks that have nothing in common, as the values of several
    functions in the parameters of all, is decomposed block by block; u is then zero where s is, if
    a block has more columns than rows."""
    if matrix.shape[1] >= MANY and 2 * np.count_nonzero(matrix) < matrix.size and matrix.any():
        blocks = apart(matrix)
        if len(blocks) > 1:
            return _by_blocks(matrix, blocks)
    return _decomposed(matrix)


def _decomposed(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    try:
        return np.linalg.svd(matrix, full_matrices=False)
    except np.linalg.LinAlgError:
        if not np.isfinite(matrix).all():
            raise
        from scipy import linalg  # takes long to import

        return linalg.svd(matrix, full_matrices=False, lapack_driver="gesvd")


MANY = 200
"""Columns from which a decomposition is worth a look for blocks."""


def apart(matrix: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows and columns of the blocks of a matrix that is not zero, but for their order."""
    from scipy import sparse  # takes long to import

    entries = sparse.csr_array(matrix != 0)
    both = sparse.block_array([[None, entries], [entries.T, None]])
    _, label = sparse.csgraph.connected_components(both, directed=False)
    row, column = label[: len(matrix)], label[len(matrix) :]
    empty = ~matrix.any(axis=0)
    column[empty] = column[~empty][0]  # these go with any of the others
    return [(np.flatnonzero(row == i), np.flatnonzero(column == i)) for i in np.unique(column)]


def _by_blocks(
    matrix: np.ndarray, blocks: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, start = matrix.shape[1], 0
    u, s, vt = np.zeros_like(matrix), np.zeros(n, matrix.dtype), np.zeros((n, n), matrix.dtype)
    for rows, columns in blocks:
        own = _decomposed(tall(np, matrix[np.ix_(rows, columns)]))
        place = np.arange(start, start + columns.size)
        u[np.ix_(rows, place)] = own[0][: rows.size]
        s[place], vt[np.ix_(place, columns)] = own[1:]
        start += columns.size
    order = np.argsort(-s, kind="stable")
    return u[:, order], s[order], vt[order]


def inverse_factor(jacobian: np.ndarray) -> np.ndarray:
    """R^-1 of J = QR; not finite where J has lost rank, or is not finite."""
    triangle = np.linalg.qr(jacobian, mode="r")
    if not np.abs(np.diagonal(triangle)).min() > np.finfo(triangle.dtype).tiny:
        return np.full_like(triangle, np.inf)
    if triangle.shape[0] <= SMALL:
        return np.linalg.inv(triangle)
    return back_substitute(triangle, np.eye(triangle.shape[0], dtype=triangle.dtype))


def tall(xp: Any, matrix: Any) -> Any:
    """The matrix with zero rows below, so that its thin decomposition has all directions; in
    NumPy or JAX."""
    rows, columns = matrix.shape
    if rows >= columns:
        return matrix
    return xp.concatenate([matrix, xp.zeros((columns - rows, columns), matrix.dtype)])
