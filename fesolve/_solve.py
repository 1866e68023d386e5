"""The verb."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from ._checkpoint import as_checkpoint, Checkpoint, keeping
from ._checks import function, prng_key
from ._entry import entry
from ._hypothesis._leaves import same_leaves, trainable_leaves
from ._judge._error import margin
from ._judge._judged import FREEST
from ._least_squares._assembly import LeastSquares
from ._least_squares._not_finite import where_not_finite
from ._monitor import Monitors, running
from ._precision import check_precision, how_to_float64, theta_dtype
from ._risk import AbstractRisk, require_risk, require_sample, require_squares
from ._show import at
from ._solution import ended, Interrupted, RESULTS, Solution, SolveError, stopped_at
from ._solver import AbstractSolver, LevenbergMarquardt
from ._solver._base import require_solver, Task
from ._solver._minimum import BEYOND, UNRESOLVED_AT
from ._solver._run import known_steps, solution_of
from ._types import changed, F, is_traced


_DEFAULT = LevenbergMarquardt()


@entry
def solve(
    risk: AbstractRisk,
    f: F,
    solver: AbstractSolver | None = None,
    *,
    only: Callable | None = None,
    key: PRNGKeyArray | None = None,
    monitors: tuple = (),
    checkpoint: Checkpoint | None = None,
    throw: bool = True,
) -> Solution[F]:
    """argmin over theta of R(f_theta): empirical risk minimisation.

    ```python
    def ode(f, x, a):
        return jax.grad(f)(x) - a * f(x)

    def initial(f, x):
        return f(x) - 1.0

    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(-2.0,)) + fe.Risk(initial, fe.Dirac(0.0))
    f = fe.solve(risk, fe.Series(fe.Chebyshev(16, (0.0, 1.0)))).value
    ```

    Differentiable in the data of the risk (its `args`, points, weights) by the implicit function
    theorem, and can be mapped by `jax.vmap`.

    **Arguments:**

    - `risk`: what to minimise. Of a population risk a least-squares solver chooses the points
      itself, by the error of f that they leave; a sample, `risk.quadrature(n)` or
      `risk.empirical(n, key=key)`, stays as it is.
    - `f`: the hypothesis, at which the iteration starts. Its floating-point arrays are theta, but
      for frozen ones and for bases.
    - `solver`: by default `LevenbergMarquardt()`.
    - `only`: `f -> subtree`, trains that part of f alone.
    - `key`: a PRNG key, for solvers that draw.
    - `monitors`: called on the host as `monitor(step, metrics, f)`; every solver tells at least
      `metrics["risk"]` and `metrics["stage"]`, the name of what it is at. One that returns `True`
      ends the solve, with `RESULTS.stopped` and the best f; how often they are called is the
      solver's `every`.
    - `checkpoint`: a file from which the same call goes on where it was killed, such as
      `fe.Checkpoint("run.ckpt", every=100)`.
    - `throw`: whether a solve that is known to have failed raises. What is not known, as between
      the points of data, is in the result and does not raise.

    **Returns:** a `Solution`; `.value` is f.

    **Raises:** `SolveError`, with the `.solution` so far, where the solve failed;
    `Interrupted` on Ctrl-C; `ValueError` for arguments that cannot be solved.
    """
    solver = _DEFAULT if solver is None else solver
    _check(risk, f, solver, monitors, key, throw, only)
    trainable = trainable_leaves(f, only)
    check_precision(risk, f, solver.accuracy)
    kept = as_checkpoint(checkpoint)
    of = {"risk": risk, "f": (f, trainable), "solver": solver, "key": key}
    with (
        running(monitors, known_steps(solver, risk)) as monitor,
        nullcontext() if kept is None else keeping(kept, of, monitors, f) as monitor.keeper,
    ):
        watching = (monitor,) if monitor else ()
        try:
            solution = solution_of(solver, Task(risk, f, trainable, key, watching))
        except KeyboardInterrupt as interrupt:
            if monitor.ended_by is None:
                raise
            solution = _stopped(monitor, interrupt)
    if is_traced(solution.result):
        return _spoiled_where_not_finite(solution, trainable)
    if is_traced(solution.value) and bool(ended(solution.result, RESULTS.non_finite)):
        return _spoiled_where_not_finite(solution, trainable)
    if throw and bool(solution.failed):
        raise SolveError(_sentence(solution, risk, trainable, solver.accuracy), solution)
    return solution


def _stopped(monitor: Monitors, interrupt: KeyboardInterrupt) -> Solution:
    """What a monitor has ended: the f that it has chosen, or the best that the solver knows; where
    the solver was at its end anyway, the last f."""
    steps, known = {"steps": np.asarray(monitor.step)}, RESULTS.stopped
    if isinstance(interrupt, Interrupted):
        found = interrupt.solution
        found = changed(found, result=known, stats={**found.stats, **steps}, problem=None)
    else:
        found = Solution(monitor.f, np.asarray(monitor.metrics["risk"]), known, steps)
    if monitor.chosen is None:
        return found
    f, risk = monitor.chosen
    return changed(found, value=f, risk=np.asarray(risk, np.asarray(found.risk).dtype))


def _spoiled_where_not_finite(solution: Solution, trainable: PyTree[bool]) -> Solution:
    """Inside a program nothing raises, so that NaN says it to whoever looks at f alone: a solve
    that cannot begin would give the f at which it stood. A product, and not a choice, so that the
    derivative is NaN as well."""
    bad = ended(solution.result, RESULTS.non_finite)

    def spoil(leaf: Any, trained: bool) -> Any:
        return leaf * jnp.where(bad, jnp.nan, 1).astype(leaf.dtype) if trained else leaf

    value = jax.tree.map(spoil, solution.value, same_leaves(trainable, solution.value))
    return eqx.tree_at(lambda s: s.value, solution, value)


def _check(risk: Any, f: Any, solver: Any, monitors: Any, key: Any, throw: Any, only: Any) -> None:
    require_risk(risk)
    require_solver(solver)
    if not isinstance(monitors, tuple | list) or not all(callable(m) for m in monitors):
        raise ValueError(
            "`monitors` must be a tuple of callables `monitor(step, metrics, f)`, for example "
            f"`monitors=(fe.Progress(),)`; got {monitors!r}"
        )
    if key is not None:
        prng_key(key)
    if not isinstance(throw, bool | np.bool_):
        raise ValueError(f"`throw` must be True or False; got {throw!r}")
    if only is not None:
        function(only, "only", "`lambda f: f.layers[-1]`", ["f"])
    if not all(map(_is_finite, jax.tree.leaves(f))):
        leaves = jax.tree_util.tree_leaves_with_path(f)
        path = next(path for path, leaf in leaves if not _is_finite(leaf))
        where = f"`f{jax.tree_util.keystr(path)}`"
        raise ValueError(f"`f` starts with NaN or infinite parameters, at {where}")


def _is_finite(leaf: Any) -> bool:
    """Whether a leaf is no array of numbers that are NaN or infinite; what is traced cannot be
    looked at."""
    if not isinstance(leaf, jax.Array | np.ndarray) or isinstance(leaf, jax.core.Tracer):
        return True
    return leaf.dtype.kind != "f" or bool(np.isfinite(np.asarray(leaf)).all())


def _squares(risk: AbstractRisk | Callable[[], AbstractRisk]) -> AbstractRisk | None:
    """A risk that is a sum of squares on a sample, or `None` for any other."""
    try:
        found = risk if isinstance(risk, AbstractRisk) else risk()
        for term in found.terms:
            require_sample(term)
            require_squares(term)
    except ValueError:
        return None
    return found


def _sentence(
    solution: Solution, risk: AbstractRisk, trainable: PyTree[bool], accuracy: float
) -> str:
    sentence = _failure(solution, risk, trainable, accuracy)
    if is_traced((solution.risk, solution.stats)) or theta_dtype(solution.value) != np.float32:
        return sentence
    return f"{sentence}. f is float32, which may be why. {how_to_float64()}"


def _failure(
    solution: Solution, risk: AbstractRisk, trainable: PyTree[bool], accuracy: float
) -> str:
    sentence = RESULTS[solution.result]
    at_points = None
    if bool(ended(solution.result, RESULTS.non_finite)):
        at_points = _squares(risk) or _squares(lambda: risk.empirical(256, key=jax.random.key(0)))
    if at_points is not None:
        problem = LeastSquares(at_points, solution.value, trainable)
        return f"{sentence}. {where_not_finite(problem, solution.stats.get(BEYOND))}"
    if is_traced((solution.risk, solution.stats)):
        return sentence
    numbers = f"risk {float(solution.risk):.3g}{_error(solution, accuracy)}"
    numbers += f"{_reached(solution)}{_unresolved_at(solution)}{_free_at(solution)}"
    return f"{sentence} ({numbers})"


def _error(solution: Solution, accuracy: float) -> str:
    error = float(np.asarray(solution.stats.get("error", np.nan)))
    if np.isnan(error):
        return ""
    is_bound = np.all(solution.stats.get("error_is_bound", False))
    what = "bound of the" if is_bound else "estimated"
    near = accuracy < margin(is_bound) * error <= margin(is_bound) * accuracy
    close = f", not clearly below the accuracy {accuracy:.2g} asked for" if near else ""
    return f", {what} relative error of f {error:.2g}{close}"


def _unresolved_at(solution: Solution) -> str:
    """Where elements did not resolve f."""
    if UNRESOLVED_AT not in solution.stats or not bool(ended(solution.result, RESULTS.unresolved)):
        return ""
    return f"; first at x = {float(np.asarray(solution.stats[UNRESOLVED_AT])):.6g}"


def _free_at(solution: Solution) -> str:
    """Where the equations leave f free."""
    if FREEST not in solution.stats or not bool(ended(solution.result, RESULTS.not_unique)):
        return ""
    return f"; f is free most of all at {at(np.asarray(solution.stats[FREEST]))}"


def _reached(solution: Solution) -> str:
    """Where a continuation stopped."""
    reached = float(np.asarray(solution.stats.get("reached", 1.0)))
    return "" if reached >= 1.0 else f"; {stopped_at(reached)}"
