"""p*(x; f): the states that f itself leads to."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._checks import numbered, takes
from .._compiled import compiled
from .._entries import shapes
from .._entry import entry
from .._types import as_array, Hypothesis, is_traced, is_tracing, Point
from ._adapted import as_distribution, unbounded
from ._arrays import check_count
from ._base import AbstractDistribution, Empirical
from ._paths import (
    check_finite,
    check_given,
    evenly,
    first_broken,
    in_precision,
    is_floating,
    no_rule,
    precision,
    shaped_like,
)


APART = 0.5
"""Two paths that saw the same shocks and keep this share of their first distance have hardly
forgotten where they began."""
GROWN = 1.5
"""From the middle to the end the variance of a random walk doubles; an ergodic one has the same."""
PATHS = 512
"""Paths whose spread is looked at: so many that either error is four standard deviations away."""
SHORT = 100
"""With fewer periods nobody can tell a unit root from persistence."""


class Ergodic(AbstractDistribution):
    """The distribution of the states x_burn_in, ..., x_{periods - 1} of x' = step(f, x, e).

    It depends on f: `.given(f)` fixes f, and `fe.Resample` does so again as f improves. Draws are
    data for the solver, so no gradient flows through them; `.simulate` keeps the gradient.

    **Arguments:**

    - `step`: `step(f, x, e, *args)`, the next state, shaped like x.
    - `initial`: the distribution of x_0.
    - `shock`: the distribution of e, drawn anew in each period; `None` for a deterministic
      `step(f, x, *args)`.
    - `periods`: how many states a path has, x_0 included.
    - `burn_in`: how many of them, from x_0 on, are dropped.
    - `args`: further arguments of `step`.

    **Raises:** `ValueError` where it is sampled before f is given; where `step` returns another
    shape than that of x; where a path leaves the finite numbers (under a JAX transformation,
    where nothing can be raised, all states of that path are then nan); and where 100 periods or
    more show no return: paths keep their distance and their spread goes on growing, as with a unit
    root.
    """

    step: Callable[..., Point]
    initial: AbstractDistribution
    shock: AbstractDistribution | None
    args: tuple
    hypothesis: Hypothesis
    periods: int = eqx.field(static=True)
    burn_in: int = eqx.field(static=True)

    def __init__(
        self,
        step: Callable[..., Point],
        initial: Any,
        shock: Any = None,
        *,
        periods: int,
        burn_in: int = 0,
        args: tuple = (),
    ) -> None:
        if not callable(step):
            raise ValueError(f"`step` must be a function `step(f, x, e, *args)`; got {step!r}")
        if not isinstance(args, tuple):
            raise ValueError(f"`args` must be a tuple, such as `(a,)`; got {type(args).__name__}")
        if not isinstance(periods, int | np.integer) or periods < 1:
            raise ValueError(f"`periods` must be a whole number >= 1; got {periods!r}")
        if not isinstance(burn_in, int | np.integer) or not 0 <= burn_in < periods:
            raise ValueError(
                f"`burn_in` must be a whole number from 0 to `periods` - 1 = {periods - 1}, so "
                f"that a state is left; got {burn_in!r}"
            )
        self.step = step
        self.initial = as_distribution(initial, "initial")
        self.shock = None if shock is None else as_distribution(shock)
        remedy = "it is `step(f, x, e, *args)` with a `shock`, and `step(f, x, *args)` without one"
        takes(step, "step", ["f", "x", *([] if shock is None else ["e"]), *numbered(args)], remedy)
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        self.hypothesis = None
        self.periods = int(periods)
        self.burn_in = int(burn_in)

    def given(self, f: Hypothesis) -> "Ergodic":
        """The distribution at this f."""
        return eqx.tree_at(
            lambda p: (p.hypothesis, p.initial, p.shock),
            self,
            (f, self.initial.given(f), None if self.shock is None else self.shock.given(f)),
            is_leaf=lambda x: x is None,
        )

    @entry
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n states of as many independent paths as it takes, evenly spread over each.

        With n = `periods` - `burn_in` they are one path, in the order of time.
        """
        looked_at = self.shock is not None and self.periods >= SHORT
        if is_tracing() or is_traced((self, key)) or not looked_at:
            return jax.lax.stop_gradient(self.simulate(n, key=key))
        check_count("sample", n, key)
        check_given(self.hypothesis, "Ergodic")
        states, broken, apart = _states(self, n, key, True)
        check_finite(np.asarray(broken), self.periods, "`step` of `Ergodic`", "period")
        if not float(apart) < APART:
            _check_return(self, float(apart), key)
        return states

    @entry
    def simulate(self, n: int, *, key: PRNGKeyArray) -> Point:
        """The states of `sample`, differentiable in f and in `args`, and of any law of motion:
        whether it returns is not asked."""
        check_count("sample", n)
        check_given(self.hypothesis, "Ergodic")
        states, broken, _ = _states(self, n, key, False)
        if not is_traced(broken):
            check_finite(np.asarray(broken), self.periods, "`step` of `Ergodic`", "period")
        return states

    def quadrature(self, n: int) -> Empirical:
        """**Raises:** `ValueError`: states are known by simulation alone."""
        raise no_rule("Ergodic")

    @property
    def support(self) -> tuple[Point, Point]:
        """Without bound: where the states stay is for f to decide."""
        return unbounded(self.initial.support[0])


