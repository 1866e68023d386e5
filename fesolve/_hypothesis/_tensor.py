"""Products of bases: functions of several coordinates."""

import itertools
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._types import is_traced, Point
from ._basis import AbstractBasis, Chebyshev, checked_degree, contract


class Tensor(AbstractBasis):
    """The products phi_{i_1}(x_1) ... phi_{i_d}(x_d), one factor a coordinate.

    With `degree` only the products of total degree i_1 + ... + i_d <= degree: the complete
    polynomials (Judd, 1998, section 6.12), comb(d + degree, d) of them instead of
    (degree + 1)^d.

    **Arguments:**

    - `bases`: one for each component of a vector x, in order; or by name, for points that are
      dictionaries: `Tensor(k=fe.Chebyshev(8, (1.0, 2.0)), z=fe.Indicator(3))`.
    - `degree`: the highest total degree; `None` takes every product.

    **Raises:** `ValueError` for no basis, for both sorts at once, for a basis whose functions
    have no degree where `degree` is given, and for a Chebyshev basis without a degree.
    """

    bases: tuple[AbstractBasis, ...]
    names: tuple[str, ...] | None = eqx.field(static=True)
    degree: int | None = eqx.field(static=True)

    def __init__(self, *bases: AbstractBasis, degree: int | None = None, **named: AbstractBasis):
        if bool(bases) == bool(named):
            raise ValueError(
                "`bases` of Tensor: bases in the order of the components of x, `Tensor(b1, b2)`, "
                "or by name, `Tensor(k=b1, z=b2)`: one of the two"
            )
        self.bases = bases or tuple(named.values())
        self.names = tuple(named) or None
        self.degree = None if degree is None else checked_degree(degree, "degree", "Tensor")
        for basis in self.bases:
            if not isinstance(basis, AbstractBasis):
                raise ValueError(f"`bases` of Tensor must be bases; got {basis!r}")
            if isinstance(basis, Chebyshev) and basis.adaptive:
                raise ValueError(
                    "`bases` of Tensor need degrees: `fe.Chebyshev(None, ...)` has none"
                )
            if isinstance(basis, Tensor) and bases:
                raise ValueError(
                    "`bases` of Tensor take one component of x each: give the bases of the inner "
                    "Tensor, or names"
                )
            if degree is not None and basis.degrees is None:
                raise ValueError(
                    f"`degree` of Tensor needs bases that are ordered by degree, as `fe.Chebyshev` "
                    f"is; {type(basis).__name__} is not"
                )

    @property
    def indices(self) -> np.ndarray:
        """The multi-indices (i_1, ..., i_d), one a row, in the order of the coefficients."""
        shape = [basis.size for basis in self.bases]
        if self.degree is None:
            return np.indices(shape).reshape(len(shape), -1).T
        degrees = [basis.degrees for basis in self.bases]
        return _below(tuple(tuple(d.tolist()) for d in degrees if d is not None), self.degree)

    @property
    def size(self) -> int:
        if self.degree is None:
            return math.prod(basis.size for basis in self.bases)
        return len(self.indices)

    @property
    def domain(self) -> tuple[Any, Any]:
        lows, highs = zip(*(basis.domain for basis in self.bases), strict=True)
        return self._point(lows), self._point(highs)

    @property
    def degrees(self) -> np.ndarray | None:
        degrees = [d for basis in self.bases if (d := basis.degrees) is not None]
        if len(degrees) < len(self.bases):
            return None
        parts = [d[i] for d, i in zip(degrees, self.indices.T, strict=True)]
        return np.sum(parts, axis=0)

    @property
    def constant(self) -> np.ndarray | None:
        constants = [c for basis in self.bases if (c := basis.constant) is not None]
        if len(constants) < len(self.bases):
            return None
        parts = zip(constants, self.indices.T, strict=True)
        return np.prod([constant[i] for constant, i in parts], axis=0)

    def __call__(self, x: Point) -> Float[Array, " size"]:
        values = self._factors(x)
        if self.degree is not None:
            return _selected(values, self.indices)
        product = values[0]
        for value in values[1:]:
            product = (product[:, None] * value[None, :]).reshape(-1)
        return product

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        values = self._factors(x, coefficients.dtype)
        sizes = tuple(basis.size for basis in self.bases)
        if len(sizes) > 2 or math.prod(sizes) > 8 * self.size:
            return _by_halves(coefficients, values, self.indices)
        if self.degree is not None:
            # Zeros for the products that are left out: a matrix product over all of them is faster
            # than picking from the factors at every point.
            places = np.ravel_multi_index(tuple(self.indices.T), sizes)
            every = jnp.zeros((*coefficients.shape[:-1], math.prod(sizes)), coefficients.dtype)
            coefficients = every.at[..., places].set(coefficients, unique_indices=True)
        result = coefficients.reshape(coefficients.shape[:-1] + sizes)
        # One coordinate after the other, the last first: fewer products than all at once.
        for value in reversed(values):
            result = contract(result, value)
        return result

    def _factors(self, x: Point, dtype: Any = None) -> list[Array]:
        values = [basis(part) for basis, part in zip(self.bases, self._parts(x), strict=True)]
        dtype = jnp.result_type(*values) if dtype is None else dtype
        return [value.astype(dtype) for value in values]

    def _parts(self, x: Point) -> list[Any]:
        """The coordinates of x, in the order of the bases."""
        if self.names is not None:
            if not isinstance(x, dict) or set(x) != set(self.names):
                raise ValueError(
                    f"Tensor({', '.join(f'{name}=...' for name in self.names)}) takes a point "
                    f"that is a dictionary with these keys; got {_described(x)}"
                )
            return [x[name] for name in self.names]
        x = jnp.asarray(x)
        if x.shape != (len(self.bases),):
            raise ValueError(
                f"Tensor of {len(self.bases)} bases takes a vector x of length "
                f"{len(self.bases)}; got shape {x.shape}"
            )
        return [x[i] for i in range(len(self.bases))]

    def _point(self, parts: tuple[Any, ...]) -> Any:
        if self.names is not None:
            return dict(zip(self.names, parts, strict=True))
        stack: Callable = jnp.stack if is_traced(parts) else np.stack
        return stack(parts)


