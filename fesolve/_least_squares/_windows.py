"""Residuals and sparse Jacobians of a function that is pieced together.

At x only the window of basis functions around x counts, so that a row of the Jacobian is as wide as
that; where the residual asks for f a step away as well, as a difference equation does, as wide as
the windows beside it. Whether it asks for f elsewhere is seen by a derivative along one direction
of all of f, which the windows have to reproduce.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse
from jaxtyping import Array, Float, Int

from .._compiled import program, SHORT
from .._evaluation import components, row_scale
from .._hypothesis import Series
from .._hypothesis._basis import contract
from .._hypothesis._leaves import is_series, series_in
from .._types import Point
from ._assembly import Assembly, by_term, LeastSquares


AGREES = 1e-8
"""The relative error of a derivative along one direction, by windows, that is rounding."""
LOOKED_AT, FAR = (0.5, 0.0, 1.0, 0.25, 0.75), 1e-2
"""Points that are looked at, as shares of all, and a change of f, in units of 1 + |f|."""
BESIDE = 1
"""Windows on each side of a point up to which rows are sparse."""


class Windows(NamedTuple):
    """Residuals, the columns of theta around each point, and the Jacobian in these."""

    r: Float[Array, "n m"]
    columns: Int[Array, "n k"]
    jacobian: Float[Array, "n m k"]


class Local(NamedTuple):
    """Residuals and their sparse Jacobian."""

    r: Float[np.ndarray, " N"]
    jacobian: sparse.csr_array


def is_local(problem: LeastSquares) -> bool:
    """Whether the Jacobian of an f that `has_sparse_rows` is sparse, at its theta."""
    if any(bare.points is None or np.ndim(bare.points) != 1 for bare in problem.bares):
        return False
    theta = np.asarray(problem.theta)
    return not _asks_far(problem, theta) and _reach(problem, theta) is not None


def linearised(problem: LeastSquares, theta: Any) -> Local:
    """Residuals and Jacobian, of a problem that is local; what a residual asks for far away at
    another theta is left out."""
    theta = np.asarray(theta)
    reach = _reach(problem, theta)
    run = _windows_once if problem.once else _windows
    found = run(problem.assembly, BESIDE if reach is None else reach, theta, problem.data)
    rows, columns, entries, r = [], [], [], []
    start = 0
    for part in jax.tree.map(np.asarray, found):
        n, m, _ = part.jacobian.shape
        point, component, place = np.nonzero(part.jacobian)  # windows reach over neighbours
        rows.append(start + point * m + component)
        columns.append(part.columns[point, place])
        entries.append(part.jacobian[point, component, place])
        r.append(part.r.ravel())
        start += n * m
    join = np.concatenate
    shape = (start, theta.size)
    jacobian = sparse.csr_array((join(entries), (join(rows), join(columns))), shape)
    return Local(join(r), jacobian)


def _asks_far(problem: LeastSquares, theta: np.ndarray) -> bool:
    """Whether a residual is seen to move by a change of f far away, at a few of the points: then no
    derivative has to be compiled."""
    if problem.traced:
        return False
    before, terms = problem.residuals(theta), by_term(problem.equations)
    for share in LOOKED_AT:
        for equation in terms:
            points = np.asarray(problem.bares[equation.term].points)
            i = int(share * (len(points) - 1))
            row = slice(
                equation.start + i * equation.width, equation.start + (i + 1) * equation.width
            )
            after = problem.residuals(_changed_far(problem, theta, points[i]))
            if np.linalg.norm(after[row] - before[row]) > AGREES * np.linalg.norm(before[row]):
                return True
    return False


def _changed_far(problem: LeastSquares, theta: np.ndarray, x: Any) -> np.ndarray:
    """theta with the coefficients of the farther half of all pieces changed."""
    theta, start = theta.copy(), 0
    for node, mark in zip(series_in(problem.f), series_in(problem.mask), strict=True):
        if not mark.coefficients:
            continue
        pieces = np.asarray(node.basis.pieces)
        size, end = node.basis.size, start + node.coefficients.size
        near = np.searchsorted(pieces, x) / len(pieces)
        far = np.abs((np.arange(size) + 0.5) / size - near) > 0.25
        rows = theta[start:end].reshape(-1, size)
        rows[:, far] += FAR * (1 + np.abs(rows[:, far]))
        start = end
    return theta


def _reach(problem: LeastSquares, theta: np.ndarray) -> int | None:
    """0 where the residual at a point asks for nothing but the window there, else how many windows
    on each side it asks for; `None` where it asks for more."""
    direction = np.random.default_rng(0).standard_normal(theta.size).astype(theta.dtype)
    run = _derivatives_once if problem.once else _derivatives
    found = run(problem.assembly, theta, direction, problem.data)
    along = np.concatenate([np.asarray(part).reshape(len(part), -1) for part in found], axis=1)
    off = np.linalg.norm(along[:-1] - along[-1], axis=1)
    return next((i for i in (0, BESIDE) if off[i] <= AGREES * np.linalg.norm(along[-1])), None)


class _Near(eqx.Module):
    """A series and a change of the coefficients that count near one point, from `first` on."""

    series: Series
    delta: Float[Array, "*out width"]
    first: Any

    def __call__(self, x: Point) -> Float[Array, "*out"]:
        start, values = self.series.basis.window(x)
        width = values.shape[0]
        # nothing counts before and after
        around = jnp.pad(self.delta, [(0, 0)] * (self.delta.ndim - 1) + [(width, width)])
        at = start - self.first + width
        delta = jax.lax.dynamic_slice_in_dim(around, at, width, axis=-1)
        return self.series(x) + contract(delta, values.astype(delta.dtype))

    def __getattr__(self, name: str) -> Any:
        if name in ("series", "delta", "first") or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.series, name)


class _Place(NamedTuple):
    """Where the coefficients of a series that count near a point begin and how many they are, the
    same of the window itself, and where the series begins in theta."""

    series: Series
    first: Any
    width: int
    start: Any
    window: int
    offset: int

    @property
    def columns(self) -> Array:
        """Their places in theta."""
        size, unknowns = self.series.basis.size, self.series.coefficients.size
        rows = np.arange(self.offset, self.offset + unknowns, size)
        return jnp.ravel(jnp.asarray(rows[:, None], self.first.dtype) + self.near[None])

    @property
    def is_window(self) -> Array:
        """Which of them are of the window at the point itself."""
        at = self.near - self.start
        return (at >= 0) & (at < self.window)

    @property
    def near(self) -> Array:
        return self.first + jnp.arange(self.width, dtype=self.first.dtype)


class _Point:
    """The residual of one term at one point, as a function of the coefficients around it."""

    def __init__(
        self, assembly: Assembly, index: int, theta: Any, data: list[Any], x: Any, reach: int
    ) -> None:
        _, rest = assembly.static.merge(data)
        self.f = assembly.merge(theta, data)[1]
        self.trains = [node.coefficients is None for node in series_in(rest)]
        self.places: list[_Place] = []
        offset = 0
        for node, mark in zip(series_in(self.f), self.trains, strict=True):
            if not mark:
                continue
            start, values = node.basis.window(x)
            window, size = values.shape[0], node.basis.size
            width = min((2 * reach + 1) * window, size)
            first = jnp.clip(start - reach * window, 0, size - width)
            self.places.append(_Place(node, first, width, start, window, offset))
            offset += node.coefficients.size
        self.assembly, self.index, self.theta, self.data, self.x = assembly, index, theta, data, x

    def whole(self, theta: Any) -> Array:
        terms, g = self.assembly.merge(theta, self.data)
        return components(terms[self.index], g, self.x).astype(theta.dtype)

    def near(self, changes: list[Array]) -> Array:
        given, marks = iter(zip(changes, self.places, strict=True)), iter(self.trains)

        def change(node: Any) -> Any:
            if not (is_series(node) and next(marks)):
                return node
            delta, place = next(given)
            return _Near(node, delta, place.first)

        g = jax.tree.map(change, self.f, is_leaf=is_series)
        terms, _ = self.assembly.merge(self.theta, self.data)
        return components(terms[self.index], g, self.x).astype(self.theta.dtype)

    @property
    def zeros(self) -> list[Array]:
        shapes = [(*p.series.coefficients.shape[:-1], p.width) for p in self.places]
        return [jnp.zeros(shape, self.theta.dtype) for shape in shapes]


@program(0, 1)
def _windows(assembly: Assembly, reach: int, theta: Any, data: list[Any]) -> list[Windows]:
    def at(index: int, x: Any, scale: Any) -> Windows:
        point = _Point(assembly, index, theta, data, x, reach)
        r, pullback = jax.vjp(point.near, point.zeros)
        parts = jax.vmap(pullback)(jnp.eye(r.size, dtype=r.dtype))[0]
        jacobian = jnp.concatenate([part.reshape(r.size, -1) for part in parts], 1)
        columns = jnp.concatenate([place.columns for place in point.places])
        return Windows(scale * r, columns, scale * jacobian)

    return _at_points(assembly, at, theta, data)


@program(0)
def _derivatives(assembly: Assembly, theta: Any, direction: Any, data: list[Any]) -> list[Array]:
    """The derivatives of the rows along a direction of theta: of the window at each point, of that
    with those beside it, and of all of theta."""

    def at(index: int, x: Any, scale: Any) -> Array:
        point = _Point(assembly, index, theta, data, x, BESIDE)
        several = [direction[p.columns].reshape(z.shape) for p, z in zip(point.places, point.zeros)]
        inner = [jnp.where(p.is_window, part, 0) for part, p in zip(several, point.places)]
        along = lambda parts: jax.jvp(point.near, (point.zeros,), (parts,))[1]
        near = jax.vmap(along)(jax.tree.map(lambda a, b: jnp.stack([a, b]), inner, several))
        everything = jax.jvp(point.whole, (theta,), (direction,))[1]
        return scale * jnp.concatenate([near, everything[None]])

    found = _at_points(assembly, at, theta, data)
    return [jnp.moveaxis(part, 1, 0) for part in found]


_windows_once = program(0, 1, plain_to=SHORT)(_windows.__wrapped__)
_derivatives_once = program(0, plain_to=SHORT)(_derivatives.__wrapped__)


def _at_points(assembly: Assembly, at: Callable, theta: Any, data: list[Any]) -> list[Any]:
    """at(term, x, scale) at each point of each term."""
    with jax.default_matmul_precision("highest"):
        bares, _ = assembly.merge(theta, data)
        return [
            jax.vmap(functools.partial(at, i))(bare.points, row_scale(bare, theta.dtype))
            for i, bare in enumerate(bares)
        ]
