"""Fixed points: value iteration, policy evaluation, time iteration."""

import copy
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._checkpoint import next_run
from .._checks import function, tolerance as checked_tolerance, whole
from .._distribution import Dirac
from .._hypothesis._grow import element_series
from .._hypothesis._leaves import has_network
from .._iteration._fixed_point import advance, begin, Rule, Walk
from .._least_squares._assembly import (
    Assembly,
    LeastSquares,
    residuals,
)
from .._least_squares._large import batch_for
from .._least_squares._rows import Inverse, inverse
from .._least_squares._tolerances import default_tolerance
from .._risk import AbstractRisk
from .._solution import ended, Interrupted, RESULTS, Solution
from .._types import changed, Hypothesis
from ._base import AbstractOuterSolver, AbstractSolver, require_no_monitors, Task
from ._held import check_step, StepAssembly, with_step
from ._levenberg_marquardt import in_program, LevenbergMarquardt, minimum, or_default
from ._minimum import Outcome, solution_on_host, solve_on_device, Staged
from ._refined import Level, refined


class FixedPoint(AbstractOuterSolver):
    """f_{k+1} = argmin over f of E[step(f, f_k, x)^2], until f_k no longer changes.

    The residual of the risk is the equation as a whole, and gives the points, `args`, shock,
    tolerance and verdict. `step(f, g, x, *args)`, with a shock `step(f, g, x, e, *args)`, is the
    same residual with part of it held at the last function g, so that `step(f, f, x)` is
    `residual(f, x)`:

    ```python
    def bellman(v, k):                       # value iteration: all of tomorrow is held,
        return bellman_step(v, v, k)

    def bellman_step(v, g, k):               # v(k) = max over c of u(c) + beta g(k^alpha - c)
        q = lambda c: jnp.log(c) + beta * g(k**alpha - c)
        return v(k) - q(fe.argmax(q, 0.0, k**alpha))

    v = fe.solve(fe.Risk(bellman, points), v, fe.FixedPoint(bellman_step)).value
    ```

    Howard's policy iteration takes the policy from g, and solves for the value of that policy;
    time iteration holds tomorrow's policy at g in an Euler equation. A contraction converges from
    everywhere, at its own rate; least squares on the residual converges like Newton's method, from
    close by: `fe.Sequential(fe.FixedPoint(step, max_steps=20), fe.LevenbergMarquardt())` has both.

    The risk of the last f decides about success. `stats` has `steps`; `change`, the root mean
    square by which the last step moved `step(., g, x)`; `contraction`, the mean factor by which
    the last steps shrank it (the discount factor, in value iteration); `contracting`, whether it
    shrank at all; `same_equation`, whether the residual is small where it came to rest.

    Inside `jit` and `vmap` the iteration is one program. Its derivative in the data is that of
    the minimum of the risk itself, by the implicit function theorem: exact where the residual is
    zero, and off by as much as the fixed point of the projected iteration is from that minimum.

    **Arguments:**

    - `step`: see above. It stands in for the first term of the risk that has a distribution;
      conditions stay as they are in each minimisation.
    - `solver`: minimises over f in each step, and says how accurate f has to be; by default
      `LevenbergMarquardt()`. Under tracing it must be one of those.
    - `max_steps`: at most this many steps.
    - `damping`: theta moves this part of the way to the minimum, in (0, 1]; less than 1 tames
      iterations that overshoot.
    - `anderson`: how many earlier steps Anderson's acceleration combines with the last one; 0 for
      none. On smooth problems 2 to 4 turn hundreds of steps into ten; where f has a kink whose
      place moves they may cost some. An accelerated step that leads astray is taken back.
    - `tolerance`: the change, in the unit of the residual, at which the iteration has arrived;
      `None` is 1e-10 in float64, and 30 roundings in float32.
    - `every`: monitors are called after every so many steps, and at the end.

    **Source:** Howard (1960), "Dynamic programming and Markov processes"; Coleman (1990) for time
    iteration; Walker and Ni (2011), "Anderson acceleration for fixed-point iterations".
    """

    step: Callable = eqx.field(converter=lambda f: function(f, "step", "`step(f, g, x, *args)`"))
    solver: AbstractSolver = eqx.field(default=None, converter=or_default)
    max_steps: int = eqx.field(default=3_000, kw_only=True)
    damping: float = eqx.field(default=1.0, kw_only=True)
    anderson: int = eqx.field(default=0, kw_only=True)
    tolerance: float | None = eqx.field(default=None, kw_only=True)
    every: int = eqx.field(default=1, kw_only=True)

    def __check_init__(self) -> None:
        whole(self.max_steps, "max_steps")
        whole(self.anderson, "anderson", 0)
        whole(self.every, "every")
        if not (isinstance(self.damping, int | float | np.number) and 0 < self.damping <= 1):
            raise ValueError(
                f"`damping` must lie in (0, 1], where 1 goes all the way; got {self.damping!r}"
            )
        checked_tolerance(self.tolerance)

    def minimise(self, task: Task) -> Solution:
        return refined(self._at_level, task, self.max_steps)

    def _at_level(self, level: Level) -> Solution:
        task, left = level.task, changed(self, max_steps=level.left)
        index, problem = _iterated(task.risk), task.posed()
        check_step(problem, self.step, index)
        if not problem.traced:
            return left._on_host(task, problem, index)
        require_no_monitors(task.monitors)
        return left._on_device(problem, index)

    def _rule(self, dtype: Any) -> Rule:
        rounding = 30 * float(np.finfo(dtype).eps)
        default = max(1e-4 * default_tolerance(dtype), rounding)
        tolerance = default if self.tolerance is None else self.tolerance
        return Rule(float(self.damping), int(self.anderson), float(tolerance))

    def _on_host(self, task: Task, problem: LeastSquares, index: int) -> Solution:
        keeps_shape = isinstance(self.solver, LevenbergMarquardt) and not (
            element_series(task.f) or self.solver.batch or batch_for(problem)
        )
        steps = (_LeastSquaresSteps if keeps_shape else _SolverSteps)(
            problem, self.step, index, self.solver
        )
        rule = self._rule(steps.theta.dtype)
        run = next_run(task.monitors)
        kept = run.begin(_Kept(begin(jnp.asarray(steps.theta), rule), steps.theta, np.zeros(0)))
        walk, best, history = kept.walk, kept.best, kept.history.tolist()
        over = bool(walk.done) or len(history) == self.max_steps
        try:
            while not over:
                draws = None if task.key is None else jax.random.fold_in(task.key, len(history))
                change, cost = steps.take(np.asarray(walk.theta), draws)
                best = steps.theta if cost < walk.best_risk else best
                numbers = np.asarray([change, cost], steps.theta.dtype)
                walk = advance(rule, walk, steps.theta, *numbers)
                history.append(cost)
                over = bool(walk.done) or len(history) == self.max_steps
                if task.monitors and (over or len(history) % self.every == 0):
                    metrics = {"risk": cost, "change": change, "stage": "fixed point"}
                    task.tell(len(history), metrics, steps.image)
                state = functools.partial(_Kept, walk, best, np.asarray(history))
                run.keep(len(history), state, over=over)
        except KeyboardInterrupt:
            raise Interrupted(_concluded(problem, steps, best, walk, history)) from None
        return _concluded(problem, steps, best, walk, history)

    def _on_device(self, problem: LeastSquares, index: int) -> Solution:
        solver = self.solver
        if not isinstance(solver, LevenbergMarquardt):
            raise ValueError(
                "`solver` of `fe.FixedPoint` must be an `fe.LevenbergMarquardt` inside jit, vmap "
                f"or grad; got {type(solver).__name__}"
            )
        minimise, order = in_program(solver, problem)
        held = StepAssembly(problem.assembly, self.step, index)
        method = _Iteration(held, self._rule(held.dtype), minimise, self.max_steps)
        return _judged(solve_on_device(problem, method, order))


