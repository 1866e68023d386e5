"""Among all solutions, the one of the smallest norm: argmin |b(theta)|^2 subject to c(theta) = 0.

A Gauss-Newton step in the null space of the constraint is exact where c and b are affine. Elsewhere
it is damped, in both parts, until the merit function |b|^2 / 2 + weight |c| falls, whose weight is
above the Lagrange multipliers.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._checks import positive, whole
from .._compiled import program
from .._hypothesis._leaves import has_network
from .._least_squares._assembly import Assembly, LeastSquares
from .._least_squares._null_space import decided_directions, Pair, split, tangent
from .._linear_algebra._host import DAMPED, one_thread, singular_values
from .._risk import AbstractRisk, require_sample, require_squares
from .._solution import ended, Interrupted, RESULTS, Solution
from .._types import changed
from ._base import AbstractSolver, require_no_monitors, Task
from ._levenberg_marquardt import LevenbergMarquardt
from ._minimum import Outcome, solution_on_host, solve_on_device
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
    networks, outside of JAX's transformations, by continuation in a penalty. There may be fewer
    rows than unknowns. `stats["free_directions"]` says how many directions the norm had to
    choose, and `stats["norm"]` the norm that was reached. The selection arrives after the
    residual, and the steps go on until it has: the result is `solved` where the constraint holds
    and the norm is stationary under it, and `not_unique` where the norm does not see some
    direction that the constraint leaves free (but for networks, whose weights nobody expects to
    be determined).

    **Arguments:**

    - `norm`: a sum of squares on a fixed sample.
    - `max_steps`: at most this many steps; two suffice where equation and norm are affine in
      theta. For networks, at most this many over all seven penalties.
    - `accuracy`: the relative error of f up to which it counts as solved.
    - `every`: monitors are called after every so many steps, and at the end; for networks after
      each penalty.

    **Reference:** Ebrahimi Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024),
    "Spooky boundaries at a distance: inductive bias, dynamic models, and behavioral macro"; Engl,
    Kunisch and Neubauer (1989), "Convergence rates for Tikhonov regularisation of non-linear
    ill-posed problems", for the penalty.
    """

    norm: AbstractRisk
    max_steps: int = 2_000
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
        return refined(self._at_level, task, self.max_steps)

    def _at_level(self, level: Level) -> Solution:
        task = level.task
        constraint, norm = task.posed(), task._replace(risk=self.norm).posed()
        count, network = len(constraint.data), has_network(task.f)
        pair = Pair(constraint.assembly, norm.assembly, constraint.equations, count)
        method = _InNullSpace(pair, not network, level.left)
        if constraint.traced or norm.traced:
            require_no_monitors(task.monitors)
            return solve_on_device(constraint, method, norm.data, method.tangent)
        if network:
            return _by_penalties(task, self.norm, self.max_steps)
        return self._on_host(task, constraint, method, [*constraint.data, *norm.data])

    def _on_host(
        self, task: Task, problem: LeastSquares, method: "_InNullSpace", data: list
    ) -> Solution:
        """The loop on the host, where monitors and Ctrl-C have their turn between steps."""
        state, history = _start(method.pair, problem.theta, data), []

        def solution() -> Solution:
            out = method.outcome(jax.tree.map(np.asarray, state))
            return solution_on_host(problem, out._replace(history=history))

        try:
            with one_thread(DAMPED):
                while not method.is_done(state):
                    state = _advance(method.pair, state, data)
                    history.append(float(state.c @ state.c))
                    if task.monitors and (len(history) % self.every == 0 or method.is_done(state)):
                        metrics = {"risk": history[-1], "norm": float(state.b @ state.b)}
                        metrics["stage"] = "null space"
                        task.tell(int(state.steps), metrics, problem.value(state.theta))
        except KeyboardInterrupt:
            raise Interrupted(solution()) from None
        return solution()


