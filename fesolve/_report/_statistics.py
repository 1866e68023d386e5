"""The figures of one risk on one sample, equation by equation and in total."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from .._distribution import Dirac, Empirical
from .._evaluation import Pairs
from .._losses import squared
from .._risk import AbstractRisk, Risk
from .._types import Hypothesis, Point
from .._worst import Field, largest, Worst


QUANTILES = {"median": 0.5, "p90": 0.9, "p99": 0.99}
FIGURES = ("mean", *QUANTILES, "max")


class Row(eqx.Module):
    """One equation, or the total, under one distribution. `None` is what has no meaning there.

    - `on`, `equation`: the names of the distribution and of the equation.
    - `risk`, `error`: its part of the risk, and the standard error of that.
    - `gap`: how far the risk lies above the train risk.
    - `rms`: sqrt(E r^2), without the multiplier of the term.
    - `quantiles`: of log10 |r|: mean, median, p90, p99 and max.
    - `point`: where the maximum is.
    - `outside`: the share of points at which f is asked for outside its domain.
    - `tolerance`: the rms up to which the equation may count as solved, where the risk says so.
    - `around`: the median of |r| near the point where it is largest.
    - `points`, `broken`: the number of points, and of those where r is not finite.
    """

    on: str
    equation: str
    risk: float
    error: float | None
    gap: float | None
    rms: float | None
    quantiles: dict[str, float]
    point: Point
    outside: float | None
    tolerance: float | None
    points: int
    broken: int
    around: float | None = None


class Sample(eqx.Module):
    """|r| at the points of one distribution, for figures."""

    on: str
    equation: str
    points: Point
    sizes: np.ndarray


class Equation(eqx.Module):
    """Everything about one equation at the points of its sample."""

    label: str
    term: int
    multiplier: float
    weights: np.ndarray
    losses: np.ndarray
    squares: np.ndarray
    sizes: np.ndarray | None
    worst: Worst | None
    outside: np.ndarray | None
    tolerance: float | None
    points: Point
    statistical: bool


def equations(
    risk: AbstractRisk, copies: tuple[Hypothesis, list[Hypothesis]], *, search: bool
) -> list[Equation]:
    """The equations of a risk on a sample, evaluated at f = copies[0]; copies[1] are functions that
    differ from f outside of its domain. With `search` the maximum is sought over the population."""
    found: list[Equation] = []
    for index, term in enumerate(risk.terms):
        found += _of_term(term, index, copies, search)
    labels = distinct([equation.label for equation in found])
    return [
        eqx.tree_at(lambda e: e.label, equation, label)
        for equation, label in zip(found, labels, strict=True)
    ]


def distinct(labels: list[str]) -> list[str]:
    """The labels, of which those that were there before get a number."""
    return [
        f"{label} #{labels[:i].count(label) + 1}" if label in labels[:i] else label
        for i, label in enumerate(labels)
    ]


def _of_term(term: Risk, index: int, copies: tuple, search: bool) -> list[Equation]:
    field = Field(term, copies[0])
    weights, paired = weights_of(term), isinstance(term.shock, Pairs)
    if paired:
        first, second = (field.at(field.points, d) for d in (term.shock.first, term.shock.second))
        losses = squares = (first * second).astype(np.float64)
        finite, values = np.isfinite(first) & np.isfinite(second), first.astype(np.float64)
        sizes, worst = None, [None] * len(field.names)
    else:
        values = field.at(field.points).astype(np.float64)
        losses = squares = values**2
        if term.loss is not squared:
            losses = np.asarray(term.loss(jnp.asarray(values)))
        sizes, finite = field.sizes(values), np.isfinite(values)
        worst = largest(sizes, field.points)
        if search:
            worst = [max(pair, key=lambda w: w.value) for pair in zip(worst, field.worst(sizes))]
    asked = _asked_outside(term, copies[1], values) & finite if copies[1] else None
    return [
        Equation(
            label=name + _factor(term),
            term=index,
            multiplier=float(np.asarray(term.multiplier)),
            weights=weights,
            losses=losses[:, columns].sum(axis=1),
            squares=squares[:, columns].sum(axis=1),
            sizes=None if sizes is None else sizes[:, m],
            worst=worst[m],
            outside=None if asked is None else asked[:, columns].any(axis=1),
            tolerance=term.tolerance,
            points=field.points,
            statistical=is_drawn(term, weights),
        )
        for m, (name, columns) in enumerate(zip(field.names, field.columns, strict=True))
    ]


def _asked_outside(
    term: Risk, copies: list[Hypothesis], values: Float[np.ndarray, "n m"]
) -> Bool[np.ndarray, "n m"]:
    """The components that another value of f outside of its domain moves. A copy is only asked at
    the points where none before it has moved all of them."""
    points = Field(term, copies[0]).points
    draws = (term.shock.first,) if isinstance(term.shock, Pairs) else ()
    moved = np.zeros(values.shape, bool)
    for copy in copies:
        left = ~moved.all(axis=1)
        if not left.any():
            break
        batch = jax.tree.map(lambda leaf, i=left: np.asarray(leaf)[i], (points, *draws))
        moved[left] |= Field(term, copy).at(*batch) != values[left]
    return moved


def weights_of(term: Risk) -> Float[np.ndarray, " n"]:
    p = term.distribution
    return np.asarray(p.weights, np.float64) if isinstance(p, Empirical) else np.ones(1)


def is_drawn(term: Risk, weights: np.ndarray) -> bool:
    """Whether the points are draws: a rule, whose weights differ, has no standard error."""
    p = term.distribution
    if not isinstance(p, Empirical) or isinstance(term.population, Dirac):
        return False
    return p.population is None or bool(np.ptp(weights) <= 1e-6 * weights.max())


def _factor(term: Risk) -> str:
    multiplier = float(np.asarray(term.multiplier))
    return "" if multiplier == 1 else f" x {multiplier:.4g}"


def rows(on: str, found: list[Equation], train: "list[Row] | None") -> list[Row]:
    """The figures of each equation and, where there are several, of their sum."""
    out = [_row(on, equation) for equation in found]
    if len(found) > 1:
        out.append(_total(on, found, out))
    before = {row.equation: row.risk for row in train or []}
    return [
        eqx.tree_at(
            lambda r: r.gap,
            row,
            row.risk - before[row.equation] if row.equation in before else None,
            is_leaf=lambda x: x is None,
        )
        for row in out
    ]


def _row(on: str, e: Equation) -> Row:
    quantiles, point = {}, None
    if e.sizes is not None:
        assert e.worst is not None
        quantiles = {**distribution_of(e.sizes, e.weights), "max": logarithm(e.worst.value)}
        point = e.worst.point
    mean_square = float(np.sum(e.weights * e.squares))
    return Row(
        on=on,
        equation=e.label,
        risk=e.multiplier * float(np.sum(e.weights * e.losses)),
        error=standard_error([e]),
        gap=None,
        # A product of two draws may have a negative mean, where E[r]^2 is about zero.
        rms=np.sqrt(max(mean_square, 0.0)) if mean_square == mean_square else np.nan,
        quantiles=quantiles,
        point=point,
        outside=None if e.outside is None else float(np.sum(e.weights * e.outside)),
        tolerance=e.tolerance,
        points=len(e.weights),
        broken=int(np.sum(~np.isfinite(e.squares))),
        around=None if e.worst is None else e.worst.around,
    )


def _total(on: str, found: list[Equation], parts: list[Row]) -> Row:
    """The sum of the risks. Its quantiles are those of all equations that stand on several
    points, each counting the same; a condition at one point has no distribution."""
    several = [e for e in found if len(e.weights) > 1 and e.sizes is not None]
    sized = several or [e for e in found if e.sizes is not None]
    quantiles, point = {}, None
    if sized:
        sizes = np.concatenate([e.sizes for e in sized])
        weights = np.concatenate([e.weights / len(sized) for e in sized])
        worst = max((e.worst for e in found if e.worst is not None), key=lambda w: w.value)
        quantiles = {**distribution_of(sizes, weights), "max": logarithm(worst.value)}
        point = worst.point
    known = [row for row in parts if row.outside is not None]
    seen = [row.outside for row in known if row.points > 1] or [row.outside for row in known]
    return Row(
        on=on,
        equation="total",
        risk=sum(row.risk for row in parts),
        error=standard_error(found),
        gap=None,
        rms=None,
        quantiles=quantiles,
        point=point,
        outside=max(seen) if seen else None,
        tolerance=None,
        points=sum({e.term: len(e.weights) for e in found}.values()),
        broken=sum(row.broken for row in parts),
    )


def standard_error(found: list[Equation]) -> float | None:
    """The standard error of the sum of these equations' risks; equations of one term share their
    points. `None` where no term stands on draws."""
    variance, draws = 0.0, False
    for term in sorted({e.term for e in found}):
        own = [e for e in found if e.term == term]
        weights, n = own[0].weights, len(own[0].weights)
        if n == 1:
            continue
        if not own[0].statistical:
            return None
        draws = True
        losses = own[0].multiplier * np.sum([e.losses for e in own], axis=0)
        deviations = losses - np.sum(weights * losses)
        variance += float(np.sum((weights * deviations) ** 2) * n / (n - 1))
    return np.sqrt(variance) if draws else None


def logarithm(sizes: Any) -> Any:
    """log10 |r|; below a hundredth of the rounding of float64 counts as that."""
    return np.log10(np.maximum(sizes, 1e-2 * np.finfo(np.float64).eps))


def distribution_of(sizes: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """Mean and quantiles of log10 |r| under the weights. The mean is over the points where r is not
    exactly zero, as it often is in float32: a logarithm that has no end would stand for these."""
    values = logarithm(sizes)
    seen = sizes > 0 if np.any(sizes > 0) else np.full(sizes.shape, True)
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    at = {
        name: float(
            values[order[min(np.searchsorted(cumulative, q * cumulative[-1]), len(order) - 1)]]
        )
        for name, q in QUANTILES.items()
    }
    mean = np.sum(weights[seen] * values[seen]) / np.sum(weights[seen])
    return {"mean": float(mean), **at}


def samples(on: str, found: list[Equation]) -> list[Sample]:
    return [Sample(on, e.label, e.points, e.sizes) for e in found if e.sizes is not None]
