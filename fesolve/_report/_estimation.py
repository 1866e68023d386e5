"""Estimation of the parameters of a model, through its solution."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from .._checks import numbered, takes
from .._compiled import compiled
from .._entry import entry
from .._types import is_traced, is_tracing
from ._estimates import Estimates, names_of_numbers


Matrix = Float[np.ndarray, "..."]
KEPT = 3


@entry
def maximum_likelihood(
    log_density: Callable[..., Array] | Any,
    start: PyTree,
    *,
    args: tuple = (),
    max_steps: int = 100,
) -> Estimates:
    """argmax over theta of sum_t log p(y_t | past; theta), with standard errors.

    ```python
    def log_density(theta, k, z, c):                         # of each observation
        policy = solved(theta)                               # a whole fe.solve
        surprise = (jnp.log(c) - jnp.log(policy(k, z))) / theta["noise"]
        return jax.scipy.stats.norm.logpdf(surprise) - jnp.log(theta["noise"])

    print(fe.maximum_likelihood(log_density, {"gamma": 1.5, "noise": 0.01}, args=(k, z, c)))
    ```

    Derivatives of each observation pass through the solve, forward, and `log_density` is compiled
    once for all data of these shapes. Steps are those of Berndt, Hall, Hall and Hausman in a trust
    region; where theta leaves the numbers for which the model has a solution, a step is shortened.

    **Arguments:**

    - `log_density`: `log_density(theta, *args)`, the log density of each observation given those
      before it, of shape (T,).
    - `start`: theta to begin from, a pytree of numbers and vectors. Take logarithms of what must be
      positive.
    - `args`: data and everything else that changes from call to call.
    - `max_steps`: at most this many steps.

    **Returns:** `Estimates`. Standard errors are those of the observed information, and beside them
    the robust ones, which do not assume that the density is the right one.

    **Raises:** `ValueError` where the density is not finite at `start`, where theta is not
    identified, with the direction in which the density is flat, and where no maximum is found.

    **Source:** Berndt, Hall, Hall and Hausman (1974), "Estimation and inference in nonlinear
    structural models"; White (1982), "Maximum likelihood estimation of misspecified models".
    """
    problem = _prepared(log_density, start, args, "log_density", "(T,)", 1)
    from scipy.optimize import minimize

    def look(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return problem.at(v)

    def loss(v: np.ndarray) -> float:
        value = -float(look(v)[0].mean())
        return value if np.isfinite(value) else np.inf

    def slope(v: np.ndarray) -> np.ndarray:
        return -look(v)[1].mean(axis=0)

    def outer(v: np.ndarray) -> np.ndarray:
        scores = look(v)[1]
        return scores.T @ scores / len(scores)

    options = {"maxiter": max_steps, "gtol": 1e-6, "initial_trust_radius": 0.1}
    options["max_trust_radius"] = 10
    scale = _units(outer(problem.start))
    found = minimize(
        lambda u: loss(u * scale),
        problem.start / scale,
        jac=lambda u: slope(u * scale) * scale,
        hess=lambda u: outer(u * scale) * np.outer(scale, scale),
        method="trust-exact",
        options=options,
    )
    v = found.x * scale
    densities, scores = look(v)
    _check_arrived(problem, slope(v) * scale, float(np.sqrt(len(scores))), found.nit)
    information = _information(slope, v, scale)
    count, spread = len(scores), outer(v)
    inverse = _inverse(problem, information, scale) / count
    robust = inverse @ (spread * count) @ inverse
    total = float(densities.sum())
    shape = problem.unravel(jnp.asarray(v))
    names = names_of_numbers(start)
    return Estimates(shape, names, v, inverse, robust, total, None, None, count)


@entry
def method_of_moments(
    moments: Callable[..., Array] | Any,
    start: PyTree,
    *,
    args: tuple = (),
    lags: int | None = None,
    simulations: float | int | None = None,
    max_steps: int = 100,
) -> Estimates:
    """argmin over theta of g' W g, g = mean over t of g_t(theta), E g_t = 0 at the truth: the
    generalised method of moments, in two steps, with standard errors.

    ```python
    def moments(theta, data):                                # simulated moments
        policy = solved(theta)                               # a whole fe.solve
        return quantities(data) - quantities(simulate(policy, theta)).mean(axis=0)[None, :]

    print(fe.method_of_moments(moments, {"rho": 0.9, "sigma": 0.01}, args=(data,), simulations=10))
    ```

    The first step weighs moments by their variance at `start`, the second by the inverse of their
    long-run covariance. Derivatives pass through the solve and the simulation, whose shocks must
    be the same at every theta: draw them once, outside. `moments` is compiled once for all data of
    these shapes.

    **Arguments:**

    - `moments`: `moments(theta, *args)`, g_t for each observation, of shape (T, q), q at least the
      number of parameters.
    - `start`: theta to begin from, a pytree of numbers and vectors.
    - `args`: data and everything else that changes from call to call.
    - `lags`: how many autocovariances of g_t enter its long-run covariance, with Bartlett's
      weights; by default 4 (T / 100)^(2/9). 0 where g_t does not depend on its past.
    - `simulations`: how many times as long as the data the simulation is, where there is one: it
      makes errors larger by 1 + 1 / simulations.
    - `max_steps`: at most this many evaluations a step.

    **Returns:** `Estimates`, with J and its p-value where there are more moments than parameters.

    **Raises:** `ValueError` where moments are not finite at `start`, or fewer than parameters;
    where theta is not identified, with the direction in which moments do not move; where no minimum
    is found.

    **Source:** Hansen (1982), "Large sample properties of generalized method of moments
    estimators"; Newey and West (1987); Duffie and Singleton (1993), "Simulated moments estimation
    of Markov models of asset prices".
    """
    problem = _prepared(moments, start, args, "moments", "(T, q)", 2)
    from scipy.optimize import least_squares
    from scipy.special import gammaincc

    values, _ = problem.at(problem.start)
    count, q, p = *values.shape, problem.start.size
    if q < p:
        raise ValueError(
            f"`moments` returns {q} moments for {p} parameters: there must be at least as many"
        )
    lags = int(4 * (count / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= lags < count:
        raise ValueError(f"`lags` must lie between 0 and {count - 1}; got {lags}")
    if simulations is not None and not simulations > 0:
        raise ValueError(f"`simulations` must be above 0; got {simulations}")

    def minimised(v: np.ndarray, root: np.ndarray) -> np.ndarray:
        def rows(v: np.ndarray) -> np.ndarray:
            mean = problem.at(v)[0].mean(axis=0)
            # where the model has no solution a step is too long
            return root @ mean if np.isfinite(mean).all() else np.full(len(root), 1e6)

        slopes = lambda v: root @ problem.at(v)[1]
        options = {"x_scale": "jac", "max_nfev": max_steps}
        return least_squares(rows, v, slopes, xtol=1e-12, ftol=1e-12, gtol=1e-12, **options).x

    deviations = values.std(axis=0)
    first = minimised(problem.start, np.diag(1 / np.where(deviations > 0, deviations, 1)))
    root = _root(_long_run(problem.at(first)[0], lags))
    second = minimised(first, root)
    values, slope = problem.at(second)
    _check_least(problem, values, root @ slope, root, max_steps)
    long_run = _long_run(values, lags)
    root = _root(long_run)
    larger = 1 if simulations is None else 1 + 1 / simulations
    scale = _units(slope.T @ slope)
    weighted = root @ slope
    inverse = _inverse(problem, weighted.T @ weighted, scale)
    distance = root @ values.mean(axis=0)
    j = float(count * distance @ distance / larger)
    p_value = float(gammaincc((q - p) / 2, j / 2)) if q > p else None
    covariance = larger * inverse / count
    shape, names = problem.unravel(jnp.asarray(second)), names_of_numbers(start)
    return Estimates(shape, names, second, covariance, covariance, j, q - p, p_value, count)


class _Problem(NamedTuple):
    """The function as one of a vector, with its derivative, and where to start."""

    function: Callable
    args: tuple
    start: Matrix
    unravel: Callable
    names: tuple[str, ...]
    seen: dict

    def at(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values and derivatives at v; the last few are kept, since a solver asks in parts."""
        key = np.asarray(v, float).tobytes()
        if key not in self.seen:
            if len(self.seen) > KEPT:
                self.seen.pop(next(iter(self.seen)))
            theta = self.unravel(jnp.asarray(v))
            values, slope = _linearised(self.function, theta, self.args)
            self.seen[key] = np.asarray(values, float), np.asarray(slope, float)
        return self.seen[key]


@compiled
def _linearised(function: Callable, theta: PyTree, args: tuple) -> tuple[Array, Array]:
    """The values at each observation with their derivatives; of moments, those of their mean."""
    vector, unravel = ravel_pytree(theta)

    def values(v: Array) -> tuple[Array, Array]:
        found = jnp.asarray(function(unravel(v), *args))
        return (found if found.ndim == 1 else found.mean(axis=0)), found

    slope, found = jax.jacfwd(values, has_aux=True)(vector)
    return found, slope


def _prepared(
    function: Any, start: PyTree, args: Any, name: str, shape: str, dimensions: int
) -> _Problem:
    if not callable(function):
        raise ValueError(f"`{name}` must be a function `{name}(theta, *args)`; got {function!r}")
    if not isinstance(args, tuple):
        raise ValueError(f"`args` must be a tuple, such as `(data,)`; got {type(args).__name__}")
    takes(function, name, ["theta", *numbered(args)], f"it is `{name}(theta, *args)`")
    if is_traced((start, args)) or is_tracing():
        raise ValueError(
            "estimation looks for its optimum on the host: call it outside of jit, vmap and grad"
        )
    try:
        theta = jax.tree.map(lambda leaf: jnp.asarray(leaf, float), start)
    except (TypeError, ValueError):
        raise ValueError(f"`start` must be a tree of real numbers; got {start!r}") from None
    vector, unravel = ravel_pytree(theta)
    if not vector.size or not bool(jnp.isfinite(vector).all()):
        raise ValueError(f"`start` must be a tree of finite numbers; got {start!r}")
    args = jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, float | np.ndarray) else a, args)
    out = jax.eval_shape(lambda t: jnp.asarray(function(t, *args)), theta)
    if out.ndim != dimensions or out.shape[0] < vector.size:
        raise ValueError(
            f"`{name}(theta, *args)` must have the shape {shape}, one entry or row for each of T "
            f"observations, and T must not be below the number of parameters; got {out.shape}"
        )
    names = names_of_numbers(theta)
    problem = _Problem(function, args, np.asarray(vector, float), unravel, names, {})
    values, slope = problem.at(problem.start)
    if not (np.isfinite(values).all() and np.isfinite(slope).all()):
        raise ValueError(
            f"`{name}` or its derivative is not finite at `start`, {start!r}: start where the "
            "model has a solution"
        )
    return problem


