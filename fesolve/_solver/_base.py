"""What a solver is, and what it is given."""

import abc
from typing import Any, NamedTuple

import equinox as eqx
from jaxtyping import PRNGKeyArray, PyTree

from .._hypothesis._leaves import same_leaves
from .._least_squares._assembly import LeastSquares
from .._risk import AbstractRisk
from .._show import Called, told
from .._solution import Solution
from .._types import Hypothesis, is_traced, is_tracing


class Task(NamedTuple):
    """What a solver is given.

    - `risk`: what to minimise.
    - `f`: where to begin.
    - `trainable`: which leaves of f are theta, a tree of its structure.
    - `key`: for what the solver draws.
    - `monitors`: who is told of the steps; none inside of JAX's transformations.
    """

    risk: AbstractRisk
    f: Hypothesis
    trainable: PyTree[bool]
    key: PRNGKeyArray | None = None
    monitors: tuple = ()

    @property
    def traced(self) -> bool:
        """Whether the solve becomes part of a program."""
        return is_traced((self.risk, self.f, self.key)) or is_tracing()

    def at(self, f: Hypothesis, **others: Any) -> "Task":
        """The task from another f, whose bases may have been refined."""
        return self._replace(f=f, trainable=same_leaves(self.trainable, f), **others)

    def posed(self) -> LeastSquares:
        """The task as a least-squares problem.

        **Raises:** `ValueError` where it is none.
        """
        return LeastSquares(self.risk, self.f, self.trainable)

    def tell(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        """Tells all monitors."""
        for monitor in self.monitors:
            monitor(step, metrics, f)


class AbstractSolver(Called):
    """A way to compute argmin over theta of R(f_theta).

    - `accuracy`: the relative error of f up to which it counts as solved.
    """

    accuracy: eqx.AbstractVar[float]

    @abc.abstractmethod
    def minimise(self, task: Task) -> Solution:
        """Minimise `task.risk` from `task.f` on, over the leaves that `task.trainable` marks; with
        `task.key` for what is drawn, and `task.monitors`, which `task.tell(step, metrics, f)`
        tells. Raises for what is wrong before it begins; the result is how the iteration ended, of
        which the judge makes a verdict."""


class AbstractOuterSolver(AbstractSolver):
    """A solver around another, which says how accurate f has to be.

    - `solver`: the other one.
    """

    solver: eqx.AbstractVar[AbstractSolver]

    @property
    def accuracy(self) -> float:
        return self.solver.accuracy


class AbstractLeastSquaresSolver(AbstractSolver):
    """A solver that works on the residuals of a fixed sample. Given a population risk, it has the
    sample chosen: more points are taken as long as they lower the error of f.

    - `budget`: at most so many points.
    """

    budget: eqx.AbstractVar[int]


def require_no_monitors(monitors: tuple) -> None:
    """Raises where monitors were given to a solve that runs inside a JAX transformation."""
    if monitors:
        raise ValueError(
            "`monitors` run on the host, and this solve is inside jit, vmap or grad: leave them "
            "out there"
        )


def require_solver(solver: Any) -> AbstractSolver:
    """The solver that another is built around.

    **Raises:** `ValueError` where it is none.
    """
    if not isinstance(solver, AbstractSolver):
        raise ValueError(
            f"`solver` must be a solver such as `fe.LevenbergMarquardt()`; got {told(solver)}"
        )
    return solver


def require_key(key: PRNGKeyArray | None, what: str) -> PRNGKeyArray:
    """The key.

    **Raises:** `ValueError` where there is none, with `what` is drawn, by whom.
    """
    if key is None:
        raise ValueError(
            f"`key` is missing: {what}. Pass `fe.solve(risk, f, solver, key=jax.random.key(0))`"
        )
    return key
