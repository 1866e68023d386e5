"""The missing correction in a space that is too large for singular value decompositions.

It is the step of `missing_step`, by QR factorisations; of the singular values it finds the least
alone, by Lanczos's iteration on the inverse of a triangle. Functions of f whose parameters have
nothing in common are factored apart.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg as linalg
import scipy.sparse.linalg as sparse_linalg
from jaxtyping import Float, Int

from .._least_squares._assembly import Equation
from .._linear_algebra._host import apart, factor, tall
from ._newton import alike, CROWD, Linearised, ROUNDING, SHARE, Step, UNSEEN, UNTOLD


LEAST = 12
"""Singular values that are looked at, from the least on."""
DIGITS = 1e-8
"""The relative accuracy of their squares."""
ROUGHLY = 1e-3
"""That of the square of the largest, which sets what is rounding."""


def factored_step(system: Linearised, equations: tuple[Equation, ...]) -> Step | None:
    """The step from theta; `None` where the least singular values are not found, and where f does
    not move its values."""
    try:
        return _step(system, equations)
    except sparse_linalg.ArpackError:
        return None


def _step(system: Linearised, equations: tuple[Equation, ...]) -> Step | None:
    theta, r, jacobian, table, values, _ = system
    eps = float(np.finfo(r.dtype).eps)
    coordinates = _coordinates(table, values, max(UNSEEN, 10 * eps))
    if coordinates is None:
        return None
    theta = np.maximum(np.abs(theta), np.abs(coordinates.within))
    squares = (jacobian**2) @ theta**2
    sizes = np.einsum("ij,ij->i", jacobian, jacobian)
    factors = alike(np, equations, squares, sizes, np.linalg.norm(theta))
    if not np.all(factors == 1):
        r, jacobian = factors * r, factors[:, None] * jacobian
    unit = float(np.sqrt(factors**2 @ squares))
    along, elsewhere = coordinates.split(jacobian)
    q = _range(elsewhere, 1e3 * eps * float(np.linalg.norm(jacobian)))
    along, rest = along - q @ (q.T @ along), r - q @ (q.T @ r)
    triangle, projection = factor(
        tall(np, along), np.pad(rest, (0, max(along.shape[1] - rest.size, 0)))
    )
    found = _weakest(triangle, projection, ROUNDING * eps)
    if found is None:
        return None
    sigma, size = found.least, float(np.linalg.norm(values))
    untold = int(np.sum((sigma * size < UNTOLD * unit) & (sigma < UNTOLD * found.largest)))
    # of more than are looked at nothing is known
    many = SHARE * untold > found.y.size or untold == sigma.size
    change, free = coordinates.back(found.y), coordinates.back(found.free)
    return Step(
        change=table @ change,
        parameters=change,
        conditioning=sigma[0],
        free=free,
        determined=np.asarray(
            sigma[0] > ROUNDING * eps * found.largest and not (untold > CROWD and many)
        ),
        apart=np.max(sigma[1:] / np.maximum(sigma[:-1], np.finfo(sigma.dtype).tiny)),
        unit=np.asarray(unit),
        rms=np.linalg.norm(r),
        left_over=np.linalg.norm(rest + along @ found.y),
    )


class _Function(NamedTuple):
    """Directions of the parameters of one function of f, of which `columns` are the places: T, in
    which its values are orthonormal, by the inverse of a triangle in the first of the columns, and
    orthonormal Z that leave these as they are."""

    columns: Int[np.ndarray, " p"]
    triangle: Float[np.ndarray, "k k"]
    unseen: Float[np.ndarray, "p z"]

    def seen_in(self, jacobian: np.ndarray) -> np.ndarray:
        """J T."""
        own = jacobian[:, self.columns[: len(self.triangle)]]
        return linalg.solve_triangular(self.triangle, own.T, trans="T", check_finite=False).T

    def back(self, y: np.ndarray) -> np.ndarray:
        """T y, without what is unseen in it."""
        d = np.zeros(len(self.columns), y.dtype)
        d[: len(y)] = linalg.solve_triangular(self.triangle, y, check_finite=False)
        return d - self.unseen @ (self.unseen.T @ d)


class _Coordinates(NamedTuple):
    """The coordinates of all functions; `within`, f itself in parameters, as far as they reach."""

    functions: list[_Function]
    within: Float[np.ndarray, " P"]

    def split(self, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """J T and J Z."""
        seen = [one.seen_in(jacobian) for one in self.functions]
        unseen = [jacobian[:, one.columns] @ one.unseen for one in self.functions]
        return np.hstack(seen), np.hstack(unseen)

    def back(self, y: np.ndarray) -> np.ndarray:
        """T y."""
        d, start = np.zeros(self.within.size, y.dtype), 0
        for one in self.functions:
            end = start + len(one.triangle)
            d[one.columns] = one.back(y[start:end])
            start = end
        return d


def _coordinates(table: np.ndarray, values: np.ndarray, unseen: float) -> _Coordinates | None:
    """**Arguments:** `unseen`, singular values that are none, relative to the largest."""
    if not table.any():
        return None
    factors = []
    for rows, columns in apart(table):
        triangle, projection = factor(table[np.ix_(rows, columns)], values[rows])
        q, triangle, order = _by_pivots(triangle)
        factors.append((columns[order], triangle, q.T @ projection))
    largest = max(_largest(triangle) for _, triangle, _ in factors)
    found, within = [], np.zeros(table.shape[1], table.dtype)
    for columns, triangle, projection in factors:
        count = int(np.sum(np.abs(np.diagonal(triangle)) > unseen * largest))
        own, others = triangle[:count, :count], triangle[:count, count:]
        follow = linalg.solve_triangular(own, others, check_finite=False)
        free = np.vstack([-follow, np.eye(len(columns) - count, dtype=table.dtype)])
        function = _Function(columns, own, np.linalg.qr(free)[0])
        within[columns] = function.back(projection[:count])
        found.append(function)
    return _Coordinates(found, within)


def _by_pivots(matrix: np.ndarray) -> Any:
    """Q, R and the order of columns in which R falls along its diagonal."""
    return linalg.qr(matrix, mode="economic", pivoting=True, check_finite=False)


def _range(matrix: np.ndarray, rounding: float) -> np.ndarray:
    """An orthonormal basis of the range of a matrix, but for rounding."""
    if not matrix.size:
        return matrix
    q, triangle, _ = _by_pivots(matrix)
    return q[:, : int(np.sum(np.abs(np.diagonal(triangle)) > rounding))]


class _Weakest(NamedTuple):
    """argmin_y |b + A y|, the least singular values of A, rising, the direction of the first, and
    the largest."""

    y: np.ndarray
    least: np.ndarray
    free: np.ndarray
    largest: float


def _weakest(triangle: np.ndarray, b: np.ndarray, rounding: float) -> _Weakest | None:
    """For A = QR and Q^T b; `None` where A has too few singular values, or none.

    **Arguments:** `rounding`, singular values that are zero, relative to the largest.
    """
    n, dtype = len(triangle), triangle.dtype
    triangle, b = triangle.astype(float), b.astype(float)
    largest = _largest(triangle)
    if n <= LEAST or not largest > 0:
        return None
    # less than a factor is right to, so that there is an inverse
    little = 1e-3 * rounding * largest
    small = np.abs(np.diagonal(triangle)) < little
    triangle[np.diag_indices(n)] += np.where(small, little, 0)
    solve = lambda y, trans: linalg.solve_triangular(triangle, y, trans, check_finite=False)
    inverse, directions = _top(n, lambda y: solve(solve(y, "T"), "N"), LEAST, DIGITS)
    order = np.argsort(-inverse)
    least = 1 / np.sqrt(np.maximum(inverse[order], 1 / largest**2))
    directions = directions[:, order]
    zero = directions[:, least <= rounding * largest]
    if zero.shape[1] == LEAST:  # there may be more
        return _Weakest(np.zeros(n, dtype), least, directions[:, 0].astype(dtype), largest)
    if zero.size:  # the shortest step, as by the singular values that count
        held = np.vstack([triangle, largest * zero.T])
        triangle, b = factor(held, np.concatenate([b, np.zeros(zero.shape[1])]))
    y = -linalg.solve_triangular(triangle, b, check_finite=False)
    return _Weakest(y.astype(dtype), least, directions[:, 0].astype(dtype), largest)


def _largest(triangle: np.ndarray) -> float:
    """The largest singular value."""
    n = triangle.shape[1]
    if n <= 2 or not triangle.any():
        return float(np.linalg.norm(triangle, 2)) if triangle.size else 0.0
    square, _ = _top(n, lambda y: triangle.T @ (triangle @ y), 1, ROUGHLY)
    return float(np.sqrt(square[0]))


def _top(n: int, times: Callable, count: int, digits: float) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues of a symmetric matrix, and their vectors.

    **Raises:** `ArpackError` where they are not found.
    """
    start = np.random.default_rng(1).standard_normal(n)
    operator = sparse_linalg.LinearOperator((n, n), matvec=times, dtype=float)
    return sparse_linalg.eigsh(operator, k=count, which="LA", tol=digits, v0=start)
