"""Points that the solver did not see: the populations of a risk, sampled anew.

A population that is the image of a cube is sampled by an additive recurrence, reproducible and
never at the nodes of a quadrature rule. In up to three coordinates the points are denser towards
the faces of the cube, as Chebyshev's are, and weighted accordingly: on evenly spread points a
polynomial of high degree is free near the ends. Where f is pieced together, as from elements, each
piece has as many points, denser towards its own ends.

A residual that is zero under p is zero wherever p has a density, however low: half of the points of
a density that falls towards the ends of its box, where few draws would lie, fill that box. They
tell how f is determined; where f counts, it does so under p.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._compiled import run_seldom
from .._distribution import (
    AbstractDistribution,
    AbstractTransported,
    Dirac,
    Empirical,
    Mixture,
    Uniform,
)
from .._distribution._base import rule
from .._distribution._flat import flat_box
from .._distribution._part import holds
from .._hypothesis import AbstractLocalBasis, Series
from .._hypothesis._leaves import series_in
from .._risk import AbstractRisk, on_exact_shock, rebuilt, Risk
from .._types import changed, Hypothesis, is_traced, Point
from .._worst import additive_recurrence, underlying
from ._probe import Corrected


DENSE_TOWARDS_FACES = 3
"""Up to so many coordinates; beyond, the weights would vary by (pi / 2)^d."""
SEED = 1_618_033
SHOCK_NODES = 9
ENDS = np.array([0.0, 1.0])
NEGLIGIBLE = 1e-12
"""The share of an interval below which a piece of it is none."""


class Fresh(NamedTuple):
    """A risk on fresh points; those of them that are spread as each population is, where it is no
    single point; `complete`, whether every term could be sampled anew, and what could not, in
    words."""

    risk: AbstractRisk
    samples: list[Any]
    complete: bool
    missing: str


def fresh(risk: AbstractRisk, f: Hypothesis, counts: list[int], *, filling: bool = True) -> Fresh:
    """The risk on `counts[i]` new points of the population of term i.

    Conditions and points of a finite set stay as they are. A term whose population is not known,
    such as data, keeps its sample, and is not complete.

    **Arguments:** `filling`, whether half of the points fill the box of a density that falls
    towards its ends.
    """
    terms, samples, missing = [], [], ""
    pieces = _pieces(f)
    for term, count in zip(risk.terms, counts, strict=True):
        term = on_exact_shock(term, SHOCK_NODES)
        p = term.distribution
        if p is None or isinstance(p, Dirac) or is_finite_set(p):
            terms.append(term)
        elif isinstance(term.population, Empirical):
            missing = missing or (
                f"the population of `{term.name}` is not known: give it by "
                "`fe.Empirical(points, population=p)`"
            )
            terms.append(term)
        else:
            spread, filled = _resampled(term.population.given(f), pieces, count, filling)
            samples.append(spread)
            terms.append(changed(term, distribution=filled))
            continue
        if is_movable(term):
            samples.append(p)
    return Fresh(rebuilt(risk, terms), samples, not missing, missing)


def with_points(sample: Fresh, others: Sequence[np.ndarray]) -> Fresh:
    """The same on other points as well, with half of the weight, of each population that has them:
    where f is asked for at points of its own, such as those of tomorrow, it is determined by what
    holds there."""
    terms = [functools.reduce(_joined, others, term) for term in sample.risk.terms]
    return sample._replace(risk=rebuilt(sample.risk, terms))


def _joined(term: Risk, others: np.ndarray) -> Risk:
    p, population = term.distribution, underlying(term.population)
    if not isinstance(p, Empirical) or isinstance(population[0], Empirical) or population[1]:
        return term
    if not isinstance(p.points, jax.Array | np.ndarray) or p.points.shape[1:] != others.shape[1:]:
        return term
    lower, upper = population[0].support
    inside = ((others >= lower) & (others <= upper)).reshape(len(others), -1).all(axis=1)
    if not inside.any():
        return term
    x = np.concatenate([np.asarray(p.points), others[inside]])
    count = int(inside.sum())
    weights = np.concatenate([np.asarray(p.weights), np.full(count, 1 / count)]) / 2
    return changed(term, distribution=rule(x, weights, term.population))


def is_finite_set(p: AbstractDistribution | None) -> bool:
    """Whether the points are all there are: states, which are integers, or the ends of an
    interval."""
    if isinstance(p, Mixture):
        return all(isinstance(part, Dirac) for part in p.parts)
    if not isinstance(p, Empirical):
        return False
    if p.population is not None:
        return is_finite_set(p.population)
    return all(jnp.issubdtype(leaf.dtype, jnp.integer) for leaf in jax.tree.leaves(p.points))


def is_drawn(term: Risk) -> bool:
    """Whether fresh points of a term are new ones, as many as are wanted."""
    known = isinstance(term.population, Empirical) or is_finite_set(term.distribution)
    return is_movable(term) and not known


def is_movable(term: Risk) -> bool:
    """Whether a term stands for more than one point."""
    return term.distribution is not None and not isinstance(term.population, Dirac)


class _Pieces(NamedTuple):
    """The ends of the pieces from which f is put together; `elsewhere`, whether a residual may ask
    for them at other places than x, as that of a module may."""

    ends: list[Any]
    elsewhere: bool


def _pieces(f: Hypothesis) -> _Pieces:
    bases = [node.basis for node in series_in(f)]
    ends = [basis.pieces for basis in bases if isinstance(basis, AbstractLocalBasis)]
    # more axes in an ensemble
    return _Pieces([e for e in ends if e.ndim == 1], not isinstance(f, Series | Corrected))


def _resampled(
    population: Any, pieces: _Pieces, count: int, filling: bool
) -> tuple[Empirical, Empirical]:
    """Points that are spread as the population is, and the same with others that fill its box."""
    inner, conditions = underlying(population)
    box = flat_box(inner) if filling else None
    first = count if box is None else -(-count // 2)
    points, weights = _spread_where(conditions, inner, first, pieces)
    spread = rule(points, weights, population)
    if box is None:
        return spread, spread
    others, their_weights = _spread_where(conditions, box, count // 2, pieces)
    xp = jnp if is_traced((points, others, weights)) else np
    points = jax.tree.map(lambda a, b: xp.concatenate([a, b]), points, others)
    weights = xp.concatenate([weights, their_weights]) / 2
    return spread, rule(points, weights, population)


def coordinates(p: AbstractDistribution | None) -> int:
    """In how many coordinates a rule would place the points of p; 0 where there is none."""
    if not isinstance(p, AbstractTransported):
        return 0
    try:
        return p.dimension
    except ValueError:  # a part of a product that is known by its draws alone
        return 0


def _spread_where(
    conditions: list[Callable], p: Any, count: int, pieces: _Pieces
) -> tuple[Point, Float[Array | np.ndarray, " n"]]:
    """Points that are spread as p is, those of them that meet the conditions."""
    if coordinates(p) == 0:
        points, weights = p.sample(count, key=jax.random.key(SEED)), np.full(count, 1 / count)
    else:
        points, weights = _spread(p, count, pieces)
    if conditions:
        inside = np.all([holds(condition, points) for condition in conditions], axis=0)
        points = jax.tree.map(lambda leaf: leaf[inside], points)
        weights = weights[inside] / weights[inside].sum()
    return points, weights


def _spread(
    p: AbstractTransported, count: int, pieces: _Pieces
) -> tuple[Point, Float[Array | np.ndarray, " n"]]:
    d = p.dimension
    if d == 1:
        cuts = _cuts(p, pieces.ends)
        u, weights = in_pieces(count, cuts)
        if pieces.elsewhere and len(cuts) > len(ENDS):
            whole = in_pieces(count, ENDS.astype(u.dtype))
            xp = jnp if is_traced(u) else np
            u, weights = (xp.concatenate([a, b]) for a, b in zip((u, weights), whole, strict=True))
        return _placed(p, u[:, None]), weights / weights.sum()
    u, weights = recurrence(count, d), np.ones(count)
    if d <= DENSE_TOWARDS_FACES:
        weights = np.prod(np.sin(np.pi * u), axis=1)
        u = np.sin(np.pi / 2 * u) ** 2
    return _placed(p, u), weights / weights.sum()


def in_pieces(
    count: int, cuts: Float[Array | np.ndarray, " m"]
) -> tuple[Float[Array | np.ndarray, " n"], Float[Array | np.ndarray, " n"]]:
    """At least `count` points with weights, as many between each two neighbours of `cuts`."""
    v = recurrence(-(-count // (len(cuts) - 1)), 1)[:, 0]
    share, weights = (a.astype(cuts.dtype) for a in (np.sin(np.pi / 2 * v) ** 2, np.sin(np.pi * v)))
    ends = cuts[:, None]
    lower, upper = ends[:-1], ends[1:]
    weights = ((upper - lower) * weights[None]).ravel()
    return (lower * (1 - share)[None] + upper * share[None]).ravel(), weights / weights.sum()


def _cuts(p: AbstractTransported, pieces: list[Any]) -> Float[Array | np.ndarray, " m"]:
    """Where f is pieced together, as shares of the interval of p, and its ends."""
    if not (pieces and isinstance(p, Uniform) and p.lower.shape == ()):
        return ENDS
    traced = is_traced((pieces, p))
    xp = jnp if traced else np
    inner = (xp.concatenate(pieces) - p.lower) / (p.upper - p.lower)
    cuts = xp.sort(xp.concatenate([xp.clip(inner, 0, 1), ENDS.astype(inner.dtype)]))
    # a program must not depend on how many of them coincide: nothing between has no weight
    return cuts if traced else cuts[np.append(True, np.diff(cuts) > NEGLIGIBLE)]


def _placed(p: AbstractTransported, u: Float[Array | np.ndarray, "n cube"]) -> Point:
    """The points of p, in NumPy where that is a line: each JAX program costs a compilation."""
    if isinstance(p, Uniform) and not is_traced((p.lower, p.upper)):
        share = u.reshape(-1, *p.lower.shape).astype(p.lower.dtype)
        return p.lower[None] * (1 - share) + p.upper[None] * share
    dtype = jax.dtypes.canonicalize_dtype(float)
    return _transported(p, u.astype(dtype))


@run_seldom
def _transported(p: AbstractTransported, u: Any) -> Point:
    return jax.vmap(p.transport)(u)


def recurrence(n: int, d: int) -> Float[np.ndarray, "n d"]:
    """n points spread evenly over the open unit cube: a shifted grid in one dimension, in several
    an additive recurrence by powers of the generalised golden ratio.
    """
    if d == 1:
        return ((np.arange(n) + 0.381966) / n)[:, None]
    return additive_recurrence(n, d)
