"""Descent on the risk by the optimisers of Optax."""

import functools
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checkpoint import next_run
from .._checks import positive, whole
from .._compiled import compiled, Static
from .._dry_run import equation_widths
from .._fingerprint import TracedClosureError
from .._precision import in_dtype
from .._risk import AbstractRisk
from .._show import told
from .._solution import Interrupted, RESULTS, Solution
from .._types import Hypothesis, is_traced, is_tracing
from ._base import AbstractSolver, require_key, require_no_monitors, Task
from ._batches import batch, is_drawn, is_fresh, Orders, orders, orders_after, steps_of
from ._hoisted import Hoisted, hoisted, loose_promotion


CHUNK = 50
"""At most so many steps in one compiled call; monitors and Ctrl-C have their turn in between."""


class Optax(AbstractSolver):
    """argmin over theta of R(f_theta) by steps of an Optax optimiser.

    It takes what least squares cannot: a population risk, of which every step sees a fresh sample,
    losses that are no squares, and products of two draws of a shock. It runs the steps that it was
    given: the result is `solved` where f is right to `accuracy` after them, and else `ran`, which
    is no failure. Coefficients do not fall to rounding by such steps, and cannot tell a degree:
    where a basis leaves it to the solver, all coefficients up to `max_degree` are trained, and
    adaptive elements stay as they were given.

    ```python
    solver = fe.Optax(optax.adam(1e-3), num_steps=2_000, batch_size=256)
    f = fe.solve(risk, f, solver, key=jr.key(0)).value
    by_epochs = fe.Optax(optax.adam(1e-3), num_epochs=50, batch_size=64)   # for data
    ```

    **Arguments:**

    - `optim`: an `optax.GradientTransformation`, `optax.lbfgs()` and its line searches included.
    - `num_steps`: the number of steps.
    - `num_epochs`: in its place, the number of passes through the largest sample of the risk:
      each pass sees every point once, in an order of its own, in batches of which the last may be
      smaller. A point of weight w_i counts as n w_i in the mean over its batch, so that over a
      pass the batches sum to the risk. Smaller samples are gone through as often as it takes.
    - `batch_size`: points that a step sees of each term: fresh draws of a continuous distribution
      (of p*(x; f) at the f of that step, where it depends on f) and of a continuous shock; of a
      sample that has more points, the next ones of its pass or, with `num_steps`, a random choice
      by their weights. `None` is all of a fixed sample.
    - `accuracy`: the relative error of f up to which it counts as solved.
    - `every`: monitors are called after every so many steps, and at the end, with the mean risk
      over the steps since the last call.

    **Raises:** `ValueError` for a continuous distribution without `batch_size`, for draws without
    a `key`, and unless one of `num_steps` and `num_epochs` is given.
    """

    optim: Any
    num_steps: int | None = eqx.field(default=None, kw_only=True)
    num_epochs: int | None = eqx.field(default=None, kw_only=True)
    batch_size: int | None = eqx.field(default=None, kw_only=True)
    accuracy: float = eqx.field(default=1e-3, kw_only=True)
    every: int = eqx.field(default=50, kw_only=True)

    def __check_init__(self) -> None:
        parts = [getattr(self.optim, name, None) for name in ("init", "update")]
        if not all(map(callable, parts)):
            raise ValueError(
                f"`optim` must be an Optax optimiser such as `optax.adam(1e-3)`; got "
                f"{told(self.optim)}"
            )
        if (self.num_steps is None) == (self.num_epochs is None):
            given = "neither" if self.num_steps is None else "both"
            raise ValueError(
                "give one of `num_steps`, steps, and `num_epochs`, passes through a sample; "
                f"got {given}"
            )
        for name in ("num_steps", "num_epochs", "batch_size"):
            if getattr(self, name) is not None:
                whole(getattr(self, name), name)
        whole(self.every, "every")
        positive(self.accuracy, "accuracy")

    def minimise(self, task: Task) -> Solution:
        draws = any(is_drawn(term, self.batch_size) for term in task.risk.terms)
        if draws:
            require_key(task.key, "`fe.Optax(..., batch_size=...)` draws points at each step")
        key, steps = task.key if draws else None, self.steps_on(task.risk)
        theta, rest = eqx.partition(task.f, task.trainable)
        dtype = jnp.result_type(*jax.tree.leaves(theta))
        optim, by_epochs = Hoisted(self.optim, ()), self.num_epochs is not None
        problem = _Problem(in_dtype(task.risk, dtype), rest, optim, self.batch_size, by_epochs)
        if _is_under_trace((problem, theta, key)):
            require_no_monitors(task.monitors)
            return _in_one_trace(problem, theta, key, steps)
        problem = problem._replace(optim=hoisted(self.optim, theta))
        return self._in_chunks(problem, theta, key, steps, task)

    def steps_on(self, risk: AbstractRisk) -> int:
        """How many steps the passes through the sample are, or those that were given."""
        if self.num_epochs is None:
            return self.num_steps
        return steps_of(risk, self.num_epochs, self.batch_size)

    def _in_chunks(
        self, problem: "_Problem", theta: PyTree, key: PRNGKeyArray | None, steps: int, task: Task
    ) -> Solution:
        run = next_run(task.monitors)
        begin = _Iterate(theta, _begin(problem, theta, key))
        way = run.begin(_Way(begin, theta, np.inf, np.zeros(0), 0, 0, True))

        def solution(theta: PyTree) -> Solution:
            risk = _closing_risk(problem, theta, way.history)
            good = way.finite and bool(np.isfinite(risk))
            result = RESULTS.ran if good else RESULTS.non_finite
            stats = {"steps": np.asarray(way.done)}
            return Solution(problem.value(theta), risk, result, stats, way.history)

        try:
            while way.finite and way.done < steps:
                least = min(each - way.done % each for each in (self.every, run.every))
                way = _further(problem, key, way, min(CHUNK, steps - way.done, least))
                over = way.done == steps or not way.finite
                if over or way.done % self.every == 0:
                    mean = float(way.history[way.told :].mean())
                    way = way._replace(told=way.done)
                    metrics = {"risk": mean, "stage": "gradient"}
                    task.tell(way.done, metrics, problem.value(way.at.theta))
                run.keep(way.done, functools.partial(_Way, *way), over=over)
        except KeyboardInterrupt:
            raise Interrupted(solution(way.best)) from None
        return solution(way.at.theta if way.finite else way.best)


