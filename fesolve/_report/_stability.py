"""Whether the economy under f returns to its steady state."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from .._compiled import compiled
from .._distribution import AbstractDistribution, Dirac, Ergodic
from .._entry import entry
from .._iteration._jax_algebra import InJax
from .._iteration._numpy_algebra import InNumPy
from .._iteration._plans import series_plan
from .._linear_algebra._host import DAMPED, one_thread
from .._precision import in_dtype, theta_dtype
from .._types import as_array, Hypothesis, is_traced, is_tracing, Point
from ._check import Check
from ._simulation import check_law, Law


PLAN = series_plan(100, 1e-3, 1e-12, timed=False)


@entry
def spectral_radius(
    f: Hypothesis, step: Callable[..., Point], x: Point, *, args: tuple = ()
) -> Float[Array, ""] | Float[np.ndarray, ""]:
    """The largest |eigenvalue| of dx'/dx at the steady state of x' = step(f, x) near x.

    Below 1 the economy returns to its steady state at this rate; at 1 it has a unit root.

    **Arguments:**

    - `f`: the hypothesis.
    - `step`: `step(f, x, *args)`, the next state without shocks.
    - `x`: where Newton's method starts to look for the steady state.
    - `args`: further arguments of `step`.

    **Returns:** a number; nan where there is no steady state near x.
    """
    return _magnitude(_at_rest(_map, (step, f, args), x)[1])


@entry
def spectral_abscissa(
    f: Hypothesis, drift: Callable[..., Point], x: Point, *, args: tuple = ()
) -> Float[Array, ""] | Float[np.ndarray, ""]:
    """The largest real part of the eigenvalues of d drift / dx where drift(f, x) = 0 near x.

    Below 0 the economy returns to its steady state at this rate.

    **Arguments:**

    - `f`: the hypothesis.
    - `drift`: `drift(f, x, *args)`, the velocity of the state.
    - `x`: where Newton's method starts to look for the steady state.
    - `args`: further arguments of `drift`.

    **Returns:** a number; nan where there is no steady state near x.
    """
    return _growth(_at_rest(_flow, (drift, f, args), x)[1])


@entry
def stability(f: Hypothesis, law: Law | Any, x: Point, *, name: str = "stability") -> Check:
    """Whether the economy returns to its steady state under f, to first order.

    In discrete time the spectral radius of dx'/dx has to be below 1, in continuous time the real
    parts of the eigenvalues of d drift / dx below 0. Shocks stay at their mean.

    ```python
    fe.stability(c, fe.Ergodic(step, start, shock, periods=2), jnp.array([k_steady, 0.0]))
    ```

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion, `fe.Ergodic` or `fe.Diffusion`.
    - `x`: where Newton's method starts to look for the steady state.
    - `name`: what reports call it.

    **Returns:** an `fe.Check`, whose value is the spectral radius or the largest real part; nan
    where no steady state was found.

    **Raises:** `ValueError` for a law that is none.
    """
    check_law(law)
    if isinstance(law, Ergodic):
        shocks = () if law.shock is None else (_mean(law.shock.given(f)),)
        point, slope = _at_rest(_map, (law.step, f, (*shocks, *law.args)), x)
        value, bound, what = _magnitude(slope), 1.0, "the spectral radius of dx'/dx"
    else:
        point, slope = _at_rest(_flow, (law.drift, f, law.args), x)
        value, bound, what = _growth(slope), 0.0, "the largest real part of d drift / dx"
    passed = bool(value < bound)
    return Check(name, value, passed, _sentence(float(value), bound, what, point))


def _mean(shock: AbstractDistribution) -> Point:
    """The mean of the shock, by its own points or by one node of Gauss."""
    rule = shock.quadrature(1)
    if isinstance(rule, Dirac):
        return rule.point
    weights = np.asarray(rule.weights)
    return jax.tree.map(
        lambda e: jnp.tensordot(jnp.asarray(weights, e.dtype), jnp.asarray(e), 1), rule.points
    )


def _map(model: tuple, x: Point) -> Point:
    """step(f, x)."""
    step, f, args = model
    return step(f, x, *args)


def _flow(model: tuple, x: Point) -> Point:
    """x + drift(f, x), which rests where the drift is zero."""
    drift, f, args = model
    return jax.tree.map(jnp.add, x, drift(f, x, *args))


def _found(law: Callable, model: tuple, x: Point) -> tuple[Point, Any]:
    """The fixed point and the derivative there; nan where none was found. Of the steady states of
    a unit root one that is near is taken."""
    if is_traced((model, x)) or is_tracing():
        return _in_program(law, model, x)
    v, shaped = ravel_pytree(jax.tree.map(jnp.asarray, x))
    moved = lambda v: [np.asarray(part) for part in _linearised(law, model, x, v)]
    eye = np.eye(v.size, dtype=v.dtype)

    def linearise(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        after, slope = moved(v)
        return after - v, slope - eye

    arrived = lambda point: bool(_is_near(np, point, _rounding(v)))
    algebra = InNumPy(lambda v: linearise(v)[0], linearise, holds=arrived)
    with one_thread(DAMPED):
        best = algebra.run(PLAN, np.asarray(v)).best
    if not _is_near(np, best, _rounding(v) ** 0.5):
        return shaped(jnp.full_like(v, jnp.nan)), np.full_like(eye, np.nan)
    return shaped(jnp.asarray(best.theta)), best.jacobian + eye


def _rounding(v: Any) -> float:
    return 100 * float(jnp.finfo(v.dtype).eps)


def _is_near(xp: Any, point: Any, share: float) -> Any:
    """Whether a point is so near to where it leads."""
    return xp.linalg.norm(point.r) <= share * (1 + xp.linalg.norm(point.theta))


@partial(compiled, seldom=True)
def _linearised(
    law: Callable, model: tuple, x: Point, v: Float[Array | np.ndarray, " n"]
) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Where v leads, as a point that is shaped like x, and the derivative of that."""
    shaped = ravel_pytree(jax.tree.map(jnp.asarray, x))[1]
    moved = lambda v: ravel_pytree(law(model, shaped(v)))[0].astype(v.dtype)
    return moved(v), jax.jacfwd(moved)(v)


