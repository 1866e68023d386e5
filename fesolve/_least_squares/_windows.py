"""Residuals and sparse Jacobians of a function that is pieced together.

At x only the window of basis functions around x counts, so that a row of the Jacobian is as wide as
that. Whether the residual asks for f elsewhere as well is seen by a derivative along one direction
of all of f, which the rows have to reproduce.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
import scipy.sparse.linalg as sparse_linalg
from jaxtyping import Array, Float, Int

from .._compiled import program
from .._evaluation import components, row_scale
from .._hypothesis import Series
from .._hypothesis._basis import contract
from .._types import Hypothesis, Point
from ._assembly import Assembly, LeastSquares
from ._trainable import is_series, series_in


AGREES = 1e-8
"""The relative error of a derivative along one direction, by windows, that is rounding."""


class Windows(NamedTuple):
    """Residuals, the columns of theta around each point, the Jacobian in these, and the derivative
    of the residuals along one direction of all of theta."""

    r: Float[Array, "n m"]
    columns: Int[Array, "n k"]
    jacobian: Float[Array, "n m k"]
    along: Float[Array, "n m"]


class Local(NamedTuple):
    """Residuals and their sparse Jacobian, and whether it is all of the Jacobian: not so where the
    residual at a point depends on f elsewhere, too."""

    r: Float[np.ndarray, " N"]
    jacobian: sparse.csr_array
    complete: bool


def is_local(problem: LeastSquares) -> bool:
    """Whether the Jacobian of an f that `has_sparse_rows` is sparse, at its theta."""
    if any(bare.points is None or np.ndim(bare.points) != 1 for bare in problem.bares):
        return False
    return linearised(problem, problem.theta).complete


def linearised(problem: LeastSquares, theta: Any) -> Local:
    """Residuals and Jacobian."""
    theta = np.asarray(theta)
    direction = np.random.default_rng(0).standard_normal(theta.size).astype(theta.dtype)
    found = _windows(problem.assembly, theta, direction, problem.data)
    rows, columns, entries, r, along = [], [], [], [], []
    start = 0
    for part in jax.tree.map(np.asarray, found):
        n, m, k = part.jacobian.shape
        place = start + np.arange(n * m).reshape(n, m, 1)
        rows.append(np.broadcast_to(place, (n, m, k)).ravel())
        columns.append(np.broadcast_to(part.columns[:, None], (n, m, k)).ravel())
        entries.append(part.jacobian.ravel())
        r.append(part.r.ravel())
        along.append(part.along.ravel())
        start += n * m
    join = np.concatenate
    shape = (start, theta.size)
    jacobian = sparse.csr_array((join(entries), (join(rows), join(columns))), shape)
    jacobian.eliminate_zeros()  # windows reach over neighbours, and points may have no weight
    expected, size = join(along), sparse_linalg.norm(jacobian) * np.linalg.norm(direction)
    complete = bool(np.linalg.norm(jacobian @ direction - expected) <= AGREES * size)
    return Local(join(r), jacobian, complete)


class _Near(eqx.Module):
    """A series and a change of the coefficients that count at one point."""

    series: Series
    delta: Float[Array, "*out width"]

    def __call__(self, x: Point) -> Float[Array, "*out"]:
        _, values = self.series.basis.window(x)
        return self.series(x) + contract(self.delta, values.astype(self.delta.dtype))

    def __getattr__(self, name: str) -> Any:
        if name in ("series", "delta") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.series, name)


@program(0)
def _windows(assembly: Assembly, theta: Any, direction: Any, data: list[Any]) -> list[Windows]:
    with jax.default_matmul_precision("highest"):
        bares, f = assembly.merge(theta, data)
        return [
            jax.vmap(lambda x, w, i=i: _window(assembly, i, f, theta, direction, data, x, w))(
                bare.points, row_scale(bare, theta.dtype)
            )
            for i, bare in enumerate(bares)
        ]


def _window(
    assembly: Assembly,
    index: int,
    f: Hypothesis,
    theta: Any,
    direction: Any,
    data: list[Any],
    x: Any,
    scale: Any,
) -> Windows:
    """One point of one term."""
    _, rest = assembly.static.merge(data)
    trains = [node.coefficients is None for node in series_in(rest)]
    series = [node for node, mark in zip(series_in(f), trains, strict=True) if mark]

    def whole(theta: Any) -> Array:
        terms, g = assembly.merge(theta, data)
        return scale * components(terms[index], g, x).astype(theta.dtype)

    def near(windows: list[Array]) -> Array:
        given, marks = iter(windows), iter(trains)
        changes = lambda node: is_series(node) and next(marks)
        change = lambda node: _Near(node, next(given)) if changes(node) else node
        g = jax.tree.map(change, f, is_leaf=is_series)
        terms, _ = assembly.merge(theta, data)
        return scale * components(terms[index], g, x).astype(theta.dtype)

    places = [node.basis.window(x) for node in series]
    zeros = [
        jnp.zeros((*node.coefficients.shape[:-1], values.shape[0]), theta.dtype)
        for node, (_, values) in zip(series, places, strict=True)
    ]
    r, pullback = jax.vjp(near, zeros)
    parts = jax.vmap(pullback)(jnp.eye(r.size, dtype=r.dtype))[0]
    columns, offset = [], 0
    for node, (start, values) in zip(series, places, strict=True):
        size, unknowns = node.basis.size, node.coefficients.size
        first = np.arange(offset, offset + unknowns, size)
        local = first[:, None] + np.arange(values.shape[0])
        columns.append(jnp.ravel(jnp.asarray(local, start.dtype) + start))
        offset += unknowns
    jacobian = jnp.concatenate([part.reshape(r.size, -1) for part in parts], 1)
    along = jax.jvp(whole, (theta,), (direction,))[1]
    return Windows(r, jnp.concatenate(columns), jacobian, along)
