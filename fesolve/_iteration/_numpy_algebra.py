"""The iteration on the host, in NumPy, where monitors and Ctrl-C have their turn.

Only the residual and its Jacobian are compiled: a Chebyshev solve takes a millisecond and its
compilation a second, so what is not compiled is won.
"""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from .._linear_algebra._host import DAMPED, Damped, threads_for
from ._algebra import Algebra, Order, Point, Proposal, State, Tried
from ._plans import Plan, Stage
from ._stages import Iteration


Residuals = Callable[[np.ndarray], np.ndarray]
Linearise = Callable[[np.ndarray], tuple[np.ndarray, Any]]


class InNumPy(Algebra):
    """Functions of theta as an iteration sees them; it remembers what the loop has done.

    **Arguments:**

    - `residuals`, `linearise`: r(theta); r and its Jacobian.
    - `holds`: whether every equation holds at a point.
    - `like_rows`: from the first Jacobian a factor for each row, by which the iteration multiplies
      it; `None` where they are as they are.
    - `order`: of the rows in time, if they have one; asked for where it is needed.
    - `report`: a `Reporter`, which is told of each step and of the end, and may keep the state of
      the loop.
    - `steps`: the steps of a Jacobian, which may be sparse.
    - `operations`: multiplications in a step.
    """

    xp = np

    def __init__(
        self,
        residuals: Residuals,
        linearise: Linearise,
        *,
        holds: Callable[[Point], bool] = lambda point: False,
        like_rows: Callable[[Any], Float[np.ndarray, " N"] | None] = lambda jacobian: None,
        order: Callable[[], Order | None] = lambda: None,
        report: Any = None,
        accelerates: bool = True,
        steps: Any = Damped,
        operations: float = 0.0,
    ) -> None:
        self._residuals_at, self._linearise, self._holds = residuals, linearise, holds
        self._like_rows, self._factor = like_rows, None
        self._steps, self.operations = steps, operations
        self._order_of, self.report, self.accelerates = order, report, accelerates
        self.evaluations, self.history, self.eps = 0, [], 0.0
        self._state: State | None = None
        self._damped: Any = None
        self._rows: tuple = ()

    @functools.cached_property
    def order(self) -> Order | None:
        return self._order_of()

    def constant(self, x: float | int | bool) -> Any:
        return self._dtype.type(x) if isinstance(x, float) else x

    def choose(self, flag: Any, a: Any, b: Any) -> Any:
        return a if flag else b

    def either(self, flag: Any, a: Callable[[], Any], b: Callable[[], Any]) -> Any:
        return a() if flag else b()

    branch = either

    def stage(self, plan: Plan, index: int | np.integer) -> Stage:
        stage = plan.stages[index]
        return stage if stage.rtol is not None else stage._replace(rtol=8 * self.eps)

    def run(self, plan: Plan, theta: np.ndarray) -> State:
        """The plan from theta until it is done."""
        iteration = Iteration(self, plan)
        r, jacobian = self.linearised(theta)
        state, onward = iteration.begin(Point(theta, r, jacobian, r @ r))
        state = iteration.onward(state) if onward else state
        if self.report is not None:
            state = self.report.begin(self, state)
        self._state = state
        with contextlib.ExitStack() as guard:
            guarded = False
            while not state.done:
                stage, steps = plan.stages[state.stage], state.steps
                if stage.damped and not guarded:  # SciPy comes with a BLAS of its own
                    guard.enter_context(threads_for(self.operations, DAMPED))
                    guarded = True
                proposal = iteration.propose(state)
                tried = self._tried(proposal, state.weights)
                state, onward = iteration.conclude(state, proposal, tried)
                state = self._state = iteration.onward(state) if onward else state
                if state.steps > steps:
                    self.history.append(float(self.as_given(state.here).cost))
                if self.report is not None and (state.steps > steps or state.done):
                    self.report(self, stage, state)
        return self._ended(iteration.end(state) if plan.affine else state)

    @property
    def latest(self) -> State | None:
        """Where the loop stands, if it has begun."""
        return None if self._state is None else self._ended(self._state)

    def _ended(self, state: State) -> State:
        return state._replace(best=self.as_given(state.best))

    def linearised(self, theta: np.ndarray) -> tuple[np.ndarray, Any]:
        self.evaluations += 1
        r, jacobian = self._linearise(theta)
        self._dtype, self.eps = r.dtype, float(np.finfo(r.dtype).eps)
        if self.evaluations == 1:
            self._factor = self._like_rows(jacobian)
        if self._factor is None:
            return r, jacobian
        return self._factor * r, self._factor[:, None] * jacobian

    def residuals(self, theta: np.ndarray) -> np.ndarray:
        self.evaluations += 1
        r = self._residuals_at(theta)
        return r if self._factor is None else self._factor * r

    def as_given(self, point: Point) -> Point:
        """A point with its rows as they were before they were brought to one size."""
        if self._factor is None:
            return point
        r = point.r / self._factor
        return Point(point.theta, r, point.jacobian / self._factor[:, None], r @ r)

    def holds(self, point: Point) -> bool:
        return bool(self._holds(self.as_given(point)))

    def _tried(self, proposal: Proposal, weights: Any) -> Tried:
        """Where a damped step would not be taken, its Jacobian is not computed."""
        theta, jacobian = proposal.theta, None
        if not np.isfinite(theta).all():
            return Tried(Point(theta, theta, jacobian, np.nan), np.nan, False)
        if proposal.damped:  # a Jacobian costs more than a residual
            r = self.residuals(theta)
            after = _cost(weights, r)
            if not after < proposal.before:
                return Tried(Point(theta, r, jacobian, after), after, bool(np.isfinite(after)))
        r, jacobian = self.linearised(theta)
        cost, finite = r @ r, self.is_finite(r, jacobian)
        after = cost if weights is None else _cost(weights, r)
        return Tried(Point(theta, r, jacobian, cost), after, finite)

    def is_finite(self, r: np.ndarray, jacobian: Any) -> bool:
        return bool(np.isfinite(r).all()) and self._steps.is_finite(jacobian)

    def diagonal(self, jacobian: Any) -> Any:
        return self._steps.diagonal(jacobian)

    def no_weights(self, r: np.ndarray) -> None:
        return None

    def weighted(self, weights: Any, r: np.ndarray, jacobian: Any) -> tuple[np.ndarray, Any]:
        if weights is None:
            return r, jacobian
        # the same objects again for the same point, since its factors are kept
        if not (self._rows and self._rows[0] is weights and self._rows[1] is jacobian):
            self._rows = (weights, jacobian, weights * r, weights[:, None] * jacobian)
        return self._rows[2:]

    def direction(
        self, plan: Plan, damped: bool, r: np.ndarray, jacobian: Any, damping: Any
    ) -> tuple[np.ndarray, Any]:
        if damped:
            factors = self._factors(jacobian)
            return factors.step(r, float(damping)), factors
        if not plan.columns:
            return self._steps.undamped(jacobian, r), None
        columns = list(plan.columns)
        step = np.zeros(jacobian.shape[1], r.dtype)
        step[columns] = self._steps.undamped(jacobian[:, columns], r)
        return step, None

    def _factors(self, jacobian: Any) -> Any:
        if self._damped is None or self._damped.jacobian is not jacobian:
            self._damped = self._steps(jacobian)
        return self._damped

    def damped_again(self, factors: Any, jacobian: Any, b: np.ndarray) -> np.ndarray:
        return factors.step(b)

    def least_damping(self, jacobian: Any) -> float:
        # of the Gram matrix that was factored, weights included
        assert self._damped is not None
        return self._damped.least


def _cost(weights: Any, r: np.ndarray) -> Any:
    rows = r if weights is None else weights * r
    return rows @ rows
