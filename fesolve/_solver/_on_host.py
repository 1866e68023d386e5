"""A least-squares solve with its loop on the host, where monitors and Ctrl-C have their turn."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from .._least_squares._algebra import threads_for
from .._least_squares._assembly import blocks, LeastSquares, owners
from .._least_squares._tolerances import holds
from .._least_squares._trainable import has_sparse_rows
from .._solution import Interrupted
from ._algebra import State
from ._iteration import iterate
from ._numpy_algebra import InNumPy
from ._outcome import Outcome, solution_on_host
from ._plans import Plan


LOW, UNLIKE = 0.1, 1e6
"""The share of unknowns that are smooth; the ratio of sizes from which equations are unlike."""


def on_host(problem: LeastSquares) -> bool:
    """Whether the loop runs on the host: nothing is traced, and the arrays are there anyway."""
    return not problem.traced and jax.default_backend() == "cpu"


def in_numpy(problem: LeastSquares, **more: Any) -> InNumPy:
    """The algebra of a problem on the host, by sparse rows where it has them."""
    multipliers = [np.asarray(bare.multiplier, problem.theta.dtype) for bare in problem.bares]
    zero = lambda at: bool(holds(problem.equations, multipliers, *at[:3]))
    given = {"holds": zero, "like_rows": lambda jacobian: _like_rows(problem, jacobian), **more}
    if is_sparse(problem):
        from .._least_squares._banded import BandedSteps
        from .._least_squares._windows import linearised

        return InNumPy(
            problem.residuals,
            lambda theta: linearised(problem, theta)[:2],
            **given | {"steps": BandedSteps, "like_rows": lambda jacobian: None},
        )
    given["operations"] = problem.operations
    return InNumPy(problem.residuals, problem.linearise, **given)


def is_sparse(problem: LeastSquares) -> bool:
    """Whether the Jacobian is kept without its zeros: f is pieced together, and the residual at a
    point does not depend on f elsewhere."""
    return has_sparse_rows(problem.f, problem.mask) and is_local(problem)


def is_local(problem: LeastSquares) -> bool:
    """Whether the residual at a point of an f that is pieced together asks for nothing of other
    pieces, as a delay does."""
    from .._least_squares import _windows  # SciPy's sparse matrices take long to import

    return _windows.is_local(problem)


def _like_rows(
    problem: LeastSquares, jacobian: Float[np.ndarray, "N P"]
) -> Float[np.ndarray, " N"] | None:
    """A factor for each row that brings equations to one size, where they differ so much that no
    progress in the smaller ones would be seen beside the larger: with x in units of 1e-8, f'
    outweighs a condition on f by 1e8. The zero of all of them stays where it is; `None` for
    equations that are alike, and where zero is not expected."""
    if any(equation.tolerance == np.inf for equation in problem.equations):
        return None
    entries = blocks(problem.equations, np.abs(jacobian).max(axis=1))
    largest = np.concatenate([block.max(axis=0) for block in entries])
    if largest.max() <= UNLIKE * largest.min():
        return None
    owner, sizes = owners(problem.equations), []
    for number in range(largest.size):
        columns = np.sqrt(np.sum(jacobian[owner == number] ** 2, axis=0))
        # derivatives of high degree are large in any unit, those of low degree are not
        columns = columns[columns > 0]
        sizes.append(np.quantile(columns, LOW) if columns.size else np.nan)
    sizes = np.array(sizes)
    if not np.isfinite(sizes).all() or sizes.max() <= UNLIKE * sizes.min():
        return None
    return (sizes.max() / sizes)[owner].astype(jacobian.dtype)


def run_on_host(problem: LeastSquares, algebra: InNumPy, plan: Plan) -> Outcome:
    """Where a plan ends.

    **Raises:** `Interrupted` on Ctrl-C, with the best iterate so far.
    """
    try:
        with threads_for(problem.operations, problem.theta.size):
            return _outcome(algebra, plan, iterate(algebra, plan, problem.theta))
    except KeyboardInterrupt:
        state = algebra.latest
        if state is None:
            r = problem.residuals(problem.theta)
            out = Outcome(problem.theta, r, 0, converged=False, history=[])
        else:
            out = _outcome(algebra, plan, state)
        raise Interrupted(solution_on_host(problem, out)) from None


def _outcome(algebra: InNumPy, plan: Plan, state: State) -> Outcome:
    best = algebra.as_given(state.best)
    beyond = None if bool(state.finite) or state.beyond is best.theta else state.beyond
    return Outcome(
        *(best.theta, best.r, state.steps, bool(state.converged), bool(state.finite)),
        more={
            "evaluations": algebra.evaluations,
            "damping": state.damping,
            "unit": state.unit,
        },
        unfinished=plan.unfinished,
        history=algebra.history,
        beyond=beyond,
    )
