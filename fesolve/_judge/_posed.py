"""The equations in a space richer than that of f, in which its error is estimated."""

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._least_squares._assembly import LeastSquares, residuals
from .._least_squares._rows import has_sparse_rows
from .._risk import AbstractRisk
from .._types import Hypothesis, is_traced, is_tracing, still
from ._asked import asked, asked_where_it_matters, ROOT
from ._box import is_plain
from ._error import ErrorEstimate
from ._fresh import Fresh, fresh
from ._probe import FACTORED, LARGEST, polynomials_alone, Probe, probe, TANGENTS
from ._rows import FACTORING, least_work, points_of, rows_of, squares, WORK
from ._values import values_of


class Problem(NamedTuple):
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
    def work(self) -> float:
        """Multiplications of a decomposition, but for a small factor."""
        size = self.residuals.theta.size
        return float(max(self.residuals.rows, self.values.rows, size)) * size**2

    @property
    def affordable(self) -> bool:
        return self.work <= WORK

    @property
    def key(self) -> Hashable:
        """What an estimate depends on; `None` where that cannot be read."""
        parts = (self.residuals, self.values)
        arrays = [part.theta for part in parts] + [x for part in parts for x in part.data]
        if any(part.assembly.opaque is not None for part in parts) or any(map(_is_key, arrays)):
            return None
        digest = hashlib.sha256()
        for x in map(np.asarray, arrays):
            digest.update(f"{x.dtype} {x.shape} ".encode() + x.tobytes())
        return tuple(part.assembly.key for part in parts), self.names, self.note, digest.digest()


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def posed_or_why_not(
    risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool], richness: int, largest: int = LARGEST
) -> Problem | ErrorEstimate:
    """The problem in a richer space; no estimate where the residual asks more of f than its
    values, such as its type.

    **Raises:** `ValueError` where the residual fails at f itself.
    """
    try:
        if largest == FACTORED:
            space = probe(f, mask, {}, richness, largest)
            if not space.complete or least_work(risk, space) > FACTORING:
                return nothing(f, space.why or "the equations in a richer space are too many")
        return _posed(risk, f, mask, richness, largest)
    except Exception as error:
        sample = fresh(risk, f, [points_of(term, f) for term in risk.terms])
        first = str(error).strip().partition("\n")[0]
        why = f"the residual does not take f in a richer space ({type(error).__name__}: {first})"
        return only_looked_at(sample, f, mask, why)


def _posed(
    risk: AbstractRisk, f: Hypothesis, mask: PyTree[bool], richness: int, largest: int
) -> Problem | ErrorEstimate:
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
    space = probe(f, mask, known, richness, largest)
    methods = [points for place, points in known.items() if place < ROOT]
    rows = rows_of(risk, space, methods if largest == FACTORED else ())
    if any(jax.tree.leaves(space.own)) and not rows.suffice:
        space = polynomials_alone(space)
        rows = rows_of(risk, space)
    sample, residuals = rows.sample, rows.residuals
    if rows.too_few and any(jax.tree.leaves(mask)):
        nothing = jax.tree.map(lambda _: False, mask)
        space = Probe(f, mask, nothing, False, "the sample has too few points for a richer space")
        residuals = LeastSquares(squares(sample.risk), f, mask, once=True)
    values = values_of(space.f, space.mask, sample.samples, known)
    problem = LeastSquares(values.risk, space.f, space.mask, once=True)
    own = np.zeros(residuals.theta.size, bool)
    own[residuals.columns(space.own)] = True
    reason = space.why or f"f has {residuals.theta.size:,} unknowns"
    why = f"{reason}; its tangent space is too large as well"
    posed = Problem(
        space,
        own,
        residuals,
        problem,
        values.names,
        sample.complete,
        sample.missing,
        not traced and has_sparse_rows(residuals),
        lambda: only_looked_at(sample, f, mask, why),
    )
    most = FACTORING if largest == FACTORED else WORK
    return posed if posed.sparse or posed.work <= most else posed.otherwise()


def nothing(f: Hypothesis, why: str) -> ErrorEstimate:
    none, yes = np.asarray(np.nan), np.asarray(True)
    numbers = (none, none, none, yes, np.asarray(False), none, none, none)
    return ErrorEstimate(none, True, *numbers, True, why, f, f, f)


def only_looked_at(sample: Fresh, f: Hypothesis, mask: PyTree[bool], why: str) -> ErrorEstimate:
    """No estimate, but the residuals on fresh points, and the size of what they are the sum of,
    by a change of all parameters in proportion."""
    if not any(jax.tree.leaves(mask)):
        return nothing(f, why)
    problem = LeastSquares(squares(sample.risk), f, mask)
    theta, small = still(problem.theta), 1e-4
    r, moved = (residuals(problem.assembly, t, problem.data) for t in (theta, theta * (1 + small)))
    norm = jnp.linalg.norm
    none = nothing(f, why)
    sizes = (norm(r), norm(r) + norm(moved - r) / small)
    return eqx.tree_at(lambda e: (e.rms, e.unit), none, sizes)
