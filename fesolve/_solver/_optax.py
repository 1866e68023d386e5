"""Descent on the risk by the optimisers of Optax."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checks import positive, whole
from .._compiled import compiled, Static
from .._distribution import AbstractDistribution, Dirac, Empirical
from .._dry_run import equation_widths
from .._evaluation import Pairs
from .._fingerprint import TracedClosureError
from .._precision import in_dtype
from .._risk import AbstractRisk, require_sample, Risk, SumRisk
from .._types import changed, Hypothesis, is_traced, is_tracing
from ._base import AbstractSolver, Interrupted, require_key, RESULTS, Solution
from ._outcome import no_monitors_under_tracing


CHUNK = 50
"""Steps in one compiled call; monitors and Ctrl-C have their turn in between."""


class Optax(AbstractSolver):
    """argmin over theta of R(f_theta) by `num_steps` steps of an Optax optimiser.

    It takes what least squares cannot: a population risk, of which every step sees a fresh sample,
    losses that are no squares, and products of two draws of a shock. It runs the steps that it was
    given: the result is `solved` where f is right to `accuracy` after them, and else `ran`, which
    is no failure.

    ```python
    solver = fe.Optax(optax.adam(1e-3), num_steps=2_000, batch_size=256)
    f = fe.solve(risk, f, solver, key=jr.key(0)).value
    ```

    **Arguments:**

    - `optim`: an `optax.GradientTransformation`, `optax.lbfgs()` and its line searches included.
    - `num_steps`: the number of steps.
    - `batch_size`: points that a step sees of each term: fresh draws of a continuous distribution
      (of p*(x; f) at the f of that step, where it depends on f) and of a continuous shock; of a
      sample that has more points, a random choice by their weights. `None` is all of a fixed
      sample.
    - `accuracy`: the relative error of f up to which it counts as solved.

    **Raises:** `ValueError` for a continuous distribution without `batch_size`, and for draws
    without a `key`.
    """

    optim: Any
    num_steps: int
    batch_size: int | None
    accuracy: float

    def __init__(
        self,
        optim: Any,
        *,
        num_steps: int,
        batch_size: int | None = None,
        accuracy: float = 1e-3,
    ) -> None:
        if not (
            callable(getattr(optim, "init", None)) and callable(getattr(optim, "update", None))
        ):
            raise ValueError(
                f"`optim` must be an Optax optimiser such as `optax.adam(1e-3)`; got {optim!r}"
            )
        for name, number in {"num_steps": num_steps, "batch_size": batch_size}.items():
            if number is not None or name != "batch_size":
                whole(number, name)
        self.optim = optim
        self.num_steps = num_steps
        self.batch_size = batch_size
        positive(accuracy, "accuracy")
        self.accuracy = accuracy

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        draws = any(_is_drawn(term, self.batch_size) for term in risk.terms)
        if draws:
            require_key(key, "`fe.Optax(..., batch_size=...)` draws points at each step")
        theta, rest = eqx.partition(f, trainable)
        dtype = jnp.result_type(*jax.tree.leaves(theta))
        problem = _Problem(in_dtype(risk, dtype), rest, self.optim, self.batch_size)
        key = key if draws else None
        if _is_under_trace((problem, theta, key)):
            no_monitors_under_tracing(monitors)
            return self._in_one_trace(problem, theta, key)
        return self._in_chunks(problem, theta, key, monitors)

    def _in_one_trace(
        self, problem: "_Problem", theta: PyTree, key: PRNGKeyArray | None
    ) -> Solution:
        state = _Iterate(theta, _begin(problem, theta, key))
        state, risks, finite = _advance(problem, state, key, 0, self.num_steps, self.num_steps)
        risk = _closing_risk(problem, state.theta, risks)
        finite &= jnp.isfinite(risk)
        result = RESULTS.where(finite, RESULTS.ran, RESULTS.non_finite)
        stats = {"steps": jnp.asarray(self.num_steps)}
        return Solution(problem.value(state.theta), risk, result, stats, risks)

    def _in_chunks(
        self, problem: "_Problem", theta: PyTree, key: PRNGKeyArray | None, monitors: tuple
    ) -> Solution:
        state, best, lowest = _Iterate(theta, _begin(problem, theta, key)), theta, np.inf
        history, done, finite = np.zeros(0), 0, True

        def solution(theta: PyTree) -> Solution:
            risk = _closing_risk(problem, theta, history)
            good = finite and bool(np.isfinite(risk))
            result = RESULTS.ran if good else RESULTS.non_finite
            stats = {"steps": np.asarray(done)}
            return Solution(problem.value(theta), risk, result, stats, history)

        try:
            while finite and done < self.num_steps:
                count = min(CHUNK, self.num_steps - done)
                state, risks, still_finite = _advance(
                    problem, state, key, np.asarray(done), np.asarray(count), CHUNK
                )
                finite, done = bool(still_finite), done + count
                risks = np.asarray(risks)[:count]
                history = risks if not history.size else np.concatenate([history, risks])
                mean = float(risks.mean())
                if finite and mean <= lowest:
                    best, lowest = state.theta, mean
                for monitor in monitors:
                    monitor(done, {"risk": mean, "stage": "gradient"}, problem.value(state.theta))
        except KeyboardInterrupt:
            raise Interrupted(solution(best)) from None
        return solution(state.theta if finite else best)


class _Problem(NamedTuple):
    """What stays while theta moves."""

    risk: AbstractRisk
    rest: Hypothesis
    optim: Any
    batch_size: int | None

    def value(self, theta: PyTree) -> Hypothesis:
        return eqx.combine(theta, self.rest)


class _Iterate(NamedTuple):
    theta: PyTree
    optimiser: PyTree


@compiled
def _begin(problem: _Problem, theta: PyTree, key: PRNGKeyArray | None) -> PyTree:
    """The first state of the optimiser. Compiled once for each problem, so that the dry run of
    the residuals stands here."""
    f = problem.value(theta)
    for term in _sample(problem, f, key).terms:
        equation_widths(term.name, term.bare, f)
    with _loose_promotion():
        return problem.optim.init(theta)


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

    update = optax.with_extra_args_support(problem.optim).update

    def step(i: Array, carry: tuple[_Iterate, Array]) -> tuple[_Iterate, Array]:
        (theta, optimiser), risks = carry
        step_key = None if key is None else jr.fold_in(key, start + i)
        sample = _sample(problem, problem.value(jax.lax.stop_gradient(theta)), step_key)

        def value_fn(theta: PyTree) -> Array:
            with jax.default_matmul_precision("highest"):
                return sample(problem.value(theta))

        value, grad = jax.value_and_grad(value_fn)(theta)
        with _loose_promotion():
            updates, after = update(
                grad, optimiser, theta, value=value, grad=grad, value_fn=value_fn
            )
            theta_after = optax.apply_updates(theta, updates)
        carried = _in_dtypes_of(state, _Iterate(theta_after, after))
        return carried, risks.at[i].set(value.astype(risks.dtype))

    dtype = jnp.result_type(*jax.tree.leaves(state.theta))
    state, risks = jax.lax.fori_loop(0, count, step, (state, jnp.zeros(size, dtype)))
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.theta)]
    return state, risks, jnp.stack(finite).all()


def _loose_promotion() -> Any:
    """Optax mixes dtypes and ranks, which an application may have forbidden."""
    import contextlib

    stack = contextlib.ExitStack()
    stack.enter_context(jax.numpy_dtype_promotion("standard"))
    stack.enter_context(jax.numpy_rank_promotion("allow"))
    return stack


def _in_dtypes_of(before: PyTree, after: PyTree) -> PyTree:
    return jax.tree.map(lambda old, new: jnp.asarray(new, jnp.result_type(old)), before, after)


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
    if not any(_is_fresh(term) for term in problem.risk.terms):
        return problem.risk(problem.value(theta))
    return risks[-CHUNK:].mean() if risks.size else np.asarray(np.nan)


def _is_continuous(p: Any) -> bool:
    return isinstance(p, AbstractDistribution) and not isinstance(p, Dirac | Empirical)


def _is_fresh(term: Risk) -> bool:
    return _is_continuous(term.distribution) or _is_continuous(term.shock)


def _is_drawn(term: Risk, batch_size: int | None) -> bool:
    """Whether a step draws for this term.

    **Raises:** `ValueError` where it would have to, and `batch_size` does not say how many.
    """
    if batch_size is None:
        try:
            require_sample(term)
        except ValueError as error:
            raise ValueError(
                f"{error}, a fixed sample; or `fe.Optax(..., batch_size=n)`, which draws n points "
                "anew at each step"
            ) from None
        return False
    return _is_fresh(term) or _has_more_points(term, batch_size)


def _has_more_points(term: Risk, batch_size: int) -> bool:
    return isinstance(term.distribution, Empirical) and term.distribution.size > batch_size


def _sample(problem: _Problem, f: Hypothesis, key: PRNGKeyArray | None) -> AbstractRisk:
    """The risk that one step sees."""
    risk, size = problem.risk, problem.batch_size
    if size is None or key is None:
        return risk
    choice_key, draw_key = jr.split(key)
    keys = jr.split(choice_key, len(risk.terms))
    terms = [_some_points(term, size, k) for term, k in zip(risk.terms, keys, strict=True)]
    return SumRisk(tuple(terms)).given(f).empirical(size, key=draw_key)


def _some_points(term: Risk, size: int, key: PRNGKeyArray) -> Risk:
    if not _has_more_points(term, size):
        return term
    weights = jnp.asarray(term.distribution.weights)
    chosen = jr.choice(key, weights.size, (size,), p=weights)
    pick: Callable = lambda tree: jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], tree)
    shock = term.shock
    if isinstance(shock, Pairs):  # draws that belong to points
        shock = Pairs(pick(shock.first), pick(shock.second), shock.population)
    return changed(term, distribution=Empirical(pick(term.distribution.points)), shock=shock)
