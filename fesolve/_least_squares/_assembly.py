"""A risk and a hypothesis as a least-squares problem in one vector theta.

The rows are the residuals of all terms, points and components, each scaled by
sqrt(multiplier * w_i); the Jacobian comes from one reverse pass a row, point by point, since a
forward Jacobian of the whole vector costs P passes over all points.
"""

import copy
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from .._compiled import arrays_of, Keyed, program, SHORT, Static
from .._dry_run import equation_widths
from .._evaluation import at_points, Bare, components, row_scale, table
from .._fingerprint import Recent, TracedClosureError
from .._linear_algebra._device import forward
from .._precision import how_to_float64
from .._risk import AbstractRisk, require_sample, require_squares, Risk
from .._types import Hypothesis, is_tracing


class Equation(NamedTuple):
    """A named equation among the rows: rows `start : start + points * width`, reshaped to
    (points, width), of which it is the columns `columns`."""

    name: str
    start: int
    points: int
    width: int
    columns: tuple[int, ...]
    tolerance: float | None
    term: int


def blocks(equations: tuple[Equation, ...], rows: Any) -> list[Any]:
    """Rows by equation: n points times m components each."""
    found = []
    for equation in equations:
        end = equation.start + equation.points * equation.width
        block = rows[equation.start : end].reshape(equation.points, equation.width)
        found.append(block[:, list(equation.columns)])
    return found


def by_term(equations: tuple[Equation, ...]) -> list[Equation]:
    """Of each term one equation, which says where the rows of the term are."""
    return list({equation.term: equation for equation in equations}.values())


def count_rows(equations: tuple[Equation, ...]) -> int:
    """How many rows all equations have."""
    last = equations[-1]
    return last.start + last.points * last.width


def operations(rows: int, unknowns: int) -> float:
    """Multiplications in the smaller of J^T J and J J^T."""
    return float(rows) * unknowns * min(rows, unknowns)


def owners(equations: tuple[Equation, ...]) -> np.ndarray:
    """The number of the component to which each row belongs, counted through all equations."""
    number, owner = 0, np.zeros(count_rows(equations), int)
    for _, start, points, width, columns, *_ in equations:
        block = owner[start : start + points * width].reshape(points, width)
        block[:, list(columns)] = number + np.arange(len(columns))
        number += len(columns)
    return owner


class Assembly(Keyed):
    """What is fixed while theta moves, apart from arrays: hashable, the key of the programs."""

    def __init__(self, bares: list[Bare], theta: PyTree, rest: PyTree) -> None:
        leaves, self.structure = jax.tree.flatten(theta)
        self.shapes = tuple(leaf.shape for leaf in leaves)
        self.dtype = jnp.result_type(*leaves)
        self.dtypes = tuple(leaf.dtype for leaf in leaves)
        self.sizes = tuple(int(np.prod(shape)) for shape in self.shapes)
        try:
            self.static = Static((bares, rest))
        except TracedClosureError as error:
            raise ValueError(
                f"a traced value hides in {error.place}: pass it through `args`, for example "
                "`fe.Risk(residual, distribution, args=(a,))`, so that the solve can be "
                "differentiated and vectorised in it"
            ) from None
        nodes = tuple([node[0] for node in self.structure.__getstate__()[1]])
        self.key = (self.static.key, nodes, self.shapes, self.dtypes)
        self.opaque = self.static.opaque

    def leaves(self, theta: Float[Array | np.ndarray, " P"]) -> list[Any]:
        """The leaves of theta, in their shapes and dtypes."""
        leaves, start = [], 0
        for shape, size, dtype in zip(self.shapes, self.sizes, self.dtypes, strict=True):
            leaves.append(theta[start : start + size].reshape(shape).astype(dtype))
            start += size
        # copies, since the host may go on with its own; `jnp.asarray` would compile for each shape
        return leaves if isinstance(theta, jax.Array) else jax.device_put(leaves)

    def unravel(self, theta: Float[Array | np.ndarray, " P"]) -> PyTree:
        """theta as the tree of trainable leaves."""
        return jax.tree.unflatten(self.structure, self.leaves(theta))

    def merge(
        self, theta: Float[Array | np.ndarray, " P"], data: list[Any]
    ) -> tuple[list, Hypothesis]:
        """The terms and f at theta."""
        bares, rest = self.static.merge(data)
        return bares, eqx.combine(self.unravel(theta), rest)


def cast(x: Any, dtype: Any) -> Any:
    """Floating-point arrays in theta's dtype; integers and keys as they are."""
    if isinstance(x, jax.Array):
        if jnp.issubdtype(x.dtype, jnp.floating) and x.dtype != dtype:
            return x.astype(dtype)
        return x
    x = np.asarray(x)
    return x.astype(dtype) if x.dtype.kind == "f" and x.dtype != dtype else x


