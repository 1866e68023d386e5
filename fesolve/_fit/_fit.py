"""A first guess: f close to a known function, by the same empirical risk minimisation."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray, PyTree

from .._checks import function
from .._distribution import as_distribution, Dirac, Empirical
from .._entry import entry
from .._hypothesis._leaves import trainable_leaves
from .._risk import Risk
from .._solve import solve
from .._solver import AbstractSolver, Solution
from .._types import F, Hypothesis, Point
from ._points import points_for


@entry
def fit(
    f: F,
    target: Callable[[Point], PyTree],
    distribution: Any,
    solver: AbstractSolver | None = None,
    *,
    key: PRNGKeyArray | None = None,
) -> Solution[F]:
    """argmin over theta of E[(f(x) - target(x))^2]: f starts from a guess.

    ```python
    f = fe.fit(f, lambda k: 0.3 * k, fe.Uniform(0.1, 2.0)).value
    ```

    **Arguments:**

    - `f`: a callable hypothesis.
    - `target`: the guess, a function of a point with values like those of f.
    - `distribution`: where f should be close to it. A distribution that is no sample yet is
      replaced by a rule with nodes for about twice as many values as f has unknowns: along each
      coordinate of a series as many as its basis asks for.
    - `solver`, `key`: as in `solve`.

    **Returns:** a `Solution`. A guess need not be reached, so no distance fails.
    """
    if not callable(f):
        raise ValueError(
            f"`f` must be callable to be fitted to a function; got {type(f).__name__}. Fit its "
            "parts, or write a risk"
        )
    function(target, "target", "`lambda k: 0.3 * k`", ["x"])
    risk = Risk(_distance, distribution, args=(target,), tolerance=jnp.inf, name="fit")
    p = as_distribution(distribution)
    if not isinstance(p, Dirac | Empirical):
        rule = points_for(f, p)
        if rule is not None:
            return solve(risk.on(rule), f, solver, key=key)
        mask = trainable_leaves(f)
        leaves = zip(jax.tree.leaves(f), jax.tree.leaves(mask), strict=True)
        unknowns = sum(leaf.size for leaf, trained in leaves if trained)
        dimension = sum(jnp.size(leaf) for leaf in jax.tree.leaves(p.support[0]))
        nodes = max(2, round((2 * min(unknowns, 2_000)) ** (1 / dimension) + 0.5))
        risk = risk.quadrature(nodes)
    return solve(risk, f, solver, key=key)


def _distance(f: Hypothesis, x: Point, target: Callable) -> PyTree:
    found, wanted = f(x), target(x)
    if not _fits(found, wanted):
        raise ValueError(
            f"`target` gives values of shape {_shapes(wanted)}, and f those of shape "
            f"{_shapes(found)}: it has to give what f(x) is to be, by the same names"
        )
    return jax.tree.map(lambda a, b: a - b, found, wanted)


def _fits(found: PyTree, wanted: PyTree) -> bool:
    """Whether a target has the values of f, or a number in place of some."""
    if jax.tree.structure(found) != jax.tree.structure(wanted):
        return False
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(wanted), strict=True)
    return all(jnp.shape(b) in ((), jnp.shape(a)) for a, b in pairs)


def _shapes(values: PyTree) -> PyTree:
    return jax.tree.map(jnp.shape, values)
