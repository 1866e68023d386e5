"""Among all solutions, the one of the smallest norm."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._checks import positive, whole
from .._least_squares._algebra import DAMPED, one_thread
from .._least_squares._assembly import Assembly, Equation, LeastSquares
from .._least_squares._null_space import decided_directions
from .._least_squares._trainable import has_network
from .._risk import AbstractRisk, require_sample, require_squares
from .._solution import ended, Interrupted, RESULTS, Solution
from .._types import changed
from ._base import AbstractSolver, require_no_monitors, Task
from ._jax_algebra import solve_on_device
from ._levenberg_marquardt import LevenbergMarquardt
from ._null_space import advance, Iterate, Pair, start, tangent
from ._outcome import Outcome, solution_on_host
from ._refined import Level, refined


class MinimumNorm(AbstractSolver):
    """argmin over theta of norm(f_theta) subject to R(f_theta) = 0.

    An equation without a condition has many solutions; a norm selects one. The norm is itself a
    risk: a Sobolev norm is the risk of a derivative, a norm of weights a risk without
    distribution.

    ```python
    def slope(mu, t):
        return jax.grad(mu)(t)

    norm = fe.Risk(slope, fe.Uniform(0.0, 40.0)).quadrature(48)
    mu = fe.solve(costate, mu, fe.MinimumNorm(norm)).value
    ```

    The constraint decides the directions of theta along which its residual would change by more
    than its tolerance, and the norm the others, by Gauss-Newton steps in that null space; for
    networks, outside of JAX's transformations, by a ridge that is taken away. There may be fewer
    rows than unknowns. `stats["free_directions"]` says how many directions the norm had to
    choose, and `stats["norm"]` the norm that was reached. The selection arrives after the
    residual, and the steps go on until it has: the result is `solved` where the constraint holds
    and the norm is stationary under it, and `not_unique` where the norm does not see some
    direction that the constraint leaves free (but for networks, whose weights nobody expects to
    be determined).

    **Arguments:**

    - `norm`: a sum of squares on a fixed sample.
    - `max_steps`: at most this many steps; two suffice where equation and norm are affine in
      theta. For networks at most this many at each of seven ridges.
    - `accuracy`: the relative error of f up to which it counts as solved.
    - `every`: monitors are called after every so many steps, and at the end; for networks after
      each ridge.

    **Reference:** Ebrahimi Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024),
    "Spooky boundaries at a distance: inductive bias, dynamic models, and behavioral macro"; Engl,
    Kunisch and Neubauer (1989), "Convergence rates for Tikhonov regularisation of non-linear
    ill-posed problems", for the ridge.
    """

    norm: AbstractRisk
    max_steps: int = 300
    accuracy: float = 1e-3
    every: int = 1

    def __check_init__(self) -> None:
        if not isinstance(self.norm, AbstractRisk):
            raise ValueError(
                "`norm` must be a risk, such as `fe.Risk(slope, distribution).quadrature(n)`; got "
                f"{type(self.norm).__name__}"
            )
        whole(self.max_steps, "max_steps")
        positive(self.accuracy, "accuracy")
        whole(self.every, "every")
        for term in self.norm.terms:
            try:
                require_sample(term)
                require_squares(term)
            except ValueError as error:
                raise ValueError(f"`norm` cannot be minimised as it is: {error}") from None

    def minimise(self, task: Task) -> Solution:
        return refined(self._at_level, task)

    def _at_level(self, level: Level) -> Solution:
        task = level.task
        constraint, norm = task.posed(), task._replace(risk=self.norm).posed()
        count, network = len(constraint.data), has_network(task.f)
        pair = Pair(constraint.assembly, norm.assembly, constraint.equations, count)
        method = _InNullSpace(pair, not network, self.max_steps)
        if constraint.traced or norm.traced:
            require_no_monitors(task.monitors)
            return solve_on_device(constraint, method, norm.data, method.tangent)
        if network:
            return _annealed(task, self.norm, self.max_steps)
        return self._on_host(task, constraint, method, [*constraint.data, *norm.data])

    def _on_host(
        self, task: Task, problem: LeastSquares, method: "_InNullSpace", data: list
    ) -> Solution:
        """The loop on the host, where monitors and Ctrl-C have their turn between steps."""
        state, history = start(method.pair, problem.theta, data), []

        def solution() -> Solution:
            out = method.outcome(jax.tree.map(np.asarray, state))
            return solution_on_host(problem, out._replace(history=history))

        try:
            with one_thread(DAMPED):
                while not method.is_done(state):
                    state = advance(method.pair, state, data)
                    history.append(float(state.c @ state.c))
                    if task.monitors and (len(history) % self.every == 0 or method.is_done(state)):
                        metrics = {"risk": history[-1], "norm": float(state.b @ state.b)}
                        metrics["stage"] = "null space"
                        task.tell(int(state.steps), metrics, problem.value(state.theta))
        except KeyboardInterrupt:
            raise Interrupted(solution()) from None
        return solution()


class _InNullSpace(NamedTuple):
    """The iteration; `unique`, whether theta itself has to be determined: the weights of networks
    never are."""

    pair: Pair
    unique: bool
    max_steps: int

    @property
    def equations(self) -> tuple[Equation, ...]:
        return self.pair.equations

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        going = lambda state: ~self.is_done(state)
        step = lambda state: advance(self.pair, state, data)
        return self.outcome(jax.lax.while_loop(going, step, start(self.pair, theta, data)))

    def is_done(self, state: Iterate) -> Any:
        return state.converged | state.failed | (state.steps >= self.max_steps)

    def outcome(self, state: Iterate) -> Outcome:
        return Outcome(
            *(state.theta, state.c, state.steps, state.converged, state.finite),
            more={"norm": state.b @ state.b, "free_directions": state.free},
            undecided=(state.undecided != 0) & self.unique,
        )

    def tangent(
        self, assembly: Assembly, theta: Array, data: list, moving: list
    ) -> tuple[list[Any], Array]:
        """Of the minimum; the risk of the constraint stays at zero."""
        change = tangent(self.pair, theta, data, moving)
        return assembly.leaves(change), jnp.zeros((), assembly.dtype)


def _annealed(task: Task, norm: AbstractRisk, max_steps: int) -> Solution:
    """The solution after the last of some ridges, for networks; solved where the constraint holds
    to within its tolerance and the last steps, of which each ridge has `max_steps`, changed
    nothing.

    Minima of R + ridge * norm tend to the solution of the smallest norm as the ridge goes to 0, off
    by O(ridge). Each of them, from the one before, is what damped least squares is good at, while
    steps in the null space of R have to follow its bends.
    """
    risk, now, history, steps = task.risk, task._replace(key=None, monitors=()), [], 0
    # the norm is stationary long after the residual is small: no digit is too dear
    rounding = float(np.finfo(task.posed().theta.dtype).eps)
    solver = LevenbergMarquardt(max_steps=max_steps, accuracy=rounding)
    penalty = sum([changed(term, tolerance=float("inf")) for term in norm.terms])
    finite = converged = False
    # from 1e-2 by hundredths to where the ridge drowns in rounding: 1e-14 in float64
    for ridge in 10.0 ** np.arange(-2, round(0.9 * np.log10(rounding)) - 1, -2):
        inner = solver.minimise(now._replace(risk=risk + float(ridge) * penalty))
        steps += int(inner.stats["steps"])
        reached = float(risk(inner.value))
        # a smaller ridge with a larger residual: its steps were lost in rounding
        if bool(ended(inner.result, RESULTS.non_finite)) or (history and reached > history[-1]):
            continue
        # stationary, unless the steps ran out before the norm was
        now, finite = now.at(inner.value), True
        converged = int(inner.stats["steps"]) < max_steps
        history.append(reached)
        numbers = {"risk": reached, "norm": float(norm(now.f)), "ridge": float(ridge)}
        task.tell(steps, {**numbers, "stage": "ridge"}, now.f)
    problem = now.posed()
    r, jacobian = problem.linearise(problem.theta)
    more = {"norm": norm(now.f), "free_directions": _free(problem, jacobian)}
    out = Outcome(problem.theta, r, steps, converged, finite, more, history=history)
    return changed(solution_on_host(problem, out), problem=None)


def _free(problem: LeastSquares, jacobian: np.ndarray) -> int:
    """How many directions of theta the constraint leaves free."""
    if not np.isfinite(jacobian).all():
        return problem.theta.size
    sigma = np.linalg.svd(jacobian, compute_uv=False)
    sigma = jnp.asarray(np.pad(sigma, (0, problem.theta.size - sigma.size)))
    decided = decided_directions(sigma, jnp.asarray(problem.theta), problem.equations)
    return problem.theta.size - int(np.sum(decided))
