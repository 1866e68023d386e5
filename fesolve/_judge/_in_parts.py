"""The Jacobian of a problem on many points, at as many of them at a time as there is room for."""

import jax
import numpy as np

from .._compiled import bytes_of
from .._evaluation import components
from .._least_squares._assembly import by_term, LeastSquares
from .._least_squares._large import in_blocks


MEMORY, MADE = 2**29, 1e12
"""Bytes of what is worked out at once; of all that is, in a Jacobian that is not too long in the
making."""


def made_by(problem: LeastSquares) -> float:
    """Bytes of all arrays that are made on the way to the Jacobian: a measure of its time."""
    each = zip(_bytes_at_points(problem), problem.terms, strict=True)
    return float(sum(size * term.count for size, term in each))


def in_parts(problem: LeastSquares) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """theta, the rows there and their Jacobian."""
    sizes = [max(1, int(MEMORY // size)) for size in _bytes_at_points(problem)]
    r, jacobian = [], []
    for blocks, of in zip(in_blocks(problem, sizes), by_term(problem.equations), strict=True):
        found = [block.linearise(problem.theta) for block in blocks]
        rows = slice(of.points * of.width)  # the last block may be filled up
        r.append(np.concatenate([own for own, _ in found])[rows])
        jacobian.append(np.concatenate([own for _, own in found])[rows])
    return problem.theta, np.concatenate(r), np.concatenate(jacobian)


def _bytes_at_points(problem: LeastSquares) -> list[int]:
    """The same at one point of each term, each of whose rows is differentiated by itself."""
    found, theta = [], jax.ShapeDtypeStruct(problem.theta.shape, problem.theta.dtype)
    for bare, equation in zip(problem.bares, by_term(problem.equations), strict=True):

        def at(theta, x, index=equation.term):
            bares, f = problem.assembly.merge(theta, problem.data)
            return components(bares[index], f, x)

        like = lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf)[1:], leaf.dtype)
        jaxpr = jax.make_jaxpr(at)(theta, jax.tree.map(like, bare.points)).jaxpr
        found.append(bytes_of(jaxpr) * (1 + min(equation.width, problem.theta.size)))
    return found
