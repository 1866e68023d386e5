"""Damped Gauss-Newton steps of which each sees new points: what large networks are solved by.

A fixed sample of fewer points than weights is fitted, and f is free between its points; one of more
points makes a step of P^2 N operations, most of which are in vain while f is still wrong
everywhere. So each step draws a batch of n points, and costs n^2 P in the Gram matrix of its rows.
What a batch does not see is left as the last step had it: with phi that step, the next one is the
d that minimises |r + J d|^2 + damping |d - mu phi|^2, or

    d = mu phi - J^T (J J^T + damping)^-1 (r + mu J phi).

**Reference:** Goldshlager, Abrahamsen and Lin (2024), "A Kaczmarz-inspired approach to accelerate
the optimization of neural network wavefunctions", for the momentum; Guzman-Cordero, Dangel,
Goldshlager and Zeinhofer (2025), "Improving energy natural gradient descent through Woodbury,
momentum, and randomization".
"""

import functools
from typing import Any, NamedTuple

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checkpoint import next_run
from .._compiled import arrays_of, compiled, with_arrays
from .._iteration._acceleration import acceleration, AHEAD
from .._judge import judged
from .._judge._fresh import fresh, SEED
from .._least_squares._assembly import LeastSquares
from .._linear_algebra._host import Damped, threads_for
from .._risk import AbstractRisk
from .._solution import Interrupted, Solution
from .._types import changed, Hypothesis
from ._base import Task
from ._batches import batch, is_fresh
from ._minimum import Outcome, solution_on_host


MOMENTUM = 0.5
"""mu: the share of the last step with which the next one begins."""
LOOK = 10
"""After so many steps the iterate is looked at on points that no step sees."""
FIRST_VERDICT = 40
"""Steps after which f is judged for the first time, and then after twice as many."""
AT_REST = 15
"""Looks without a gain of a twentieth after which the steps are at their end."""
TRIES = 8
"""Attempts on one batch, each with more damping."""
IN_VAIN = 10
"""Batches in a row on which no step gained anything."""


class _Way(NamedTuple):
    """How far the steps have come.

    - `theta`, `last`, `damping`: the iterate, the step that led to it, what is added to the
      diagonal.
    - `best`, `least`: the iterate of the least risk on the points of a look, and that risk.
    - `unit`: the size of the parts of which r is the sum, on the last batch.
    - `steps`, `batches`, `evaluations`: steps taken, batches drawn, residuals computed.
    - `looks`, `vain`: looks since the last gain; batches since the last step.
    - `history`: the risk on each batch before its step; `told`, after how many steps monitors were.
    - `converged`, `finite`, `over`: whether steps gain nothing any more, r and its Jacobian are
      finite, and all is done.
    """

    theta: np.ndarray
    last: np.ndarray
    damping: float
    best: np.ndarray
    least: float
    unit: float
    steps: int
    batches: int
    evaluations: int
    looks: int
    vain: int
    history: np.ndarray
    told: int
    converged: bool
    finite: bool
    over: bool


def in_fresh_batches(solver: Any, task: Task) -> Solution:
    """The best iterate of steps on batches, by its risk on points that no step saw.

    The steps end where f is judged to be as accurate as was asked for, where they gain nothing any
    more, or when they are used up.

    **Arguments:** `solver`, the `LevenbergMarquardt` that says how many points a step sees, how
    many steps there are, the first damping, the accuracy and how often monitors are called.

    **Raises:** `ValueError` inside transformations, since the loop runs on the host;
    `Interrupted` on Ctrl-C, with the best iterate so far.
    """
    if task.traced:
        raise ValueError(
            "`batch` makes steps on the host, and this solve is inside jit, vmap or grad: leave "
            "`batch` out there, or use `fe.Optax(..., batch_size=n)`"
        )
    run, solve = next_run(task.monitors), _Solve(solver, task)
    way = run.begin(solve.begin())
    if way.steps:
        solve.look_at(solve.problem.value(way.best))
    try:
        with threads_for(solve.problem.operations, solve.problem.theta.size):
            while not way.over:
                way = solve.advance(way)
                if way.steps > way.told and (way.steps % solver.every == 0 or way.over):
                    way = way._replace(told=way.steps)
                    numbers = {"risk": float(way.history[-1]), "damping": float(way.damping)}
                    value = solve.problem.value(way.theta)
                    task.tell(way.steps, {**numbers, "stage": "batches"}, value)
                run.keep(way.steps, functools.partial(_Way, *way), over=way.over)
    except KeyboardInterrupt:
        raise Interrupted(solve.solution(way)) from None
    return solve.solution(way)