APART = 1e-3
"""A step that is so much smaller than the residual, at one f, is another equation."""


class _Kept(NamedTuple):
    """The state of an iteration, as a checkpoint has it: `best` is theta of the least risk, and
    `history` the risk after each step."""

    walk: Walk
    best: np.ndarray
    history: np.ndarray


def _iterated(risk: AbstractRisk) -> int:
    """The place of the term for which the step stands in."""
    for index, term in enumerate(risk.terms):
        if term.distribution is not None and not isinstance(term.population, Dirac):
            return index
    raise ValueError(
        "`risk` has no term with a distribution for `fe.FixedPoint`'s step to stand in for: every "
        "term is a condition or stands on a `Dirac`"
    )


def _concluded(
    problem: LeastSquares, steps: Any, theta: np.ndarray, walk: Walk, history: list[float]
) -> Solution:
    """The solution at the theta of the smallest risk."""
    r = problem.residuals(theta)
    finite = steps.finite and bool(np.isfinite(r).all())
    last = np.asarray(walk.theta)
    left = _size(steps.held(last)), _size(problem.residuals(last))
    numbers = _numbers(walk) | {"same_equation": _is_same(walk, *left)}
    ended = (theta, r, len(history), bool(walk.converged), finite, numbers)
    return _judged(solution_on_host(problem, Outcome(*ended, history=history)))


def _numbers(walk: Walk) -> dict[str, Array]:
    change, contraction = walk.changes[-1], walk.contraction
    contracting = walk.converged | (~walk.done & (contraction < 1))
    return {"change": change, "contraction": contraction, "contracting": contracting}


def _is_same(walk: Walk, step: Any, residual: Any) -> Any:
    """Whether the iteration came to rest where the residual, too, is as small as the step."""
    return ~(jnp.asarray(walk.converged) & (step < APART * residual))


