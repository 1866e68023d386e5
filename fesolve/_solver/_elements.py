"""Series over spectral elements: which sample they are solved on, and how."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._hypothesis import Series, SpectralElements
from .._least_squares._assembly import LeastSquares
from .._risk import AbstractRisk
from .._types import Hypothesis
from ._base import RESULTS, Solution
from ._march import march, march_adaptively, MAX_ELEMENTS
from ._on_elements import element_series, initial_values, is_element_series, on_elements
from ._outcome import host_solution, Outcome


MAX_HALVINGS = 12
MAX_REFINED = 128
"""Adaptive elements of a problem that is solved as a whole, by dense least squares."""
RESOLVED = 1e-12


def solve_elements(risk: AbstractRisk, f: Hypothesis, trainable: PyTree[bool]) -> Solution | None:
    """The solution of an initial-value problem, element after element; `None` where it is none.

    The risk of the solution is that on degree + 1 Gauss nodes in each element, which are not those
    at which the equation was made to hold, so that elements that are too long show.
    """
    basis = element_series(f)[0].basis
    problem = LeastSquares(on_elements(risk, basis), f, trainable)
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
        f = _with_elements(f, breaks, coefficients)
        steps = out.steps
        basis = element_series(f)[0].basis
        problem = LeastSquares(on_elements(risk, basis), f, trainable)
    else:
        coefficients, steps, fits = march(problem.assembly, layout, theta, problem.data)
        if not bool(fits):
            return None
        problem.theta = np.concatenate([np.ravel(np.asarray(c)) for c in coefficients])
    r = problem.residuals(problem.theta)
    # an element whose Newton steps do not end has no solution that more of them would find
    out = Outcome(problem.theta, r, int(steps), converged=True, history=[])
    solution = host_solution(problem, out)
    stats = {**solution.stats, "elements": np.asarray(basis.number)}
    result = solution.result if resolved else RESULTS.unresolved
    return eqx.tree_at(lambda s: (s.stats, s.result), solution, (stats, result))


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


def has_elements(f: Hypothesis) -> bool:
    """Whether f has a series over spectral elements."""
    return bool(element_series(f))


def solve_refined(
    solve: Callable[[AbstractRisk, Hypothesis], Solution], risk: AbstractRisk, f: Hypothesis
) -> Solution:
    """The solution on adaptive elements of a problem that cannot be marched, as one with
    conditions at both ends: elements whose last Chebyshev coefficients are above rounding are
    halved, and the solution so far is where the next solve starts."""
    solution = solve(on_elements(risk, element_series(f)[0].basis), f)
    for _ in range(MAX_HALVINGS):
        nodes = element_series(solution.value)
        breaks = np.asarray(nodes[0].basis.breaks)
        coarse = np.max([_tails(node) for node in nodes], axis=0) > RESOLVED
        if not coarse.any() or bool(solution.result == RESULTS.non_finite):
            return solution
        if breaks.size > MAX_REFINED:
            break
        middles = (breaks[:-1] + breaks[1:])[coarse] / 2
        breaks = np.sort(np.concatenate([breaks, middles]))
        f = _with_elements(solution.value, breaks, [_on_breaks(node, breaks) for node in nodes])
        solution = solve(on_elements(risk, element_series(f)[0].basis), f)
    stationary = bool(solution.result == RESULTS.not_zero)
    result = RESULTS.unresolved if stationary else solution.result
    return Solution(solution.value, solution.risk, result, solution.stats, solution.history)


def _tails(node: Series) -> np.ndarray:
    """The last two Chebyshev coefficients on each element, as a share of the largest of all."""
    points, to_chebyshev = _chebyshev_points(node.basis)
    values = np.asarray(jax.vmap(jax.vmap(node))(points))
    c = np.abs(np.einsum("kp,ep...->ek...", to_chebyshev, values))
    last = c[:, -2:].reshape(c.shape[0], -1).max(axis=1)
    return last / max(c.max(), np.finfo(c.dtype).tiny)


def _chebyshev_points(basis: SpectralElements) -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev points in each element, and the matrix from values there to coefficients."""
    t = np.cos(np.pi * (np.arange(basis.degree + 1) + 0.5) / (basis.degree + 1))
    breaks = np.asarray(basis.breaks)
    lo, hi = breaks[:-1, None], breaks[1:, None]
    vander = np.polynomial.chebyshev.chebvander(t, basis.degree)
    return lo + (hi - lo) * (t + 1) / 2, np.linalg.inv(vander)


def _on_breaks(node: Series, breaks: np.ndarray) -> np.ndarray:
    """The coefficients of the same function on finer elements."""
    basis = SpectralElements(node.basis.degree, breaks, node.basis.smoothness)
    points, _ = _chebyshev_points(basis)
    parts = []
    for e, x in enumerate(points):
        local = np.asarray(jax.vmap(basis.element(e))(x))
        values = np.asarray(jax.vmap(node)(x))
        parts.append(np.linalg.solve(local, values.reshape(x.size, -1)).T)
    heads = np.concatenate([part[:, : basis.stride] for part in parts], axis=-1)
    coefficients = np.concatenate([heads, parts[-1][:, basis.stride :]], axis=-1)
    return coefficients.reshape(*node.coefficients.shape[:-1], -1)
