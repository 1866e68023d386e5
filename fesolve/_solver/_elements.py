"""Series over spectral elements: which sample they are solved on, and how."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._risk import AbstractRisk
from .._types import Hypothesis
from ._assembly import LeastSquares
from ._base import RESULTS, Solution
from ._host import Progress
from ._march import (
    _is_element_series,
    can_march,
    condition_terms,
    element_series,
    march,
    march_adaptively,
    MAX_ELEMENTS,
    on_elements,
)
from ._outcome import host_solution


def solve_elements(risk: AbstractRisk, f: Hypothesis, trainable: PyTree[bool]) -> Solution | None:
    """The solution of an initial-value problem, element after element; `None` where it is none.

    The risk of the solution is that on degree + 1 Gauss nodes in each element, which are not those
    at which the equation was made to hold, so that elements that are too long show.
    """
    basis = element_series(f)[0].basis
    problem = LeastSquares(on_elements(risk, basis), f, trainable)
    if problem.traced or not can_march(problem):
        return None
    conditions = condition_terms(problem)
    theta = jnp.asarray(problem.theta)
    resolved = True
    if basis.adaptive:
        out = march_adaptively(problem.assembly, conditions, MAX_ELEMENTS, theta, problem.data)
        count = int(out.count)
        breaks = np.asarray(out.breaks[: count + 1])
        resolved = breaks[-1] == np.asarray(basis.breaks)[-1] and not bool(out.failed)
        coefficients = [
            np.concatenate([_joined(np.asarray(h[:count])), np.asarray(end)], -1)
            for h, end in zip(out.heads, out.right, strict=True)
        ]
        f = _with_elements(f, breaks, coefficients)
        converged, steps, smallest = resolved, out.steps, out.smallest
        basis = element_series(f)[0].basis
        problem = LeastSquares(on_elements(risk, basis), f, trainable)
    else:
        coefficients, converged, steps, smallest = march(
            problem.assembly, conditions, theta, problem.data
        )
        problem.theta = np.concatenate([np.ravel(np.asarray(c)) for c in coefficients])
    r = problem.residuals(problem.theta)
    state = Progress(problem.theta, r, None, int(steps), int(steps), converged=bool(converged))
    solution = host_solution(problem, state, smallest=float(smallest))
    stats = {**solution.stats, "elements": np.asarray(basis.number)}
    result = solution.result if resolved else RESULTS.unresolved
    return eqx.tree_at(lambda s: (s.stats, s.result), solution, (stats, result))


def _joined(heads: np.ndarray) -> np.ndarray:
    return np.moveaxis(heads, 0, -2).reshape(*heads.shape[1:-1], -1)


def _with_elements(f: Hypothesis, breaks: np.ndarray, coefficients: list[Any]) -> Hypothesis:
    given = iter(coefficients)

    def change(node: Any) -> Any:
        if not _is_element_series(node):
            return node
        where = lambda s: (s.basis.breaks, s.coefficients)
        return eqx.tree_at(where, node, (breaks, jnp.asarray(next(given))))

    return jax.tree.map(change, f, is_leaf=_is_element_series)


def has_elements(f: Hypothesis) -> bool:
    """Whether f has a series over spectral elements."""
    return bool(element_series(f))
