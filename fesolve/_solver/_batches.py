"""The points that one step of a descent sees."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray

from .._distribution import Empirical
from .._distribution._base import rule
from .._distribution._dirac import is_continuous
from .._evaluation import Pairs
from .._risk import AbstractRisk, require_sample, Risk, SumRisk
from .._types import changed, Hypothesis


def is_fresh(term: Risk) -> bool:
    """Whether each step draws new points, or a new shock, of this term."""
    return is_continuous(term.distribution) or is_continuous(term.shock)


def is_drawn(term: Risk, batch_size: int | None) -> bool:
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
    return is_fresh(term) or _has_more_points(term, batch_size)


def _has_more_points(term: Risk, batch_size: int) -> bool:
    return isinstance(term.distribution, Empirical) and term.distribution.size > batch_size


def steps_of(risk: AbstractRisk, num_epochs: int, batch_size: int | None) -> int:
    """The steps of so many passes through the largest sample.

    **Raises:** `ValueError` where no term stands on a sample, of which there could be a pass.
    """
    sizes = [t.distribution.size for t in risk.terms if isinstance(t.distribution, Empirical)]
    if not sizes:
        raise ValueError(
            "`num_epochs` counts passes through a sample, and no term of the risk stands on one: "
            "pass `risk.empirical(n, key=key)`, or `num_steps=` for fresh draws at each step"
        )
    return num_epochs * _number(max(sizes), batch_size)


def _number(size: int, batch_size: int | None) -> int:
    """How many batches a sample has, of which the last may be smaller."""
    return 1 if batch_size is None else -(-size // batch_size)


Orders = tuple[Array | None, ...]
"""The order in which this pass goes through the points of each term; `None` for terms of which a
step sees all points, or new ones."""


_NO_STEP = 2**32 - 1
"""The number, in place of that of a step, with which the key decides the orders."""


def orders(risk: AbstractRisk, batch_size: int, key: PRNGKeyArray, step: Any) -> Orders:
    """The orders at a step, which it and the key decide: wherever a descent is taken up again, it
    sees the same batches."""
    found: list[Array | None] = []
    key = jr.fold_in(key, _NO_STEP)
    for index, term in enumerate(risk.terms):
        if not _has_more_points(term, batch_size):
            found.append(None)
            continue
        n = term.distribution.size
        epoch = step // _number(n, batch_size)
        found.append(jr.permutation(jr.fold_in(jr.fold_in(key, index), epoch), n))
    return tuple(found)


def orders_after(
    before: Orders, risk: AbstractRisk, batch_size: int, key: PRNGKeyArray, step: Any
) -> Orders:
    """The orders at a step, from those at the step before."""
    sizes = [t.distribution.size for t, o in zip(risk.terms, before, strict=True) if o is not None]
    if not sizes:
        return before
    begins = jnp.stack([step % _number(n, batch_size) == 0 for n in sizes]).any()
    return jax.lax.cond(begins, lambda: orders(risk, batch_size, key, step), lambda: before)


def batch(
    risk: AbstractRisk,
    f: Hypothesis,
    size: int | None,
    key: PRNGKeyArray | None,
    place: tuple[Orders, Any] | None = None,
) -> AbstractRisk:
    """The risk that one step sees.

    **Arguments:** `size`, the points of each term, `None` for all of a sample; `place`, the orders
    and the number of the step where samples are gone through without replacement.
    """
    if size is None or key is None:
        return risk
    choice_key, draw_key = jr.split(key)
    if place is None:
        keys = jr.split(choice_key, len(risk.terms))
        terms = [_some_points(term, size, k) for term, k in zip(risk.terms, keys, strict=True)]
    else:
        pairs = zip(risk.terms, place[0], strict=True)
        terms = [term if o is None else _next_points(term, size, o, place[1]) for term, o in pairs]
    return SumRisk(tuple(terms)).given(f).empirical(size, key=draw_key)


def _some_points(term: Risk, size: int, key: PRNGKeyArray) -> Risk:
    """Points drawn by their weights."""
    if not _has_more_points(term, size):
        return term
    weights = jnp.asarray(term.distribution.weights)
    chosen = jr.choice(key, weights.size, (size,), p=weights)
    return _with_points(term, chosen, None)


def _next_points(term: Risk, size: int, order: Array, step: Any) -> Risk:
    """The next points of a pass. Each w_i is divided by the share of the points that is seen, so
    that over a pass the batches sum to the whole."""
    n = order.size
    places = (step % _number(n, size)) * size + jnp.arange(size)
    chosen = order[jnp.minimum(places, n - 1)]
    weights = jnp.asarray(term.distribution.weights)[chosen]
    inside = places < n  # the last batch may be smaller
    share = jnp.sum(inside) / n
    return _with_points(term, chosen, jnp.where(inside, weights / share.astype(weights.dtype), 0))


def _with_points(term: Risk, chosen: Array, weights: Array | None) -> Risk:
    pick: Callable = lambda tree: jax.tree.map(lambda leaf: jnp.asarray(leaf)[chosen], tree)
    shock, points = term.shock, pick(term.distribution.points)
    if isinstance(shock, Pairs):  # draws that belong to points
        shock = Pairs(pick(shock.first), pick(shock.second), shock.population)
    p = Empirical(points) if weights is None else rule(points, weights, None)
    return changed(term, distribution=p, shock=shock)
