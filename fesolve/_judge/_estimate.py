"""The error of f, estimated: the correction that the linearised equation still asks for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._hypothesis import AbstractLocalBasis
from .._least_squares._algebra import one_thread
from .._least_squares._assembly import blocks, LeastSquares, linearise, residuals
from .._least_squares._device_algebra import decomposed
from .._least_squares._trainable import free_leaves, trainable_leaves
from .._losses import squared
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis, is_traced, is_tracing, still
from ._asked import asked, asked_where_it_matters
from ._box import is_plain
from ._error import ErrorEstimate
from ._fresh import Fresh, fresh, has_sparse_rows, is_movable, series_in
from ._newton import Linearised, missing_step, Step
from ._probe import Given, polynomials_alone, Probe, probe, TANGENTS
from ._values import component_sizes, scales, values_of


WORK = 4e9
"""Multiplications that a decomposition may take, but for a small factor."""
ENOUGH = 1.2
"""Rows for each unknown of a richer space, where the points cannot be chosen."""
LEAST, MOST = 96, 2_000
"""Fresh points of a term."""
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

    **Raises:** `ValueError` where the residual cannot be evaluated.

    **Source:** Stetter (1978), "The defect correction principle and discretization methods".
    """
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
        return _on_device(problem, f, selected)
    with one_thread(problem.residuals.theta.size):
        found = _on_host(problem, f, selected)
    if richness != 1 or selected:
        return found
    doubtful = bool(found.determined & found.doubtful)
    if not (doubtful or _is_contradicted(found)):
        return found
    again = estimate(risk, f, mask, richness=2)
    if doubtful and again.conditioning < FALLS * found.conditioning:
        # a direction that a richer space holds better and better is free, but one of which f has
        # nothing at the degree that it needs
        plain = estimate(risk, f, mask, richness=0)
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
        sample = fresh(risk, f, [_count(term, f) for term in risk.terms])
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
        first = fresh(risk, f, [_count(term, f, own) for term in risk.terms]).risk
        known = asked(first, f)
        if known and not callable(f) and any(jax.tree.leaves(mask)):
            known = asked_where_it_matters(_squares(first), f, mask, known)
    space = probe(f, mask, known, richness)
    rows = _rows(risk, space)
    if any(jax.tree.leaves(space.own)) and not rows.suffice:
        space = polynomials_alone(space)
        rows = _rows(risk, space)
    sample, residuals = rows.sample, rows.residuals
    if rows.too_few and any(jax.tree.leaves(mask)):
        nothing = jax.tree.map(lambda _: False, mask)
        space = Probe(f, mask, nothing, False, "the sample has too few points for a richer space")
        residuals = LeastSquares(_squares(sample.risk), f, mask)
    samples = [term.distribution for term in sample.risk.terms if is_movable(term)]
    values = values_of(space.f, space.mask, samples, known)
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


class _Rows(NamedTuple):
    """The residuals of a richer space at fresh points, and whether these are too few, where they
    cannot be chosen; they suffice where they can also be afforded."""

    sample: Fresh
    residuals: LeastSquares
    too_few: bool

    @property
    def are_affordable(self) -> bool:
        size = self.residuals.theta.size
        return max(self.residuals.rows, size) * size**2 <= WORK

    @property
    def suffice(self) -> bool:
        return not self.too_few and self.are_affordable


def _rows(risk: AbstractRisk, space: Probe) -> _Rows:
    pairs = zip(jax.tree.leaves(space.f), jax.tree.leaves(space.own), strict=True)
    own = sum(np.size(leaf) for leaf, mark in pairs if mark)
    for most in (MOST, 0):
        sample = fresh(risk, space.f, [_count(term, space.f, own, most) for term in risk.terms])
        residuals = LeastSquares(_squares(sample.risk), space.f, space.mask)
        too_few = not sample.complete and residuals.rows < ENOUGH * residuals.theta.size
        found = _Rows(sample, residuals, too_few)
        if found.are_affordable:
            break
    return found


def _squares(risk: AbstractRisk) -> AbstractRisk:
    """Whatever the loss is, it is zero where r is."""
    return SumRisk(tuple(changed(term, loss=squared, tolerance=np.inf) for term in risk.terms))


