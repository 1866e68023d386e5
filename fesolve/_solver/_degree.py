"""The degree of a Chebyshev series, chosen by doubling until its last coefficients are at rounding.

Points and program are those of the largest degree throughout, and a degree is a choice of columns
of the Jacobian: doubling it compiles nothing.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._hypothesis import Chebyshev, Series
from .._least_squares._assembly import LeastSquares, require_rows
from .._risk import AbstractRisk
from .._types import changed, Hypothesis
from ._algebra import Algebra, State
from ._base import RESULTS, Solution
from ._iteration import resume, start
from ._outcome import host_solution, Outcome
from ._plans import newton_plan


FIRST_DEGREE = 16
FIRST_ROOM = 64
"""Most functions are resolved by then; only those that are not pay for a larger program."""


def _is_adaptive(node: Any) -> bool:
    return isinstance(node, Series) and isinstance(node.basis, Chebyshev) and node.basis.adaptive


def _adaptive_series(f: Hypothesis) -> list[Series]:
    leaves = jax.tree.leaves(f, is_leaf=_is_adaptive)
    return [leaf for leaf in leaves if _is_adaptive(leaf)]


def has_free_degree(f: Hypothesis) -> bool:
    """Whether f has a series whose degree the solver chooses."""
    return bool(_adaptive_series(f))


def rooms(f: Hypothesis) -> list[int]:
    """The largest degrees for which programs are compiled, in turn."""
    largest = max(node.basis.max_degree for node in _adaptive_series(f))
    return [largest] if largest <= FIRST_ROOM else [FIRST_ROOM, largest]


def with_points(risk: AbstractRisk, degree: int) -> AbstractRisk:
    """The risk on a quadrature rule of its populations that determines a degree; a sample without
    a population stays."""
    again = [
        changed(term, distribution=term.population) if term.population is not None else term
        for term in risk.terms
    ]
    return sum(again[1:], again[0]).quadrature(degree + 8)


def climb(algebra: Algebra, problem: LeastSquares, max_steps: int) -> tuple[State, int | None]:
    """Gauss-Newton at degrees 16, 32, 64, ... as far as there is room: where that ended, and the
    degree at which the coefficients are at rounding and the equations hold, or `None`.

    A degree starts from the last one where that came near, else from where that began: the risk
    of few coefficients may have minima that the risk of many has not.
    """
    largest = max(node.coefficients.shape[-1] - 1 for node in _adaptive_series(problem.f))
    begin = state = start(algebra, problem.theta)
    degree, adaptive = min(FIRST_DEGREE, largest), _adaptive_leaves(problem)
    tail = lambda: _tail(problem, adaptive, state.best.theta, degree)
    while True:
        columns = problem.columns(within_degree(problem.f, degree))
        if columns.size > state.here.r.size:
            require_rows(problem, columns.size)
        near = newton_plan(20, rtol=1e-4, columns=columns.tolist(), max_steps=max_steps)
        state = resume(algebra, near, state)
        if tail() <= 1e5 * algebra.eps:
            state = resume(
                algebra,
                newton_plan(8, columns=near.columns, max_steps=max_steps),
                state._replace(here=state.best),
            )
            if tail() <= 10 * algebra.eps and algebra.holds(state.best):
                return state._replace(finite=True), degree
        last = degree >= largest
        back = last or state.best.cost > 1e-4 * begin.here.cost
        best = begin.here if back else state.best
        state = state._replace(here=best, best=best)
        if last:
            return state, None
        degree = min(2 * degree, largest)


def within_degree(f: Hypothesis, degree: int) -> PyTree:
    """True at each leaf of f; at the coefficients of adaptive series an array of booleans, which
    leaves out those above `degree`."""

    def mark(node: Any) -> PyTree:
        if not _is_adaptive(node):
            return True
        low = np.broadcast_to(np.arange(node.basis.size) <= degree, node.coefficients.shape)
        marks = jax.tree.map(lambda _: True, node)
        return eqx.tree_at(lambda s: s.coefficients, marks, low)

    return jax.tree.map(mark, f, is_leaf=_is_adaptive)


def _adaptive_leaves(problem: LeastSquares) -> list[bool]:
    """Which leaves of theta are coefficients of adaptive series."""
    marks = jax.tree.map(
        lambda node: jax.tree.map(lambda _: _is_adaptive(node), node),
        problem.f,
        is_leaf=_is_adaptive,
    )
    pairs = zip(jax.tree.leaves(marks), jax.tree.leaves(problem.mask), strict=True)
    return [mark for mark, trained in pairs if trained]


def _tail(problem: LeastSquares, adaptive: list[bool], theta: np.ndarray, degree: int) -> float:
    """The last eighth of the coefficients, at least two since f may be even or odd, as a share of
    the largest."""
    shares = [0.0]
    for leaf, mark in zip(problem.assembly.leaves(theta), adaptive, strict=True):
        if mark:
            c = np.abs(np.asarray(leaf))
            used = min(degree, c.shape[-1] - 1)
            tail = c[..., used - max(2, used // 8) + 1 : used + 1].max()
            shares.append(float(tail / max(c.max(), np.finfo(c.dtype).tiny)))
    return max(shares)


def with_room(f: Hypothesis, degree: int) -> Hypothesis:
    """f with room for `degree` in its adaptive series: cut off, or filled with zeros."""

    def change(node: Any) -> Any:
        if not _is_adaptive(node):
            return node
        basis = Chebyshev(None, node.basis.domain, max_degree=degree)
        c = node.coefficients[..., : degree + 1]
        c = jnp.pad(c, [(0, 0)] * (c.ndim - 1) + [(0, degree + 1 - c.shape[-1])])
        return eqx.tree_at(lambda s: (s.basis, s.coefficients), node, (basis, c))

    return jax.tree.map(change, f, is_leaf=_is_adaptive)


def trimmed(f: Hypothesis, degree: int) -> Hypothesis:
    """f with its adaptive series at the degree that was found."""

    def cut(node: Any) -> Any:
        if not _is_adaptive(node):
            return node
        used = min(degree, node.basis.max_degree)
        basis = Chebyshev(used, node.basis.domain)
        where = lambda s: (s.basis, s.coefficients)
        return eqx.tree_at(where, node, (basis, jnp.asarray(node.coefficients[..., : used + 1])))

    return jax.tree.map(cut, f, is_leaf=_is_adaptive)


def degree_solution(problem: LeastSquares, out: Outcome, degree: int | None) -> Solution:
    """The solution at the degree that was found, or at the largest: `unresolved` where its last
    coefficients are above rounding."""
    largest = max(node.coefficients.shape[-1] - 1 for node in _adaptive_series(problem.f))
    used = largest if degree is None else degree
    solution = host_solution(problem, out)
    result = solution.result
    stationary = bool(result == RESULTS.not_zero) or bool(result == RESULTS.max_steps_reached)
    if degree is None and stationary:
        result = RESULTS.unresolved
    stats = {**solution.stats, "degree": np.asarray(used)}
    value = trimmed(solution.value, used)
    return Solution(value, solution.risk, result, stats, solution.history)