@lru_cache(maxsize=64)
def _below(degrees: tuple[tuple[int, ...], ...], total: int) -> np.ndarray:
    """All multi-indices whose degrees sum to `total` at most, lexicographically."""
    rows: list[tuple[tuple[int, ...], int]] = [((), 0)]
    for d in degrees:
        rows = [
            ((*index, i), used + d[i])
            for (index, used), i in itertools.product(rows, range(len(d)))
            if used + d[i] <= total
        ]
    indices = np.asarray([index for index, _ in rows])
    indices.setflags(write=False)
    return indices


def _selected(values: list[Array], indices: np.ndarray) -> Array:
    """prod_j values[j][indices[:, j]]"""
    product = jnp.ones(len(indices), values[0].dtype)
    for value, index in zip(values, indices.T, strict=True):
        # A matrix of zeros and ones picks faster than an index, and more so in reverse.
        pick = jnp.asarray(np.eye(value.shape[0])[index], value.dtype)
        product = product * contract(pick, value)
    return product


def _by_halves(
    coefficients: Float[Array, "*out size"], values: list[Array], indices: np.ndarray
) -> Float[Array, "*out"]:
    """sum_i c_i a_i b_i with a_i a product over the first half of the coordinates and b_i one over
    the others: c as a matrix between the two, of which there are few. What a loop leaves as it is
    in the last coordinates is summed up once, before the loop."""
    half = len(values) // 2
    (first, rows), (last, columns) = (
        np.unique(part, axis=0, return_inverse=True) for part in np.split(indices, [half], axis=1)
    )
    shape = (*coefficients.shape[:-1], len(first), len(last))
    matrix = jnp.zeros(shape, coefficients.dtype)
    matrix = matrix.at[..., rows.ravel(), columns.ravel()].set(coefficients, unique_indices=True)
    inner = contract(matrix, _selected(values[half:], last))
    return contract(inner, _selected(values[:half], first))


def _described(x: Any) -> str:
    return f"keys {sorted(x)}" if isinstance(x, dict) else f"a point of shape {jnp.shape(x)}"
