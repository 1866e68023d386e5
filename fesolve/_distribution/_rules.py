"""Rules: the same distribution with better points than independent draws or tensor Gauss."""

from functools import lru_cache, partial, singledispatch
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._compiled import run_seldom
from .._types import Hypothesis, Point
from ._arrays import check_count, float_dtype, open_unit, uniforms
from ._base import AbstractDistribution, AbstractTransported, Empirical
from ._combine import finite, Mixture, Product, transported
from ._continuous import scaled, Uniform
from ._dirac import Dirac
from ._gauss import fejer
from ._moments import Moments


class AbstractRule(AbstractDistribution):
    """A distribution p together with a way to place its points."""

    distribution: eqx.AbstractVar[AbstractDistribution]

    @property
    def support(self) -> tuple[Point, Point]:
        return self.distribution.support

    def moments(self) -> Moments | None:
        return self.distribution.moments()

    def given(self, f: Hypothesis) -> "AbstractRule":
        return eqx.tree_at(lambda rule: rule.distribution, self, self.distribution.given(f))


class Sobol(AbstractRule):
    """p by Sobol's low-discrepancy points: errors near 1/n, and n^-3/2 for smooth integrands,
    where independent draws have n^-1/2.

    A power of two is the best n. Draws use a random linear scramble and a digital shift, so that
    each point is distributed as p (Matoušek, 1998; Owen, 2003); `.quadrature(n)` is n points in
    all, not scrambled, each in the middle of its cell.

    **Arguments:** `distribution`: p, up to 21,201 coordinates.
    """

    distribution: AbstractTransported

    def __init__(self, distribution: AbstractDistribution) -> None:
        self.distribution = transported(distribution, "Sobol")

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """The first n points of a random scramble."""
        check_count("sample", n, key)
        net = jnp.asarray(_sobol(n, self.distribution.dimension))
        return _transport(self.distribution, _scrambled(net, key))

    def quadrature(self, n: int) -> Empirical:
        """The first n points, equally weighted."""
        check_count("quadrature", n)
        cells = max(1, 1 << (n - 1).bit_length())
        u = _sobol(n, self.distribution.dimension) / 2.0**_BITS + 0.5 / cells
        return Empirical(_transport(self.distribution, u), population=self)


