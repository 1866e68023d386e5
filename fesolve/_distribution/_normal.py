"""The normal distribution and its relatives."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jaxtyping import Array, Float, PRNGKeyArray

from .._compiled import run_seldom
from .._types import is_traced, Point
from ._arrays import cast, check_count, check_point_shape, float_dtype, floats, numpy_of, real
from ._base import AbstractTransported, draws, Empirical
from ._gauss import check_nodes, hermite, tensor, truncated_normal
from ._moments import Moments


class Normal(AbstractTransported):
    """The normal distribution N(loc, scale^2), or N(loc, covariance) of a vector.

    **Arguments:**

    - `loc`: the mean, a number or a vector of shape (d,).
    - `scale`: the standard deviation, a number or one a coordinate. It is no variance.
    - `covariance`: in its place, a full matrix of shape (d, d).

    **Raises:** `ValueError` unless `scale` > 0, or `covariance` is symmetric and positive
    definite.
    """

    loc: Any
    scale: Any
    covariance: Any

    def __init__(self, loc: Any, scale: Any = None, *, covariance: Any = None) -> None:
        if (scale is None) == (covariance is None):
            raise ValueError(
                "`Normal` takes either `scale`, a standard deviation, or `covariance`, a matrix; "
                f"got {'neither' if scale is None else 'both'}"
            )
        if covariance is None:
            self.loc, self.scale = floats(loc=loc, scale=scale)
            self.covariance = None
            check_point_shape("loc", self.loc)
            _check_location(self.loc)
            _check_scale(self.scale)
            return
        loc, covariance = real("loc", loc), real("covariance", covariance)
        d = covariance.shape[0] if covariance.ndim == 2 else 0
        if covariance.shape != (d, d) or d == 0 or loc.shape not in ((), (d,)):
            raise ValueError(
                f"`covariance` must be a matrix of shape (d, d) and `loc` a vector of shape (d,); "
                f"got {covariance.shape} and {loc.shape}. Standard deviations are `scale`"
            )
        dtype = float_dtype([loc, covariance])
        self.loc = cast(loc, dtype, (d,))
        self.scale = None
        self.covariance = cast(covariance, dtype, (d, d))
        _check_location(self.loc)
        _check_covariance(self.covariance)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws."""
        check_count("sample", n, key)
        return _normal_draws(self, n, key)

    def quadrature(self, n: int) -> Empirical:
        """The tensor Gauss-Hermite rule of n nodes per coordinate, exact to degree 2n - 1, turned
        by the Cholesky factor of the covariance."""
        check_count("quadrature", n)
        nodes, weights = tensor(*hermite(n), self.dimension)
        return Empirical(self.place(nodes), weights).standing_for(self)

    def moments(self) -> Moments | None:
        if is_traced((self.loc, self.scale, self.covariance)):
            return None
        covariance = self.covariance
        if covariance is None:
            covariance = np.diag(np.asarray(self.scale).reshape(-1) ** 2)
        return Moments(np.asarray(self.loc).reshape(-1), covariance)

    def place(self, z: Any) -> Point:
        """Standard normal coordinates, of shape (n, d), as n points."""
        if is_traced(z) or isinstance(z, jax.Array):
            loc, factor = jnp.asarray(self.loc, z.dtype), jnp.asarray(self._factor(), z.dtype)
        else:
            z, loc, factor = z.astype(self.loc.dtype), self.loc, self._factor()
        if self.covariance is not None:
            return loc[None] + z @ factor.T
        return loc[None] + (z if loc.ndim else z[:, 0]) * factor[None]

    def _factor(self) -> Any:
        if self.covariance is None:
            return self.scale
        return numpy_of(self.covariance).linalg.cholesky(self.covariance)

    @property
    def support(self) -> tuple[Point, Point]:
        infinite = np.full(self.loc.shape, np.inf, self.loc.dtype)
        return -infinite, infinite

    @property
    def dimension(self) -> int:
        return self.loc.size

    def transport(self, u: Float[Array, " cube"]) -> Point:
        return self.place(ndtri(u)[None])[0]


