"""Gaussian quadrature on the line, and its tensor products."""

from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ._arrays import numpy_of


MOST_NODES = 1_000_000
"""Beyond this a tensor rule is refused: it would not fit, and other rules do the work."""


@lru_cache(maxsize=256)
def legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes on [-1, 1], and weights that sum to 1: exact to degree 2n - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return _frozen(nodes, weights / 2)


@lru_cache(maxsize=256)
def hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Hermite nodes and weights for the standard normal: exact to degree 2n - 1."""
    if n > 200:  # NumPy's rule overflows soon after
        return _frozen(*golub_welsch(np.zeros(n), np.sqrt(np.arange(1.0, n))))
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return _frozen(nodes, weights / np.sqrt(2 * np.pi))


@lru_cache(maxsize=256)
def fejer(n: int) -> tuple[np.ndarray, np.ndarray]:
    """The n Chebyshev points on (-1, 1) with Fejér's weights, which are positive and sum to 1:
    exact for the uniform distribution to degree n - 1."""
    angle = (np.arange(n)[::-1] + 0.5) * np.pi / n
    j = np.arange(1, n // 2 + 1)
    weights = (1 - 2 * np.cos(2 * np.outer(angle, j)) @ (1 / (4.0 * j**2 - 1))) / n
    return _frozen(np.cos(angle), weights)


def truncated_normal(lower: Any, upper: Any, n: int) -> tuple[Any, Any]:
    """The Gauss rule of n nodes for the standard normal between two numbers: exact to degree
    2n - 1.

    The recurrence of the orthogonal polynomials comes from Stieltjes' procedure on a fine
    Gauss-Legendre rule, and the nodes from Golub and Welsch (Gautschi, "Orthogonal Polynomials:
    Computation and Approximation", 2004, section 2.2).
    """
    xp = numpy_of(lower, upper)
    dtype = lower.dtype
    mode = xp.clip(xp.zeros((), dtype), lower, upper)
    # Beyond this the density is below exp(-40 - 4n) of its height: too little for any x^(2n).
    reach = xp.sqrt(mode**2 + 80 + 8 * n)
    low, high = xp.maximum(lower, -reach), xp.minimum(upper, reach)
    t, w = (a.astype(dtype) for a in legendre(100 + 4 * n))
    x = low * (1 - t) / 2 + high * (1 + t) / 2
    w = w * xp.exp((mode - x) * (mode + x) / 2)
    diagonal, off_diagonal = _stieltjes(xp.asarray(t), w / w.sum(), n)
    off_diagonal = xp.stack(off_diagonal)[: n - 1]
    s, weights = golub_welsch(xp.stack(diagonal), off_diagonal)
    return low * (1 - s) / 2 + high * (1 + s) / 2, weights


def _stieltjes(t: Any, w: Any, n: int) -> tuple[list[Any], list[Any]]:
    """The n by n Jacobi matrix (its diagonal, and the one beside it, with one entry to spare) of
    the polynomials that are orthonormal under sum_i w_i delta_{t_i}."""
    diagonal, off_diagonal = [], []
    before, p, b = t * 0, t * 0 + 1, 0 * w[0]
    for _ in range(n):
        a = (w * t * p**2).sum()
        q = (t - a) * p - b * before
        b = (w * q**2).sum() ** 0.5
        before, p = p, q / b
        diagonal.append(a)
        off_diagonal.append(b)
    return diagonal, off_diagonal


def golub_welsch(diagonal: Any, off_diagonal: Any) -> tuple[Any, Any]:
    """The Gauss rule of a Jacobi matrix: its eigenvalues, and the squares of the first entries
    of its eigenvectors (Golub and Welsch, 1969)."""
    xp = numpy_of(diagonal, off_diagonal)
    jacobi = xp.diag(diagonal) + xp.diag(off_diagonal, 1) + xp.diag(off_diagonal, -1)
    nodes, vectors = xp.linalg.eigh(jacobi)
    return nodes, vectors[0] ** 2


def check_nodes(sizes: list[int]) -> None:
    """**Raises:** `ValueError` where the tensor product of rules of these sizes is too large."""
    if prod(sizes) > MOST_NODES:
        raise ValueError(
            f"`.quadrature(n)` would need {prod(sizes):.3g} nodes in {len(sizes)} coordinates, "
            f"more than {MOST_NODES:,}: wrap the distribution in a rule for high dimension, "
            "`fe.Monomial(p, degree)`, `fe.Sobol(p)` or `fe.LatinHypercube(p)`, or draw with "
            "`.empirical(n, key=key)`"
        )


def tensor(nodes: np.ndarray, weights: np.ndarray, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The d-fold tensor product of one rule: nodes of shape (n^d, d), weights of shape (n^d,)."""
    check_nodes([nodes.size] * d)
    index = np.indices((nodes.size,) * d).reshape(d, -1).T
    return nodes[index], weights[index].prod(axis=1)


def _frozen(nodes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    # A cache hands out the same arrays again, so nobody may write into them.
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights
