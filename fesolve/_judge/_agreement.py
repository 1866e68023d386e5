"""Whether several solutions are one function: their spread over points."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._distribution import Dirac, Empirical
from .._distribution._data import inputs
from .._entry import speaks_for_itself
from .._hypothesis import AbstractBasis, AbstractNetwork, Frozen, Series
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced, Point


COUNT = 256
"""Fresh points on which solutions are compared: enough to see what a sample of 40 leaves open."""


def points_of(risk: AbstractRisk, f: Hypothesis, key: PRNGKeyArray) -> Point:
    """Points to compare on, stacked: fresh ones of the first population that there is, else those
    of the sample itself; `None` for a risk without points."""
    terms = [term for term in risk.terms if term.distribution is not None]
    terms.sort(key=lambda term: isinstance(term.population, Dirac))
    if not terms:
        return None
    p = terms[0].population
    assert p is not None
    if isinstance(p, Empirical):
        return inputs(p.points)
    if isinstance(p, Dirac):
        return jax.tree.map(lambda x: jnp.asarray(x)[None], p.point)
    return p.given(f).sample(COUNT, key=key)


def check_comparable(compare: Callable | None, f: Hypothesis, points: Point) -> None:
    """**Raises:** `ValueError` where it is not known what of f should agree."""
    if compare is None and not callable(f):
        for node in _parts(f):
            if _domain(node) is None:
                raise ValueError(
                    f"`compare` is missing: f holds a {type(node).__name__} without a domain, so "
                    "that it is not known where solutions should agree. Pass `compare=lambda f, "
                    "x: ...`, what should be the same for every start, such as a policy at x"
                )
        return
    given = "f cannot be called at a point x of the risk" if compare is None else "it failed at x"
    try:
        eqx.filter_eval_shape(_tabulated, compare or _value, f, points)
    except Exception as error:
        if compare is not None and speaks_for_itself(error):
            raise
        raise ValueError(
            f"`compare` must be a function `compare(f, x)`, what should be the same for every "
            f"start, such as a policy at x: {given} ({error})"
        ).with_traceback(error.__traceback__) from None


def values_of(
    compare: Callable | None, f: Hypothesis, points: Point, key: PRNGKeyArray
) -> list[Array]:
    """What of f should agree between starts, as arrays."""
    if compare is None and not callable(f):
        return _inside(f, key)
    return jax.tree.leaves(_table(compare or _value, f, points))


def spread_of(values: list, peers: Any) -> Any:
    """max |f_i - f_j| / max |f| over all pairs of `peers`, a mask over the leading axis of the
    values; NaN where there is no pair, infinite where a value is not finite."""
    xp = np if isinstance(peers, np.ndarray) else jnp
    spreads = []
    with np.errstate(invalid="ignore", over="ignore"):
        for value in values:
            value = value if xp.issubdtype(value.dtype, xp.floating) else value.astype(float)
            mask = peers.reshape(-1, *(1,) * (value.ndim - 1))
            highest = xp.max(xp.where(mask, value, -xp.inf), axis=0)
            lowest = xp.min(xp.where(mask, value, xp.inf), axis=0)
            scale = xp.max(xp.where(mask, abs(value), 0))
            spread = xp.max(highest - lowest) / xp.where(scale > 0, scale, 1)
            spreads.append(xp.where(xp.isfinite(spread), spread, xp.inf))
        return xp.where(xp.sum(peers) > 1, xp.max(xp.stack(spreads)), xp.nan)


def _value(f: Hypothesis, x: Point) -> PyTree:
    return f(x)


def _tabulated(compare: Callable, f: Hypothesis, points: Point) -> PyTree:
    if points is None:
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], compare(f, None))
    return jax.vmap(lambda x: jax.tree.map(jnp.asarray, compare(f, x)))(
        in_dtype(points, theta_dtype(f))
    )


_table = compiled(_tabulated)


def _is_part(node: Any) -> bool:
    return isinstance(node, Series | AbstractNetwork | Frozen | AbstractBasis) or _is_layer(node)


def _is_layer(node: Any) -> bool:
    return isinstance(node, eqx.Module) and type(node).__module__.startswith("equinox.nn")


def _parts(f: Hypothesis) -> list[Any]:
    """The functions and the numbers inside f that may train: series, networks, other arrays."""
    nodes = jax.tree.leaves(f, is_leaf=_is_part)
    fixed = lambda node: isinstance(node, Frozen | AbstractBasis)
    return [n for n in nodes if not fixed(n) and (_is_part(n) or eqx.is_inexact_array(n))]


def _domain(part: Any) -> Any:
    """The box on which a part is compared, () for a number, `None` where none is known."""
    if eqx.is_array(part):
        return ()
    if isinstance(part, AbstractNetwork):
        return None if part.support is None else tuple(part.support)
    if not isinstance(part, Series):
        return None
    ends = part.basis.domain
    if is_traced(ends):
        return ends
    bounded = all(np.isfinite(np.asarray(end)).all() for end in jax.tree.leaves(ends))
    return ends if bounded else None


def _inside(f: Hypothesis, key: PRNGKeyArray) -> list[Array]:
    values = []
    for part in _parts(f):
        ends = _domain(part)
        if ends == ():
            values.append(jnp.asarray(part))
        else:
            values.append(_table(_value, part, _points_in(*ends, key=key)))
    return values


def _points_in(lower: Point, upper: Point, *, key: PRNGKeyArray) -> Point:
    """Uniform points of a box; of integers, states of a chain, all alike."""
    lows, structure = jax.tree.flatten(lower)
    points = []
    for lo, hi, one in zip(lows, jax.tree.leaves(upper), jr.split(key, len(lows)), strict=True):
        lo, hi = jnp.asarray(lo), jnp.asarray(hi)
        if jnp.issubdtype(lo.dtype, jnp.integer):
            points.append(jr.randint(one, (COUNT, *lo.shape), lo, hi + 1))
        else:
            points.append(lo + (hi - lo) * jr.uniform(one, (COUNT, *lo.shape), lo.dtype))
    return jax.tree.unflatten(structure, points)