class _Problem(NamedTuple):
    """What stays while theta moves."""

    risk: AbstractRisk
    rest: Hypothesis
    optim: Hoisted
    batch_size: int | None
    by_epochs: bool

    def orders(self, key: PRNGKeyArray | None, step: Any) -> Orders | None:
        """The orders of the points at a step, where samples are gone through in passes."""
        if not self.by_epochs or self.batch_size is None or key is None:
            return None
        return orders(self.risk, self.batch_size, key, step)

    def value(self, theta: PyTree) -> Hypothesis:
        return eqx.combine(theta, self.rest)


class _Iterate(NamedTuple):
    theta: PyTree
    optimiser: PyTree


class _Way(NamedTuple):
    """How far a descent has come: where it is, the theta of the least mean risk over a chunk, the
    risk before each step, how many steps are done and how many monitors were told of."""

    at: _Iterate
    best: PyTree
    lowest: float
    history: np.ndarray
    done: int
    told: int
    finite: bool


def _further(problem: _Problem, key: PRNGKeyArray | None, way: _Way, count: int) -> _Way:
    """The way after `count` steps more."""
    counts = (np.asarray(way.done), np.asarray(count))
    at, risks, finite = _advance(problem, way.at, key, *counts, CHUNK)
    risks, finite = np.asarray(risks)[:count], bool(finite)
    mean = float(risks.mean())
    better = finite and mean <= way.lowest
    return way._replace(
        at=at,
        best=at.theta if better else way.best,
        lowest=mean if better else way.lowest,
        history=np.concatenate([way.history, risks]) if way.history.size else risks,
        done=way.done + count,
        finite=finite,
    )


