"""What is known of the rows of a problem: whether they are sparse, whether they are of one size,
and the inverse of their Jacobian."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from .._hypothesis import AbstractLocalBasis
from .._hypothesis._leaves import is_series, series_in
from ._assembly import blocks, LeastSquares, owners


MANY = 150
"""Unknowns above which sparse factorisations are quicker than dense ones."""
LOW, UNLIKE, ASIDE = 0.1, 1e6, 0.1
"""The share of unknowns that are smooth; the ratio of sizes from which equations are unlike; how
far beside theta, in shares of its size, what is at rest there is looked at."""


def is_sparse(problem: LeastSquares) -> bool:
    """Whether the Jacobian is kept without its zeros: f is pieced together, and the residual at a
    point does not depend on f elsewhere."""
    return has_sparse_rows(problem) and is_local(problem)


def has_sparse_rows(problem: LeastSquares) -> bool:
    """Whether theta are the coefficients of series whose bases are local, and so many of them that
    it pays to keep no zeros."""
    if problem.theta.size <= MANY:
        return False
    marks = jax.tree.leaves(problem.mask, is_leaf=is_series)
    pairs = zip(series_in(problem.f), [mark for mark in marks if is_series(mark)], strict=True)
    series = [node for node, mark in pairs if mark.coefficients]
    local = all(isinstance(node.basis, AbstractLocalBasis) for node in series)
    return local and sum(jax.tree.leaves(problem.mask)) == len(series)


def is_local(problem: LeastSquares) -> bool:
    """Whether the residual at a point of an f that is pieced together asks for nothing of other
    pieces, as a delay does."""
    from . import _windows  # SciPy's sparse matrices take long to import

    return _windows.is_local(problem)


def like_rows(
    problem: LeastSquares, jacobian: Float[np.ndarray, "N P"]
) -> Float[np.ndarray, " N"] | None:
    """A factor for each row that brings equations to one size, where they differ so much that no
    progress in the smaller ones would be seen beside the larger: with x in units of 1e-8, f'
    outweighs a condition on f by 1e8. The zero of all of them stays where it is; `None` for
    equations that are alike, and where zero is not expected.

    What is small at the start alone has another unit than it seems: a Bellman equation does not
    move with the policy that is best, and its size is that beside it."""
    if any(equation.tolerance == np.inf for equation in problem.equations):
        return None
    entries = blocks(problem.equations, np.abs(jacobian).max(axis=1))
    largest = np.concatenate([block.max(axis=0) for block in entries])
    if largest.max() <= UNLIKE * largest.min():
        return None
    owner, sizes = owners(problem.equations), _sizes(problem, jacobian)
    if not _are_unlike(sizes):
        return None
    there = _sizes(problem, np.asarray(problem.linearise(beside(problem.theta))[1]))
    sizes = np.where(sizes * UNLIKE < sizes.max(), np.fmax(sizes, there), sizes)
    if not _are_unlike(sizes):
        return None
    return (sizes.max() / sizes)[owner].astype(jacobian.dtype)


def beside(theta: Float[np.ndarray, " P"]) -> Float[np.ndarray, " P"]:
    """A theta that is off by a share of its size, at which nothing is at rest by chance."""
    signs = np.where(np.arange(theta.size) % 2, -1, 1).astype(theta.dtype)
    return theta + signs * ASIDE * (np.abs(theta).max() or 1)


def _sizes(problem: LeastSquares, jacobian: Float[np.ndarray, "N P"]) -> Float[np.ndarray, " m"]:
    """How much each equation moves with theta."""
    owner, sizes = owners(problem.equations), []
    for number in range(owner.max() + 1):
        columns = np.sqrt(np.sum(jacobian[owner == number] ** 2, axis=0))
        # derivatives of high degree are large in any unit, those of low degree are not
        columns = columns[columns > 0]
        sizes.append(np.quantile(columns, LOW) if columns.size else np.nan)
    return np.array(sizes)


def _are_unlike(sizes: Float[np.ndarray, " m"]) -> bool:
    return bool(np.isfinite(sizes).all() and sizes.max() > UNLIKE * sizes.min())


class Inverse(NamedTuple):
    """J^-1 as a function, and the size of what the rows are the sum of."""

    solve: Callable
    unit: float


def inverse(problem: LeastSquares, theta: np.ndarray) -> Inverse | None:
    """That of a problem with as many rows as unknowns; `None` where J has no inverse."""
    if is_sparse(problem):
        from scipy.sparse import csc_array
        from scipy.sparse.linalg import splu

        from ._windows import linearised

        r, jacobian = linearised(problem, theta)
        try:
            solve = splu(csc_array(jacobian)).solve
        except RuntimeError:  # exactly singular
            return None
    else:
        r, jacobian = problem.linearise(theta)
        try:
            solve = functools.partial(np.matmul, np.linalg.inv(jacobian))
        except np.linalg.LinAlgError:
            return None
    return Inverse(solve, float(np.hypot(np.linalg.norm(r), np.linalg.norm(jacobian @ theta))))
