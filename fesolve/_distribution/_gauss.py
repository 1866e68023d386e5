"""Gaussian quadrature on the line, and its tensor products."""

from functools import lru_cache
from math import prod

import numpy as np


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
