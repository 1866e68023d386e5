"""Means and covariances of laws, and whether a rule has those of the law that it stands for."""

from typing import Any, NamedTuple

import jax
import numpy as np

from .._types import is_traced, Point


RULE = 0.02
"""How far the mean and the covariance of a rule may be off, in standard deviations of the law."""
MANY = 100
"""Effectively so many points may be weighted draws, whose moments are off by chance."""


class Moments(NamedTuple):
    """E x and Cov x of a point, its leaves joined into one vector."""

    mean: Any
    covariance: Any


def independent(parts: list[Moments | None]) -> Moments | None:
    """The moments of independent coordinates; `None` where those of a part are not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or is_traced(known):
        return None
    mean = np.concatenate([np.asarray(part.mean, np.float64) for part in known])
    covariance, at = np.zeros((mean.size, mean.size)), 0
    for part in known:
        end = at + len(part.mean)
        covariance[at:end, at:end], at = part.covariance, end
    return Moments(mean, covariance)


def mixed(parts: list[Moments | None], weights: Any) -> Moments | None:
    """The moments of a mixture; `None` where those of a part are not known."""
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or is_traced((known, weights)):
        return None
    w = np.asarray(weights, np.float64)
    means = np.stack([np.asarray(part.mean, np.float64) for part in known])
    mean = w @ means
    within = np.tensordot(w, np.stack([np.asarray(part.covariance) for part in known]), axes=1)
    return Moments(mean, within + (means - mean).T @ (w[:, None] * (means - mean)))


def weighted(points: Point, weights: Any) -> Moments | None:
    """The moments of sum_i w_i delta_{x_i}; `None` where they cannot be looked at."""
    leaves = [*jax.tree.leaves(points), weights]
    if is_traced(leaves) or not all(_is_here(leaf) for leaf in leaves):
        return None
    w = np.asarray(weights, np.float64)
    x = np.concatenate([np.asarray(a, np.float64).reshape(w.size, -1) for a in leaves[:-1]], axis=1)
    mean = w @ x
    return Moments(mean, (x - mean).T @ (w[:, None] * (x - mean)))


def check_moments(points: Point, weights: Any, law: Any) -> None:
    """**Raises:** `ValueError` where a rule has not the mean or not the covariance of its law, as
    far as both can be looked at. Many points, weighted unequally, may be off as draws are."""
    ours, exact = weighted(points, weights), law.moments()
    if ours is None or exact is None or is_traced(exact):
        return
    mean, covariance = (np.asarray(x, np.float64) for x in exact)
    if mean.size != ours.mean.size:
        return
    variance = np.diag(covariance)
    # A coordinate without variance has a scale all the same, below which there is rounding alone.
    scale = np.where(variance > 0, np.sqrt(variance), 1e-3 * (1 + np.abs(mean)))
    off = np.abs(ours.mean - mean) / scale
    spread = np.abs(ours.covariance - covariance) / np.outer(scale, scale)
    halved = (variance > 0) & (
        np.abs(np.diag(ours.covariance) / np.where(variance > 0, variance, 1) - 0.5) < 1e-3
    )
    points_in_effect = 1 / float(np.sum(np.asarray(weights, np.float64) ** 2))
    chance = 5 * np.sqrt(2 / points_in_effect)
    drawn = points_in_effect >= MANY and off.max() > 1e-4
    most = chance if drawn and not halved.any() else RULE
    if off.max() > most:
        i = int(np.argmax(off))
        raise ValueError(
            f"`points` with these `weights` have the mean {ours.mean[i]:.4g}{_coordinate(i, mean)} "
            f"where `population` has {mean[i]:.4g}: move the nodes there. {_REMEDY}"
        )
    if spread.max() > most:
        raise ValueError(_wrong_spread(ours.covariance, covariance, spread, halved))


_REMEDY = (
    "A rule of the law itself is `population.quadrature(n)`; draws take no `weights`, and points "
    "that stand for no law no `population`"
)


def _wrong_spread(ours: Any, covariance: Any, spread: Any, halved: Any) -> str:
    if halved.any():
        return (
            "`points` with these `weights` have half the variance of `population`: the nodes of "
            "Gauss and Hermite for the weight exp(-x^2) have to be multiplied by sqrt(2) before "
            f"they are scaled by a standard deviation. {_REMEDY}"
        )
    i, j = (int(k) for k in np.unravel_index(np.argmax(spread), spread.shape))
    kind = "variance" if i == j else "covariance"
    place = _coordinate(i, ours) if i == j else f" of coordinates {i} and {j}"
    return (
        f"`points` with these `weights` have the {kind} {ours[i, j]:.4g}{place} where `population` "
        f"has {covariance[i, j]:.4g}: scale the nodes by its standard deviation, or by the "
        f"Cholesky factor of its covariance. {_REMEDY}"
    )


def _coordinate(i: int, of: Any) -> str:
    return f" in coordinate {i}" if len(of) > 1 else ""


def _is_here(leaf: Any) -> bool:
    return not isinstance(leaf, jax.Array) or leaf.is_fully_addressable
