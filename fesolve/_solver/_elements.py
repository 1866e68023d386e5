"""Series over spectral elements: which sample they are solved on, and how."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._hypothesis._grow import element_series, is_element_series
from .._solution import RESULTS, Solution
from .._types import changed, Hypothesis
from ._base import Task
from ._march import march, march_adaptively, MAX_ELEMENTS
from ._on_elements import initial_values, on_elements
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
    theta = jnp.asarray(problem.theta)
    resolved = True
    if basis.adaptive:
        out = march_adaptively(problem.assembly, layout, MAX_ELEMENTS, theta, problem.data)
        if not bool(out.fits):
            return None
        count = int(out.count)
        breaks = np.asarray(out.breaks[: count + 1])
        resolved = breaks[-1] == np.asarray(basis.breaks)[-1] and not bool(out.failed)
        coefficients = [
            np.concatenate([_joined(np.asarray(h[:count])), np.asarray(end)], -1)
            for h, end in zip(out.heads, out.right, strict=True)
        ]
        f = _with_elements(task.f, breaks, coefficients)
        steps = out.steps
        basis = element_series(f)[0].basis
        problem = task._replace(risk=on_elements(task.risk, basis), f=f).posed()
    else:
        coefficients, steps, fits = march(problem.assembly, layout, theta, problem.data)
        if not bool(fits):
            return None
        problem.theta = np.concatenate([np.ravel(np.asarray(c)) for c in coefficients])
    # beyond the last element that was found, polynomials that are wild may overflow
    with np.errstate(over="ignore", invalid="ignore"):
        r = problem.residuals(problem.theta)
        if not r @ r <= SMALL**2 and not is_local(problem):
            return None
        # an element whose Newton steps do not end has no solution that more of them would find
        out = Outcome(problem.theta, r, int(steps), converged=True, history=[])
        solution = solution_on_host(problem, out)
    stats = {**solution.stats, "elements": np.asarray(basis.number)}
    if not resolved:
        stats[UNRESOLVED_AT] = np.asarray(basis.breaks)[-1]
    result = solution.result if resolved else RESULTS.unresolved
    metrics = {"risk": float(solution.risk), "stage": "elements"}
    task.tell(int(steps), metrics, solution.value)
    return changed(solution, stats=stats, result=result)


def _joined(heads: np.ndarray) -> np.ndarray:
    return np.moveaxis(heads, 0, -2).reshape(*heads.shape[1:-1], -1)


def _with_elements(f: Hypothesis, breaks: np.ndarray, coefficients: list[Any]) -> Hypothesis:
    given = iter(coefficients)

    def change(node: Any) -> Any:
        if not is_element_series(node):
            return node
        where = lambda s: (s.basis.breaks, s.coefficients)
        return eqx.tree_at(where, node, (breaks, jnp.asarray(next(given))))

    return jax.tree.map(change, f, is_leaf=is_element_series)
