"""A least-squares solve with its loop on the host, where monitors and Ctrl-C have their turn."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from .._least_squares._algebra import one_thread
from .._least_squares._assembly import LeastSquares
from ._algebra import Plan, Stage, State
from ._base import Interrupted
from ._iteration import iterate
from ._numpy_algebra import InNumPy
from ._outcome import host_solution, Outcome
from ._plans import holds


def on_host(problem: LeastSquares) -> bool:
    """Whether the loop runs on the host: nothing is traced, and the arrays are there anyway."""
    return not problem.traced and jax.default_backend() == "cpu"


def reporter(
    problem: LeastSquares, monitors: tuple, look: Callable[[np.ndarray], None] | None = None
) -> Callable[[Stage, State], None]:
    """What tells monitors, and who else looks at an iterate, of each step."""

    def report(stage: Stage, state: State) -> None:
        theta = state.here.theta
        if look is not None:
            look(theta)
        for monitor in monitors:
            numbers = {"risk": float(state.here.cost), "damping": float(state.damping)}
            monitor(int(state.steps), {**numbers, "stage": stage.name}, problem.value(theta))

    return report


def in_numpy(problem: LeastSquares, **more: Any) -> InNumPy:
    """The algebra of a problem on the host."""
    multipliers = [np.asarray(bare.multiplier, problem.theta.dtype) for bare in problem.bares]
    zero = lambda point: bool(holds(problem.equations, multipliers, point))
    return InNumPy(problem.residuals, problem.linearise, **{"holds": zero, **more})


def run_on_host(
    problem: LeastSquares,
    algebra: InNumPy,
    plan: Plan,
    steps: Callable[[], State] | None = None,
) -> Outcome:
    """Where a plan, or other steps of the same algebra, ends.

    **Raises:** `Interrupted` on Ctrl-C, with the best iterate so far.
    """
    try:
        with one_thread(problem.theta.size):
            state = iterate(algebra, plan, problem.theta) if steps is None else steps()
    except KeyboardInterrupt:
        state = algebra.latest
        if state is None:
            r = problem.residuals(problem.theta)
            out = Outcome(problem.theta, r, 0, converged=False, history=[])
        else:
            out = outcome(algebra, state)
        raise Interrupted(host_solution(problem, out)) from None
    return outcome(algebra, state)


def outcome(algebra: InNumPy, state: State) -> Outcome:
    """What is known where an iteration on the host has ended."""
    best = state.best
    numbers = {
        "evaluations": algebra.evaluations,
        "damping": state.damping,
        "unit": state.unit,
    }
    beyond = None if bool(state.finite) or state.beyond is best.theta else state.beyond
    ended = (best.theta, best.r, state.steps, bool(state.converged), bool(state.finite))
    return Outcome(*ended, more=numbers, history=algebra.history, beyond=beyond)
