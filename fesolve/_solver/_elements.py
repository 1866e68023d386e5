"""Series over spectral elements: the sample that decides them, which problems are initial-value
problems, and how these are solved."""

import jax
import jax.numpy as jnp
import numpy as np

from .._distribution import Dirac, Empirical, Uniform
from .._distribution._flat import rule_in_pieces
from .._hypothesis import BSpline, SpectralElements
from .._hypothesis._grow import element_series
from .._least_squares._assembly import by_term, LeastSquares
from .._least_squares._rows import is_local
from .._risk import AbstractRisk, rebuilt
from .._solution import RESULTS, Solution
from .._types import changed
from ._base import Task
from ._march import Layout, march, MAX_ELEMENTS, with_elements
from ._minimum import Outcome, solution_on_host, UNRESOLVED_AT


SMALL = 1e-4
"""A residual of elements that is larger is looked into."""


def solve_elements(task: Task, max_steps: int) -> Solution | None:
    """The solution of an initial-value problem, element after element, in at most so many steps;
    `None` where it is none.

    The risk of the solution is that on degree + 1 Gauss nodes in each element, which are not those
    at which the equation was made to hold, so that elements that are too long show.
    """
    basis = element_series(task.f)[0].basis
    problem = task._replace(risk=on_elements(task.risk, basis)).posed()
    layout = None if problem.traced else initial_values(problem)
    if layout is None:
        return None
    capacity = MAX_ELEMENTS if basis.adaptive else basis.number
    given = (problem.assembly, layout, capacity, jnp.asarray(problem.theta), problem.data)
    marched = march(*given, np.asarray(max_steps))
    if not bool(marched.fits):
        return None
    count, steps = int(marched.count), int(marched.steps)
    breaks = np.asarray(marched.breaks[: count + 1])
    resolved = breaks[-1] == np.asarray(basis.breaks)[-1] and not bool(marched.failed)
    coefficients = [
        jnp.asarray(np.concatenate([_joined(np.asarray(h[:count])), np.asarray(end)], -1))
        for h, end in zip(marched.heads, marched.right, strict=True)
    ]
    f = with_elements(task.f, breaks, coefficients)
    if basis.adaptive:
        basis = element_series(f)[0].basis
        problem = task._replace(risk=on_elements(task.risk, basis), f=f).posed()
    if basis.adaptive or resolved:  # else f stays as it was given: it has no elements beyond
        problem.theta = problem.theta_of(f)
    # beyond the last element that was found, polynomials that are wild may overflow
    with np.errstate(over="ignore", invalid="ignore"):
        r = problem.residuals(problem.theta)
        if not r @ r <= SMALL**2 and not is_local(problem):
            return None
        # an element whose Newton steps do not end has no solution that more of them would find
        out = Outcome(problem.theta, r, steps, converged=True, history=[])
        solution = solution_on_host(problem, out)
    stats, result = {**solution.stats, "elements": np.asarray(basis.number)}, solution.result
    if not resolved and steps >= max_steps:
        result = RESULTS.max_steps_reached
    elif not resolved:
        result, stats[UNRESOLVED_AT] = RESULTS.unresolved, np.asarray(basis.breaks)[-1]
    metrics = {"risk": float(solution.risk), "stage": "elements"}
    task.tell(steps, metrics, solution.value)
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
            term = changed(term, distribution=rule_in_pieces(p, basis.pieces, basis.degree + 1))
        terms.append(term)
    return rebuilt(risk, terms)


def initial_values(problem: LeastSquares) -> Layout | None:
    """The layout of an initial-value problem in elements: theta are the coefficients of series
    over the same elements, and the conditions, all at the first break, are as many as the values
    and derivatives there, or as many as those without the highest derivative. `None` for what is
    none."""
    series, first = element_series(problem.f), element_series(problem.f)[0].basis
    trained = [marks.coefficients for marks in element_series(problem.mask)]
    if not all(trained) or sum(jax.tree.leaves(problem.mask)) != len(series):
        return None
    alike = lambda b: (b.degree, b.smoothness, *np.asarray(b.breaks).tolist())
    if any(alike(node.basis) != alike(first) for node in series):
        return None
    points = [term.distribution for term in problem.terms]
    for p in points:
        if not isinstance(p, Dirac | Empirical) or np.ndim(jax.tree.leaves(p)[0]) > 1:
            return None
    conditions = tuple(isinstance(p, Dirac) for p in points)
    for p in points:
        if isinstance(p, Dirac) and not (np.shape(p.point) == () and p.point == first.breaks[0]):
            return None
    outputs = sum(int(np.prod(node.coefficients.shape[:-1])) for node in series)
    widths = [equation.width for equation in by_term(problem.equations)]
    given = sum(w for w, is_condition in zip(widths, conditions, strict=True) if is_condition)
    if sum(widths) - given != outputs:
        return None
    closes = given == outputs * first.smoothness > 0
    fits = closes or given == outputs * (first.smoothness + 1)
    return Layout(conditions, closes) if fits else None
