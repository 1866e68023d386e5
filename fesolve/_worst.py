"""The residual at any number of points, and the search for the point where it is largest.

A small mean says little about the largest residual: between the points of a sample there may be a
spike. So the whole support of p* is searched, densely first and then around the worst points.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from ._compiled import anew, arrays_of, compiled, Static
from ._distribution import (
    AbstractDistribution,
    AbstractRule,
    AbstractTransported,
    Dirac,
    Empirical,
)
from ._distribution._part import holds, Part
from ._dry_run import equation_widths
from ._entry import entry
from ._evaluation import Bare, components, drawn, Pairs, table
from ._fingerprint import Recent, TracedClosureError
from ._hypothesis import AbstractBasis, Frozen
from ._precision import in_dtype, theta_dtype
from ._risk import AbstractRisk, require_risk, Risk
from ._show import line, place, Plain, Word, words
from ._types import Hypothesis, is_traced, on_device, Point


CHUNK = 1024
"""Points are evaluated this many at a time, so that one compiled program serves every sample."""
DENSE = 4 * CHUNK
STARTS, ROUNDS, BESIDE = 8, 16, 16
"""The points that a search starts from, how often each moves, and the points beside the worst."""
NEAR = 1e-3
"""How far from the worst point |r| is looked at once more, in shares of the cube."""
ROUNDING = 100
"""Roundings of the parts of a residual by which two ways to evaluate it may differ."""


class Worst(NamedTuple):
    """The largest |r| of an equation that was found, infinite where r is not a number, and the
    point where; `None` for a condition on f as a whole. `around` is the median of |r| close by,
    which tells a spike from a point where r has no value; `None` where nothing was searched."""

    value: float
    point: Point
    around: float | None = None

    def __repr__(self) -> str:
        return line(self)


@words.register
def _(worst: Worst) -> list[Word]:
    at = [] if worst.point is None else [Word(Plain(f"at {place(worst.point)}"))]
    return [Word(worst.value), *at]


@entry
def worst_points(risk: AbstractRisk, f: Hypothesis) -> dict[str, Worst]:
    """max over x of |r(f, x)|, for each equation of a risk, and where.

    The support of each term's population is searched by low-discrepancy points, its corners, and
    shrinking random steps around the worst of them. Coordinates without bound are searched as far
    as draws of that number reach. A distribution that is known by its draws alone is searched
    among the points of the sample.

    **Arguments:** `risk`, on a sample or not; `f`, the hypothesis.

    **Returns:** `{equation: Worst(value, point)}`.

    **Raises:** `ValueError` for a continuous shock, of which the residual at a point is no
    number, and for a distribution that can neither be searched nor has points.
    """
    require_risk(risk)
    found: dict[str, Worst] = {}
    for term in risk.terms:
        field = Field(term, f)
        for name, worst in zip(field.names, field.worst(), strict=True):
            found[name if name not in found else f"{name}#{len(found)}"] = worst
    return found


class Field:
    """The residual of one term as a function of points, evaluated on the host in chunks."""

    def __init__(self, term: Risk, f: Hypothesis) -> None:
        dtype = theta_dtype(f)
        bare = in_dtype(term.bare, dtype)
        self.f, self.dtype, self.term = f, dtype, term
        self.points = None if bare.points is None else jax.tree.map(np.asarray, bare.points)
        self.shock = bare.shock
        shock = () if isinstance(bare.shock, Pairs) else bare.shock
        points = None if term.distribution is None else ()
        self.bare = bare._replace(points=points, weights=None, shock=shock, multiplier=None)
        self.chunk = 1 if isinstance(term.population, Dirac) else CHUNK
        widths = _widths(self)
        self.names = tuple(widths)
        ends = np.cumsum([0, *widths.values()])
        self.columns = [slice(a, b) for a, b in itertools.pairwise(ends)]

    def at(self, points: Point, draws: Point | None = None) -> Float[np.ndarray, "n m"]:
        """All components of the residual at n points; with draws of the shock, one a point."""
        if self.bare.points is None:
            return np.asarray(_condition(self.bare, self.f))[None]
        batch = in_dtype((points, draws), self.dtype)
        n, chunk = jax.tree.leaves(points)[0].shape[0], self.chunk
        rows = []
        for start in range(0, n, chunk):
            index = np.minimum(np.arange(start, start + chunk), n - 1)
            x, e = jax.tree.map(lambda leaf, i=index: np.asarray(leaf)[i], batch)
            rows.append(np.asarray(_at_points(self.bare, self.f, x, e)))
        return np.concatenate(rows)[:n]

    def sizes(self, values: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n equations"]:
        """|r| of each equation, the largest of its components; infinite where it is not finite."""
        absolute = np.where(np.isfinite(values), np.abs(values), np.inf)
        return np.stack([absolute[:, c].max(axis=1) for c in self.columns], axis=1)

    def worst(self, sizes: Float[np.ndarray, "n equations"] | None = None) -> list[Worst]:
        """The largest |r| of each equation over the population, and where; `sizes` are those at the
        points of the sample, where they are known."""
        if isinstance(self.shock, AbstractDistribution | Pairs):
            raise ValueError(
                f"`shock` of `{self.term.name}` is continuous, and the residual at a point is an "
                "expectation over it: pass `shock=q.quadrature(n)`"
            )
        if self.term.distribution is None:
            return [Worst(float(v), None) for v in self.sizes(self.at(None))[0]]
        population, conditions = underlying(self.term.population)
        if _searchable(population):
            found = _search(self, population, conditions)
            # the search may have met no point of a narrow part, whose sample has some
            if all(worst.value >= 0 for worst in found) or self.points is None:
                return found
        if self.points is None:
            raise ValueError(
                f"`{type(population).__name__}` is known by its draws alone: take "
                "`risk.empirical(n, key=key)`, and the worst of those points is found"
            )
        known = self.sizes(self.at(self.points)) if sizes is None else sizes
        return largest(known, self.points)


def largest(sizes: Float[np.ndarray, "n equations"], points: Point) -> list[Worst]:
    """The largest entry of each column, with its point."""
    rows = np.argmax(sizes, axis=0)
    return [
        Worst(float(sizes[i, m]), jax.tree.map(lambda p, i=i: np.asarray(p[i]), points))
        for m, i in enumerate(rows)
    ]


def stale_residual(risk: AbstractRisk, f: Hypothesis, unit: float) -> str | None:
    """Whether each compiled residual is what it gives when it is traced anew, at one point of its
    sample: `None`, or a sentence. A second net under the keys of compiled programs.

    At f itself a residual may be zero, and all of it rounding, so that f is moved a little.

    **Arguments:** `unit`, the size of the parts of which residuals are sums, whose rounding is in
    them; 0 where it is not known.
    """
    if is_traced((risk, f)):
        return None
    for term in risk.terms:
        for g in (_moved(f), f):
            field = Field(term, g)
            kept, new, x = _both(field)
            if np.isfinite(new).all() or np.isfinite(kept).all():
                break
        eps = np.finfo(new.dtype).eps
        tolerance = eps ** (1 / 3) * np.max(np.abs(new), initial=0.0) + ROUNDING * eps * unit
        close = np.abs(kept - new) <= tolerance
        same = close | (~np.isfinite(kept) & ~np.isfinite(new))
        if not same.all():
            i = int(np.argmin(same))
            where = "" if x is None else f" at x = {jax.tree.map(lambda p: p.tolist(), x)}"
            return (
                f"the compiled residual `{term.name}` is {kept[i]:.6g}{where} for an f near this "
                f"one, and a call of it now gives {new[i]:.6g}: it reads something "
                "that changes unseen. Pass that through `args`"
            )
    return None


def _both(field: "Field") -> tuple[np.ndarray, np.ndarray, Point]:
    """All components of a residual at one point, by its program and by one that is made now."""
    Static((field.bare, field.f)).forget()
    if field.points is None:
        return field.at(None)[0], np.asarray(anew(components, field.bare, field.f, None)), None
    points, shock = field.points, field.shock
    middle = jax.tree.leaves(points)[0].shape[0] // 2
    draws = shock.first if isinstance(shock, Pairs) else None
    batch = jax.tree.map(lambda p: np.asarray(p)[middle : middle + 1], (points, draws))
    x, e = jax.tree.map(lambda p: p[0], in_dtype(batch, field.dtype))
    bare = field.bare._replace(shock=Pairs(None, None, None)) if draws is not None else None
    new = anew(components, field.bare if bare is None else bare, field.f, x, e)
    return field.at(*batch)[0], np.asarray(new), x


def _moved(f: Hypothesis) -> Hypothesis:
    """f with parameters that are a hundredth larger or smaller."""
    is_given = lambda node: isinstance(node, AbstractBasis | Frozen)
    return jax.tree.map(lambda x: x if is_given(x) else _shaken(x), f, is_leaf=is_given)


def _shaken(leaf: Any) -> Any:
    if not eqx.is_inexact_array(leaf):
        return leaf
    values = np.asarray(leaf)
    size = 0.01 * np.max(np.abs(values), initial=0.0) or 0.01
    waves = np.cos(np.arange(values.size)).reshape(values.shape)
    return on_device(values + np.asarray(size * waves, values.dtype))


@compiled
def _condition(bare: Bare, f: Hypothesis) -> Any:
    return components(bare, f, None)


@compiled
def _at_points(bare: Bare, f: Hypothesis, points: Point, draws: Point | None) -> Any:
    bare = bare._replace(points=points)
    if draws is None:
        return table(bare, f)
    return drawn(bare._replace(shock=Pairs(None, None, None)), f, draws)


@partial(compiled, seldom=True)
def _transport(population: AbstractTransported, u: Any) -> PyTree:
    return jax.vmap(population.transport)(u)


_WIDTHS = Recent(1024)
"""Equations and their widths by residual and shapes (a cache of a pure function: a dry run costs
10 ms, and a report looks at each residual under several distributions)."""


def _widths(field: Field) -> dict[str, int]:
    dry = in_dtype(_dry(field), field.dtype)
    shapes = [(np.shape(a), a.dtype) for a in arrays_of((dry, field.f))]
    make = lambda: equation_widths(field.term.name, dry, field.f)
    try:
        static = Static((dry, field.f))
    except TracedClosureError:
        return make()
    static.forget()
    key = (static.key, field.term.name, tuple(shapes))
    return make() if static.opaque is not None else _WIDTHS.get(key, make)


def _dry(field: Field) -> tuple:
    """What the dry run looks at: one point, even where none has been chosen."""
    points, shock = field.points, field.shock
    if points is not None:
        points = jax.tree.map(lambda p: p[:1], points)
    elif field.term.distribution is not None:
        points = _one(field.term.distribution)
    if isinstance(shock, AbstractDistribution):
        shock = (_one(shock), np.ones(1))
    elif isinstance(shock, Pairs):
        shock = (jax.tree.map(lambda e: np.asarray(e)[:1], shock.first), np.ones(1))
    return field.bare._replace(
        points=points, weights=np.ones(1), shock=shock, multiplier=np.ones(())
    )


def _one(distribution: AbstractDistribution) -> Point:
    """A batch of one point, of the right shapes and of no meaning."""
    point = eqx.filter_eval_shape(lambda: distribution.sample(1, key=jax.random.key(0)))
    return jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), point)


def underlying(
    population: AbstractDistribution | None,
) -> tuple[AbstractDistribution | None, list[Callable]]:
    """The distribution itself, where a rule says how its points are placed, and the conditions
    that hold on the part of it that is meant."""
    conditions = []
    while isinstance(population, AbstractRule | Part):
        conditions += [population.condition] if isinstance(population, Part) else []
        population = population.distribution
    return population, conditions


def _searchable(population: AbstractDistribution | None) -> bool:
    """Whether the population is the image of a cube, in which the search can move."""
    if isinstance(population, Empirical | Dirac) or not isinstance(population, AbstractTransported):
        return False
    try:
        return population.dimension > 0
    except ValueError:  # a part of a product that is known by its draws alone
        return False


def _search(
    field: Field, population: AbstractTransported, conditions: list[Callable]
) -> list[Worst]:
    """The search, in the coordinates u of the cube whose image the population is."""
    d = population.dimension
    dtype = field.dtype or jax.dtypes.canonicalize_dtype(float)

    def transport(u: np.ndarray) -> Point:
        whole = np.concatenate([u, np.full((-len(u) % CHUNK, d), 0.5)]).astype(dtype)
        parts = [_transport(population, whole[i : i + CHUNK]) for i in range(0, len(whole), CHUNK)]
        return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: len(u)], *parts)

    def measured(u: np.ndarray) -> np.ndarray:
        points = transport(u)
        sizes = field.sizes(field.at(points))
        for condition in conditions:  # below every |r| outside of the part
            sizes = np.where(holds(condition, points)[:, None], sizes, -1.0)
        return sizes

    lower, upper = _bounds(transport, d)
    u = lower + (upper - lower) * _dense(DENSE, d)
    sizes = measured(u)
    equations = sizes.shape[1]
    order = np.argsort(-sizes, axis=0)[:STARTS]
    best = u[order.T]  # equations, starts, d
    value = np.take_along_axis(sizes, order, axis=0).T
    scale = np.full(value.shape, DENSE ** (-1 / d))
    generator = np.random.default_rng(0)
    # a chunk has room for so many, and costs the same with fewer
    proposals = max(CHUNK // value.size, 1)
    for _ in range(ROUNDS):
        moves = generator.normal(size=(*value.shape, proposals, d)) * scale[..., None, None]
        near = np.clip(best[:, :, None] + moves, lower, upper)
        tried = measured(near.reshape(-1, d))
        tried = tried.reshape(equations, -1, proposals, equations)
        own = np.stack([tried[m, :, :, m] for m in range(equations)])
        step = np.argmax(own, axis=2)[..., None]
        reached = np.take_along_axis(own, step, axis=2)[..., 0]
        better = reached > value
        moved = np.take_along_axis(near, step[..., None], axis=2)[:, :, 0]
        best = np.where(better[..., None], moved, best)
        value = np.where(better, reached, value)
        scale = np.where(better, scale, scale / 3)
    first = np.argmax(value, axis=1)
    at = best[np.arange(equations), first]
    chosen = transport(at)
    moves = generator.uniform(-NEAR, NEAR, size=(equations, BESIDE, d))
    beside = at[:, None] + moves
    # inwards at a face, where r may have no value
    beside = np.where((beside < lower) | (beside > upper), at[:, None] - moves, beside)
    near = measured(np.clip(beside, lower, upper).reshape(-1, d))
    around = np.median(near.reshape(equations, BESIDE, equations), axis=1)
    return [
        Worst(
            float(value[m, first[m]]),
            jax.tree.map(lambda p, m=m: p[m], chosen),
            float(around[m, m]),
        )
        for m in range(equations)
    ]


def _bounds(transport: Any, d: int) -> tuple[np.ndarray, np.ndarray]:
    """The box in the cube that is searched: up to its faces, but where a face is at infinity only
    as far as the quantile that draws reach."""
    ends = np.full((2 * d, d), 0.5)
    ends[np.arange(d), np.arange(d)] = 0.0
    ends[d + np.arange(d), np.arange(d)] = 1.0
    finite = np.ones(2 * d, bool)
    for leaf in jax.tree.leaves(transport(ends)):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            finite &= np.isfinite(leaf).reshape(2 * d, -1).all(axis=1)
    return np.where(finite[:d], 0.0, 1 / DENSE), np.where(finite[d:], 1.0, 1 - 1 / DENSE)


def additive_recurrence(n: int, d: int) -> Float[np.ndarray, "n d"]:
    """n points of the unit cube by multiples of powers of the generalised golden ratio.

    **Source:** Roberts (2018), "The unreasonable effectiveness of quasirandom sequences".
    """
    ratio = 2.0
    for _ in range(64):
        ratio = (1 + ratio) ** (1 / (d + 1))
    return (0.5 + np.arange(1, n + 1)[:, None] * ratio ** -np.arange(1.0, d + 1)) % 1


def _dense(n: int, d: int) -> Float[np.ndarray, "n d"]:
    """n points spread evenly over the closed unit cube, its corners among them: a grid in one
    dimension, an additive recurrence by powers of the generalised golden ratio in several.
    """
    if d == 1:
        return np.linspace(0, 1, n)[:, None]
    u = additive_recurrence(n, d)
    if d <= 8:
        u[: 2**d] = (np.arange(2**d)[:, None] >> np.arange(d)) & 1
    return u
