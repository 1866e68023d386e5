"""The cells of any class: a solve for each sample, by programs that are compiled once."""

from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._distribution._base import rule
from .._hypothesis._leaves import linear_leaves, trainable_leaves
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk, Risk, SumRisk
from .._solve import solve
from .._solver import AbstractLeastSquaresSolver, AbstractSolver
from .._types import changed, Hypothesis, Point
from ._cells import Measured
from ._replications import losses_of, tested


def solved_cells(
    risk: AbstractRisk,
    population: AbstractRisk,
    start: Hypothesis,
    solver: AbstractSolver | None,
    draws: list[Point | None],
    sizes: list[int],
    replications: int,
    key: PRNGKeyArray,
) -> Iterator[tuple[int, Measured]]:
    """For each n what was measured. Every solve begins at `start`."""
    for_best, for_samples = jr.split(key)
    best = solve(minimum(population), start, solver, key=for_best, throw=False).value
    bares = in_dtype([term.bare for term in population.terms], theta_dtype(start))
    at_best = [np.asarray(x, np.float64) for x in losses_of(bares, best)]
    risk_of_best = float(population(best))
    keys = jr.split(for_samples, replications)
    padded = solver is None or isinstance(solver, AbstractLeastSquaresSolver)
    for n in sizes:
        _require_points(risk, start, draws, n, solver)
        found, train, of_best = [], [], []
        for i, one in enumerate(keys):
            sample = _sample(risk, draws, i * sizes[-1], n, sizes[-1] if padded else n)
            f = solve(minimum(sample), start, solver, key=one, throw=False).value
            found.append(eqx.filter(f, eqx.is_array))
            train.append(float(sample(f)))
            of_best.append(float(sample(best)))
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *found)
        test, mean, _ = tested(bares, start, stacked, np.asarray(train))
        higher = [np.asarray(a, np.float64) - b for a, b in zip(mean, at_best, strict=True)]
        excess = np.asarray(test, np.float64) - risk_of_best
        yield n, Measured(np.array(train), np.array(of_best), excess, at_best, higher)


def minimum(risk: AbstractRisk) -> SumRisk:
    """The same risk, of which the minimum is wanted, be it zero or not."""
    return SumRisk(tuple(changed(term, tolerance=float("inf")) for term in risk.terms))


def _sample(
    risk: AbstractRisk, draws: list[Point | None], begin: int, n: int, length: int
) -> SumRisk:
    """The risk on the n points of each term from `begin` on; points up to `length` have no weight,
    so that samples of every n are arrays of one shape."""
    weights = np.where(np.arange(length) < n, 1 / n, 0.0)
    index = begin + np.minimum(np.arange(length), n - 1)

    def on(term: Risk, points: Point | None) -> Risk:
        if points is None:
            return term
        chosen: Any = jax.tree.map(lambda x: np.asarray(x)[index], points)
        return changed(term, distribution=rule(chosen, weights, None))

    return SumRisk(tuple(on(t, p) for t, p in zip(risk.terms, draws, strict=True)))


def _require_points(
    risk: AbstractRisk,
    start: Hypothesis,
    draws: list[Point | None],
    n: int,
    solver: AbstractSolver | None,
) -> None:
    """**Raises:** `ValueError` where f is linear in theta and n points do not determine it."""
    mask = trainable_leaves(start)
    if not isinstance(solver, AbstractLeastSquaresSolver) or not linear_leaves(start, mask)[1]:
        return
    one = _sample(risk, draws, 0, 1, 1)
    fixed = sum(t.residuals(start).size for t, p in zip(one.terms, draws) if p is None)
    drawn = sum(t.residuals(start).size for t, p in zip(one.terms, draws) if p is not None)
    unknowns = sum(x.size for x in jax.tree.leaves(eqx.filter(start, mask)))
    if fixed + n * drawn < unknowns:
        raise ValueError(
            f"samples of n = {n} points have {fixed + n * drawn} residual rows and f has "
            f"{unknowns} unknowns, in which it is linear: they are not determined. Take larger n, "
            "or no `solver`, which takes the minimum of least norm"
        )