class LatinHypercube(AbstractRule):
    """p by n points of which, in each coordinate, one falls in each of n equally likely slices
    (McKay, Beckman and Conover, 1979).

    **Arguments:** `distribution`: p.
    """

    distribution: AbstractTransported

    def __init__(self, distribution: AbstractDistribution) -> None:
        self.distribution = transported(distribution, "LatinHypercube")

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n points, each uniform in its cell."""
        check_count("sample", n, key)
        d = self.distribution.dimension
        return _transport(self.distribution, _latin(n, d, key))

    def quadrature(self, n: int) -> Empirical:
        """n points in the middle of their cells, the same in every call."""
        check_count("quadrature", n)
        generator = np.random.default_rng(n)
        d = self.distribution.dimension
        slices = generator.permuted(np.tile(np.arange(n), (d, 1)), axis=1).T
        return Empirical(_transport(self.distribution, (slices + 0.5) / n), population=self)


class Antithetic(AbstractRule):
    """p by pairs T(u), T(1 - u): the odd part of an integrand averages out exactly.

    **Arguments:** `distribution`: p.
    """

    distribution: AbstractTransported

    def __init__(self, distribution: AbstractDistribution) -> None:
        self.distribution = transported(distribution, "Antithetic")

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n draws in pairs: the first half, then their mirror images."""
        check_count("sample", n, key)
        u = uniforms(key, ((n + 1) // 2, self.distribution.dimension), float)
        return _transport(self.distribution, jnp.concatenate([u, 1 - u])[:n])

    def quadrature(self, n: int) -> AbstractDistribution:
        """The rule of p."""
        return self.distribution.quadrature(n)


class ChebyshevNodes(AbstractRule):
    """The uniform distribution by Chebyshev points, where collocation interpolates best.

    The weights are Fejér's: positive, and exact to degree n - 1 in each coordinate.

    **Arguments:** `distribution`: a `Uniform`, or a `Product` or `Mixture` of them, with `Dirac`
    and `Empirical` parts left as they are.
    """

    distribution: AbstractDistribution

    def __init__(self, distribution: AbstractDistribution) -> None:
        _chebyshev(distribution, 1)
        self.distribution = distribution

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws of p."""
        return self.distribution.sample(n, key=key)

    def quadrature(self, n: int) -> Empirical:
        """The tensor rule of n nodes per coordinate."""
        check_count("quadrature", n)
        rule = finite(_chebyshev(self.distribution, n))
        return rule.standing_for(self)


@singledispatch
def _chebyshev(p: AbstractDistribution, n: int) -> Any:
    raise ValueError(
        f"`ChebyshevNodes` takes a `Uniform`, or products and mixtures of them; got a "
        f"{type(p).__name__}, for which `.quadrature(n)` is the better rule"
    )


@_chebyshev.register
def _(p: Uniform, n: int) -> Any:
    return Empirical(*scaled(p, *fejer(n)))


@_chebyshev.register(Dirac)
@_chebyshev.register(Empirical)
def _(p: Any, n: int) -> Any:
    return p


@_chebyshev.register
def _(p: Product, n: int) -> Any:
    if isinstance(p.parts, dict):
        return Product(**{k: ChebyshevNodes(part) for k, part in p.parts.items()}).quadrature(n)
    return Product(*map(ChebyshevNodes, p.parts)).quadrature(n)


@_chebyshev.register
def _(p: Mixture, n: int) -> Any:
    return Mixture(*(ChebyshevNodes(part) for part in p.parts), weights=p.weights).quadrature(n)


_BITS = 30


@lru_cache(maxsize=8)
def _sobol(n: int, d: int) -> np.ndarray:
    """The first n points of Sobol's sequence in d dimensions, as integers below 2^30."""
    from scipy.stats import qmc  # half a second that nobody else should pay

    points = qmc.Sobol(d, scramble=False, bits=_BITS).random_base2((n - 1).bit_length())
    digits = np.rint(points[:n] * 2.0**_BITS).astype(np.uint32)
    digits.setflags(write=False)
    return digits


@partial(run_seldom, static_argnums=(0, 1))
def _latin(n: int, d: int, key: PRNGKeyArray) -> Array:
    """A random order of the n slices in each coordinate, and a uniform place in each cell."""
    order, inside = jr.split(key)
    slices = jax.vmap(lambda k: jr.permutation(k, n), out_axes=1)(jr.split(order, d))
    u = jr.uniform(inside, (n, d), float)
    return (slices.astype(u.dtype) + u) / n


@run_seldom
def _scrambled(net: Array, key: PRNGKeyArray) -> Array:
    """A random linear scramble of each coordinate's digits, then a random digital shift."""
    matrix, shift, inside = jr.split(key, 3)
    d = net.shape[1]
    columns = jr.bits(matrix, (_BITS, d), jnp.uint32)
    shifts = jr.bits(shift, (1, d), jnp.uint32) >> np.uint32(32 - _BITS)

    def add(j: Array, digits: Array) -> Array:
        # Digit j of the net switches column j of a lower triangular matrix with unit diagonal.
        bit = jnp.uint32(1) << j.astype(jnp.uint32)
        column = bit | (columns[j] & (bit - jnp.uint32(1)))
        return digits ^ jnp.where((net & bit) > 0, column[None], jnp.uint32(0))

    digits = jax.lax.fori_loop(0, _BITS, add, jnp.zeros_like(net)) ^ shifts
    u = digits.astype(float) + jr.uniform(inside, net.shape, float)
    return u / 2.0**_BITS


@run_seldom
def _transport(p: AbstractTransported, u: Any) -> Point:
    """Points u of the cube as points of p, in the precision of p."""
    dtype = jax.dtypes.canonicalize_dtype(float_dtype(jax.tree.leaves(p.support)))
    return jax.vmap(p.transport)(open_unit(jnp.asarray(u, dtype)))
