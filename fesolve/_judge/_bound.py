"""A bound of the error of a series that costs nothing beyond what its solve has.

At as many fresh points as the solver had, the compiled program is the solver's own: one evaluation
gives r and J, and with the least |J d| per |F d|, the conditioning in f's own space, the error is
at most |r| over that. It says nothing about directions outside of that space, so that it is only
taken where nothing is in doubt. Where the conditioning falls with the degree, as for a growing
mode of which a polynomial has more and more, it would go on falling in a richer space.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._hypothesis import Series
from .._hypothesis._tabulate import tabulated
from .._least_squares._assembly import Equation, LeastSquares, linearise
from .._linear_algebra._device import inverse_factor as inverse_factor_on_device
from .._linear_algebra._host import inverse_factor, threads_for
from .._losses import squared
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced
from ._box import fills
from ._fresh import fresh
from ._newton import alike
from ._values import scales, values_of


RICH_ENOUGH = 12
"""Unknowns below which a series is too poor to show in which directions it is free."""
LOWER, FALLS = 0.8, 0.5
"""The share of its degree at which a series is compared with itself, and the share of the
conditioning there below which it falls."""
CHEAP = 1e8
"""Multiplications up to which the decomposition is cheaper than compiling the estimate."""
SQUARINGS = 3
"""Of the matrix whose singular values are summed in the 16th power, which finds the conditioning to
a fifth."""
IN_DOUBT = 1e-5
"""Where the conditioning, relative to the size of the parts of r, is below this, the estimate
decides."""


class _Lower(NamedTuple):
    """The coefficients of a series by rising degree, and how many of them are of a lower one."""

    order: np.ndarray
    count: int


class Bound(NamedTuple):
    """The figures of an `ErrorEstimate` that a verdict needs, where a bound is enough. The largest
    error is NaN where nothing is said for sure."""

    largest: Any
    conditioning: Any
    rms: Any
    unit: Any
    determined: Any = np.True_
    fresh: bool = True
    is_bound: bool = True


def quick_bound(
    risk: AbstractRisk,
    f: Hypothesis,
    mask: PyTree[bool],
    solved: LeastSquares | None = None,
) -> Bound | None:
    """The bound for an f that is made of series; `None` where there is none to be had.

    **Arguments:** `solved`, the problem that was solved, where it is at hand.
    """
    if not _is_linear(f) or any(term.loss is not squared for term in risk.terms):
        return None
    lower = _lower_columns(f)
    if not fills(risk, f):
        return None
    counts = [term.count for term in risk.terms]
    if solved is not None and len(solved.terms) == len(counts):
        counts = [term.count for term in solved.terms]
    sample = fresh(risk, f, counts)
    if not sample.complete or not sample.samples:
        return None
    moved = None if solved is None else solved.on_points(sample.risk, f)
    problem = LeastSquares(sample.risk, f, mask) if moved is None else moved
    if not problem.theta.size <= problem.rows <= CHEAP / problem.theta.size**2:
        return None
    if problem.theta.size != f.coefficients.size:  # some are not free
        lower = None
    if problem.traced:
        theta = jax.lax.stop_gradient(problem.theta)
        r, jacobian = linearise(problem.assembly, theta, problem.data)
        table = _values(f, mask, sample.samples, theta)
        return _bound(jnp, problem.equations, theta, r, jacobian, *table, lower)
    with threads_for(problem.operations, problem.theta.size):
        r, jacobian = problem.linearise(problem.theta)
        table = _values(f, mask, sample.samples, problem.theta)
        return _bound(np, problem.equations, problem.theta, r, jacobian, *table, lower)


def _bound(
    xp: Any,
    equations: tuple[Equation, ...],
    theta: Any,
    r: Any,
    jacobian: Any,
    values: Any,
    table: Any,
    lower: _Lower | None,
) -> Bound:
    parts = jacobian * theta[None]
    squares, size = (xp.sum(matrix**2, axis=1) for matrix in (parts, jacobian))
    factor = alike(xp, equations, squares, size, xp.linalg.norm(theta))
    r, jacobian = factor * r, factor[:, None] * jacobian
    order = np.arange(theta.size) if lower is None else lower.order
    inverse = (inverse_factor if xp is np else inverse_factor_on_device)(jacobian[:, order])
    table = table[:, order]
    conditioning = _least_ratio(xp, inverse, table)
    size, norm = xp.linalg.norm(values), xp.linalg.norm
    unit, rms = norm(factor[:, None] * parts), norm(r)
    sure = (size > 0) & (conditioning * size > IN_DOUBT * unit)
    if lower is not None:
        k = lower.count
        sure = sure & (conditioning > FALLS * _least_ratio(xp, inverse[:k, :k], table[:, :k]))
    scale = 1 / xp.where(sure, conditioning * size, 1)
    floor = float(np.finfo(r.dtype).eps) * unit / float(np.sqrt(r.size))
    largest = xp.where(sure, xp.maximum(rms, floor) * scale, xp.nan)
    return Bound(largest, conditioning, rms, unit)


def _least_ratio(xp: Any, inverse: Any, table: Any) -> Any:
    """min over d of |J d| / |F d| with R^-1 of J = QR: one over the largest singular value of
    A = F R^-1, the limit of (sum_i sigma_i^p)^(1 / p) from above; 0 where J has lost rank."""
    apart = table @ inverse
    size = xp.sqrt(xp.sum(apart**2))
    good = (size > 0) & xp.isfinite(size)
    gram = apart / xp.where(good, size, 1)
    gram = gram.T @ gram
    for _ in range(SQUARINGS):
        gram = gram @ gram
    largest = size * xp.trace(gram) ** (0.5 / 2**SQUARINGS)
    return xp.where(good, 1 / xp.where(good, largest, 1), 0)


def _lower_columns(f: Series) -> _Lower | None:
    """`None` where a basis has no degrees."""
    degrees = f.basis.degrees
    if degrees is None:
        return None
    every = np.tile(degrees, f.coefficients.size // degrees.size)
    return _Lower(np.argsort(every, kind="stable"), int(np.sum(every <= LOWER * degrees.max())))


def _is_linear(f: Hypothesis) -> bool:
    """Whether f is a series, and not too poor."""
    return isinstance(f, Series) and f.coefficients.size >= RICH_ENOUGH


def _values(f: Hypothesis, mask: PyTree[bool], samples: list, theta: Any) -> tuple[Any, Any]:
    """The values of f and their Jacobian in theta, weighted by p*, each function by its size."""
    table = None
    if isinstance(f, Series) and not is_traced(samples[0].weights):
        table = tabulated(f.basis, samples[0].points)
    if table is not None:
        table = np.sqrt(np.asarray(samples[0].weights))[:, None] * table
        outputs = int(np.prod(f.coefficients.shape[:-1]))
        table = np.kron(np.eye(outputs), table) if outputs > 1 else table
        table = table.astype(theta.dtype)
        return table @ theta, table
    values = values_of(f, mask, samples, {})
    problem = LeastSquares(values.risk, f, mask)
    if is_traced(theta) or problem.traced:
        v, table = linearise(problem.assembly, theta, problem.data)
        scale = scales(jnp, problem.equations, v)
    else:
        v, table = problem.linearise(theta)
        scale = scales(np, problem.equations, v)
    return scale * v, scale[:, None] * table
