"""Who is told of the steps of an iteration on the host: monitors, whoever looks at each iterate,
and whoever keeps the state of the iteration."""

from collections.abc import Callable
from typing import Any

import numpy as np

from .._checkpoint import next_run
from .._iteration._algebra import Point, State
from .._iteration._numpy_algebra import InNumPy
from .._iteration._plans import Stage
from .._judge._fresh import fresh
from .._least_squares._assembly import LeastSquares
from .._solution import RESULTS
from .._types import Hypothesis
from ._minimum import Outcome


WORSE = 4.0
"""A fresh risk that is larger by this factor is worse."""


class BestOnFresh:
    """The iterate of the least risk on fresh points so far.

    A network may fit its sample ever better and the rest of the space ever worse. So its iterates
    are looked at on as many fresh points as it has, at the price of one residual a step, and where
    the last of them is clearly worse there than an earlier one, that one is kept.
    """

    def __init__(self, problem: LeastSquares) -> None:
        self.problem, self.least, self.theta = problem, np.inf, np.asarray(problem.theta)

    def look(self, theta: np.ndarray) -> None:
        """Takes note of an iterate."""
        cost = self.problem.cost(theta)
        if cost < self.least:
            self.least, self.theta = cost, theta

    def kept(self, problem: LeastSquares, out: Outcome) -> Outcome:
        """The best iterate where the last one is clearly worse on fresh points."""
        if not self.problem.cost(out.theta) > WORSE * self.least:
            return out
        r, result = problem.residuals(self.theta), RESULTS.overfitted
        return out._replace(theta=self.theta, r=r, converged=False, unfinished=result)


def best_on_fresh(problem: LeastSquares) -> BestOnFresh | None:
    """What keeps the best iterate of a solve; `None` where fresh points cannot be had."""
    risk, f = problem.risk, problem.f
    sample = fresh(risk, f, [term.count for term in risk.terms], filling=False)
    return BestOnFresh(LeastSquares(sample.risk, f, problem.mask)) if sample.complete else None


class Reporter:
    """Tells monitors of every so many steps and of the last, and `best` of each."""

    def __init__(
        self,
        value: Callable[[np.ndarray], Hypothesis],
        monitors: tuple,
        every: int = 1,
        best: BestOnFresh | None = None,
    ) -> None:
        self.value, self.monitors, self.every, self.best = value, monitors, every, best
        self.told, self.run = 0, next_run(())

    def __call__(self, algebra: InNumPy, stage: Stage, state: State) -> None:
        """After a step, and once more where all is done."""
        steps, here = int(state.steps), algebra.as_given(state.here)
        theta = here.theta
        if self.best is not None:
            self.best.look(theta)
        if steps > self.told and (steps % self.every == 0 or state.done):
            self.told = steps
            numbers = {"risk": float(here.cost), "damping": float(state.damping)}
            for monitor in self.monitors:
                monitor(steps, {**numbers, "stage": stage.name}, self.value(theta))
        self.run.keep(steps, lambda: self._kept(algebra, state), over=bool(state.done))

    def begin(self, algebra: InNumPy, state: State) -> State:
        """The state at which a loop begins, or at which it was when it was kept."""
        self.run = next_run(self.monitors)
        fresh = self._kept(algebra, state)
        held = self.run.begin(fresh)
        if held is fresh:
            return state
        if self.best is not None:
            self.best.least, self.best.theta = float(held["least"]), held["best on fresh"]
        self.told = held["told"]
        found = _restored(held["state"], algebra, state)
        algebra.evaluations, algebra.history = held["evaluations"], held["history"].tolist()
        return found

    def _kept(self, algebra: InNumPy, state: State) -> dict[str, Any]:
        best = self.best
        return {
            "state": _numbers(state),
            "evaluations": algebra.evaluations,
            "history": np.asarray(algebra.history, float),
            "told": self.told,
            "least": np.inf if best is None else best.least,
            "best on fresh": state.here.theta if best is None else best.theta,
        }


_POINTS = ("here", "best")


def _numbers(state: State) -> dict[str, Any]:
    """A state without rows and Jacobians, which follow from theta, and without where the loop
    began, which is known."""
    found = state._asdict()
    del found["start"]
    found |= {name: found[name].theta for name in _POINTS}
    weights = found["weights"]
    return {**found, "weights": np.zeros(0) if weights is None else weights}


def _restored(numbers: dict[str, Any], algebra: InNumPy, state: State) -> State:
    """The state again. What was one object is one object again, since what is computed from a
    Jacobian is kept with it."""
    met: dict[bytes, Point] = {state.start.theta.tobytes(): state.start}

    def point(theta: np.ndarray) -> Point:
        if theta.tobytes() not in met:
            r, jacobian = algebra.linearised(theta)
            met[theta.tobytes()] = Point(theta, r, jacobian, r @ r)
        return met[theta.tobytes()]

    points = {name: point(numbers[name]) for name in _POINTS}
    beyond, weights = numbers["beyond"], numbers["weights"]
    known = met.get(beyond.tobytes())
    return state._replace(
        **{name: value for name, value in numbers.items() if name not in _POINTS},
        **points,
    )._replace(
        beyond=beyond if known is None else known.theta,
        weights=weights if weights.size else None,
    )
