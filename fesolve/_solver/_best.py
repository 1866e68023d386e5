"""The best iterate on points that the solver does not work on.

A network may fit its sample ever better and the rest of the space ever worse. So its iterates are
looked at on as many fresh points as it has, at the price of one residual a step, and where the
last of them is clearly worse there than an earlier one, that one is kept.
"""

import numpy as np

from .._judge._fresh import fresh
from .._least_squares._assembly import LeastSquares
from .._solution import RESULTS
from ._outcome import Outcome


WORSE = 4.0
"""A fresh risk that is larger by this factor is worse."""


class BestOnFresh:
    """The iterate of the least risk on fresh points so far; none where they cannot be had."""

    def __init__(self, problem: LeastSquares) -> None:
        self.problem: LeastSquares | None = None
        self.least, self.theta = np.inf, np.asarray(problem.theta)
        risk = problem.risk
        sample = fresh(risk, problem.f, [term.count for term in risk.terms], filling=False)
        if sample.complete:
            self.problem = LeastSquares(sample.risk, problem.f, problem.mask)

    def cost(self, theta: np.ndarray) -> float:
        """The risk on the fresh points; infinite where it is not finite."""
        assert self.problem is not None
        r = self.problem.residuals(theta)
        return float(np.nan_to_num(r @ r, nan=np.inf))

    def look(self, theta: np.ndarray) -> None:
        """Takes note of an iterate."""
        if self.problem is None:
            return
        cost = self.cost(theta)
        if cost < self.least:
            self.least, self.theta = cost, theta

    def kept(self, problem: LeastSquares, out: Outcome) -> Outcome:
        """The best iterate where the last one is clearly worse on fresh points."""
        if self.problem is None or not self.cost(out.theta) > WORSE * self.least:
            return out
        r, result = problem.residuals(self.theta), RESULTS.overfitted
        return out._replace(theta=self.theta, r=r, converged=False, unfinished=result)
