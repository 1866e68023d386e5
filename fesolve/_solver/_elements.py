"""Series over spectral elements: the sample that decides them, which problems are initial-value
problems, and how these are solved."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._distribution import Dirac, Empirical, Uniform
from .._hypothesis import BSpline, SpectralElements
from .._hypothesis._grow import element_series, is_element_series
from .._least_squares._assembly import LeastSquares
from .._risk import AbstractRisk, SumRisk
from .._solution import RESULTS, Solution
from .._types import changed
from ._base import Task
from ._march import Layout, march, MAX_ELEMENTS, with_elements
from ._on_host import is_local
from ._outcome import Outcome, solution_on_host, UNRESOLVED_AT


SMALL = 1e-4
"""A residual of elements that is larger is looked into."""


def solve_elements(task: Task) -> Solution | None:
    """The solution of an initial-value problem, element after element; `None` where it is none.

    The risk of the solution is that on degree + 1 Gauss nodes in each element, which are not those
    at which the equation was made to hold, so that elements that are too long show.
    """
    basis = element_series(task.f)[0].basis
    problem = task._replace(risk=on_elements(task.risk, basis)).posed()
    layout = None if problem.traced else initial_values(problem)
    if layout is None:
        return None
    room = MAX_ELEMENTS if basis.adaptive else basis.number
    out = march(problem.assembly, layout, room, jnp.asarray(problem.theta), problem.data)
    if not bool(out.fits):
        return None
    count = int(out.count)
    breaks = np.asarray(out.breaks[: count + 1])
    resolved = breaks[-1] == np.asarray(basis.breaks)[-1] and not bool(out.failed)
    coefficients = [
        jnp.asarray(np.concatenate([_joined(np.asarray(h[:count])), np.asarray(end)], -1))
        for h, end in zip(out.heads, out.right, strict=True)
    ]
    f = with_elements(task.f, breaks, coefficients)
    if basis.adaptive:
        basis = element_series(f)[0].basis
        problem = task._replace(risk=on_elements(task.risk, basis), f=f).posed()
    problem.theta = problem.theta_of(f)
    # beyond the last element that was found, polynomials that are wild may overflow
    with np.errstate(over="ignore", invalid="ignore"):
        r = problem.residuals(problem.theta)
        if not r @ r <= SMALL**2 and not is_local(problem):
            return None
        # an element whose Newton steps do not end has no solution that more of them would find
        out = Outcome(problem.theta, r, int(out.steps), converged=True, history=[])
        solution = solution_on_host(problem, out)
    stats = {**solution.stats, "elements": np.asarray(basis.number)}
    if not resolved:
        stats[UNRESOLVED_AT] = np.asarray(basis.breaks)[-1]
    result = solution.result if resolved else RESULTS.unresolved
    metrics = {"risk": float(solution.risk), "stage": "elements"}
    task.tell(out.steps, metrics, solution.value)
    return changed(solution, stats=stats, result=result)


def _joined(heads: np.ndarray) -> np.ndarray:
    return np.moveaxis(heads, 0, -2).reshape(*heads.shape[1:-1], -1)


def on_elements(risk: AbstractRisk, basis: SpectralElements | BSpline) -> AbstractRisk:
    """The risk with each sample of a uniform population moved to Gauss nodes in each element, one
    more than the degree; other terms stay."""
    terms = []
    for term in risk.terms:
        p = term.population
        sampled = isinstance(term.distribution, Empirical) and isinstance(p, Uniform)
        if sampled and jax.tree.leaves(p)[0].shape == ():
            points, shares = _element_nodes(basis, p)
            term = changed(term, distribution=Empirical(points, shares).standing_for(p))
        terms.append(term)
    return SumRisk(tuple(terms)) if isinstance(risk, SumRisk) else terms[0]


def _element_nodes(basis: SpectralElements | BSpline, p: Uniform) -> tuple[Any, Any]:
    """Gauss nodes in the part of each element that lies in the interval of p, with their shares
    of it. The end elements reach as far as the interval does, since their polynomials go on."""
    lower, upper = p.support
    xp = np if all(isinstance(x, np.ndarray) for x in (basis.pieces, *jax.tree.leaves(p))) else jnp
    breaks = xp.asarray(basis.pieces)
    lower, upper = (xp.asarray(x).astype(breaks.dtype) for x in (lower, upper))
    nodes, weights = np.polynomial.legendre.leggauss(basis.degree + 1)
    nodes = xp.asarray((nodes + 1) / 2, breaks.dtype)[None]
    weights = xp.asarray(weights / 2, breaks.dtype)[None]
    inner = xp.clip(breaks[1:-1], lower, upper)
    lo = xp.concatenate([lower[None], inner])[:, None]
    hi = xp.concatenate([inner, upper[None]])[:, None]
    # an element outside has no share; its nodes stand where the residual is sure to be finite
    points = xp.where(hi > lo, lo + (hi - lo) * nodes, (lower + upper) / 2)
    return xp.ravel(points), xp.ravel((hi - lo) * weights) / (upper - lower)


def initial_values(problem: LeastSquares) -> Layout | None:
    """The layout of an initial-value problem in elements: theta are the coefficients of series
    over the same elements, and the conditions, all at the first break, are as many as the values
    and derivatives there, or as many as those without the highest derivative. `None` for what is
    none."""
    series = element_series(problem.f)
    marked = jax.tree.map(
        lambda n: jax.tree.map(lambda _: is_element_series(n), n),
        problem.f,
        is_leaf=is_element_series,
    )
    inside = jax.tree.map(lambda a, b: a and b, problem.mask, marked)
    trained = sum(jax.tree.leaves(problem.mask))
    if not series or not len(series) == trained == sum(jax.tree.leaves(inside)):
        return None
    if not _same_elements([node.basis for node in series]):
        return None
    basis = series[0].basis
    at_start, inner = [], []
    for term in problem.terms:
        p = term.distribution
        if not isinstance(p, Dirac | Empirical) or np.ndim(jax.tree.leaves(p)[0]) > 1:
            return None
        (at_start if isinstance(p, Dirac) else inner).append(p)
    if not all(_equal(p.point, basis.breaks[0]) for p in at_start):
        return None
    outputs = sum(int(np.prod(node.coefficients.shape[:-1])) for node in series)
    widths = {e.term: e.width for e in problem.equations}
    on = tuple(isinstance(term.distribution, Dirac) for term in problem.terms)
    given = sum(widths[i] for i, is_condition in enumerate(on) if is_condition)
    if sum(widths.values()) - given != outputs:
        return None
    closes = given == outputs * basis.smoothness > 0
    return Layout(on, closes) if closes or given == outputs * (basis.smoothness + 1) else None


def _equal(a: Any, b: Any) -> bool:
    if np.shape(a) != () or isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return a is b
    return bool(np.asarray(a) == np.asarray(b))


def _same_elements(bases: list[SpectralElements]) -> bool:
    first = bases[0]
    same = all((b.degree, b.smoothness) == (first.degree, first.smoothness) for b in bases)
    if not same or any(isinstance(b.breaks, jax.core.Tracer) for b in bases):
        return same and all(b.breaks is first.breaks for b in bases)
    return all(np.array_equal(b.breaks, first.breaks) for b in bases)
