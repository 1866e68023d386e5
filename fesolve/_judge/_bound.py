"""A bound of the error of a series that costs nothing beyond what its solve has.

At as many fresh points as the solver had, the compiled program is the solver's own: one evaluation
gives r and J, and with the least |J d| per |F d|, the conditioning in f's own space, the error is
at most |r| over that. It says nothing about directions outside of that space, so that it is only
taken where nothing is in doubt.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PyTree

from .._hypothesis import Series
from .._hypothesis._tabulate import tabulated
from .._least_squares._algebra import back_substitute, one_thread
from .._least_squares._assembly import LeastSquares
from .._losses import squared
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced, is_tracing
from ._fresh import fresh, is_movable
from ._probe import functions
from ._values import values_of


RICH_ENOUGH = 12
"""Unknowns below which a series is too poor to show in which directions it is free."""
IN_DOUBT = 1e-5
"""A conditioning below this, relative to the size of the parts of r, is looked into."""


class Bound(NamedTuple):
    """The figures of an `ErrorEstimate` that a verdict needs, where a bound is enough."""

    largest: Any
    conditioning: Any
    rms: Any
    unit: Any
    determined: Any = np.True_
    fresh: bool = True


def quick_bound(risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool]) -> Bound | None:
    """The bound for an f that is made of series; `None` where it would say nothing for sure."""
    if is_traced((risk, f)) or is_tracing() or not _is_linear(f, mask):
        return None
    if any(term.loss is not squared for term in risk.terms):
        return None
    sample = fresh(risk, f, [term.count for term in risk.terms])
    movable = [term.distribution for term in sample.risk.terms if is_movable(term)]
    if not sample.complete or not movable:
        return None
    problem = LeastSquares(sample.risk, f, mask)
    if problem.rows < problem.theta.size:
        return None
    r, jacobian = problem.linearise(problem.theta)
    if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
        return None
    table = _values_jacobian(f, mask, movable)
    if table is None:
        return None
    with one_thread(problem.theta.size):
        conditioning = least_ratio(jacobian, table)
        size = float(np.linalg.norm(table @ problem.theta))
        unit = float(np.linalg.norm(jacobian * problem.theta))
        rms, eps = float(np.linalg.norm(r)), float(np.finfo(r.dtype).eps)
    if not size > 0 or not conditioning * size > IN_DOUBT * unit:
        return None
    scale = 1 / (conditioning * size)
    floor = eps * unit * scale / np.sqrt(r.size)
    return Bound(np.asarray(max(rms * scale, floor)), np.asarray(conditioning), rms, unit)


def _is_linear(f: Hypothesis, mask: PyTree[bool]) -> bool:
    nodes = functions(f)
    size = sum(leaf.size for leaf, m in zip(jax.tree.leaves(f), jax.tree.leaves(mask)) if m)
    return size >= RICH_ENOUGH and isinstance(f, Series) and len(nodes) == 1


def _values_jacobian(
    f: Hypothesis, mask: PyTree[bool], samples: list
) -> Float[np.ndarray, "M P"] | None:
    """The values of f in its coefficients, weighted by p*: one component after the other."""
    table = tabulated(f.basis, samples[0].points)
    if table is None:
        values = values_of(f, mask, samples)
        return LeastSquares(values.risk, f, mask).linearise(np.ravel(np.asarray(f.coefficients)))[1]
    table = np.sqrt(np.asarray(samples[0].weights))[:, None] * table
    outputs = int(np.prod(f.coefficients.shape[:-1]))
    return np.kron(np.eye(outputs), table) if outputs > 1 else table


def least_ratio(
    jacobian: Float[np.ndarray, "N P"], table: Float[np.ndarray, "M P"], steps: int = 6
) -> float:
    """min over d of |J d| / |F d|, by inverse iteration on the triangular factor of J; 0 where J
    has lost rank."""
    triangle = np.linalg.qr(jacobian, mode="r")
    if np.abs(np.diagonal(triangle)).min() <= np.finfo(triangle.dtype).tiny:
        return 0.0
    gram = table.T @ table
    v = np.ones(triangle.shape[0], triangle.dtype)
    for _ in range(steps):
        v = back_substitute(triangle, gram @ v, transpose=True)
        v = back_substitute(triangle, v)
        norm = np.linalg.norm(v)
        if not np.isfinite(norm):
            return 0.0
        v = v / norm
    return float(np.linalg.norm(triangle @ v) / np.sqrt(v @ gram @ v))
