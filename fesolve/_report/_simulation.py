"""Paths of the economy under f, and standard errors over them."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._checks import function
from .._compiled import compiled
from .._distribution import Diffusion, Ergodic, Product
from .._types import Hypothesis, Point


Law: TypeAlias = Ergodic | Diffusion
"""A law of motion with its start, shocks and length: what a diagnostic simulates f by."""


def check_law(law: Any) -> None:
    """**Raises:** `ValueError` unless `law` can be simulated."""
    if not isinstance(law, Ergodic | Diffusion):
        raise ValueError(
            f"`law` must be an `fe.Ergodic` or an `fe.Diffusion`; got a {type(law).__name__}"
        )


def check_ergodic(law: Any, *, shock: bool) -> None:
    """**Raises:** `ValueError` unless `law` is an `fe.Ergodic`, with a shock where one is asked."""
    if not isinstance(law, Ergodic):
        raise ValueError(f"`law` must be an `fe.Ergodic`; got a {type(law).__name__}")
    if shock and law.shock is None:
        raise ValueError(
            "`law` has no `shock`: pass one, `fe.Ergodic(step, start, shock, periods=...)`, which "
            "may be an `fe.Dirac`"
        )


def check_paths(name: str, n: Any, at_least: int = 1) -> None:
    """**Raises:** `ValueError` unless n is a whole number of paths, as many as asked."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < at_least:
        raise ValueError(f"`{name}` must be a whole number >= {at_least}; got {n!r}")


def kept(law: Law) -> int:
    """The number of states of a path that are kept."""
    if isinstance(law, Ergodic):
        return law.periods - law.burn_in
    return law.steps + 1 - law.dropped


def times(law: Law) -> Float[np.ndarray, " states"]:
    """The times of the states that are kept, counted from the first of them."""
    length = 1.0 if isinstance(law, Ergodic) else law.horizon / law.steps
    return length * np.arange(kept(law))


def paths(law: Law, f: Hypothesis, n: int, key: PRNGKeyArray) -> Point:
    """n independent paths under f: leaves of shape (n, states, ...).

    **Raises:** `ValueError` where a path leaves the finite numbers.
    """
    return _by_path(law.given(f).simulate(n * kept(law), key=key), n)


@compiled
def paths_or_nan(law: Law, f: Hypothesis, n: int, key: PRNGKeyArray) -> Point:
    """`paths`, but a path that leaves the finite numbers is nan instead of an error."""
    return _by_path(law.given(f).simulate(n * kept(law), key=key), n)


def _by_path(states: Point, n: int) -> Point:
    return jax.tree.map(lambda leaf: leaf.reshape(n, -1, *leaf.shape[1:]), states)


def with_shocks(law: Ergodic, f: Hypothesis, n: int, key: PRNGKeyArray) -> tuple[Point, PyTree]:
    """n paths of states x_t, and of the shocks e_{t+1} that led from each to the next."""
    advance = law.step

    def step(f: Hypothesis, s: Point, e: PyTree, *args: Any) -> Point:
        return {"x": advance(f, s["x"], e, *args), "e": e}

    start = Product(x=law.initial, e=law.shock)
    length = {"periods": law.periods + 1, "burn_in": law.burn_in}
    both = paths(Ergodic(step, start, law.shock, args=law.args, **length), f, n, key)
    today = jax.tree.map(lambda leaf: leaf[:, :-1], both["x"])
    return today, jax.tree.map(lambda leaf: leaf[:, 1:], both["e"])


def state(f: Hypothesis, x: Point) -> Point:
    """x itself: what is looked at where nothing else is asked for."""
    return x


def observed(of: Callable[..., PyTree], f: Hypothesis, states: Point) -> Float[Array, "n t m"]:
    """of(f, x) at each state of each path, its numbers joined into one vector."""
    function(of, "of", "`lambda f, x: f(x)`", ["f", "x"])
    return _observed(of, f, states)


@compiled
def _observed(of: Callable[..., PyTree], f: Hypothesis, states: Point) -> Float[Array, "n t m"]:
    return jax.vmap(jax.vmap(lambda x: as_vector(of(f, x))))(states)


def as_vector(tree: PyTree) -> Float[Array, " m"]:
    """The numbers of a tree in one vector; whole numbers become floating ones."""
    leaves = [jnp.ravel(jnp.asarray(leaf)) for leaf in jax.tree.leaves(tree)]
    real = [leaf.dtype for leaf in leaves if jnp.issubdtype(leaf.dtype, jnp.floating)]
    dtype = np.result_type(*real) if real else jnp.result_type(float)
    return jnp.concatenate([leaf.astype(dtype) for leaf in leaves])


def names_of(of: Callable[..., PyTree], f: Hypothesis, states: Point) -> tuple[str, ...]:
    """The names of the numbers that `of` returns."""
    x = jax.tree.map(lambda leaf: leaf[0, 0], states)
    shapes = jax.eval_shape(lambda x: jax.tree.map(jnp.asarray, of(f, x)), x)
    names: list[str] = []
    for path, leaf in jax.tree_util.tree_leaves_with_path(shapes):
        label = jax.tree_util.keystr(path, simple=True, separator=".") or "x"
        names += [label] if leaf.ndim == 0 else [f"{label}[{i}]" for i in range(leaf.size)]
    return tuple(names)


def jackknife(statistic: Callable[[PyTree], PyTree], averages: PyTree) -> tuple[PyTree, PyTree]:
    """`statistic` at the mean of averages over independent paths, and its standard error.

    Each leaf of `averages` has one entry a path; the error is that of leaving out one at a time.

    **Source:** Efron and Stein (1981), The jackknife estimate of variance, Annals of Statistics.
    """
    n = jax.tree.leaves(averages)[0].shape[0]
    mean = jax.tree.map(lambda a: a.mean(axis=0), averages)
    without = jax.tree.map(lambda m, a: m[None] + (m[None] - a) / (n - 1), mean, averages)
    left_out = jax.vmap(statistic)(without)

    def error(values: Array) -> Array:
        return jnp.sqrt((n - 1) * values.var(axis=0))

    return statistic(mean), jax.tree.map(error, left_out)


def mean_over_paths(values: Float[Array, "n ..."]) -> tuple[Array, Array]:
    """The mean over paths and its standard error; a single path has none, which is zero."""
    n = values.shape[0]
    error = jnp.sqrt(values.var(axis=0) / max(n - 1, 1))
    return values.mean(axis=0), error