def _in_one_trace(
    problem: _Problem, theta: PyTree, key: PRNGKeyArray | None, steps: int
) -> Solution:
    state = _Iterate(theta, _begin(problem, theta, key))
    state, risks, finite = _advance(problem, state, key, 0, steps, steps)
    risk = _closing_risk(problem, state.theta, risks)
    result = RESULTS.where(finite & jnp.isfinite(risk), RESULTS.ran, RESULTS.non_finite)
    stats = {"steps": jnp.asarray(steps)}
    return Solution(problem.value(state.theta), risk, result, stats, risks)


@compiled
def _begin(problem: _Problem, theta: PyTree, key: PRNGKeyArray | None) -> PyTree:
    """The first state of the optimiser. Compiled once for each problem, so that the dry run of
    the residuals stands here."""
    f = problem.value(theta)
    start = problem.orders(key, 0)
    place = None if start is None else (start, 0)
    for term in batch(problem.risk, f, problem.batch_size, key, place).terms:
        equation_widths(term.name, term.bare, f, solved_for=True)
    with loose_promotion():
        return problem.optim.filled().init(theta)


@compiled
def _advance(
    problem: _Problem,
    state: _Iterate,
    key: PRNGKeyArray | None,
    start: int | Array,
    count: int | Array,
    size: int,
) -> tuple[_Iterate, Array, Array]:
    """`count` steps from the step `start` on: the state, the risk before each step in an array of
    length `size`, and whether theta is finite."""
    import optax

    update = optax.with_extra_args_support(problem.optim.filled()).update

    def step(
        i: Array, carry: tuple[_Iterate, Array, Orders | None]
    ) -> tuple[_Iterate, Array, Orders | None]:
        (theta, optimiser), risks, order = carry
        step_key, place = None if key is None else jr.fold_in(key, start + i), None
        if order is not None:
            order = orders_after(order, problem.risk, problem.batch_size, key, start + i)
            place = (order, start + i)
        f = problem.value(jax.lax.stop_gradient(theta))
        sample = batch(problem.risk, f, problem.batch_size, step_key, place)

        def value_fn(theta: PyTree) -> Array:
            with jax.default_matmul_precision("highest"):
                return sample(problem.value(theta))

        value, grad = jax.value_and_grad(value_fn)(theta)
        with loose_promotion():
            updates, after = update(
                grad, optimiser, theta, value=value, grad=grad, value_fn=value_fn
            )
            new = _Iterate(optax.apply_updates(theta, updates), after)
        new = jax.tree.map(lambda old, x: jnp.asarray(x, jnp.result_type(old)), state, new)
        return new, risks.at[i].set(value.astype(risks.dtype)), order

    dtype = jnp.result_type(*jax.tree.leaves(state.theta))
    begin = (state, jnp.zeros(size, dtype), problem.orders(key, start))
    state, risks, _ = jax.lax.fori_loop(0, count, step, begin)
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.theta)]
    return state, risks, jnp.stack(finite).all()


def _is_under_trace(tree: PyTree) -> bool:
    """Whether a traced value is among the arrays, or hides in a function, such as a learning rate
    in the closure of an optimiser."""
    if is_traced(tree) or is_tracing():
        return True
    try:
        Static(tree)
    except TracedClosureError:
        return True
    return False


def _closing_risk(problem: _Problem, theta: PyTree, risks: Any) -> Any:
    """The risk on the fixed sample; of fresh samples, the mean over the last chunk."""
    if not any(is_fresh(term) for term in problem.risk.terms):
        return problem.risk(problem.value(theta))
    return risks[-CHUNK:].mean() if risks.size else np.asarray(np.nan)
