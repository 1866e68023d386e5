"""Piecewise polynomials that are smooth by construction."""

from functools import lru_cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int
from numpy.polynomial import chebyshev as cheb, legendre as leg

from .._checks import is_real
from .._types import as_array, is_traced
from ._basis import (
    AbstractLocalBasis,
    chebyshev,
    checked_degree,
    contract,
    interval,
    real_scalar,
    to_unit,
)


class SpectralElements(AbstractLocalBasis):
    """Polynomials of one degree on each element [b_e, b_{e+1}], C^smoothness across the breaks.

    The coefficients stand in the order nodal_0, interior_0, nodal_1, ..., interior_{E-1},
    nodal_E. nodal_i = (f, f', ..., f^(s))(b_i), s the smoothness, is shared by the two elements
    that meet there, and the interior functions vanish at both ends with their first s
    derivatives; so every vector of coefficients is a C^s function. Those of element e are
    `coefficients[..., e * stride : e * stride + degree + 1]` with stride = degree - s.

    Interior functions are the (s + 1)-fold integrals of Legendre polynomials, scaled so that
    their (s + 1)-th derivatives are orthonormal on [-1, 1]: collocation of an equation of order
    s + 1 has a condition number that does not grow with the degree. Beyond the domain the end
    elements go on.

    **Arguments:**

    - `degree`: of the polynomials, at least 2 * smoothness + 1.
    - `breaks`: b_0 < b_1 < ... < b_E, in units of x; may be traced.
    - `smoothness`: s >= 0.
    - `adaptive`: whether breaks are found: an initial-value problem chooses the length of each
      element, and elsewhere those are halved in which the last coefficients are above rounding.

    **Raises:** `ValueError` where a degree is too low for its smoothness, or breaks do not rise.

    **Source:** Karniadakis and Sherwin (2005), Spectral/hp Element Methods, ch. 2, for s = 0.
    """

    breaks: Any
    degree: int = eqx.field(static=True)
    smoothness: int = eqx.field(static=True)
    adaptive: bool = eqx.field(static=True)

    def __init__(self, degree: int, breaks: Any, smoothness: int = 1, adaptive: bool = False):
        self.degree = checked_degree(degree, "degree", "SpectralElements")
        self.smoothness = checked_degree(smoothness, "smoothness", "SpectralElements")
        if self.degree < 2 * self.smoothness + 1:
            raise ValueError(
                f"`degree` of SpectralElements must be at least 2 * smoothness + 1 = "
                f"{2 * self.smoothness + 1} for C^{self.smoothness} elements; got {degree}"
            )
        self.breaks = rising(breaks, "breaks", "SpectralElements")
        self.adaptive = adaptive

    @property
    def number(self) -> int:
        """How many elements there are."""
        return self.breaks.shape[0] - 1

    @property
    def stride(self) -> int:
        """How far the coefficients of one element lie from those of the next."""
        return self.degree - self.smoothness

    @property
    def size(self) -> int:
        return self.number * self.stride + self.smoothness + 1

    @property
    def pieces(self) -> Any:
        return self.breaks

    @property
    def degrees(self) -> None:
        return None

    @property
    def constant(self) -> np.ndarray:
        ones = np.zeros(self.size)
        ones[:: self.stride][: self.number + 1] = 1.0
        return ones

    def element(self, e: int | Int[ArrayLike, ""]) -> "SpectralElements":
        """The basis of element e alone; e may be traced."""
        ends = jax.lax.dynamic_slice_in_dim(jnp.asarray(self.breaks), e, 2)
        return SpectralElements(self.degree, ends, self.smoothness)

    def local(
        self, coefficients: Float[Array, "*out size"], e: int | Int[ArrayLike, ""]
    ) -> Float[Array, "*out width"]:
        """The coefficients of element e, which `element(e)` takes; e may be traced."""
        start = e * self.stride
        return jax.lax.dynamic_slice_in_dim(coefficients, start, self.degree + 1, axis=-1)

    def window(self, x: ArrayLike) -> tuple[Any, Float[Array, " width"]]:
        x = real_scalar(x, "SpectralElements")
        breaks = jnp.asarray(self.breaks).astype(x.dtype)
        e = piece(breaks, x)
        lo, hi = breaks[e], breaks[e + 1]
        return e * self.stride, self._values(to_unit(x, lo, hi), hi - lo)

    def _values(self, t: Array, width: Array) -> Array:
        """The degree + 1 functions of an element at t in [-1, 1]."""
        to_chebyshev = jnp.asarray(element_functions(self.degree, self.smoothness), t.dtype)
        values = contract(to_chebyshev, chebyshev(self.degree, t))
        # d/dx = (2 / width) d/dt, so that nodal coefficients are derivatives in x.
        powers = jnp.stack([(width / 2) ** j for j in range(self.smoothness + 1)])
        interior = jnp.ones(self.stride - self.smoothness - 1, t.dtype)
        return values * jnp.concatenate([powers, interior, powers])