def _judged(solution: Solution) -> Solution:
    """An iteration that did not contract says so, where its f is no solution all the same, and so
    does one that found where another equation than that of the risk holds."""
    open_ = ended(solution.result, RESULTS.not_zero, RESULTS.max_steps_reached)
    stats = {name: jnp.asarray(value) for name, value in solution.stats.items()}
    stuck = open_ & ~stats["contracting"]
    result = RESULTS.where(stuck, RESULTS.no_contraction, solution.result)
    other = open_ & ~stuck & ~stats["same_equation"]
    result = RESULTS.where(other, RESULTS.other_equation, result)
    return changed(solution, result=result)


class _LeastSquaresSteps:
    """Steps of least squares: the problem is set up once, which takes longer than a step does, and
    g's theta is the first of its data; `finite`, whether the last step was."""

    def __init__(self, problem: LeastSquares, step: Callable, index: int, solver: Any) -> None:
        self.whole, self.solver, self.theta = problem, solver, np.asarray(problem.theta)
        self.finite = True
        self.problem = copy.copy(problem)
        self.problem.assembly = StepAssembly(problem.assembly, step, index)
        # iterates of a network are looked at on other points, which asks for the step as a risk
        self.as_risk = (step, index) if has_network(problem.f) else None
        self.chord: Inverse | None = None
        self.is_first = problem.rows == self.theta.size and not self.as_risk

    @property
    def image(self) -> Hypothesis:
        return self.whole.value(self.theta)

    def held(self, theta: np.ndarray) -> np.ndarray:
        """The rows of step(f, f, x)."""
        self.problem.data = [theta, *self.whole.data]
        return self.problem.residuals(theta)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        problem = self.problem
        problem.theta, problem.data = theta, [theta, *self.whole.data]
        if self.as_risk is not None:
            step, index = self.as_risk
            problem.risk = with_step(self.whole.risk, index, step, self.whole.value(theta))
        before = problem.residuals(theta)
        self.theta, after = self._minimum(before)
        return _size(after - before), _size(self.whole.residuals(self.theta)) ** 2

    def _minimum(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """theta of the minimum, and the rows there.

        What today's f counts for is often the same whatever g is, as in value iteration, so that
        the Jacobian of the first step leads to the zero of every other one. Rows that are rounding
        prove it."""
        problem, chord = self.problem, self.chord
        if chord is not None:
            theta = problem.theta - chord.solve(before)
            after = problem.residuals(theta)
            if _size(after) <= 30 * float(np.finfo(theta.dtype).eps) * chord.unit:
                return theta, after
        found = minimum(self.solver, problem)
        self.finite = _is_finite(found)
        theta = problem.theta_of(found.value)
        self.chord = inverse(problem, theta) if self.is_first else None
        self.is_first = False
        return theta, problem.residuals(theta)


def _is_finite(found: Solution) -> bool:
    return not bool(ended(found.result, RESULTS.non_finite))


class _SolverSteps:
    """Steps of any solver, on any f."""

    def __init__(
        self, problem: LeastSquares, step: Callable, index: int, solver: AbstractSolver
    ) -> None:
        self.problem, self.step, self.index, self.solver = problem, step, index, solver
        self.image, self.theta, self.finite = problem.f, np.asarray(problem.theta), True

    def held(self, theta: np.ndarray) -> Any:
        """The rows of step(f, f, x)."""
        f = self.problem.value(theta)
        return with_step(self.problem.risk, self.index, self.step, f).residuals(f)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        f, mask, whole = self.problem.value(theta), self.problem.mask, self.problem.risk
        risk = with_step(whole, self.index, self.step, f)
        found = self.solver.minimise(Task(risk, f, mask, key))
        self.image, self.finite = found.value, _is_finite(found)
        self.theta = self.problem.theta_of(self.image)
        change = _size(risk.residuals(self.image) - risk.residuals(f))
        return change, _size(whole.residuals(self.image)) ** 2


def _size(rows: Any) -> float:
    return float(np.linalg.norm(np.asarray(rows)))


class _Iteration(NamedTuple):
    """The whole iteration as the method of a compiled program."""

    held: StepAssembly
    rule: Rule
    minimise: Staged
    max_steps: int

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        def body(now: tuple[Walk, Array]) -> tuple[Walk, Array]:
            walk, full = now[0], self.held
            given = [walk.theta, *data]
            found = self.minimise(full, walk.theta, given)
            image = found.theta
            move = residuals(full, image, given) - residuals(full, walk.theta, given)
            r = residuals(assembly, image, data)
            further = advance(self.rule, walk, image, jnp.linalg.norm(move), r @ r)
            return further, jnp.asarray(found.finite)

        start = (begin(jnp.asarray(theta), self.rule), jnp.ones((), bool))
        going = lambda now: ~now[0].done & (now[0].steps < self.max_steps)
        walk, finite = jax.lax.while_loop(going, body, start)
        r = residuals(assembly, walk.best, data)
        end = (walk.best, r, walk.steps, walk.converged)
        step = residuals(self.held, walk.theta, [walk.theta, *data])
        left = map(jnp.linalg.norm, (step, residuals(assembly, walk.theta, data)))
        numbers = _numbers(walk) | {"same_equation": _is_same(walk, *left)}
        return Outcome(*end, finite & jnp.isfinite(r).all(), numbers)