class _Iterate(NamedTuple):
    """theta with the residuals c and b, and how far the iteration has come.

    - `stalled`: steps since the norm's distance from its minimum, at `best` so far, was halved.
    - `free`, `undecided`: directions that the constraint, and that neither of both decides.
    """

    theta: Float[Array, " P"]
    c: Float[Array, " N"]
    b: Float[Array, " Q"]
    steps: Int[Array, ""]
    converged: Bool[Array, ""]
    failed: Bool[Array, ""]
    finite: Bool[Array, ""]
    damping: Float[Array, ""]
    weight: Float[Array, ""]
    best: Float[Array, ""]
    stalled: Int[Array, ""]
    free: Int[Array, ""]
    undecided: Int[Array, ""]


class _InNullSpace(NamedTuple):
    """The iteration; `unique`, whether theta itself has to be determined: the weights of networks
    never are."""

    pair: Pair
    unique: bool
    max_steps: int

    def __call__(self, assembly: Assembly, theta: Any, data: list) -> Outcome:
        going = lambda state: ~self.is_done(state)
        step = lambda state: _advance(self.pair, state, data)
        return self.outcome(jax.lax.while_loop(going, step, _start(self.pair, theta, data)))

    def is_done(self, state: _Iterate) -> Any:
        return state.converged | state.failed | (state.steps >= self.max_steps)

    def outcome(self, state: _Iterate) -> Outcome:
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


@program(0)
def _start(pair: Pair, theta: Array, data: list) -> _Iterate:
    """The iterate at theta."""
    theta = jnp.asarray(theta)
    c, b = pair.rows(theta, data)
    zero, none, no = jnp.zeros((), theta.dtype), jnp.zeros((), int), jnp.zeros((), bool)
    failed = ~(jnp.isfinite(c).all() & jnp.isfinite(b).all())
    far = jnp.full((), jnp.inf, theta.dtype)
    ended = (none, no, failed, ~failed)
    return _Iterate(theta, c, b, *ended, zero, zero, far, none, none, none)


@program(0)
def _advance(pair: Pair, state: _Iterate, data: list) -> _Iterate:
    """One step."""
    with jax.default_matmul_precision("highest"):
        return _advanced(pair, state, data)


def _advanced(pair: Pair, state: _Iterate, data: list) -> _Iterate:
    theta = state.theta
    eps = float(jnp.finfo(theta.dtype).eps)
    c, c_jacobian, b, b_jacobian = pair.linearised(theta, data)
    parts = split(pair.equations, theta, c, c_jacobian, b_jacobian)
    multipliers = parts.multipliers(b)
    weight = jnp.maximum(state.weight, parts.weight(c, b, multipliers))
    measure = parts.distance(theta, b)
    stalled = jnp.where(measure < 0.5 * state.best, 0, state.stalled + 1)
    # rounding of c is felt in the norm as often as the multipliers say
    rounding = eps * jnp.linalg.norm(c_jacobian) * jnp.maximum(jnp.linalg.norm(theta), 1)
    felt = multipliers * rounding / jnp.maximum(b @ b, jnp.finfo(theta.dtype).tiny)
    most = max(1e-4, eps**0.5)
    near = measure <= jnp.clip(felt, eps**0.5, most)
    converged = (measure <= eps**0.75) | (near & (stalled >= 3))

    def attempt(damping: Array) -> tuple[Array, Array, Array]:
        after = theta + parts.step(b, damping)
        return after, *pair.rows(after, data)

    def merit(c: Array, b: Array) -> Array:
        return 0.5 * b @ b + weight * jnp.linalg.norm(c)

    def accepts(c_after: Array, b_after: Array) -> Array:
        finite = jnp.isfinite(c_after).all() & jnp.isfinite(b_after).all()
        # near the end, rounding decides about the merit, and full steps are right
        return finite & (near | (merit(c_after, b_after) < merit(c, b)))

    def again(trial: tuple) -> Array:
        _, count, _, c_after, b_after = trial
        return (count == 0) | (~accepts(c_after, b_after) & (count <= 30))

    def another(trial: tuple) -> tuple:
        # the first try is in the loop too: a second copy of the residuals costs a compilation
        damping, count, *_ = trial
        damping = jnp.where(count == 0, damping, jnp.maximum(4 * damping, 1e-4))
        return damping, count + 1, *attempt(damping)

    before = (state.damping, jnp.zeros((), int), theta, c, b)
    damping, _, after, c_after, b_after = jax.lax.while_loop(again, another, before)
    moved = accepts(c_after, b_after)
    # where no step of any length lowers the merit, rounding decides about it as well
    converged = converged | (~moved & (jnp.minimum(state.best, measure) <= most))
    finite = jnp.isfinite(c_jacobian).all() & jnp.isfinite(b_jacobian).all()
    less = damping / 10
    return _Iterate(
        jnp.where(moved, after, theta),
        jnp.where(moved, c_after, c),
        jnp.where(moved, b_after, b),
        state.steps + moved.astype(int),
        converged,
        ~finite | (~moved & ~converged),
        finite,
        jnp.where(less < 1e-8, 0, less),
        weight,
        jnp.minimum(state.best, measure),
        stalled,
        jnp.sum(~parts.decides),
        jnp.sum(~parts.decides) - jnp.sum(parts.sigma_norm > 0),
    )


