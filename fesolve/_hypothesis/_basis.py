"""Bases: finitely many known functions phi_i, of which a series is a linear combination."""

import abc
from functools import lru_cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._checks import is_real
from .._show import Given
from .._types import as_array, is_traced, Point


class AbstractBasis(Given):
    """Known functions x -> (phi_0(x), ..., phi_{size - 1}(x)).

    A basis is not theta: solvers leave its grids, domains and knots alone. They may be traced,
    so that a solve can be mapped over, or differentiated in, the ends of a domain.
    Every derivative of `__call__` and `evaluate` in x is right by automatic differentiation.
    """

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """How many functions there are."""

    @property
    @abc.abstractmethod
    def domain(self) -> tuple[Any, Any]:
        """The ends (lo, hi) of the box that the basis was built for, each shaped like a point."""

    @property
    @abc.abstractmethod
    def degrees(self) -> np.ndarray | None:
        """The polynomial degree of each function; `None` where they are not ordered by degree."""

    @property
    @abc.abstractmethod
    def constant(self) -> np.ndarray | None:
        """The coefficients of the function that is 1 everywhere; `None` where there are none."""

    @abc.abstractmethod
    def __call__(self, x: Point) -> Float[Array, " size"]:
        """The functions at one point x."""

    @abc.abstractmethod
    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        """sum_i coefficients[..., i] phi_i(x) at one point x."""


class AbstractGlobalBasis(AbstractBasis):
    """A basis whose functions are nonzero on the whole domain."""

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        return contract(coefficients, self(x))


class AbstractLocalBasis(AbstractBasis):
    """A basis of which only a window of neighbouring functions is nonzero at any one point."""

    @property
    @abc.abstractmethod
    def pieces(self) -> Any:
        """The ends b_0 < ... < b_m of the intervals on each of which the functions are smooth."""

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.pieces[0], self.pieces[-1]

    @abc.abstractmethod
    def window(self, x: Point) -> tuple[Any, Float[Array, " width"]]:
        """Where the window at x begins, and the values of the functions in it."""

    def __call__(self, x: Point) -> Float[Array, " size"]:
        start, values = self.window(x)
        return jax.lax.dynamic_update_slice(jnp.zeros(self.size, values.dtype), values, (start,))

    def evaluate(self, coefficients: Float[Array, "*out size"], x: Point) -> Float[Array, "*out"]:
        start, values = self.window(x)
        near = jax.lax.dynamic_slice_in_dim(coefficients, start, values.shape[0], axis=-1)
        return contract(near, values)


def contract(coefficients: Array, values: Array) -> Array:
    """coefficients @ values, in full precision on accelerators that would round to TF32."""
    return jnp.matmul(coefficients, values, precision=jax.lax.Precision.HIGHEST)


def interval(domain: Any, owner: str) -> tuple[Any, Any]:
    """The ends of a one-dimensional `domain`, checked where they are known.

    **Raises:** `ValueError` unless domain = (lo, hi) with finite numbers lo < hi.
    """
    try:
        lo, hi = domain
    except (TypeError, ValueError):
        raise ValueError(f"`domain` of {owner} must be a pair (lo, hi); got {domain!r}") from None
    lo, hi = as_array(lo), as_array(hi)
    if lo.shape or hi.shape:
        raise ValueError(
            f"`domain` of {owner} must be a pair of numbers (lo, hi), got shapes {lo.shape} and "
            f"{hi.shape}: for several dimensions combine bases by `fe.Tensor`"
        )
    if not (is_real(lo) and is_real(hi)):
        raise ValueError(f"`domain` of {owner} must be a pair of numbers; got {domain!r}")
    if not is_traced((lo, hi)) and not (np.isfinite(lo) and np.isfinite(hi) and lo < hi):
        raise ValueError(f"`domain` of {owner} must have finite ends lo < hi; got ({lo}, {hi})")
    return lo, hi


def real_scalar(x: ArrayLike, owner: str) -> Array:
    """x as a floating-point scalar.

    **Raises:** `ValueError` where x is not one number.
    """
    if isinstance(x, dict):
        raise ValueError(
            f"{owner} takes a scalar x, got a dictionary with the keys {list(x)}: take one of "
            "them, or `fe.Tensor` of bases with these names"
        )
    x = jnp.asarray(x)
    if x.ndim:
        raise ValueError(
            f"{owner} takes a scalar x, got shape {x.shape}: use `jax.vmap` over many points, "
            "`fe.Tensor` for a point with several coordinates"
        )
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


