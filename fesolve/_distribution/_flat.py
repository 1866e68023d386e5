"""Points that fill the box of a density which falls towards its ends, or each piece of an interval.

A residual that is zero under p is zero wherever p has a density, however low. Where tomorrow's
state may be beyond today's, f is determined by what holds near the ends of the box, and it counts
where p has its mass: points are needed in both places.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._types import is_traced
from ._base import AbstractDistribution, Empirical
from ._combine import finite, Mixture, Product
from ._continuous import Uniform
from ._normal import TruncatedNormal


def flat_box(p: AbstractDistribution | None) -> Uniform | Product | None:
    """The uniform distribution on the box on which p has a density; `None` where that is p itself,
    the box has no ends, or there is none."""
    if isinstance(p, TruncatedNormal) and not is_traced((p.lower, p.upper)):
        bounded = np.isfinite(p.lower).all() and np.isfinite(p.upper).all()
        return Uniform(p.lower, p.upper) if bounded else None
    if not isinstance(p, Product):
        return None
    parts = p.flat()
    boxes = [part if isinstance(part, Uniform) else flat_box(part) for part in parts]
    if None in boxes or all(isinstance(part, Uniform) for part in parts):
        return None
    if isinstance(p.parts, dict):
        return Product(**dict(zip(sorted(p.parts), boxes, strict=True)))
    return Product(*boxes)


def filling_rule(p: AbstractDistribution, n: int) -> Empirical:
    """The rule of n nodes a coordinate for p, and as many that fill its box, with half of the
    weight each; the rule alone where p is uniform, or has no box."""
    box = flat_box(p)
    if box is None:
        return finite(p.quadrature(n))
    return finite(Mixture(p, box).quadrature(n)).standing_for(p)


def rule_in_pieces(p: Uniform, breaks: Any, n: int) -> Empirical:
    """n Gauss nodes in the part of each piece between breaks that lies in the interval of p, with
    their shares of it. The end pieces reach as far as the interval does."""
    lower, upper = p.support
    xp = np if all(isinstance(x, np.ndarray) for x in (breaks, *jax.tree.leaves(p))) else jnp
    breaks = xp.asarray(breaks)
    lower, upper = (xp.asarray(x).astype(breaks.dtype) for x in (lower, upper))
    nodes, weights = np.polynomial.legendre.leggauss(n)
    nodes = xp.asarray((nodes + 1) / 2, breaks.dtype)[None]
    weights = xp.asarray(weights / 2, breaks.dtype)[None]
    inner = xp.clip(breaks[1:-1], lower, upper)
    lo = xp.concatenate([lower[None], inner])[:, None]
    hi = xp.concatenate([inner, upper[None]])[:, None]
    # a piece outside has no share; its nodes stand where a residual is sure to be finite
    points = xp.where(hi > lo, lo + (hi - lo) * nodes, (lower + upper) / 2)
    shares = xp.ravel((hi - lo) * weights) / (upper - lower)
    return Empirical(xp.ravel(points), shares).standing_for(p)
