"""Products of bases: functions of several coordinates."""

import abc
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


class AbstractTensor(AbstractBasis):
    """Products phi_{i_1}(x_1) ... phi_{i_d}(x_d) of one function a coordinate.

    - `bases`: those of the coordinates, in their order; `names`: the keys of points that are
      dictionaries, `None` for vectors.
    """

    bases: eqx.AbstractVar[tuple[AbstractBasis, ...]]
    names: eqx.AbstractVar[tuple[str, ...] | None]

    @property
    @abc.abstractmethod
    def indices(self) -> np.ndarray:
        """The multi-indices (i_1, ..., i_d), one a row, in the order of the coefficients."""

    @property
    def is_full(self) -> bool:
        """Whether there are all products."""
        return self.size == math.prod(basis.size for basis in self.bases)

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
        if not self.is_full:
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
        if not self.is_full:
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
                given = ", ".join(f"{name}=..." for name in self.names)
                raise ValueError(
                    f"{type(self).__name__}({given}) takes a point that is a dictionary with these "
                    f"keys; got {_described(x)}"
                )
            return [x[name] for name in self.names]
        if isinstance(x, dict):
            raise ValueError(
                f"{type(self).__name__} of {len(self.bases)} bases takes a vector x of length "
                f"{len(self.bases)}; got {_described(x)}: give the bases the same names, "
                f"`fe.{type(self).__name__}({', '.join(f'{name}=...' for name in x)})`"
            )
        x = jnp.asarray(x)
        if x.shape != (len(self.bases),):
            raise ValueError(
                f"{type(self).__name__} of {len(self.bases)} bases takes a vector x of length "
                f"{len(self.bases)}; got shape {x.shape}"
            )
        return [x[i] for i in range(len(self.bases))]

    def _point(self, parts: tuple[Any, ...]) -> Any:
        if self.names is not None:
            return dict(zip(self.names, parts, strict=True))
        stack: Callable = jnp.stack if is_traced(parts) else np.stack
        return stack(parts)


class Tensor(AbstractTensor):
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
        self.bases, self.names = _checked_bases("Tensor", bases, named)
        self.degree = None if degree is None else checked_degree(degree, "degree", "Tensor")
        if degree is not None:
            _require_degrees("Tensor", "degree", self.bases)

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


class Smolyak(AbstractTensor):
    """The products phi_{i_1}(x_1) ... phi_{i_d}(x_d) whose levels sum up to `level` at most, where
    a function of degree 0 has level 0, of degree 1 or 2 level 1, of 3 or 4 level 2, and of
    2^(k - 1) + 1 to 2^k level k: Smolyak's sparse set.

    It has high powers of one coordinate and few products of many, 1 + 2 d of level 1, 41 of level
    2 in four coordinates: made for functions that are nearly sums over the coordinates. Where
    products matter as much, as in most models of several countries, complete polynomials,
    `fe.Tensor(..., degree=...)`, reach more with as many (measured in "Choosing"). Its points are
    free: least squares on about twice as many as functions is more accurate than collocation on
    the nested nodes of the literature.

    ```python
    bases = [fe.Chebyshev(8, ends) for ends in box]
    f = fe.Series(fe.Smolyak(*bases, level=3))
    ```

    **Arguments:**

    - `bases`: as in `fe.Tensor`, ordered by degree. One of a degree below 2^level keeps its
      coordinate to the levels that it has, which is the anisotropic set.
    - `level`: the highest sum of levels.

    **Raises:** `ValueError` as `fe.Tensor` does.

    **Source:** Smolyak (1963); Judd, Maliar, Maliar and Valero (2014), "Smolyak method for solving
    dynamic economic models", sections 2 to 4.
    """

    bases: tuple[AbstractBasis, ...]
    names: tuple[str, ...] | None = eqx.field(static=True)
    level: int = eqx.field(static=True)

    def __init__(self, *bases: AbstractBasis, level: int, **named: AbstractBasis):
        self.bases, self.names = _checked_bases("Smolyak", bases, named)
        self.level = checked_degree(level, "level", "Smolyak")
        _require_degrees("Smolyak", "level", self.bases)

    @property
    def indices(self) -> np.ndarray:
        """The multi-indices (i_1, ..., i_d), one a row, in the order of the coefficients."""
        degrees = [basis.degrees for basis in self.bases]
        levels = [[_level(n) for n in d.tolist()] for d in degrees if d is not None]
        return _below(tuple(map(tuple, levels)), self.level)

    @property
    def size(self) -> int:
        return len(self.indices)


def _level(degree: int) -> int:
    return 0 if degree == 0 else max(1, math.ceil(math.log2(degree)))


def _checked_bases(
    owner: str, bases: tuple, named: dict[str, Any]
) -> tuple[tuple[AbstractBasis, ...], tuple[str, ...] | None]:
    """The bases and their names, if they have any."""
    if bool(bases) == bool(named):
        raise ValueError(
            f"`bases` of {owner}: bases in the order of the components of x, `{owner}(b1, b2)`, "
            f"or by name, `{owner}(k=b1, z=b2)`: one of the two"
        )
    for basis in bases or named.values():
        if not isinstance(basis, AbstractBasis):
            raise ValueError(
                f"`bases` of {owner} must be bases, one by one, `{owner}(b1, b2)`, and not a list "
                f"or a series; got {basis!r}"
            )
        if isinstance(basis, Chebyshev) and basis.adaptive:
            raise ValueError(f"`bases` of {owner} need degrees: `fe.Chebyshev(None, ...)` has none")
        if isinstance(basis, AbstractTensor) and bases:
            raise ValueError(
                f"`bases` of {owner} take one component of x each: give the bases of the inner "
                f"{type(basis).__name__}, or names"
            )
    return bases or tuple(named.values()), tuple(named) or None


def _require_degrees(owner: str, what: str, bases: tuple[AbstractBasis, ...]) -> None:
    for basis in bases:
        if basis.degrees is None:
            raise ValueError(
                f"`{what}` of {owner} needs bases that are ordered by degree, as `fe.Chebyshev` "
                f"is; {type(basis).__name__} is not"
            )


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