@compiled
def _in_program(law: Callable, model: tuple, x: Point) -> tuple[Point, Float[Array, "n n"]]:
    v, shaped = ravel_pytree(jax.tree.map(jnp.asarray, x))
    moved = lambda v: ravel_pytree(law(model, shaped(v)))[0].astype(v.dtype)
    rounding = _rounding(v)
    arrived = lambda point: _is_near(jnp, point, rounding)
    algebra = InJax(lambda v: moved(v) - v, dtype=v.dtype, holds=arrived)
    best = algebra.run(PLAN, v).best
    v = jnp.where(_is_near(jnp, best, rounding**0.5), best.theta, jnp.nan)
    return shaped(v), jax.jacfwd(moved)(v)


def _at_rest(law: Callable, model: tuple, x: Point) -> tuple[Point, Any]:
    real = lambda a: as_array(a) if isinstance(a, float) else a
    # everything in the precision of f
    function, f, args = model
    args, x = in_dtype(jax.tree.map(real, (args, x)), theta_dtype(f))
    point, slope = _found(law, (function, f, args), x)
    if law is _flow:
        slope = slope - _library(slope).eye(slope.shape[0], dtype=slope.dtype)
    return point, slope


def _eigenvalues(slope: Any) -> Any:
    """On the host where the numbers are there: accelerators have no routine for them."""
    if _library(slope) is jnp:
        return jnp.linalg.eigvals(slope)
    slope = np.asarray(slope)
    return np.linalg.eigvals(slope) if np.isfinite(slope).all() else np.full(len(slope), np.nan)


def _library(slope: Any) -> Any:
    return jnp if is_traced(slope) or is_tracing() else np


def _magnitude(slope: Any) -> Any:
    return _library(slope).asarray(abs(_eigenvalues(slope)).max())


def _growth(slope: Any) -> Any:
    return _library(slope).asarray(_eigenvalues(slope).real.max())


def _sentence(value: float, bound: float, what: str, point: Point) -> str:
    if not np.isfinite(value):
        return (
            "no steady state was found near x: start nearer, or f has none there and leads "
            "elsewhere"
        )
    v = np.asarray(ravel_pytree(point)[0])
    v = np.where(abs(v) < 1e-12 * max(1.0, float(abs(v).max())), 0, v)
    place = ", ".join(f"{coordinate:.5g}" for coordinate in v)
    side = "below" if value < bound else "not below"
    end = "" if value < bound else ", so that the economy does not return to it"
    return f"{what} is {value:.6g} at the steady state ({place}), {side} {bound:g}{end}"
