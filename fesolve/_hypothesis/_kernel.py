"""Positive definite functions, and the bases K(x, x_1), ..., K(x, x_n) that they span.

Functions of that form are dense in a Hilbert space H with <K(., x), K(., y)> = K(x, y): the
reproducing kernel Hilbert space of K (Aronszajn, 1950, "Theory of reproducing kernels").
"""

import abc
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, ArrayLike, Float

from .._checks import is_real
from .._show import Called
from .._types import as_array, is_traced, Point
from ._basis import AbstractGlobalBasis, contract, real_scalar


class AbstractKernel(Called):
    """A positive definite function K(x, y) = k(|x - y|^2 / length^2) with K(x, x) = 1.

    Its `length` may be traced, and everything can be differentiated in it.
    """

    length: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        """k(s), elementwise, with right derivatives at s = 0 where K has them at x = y."""

    @abc.abstractmethod
    def integral(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        """The odd function int_0^t k(u^2) du, elementwise."""

    def __call__(self, x: ArrayLike, y: ArrayLike) -> Float[Array, ""]:
        """K(x, y) of two scalars or two vectors."""
        x, y = _real(x), _real(y)
        difference = (x - y) / jnp.asarray(self.length).astype(x.dtype)
        return self.profile(jnp.sum(difference**2))


class Matern12(AbstractKernel):
    """K(x, y) = exp(-r), r = |x - y| / length: the Matern kernel of smoothness 1/2.

    Its space is that of functions with one derivative in L^2: in one dimension, on an interval,
    |f|^2 = (int f^2 / length + length f'^2 dx + f^2 at both ends) / 2. K has a kink at x = y. A
    first derivative there is 0, the mean of those from the left and from the right; a second
    does not exist, and is given as 0.

    **Arguments:** `length`, the distance over which values are alike, above 0, in units of x.

    **Source:** Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. (4.18).
    """

    length: Any

    def __init__(self, length: Any = 1.0):
        self.length = _positive(length, "Matern12")

    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        return _matern(0, square)

    def integral(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        return _integral(0, t)


class Matern32(AbstractKernel):
    """K(x, y) = (1 + r) exp(-r), r = sqrt(3) |x - y| / length: the Matern kernel of smoothness
    3/2, with two continuous derivatives at x = y.

    **Arguments:** `length`, the distance over which values are alike, above 0, in units of x.

    **Source:** Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. (4.17).
    """

    length: Any

    def __init__(self, length: Any = 1.0):
        self.length = _positive(length, "Matern32")

    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        return _matern(1, 3 * square)

    def integral(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        return _integral(1, 3**0.5 * t) / 3**0.5


class Matern52(AbstractKernel):
    """K(x, y) = (1 + r + r^2 / 3) exp(-r), r = sqrt(5) |x - y| / length: the Matern kernel of
    smoothness 5/2, with four continuous derivatives at x = y.

    **Arguments:** `length`, the distance over which values are alike, above 0, in units of x.

    **Source:** Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. (4.17).
    """

    length: Any

    def __init__(self, length: Any = 1.0):
        self.length = _positive(length, "Matern52")

    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        return _matern(2, 5 * square)

    def integral(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        return _integral(2, 5**0.5 * t) / 5**0.5


class SquaredExponential(AbstractKernel):
    """K(x, y) = exp(-r^2 / 2), r = |x - y| / length: smooth of every order.

    Its matrices K(x_i, x_j) lose rank to rounding as soon as some points lie within a length of
    each other; what is then below rounding no method can tell.

    **Arguments:** `length`, the distance over which values are alike, above 0, in units of x.

    **Source:** Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, eq. (4.9).
    """

    length: Any

    def __init__(self, length: Any = 1.0):
        self.length = _positive(length, "SquaredExponential")

    def profile(self, square: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.exp(-square / 2)

    def integral(self, t: Float[Array, "..."]) -> Float[Array, "..."]:
        return (jnp.pi / 2) ** 0.5 * jax.lax.erf(t / 2**0.5)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _matern(order: int, s: Array) -> Array:
    """exp(-r) times 1, 1 + r or 1 + r + r^2 / 3, as functions of s = r^2.

    Differentiated as functions of r, they would divide by zero at r = 0 or miss derivatives that
    exist there. In s each is a multiple of the one before: d/ds r^n K_n = -r^(n-1) K_(n-1) / 2.
    """
    r = jnp.sqrt(s)
    polynomial = (jnp.ones_like(r), 1 + r, 1 + r + s / 3)[order]
    return polynomial * jnp.exp(-r)


@_matern.defjvp
def _(order: int, primals: tuple, tangents: tuple) -> tuple:
    (s,), (ds,) = primals, tangents
    slope = -_pole(s) / 2 if order == 0 else -_matern(order - 1, s) / (2, 6)[order - 1]
    return _matern(order, s), slope * ds


def _pole(s: Array) -> Array:
    """exp(-r) / r, and 0 at r = 0, where the difference x - y that multiplies it is 0."""
    apart = s > 0
    r = jnp.sqrt(jnp.where(apart, s, 1))
    return jnp.where(apart, jnp.exp(-r) / r, 0)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _integral(order: int, t: Array) -> Array:
    """int_0^t of `_matern(order, u^2)` du; `expm1` keeps the digits of small t."""
    r = jnp.abs(t)
    rest = (jnp.zeros_like(r), r, (5 + r) * r / 3)[order]
    return jnp.sign(t) * (-(1, 2, 8 / 3)[order] * jnp.expm1(-r) - rest * jnp.exp(-r))


@_integral.defjvp
def _(order: int, primals: tuple, tangents: tuple) -> tuple:
    (t,), (dt,) = primals, tangents
    return _integral(order, t), _matern(order, t * t) * dt


class AbstractKernelBasis(AbstractGlobalBasis):
    """Functions of K at centres x_1, ..., x_n, whose linear combinations have a norm."""

    kernel: eqx.AbstractVar[AbstractKernel]
    centres: eqx.AbstractVar[Any]

    @abc.abstractmethod
    def isometry(self, coefficients: Float[Array, "*out size"]) -> Float[Array, "*out n"]:
        """The coordinates of a series in an orthonormal basis: their squares sum to its norm."""

    @property
    def degrees(self) -> None:
        return None


class KernelBasis(AbstractKernelBasis):
    """The functions K(x, x_j), j = 1, ..., n: of all functions with given values at the centres,
    a combination of these has the smallest norm in the space of K.

    No combination is constant, so that a `fe.Series` of them starts from 0.

    **Arguments:**

    - `kernel`: K, such as `fe.Matern52(length)`.
    - `centres`: x_1, ..., x_n, n numbers or n vectors, all different; may be traced.
    - `domain`: the ends (lo, hi) of where the series is meant, by default of the centres.

    **Raises:** `ValueError` unless the centres are different, and the kernel is one.

    **Source:** Kimeldorf and Wahba (1971), "Some results on Tchebycheffian spline functions".
    """

    kernel: AbstractKernel
    centres: Any
    lower: Any
    upper: Any

    def __init__(self, kernel: Any, centres: Any, domain: Any = None):
        self.kernel = _checked_kernel(kernel, "KernelBasis")
        self.centres = _checked_centres(centres, "KernelBasis", (1, 2))
        self.lower, self.upper = _ends(self.centres, domain, "KernelBasis")

    @property
    def size(self) -> int:
        return self.centres.shape[0]

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.lower, self.upper

    @property
    def constant(self) -> None:
        return None

    def isometry(self, coefficients: Float[Array, "*out size"]) -> Float[Array, "*out n"]:
        return contract(coefficients, _root(self.kernel, self.centres, coefficients.dtype))

    def __call__(self, x: Point) -> Float[Array, " size"]:
        if self.centres.ndim == 1:
            x = real_scalar(x, "KernelBasis with numbers as centres")
        x = jnp.asarray(x)
        if x.shape != self.centres.shape[1:]:
            raise ValueError(
                f"KernelBasis with centres of shape {self.centres.shape[1:]} takes points x of "
                f"that shape; got {x.shape}"
            )
        centres = jnp.asarray(self.centres).astype(x.dtype)
        return jax.vmap(lambda centre: self.kernel(x, centre))(centres)

    def integrated(self, origin: Any = None, domain: Any = None) -> "IntegratedKernelBasis":
        """The basis of the integrals of these functions from `origin`."""
        return IntegratedKernelBasis(self.kernel, self.centres, origin, domain)


class IntegratedKernelBasis(AbstractKernelBasis):
    """The functions 1 and int_{origin}^x K(s, x_j) ds, j = 1, ..., n, of a scalar x, in closed
    form: f has a free level, and f' lies in the space of K.

    **Arguments:**

    - `kernel`: K, such as `fe.Matern12(length)`.
    - `centres`: n different numbers x_1, ..., x_n; may be traced.
    - `origin`: where the integrals begin, so that the first coefficient is f(origin); by default
      the first centre.
    - `domain`: the ends (lo, hi) of where the series is meant, by default of the centres.

    **Raises:** `ValueError` unless the centres are different numbers, and the kernel is one.

    **Source:** Ebrahimi Kahou, Perla and Pleiss (2024), "Spooky boundaries at a distance" in its
    form with kernels, arXiv 2406.01898.
    """

    kernel: AbstractKernel
    centres: Any
    origin: Any
    lower: Any
    upper: Any

    def __init__(self, kernel: Any, centres: Any, origin: Any = None, domain: Any = None):
        self.kernel = _checked_kernel(kernel, "IntegratedKernelBasis")
        self.centres = _checked_centres(centres, "IntegratedKernelBasis", (1,))
        self.origin = self.centres[0] if origin is None else as_array(origin)
        if self.origin.shape:
            raise ValueError(f"`origin` must be a number; got shape {self.origin.shape}")
        self.lower, self.upper = _ends(self.centres, domain, "IntegratedKernelBasis")

    @property
    def size(self) -> int:
        return 1 + self.centres.shape[0]

    @property
    def domain(self) -> tuple[Any, Any]:
        return self.lower, self.upper

    @property
    def constant(self) -> np.ndarray:
        return np.eye(1, self.size)[0]

    def isometry(self, coefficients: Float[Array, "*out size"]) -> Float[Array, "*out n"]:
        root = _root(self.kernel, self.centres, coefficients.dtype)
        return contract(coefficients[..., 1:], root)

    def __call__(self, x: Point) -> Float[Array, " size"]:
        x = real_scalar(x, "IntegratedKernelBasis")
        length = jnp.asarray(self.kernel.length).astype(x.dtype)
        centres = jnp.asarray(self.centres).astype(x.dtype)
        origin = jnp.asarray(self.origin).astype(x.dtype)
        upto = self.kernel.integral((x - centres) / length)
        before = self.kernel.integral((origin - centres) / length)
        return jnp.concatenate([jnp.ones(1, x.dtype), length * (upto - before)])


def _root(kernel: AbstractKernel, centres: Any, dtype: Any) -> Float[Array, "n n"]:
    """F with F F^T = (K(x_i, x_j)) to rounding."""
    points = jnp.asarray(centres).astype(dtype)
    return _square_root(jax.vmap(lambda x: jax.vmap(lambda y: kernel(x, y))(points))(points))


@sequential_vmap
def _eigen(matrix: Array) -> tuple[Array, Array]:
    values, vectors = jnp.linalg.eigh(matrix)
    return values, vectors


@jax.custom_jvp
def _square_root(gram: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """F = U sqrt(Lambda) of a Gram matrix U Lambda U^T.

    Rounding leaves each eigenvalue uncertain by about n eps of the largest. Those below are set to
    that, neither to 0 nor to what came out, which may be negative: K is known no better, and every
    direction keeps a norm.
    """
    values, vectors = _eigen(gram)
    least = gram.shape[0] * float(jnp.finfo(gram.dtype).eps) * values[-1]
    return vectors * jnp.sqrt(jnp.maximum(values, least))[None]


@_square_root.defjvp
def _(primals: tuple, tangents: tuple) -> tuple:
    """One of the many dF with dF F^T + F dF^T = dK, which differ by rotations and give norms the
    same derivative; that of eigenvectors does not exist where eigenvalues meet."""
    (gram,), (change,) = primals, tangents
    root = _square_root(gram)
    return root, contract(change, root / jnp.sum(root**2, axis=0)[None]) / 2


def _real(x: ArrayLike) -> Array:
    x = jnp.asarray(x)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(jnp.result_type(float))


def _positive(length: Any, owner: str) -> Any:
    length = as_array(length)
    if length.shape or not is_real(length):
        raise ValueError(f"`length` of {owner} must be a number; got {length}")
    if not is_traced(length) and not (np.isfinite(length) and length > 0):
        raise ValueError(f"`length` of {owner} must be a finite number above 0; got {length}")
    return length


def _checked_kernel(kernel: Any, owner: str) -> AbstractKernel:
    if not isinstance(kernel, AbstractKernel):
        raise ValueError(
            f"`kernel` of {owner} must be a kernel such as `fe.Matern52(1.0)`; got {kernel!r}"
        )
    return kernel


def _checked_centres(centres: Any, owner: str, ranks: tuple[int, ...]) -> Any:
    centres = as_array(centres)
    if centres.ndim not in ranks or centres.shape[0] == 0:
        raise ValueError(
            f"`centres` of {owner} must be n numbers{' or n vectors' * (2 in ranks)}; got shape "
            f"{centres.shape}"
        )
    if not is_traced(centres):
        values = np.asarray(centres)
        if not np.isfinite(values).all() or len(np.unique(values, axis=0)) < len(values):
            raise ValueError(
                f"`centres` of {owner} must be finite and all different, since equal ones give "
                "the same function twice"
            )
        if values.dtype.kind != "f":
            centres = values.astype(float)
    return centres


def _ends(centres: Any, domain: Any, owner: str) -> tuple[Any, Any]:
    """The ends of the box `domain`, or of the centres."""
    if domain is None:
        return centres.min(axis=0), centres.max(axis=0)
    try:
        lo, hi = (as_array(end) for end in domain)
    except (TypeError, ValueError):
        raise ValueError(f"`domain` of {owner} must be a pair (lo, hi); got {domain!r}") from None
    if any(end.shape not in ((), centres.shape[1:]) for end in (lo, hi)):
        raise ValueError(
            f"`domain` of {owner} must have ends that are numbers or shaped like x, "
            f"{centres.shape[1:]}; got {lo.shape} and {hi.shape}"
        )
    if not is_traced((lo, hi)) and not np.all(lo < hi):
        raise ValueError(f"`domain` of {owner} must have ends lo < hi; got ({lo}, {hi})")
    xp = jnp if is_traced((lo, hi)) else np
    return xp.broadcast_to(lo, centres.shape[1:]), xp.broadcast_to(hi, centres.shape[1:])
