"""p*(x; f): the states that f itself leads to."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from .._compiled import compiled
from .._types import as_array, Hypothesis, is_traced, Point
from ._adapted import as_distribution, unbounded
from ._base import AbstractDistribution, check_count
from ._empirical import Empirical


class Ergodic(AbstractDistribution):
    """The distribution of the states x_burn_in, ..., x_{periods - 1} of x' = step(f, x, e).

    It depends on f: `.given(f)` fixes f, and `fe.Resample` does so again as f improves. Draws are
    data for the solver, so no gradient flows through them; `.simulate` keeps the gradient.

    **Arguments:**

    - `step`: `step(f, x, e, *args)`, the next state, shaped like x.
    - `start`: the distribution of x_0.
    - `shock`: the distribution of e, drawn anew in each period; `None` for a deterministic
      `step(f, x, *args)`.
    - `periods`: how many states a path has, x_0 included.
    - `burn_in`: how many of them, from x_0 on, are dropped.
    - `args`: further arguments of `step`.

    **Raises:** `ValueError` where it is sampled before f is given; where `step` returns another
    shape than that of x; and where a path leaves the finite numbers (under a JAX transformation,
    where nothing can be raised, all states of that path are then nan).
    """

    step: Callable[..., Point]
    start: AbstractDistribution
    shock: AbstractDistribution | None
    args: tuple
    hypothesis: Hypothesis
    periods: int = eqx.field(static=True)
    burn_in: int = eqx.field(static=True)

    def __init__(
        self,
        step: Callable[..., Point],
        start: Any,
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
        self.start = as_distribution(start)
        self.shock = None if shock is None else as_distribution(shock)
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        self.hypothesis = None
        self.periods = int(periods)
        self.burn_in = int(burn_in)

    def given(self, f: Hypothesis) -> "Ergodic":
        """The distribution at this f."""
        return eqx.tree_at(
            lambda p: (p.hypothesis, p.start, p.shock),
            self,
            (f, self.start.given(f), None if self.shock is None else self.shock.given(f)),
            is_leaf=lambda x: x is None,
        )

    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n states of as many independent paths as it takes, evenly spread over each.

        With n = `periods` - `burn_in` they are one path, in the order of time.
        """
        return jax.lax.stop_gradient(self.simulate(n, key=key))

    def simulate(self, n: int, *, key: PRNGKeyArray) -> Point:
        """The states of `sample`, differentiable in f and in `args`."""
        check_count("sample", n)
        if self.hypothesis is None:
            raise ValueError(
                "`Ergodic` depends on f: call `.given(f)` first (on the distribution or on the "
                "risk), or solve with `fe.Resample(solver, n=..., rounds=...)`"
            )
        states, broken = _states(self, n, key)
        if not is_traced(broken):
            _check_paths(np.asarray(broken), self.periods)
        return states

    def quadrature(self, n: int) -> Empirical:
        """**Raises:** `ValueError`: states are known by simulation alone."""
        raise ValueError(
            "`Ergodic` is known by simulation alone and has no quadrature rule: call `.given(f)` "
            "and then `.empirical(n, key=key)`"
        )

    @property
    def support(self) -> tuple[Point, Point]:
        """Without bound: where the states stay is for f to decide."""
        return unbounded(self.start.support[0])


@compiled
def _states(p: Ergodic, n: int, key: PRNGKeyArray) -> tuple[Point, Array]:
    """n states, and for each path the first period that is not finite (`periods` if none is)."""
    kept = p.periods - p.burn_in
    paths = -(-n // kept)
    start_key, shock_key = jr.split(key)
    dtype = _precision(p.hypothesis)
    args = _cast(p.args, dtype)
    start = _cast(p.start.sample(paths, key=start_key), dtype)
    shocks: tuple = ()
    if p.shock is not None:
        draws = p.shock.sample(p.periods * paths, key=shock_key)
        shocks = (jax.tree.map(lambda e: e.reshape(p.periods, paths, *e.shape[1:]), draws),)
    shocks = _cast(shocks, dtype)

    def one(x: Point, e: tuple) -> Point:
        return _like(x, p.step(p.hypothesis, x, *e, *args))

    def advance(x: Point, e: tuple) -> tuple[Point, Point]:
        return jax.vmap(one)(x, e), x

    _, path = jax.lax.scan(advance, start, shocks, length=p.periods)
    broken = _first_broken(path, p.periods, paths)
    chosen = np.arange(n) * (paths * kept) // n

    def choose(leaf: Array) -> Array:
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            fine = (broken == p.periods).reshape(1, paths, *(1,) * (leaf.ndim - 2))
            leaf = jnp.where(fine, leaf, jnp.nan)
        leaf = jnp.moveaxis(leaf[p.burn_in :], 1, 0)
        return leaf.reshape(paths * kept, *leaf.shape[2:])[chosen]

    return jax.tree.map(choose, path), broken


def _first_broken(path: Point, periods: int, paths: int) -> Array:
    finite = jnp.ones((periods, paths), bool)
    for leaf in jax.tree.leaves(path):
        if jnp.issubdtype(leaf.dtype, jnp.inexact):
            finite &= jnp.isfinite(leaf).reshape(periods, paths, -1).all(axis=2)
    return jnp.where(finite.all(axis=0), periods, jnp.argmin(finite, axis=0))


def _check_paths(broken: np.ndarray, periods: int) -> None:
    count = int((broken < periods).sum())
    if count:
        raise ValueError(
            f"`step` of `Ergodic` gave states that are not finite on {count} of {broken.size} "
            f"paths, first in period {int(broken.min())}: f leads out of the "
            "domain of the model. Begin with an f nearer to the solution, start from other "
            "states, or bound the state in `step`"
        )


def _precision(f: Hypothesis) -> Any:
    """The floating-point dtype of f, in which its states are simulated; None if it has no one."""
    dtypes = {np.dtype(leaf.dtype) for leaf in jax.tree.leaves(f) if _is_floating(leaf)}
    return dtypes.pop() if len(dtypes) == 1 else None


def _cast(tree: Any, dtype: Any) -> Any:
    if dtype is None:
        return tree
    return jax.tree.map(lambda x: jnp.asarray(x, dtype) if _is_floating(x) else x, tree)


def _is_floating(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray) and jnp.issubdtype(x.dtype, jnp.floating)


def _like(x: Point, following: Point) -> Point:
    """The next state with the dtypes of this one, as a scan asks.

    **Raises:** `ValueError` where it is no state.
    """
    following = jax.tree.map(jnp.asarray, following)
    kinds, others = (
        jax.tree.map(lambda leaf: (leaf.shape, jnp.issubdtype(leaf.dtype, jnp.floating)), tree)
        for tree in (x, following)
    )
    if kinds != others:
        shapes, got = (jax.tree.map(jax.typeof, tree) for tree in (x, following))
        raise ValueError(
            f"`step` of `Ergodic` must return a state shaped like x, {shapes}; it returned {got}"
        )
    return jax.tree.map(lambda leaf, old: leaf.astype(old.dtype), following, x)
