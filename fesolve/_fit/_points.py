"""Points at which the values of a function determine a series: as many along each coordinate as
its basis asks for, and some between any two breaks."""

import math
from typing import Any, NamedTuple

import jax
import numpy as np

from .._distribution import AbstractDistribution, Empirical, Product, Sobol, Uniform
from .._hypothesis import AbstractTensor, BSpline, Indicator, Series, SpectralElements, Tensor
from .._types import Hypothesis, is_traced


MOST = 20_000
"""Nodes of a product rule up to which it is taken; beyond, low-discrepancy points."""


class Along(NamedTuple):
    """What one coordinate asks for: at least so many nodes, spread over these intervals."""

    count: int
    breaks: np.ndarray | None = None


def points_for(f: Hypothesis, p: AbstractDistribution) -> Empirical | None:
    """A rule for p at whose nodes the series in f are determined; `None` where f has no series
    whose coordinates are those of p."""
    nodes = jax.tree.leaves(f, is_leaf=lambda node: isinstance(node, Series))
    wanted = [_wanted(s.basis, p) for s in nodes if isinstance(s, Series)]
    known = [each for each in wanted if each is not None]
    if not known:
        return None
    along = jax.tree.map(_both, *known, is_leaf=_is_along)
    size = math.prod(_nodes(each) for each in jax.tree.leaves(along, is_leaf=_is_along))
    unknowns = max(s.basis.size for s in nodes if isinstance(s, Series))
    if size > max(MOST, 16 * unknowns):
        return _spread(p, 4 * unknowns)
    return _rule(p, along)


def _wanted(basis: Any, p: AbstractDistribution) -> Any:
    """`Along` for each coordinate, in the shape of a point; a vector has a list of them."""
    lower, _ = p.support
    if isinstance(basis, AbstractTensor):
        share = len(basis.bases) if basis.is_full else 1
        complete = isinstance(basis, Tensor) and basis.degree is not None
        most = basis.degree + 1 if complete else None
        if basis.names is not None:
            if not isinstance(lower, dict) or set(lower) != set(basis.names):
                return None
            parts = dict(zip(basis.names, basis.bases, strict=True))
            found = {name: _coordinate(parts[name], lower[name], share, most) for name in lower}
            return None if any(each is None for each in found.values()) else found
        if np.shape(lower) != (len(basis.bases),):
            return None
        return [_one(each, share, most) for each in basis.bases]
    return _coordinate(basis, lower, 1, None)


def _coordinate(basis: Any, lower: Any, share: int, most: int | None) -> Any:
    """The same for a part of a point that one basis takes."""
    if isinstance(basis, AbstractTensor) and np.shape(lower) == (len(basis.bases),):
        return [_one(each, share * len(basis.bases), most) for each in basis.bases]
    one_dimensional = not isinstance(basis, AbstractTensor) and np.shape(basis.domain[0]) == ()
    if isinstance(lower, dict) or np.shape(lower) != () or not one_dimensional:
        return None
    return _one(basis, share, most)


def _one(basis: Any, share: int, most: int | None) -> Along:
    size = basis.size if most is None else min(basis.size, most)
    # twice as many in all, so that what is not in the class is no interpolant
    count = max(size + 1, round(size * 2 ** (1 / share) + 0.5))
    match basis:
        case BSpline(knots=breaks) | SpectralElements(breaks=breaks) if not is_traced(breaks):
            return Along(count, np.asarray(breaks, float))
        case Indicator():
            return Along(basis.size)
    return Along(count)


def _is_along(node: Any) -> bool:
    return isinstance(node, Along)


def _both(first: Along, *others: Along) -> Along:
    """What several series ask for along one coordinate."""
    breaks = [a.breaks for a in (first, *others) if a.breaks is not None]
    every = np.unique(np.concatenate(breaks)) if breaks else None
    return Along(max(a.count for a in (first, *others)), every)


def _nodes(along: Along) -> int:
    return along.count if along.breaks is None else (along.breaks.size - 1) * _each(along)


def _each(along: Along) -> int:
    """Nodes between two breaks."""
    assert along.breaks is not None
    return max(2, -(-along.count // (along.breaks.size - 1)))


def _rule(p: AbstractDistribution, along: Any) -> Empirical:
    if isinstance(p, Product) and isinstance(p.parts, dict):
        rules = {name: _rule(part, along[name]) for name, part in p.parts.items()}
        return _standing_for(Product(**rules), p)
    if isinstance(p, Product) and isinstance(along, list):
        rules, used = [], 0
        for part in p.parts:
            lower = part.support[0]
            asked = along[used : used + np.size(lower)]
            rules.append(_rule(part, asked if np.shape(lower) else asked[0]))
            used += np.size(lower)
        return _standing_for(Product(*rules), p)
    if isinstance(p, Uniform) and not is_traced((p.lower, p.upper)):
        return _on_box(p, along)
    counts = [a.count for a in jax.tree.leaves(along, is_leaf=_is_along)]
    if math.prod([max(counts)] * len(counts)) > MOST:
        return _spread(p, 4 * math.prod(counts))
    return p.quadrature(max(counts))


def _standing_for(rules: Product, p: AbstractDistribution) -> Empirical:
    rule = rules.quadrature(1)
    return Empirical(rule.points, rule.weights).standing_for(p)


def _on_box(p: Uniform, along: Any) -> Empirical:
    """Gauss nodes along each coordinate, and between any two breaks."""
    lower, upper = np.atleast_1d(p.lower), np.atleast_1d(p.upper)
    asked = along if isinstance(along, list) else [along]
    lines = [_on_line(float(a), float(b), w) for a, b, w in zip(lower, upper, asked, strict=True)]
    points = np.stack([x.ravel() for x in np.meshgrid(*[x for x, _ in lines], indexing="ij")], -1)
    weights = np.ones(1)
    for _, w in lines:
        weights = np.multiply.outer(weights, w).ravel()
    points = points.astype(lower.dtype)
    points = points if np.ndim(p.lower) else points[:, 0]
    return Empirical(points, weights.astype(lower.dtype), population=p)


def _on_line(lower: float, upper: float, along: Along) -> tuple[np.ndarray, np.ndarray]:
    if along.breaks is None:
        breaks, count = np.asarray([lower, upper]), along.count
    else:
        inside = along.breaks[(along.breaks > lower) & (along.breaks < upper)]
        breaks, count = np.concatenate([[lower], inside, [upper]]), _each(along)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    lengths = np.diff(breaks)[:, None]
    points = breaks[:-1, None] + lengths * (nodes + 1) / 2
    return points.ravel(), (lengths * weights / 2 / (upper - lower)).ravel()


def _spread(p: AbstractDistribution, count: int) -> Empirical:
    """Low-discrepancy points, where a product of rules would have too many nodes."""
    return Sobol(p).quadrature(count)