@compiled
def _states(p: Ergodic, n: int, key: PRNGKeyArray, coupled: bool) -> tuple[Point, Array, Array]:
    """n states; for each path the first period that is not finite (`periods` if none is); and, if
    coupled, the share that the first path and a neighbour with the same shocks keep of their
    distance."""
    paths = -(-n // (p.periods - p.burn_in))
    advance, start, shocks = _motion(p, paths, key)
    if not coupled:
        _, path = jax.lax.scan(advance, start, shocks, length=p.periods)
        broken = first_broken(path)
        return evenly(path, broken, n, p.burn_in), broken, jnp.zeros(())

    def both(x: Point, e: tuple) -> tuple[Point, Point]:
        return advance(x, jax.tree.map(lambda a: jnp.concatenate([a, a[:1]]), e))

    start = jax.tree.map(lambda a: jnp.concatenate([a, _neighbour(a[:1])]), start)
    _, path = jax.lax.scan(both, start, shocks, length=p.periods)
    apart = jnp.zeros(())
    for leaf in filter(is_floating, jax.tree.leaves(path)):
        first, last = (jnp.abs(leaf[t, -1] - leaf[t, 0]) for t in (0, -1))
        apart = jnp.maximum(apart, jnp.max(last / first).astype(apart.dtype))
    path = jax.tree.map(lambda a: a[:, :-1], path)
    broken = first_broken(path)
    return evenly(path, broken, n, p.burn_in), broken, apart


def _motion(p: Ergodic, paths: int, key: PRNGKeyArray) -> tuple[Callable, Point, tuple]:
    """How all paths advance by a period, where they start, and their shocks."""
    start_key, shock_key = jr.split(key)
    dtype = precision(p.hypothesis)
    args = in_precision(p.args, dtype)
    start = in_precision(p.initial.sample(paths, key=start_key), dtype)
    shocks: tuple = ()
    if p.shock is not None:
        draws = p.shock.sample(p.periods * paths, key=shock_key)
        shocks = (jax.tree.map(lambda e: e.reshape(p.periods, paths, *e.shape[1:]), draws),)
    shocks = in_precision(shocks, dtype)
    first = jax.tree.map(lambda e: e[0, 0], shocks)
    shapes(p.step, p.hypothesis, jax.tree.map(lambda x: x[0], start), *first, *args)

    def one(x: Point, e: tuple) -> Point:
        following = p.step(p.hypothesis, x, *e, *args)
        return shaped_like(x, following, "`step` of `Ergodic` must return a state")

    def advance(x: Point, e: tuple) -> tuple[Point, Point]:
        return jax.vmap(one)(x, e), x

    return advance, start, shocks


def _neighbour(x: Array) -> Array:
    """Hardly another state, and yet far from rounding."""
    if not is_floating(x):
        return x
    return x + jnp.sqrt(jnp.finfo(x.dtype).eps).astype(x.dtype) * jnp.maximum(jnp.abs(x), 1)


def _check_return(p: Ergodic, apart: float, key: PRNGKeyArray) -> None:
    """**Raises:** `ValueError` where the spread over paths, which have moved from where they began,
    is larger at the end than in the middle."""
    growth = np.concatenate(
        [np.ravel(g) for g in jax.tree.leaves(_growth(p, jr.fold_in(key, PATHS)))]
    )
    coordinate = int(np.argmax(growth))
    if growth[coordinate] > GROWN:
        place = f" in coordinate {coordinate}" if growth.size > 1 else ""
        raise ValueError(
            f"`step` of `Ergodic` does not lead back: after {p.periods} periods two paths with the "
            f"same shocks are still {apart:.2g} times as far apart as they began, and the variance "
            f"over paths{place} has grown by {growth[coordinate]:.2g} from the middle to the end. "
            "With a unit root there is no ergodic distribution: make the process return (an "
            "autocorrelation below 1), take out its trend, or, if it does return and slowly, raise "
            "`periods`. Paths of any law of motion are to be had by `.simulate`"
        )


@compiled
def _growth(p: Ergodic, key: PRNGKeyArray) -> Point:
    """By how much the squared spread over paths of x_t - x_0 grows from the middle to the end."""
    advance, start, shocks = _motion(p, PATHS, key)
    middle = p.periods // 2

    def end_of(x: Point, first: int, last: int) -> Point:
        part = jax.tree.map(lambda e: e[first:last], shocks)
        return jax.lax.scan(lambda x, e: (advance(x, e)[0], None), x, part, length=last - first)[0]

    halfway = end_of(start, 0, middle)
    end = end_of(halfway, middle, p.periods - 1)

    def ratio(x: Array, y: Array, z: Array) -> Array:
        if not is_floating(x):
            return jnp.ones(x.shape[1:])
        before, after = (_spread(a - x) for a in (y, z))
        # A coordinate that does not move, as a parameter that is a state, does not spread.
        still = after <= jnp.finfo(x.dtype).eps * jnp.mean(jnp.abs(x), axis=0)
        grown = jnp.where(still, 1, (after / jnp.where(still, 1, before)) ** 2)
        return jnp.where(jnp.isfinite(grown), grown, jnp.inf)

    return jax.tree.map(ratio, start, halfway, end)


def _spread(x: Array) -> Array:
    return jnp.mean(jnp.abs(x - jnp.median(x, axis=0, keepdims=True)), axis=0)