def to_unit(x: Array, lo: Any, hi: Any) -> Array:
    """x on [lo, hi] carried to [-1, 1], the ends to the ends exactly."""
    lo, hi = jnp.asarray(lo).astype(x.dtype), jnp.asarray(hi).astype(x.dtype)
    return ((x - lo) - (hi - x)) / (hi - lo)


@lru_cache(maxsize=64)
def chebyshev_derivative(degree: int) -> np.ndarray:
    """D with (D c)_k the coefficients of the derivative of sum_n c_n T_n."""
    k, n = np.indices((degree + 1, degree + 1))
    d = np.where((n > k) & ((n - k) % 2 == 1), 2.0 * n, 0.0)
    d[0] /= 2.0
    d.setflags(write=False)
    return d


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def chebyshev(degree: int, t: Array) -> Array:
    """(T_0(t), ..., T_degree(t)) for any real t, the real parts of z^n, z = t + i sqrt(1 - t^2).

    Beyond [-1, 1] the root is real, and i^2 = 1. The powers are products of the squares of z, by
    the binary digits of n: the error is n roundings at most, and products compile in half the time
    of cosines. Differentiating them divides by zero at t = 1 and -1. The rule below is the exact
    T_n' = 2n (T_{n-1} + T_{n-3} + ...) instead, again in T, so that every order follows from it.
    """
    return _polynomials(degree, t)


@partial(jax.jit, static_argnums=0)  # traced once, and not at each of the places that evaluate f
def _polynomials(degree: int, t: Array) -> Array:
    n = np.arange(degree + 1)
    square = (1 - t) * (1 + t)
    unit = jnp.where(square > 0, -1.0, 1.0).astype(t.dtype)
    real, imaginary = t, jnp.sqrt(jnp.abs(square))
    values, others = jnp.ones(n.shape, t.dtype), jnp.zeros(n.shape, t.dtype)
    for digit in range(degree.bit_length()):
        there = (n >> digit) % 2 == 1
        values, others = (
            jnp.where(there, values * real + unit * others * imaginary, values),
            jnp.where(there, others * real + values * imaginary, others),
        )
        real, imaginary = real**2 + unit * imaginary**2, 2 * real * imaginary
    return values


@chebyshev.defjvp
def _(degree, primals, tangents):
    (t,), (dt,) = primals, tangents
    values = chebyshev(degree, t)
    return values, contract(jnp.asarray(chebyshev_derivative(degree).T, t.dtype), values) * dt


class Chebyshev(AbstractGlobalBasis):
    """Chebyshev polynomials T_0, ..., T_degree on [lo, hi].

    Beyond the domain the polynomials go on, smoothly and with right derivatives. The compiled
    program grows with the logarithm of the degree.

    **Arguments:**

    - `degree`: the highest degree; with `None` it is doubled until the last coefficients are at
      rounding, up to `max_degree`. Steps on batches of points, as of `fe.Optax`, do not reach
      rounding, and have `max_degree` from the start.
    - `domain`: (lo, hi) with lo < hi, in units of x.
    - `max_degree`: the bound, where it is found.

    **Raises:** `ValueError` for a negative degree, and unless lo < hi.
    """

    lower: Any
    upper: Any
    degree: int | None = eqx.field(static=True)
    max_degree: int = eqx.field(static=True)

    def __init__(self, degree: int | None, domain: Any = (-1.0, 1.0), max_degree: int = 128):
        self.degree = None if degree is None else checked_degree(degree, "degree", "Chebyshev")
        self.max_degree = checked_degree(max_degree, "max_degree", "Chebyshev")
        self.lower, self.upper = interval(domain, "Chebyshev")

    @property
    def adaptive(self) -> bool:
        """Whether the solver chooses the degree."""
        return self.degree is None

    @property
    def size(self) -> int:
        return 1 + (self.max_degree if self.degree is None else self.degree)

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.lower, self.upper

    @property
    def degrees(self) -> np.ndarray:
        return np.arange(self.size)

    @property
    def constant(self) -> np.ndarray:
        return np.eye(1, self.size)[0]

    def __call__(self, x: ArrayLike) -> Float[Array, " size"]:
        t = to_unit(real_scalar(x, "Chebyshev"), self.lower, self.upper)
        return chebyshev(self.size - 1, t)


def checked_degree(degree: Any, name: str, owner: str) -> int:
    """`degree` as an int.

    **Raises:** `ValueError` unless it is an integer at or above 0.
    """
    if isinstance(degree, bool) or not isinstance(degree, int | np.integer) or degree < 0:
        raise ValueError(f"`{name}` of {owner} must be an integer >= 0; got {degree!r}")
    return int(degree)