def _by_penalties(task: Task, norm: AbstractRisk, max_steps: int) -> Solution:
    """The solution by continuation in a penalty, for networks; solved where the constraint holds to
    within its tolerance and the norm is stationary at the last penalty.

    Minima of R + penalty * norm tend to the solution of the smallest norm as the penalty goes to 0,
    off by O(penalty). Each of them, from the one before, is found by damped least squares, where
    steps in the null space of R would have to follow its curvature. Each penalty may take an equal
    share of the steps that are left.
    """
    risk, now, history, steps = task.risk, task._replace(key=None, monitors=()), [], 0
    # the norm is stationary long after the residual is small: no digit is too dear
    rounding = float(np.finfo(task.posed().theta.dtype).eps)
    norm_only = sum([changed(term, tolerance=float("inf")) for term in norm.terms])
    finite = converged = False
    # from 1e-2 by hundredths to where the penalty is lost in rounding: 1e-14 in float64
    penalties = 10.0 ** np.arange(-2, round(0.9 * np.log10(rounding)) - 1, -2)
    for number, penalty in enumerate(penalties):
        share = (max_steps - steps) // (len(penalties) - number)
        if not share:
            continue
        solver = LevenbergMarquardt(max_steps=share, accuracy=rounding)
        inner = solver.minimise(now._replace(risk=risk + float(penalty) * norm_only))
        steps += int(inner.stats["steps"])
        reached = float(risk(inner.value))
        # a smaller penalty with a larger residual: its steps were lost in rounding
        if bool(ended(inner.result, RESULTS.non_finite)) or (history and reached > history[-1]):
            continue
        # stationary, unless the steps ran out before the norm was
        now, finite = now.at(inner.value), True
        converged = int(inner.stats["steps"]) < share
        history.append(reached)
        numbers = {"risk": reached, "norm": float(norm(now.f)), "penalty": float(penalty)}
        task.tell(steps, {**numbers, "stage": "penalty"}, now.f)
    problem = now.posed()
    r, jacobian = problem.linearise(problem.theta)
    more = {"norm": norm(now.f), "free_directions": _free(problem, jacobian)}
    out = Outcome(problem.theta, r, steps, converged, finite, more, history=history)
    return changed(solution_on_host(problem, out), problem=None)


def _free(problem: LeastSquares, jacobian: np.ndarray) -> int:
    """How many directions of theta the constraint leaves free."""
    if not np.isfinite(jacobian).all():
        return problem.theta.size
    sigma = singular_values(jacobian)[1]
    sigma = jnp.asarray(np.pad(sigma, (0, problem.theta.size - sigma.size)))
    decided = decided_directions(sigma, jnp.asarray(problem.theta), problem.equations)
    return problem.theta.size - int(np.sum(decided))
