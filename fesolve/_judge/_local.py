"""The missing correction of a function that is pieced together: its Jacobians are sparse.

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
from .._least_squares._assembly import Assembly, LeastSquares
from .._types import Hypothesis, Point
from ._fresh import is_series, series_in
from ._newton import alike, ROUNDING, Step


AGREES = 1e-8
"""The relative error of a derivative along one direction, by windows, that is rounding."""
SEEN = 1e-8
"""Basis functions whose values are smaller than this, relative to the largest, are not seen."""
DIGITS = 1e-3
"""The relative accuracy of the conditioning."""


class Windows(NamedTuple):
    """Residuals, the columns of theta around each point, the Jacobian in these, and the derivative
    of the residuals along one direction of all of theta."""

    r: Float[Array, "n m"]
    columns: Int[Array, "n k"]
    jacobian: Float[Array, "n m k"]
    along: Float[Array, "n m"]


class Local(NamedTuple):
    """Residuals and their sparse Jacobian."""

    r: Float[np.ndarray, " N"]
    jacobian: sparse.csr_array


def linearised(problem: LeastSquares) -> Local | None:
    """Residuals and Jacobian where f `has_sparse_rows`; `None` where the residual at a point
    depends on f elsewhere, too."""
    if any(np.ndim(bare.points) != 1 or bare.points is None for bare in problem.bares):
        return None
    theta = np.asarray(problem.theta)
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
    expected, size = join(along), sparse_linalg.norm(jacobian) * np.linalg.norm(direction)
    if not np.linalg.norm(jacobian @ direction - expected) <= AGREES * size:
        return None
    return Local(join(r), jacobian)


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


def local_step(
    problem: LeastSquares, system: Local, values: Local, scale: Float[np.ndarray, " M"]
) -> Step | None:
    """The step of `missing_step`; `None` where some of theta does not show in the values.

    **Arguments:** `scale`, by which values of functions of unlike size are brought to one.
    """
    values = Local(scale * values.r, (sparse.diags_array(scale) @ values.jacobian).tocsr())
    eps = float(np.finfo(system.r.dtype).eps)
    sizes = np.sqrt(values.jacobian.power(2).sum(axis=0))
    if not np.all(sizes > SEEN * sizes.max()):
        return None
    theta = np.asarray(problem.theta)
    squares = system.jacobian.power(2)
    parts = squares @ theta**2
    factor = alike(np, problem.equations, parts, squares.sum(axis=1), np.linalg.norm(theta))
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