class LogNormal(AbstractTransported):
    """The distribution of exp(X), X normal with mean `loc` and standard deviation `scale`.

    **Arguments:** `loc`, `scale`, `covariance`: those of log x, as in `fe.Normal`.
    """

    log: Normal

    def __init__(self, loc: Any, scale: Any = None, *, covariance: Any = None) -> None:
        self.log = Normal(loc, scale, covariance=covariance)

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws."""
        return jnp.exp(self.log.sample(n, key=key))

    def quadrature(self, n: int) -> Empirical:
        """The Gauss-Hermite rule in log x: exact for polynomials of log x to degree 2n - 1."""
        rule = self.log.quadrature(n)
        points = numpy_of(rule.points).exp(rule.points)
        return Empirical(points, rule.weights).standing_for(self)

    @property
    def support(self) -> tuple[Point, Point]:
        lower, upper = self.log.support
        return np.zeros_like(lower), upper

    @property
    def dimension(self) -> int:
        return self.log.dimension

    def transport(self, u: Float[Array, " cube"]) -> Point:
        return jnp.exp(self.log.transport(u))


class TruncatedNormal(AbstractTransported):
    """The normal distribution N(loc, scale^2), given that lower <= x <= upper.

    **Arguments:** `loc`, `scale`: mean and standard deviation before the truncation; `lower`,
    `upper`: the bounds, infinite by default. Numbers, or vectors with independent coordinates.

    **Raises:** `ValueError` unless scale > 0 and lower < upper, with some mass between them.
    """

    loc: Any
    scale: Any
    lower: Any
    upper: Any

    def __init__(self, loc: Any, scale: Any, lower: Any = -math.inf, upper: Any = math.inf) -> None:
        self.loc, self.scale, self.lower, self.upper = floats(
            loc=loc, scale=scale, lower=lower, upper=upper
        )
        check_point_shape("loc", self.loc)
        _check_location(self.loc)
        _check_scale(self.scale)
        if is_traced((self.loc, self.scale, self.lower, self.upper)):
            return
        if not (self.lower < self.upper).all():
            raise ValueError(
                "`lower` must be less than `upper` in every coordinate; got lower = "
                f"{self.lower} and upper = {self.upper}"
            )
        nearest = np.abs(np.clip(self.loc, self.lower, self.upper) - self.loc) / self.scale
        if not math.erfc(float(nearest.max()) / math.sqrt(2)) > jnp.finfo(self.loc.dtype).tiny:
            raise ValueError(
                f"`lower` and `upper` are {float(nearest.max()):.3g} standard deviations away from "
                "`loc`, and the mass between them is too small to compute with"
            )

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws."""
        check_count("sample", n, key)
        return draws(self, n, key)

    def quadrature(self, n: int) -> Empirical:
        """The (tensor) Gauss rule for the truncated density itself, exact to degree 2n - 1."""
        check_count("quadrature", n)
        d = self.dimension
        check_nodes([n] * d)
        xp = numpy_of((self.loc, self.scale, self.lower, self.upper))
        a, b = (_standardised(end, self.loc, self.scale) for end in (self.lower, self.upper))
        rules = [truncated_normal(a.reshape(d)[i], b.reshape(d)[i], n) for i in range(d)]
        index = np.indices((n,) * d).reshape(d, -1)
        z = xp.stack([rule[0][j] for rule, j in zip(rules, index, strict=True)], axis=1)
        weights = xp.stack([rule[1][j] for rule, j in zip(rules, index, strict=True)], axis=1)
        points = self.loc[None] + self.scale[None] * (z if self.loc.ndim else z[:, 0])
        # Rounding must not put a node outside the support, where a residual may not exist.
        points = xp.clip(points, self.lower[None], self.upper[None])
        return Empirical(points, weights.prod(axis=1)).standing_for(self)

    @property
    def support(self) -> tuple[Point, Point]:
        return self.lower, self.upper

    @property
    def dimension(self) -> int:
        return self.loc.size

    def transport(self, u: Float[Array, " cube"]) -> Point:
        loc, scale, lower, upper = (
            jnp.asarray(x, u.dtype) for x in (self.loc, self.scale, self.lower, self.upper)
        )
        u = u.reshape(loc.shape)
        a, b = _standardised(lower, loc, scale), _standardised(upper, loc, scale)
        # Either tail by its own small probability: 1 - p would lose the digits of the upper one.
        below = ndtr(a) + u * (ndtr(b) - ndtr(a))
        above = ndtr(-b) + (1 - u) * (ndtr(-a) - ndtr(-b))
        left = below < 0.5
        z = jnp.where(left, ndtri(jnp.where(left, below, 0.5)), -ndtri(jnp.where(left, 0.5, above)))
        return jnp.clip(loc + scale * z, lower, upper)


@partial(run_seldom, static_argnums=1)
def _normal_draws(p: Normal, n: int, key: PRNGKeyArray) -> Array:
    # JAX's own normal draws reach further into the tails than the transport of a uniform one.
    dtype = jax.dtypes.canonicalize_dtype(p.loc.dtype)
    return p.place(jr.normal(key, (n, p.dimension), dtype))


def _standardised(end: Any, loc: Any, scale: Any) -> Any:
    """(end - loc) / scale, where the derivative of an infinite end is 0 and not nan."""
    xp = numpy_of(end, loc, scale)
    infinite = xp.isinf(end)
    return xp.where(infinite, end, (xp.where(infinite, loc, end) - loc) / scale)


def _check_location(loc: Any) -> None:
    if not is_traced(loc) and not np.isfinite(loc).all():
        raise ValueError(f"`loc` must be finite; got {loc}")


def _check_scale(scale: Any) -> None:
    if is_traced(scale):
        return
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(
            f"`scale` is a standard deviation and must be finite and > 0; got {scale}. For no "
            "randomness use `fe.Dirac(x)`"
        )


def _check_covariance(covariance: Any) -> None:
    if is_traced(covariance):
        return
    size = np.abs(covariance).max()
    if not np.allclose(covariance, covariance.T, rtol=0, atol=1e-6 * size):
        raise ValueError("`covariance` must be symmetric: pass for example `(C + C.T) / 2`")
    try:
        np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        lowest = np.linalg.eigvalsh(covariance).min()
        raise ValueError(
            f"`covariance` must be positive definite; its least eigenvalue is {lowest:.3g}"
        ) from None