class _Solve:
    """What stays while theta moves, and the points of the looks, which are drawn anew with every
    verdict."""

    def __init__(self, solver: Any, task: Task) -> None:
        risk, f, trainable, key, _ = task
        key = jr.key(SEED) if key is None else key
        self.solver, self.risk, self.key, self.mask = solver, risk, key, trainable
        self.is_sample = not any(is_fresh(term) for term in risk.terms)
        self.first = batch(risk, f, solver.batch, key)
        self.problem = LeastSquares(self.first, f, trainable)
        self.look_at(f)

    def _drawn(self, f: Hypothesis, number: int) -> AbstractRisk:
        key = jr.fold_in(self.key, number)
        return with_arrays(self.first, _arrays(self.risk, f, self.solver.batch, key))

    def look_at(self, f: Hypothesis) -> None:
        """Takes new points to look at, of p*(x; f) where it depends on f; a sample of which no
        population is known is looked at as a whole."""
        drawn = self._drawn(f, 2**31 - 1)
        found = fresh(drawn, f, [term.count for term in drawn.terms], filling=False)
        sample = found.risk if found.complete or not self.is_sample else self.risk
        self.looked = self.problem.on_points(sample, f) or LeastSquares(sample, f, self.mask)

    def begin(self) -> _Way:
        """Before the first step."""
        theta = np.array(self.problem.theta)
        least, history = self.looked.cost(theta), np.zeros(0, theta.dtype)
        given = (theta, np.zeros_like(theta), -1.0, theta, least, 0.0, 0, 0, 0, 0, 0)
        return _Way(*given, history, 0, False, True, False)

    def advance(self, way: _Way) -> _Way:
        """The way after one more batch."""
        f = self.problem.value(way.theta)
        drawn = self._drawn(f, way.batches + 1)
        problem = self.problem.on_points(drawn, f) or LeastSquares(drawn, f, self.mask)
        r, jacobian = problem.linearise(way.theta)
        way = way._replace(batches=way.batches + 1, evaluations=way.evaluations + 1)
        if not (np.isfinite(r).all() and np.isfinite(jacobian).all()):
            return way._replace(finite=False, over=True)
        unit = float(np.sqrt(r @ r + np.sum((jacobian @ way.theta) ** 2)))
        way = way._replace(unit=unit)
        before, way = way.steps, _stepped(problem, way, r, Damped(jacobian), self.solver.damping)
        if way.vain >= IN_VAIN:
            return way._replace(converged=True, over=True)
        return self._looked_at(way) if way.steps > before else way

    def _looked_at(self, way: _Way) -> _Way:
        """The way with its best iterate and, from time to time, a verdict on that."""
        last = way.steps >= self.solver.max_steps
        if way.steps % LOOK == 0 or last:
            cost = self.looked.cost(way.theta)
            looks = 0 if cost < 0.95 * way.least else way.looks + 1
            way = way._replace(looks=looks, converged=looks >= AT_REST)
            if cost < way.least:
                way = way._replace(best=way.theta, least=cost)
        accurate, (times, rest) = False, divmod(way.steps, FIRST_VERDICT)
        if rest == 0 and times.bit_count() == 1:
            accurate = self._is_accurate(way)
            self.look_at(self.problem.value(way.best))
            way = way._replace(least=self.looked.cost(way.best))
        return way._replace(over=last or way.converged or accurate)

    def _is_accurate(self, way: _Way) -> bool:
        """Whether f is as accurate as was asked for; where its error is not known, whether the
        residual is a tenth of that, relative to its parts."""
        found = judged(self.risk, self.solution(way), self.mask, self.solver.accuracy)
        known = np.isfinite(np.asarray(found.stats["error"]))
        return bool(found.solved) or bool(
            not known and way.least <= (0.1 * self.solver.accuracy * way.unit) ** 2
        )

    def solution(self, way: _Way) -> Solution:
        """The best iterate, with its risk on the points of a look."""
        r = self.looked.residuals(way.best)
        more = {"evaluations": way.evaluations, "damping": way.damping, "batch": self.solver.batch}
        ended = (way.best, r, way.steps, way.converged, way.finite, more)
        out = Outcome(*ended, history=way.history.tolist())
        return changed(solution_on_host(self.looked, out), problem=None)


@compiled
def _arrays(risk: AbstractRisk, f: Hypothesis, size: int, key: PRNGKeyArray) -> list[Any]:
    """The arrays of a batch."""
    return arrays_of(batch(risk, f, size, key))


def _stepped(problem: LeastSquares, way: _Way, r: np.ndarray, damped: Damped, first: float) -> _Way:
    """The way after a step on one batch: the first of some attempts, each with more damping and
    the later ones without the last step, that lowers the risk on it."""
    before, theta, jacobian = float(r @ r), way.theta, damped.jacobian
    damping, last = way.damping, MOMENTUM * way.last
    if damping < 0:
        damping = first * float(damped.diagonal(jacobian))
    evaluations, after, step = way.evaluations, np.inf, last
    for _ in range(TRIES):
        step = damped.step(r + jacobian @ last, damping) + last
        there = problem.residuals(theta + AHEAD * step)
        step = step + acceleration(np, damped.step, r, there, jacobian @ step, step)
        evaluations, after = evaluations + 2, problem.cost(theta + step)
        if after < before:
            break
        damping, last = 4 * max(damping, damped.least), np.zeros_like(last)
    way = way._replace(damping=damping, evaluations=evaluations)
    if not after < before:
        return way._replace(last=np.zeros_like(last), vain=way.vain + 1)
    # what a batch gains beyond half is more than the next one will be worth
    factor = 1 / 3 if after < 0.5 * before else 1 / 1.3 if after < 0.9 * before else 1.5
    return way._replace(
        theta=theta + step,
        last=step,
        damping=max(factor * damping, damped.least),
        steps=way.steps + 1,
        vain=0,
        history=np.append(way.history, before),
    )
