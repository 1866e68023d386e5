"""The error of f against a solution that is known."""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from .._checks import takes
from .._compiled import compiled
from .._distribution import Dirac
from .._distribution._data import inputs
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk, Risk
from .._show import Shown
from .._types import Hypothesis, Point


UNIFORM = 1001


class ExactError(Shown):
    """How far f is from the exact solution.

    - `name`: the attribute of f that was compared; empty for f itself.
    - `largest`: max |f - exact| / max |exact|.
    - `relative_l2`: the root mean square of f - exact, relative to that of exact.
    - `where`: the points that were compared, in words.
    """

    name: str
    largest: float
    relative_l2: float
    where: str


def exact_errors(f: Hypothesis, exact: Any, risk: AbstractRisk | None) -> list[ExactError]:
    """f against `exact`: a function, a dict of functions or numbers by attribute of f, or a pair
    (points, values); functions are compared at points that stand for those of `risk`."""
    parts = exact if isinstance(exact, dict) else {"": exact}
    return [_error(f, name, reference, risk) for name, reference in parts.items()]


def _error(f: Hypothesis, name: str, reference: Any, risk: AbstractRisk | None) -> ExactError:
    part = _part(f, name)
    dtype = theta_dtype(f)
    if not callable(part):
        values, true = np.asarray(part, np.float64), np.asarray(reference, np.float64)
        return _compared(name, values[None], true[None], np.ones(1), "as a number")
    if callable(reference):
        points, weights, where = _points(risk)
        points = in_dtype(points, dtype)
        true = _on_points(reference, _in_full(points))
    else:
        points, true, weights, where = _given(name, reference)
        points = in_dtype(points, dtype)
    values = np.asarray(_evaluated(f, name, points), np.float64)
    return _compared(name, values, np.asarray(true, np.float64), weights, where)


def _part(f: Hypothesis, name: str) -> Any:
    try:
        part = operator.attrgetter(name)(f) if name else f
    except AttributeError:
        raise ValueError(
            f"`exact` has the key {name!r}, and f, a {type(f).__name__}, has no attribute of that "
            "name"
        ) from None
    if not name and not callable(part):
        raise ValueError(
            f"`exact` is compared with f(x), and f, a {type(f).__name__}, cannot be called: name "
            "its functions, `exact={'policy': function}`"
        )
    return part


@partial(compiled, seldom=True)
def _evaluated(f: Hypothesis, name: str, points: Point) -> Array:
    return jax.vmap(operator.attrgetter(name)(f) if name else f)(points)


def _on_points(exact: Callable, points: Point) -> np.ndarray:
    """The function at each point: a JAX function at all of them at once, any other one by one."""
    takes(exact, "exact", ["x"], "it is a function of a point, as f is")
    try:
        return np.asarray(_evaluated(exact, "", points))
    except TypeError:  # NumPy, SciPy and math do not take JAX's tracers
        n = jax.tree.leaves(points)[0].shape[0]
        each = [exact(jax.tree.map(lambda p, i=i: np.asarray(p)[i], points)) for i in range(n)]
        return np.stack([np.asarray(value) for value in each])


def _in_full(points: Point) -> Point:
    """Points in the full precision at hand, so that a float32 f meets a better reference."""
    return in_dtype(points, jax.dtypes.canonicalize_dtype(np.float64))


def _given(name: str, reference: Any) -> tuple[Point, np.ndarray, np.ndarray, str]:
    if not (isinstance(reference, tuple | list) and len(reference) == 2):
        raise ValueError(
            f"`exact{f'[{name!r}]' if name else ''}` must be a function of a point, or a pair "
            f"(points, values); got a {type(reference).__name__}"
        )
    points, values = jax.tree.map(np.asarray, reference[0]), np.asarray(reference[1])
    n = jax.tree.leaves(points)[0].shape[0]
    if values.shape[:1] != (n,):
        raise ValueError(
            f"`exact` has {n} points and values of shape {values.shape}: one value a point"
        )
    return points, values, np.full(n, 1 / n), f"on {n:,} given points"


def _points(risk: AbstractRisk | None) -> tuple[Point, np.ndarray, str]:
    """1,001 uniform points where x is a number in a bounded interval, else those of the sample."""
    terms = [] if risk is None else [t for t in risk.terms if not _is_condition(t)]
    if not terms:
        raise ValueError(
            "`exact` is a function, and the report has no distribution to compare it on: pass "
            "`test=`, or `exact=(points, values)`"
        )
    term = terms[0]
    lower, upper = (jax.tree.map(np.asarray, inputs(end)) for end in term.population.support)
    if _is_interval(lower, upper):
        points = np.linspace(lower, upper, UNIFORM)
        return points, np.full(UNIFORM, 1 / UNIFORM), f"on {UNIFORM:,} uniform points"
    points, weights = jax.tree.map(np.asarray, term.bare[3:5])
    return inputs(points), weights, f"on {len(weights):,} points of the sample"


def _is_condition(term: Risk) -> bool:
    return term.distribution is None or isinstance(term.population, Dirac)


def _is_interval(lower: Any, upper: Any) -> bool:
    if not isinstance(lower, np.ndarray) or lower.ndim:
        return False
    real = jnp.issubdtype(lower.dtype, jnp.floating)
    return bool(real and np.isfinite(lower) and np.isfinite(upper) and lower < upper)


def _compared(
    name: str, values: np.ndarray, true: np.ndarray, weights: np.ndarray, where: str
) -> ExactError:
    if values.shape != true.shape:
        what = f"f.{name}" if name else "f"
        raise ValueError(
            f"`exact` gives values of shape {true.shape[1:]} at a point, and {what} those of "
            f"shape {values.shape[1:]}"
        )
    n = len(weights)
    difference, true = (values - true).reshape(n, -1), true.reshape(n, -1)
    weights = np.asarray(weights, np.float64)[:, None]

    def norms(v: np.ndarray) -> tuple[float, float]:
        return float(np.max(np.abs(v))), float(np.sqrt(np.sum(weights * v**2)))

    (top, mean), (top_true, mean_true) = norms(difference), norms(true)
    # A solution that is zero has no relative error.
    return ExactError(name, top / (top_true or 1.0), mean / (mean_true or 1.0), where)
