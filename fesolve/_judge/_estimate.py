"""The error of f, estimated: the correction that the linearised equation still asks for."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._distribution import Empirical
from .._entry import entry
from .._fingerprint import Recent
from .._hypothesis._leaves import (
    free_leaves,
    trainable_leaves,
)
from .._least_squares._assembly import blocks, LeastSquares, linearise
from .._least_squares._rows import beside
from .._linear_algebra._device import decomposed
from .._linear_algebra._host import one_thread, singular_values, threads_for
from .._risk import AbstractRisk, require_risk
from .._types import changed, Hypothesis, is_traced, is_tracing, Point, still
from ._error import ErrorEstimate
from ._in_parts import in_parts, MADE, made_by
from ._newton import Linearised, missing_step, Step
from ._posed import nothing, posed_or_why_not, Problem
from ._probe import FACTORED, Given, has_only_series, is_large, is_made_of_series
from ._rows import FACTORING
from ._values import component_sizes, scales


APART = 1e3
"""Singular values that stand apart from the others by this factor are looked at again."""
WEAK, FALLS = 1e-6, 0.5
"""A change of f that shows so little in r is looked at again; in a richer space a direction that
is free shows by less than this share of it."""
STAYS, MATTERS = 0.8, 1e-4
"""Residuals that fall by less than this in a richer space stay; errors that are looked into."""
CHASM = 1e6
"""Singular values that stand apart by this factor, near rounding, belong to a free direction."""
BROKEN = 0.05
"""The share of fresh points at which the residual may be without a value, as at singular ones."""
UNASKED = (
    "some change of f hardly shows in the equations, and a space rich enough to tell whether it is "
    "free is not affordable"
)


@entry
def error_estimate(risk: AbstractRisk, f: Hypothesis, *, only: Any = None) -> ErrorEstimate:
    """How wrong f is as a solution of r(f, x) = 0, without knowing the solution.

    d = argmin |r + D r(f)[d]| over a space richer than that of f, on fresh points of the
    populations of the risk, is the correction that is still missing; |d| / |f| under p* is the
    relative error, to second order.

    ```python
    estimate = fe.error_estimate(risk, f)
    estimate.relative, estimate.conditioning
    estimate.at(0.3)                          # the error bar of f(0.3)
    better = estimate.corrected
    ```

    It works inside `jax.jit` and `jax.vmap`, and is a constant of differentiation.

    **Arguments:**

    - `risk`: a risk, on a sample or not; its populations are sampled anew.
    - `f`: the hypothesis, such as `solution.value`.
    - `only`: `f -> subtree`, the part of f that was solved for.

    **Returns:** an `ErrorEstimate`.

    **Raises:** `ValueError` where the residual cannot be evaluated, and for what is no risk.

    **Source:** Stetter (1978), "The defect correction principle and discretization methods".
    """
    require_risk(risk)
    return estimate(risk, f, free_leaves(f) if only is None else trainable_leaves(f, only))


def estimate(
    risk: AbstractRisk,
    f: Hypothesis,
    mask: PyTree[bool],
    *,
    selected: bool = False,
    richness: int = 1,
    enough: float = 0.0,
) -> ErrorEstimate:
    """The estimate for an f whose leaves that `mask` marks were solved for.

    **Arguments:** `selected`, whether directions that the equations leave free were chosen by
    something else, as by a norm; they are no error then. `enough`, a bound that is taken for an
    estimate which would take long.
    """
    if not any(jax.tree.leaves(mask)):
        if not callable(f):
            return nothing(f, "f has no parameters, and is no function")
        f = Given(f)
        mask = jax.tree.map(lambda _: False, f)
    risk, f = still((risk, f))
    problem = posed_or_why_not(risk, f, mask, richness)
    in_program = is_traced((risk, f)) or is_tracing()
    is_posed = not isinstance(problem, ErrorEstimate)
    if not is_posed:
        found, is_affordable = problem, False
    elif problem.residuals.traced or problem.values.traced:
        return _by_singular_values(jnp, decomposed, problem, f, selected)
    else:
        is_affordable = problem.affordable
        with one_thread(problem.residuals.theta.size):
            found = _on_host(problem, f, selected)
    if richness != 1 or selected or in_program:
        return found
    is_open = found.is_bound and found.determined and not found.largest <= enough
    several = not is_affordable and is_made_of_series(f)
    if is_open and (several or (is_posed and is_large(f, mask))):
        large = _by_factors(risk, f, mask)
        if large is not None:
            return large
    doubtful = bool(found.determined & found.doubtful)
    if not (doubtful or _is_contradicted(found)):
        return found
    again = estimate(risk, f, mask, richness=2)
    if doubtful and again.conditioning < FALLS * found.conditioning:
        # a direction that a richer space holds better and better is free, but one of which a
        # network has nothing at the degree that it needs; series have but the one space
        plain = found if has_only_series(f) else estimate(risk, f, mask, richness=0)
        if plain.determined & ~plain.doubtful:
            plain = eqx.tree_at(lambda e: e.bound, plain, np.maximum(plain.bound, found.floor))
            found = changed(_at_its_bound(plain), is_bound=True)
        else:
            found = eqx.tree_at(lambda e: e.determined, _at_its_bound(again), np.asarray(False))
    if _is_contradicted(found) and not again.left_over < STAYS * found.left_over:
        # r that no richer space takes away belongs to the equations, not to a kink of f
        found = _at_its_bound(found)
    return found


def _at_its_bound(found: ErrorEstimate) -> ErrorEstimate:
    """The estimate with errors of no less than their bound."""
    worse = lambda x: np.maximum(x, found.bound)
    return eqx.tree_at(lambda e: e.relative, found, jax.tree.map(worse, found.relative))


def _is_contradicted(found: ErrorEstimate) -> bool:
    """Whether most of r is left over, and it is enough to matter."""
    rounding = 1e3 * np.finfo(np.asarray(found.rms).dtype).eps * found.unit
    return bool(found.left_over > max(rounding, 0.5 * found.rms) and found.bound > MATTERS)


def _on_host(problem: Problem, f: Hypothesis, selected: bool) -> ErrorEstimate:
    found = _by_sparse_rows(problem, f) if problem.sparse and not selected else None
    if found is not None:
        return found
    if not problem.affordable:
        return problem.otherwise()
    return _by_singular_values(np, singular_values, problem, f, selected)


def _by_singular_values(
    xp: Any, svd: Callable, problem: Problem, f: Hypothesis, selected: bool
) -> ErrorEstimate:
    own, equations = problem.own, problem.residuals.equations
    stepped = lambda system: missing_step(xp, svd, system, equations, own, selected)
    return _by_dense_rows(xp, stepped, problem, f, selected)


def _by_factors(risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool]) -> ErrorEstimate | None:
    """The estimate in a space that is too large for singular values; `None` where there is none, as
    where it would take long."""
    from ._factored import factored_step  # SciPy's sparse matrices take long to import

    problem = posed_or_why_not(risk, f, mask, 1, FACTORED)
    if isinstance(problem, ErrorEstimate) or problem.own.any() or not problem.probe.complete:
        return None
    if problem.work > FACTORING or made_by(problem.residuals) > MADE:
        return None

    def found() -> ErrorEstimate | None:
        stepped = lambda system: factored_step(system, problem.residuals.equations)
        with threads_for(problem.work, problem.residuals.theta.size):
            estimate = _by_dense_rows(np, stepped, problem, f, False, in_parts)
        if estimate.is_bound:
            return None
        if bool(estimate.determined & estimate.doubtful):  # there is no richer space to ask
            return changed(_at_its_bound(estimate), is_bound=True, note=UNASKED)
        return _at_its_bound(estimate) if _is_contradicted(estimate) else estimate

    return found() if problem.key is None else _LARGE.get(problem.key, found)


_LARGE = Recent(4)
"""Estimates in large spaces (a cache of a pure function: a report asks for what its solve did)."""


def _rows_at(problem: LeastSquares) -> tuple[Any, Any, Any]:
    """theta, the rows there and their Jacobian; traced where anything is."""
    if not problem.traced:
        return problem.theta, *problem.linearise(problem.theta)
    theta = jax.lax.stop_gradient(problem.theta)
    return theta, *linearise(problem.assembly, theta, problem.data)


def _by_dense_rows(
    xp: Any,
    stepped: Callable,
    problem: Problem,
    f: Hypothesis,
    selected: bool,
    rows_at: Callable[[LeastSquares], tuple[Any, Any, Any]] = _rows_at,
) -> ErrorEstimate:
    """The estimate, in NumPy or inside a program, where nothing ends early.

    **Arguments:** `stepped`, the step of a linearised problem, or `None` where that is not found;
    `rows_at`, theta, the rows there and their Jacobian.
    """
    on_host = xp is np
    theta, r, jacobian = rows_at(problem.residuals)
    _, values, values_jacobian = rows_at(problem.values)
    broken = ~(xp.isfinite(r) & xp.isfinite(jacobian).all(axis=1))
    share = xp.mean(broken)
    if on_host and share > BROKEN:
        return nothing(f, f"the residual is not finite at {100 * share:.2g} % of fresh points")
    if on_host and not np.isfinite(values_jacobian).all():
        return nothing(f, "the derivative of f in its parameters is not finite")
    r, jacobian = xp.where(broken, 0, r), xp.where(broken[:, None], 0, jacobian)
    scale = scales(xp, problem.values.equations, values)
    near = (lambda: problem.residuals.linearise(beside(theta))[1]) if rows_at is _rows_at else None
    system = Linearised(
        *(theta, r, jacobian, scale[:, None] * values_jacobian, scale * values),
        beside=near if on_host else None,
    )
    step = stepped(system)
    if step is None:
        return nothing(f, "the least |dr| per |df| was not found")
    if on_host and not values.any() and not _has_slope(problem.residuals, theta, r, step):
        return nothing(f, "f is zero, where the residual has no derivative in f")
    found = _concluded(xp, problem, f, step, r, values, scale, selected)
    if on_host:
        return changed(found, freest=_freest(problem.values, values_jacobian @ step.free))
    lost = jnp.where(share > BROKEN, jnp.nan, 0.0)
    spoiled = jax.tree.map(lambda x: x + lost, found.relative)
    return eqx.tree_at(lambda e: e.relative, found, spoiled)


def _by_sparse_rows(problem: Problem, f: Hypothesis) -> ErrorEstimate | None:
    """`None` where the rows are not sparse after all, or something is not finite."""
    # SciPy's sparse matrices take long to import
    from .._least_squares._windows import is_local, linearised
    from ._local import local_step

    parts = problem.residuals, problem.values
    if not all(is_local(part) for part in parts):
        return None
    system, values = (linearised(part, part.theta) for part in parts)
    if not values.r.any():
        return None
    scale = scales(np, problem.values.equations, values.r)
    step = local_step(problem.residuals, system, values, scale)
    if step is None:
        return None
    found = _concluded(np, problem, f, step, system.r, values.r, scale, False)
    return changed(found, freest=_freest(problem.values, values.jacobian @ step.free))


def _freest(values: LeastSquares, change: np.ndarray) -> Point | None:
    """The point at which a change of the values of f is largest."""
    most, found = 0.0, None
    for equation, block in zip(values.equations, blocks(values.equations, change), strict=True):
        p = values.terms[equation.term].distribution
        if isinstance(p, Empirical):
            weights = np.maximum(np.asarray(p.weights), np.finfo(block.dtype).tiny)
            sizes = np.linalg.norm(block, axis=1) / np.sqrt(weights)
            i = int(np.argmax(sizes))
            if sizes[i] > most:
                most, found = sizes[i], jax.tree.map(lambda x, i=i: np.asarray(x)[i], p.points)
    return found


def _has_slope(residuals: LeastSquares, theta: Any, r: Any, step: Step) -> bool:
    """Whether r moves as its derivative says where f does, a little: f = 0 solves
    f' = 2 sqrt(|f| + 1e-300), and so does every f that begins to grow later."""
    small = float(np.sqrt(np.finfo(r.dtype).eps))
    moved, _ = residuals.linearise(theta + small * step.free)
    return bool(np.linalg.norm(moved - r) > 1e-3 * small * step.conditioning)