class LeastSquares:
    """One least-squares problem: the assembly with its arrays and its starting point.

    - `traced`: whether it is part of a program.
    - `on_host`: whether its loop runs on the host: nothing is traced, and its arrays are there
      anyway.
    - `size_of_jacobian`: bytes of a dense one.
    - `operations`: multiplications in the smaller of J^T J and J J^T.
    - `once`: whether it is evaluated so few times that its programs are not optimised, if a run of
      theirs is short.
    """

    def __init__(
        self, risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool], *, once: bool = False
    ) -> None:
        for term in risk.terms:
            require_sample(term)
            require_squares(term)
        self.risk, self.terms = risk, risk.terms
        self.f = f
        self.mask = mask
        self.once = once
        self.bares = [term.bare for term in risk.terms]
        self.leaves, self.structure = jax.tree.flatten(f)
        self.marks = jax.tree.leaves(mask)
        theta, self.rest = self._parted()
        self.assembly = Assembly(self.bares, theta, self.rest)
        dtype = self.assembly.dtype
        for term in risk.terms:
            _check_tolerance(term, dtype)
        self.data = [cast(x, dtype) for x in arrays_of((self.bares, self.rest))]
        leaves = jax.tree.leaves(theta)
        given = (*self.data, *leaves)
        self.traced = any(isinstance(x, jax.core.Tracer) for x in given) or is_tracing()
        xp = jnp if self.traced else np
        self.theta = xp.concatenate([xp.ravel(xp.asarray(leaf, dtype)) for leaf in leaves])
        self.equations = equations_of(self.assembly, self.terms, self.theta, self.data)
        self.rows = count_rows(self.equations)
        self.size_of_jacobian = self.rows * self.theta.size * self.theta.dtype.itemsize
        self.operations = operations(self.rows, self.theta.size)
        self.on_host = not self.traced and jax.default_backend() == "cpu"

    def on_points(self, risk: AbstractRisk, f: Hypothesis) -> "LeastSquares | None":
        """The same problem at another f, where `risk` has other points; `None` where f has another
        shape, or terms another number of points. Nothing but arrays is new, so that nothing is
        read or looked up again."""
        leaves, structure = jax.tree.flatten(f)
        terms = risk.terms
        counts = [term.count for term in terms]
        if (
            self.traced
            or structure != self.structure
            or any(np.shape(a) != np.shape(b) for a, b in zip(leaves, self.leaves, strict=True))
            or counts != [term.count for term in self.terms]
        ):
            return None
        moved = copy.copy(self)
        moved.risk, moved.terms, moved.f, moved.leaves = risk, terms, f, leaves
        moved.bares = [term.bare for term in terms]
        data = [cast(x, self.assembly.dtype) for x in arrays_of(moved.bares)]
        moved.data = data + self.data[len(data) :]
        moved.theta = self.theta_of(f)
        return moved

    def theta_of(self, f: Hypothesis) -> np.ndarray:
        """theta of another f of the same structure."""
        pairs = zip(jax.tree.leaves(f), self.marks, strict=True)
        leaves = [np.ravel(np.asarray(leaf, self.theta.dtype)) for leaf, mark in pairs if mark]
        return np.concatenate(leaves)

    def value(self, theta: Any) -> Hypothesis:
        """f at theta, with the leaves that do not train as they were given."""
        return self.assemble(self.assembly.leaves(theta))

    def assemble(self, leaves: list[Any]) -> Hypothesis:
        """f with these leaves of theta."""
        given, pairs = iter(leaves), zip(self.leaves, self.marks, strict=True)
        new = [next(given) if mark else leaf for leaf, mark in pairs]
        return jax.tree.unflatten(self.structure, new)

    def _parted(self) -> tuple[PyTree, PyTree]:
        """The leaves of f that are theta, and the others, each with `None` for the rest; as
        `equinox.partition`, for a tenth of the price, which shows in a solve of a millisecond."""
        pairs = list(zip(self.leaves, self.marks, strict=True))
        ours = [leaf if mark else None for leaf, mark in pairs]
        others = [None if mark else leaf for leaf, mark in pairs]
        return tuple(jax.tree.unflatten(self.structure, part) for part in (ours, others))

    def residuals(self, theta: Any) -> np.ndarray:
        program = residuals_once if self.once else residuals
        return np.asarray(program(self.assembly, theta, self.data))

    def cost(self, theta: Any) -> float:
        """|r|^2; infinite where it is not finite."""
        r = self.residuals(theta)
        return float(np.nan_to_num(r @ r, nan=np.inf))

    def linearise(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        program = linearise_once if self.once else linearise
        r, jacobian = program(self.assembly, theta, self.data)
        return np.asarray(r), np.asarray(jacobian)

    def columns(self, marks: PyTree) -> np.ndarray:
        """The positions in theta of the trainable leaves that `marks` marks, by a boolean or by
        an array of them, one an entry."""
        chosen = [
            np.broadcast_to(mark, (size,)) if np.ndim(mark) == 0 else np.ravel(mark)
            for mark, size in zip(
                [m for m, used in zip(jax.tree.leaves(marks), self.marks, strict=True) if used],
                self.assembly.sizes,
                strict=True,
            )
        ]
        return np.flatnonzero(np.concatenate(chosen))


def _check_tolerance(term: Risk, dtype: Any) -> None:
    if term.tolerance is None:
        return
    rounding = float(jnp.finfo(dtype).eps)
    if term.tolerance < rounding:
        raise ValueError(
            f"`tolerance` of `{term.name}` is {term.tolerance:.3g}, which {dtype} cannot resolve: "
            f"its rounding is {rounding:.2g}. Ask for more than that, or for float64: "
            f"{how_to_float64()}"
        )


def require_rows(problem: LeastSquares) -> None:
    """Raises where f is linear in theta and the sample has fewer rows than there are unknowns."""
    unknowns = problem.theta.size
    if problem.rows < unknowns:
        raise ValueError(
            f"`risk` has {problem.rows} residual rows and f has {unknowns} unknowns, in which it "
            "is linear: they are not determined. Take more points (`.quadrature(n)` or "
            f"`.empirical(n, key=key)` with n >= {unknowns}), a lower degree, or "
            "`fe.MinimumNorm`, which chooses among the solutions"
        )


@program(0)
def residuals(assembly: Assembly, theta: Any, data: list[Any]) -> Float[Array, " N"]:
    """The rows r(theta)."""
    with jax.default_matmul_precision("highest"):
        bares, f = assembly.merge(theta, data)
        rows = []
        for bare in bares:
            values = table(bare, f).astype(theta.dtype)
            rows.append(jnp.ravel(row_scale(bare, theta.dtype)[:, None] * values))
        return jnp.concatenate(rows)


@program(0)
def linearise(
    assembly: Assembly, theta: Any, data: list[Any]
) -> tuple[Float[Array, " N"], Float[Array, "N P"]]:
    """The rows and their Jacobian."""
    with jax.default_matmul_precision("highest"):
        bares, _ = assembly.merge(theta, data)
        rows, blocks = [], []
        for index, bare in enumerate(bares):
            r, jacobian = _term(assembly, index, bare.points, theta, data)
            scale = row_scale(bare, theta.dtype)
            rows.append(jnp.ravel(scale[:, None] * r))
            blocks.append((scale[:, None, None] * jacobian).reshape(-1, theta.size))
        return jnp.concatenate(rows), jnp.concatenate(blocks)


residuals_once = program(0, plain_to=SHORT)(residuals.__wrapped__)
linearise_once = program(0, plain_to=SHORT)(linearise.__wrapped__)


def _term(
    assembly: Assembly, index: int, points: Any, theta: Any, data: list[Any]
) -> tuple[Float[Array, "n m"], Float[Array, "n m P"]]:
    """Unscaled components of one term and their Jacobian, at each point."""

    def at(x: Any) -> tuple[Array, Array]:
        def component(theta: Array) -> Array:
            bares, f = assembly.merge(theta, data)
            return components(bares[index], f, x).astype(theta.dtype)

        r, pullback = jax.vjp(component, theta)
        if r.size > theta.size:  # few residuals have so many components: others are traced once
            return forward(component, theta)
        if r.size == 1:
            return r, pullback(jnp.ones_like(r))[0][None]
        return r, jax.vmap(pullback)(jnp.eye(r.size, dtype=theta.dtype))[0]

    if points is None:
        r, jacobian = at(None)
        return r[None], jacobian[None]
    return at_points(at, points)


_LAYOUTS = Recent(1024)
"""Layouts of rows by assembly and shapes (a cache of a pure function: a dry run costs 10 ms)."""


def equations_of(
    assembly: Assembly, terms: tuple[Risk, ...], theta: Any, data: list
) -> tuple[Equation, ...]:
    """The named equations of the terms, from a dry run where the shapes are new."""
    names = tuple((term.name, term.tolerance) for term in terms)
    key = (assembly.key, names, tuple((x.shape, x.dtype) for x in data))
    make = lambda: tuple(_dry_run(assembly, terms, theta, data))
    return make() if assembly.opaque is not None else _LAYOUTS.get(key, make)


def _dry_run(assembly: Assembly, terms: tuple[Risk, ...], theta: Any, data: list) -> list[Equation]:
    equations, start = [], 0
    bares, f = assembly.merge(theta, data)
    for index, (term, bare) in enumerate(zip(terms, bares, strict=True)):
        points, column = bare.points, 0
        count = 1 if points is None else jax.tree.leaves(points)[0].shape[0]
        widths = equation_widths(term.name, bare, f, solved_for=True)
        total = sum(widths.values())
        for name, width in widths.items():
            columns = tuple(range(column, column + width))
            column += width
            equations.append(Equation(name, start, count, total, columns, term.tolerance, index))
        start += count * total
    return equations