def _count(term: Risk, f: Hypothesis, own: int = 0, most: int = MOST) -> int:
    """How many fresh points decide a richer space, twice over, and are no fewer than the solver
    had.

    **Arguments:** `own`, how many parameters of f move beside polynomials; `most`, up to how many
    points the solver's are matched.
    """
    bases = [node.basis for node in series_in(f)]
    needed = max(LEAST, 2.2 * (max([basis.size for basis in bases], default=0) + own))
    if all(isinstance(basis, AbstractLocalBasis) for basis in bases):
        return int(max(needed, term.count if most else 0))
    return int(min(max(needed, min(term.count, most)), MOST))


def _nothing(f: Hypothesis, why: str) -> ErrorEstimate:
    none, yes = np.asarray(np.nan), np.asarray(True)
    numbers = (none, none, none, yes, np.asarray(False), none, none, none)
    return ErrorEstimate(none, True, *numbers, True, why, f, f, f)


def _only_looked_at(sample: Fresh, f: Hypothesis, mask: PyTree[bool], why: str) -> ErrorEstimate:
    """No estimate, but the residuals on fresh points, and the size of what they are the sum of,
    by a change of all parameters in proportion."""
    if not any(jax.tree.leaves(mask)):
        return _nothing(f, why)
    problem = LeastSquares(_squares(sample.risk), f, mask)
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
    theta = problem.residuals.theta
    r, jacobian = problem.residuals.linearise(theta)
    values, values_jacobian = problem.values.linearise(theta)
    broken = ~(np.isfinite(r) & np.isfinite(jacobian).all(axis=1))
    if broken.mean() > BROKEN:
        return _nothing(
            f, f"the residual is not finite at {100 * broken.mean():.2g} % of fresh points"
        )
    r, jacobian = np.where(broken, 0, r), np.where(broken[:, None], 0, jacobian)
    if not np.isfinite(values_jacobian).all():
        return _nothing(f, "the derivative of f in its parameters is not finite")
    scale = scales(np, problem.values.equations, values)
    svd = lambda matrix: np.linalg.svd(matrix, full_matrices=False)
    scaled = scale[:, None] * values_jacobian
    system = Linearised(theta, r, jacobian, scaled, scale * values)
    step = missing_step(np, svd, system, problem.residuals.equations, problem.own, selected)
    if not values.any() and not _has_slope(problem.residuals, theta, r, step):
        return _nothing(f, "f is zero, where the residual has no derivative in f")
    return _concluded(np, problem, f, step, r, values, scale, selected)


def _by_sparse_rows(problem: _Problem, f: Hypothesis) -> ErrorEstimate | None:
    """`None` where the rows are not sparse after all, or something is not finite."""
    from ._local import linearised, local_step  # SciPy's sparse matrices take long to import

    system, values = linearised(problem.residuals), linearised(problem.values)
    if system is None or values is None or not values.r.any():
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


def _on_device(problem: _Problem, f: Hypothesis, selected: bool) -> ErrorEstimate:
    theta = jax.lax.stop_gradient(problem.residuals.theta)
    residuals, values = problem.residuals, problem.values
    r, jacobian = linearise(residuals.assembly, theta, residuals.data)
    v, values_jacobian = linearise(values.assembly, theta, values.data)
    broken = ~(jnp.isfinite(r) & jnp.isfinite(jacobian).all(axis=1))
    r, jacobian = jnp.where(broken, 0, r), jnp.where(broken[:, None], 0, jacobian)
    scale = scales(jnp, problem.values.equations, v)
    scaled = scale[:, None] * values_jacobian
    system = Linearised(theta, r, jacobian, scaled, scale * v)
    step = missing_step(jnp, decomposed, system, problem.residuals.equations, problem.own, selected)
    found = _concluded(jnp, problem, f, step, r, v, scale, selected)
    lost = jnp.where(jnp.mean(broken) > BROKEN, jnp.nan, 0.0)
    return eqx.tree_at(
        lambda e: e.relative, found, jax.tree.map(lambda x: x + lost, found.relative)
    )


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
