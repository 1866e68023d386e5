"""Among all solutions, the one of the smallest norm."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checks import positive, whole
from .._compiled import program
from .._least_squares._algebra import DAMPED, one_thread
from .._least_squares._assembly import LeastSquares
from .._least_squares._trainable import has_network
from .._risk import AbstractRisk, require_sample, require_squares
from .._types import Hypothesis
from . import _implicit
from ._annealed import annealed
from ._base import AbstractSolver, Interrupted, RESULTS, Solution
from ._differentiable import Minimum, no_tangent, tangents_of
from ._null_space import advance, Iterate, Pair, start, tangent
from ._outcome import how_it_ended, no_monitors_under_tracing, Outcome
from ._refined import Level, refined
from ._verdict import within_tolerance


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

    **Reference:** Ebrahimi Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024),
    "Spooky boundaries at a distance: inductive bias, dynamic models, and behavioral macro"; Engl,
    Kunisch and Neubauer (1989), "Convergence rates for Tikhonov regularisation of non-linear
    ill-posed problems", for the ridge.
    """

    norm: AbstractRisk
    max_steps: int = 300
    accuracy: float = 1e-3

    def __check_init__(self) -> None:
        if not isinstance(self.norm, AbstractRisk):
            raise ValueError(
                "`norm` must be a risk, such as `fe.Risk(slope, distribution).quadrature(n)`; got "
                f"{type(self.norm).__name__}"
            )
        whole(self.max_steps, "max_steps")
        positive(self.accuracy, "accuracy")
        for term in self.norm.terms:
            try:
                require_sample(term)
                require_squares(term)
            except ValueError as error:
                raise ValueError(f"`norm` cannot be minimised as it is: {error}") from None

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        return refined(self._at_level, risk, f, trainable, monitors=monitors)

    def _at_level(self, level: Level, monitors: tuple) -> Solution:
        risk, f, trainable, *_ = level
        constraint = LeastSquares(risk, f, trainable)
        norm = LeastSquares(self.norm, f, trainable)
        pair = Pair(constraint.assembly, norm.assembly, constraint.equations)
        options = _Options(pair, not has_network(f), self.max_steps)
        traced = constraint.traced or norm.traced
        theta = jax.lax.stop_gradient(jnp.asarray(constraint.theta))
        floats, others = zip(*map(_implicit.separate, (constraint.data, norm.data)), strict=True)
        if not traced and has_network(f):
            return annealed(
                risk, self.norm, f, trainable, max_steps=self.max_steps, monitors=monitors
            )
        if traced:
            no_monitors_under_tracing(monitors)
            out = _minimum(options, theta, floats, others)
            return Solution(constraint.assemble(out.leaves), out.risk, out.result, out.stats)
        return _on_host(options, constraint, theta, floats, others, monitors)


class _Options(NamedTuple):
    """What a program must know at compile time; `unique`, whether theta
    itself has to be determined: the weights of networks never are."""

    pair: Pair
    unique: bool
    max_steps: int


def _on_host(
    options: _Options,
    problem: LeastSquares,
    theta: Array,
    floats: tuple,
    others: tuple,
    monitors: tuple,
) -> Solution:
    """The loop on the host, where monitors and Ctrl-C have their turn between steps."""
    state, history = _start(options.pair, theta, floats, others), []

    def solution() -> Solution:
        out = _conclude(options, state, floats, others)
        return Solution(
            problem.assemble(out.leaves), out.risk, out.result, out.stats, np.asarray(history)
        )

    try:
        with one_thread(DAMPED):
            while not _is_done(options, state):
                state = _advance(options.pair, state, floats, others)
                history.append(float(state.c @ state.c))
                for monitor in monitors:
                    metrics = {"risk": history[-1], "norm": float(state.b @ state.b)}
                    metrics["stage"] = "null space"
                    monitor(int(state.steps), metrics, problem.value(state.theta))
    except KeyboardInterrupt:
        raise Interrupted(solution()) from None
    return solution()


def _is_done(options: _Options, state: Iterate) -> Any:
    return state.converged | state.failed | (state.steps >= options.max_steps)


def _joined(floats: tuple, others: tuple) -> tuple[list, list]:
    return _implicit.join(floats[0], others[0]), _implicit.join(floats[1], others[1])


@program(0)
def _start(pair: Pair, theta: Array, floats: tuple, others: tuple) -> Iterate:
    return start(pair, theta, _joined(floats, others))


@program(0)
def _advance(pair: Pair, state: Iterate, floats: tuple, others: tuple) -> Iterate:
    with jax.default_matmul_precision("highest"):
        return advance(pair, state, _joined(floats, others))


@program(0)
def _conclude(options: _Options, state: Iterate, floats: tuple, others: tuple) -> Minimum:
    """The verdict: solved only where the constraint holds and the selection has converged."""
    decided = (state.undecided == 0) | (not options.unique)
    out = Outcome(state.theta, state.c, state.steps, state.converged, state.finite)
    assembly, data = options.pair.constraint, _joined(floats, others)[0]
    multipliers = [jnp.asarray(bare.multiplier) for bare in assembly.merge(state.theta, data)[0]]
    unfinished = RESULTS.max_steps_reached
    result, rms = how_it_ended(options.pair.equations, unfinished, multipliers, out)
    zero = within_tolerance(options.pair.equations, rms, state.theta.dtype)
    result = RESULTS.where(zero & ~decided, RESULTS.not_unique, result)
    stats = {
        "steps": state.steps,
        "rms": rms,
        "norm": state.b @ state.b,
        "free_directions": state.free,
    }
    return Minimum(assembly.leaves(state.theta), state.c @ state.c, result, stats)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _minimum(options: _Options, theta: Array, floats: tuple, others: tuple) -> Minimum:
    return _compute(options, theta, floats, others)


@program(0)
def _compute(options: _Options, theta: Array, floats: tuple, others: tuple) -> Minimum:
    state = jax.lax.while_loop(
        lambda state: ~_is_done(options, state),
        lambda state: _advance(options.pair, state, floats, others),
        _start(options.pair, theta, floats, others),
    )
    return _conclude(options, state, floats, others)


@_minimum.defjvp
def _(options: _Options, primals: tuple, tangents: tuple) -> tuple:
    theta, floats, others = primals
    out = _minimum(options, theta, floats, others)
    assembly = options.pair.constraint
    moving = tuple(map(tangents_of, floats, tangents[1]))
    at = jnp.concatenate([jnp.ravel(leaf).astype(assembly.dtype) for leaf in out.leaves])
    change = tangent(options.pair, at, floats, others, moving)
    still = jax.tree.map(no_tangent, out)
    return out, still._replace(leaves=assembly.leaves(change))
