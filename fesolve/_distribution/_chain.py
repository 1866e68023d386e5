"""Finite Markov chains that stand for an autoregression z' = (1 - rho) mean + rho z + e."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr
from jaxtyping import Array, Float

from .._show import Called
from .._types import as_array, is_traced
from ._arrays import floats, numpy_of
from ._base import Empirical


class MarkovChain(Called):
    """A Markov chain on m states: the value of each state and P[i, j] = P(j next | i now).

    **Arguments:** `grid`, of shape (m,) or (m, ...), what each state stands for; `transition`,
    of shape (m, m), whose rows sum to 1.
    """

    grid: Float[Array, " m *value"]
    transition: Float[Array, "m m"]

    def __init__(self, grid: Any, transition: Any) -> None:
        grid, transition = as_array(grid), as_array(transition)
        m = grid.shape[0] if grid.ndim else 0
        if m == 0 or transition.shape != (m, m):
            raise ValueError(
                f"`transition` must have the shape (m, m) for the m = {m} states of `grid`; got "
                f"{transition.shape}"
            )
        if not is_traced(transition):
            _check_rows(np.asarray(transition))
        # JAX arrays, since a residual indexes them by a traced state.
        self.grid, self.transition = jnp.asarray(grid, float), jnp.asarray(transition, float)

    @property
    def size(self) -> int:
        """The number of states m."""
        return self.grid.shape[0]

    def given(self, i: Any) -> Empirical:
        """The distribution of the next state, an integer, when the state is i.

        **Raises:** `ValueError` for an i that is no state. Where i is traced the weights are nan.
        """
        state = jnp.asarray(i)
        if state.shape or not jnp.issubdtype(state.dtype, jnp.integer):
            raise ValueError(
                f"`i` of `MarkovChain.given` must be a state, a whole number; got shape "
                f"{state.shape} of {state.dtype}: use `jax.vmap` over many"
            )
        if not is_traced(state) and not 0 <= int(state) < self.size:
            raise ValueError(
                f"`i` of `MarkovChain.given` must be a state from 0 to {self.size - 1}; got "
                f"{int(state)}"
            )
        weights = self.transition[jnp.clip(state, 0, self.size - 1)]
        is_state = (state >= 0) & (state < self.size)
        return Empirical(np.arange(self.size), jnp.where(is_state, weights, jnp.nan))

    @property
    def stationary(self) -> Empirical:
        """The distribution pi over states, integers, with pi P = pi.

        **Raises:** `ValueError` where there is more than one.
        """
        xp = np if not is_traced(self.transition) else jnp
        p = xp.asarray(self.transition)
        # pi (I - P + 1 1') = 1' holds for pi P = pi with sum 1, and the matrix is regular
        # exactly where pi is unique.
        system = (xp.eye(self.size, dtype=p.dtype) - p + 1).T
        if xp is np and np.linalg.cond(system) > 0.01 / np.finfo(p.dtype).eps:
            raise ValueError(
                "`transition` has more than one stationary distribution: the chain falls into "
                "parts that do not communicate"
            )
        pi = xp.maximum(xp.linalg.solve(system, xp.ones(self.size, p.dtype)), 0)
        return Empirical(np.arange(self.size), pi / pi.sum())


def tauchen(n: int, rho: Any, sigma: Any, *, mean: Any = 0.0, width: float = 3.0) -> MarkovChain:
    """An autoregression as a chain on n equidistant states, `width` standard deviations to either
    side, with the probabilities of the intervals around them (Tauchen, 1986).

    **Arguments:** `n`, the number of states; `rho`, the autocorrelation; `sigma`, the standard
    deviation of the innovation e; `mean`, that of z.
    """
    rho, sigma, mean = _checked(n, rho, sigma, mean)
    xp = numpy_of(rho, sigma, mean)
    spread = width * sigma / xp.sqrt(1 - rho**2)
    z = np.linspace(-1, 1, n).astype(spread.dtype) * spread
    half = spread / (n - 1)
    gap = (z[None, :] - rho * z[:, None]) / sigma
    upper, lower = gap + half / sigma, gap - half / sigma
    below = _normal_cdf(upper) - _normal_cdf(lower)
    # The two outermost intervals are unbounded.
    first, last = _normal_cdf(upper[:, :1]), _normal_cdf(-lower[:, -1:])
    return MarkovChain(mean + z, xp.concatenate([first, below[:, 1:-1], last], axis=1))


def rouwenhorst(n: int, rho: Any, sigma: Any, *, mean: Any = 0.0) -> MarkovChain:
    """An autoregression as a chain on n states that has its mean, variance and autocorrelation,
    and its conditional means, exactly (Rouwenhorst, 1995; Kopecky and Suen, 2010): the choice for
    high persistence.

    **Arguments:** `n`, the number of states; `rho`, the autocorrelation; `sigma`, the standard
    deviation of the innovation e; `mean`, that of z.
    """
    rho, sigma, mean = _checked(n, rho, sigma, mean)
    xp = numpy_of(rho, sigma, mean)
    spread = sigma / xp.sqrt(1 - rho**2) * math.sqrt(n - 1)
    stay = (1 + rho) / 2
    p = xp.ones((1, 1), stay.dtype)
    for m in range(2, n + 1):
        # Each of n - 1 independent switches stays with probability `stay`; an inner row is met
        # from both sides.
        q = stay * (xp.pad(p, ((0, 1), (0, 1))) + xp.pad(p, ((1, 0), (1, 0))))
        q = q + (1 - stay) * (xp.pad(p, ((0, 1), (1, 0))) + xp.pad(p, ((1, 0), (0, 1))))
        p = q / np.r_[1.0, np.full(m - 2, 2.0), 1.0].astype(q.dtype)[:, None]
    return MarkovChain(mean + np.linspace(-1, 1, n).astype(spread.dtype) * spread, p)


def _checked(n: int, rho: Any, sigma: Any, mean: Any) -> list[Any]:
    rho, sigma, mean = floats(rho=rho, sigma=sigma, mean=mean)
    if not isinstance(n, int | np.integer) or n < 2:
        raise ValueError(f"`n`, the number of states, must be a whole number >= 2; got {n!r}")
    if rho.ndim:
        raise ValueError("`rho`, `sigma` and `mean` must be numbers; for many use `jax.vmap`")
    if not is_traced(rho) and not abs(rho) < 1:
        raise ValueError(f"`rho` must lie in (-1, 1), for z to be stationary; got {rho}")
    if not is_traced(sigma) and not (sigma > 0 and np.isfinite(sigma)):
        raise ValueError(f"`sigma` is a standard deviation and must be > 0; got {sigma}")
    return [rho, sigma, mean]


def _normal_cdf(x: Any) -> Any:
    if is_traced(x):
        return ndtr(x)
    values = [math.erfc(-float(v) / math.sqrt(2)) / 2 for v in x.ravel()]
    return np.asarray(values, x.dtype).reshape(x.shape)


def _check_rows(transition: np.ndarray) -> None:
    rows = transition.sum(axis=1, dtype=np.float64)
    if not ((transition >= 0).all() and np.abs(rows - 1).max() < 1e-5):
        raise ValueError(
            "`transition` must hold probabilities whose rows sum to 1; its rows sum to "
            f"{rows.min():.6g} to {rows.max():.6g}, its least entry is {transition.min():.3g}"
        )