def _units(information: Matrix) -> Matrix:
    """The size of a change in each parameter that is seen as much as one in the others."""
    size = np.sqrt(np.diag(information))
    return 1 / np.where(size > 0, size, 1)


def _information(slope: Callable, v: Matrix, scale: Matrix) -> Matrix:
    """The second derivative of the loss by central differences of the first, in steps that are
    small in the units of the data and large beside the accuracy of a solve."""
    step = 1e-3
    columns = [
        (slope(v + step * e * scale) - slope(v - step * e * scale)) / (2 * step * scale[i])
        for i, e in enumerate(np.eye(v.size))
    ]
    second = np.stack(columns)
    return (second + second.T) / 2


def _inverse(problem: _Problem, information: Matrix, scale: Matrix) -> Matrix:
    """The inverse of an information matrix.

    **Raises:** `ValueError` where it has a direction in which nothing is known.
    """
    scaled = information * np.outer(scale, scale)
    values, vectors = np.linalg.eigh(scaled)
    if not values[0] > 1e-10 * max(values[-1], 0):
        direction = vectors[:, 0] * scale / np.abs(vectors[:, 0] * scale).max()
        parts = zip(problem.names, direction, strict=True)
        moves = ", ".join(f"{name} by {d:.3g}" for name, d in parts if abs(d) > 1e-3)
        raise ValueError(
            "the parameters are not identified: the data do not tell, to first order, when one "
            f"moves {moves}. Fix one of these, or add observations that depend on it"
        )
    return scale[:, None] * (vectors / values) @ vectors.T * scale


def _check_arrived(problem: _Problem, slope: Matrix, root: float, steps: int) -> None:
    if not np.abs(slope).max() * root < 1e-2:
        moves = dict(zip(problem.names, np.round(slope, 6).tolist(), strict=True))
        raise ValueError(
            f"no maximum of the likelihood was found in {steps} steps: in units of its spread, the "
            f"mean score is still {moves}. Start closer, or allow more `max_steps`"
        )


def _check_least(
    problem: _Problem, values: Matrix, weighted: Matrix, root: Matrix, steps: int
) -> None:
    """**Raises:** `ValueError` where the distance of the moments is not at a minimum."""
    gradient = weighted.T @ (root @ values.mean(axis=0))
    scale = _units(weighted.T @ weighted)
    left = -_inverse(problem, weighted.T @ weighted, scale) @ gradient
    # in standard errors of the parameters together
    if not np.sqrt(len(values)) * np.linalg.norm(weighted @ left) < 1e-2:
        moves = ", ".join(f"{n} by {d:.3g}" for n, d in zip(problem.names, left, strict=True))
        raise ValueError(
            f"no minimum of the distance of the moments was found in {steps} evaluations: the next "
            f"step would still move {moves}. Start closer, allow more `max_steps`, or take moments "
            "that tell more of these"
        )


def _long_run(values: Matrix, lags: int) -> Matrix:
    """The long-run covariance of moments, by Bartlett's weights."""
    away = values - values.mean(axis=0)
    total = away.T @ away
    for lag in range(1, lags + 1):
        ahead = away[lag:].T @ away[:-lag]
        total = total + (1 - lag / (lags + 1)) * (ahead + ahead.T)
    return total / len(values)


def _root(covariance: Matrix) -> Matrix:
    """W^(1/2) with W the inverse of a covariance.

    **Raises:** `ValueError` where moments are linear functions of one another.
    """
    size = np.sqrt(np.diag(covariance))
    size = np.where(size > 0, size, 1)
    values, vectors = np.linalg.eigh(covariance / np.outer(size, size))
    if not values[0] > 1e-12:
        raise ValueError(
            "`moments` are linear functions of one another, or one never moves: leave one out"
        )
    return (vectors / np.sqrt(values)).T / size