@lru_cache(maxsize=64)
def element_functions(degree: int, smoothness: int) -> np.ndarray:
    """The Chebyshev coefficients on [-1, 1] of an element's functions, one a row: derivatives
    0..s at -1, interior functions, derivatives 0..s at 1."""
    m = smoothness + 1
    points = np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1))
    from_legendre = np.linalg.solve(cheb.chebvander(points, degree), leg.legvander(points, degree))
    interior = np.zeros((degree + 1 - 2 * m, degree + 1))
    for row, n in zip(interior, range(m, degree + 1 - m), strict=True):
        # The n-th Legendre polynomial, n >= m, is orthogonal to all that a lower power could
        # see, so its m-fold integral from -1 vanishes to order m at 1 as well.
        unit = np.sqrt(n + 0.5) * np.eye(n + 1)[n]
        row[: n + m + 1] = leg.legint(unit, m, lbnd=-1)
    functions = np.concatenate([np.zeros((m, degree + 1)), interior @ from_legendre.T])
    functions = np.concatenate([functions, np.zeros((m, degree + 1))])
    ends = np.stack(
        [
            np.polynomial.chebyshev.chebval(end, _derivative(np.eye(2 * m), j))
            for end in (-1.0, 1.0)
            for j in range(m)
        ]
    )
    hermite = np.linalg.inv(ends).T
    functions[:m, : 2 * m] = hermite[:m]
    functions[-m:, : 2 * m] = hermite[m:]
    functions.setflags(write=False)
    return functions


def _derivative(coefficients: np.ndarray, order: int) -> np.ndarray:
    return cheb.chebder(coefficients, order) if order else coefficients


def polynomials(basis: SpectralElements, coefficients: np.ndarray) -> np.ndarray:
    """The Chebyshev coefficients on each element, (*out, elements, degree + 1)."""
    places = basis.stride * np.arange(basis.number)[:, None] + np.arange(basis.degree + 1)
    functions = element_functions(basis.degree, basis.smoothness)
    return (coefficients[..., places] * units(np, basis, np.diff(basis.breaks))) @ functions


