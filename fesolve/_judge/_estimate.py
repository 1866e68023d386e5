"""The error of f, estimated: the correction that the linearised equation still asks for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._entry import entry
from .._least_squares._algebra import one_thread
from .._least_squares._assembly import blocks, LeastSquares, linearise, residuals
from .._least_squares._device_algebra import decomposed
from .._least_squares._trainable import (
    free_leaves,
    has_sparse_rows,
    trainable_leaves,
)
from .._risk import AbstractRisk, require_risk
from .._types import changed, Hypothesis, is_traced, is_tracing, still
from ._asked import asked, asked_where_it_matters
from ._box import is_plain
from ._error import ErrorEstimate
from ._fresh import Fresh, fresh
from ._newton import Linearised, missing_step, Step
from ._probe import Given, has_only_series, polynomials_alone, Probe, probe, TANGENTS
from ._rows import points_of, rows_of, squares, WORK
from ._values import component_sizes, scales, values_of


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


class _Problem(NamedTuple):
    """The residuals and the values of f in a richer space, as functions of one theta; `own`, which
    entries of theta are f's own beside polynomials; `sparse`, whether it may have sparse rows, and
    `otherwise`, what is said where it has to have and has not."""

    probe: Probe
    own: np.ndarray
    residuals: LeastSquares
    values: LeastSquares
    names: tuple[str, ...]
    fresh: bool
    note: str
    sparse: bool
    otherwise: Callable[[], ErrorEstimate]

    @property
    def affordable(self) -> bool:
        size = self.residuals.theta.size
        return max(self.residuals.rows, self.values.rows, size) * size**2 <= WORK


def estimate(
    risk: AbstractRisk,
    f: Hypothesis,
    mask: PyTree[bool],
    *,
    selected: bool = False,
    richness: int = 1,
) -> ErrorEstimate:
    """The estimate for an f whose leaves that `mask` marks were solved for.

    **Arguments:** `selected`, whether directions that the equations leave free were chosen by
    something else, as by a norm; they are no error then.
    """
    if not any(jax.tree.leaves(mask)):
        if not callable(f):
            return _nothing(f, "f has no parameters, and is no function")
        f = Given(f)
        mask = jax.tree.map(lambda _: False, f)
    risk, f = still((risk, f))
    problem = _posed_or_why_not(risk, f, mask, richness)
    if isinstance(problem, ErrorEstimate):
        return problem
    if problem.residuals.traced or problem.values.traced:
        return _by_dense_rows(jnp, decomposed, problem, f, selected)
    with one_thread(problem.residuals.theta.size):
        found = _on_host(problem, f, selected)
    if richness != 1 or selected:
        return found
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


def _posed_or_why_not(
    risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool], richness: int
) -> "_Problem | ErrorEstimate":
    """The problem in a richer space; no estimate where the residual asks more of f than its
    values, such as its type.

    **Raises:** `ValueError` where the residual fails at f itself.
    """
    try:
        return _posed(risk, f, mask, richness)
    except Exception as error:
        sample = fresh(risk, f, [points_of(term, f) for term in risk.terms])
        first = str(error).strip().partition("\n")[0]
        why = f"the residual does not take f in a richer space ({type(error).__name__}: {first})"
        return _only_looked_at(sample, f, mask, why)


def _posed(
    risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool], richness: int
) -> "_Problem | ErrorEstimate":
    traced = is_traced((risk, f)) or is_tracing()
    known: dict[int, np.ndarray] = {}
    if not (traced or is_plain(risk, f)):
        # as many points as for the richer space, so that the values at them tell it apart
        trained = zip(jax.tree.leaves(f), jax.tree.leaves(mask), strict=True)
        own = sum(np.size(leaf) for leaf, mark in trained if mark)
        own = own if own <= TANGENTS else 0
        counts = [points_of(term, f, own) for term in risk.terms]
        # f counts where it is asked for under the law of states, not all over their box
        first = fresh(risk, f, counts, filling=False).risk
        known = asked(first, f)
        if known and not callable(f) and any(jax.tree.leaves(mask)):
            known = asked_where_it_matters(squares(first), f, mask, known, squares(risk))
    space = probe(f, mask, known, richness)
    rows = rows_of(risk, space)
    if any(jax.tree.leaves(space.own)) and not rows.suffice:
        space = polynomials_alone(space)
        rows = rows_of(risk, space)
    sample, residuals = rows.sample, rows.residuals
    if rows.too_few and any(jax.tree.leaves(mask)):
        nothing = jax.tree.map(lambda _: False, mask)
        space = Probe(f, mask, nothing, False, "the sample has too few points for a richer space")
        residuals = LeastSquares(squares(sample.risk), f, mask)
    values = values_of(space.f, space.mask, sample.samples, known)
    problem = LeastSquares(values.risk, space.f, space.mask)
    own = np.zeros(residuals.theta.size, bool)
    own[residuals.columns(space.own)] = True
    reason = space.why or f"f has {residuals.theta.size:,} unknowns"
    why = f"{reason}; its tangent space is too large as well"
    posed = _Problem(
        space,
        own,
        residuals,
        problem,
        values.names,
        sample.complete,
        sample.missing,
        not traced and has_sparse_rows(space.f, space.mask),
        lambda: _only_looked_at(sample, f, mask, why),
    )
    return posed if posed.sparse or posed.affordable else posed.otherwise()


def _nothing(f: Hypothesis, why: str) -> ErrorEstimate:
    none, yes = np.asarray(np.nan), np.asarray(True)
    numbers = (none, none, none, yes, np.asarray(False), none, none, none)
    return ErrorEstimate(none, True, *numbers, True, why, f, f, f)


def _only_looked_at(sample: Fresh, f: Hypothesis, mask: PyTree[bool], why: str) -> ErrorEstimate:
    """No estimate, but the residuals on fresh points, and the size of what they are the sum of,
    by a change of all parameters in proportion."""
    if not any(jax.tree.leaves(mask)):
        return _nothing(f, why)
    problem = LeastSquares(squares(sample.risk), f, mask)
    theta, small = still(problem.theta), 1e-4
    r, moved = (residuals(problem.assembly, t, problem.data) for t in (theta, theta * (1 + small)))
    norm = jnp.linalg.norm
    nothing = _nothing(f, why)
    sizes = (norm(r), norm(r) + norm(moved - r) / small)
    return eqx.tree_at(lambda e: (e.rms, e.unit), nothing, sizes)


def _on_host(problem: _Problem, f: Hypothesis, selected: bool) -> ErrorEstimate:
    found = _by_sparse_rows(problem, f) if problem.sparse and not selected else None
    if found is not None:
        return found
    if not problem.affordable:
        return problem.otherwise()
    return _by_dense_rows(np, _svd, problem, f, selected)


def _svd(matrix: np.ndarray) -> Any:
    return np.linalg.svd(matrix, full_matrices=False)


def _by_dense_rows(
    xp: Any, svd: Callable, problem: _Problem, f: Hypothesis, selected: bool
) -> ErrorEstimate:
    """The estimate, in NumPy or inside a program, where nothing ends early."""
    on_host = xp is np
    theta, r, jacobian = _rows_at(problem.residuals)
    _, values, values_jacobian = _rows_at(problem.values)
    broken = ~(xp.isfinite(r) & xp.isfinite(jacobian).all(axis=1))
    share = xp.mean(broken)
    if on_host and share > BROKEN:
        return _nothing(f, f"the residual is not finite at {100 * share:.2g} % of fresh points")
    if on_host and not np.isfinite(values_jacobian).all():
        return _nothing(f, "the derivative of f in its parameters is not finite")
    r, jacobian = xp.where(broken, 0, r), xp.where(broken[:, None], 0, jacobian)
    scale = scales(xp, problem.values.equations, values)
    system = Linearised(theta, r, jacobian, scale[:, None] * values_jacobian, scale * values)
    step = missing_step(xp, svd, system, problem.residuals.equations, problem.own, selected)
    if on_host and not values.any() and not _has_slope(problem.residuals, theta, r, step):
        return _nothing(f, "f is zero, where the residual has no derivative in f")
    found = _concluded(xp, problem, f, step, r, values, scale, selected)
    if on_host:
        return found
    lost = jnp.where(share > BROKEN, jnp.nan, 0.0)
    spoiled = jax.tree.map(lambda x: x + lost, found.relative)
    return eqx.tree_at(lambda e: e.relative, found, spoiled)


def _rows_at(problem: LeastSquares) -> tuple[Any, Any, Any]:
    """theta, the rows there and their Jacobian; traced where anything is."""
    if not problem.traced:
        return problem.theta, *problem.linearise(problem.theta)
    theta = jax.lax.stop_gradient(problem.theta)
    return theta, *linearise(problem.assembly, theta, problem.data)


def _by_sparse_rows(problem: _Problem, f: Hypothesis) -> ErrorEstimate | None:
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
    return step and _concluded(np, problem, f, step, system.r, values.r, scale, False)


def _has_slope(residuals: LeastSquares, theta: Any, r: Any, step: Step) -> bool:
    """Whether r moves as its derivative says where f does, a little: f = 0 solves
    f' = 2 sqrt(|f| + 1e-300), and so does every f that begins to grow later."""
    small = float(np.sqrt(np.finfo(r.dtype).eps))
    moved, _ = residuals.linearise(theta + small * step.free)
    return bool(np.linalg.norm(moved - r) > 1e-3 * small * step.conditioning)


def _blocks(problem: _Problem, v: Any) -> list[tuple[str, Any]]:
    """The rows of values, by function: n points times m components."""
    equations = problem.values.equations
    return [
        (problem.names[equation.term], block)
        for equation, block in zip(equations, blocks(equations, v), strict=True)
    ]


def _concluded(
    xp: Any,
    problem: _Problem,
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
