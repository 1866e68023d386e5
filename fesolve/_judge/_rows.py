"""How many fresh points decide a richer space, and the residuals on them."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from .._distribution._flat import flat_box
from .._hypothesis import AbstractLocalBasis
from .._hypothesis._leaves import series_in
from .._least_squares._assembly import by_term, LeastSquares
from .._losses import squared
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis
from .._worst import underlying
from ._fresh import Fresh, fresh, is_drawn, with_points
from ._probe import Probe


WORK, FACTORING = 4e9, 2e11
"""Multiplications that a singular value decomposition may take, and a QR factorisation, up to a
small factor."""
ENOUGH, PLENTY = 1.2, 2.2
"""Rows for each unknown of a richer space: the least that a given sample must have, and how many
are taken of a population."""
LEAST, MOST = 96, 2_000
"""Fresh points of a term."""
FOR_EACH, LARGE = 1.6, 4.0
"""The least rows for each unknown where points are chosen; and points for each function of a large
basis, in many coordinates, where few points lie near the ends of each."""


class Rows(NamedTuple):
    """The residuals of a richer space at fresh points.

    - `too_few`: whether a given sample has fewer points than the space needs.
    - `suffice`: whether there are enough of them, and a decomposition is affordable.
    """

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


def rows_of(risk: AbstractRisk, space: Probe, others: Sequence[np.ndarray] = ()) -> Rows:
    """The rows of a richer space, on as many points as are needed and can be afforded.

    **Arguments:** `others`, points to take beside these where a population has them.
    """
    pairs = zip(jax.tree.leaves(space.f), jax.tree.leaves(space.own), strict=True)
    own = sum(np.size(leaf) for leaf, mark in pairs if mark)
    for most in (MOST, 0):
        counts = [points_of(term, space.f, own, most) for term in risk.terms]
        found = _rows_on(risk, space, counts, others)
        size = found.residuals.theta.size
        if found.sample.complete and found.residuals.rows < FOR_EACH * size:
            # fewer equations a point than f has components, as where each point is of one state
            times = -(-PLENTY * size // found.residuals.rows)
            more = _rows_on(risk, space, [int(times * count) for count in counts], others)
            # more rows are taken where they are affordable, or where the first are not enough
            few = found.residuals.rows < ENOUGH * size
            found = more if few or more.are_affordable else found
        if found.are_affordable:
            break
    return found


def least_work(risk: AbstractRisk, space: Probe) -> float:
    """Multiplications of a factorisation of the rows that are needed. It is estimated from a few
    points of each term, since drawing all is dear where a point is the state of many households."""
    few = _rows_on(risk, space, [LEAST] * len(risk.terms), ()).residuals
    terms = zip(few.terms, by_term(few.equations), strict=True)
    drawn = [(term, equation.width) for term, equation in terms if is_drawn(term)]
    rows = sum(width * points_of(term, space.f, 0, 0) for term, width in drawn)
    return float(max(rows, few.theta.size)) * few.theta.size**2


def _rows_on(
    risk: AbstractRisk, space: Probe, counts: list[int], others: Sequence[np.ndarray]
) -> Rows:
    sample = with_points(fresh(risk, space.f, counts), others)
    residuals = LeastSquares(squares(sample.risk), space.f, space.mask, once=True)
    too_few = not sample.complete and residuals.rows < ENOUGH * residuals.theta.size
    return Rows(sample, residuals, too_few)


def squares(risk: AbstractRisk) -> AbstractRisk:
    """Whatever the loss is, it is zero where r is."""
    return SumRisk(tuple(changed(term, loss=squared, tolerance=np.inf) for term in risk.terms))


def points_of(term: Risk, f: Hypothesis, own: int = 0, most: int = MOST) -> int:
    """How many fresh points a term gets: about two for each unknown of the richer space, and no
    fewer than the solver had.

    **Arguments:** `own`, how many parameters of f move beside polynomials; `most`, up to how many
    points the solver's are matched.
    """
    bases = [node.basis for node in series_in(f)]
    largest = max([basis.size for basis in bases], default=0)
    needed = max(LEAST, PLENTY * (largest + own))
    needed *= 1 if flat_box(underlying(term.population)[0]) is None else 2
    if all(isinstance(basis, AbstractLocalBasis) for basis in bases):
        return int(max(needed, term.count if most else 0))
    if largest * FOR_EACH > MOST:
        # few where singular values are affordable by them, and a factorisation takes more
        is_small = FOR_EACH * largest**3 <= WORK
        return int((FOR_EACH if is_small else LARGE) * largest)
    return int(min(max(needed, min(term.count, most)), MOST))