def _blocks(problem: Problem, v: Any) -> list[tuple[str, Any]]:
    """The rows of values, by function: n points times m components."""
    equations = problem.values.equations
    return [
        (problem.names[equation.term], block)
        for equation, block in zip(equations, blocks(equations, v), strict=True)
    ]


def _concluded(
    xp: Any,
    problem: Problem,
    f: Hypothesis,
    step: Step,
    r: Any,
    values: Any,
    scale: Any,
    selected: bool,
) -> ErrorEstimate:
    parts = _blocks(problem, scale * values)
    total = xp.sqrt(sum(component_sizes(xp, block).max() ** 2 for _, block in parts))
    safe = xp.where(total > 0, total, 1)
    eps = float(np.finfo(r.dtype).eps)
    conditioning = xp.maximum(step.conditioning, np.finfo(r.dtype).tiny)
    floor = eps * step.unit / conditioning / safe / float(np.sqrt(r.size))
    bound = step.rms / conditioning / safe
    contradiction = step.left_over / xp.where(step.unit > 0, step.unit, 1)
    lost = (step.apart > CHASM) & (conditioning * total < eps ** (2 / 3) * step.unit)
    determined = step.determined & (~lost | selected)
    weak = conditioning * total < WEAK * step.unit
    complete = problem.probe.complete
    relative: dict[str, Any] = {}
    for (name, change), (_, block) in zip(_blocks(problem, step.change), parts, strict=True):
        size = component_sizes(xp, block)
        error = xp.max(component_sizes(xp, change) / xp.where(size > 0, size, 1))
        error = xp.maximum(xp.maximum(error, floor), contradiction)
        # a correction along what is free says nothing
        error = xp.where(determined, error, xp.maximum(error, bound)) if complete else bound
        relative[name] = xp.maximum(relative[name], error) if name in relative else error
    single = len(relative) == 1
    at = lambda shift: problem.residuals.value(problem.residuals.theta + shift)
    return ErrorEstimate(
        next(iter(relative.values())) if single else relative,
        not complete,
        step.conditioning,
        floor,
        bound,
        determined,
        weak | (step.apart > APART),
        xp.sqrt(r @ r),
        step.unit,
        step.left_over,
        problem.fresh,
        "; ".join(part for part in (problem.probe.why, problem.note) if part),
        f,
        at(step.parameters),
        at(step.free),
    )