def halved(
    basis: SpectralElements, coefficients: np.ndarray, pieces: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The breaks where the elements that `pieces` marks are halved, and the coefficients of the
    same function there."""
    whole, breaks = polynomials(basis, coefficients), np.asarray(basis.breaks)
    points = np.cos(np.pi * (np.arange(basis.degree + 1) + 0.5) / (basis.degree + 1))
    inverse = np.linalg.inv(cheb.chebvander(points, basis.degree))
    halves = [inverse @ cheb.chebvander((points + side) / 2, basis.degree) for side in (-1, 1)]
    parts = []
    for e, is_halved in enumerate(pieces):
        c = whole[..., e, :]
        parts += [c @ half.T for half in halves] if is_halved else [c]
    middles = (breaks[:-1] + breaks[1:])[pieces] / 2
    breaks = np.sort(np.concatenate([breaks, middles])).astype(breaks.dtype)
    finer = SpectralElements(basis.degree, breaks, basis.smoothness)
    functions = element_functions(basis.degree, basis.smoothness)
    local = np.stack(parts, axis=-2) @ np.linalg.inv(functions)
    local = local / units(np, finer, np.diff(breaks))
    heads = local[..., : basis.stride].reshape(*local.shape[:-2], -1)
    joined = np.concatenate([heads, local[..., -1, basis.stride :]], axis=-1)
    return breaks, joined.astype(coefficients.dtype)


def units(xp: Any, basis: SpectralElements, widths: Any) -> Any:
    """What brings the coefficients of elements, derivatives in x, to derivatives in t: one row for
    each of their widths."""
    powers = (widths[:, None] / 2) ** xp.arange(basis.smoothness + 1, dtype=widths.dtype)[None]
    inside = xp.ones((widths.size, basis.stride - basis.smoothness - 1), widths.dtype)
    return xp.concatenate([powers, inside, powers], axis=1)


class BSpline(AbstractLocalBasis):
    """B-splines of one degree: the piecewise polynomials that are C^(degree - 1) at the knots.

    At the ends the knots are repeated, so that the first and the last coefficient are the values
    there. Beyond the domain the end pieces go on.

    **Arguments:**

    - `knots`: the distinct knots b_0 < ... < b_m, or their number of intervals m, equal ones of
      the `domain`.
    - `domain`: (lo, hi), with a number of intervals only.
    - `degree`: of the polynomials.
    - `adaptive`: whether knots are found: intervals are halved in which the last coefficient of the
      polynomial is above half of the digits, which a low degree gains slowly.

    **Raises:** `ValueError` where knots do not rise or do not fit with the `domain`.

    **Source:** de Boor (1978), A Practical Guide to Splines.
    """

    knots: Any
    degree: int = eqx.field(static=True)
    adaptive: bool = eqx.field(static=True)

    def __init__(self, knots: Any, domain: Any = None, *, degree: int = 3, adaptive: bool = False):
        self.adaptive = adaptive
        self.degree = checked_degree(degree, "degree", "BSpline")
        if isinstance(knots, bool):
            raise ValueError(f"`knots` of BSpline must be a number or rising knots; got {knots}")
        if domain is not None:
            domain = interval(domain, "BSpline")
        match knots, domain:
            case (int(), None):
                raise ValueError(
                    "`domain` of BSpline is missing: a number of intervals needs (lo, hi)"
                )
            case (int(m), (lo, hi)) if m > 0:
                xp = jnp if is_traced((lo, hi)) else np
                self.knots = rising(xp.linspace(lo, hi, m + 1), "domain", "BSpline")
            case (_, None):
                self.knots = rising(knots, "knots", "BSpline")
            case _:
                raise ValueError(
                    "`knots` of BSpline must be rising knots without a `domain`, or a positive "
                    f"number of intervals with `domain=(lo, hi)`; got {knots!r} and {domain!r}"
                )

    @property
    def size(self) -> int:
        return self.knots.shape[0] - 1 + self.degree

    @property
    def pieces(self) -> Any:
        return self.knots

    @property
    def degrees(self) -> None:
        return None

    @property
    def constant(self) -> np.ndarray:
        return np.ones(self.size)

    def window(self, x: ArrayLike) -> tuple[Any, Float[Array, " width"]]:
        x = real_scalar(x, "BSpline")
        return _spline_window(jnp.asarray(self.knots).astype(x.dtype), x, self.degree)


@partial(jax.jit, static_argnums=2)  # traced once, and not at each of the places that evaluate f
def _spline_window(
    knots: Float[Array, " n"], x: Float[Array, ""], p: int
) -> tuple[Int[Array, ""], Float[Array, " width"]]:
    """The first spline of degree p that is not zero at x, and the values of those p + 1."""
    start = piece(knots, x)
    near = jax.lax.dynamic_slice_in_dim(jnp.pad(knots, p, mode="edge"), start, 2 * p + 2)
    values = jnp.ones(1, x.dtype)
    for j in range(1, p + 1):
        # Cox and de Boor: each function of degree j - 1 gives to its two neighbours.
        left, right = near[p + 1 - j : p + 1], near[p + 1 : p + 1 + j]
        share = values / (right - left)
        none = jnp.zeros(1, x.dtype)
        values = jnp.concatenate([none, (x - left) * share])
        values = values + jnp.concatenate([(right - x) * share, none])
    return start, values


def rising(values: Any, name: str, owner: str) -> Any:
    """`values` as an array of at least two rising numbers.

    **Raises:** `ValueError` where they are not, or not known to be numbers.
    """
    if isinstance(values, list | tuple) and is_traced(values):
        values = jnp.stack([jnp.asarray(value) for value in values])
    values = as_array(values)
    if values.ndim != 1 or values.shape[0] < 2 or not is_real(values):
        raise ValueError(
            f"`{name}` of {owner} must be a vector of two or more rising numbers; got shape "
            f"{values.shape}"
        )
    if not is_traced(values) and not (np.all(np.isfinite(values)) and np.all(np.diff(values) > 0)):
        raise ValueError(f"`{name}` of {owner} must rise, and be finite; got {values}")
    return values


def piece(breaks: Array, x: Array) -> Array:
    """The index of the interval of `breaks` that holds x; an end interval for x beyond."""
    # Comparing with all of them is fastest until they are many.
    method = "compare_all" if breaks.shape[0] <= 512 else "scan_unrolled"
    return jnp.searchsorted(breaks[1:-1], x, side="right", method=method)


def spline_polynomials(basis: BSpline, coefficients: np.ndarray) -> np.ndarray:
    """The Chebyshev coefficients on each interval, (*out, intervals, degree + 1)."""
    knots, p = np.asarray(basis.knots, float), basis.degree
    points = np.cos(np.pi * (np.arange(p + 1) + 0.5) / (p + 1))
    x = knots[:-1, None] + np.diff(knots)[:, None] * (points[None] + 1) / 2
    values = np.moveaxis(_spline(knots, coefficients, p)(x), (0, 1), (-2, -1))
    return values @ np.linalg.inv(cheb.chebvander(points, p)).T


def with_middles(knots: Any, pieces: np.ndarray) -> Any:
    """The knots with the middles of the intervals that `pieces` marks."""
    xp = jnp if is_traced(knots) else np
    return xp.sort(xp.concatenate([knots, ((knots[:-1] + knots[1:]) / 2)[pieces]]))


def with_more_knots(basis: BSpline, coefficients: Any, pieces: np.ndarray) -> tuple[Any, Any]:
    """The knots where the intervals that `pieces` marks are halved, and the coefficients of the
    same splines there: each is the blossom of a piece of the spline at p neighbouring knots
    (de Boor, 1978)."""
    xp = jnp if is_traced((basis.knots, coefficients)) else np
    c, p, finer = xp.asarray(coefficients), basis.degree, with_middles(basis.knots, pieces)
    dtype = float if xp is np else c.dtype
    knots, new = (xp.pad(xp.asarray(b, dtype), p, mode="edge") for b in (basis.knots, finer))
    before = np.repeat(np.arange(pieces.size), 1 + pieces)
    i = np.arange(before.size + p)
    # an interval in the middle of those that the i-th finer spline covers, and where it was before
    j = p + before[np.clip(i - p + p // 2, 0, before.size - 1)]
    near = [c[..., j - p + k] for k in range(p + 1)]
    for r in range(1, p + 1):
        u = new[i + r]
        for k in range(p, r - 1, -1):
            left, right = knots[j - p + k], knots[j + 1 + k - r]
            share = (u - left) / (right - left)
            near[k] = (1 - share) * near[k - 1] + share * near[k]
    return finer, near[p].astype(c.dtype)


def _spline(knots: np.ndarray, coefficients: np.ndarray, degree: int) -> Any:
    from scipy.interpolate import BSpline as Spline  # takes long to import

    c = np.moveaxis(np.asarray(coefficients, float), -1, 0)
    return Spline(np.pad(knots, degree, mode="edge"), c, degree)
