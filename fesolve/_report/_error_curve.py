"""Where the error comes from, over hypothesis classes and sample sizes."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import hypothesis_class as check_class, prng_key, whole
from .._distribution import AbstractDistribution, Dirac, Empirical
from .._entry import entry
from .._hypothesis._leaves import trainable_leaves
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk, require_squares
from .._show import Table, told
from .._solver import AbstractSolver
from .._types import Hypothesis, Point
from ._affine_cells import affine_cells, AffineClass
from ._cells import Cell, cell, Truth
from ._curve_figure import figure
from ._replications import losses_of, population_of, with_exact_shocks
from ._solved_cells import solved_cells
from ._tabular import AbstractReport


class ErrorCurve(AbstractReport):
    """The parts of the error of each hypothesis class at each sample size.

    - `cells`: one a class and n, with `eps_app`, `eps_est`, `excess` and `gap` as in
      `fe.ErrorDecomposition`, their medians over samples, and the number of `unknowns`.
    - `replications`: samples of each size.
    """

    cells: tuple[Cell, ...]
    replications: int

    @property
    def table(self) -> Table:
        medians = [f"{name} (median)" for name in PARTS[1:]]
        values, errors = [], []
        for c in self.cells:
            means = [getattr(c, name) for name in PARTS]
            failed = c.failed or None
            values.append([*(m.value for m in means), c.unknowns, *c.medians.values(), failed])
            errors.append([*(m.error for m in means), *[None] * (2 + len(medians))])
        return Table(
            f"{self.replications:,} samples of each size",
            [(c.label, c.n) for c in self.cells],
            [*PARTS, "unknowns", *medians, "failed"],
            values,
            errors=errors,
            index=("label", "n"),
        )

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame` with one row a class and n, which are its first columns."""
        return self.table.to_pandas().reset_index()

    def to_dict(self) -> dict[str, Any]:
        """The cells as plain dictionaries and numbers, for JSON."""
        return {
            "replications": self.replications,
            "cells": [_as_dict(one) for one in self.cells],
        }

    def plot(self, axes: Any = None) -> Any:
        """Bias and variance: eps_app, and R(f_D, p*) - R(f**, p*) = eps_app + excess for each n,
        over the number of unknowns. The mean is drawn, with two standard errors where these are
        less than it is, and dotted the median: near as many unknowns as points few samples say
        little of a mean.

        **Arguments:** `axes`, matplotlib axes to draw on. **Returns:** the axes.
        """
        return figure(self.cells, axes)


PARTS = ("eps_app", "eps_est", "excess", "gap")


def _as_dict(one: Cell) -> dict[str, Any]:
    parts = {name: getattr(one, name) for name in PARTS}
    label = one.label if isinstance(one.label, str | int | float) else str(one.label)
    return {
        "label": label,
        "n": one.n,
        "unknowns": one.unknowns,
        "failed": one.failed,
        **{name: {"value": e.value, "standard_error": e.error} for name, e in parts.items()},
        "medians": dict(one.medians),
    }


@entry
def error_curve(
    risk: AbstractRisk,
    classes: Mapping[Any, Any],
    solver: AbstractSolver | None = None,
    *,
    n: Sequence[int] | int,
    replications: int,
    population: int | AbstractRisk = 10_000,
    exact: Any = None,
    irreducible: float = 0.0,
    key: PRNGKeyArray,
) -> ErrorCurve:
    """`fe.error_decomposition` of several hypothesis classes over sample sizes.

    ```python
    classes = {d: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (0.0, 1.0)))) for d in range(1, 7)}
    curve = fe.error_curve(risk, classes, n=[8, 16, 32], replications=200, key=key)
    print(curve)
    curve.to_pandas().pivot(index="label", columns="n", values="excess")
    ```

    All classes see the same samples, a sample of n points is the beginning of one of 2 n, and
    R(f_D, D) is compared with R(f*, D), so that differences are known better than their parts.

    Where the residual is affine in theta, found by trying, one Jacobian a class says all, and f_D
    is the minimum of least norm |theta| where n points leave several: past as many unknowns as
    rows the curve goes on (double descent). Other classes are solved sample by sample; samples
    of every n are arrays of one shape, so that a class compiles once.

    **Arguments:**

    - `risk`: the population risk R(f, p*), a sum of squares. Terms that stand on data are drawn
      from with replacement, the data being p*. The expectation over a continuous shock is taken
      by a rule, so that only points are drawn.
    - `classes`: hypothesis classes `key -> f` by their labels.
    - `solver`: for f* and for every f_D; by default least squares: at once where the residual is
      affine, else `LevenbergMarquardt()`.
    - `n`: sample sizes, points of each term of a sample D.
    - `replications`: samples of each size.
    - `population`: how many draws stand for p*, many more than unknowns, since f* is fitted to
      them; or the risk under a rule that does so exactly, such as `risk.quadrature(64)`.
    - `exact`: f**, a function or module that the residual can use: R(f**, p*) is then taken at
      the points of R(f*, p*), so that the noise of a regression is in both.
    - `irreducible`: R(f**, p*) in its place, where f** is not known.
    - `key`: a PRNG key.

    **Returns:** an `ErrorCurve`.

    **Raises:** `ValueError` for fewer than two replications, and where with a `solver` n points do
    not determine a linear f.

    **Reference:** Belkin, Hsu, Ma and Mandal (2019), "Reconciling modern machine-learning practice
    and the classical bias-variance trade-off".
    """
    sizes = _sizes(n)
    _check(risk, classes, replications, exact, irreducible, key)
    risk = with_exact_shocks(risk)
    if isinstance(population, AbstractRisk):
        population = with_exact_shocks(population)
    for_population, for_start, for_draws, for_solver = jr.split(key, 4)
    truth, drawn = population_of(risk, population, for_population)
    keys = jr.split(for_draws, len(risk.terms))
    count = sizes[-1] * replications
    draws = [_draws(t.population, count, k) for t, k in zip(risk.terms, keys, strict=True)]
    _check_alike(truth, draws)
    weights = [np.asarray(term.bare.weights, np.float64) for term in truth.terms]
    cells: list[Cell] = []
    for label, hypothesis_class in classes.items():
        start = hypothesis_class(for_start)
        floor = floor_of(truth, start, exact, float(irreducible))
        unknowns = _unknowns(start)
        affine = AffineClass(risk, start, draws) if solver is None else None
        if affine is not None and affine.is_affine():
            found = affine_cells(affine, truth, draws, sizes, replications)
        else:
            given = (draws, sizes, replications, for_solver)
            found = solved_cells(risk, truth, start, solver, *given)
        stands = Truth(weights, drawn, floor)
        cells += [cell(label, size, unknowns, stands, measured) for size, measured in found]
    return ErrorCurve(tuple(cells), replications)


def _sizes(n: Sequence[int] | int) -> list[int]:
    given = [n] if isinstance(n, int | np.integer) else list(n)
    if not given:
        raise ValueError("`n` must be one sample size or several, such as `n=[8, 16, 32]`; got []")
    return sorted({whole(one, "n") for one in given})


def _check(
    risk: Any, classes: Any, replications: Any, exact: Any, irreducible: Any, key: Any
) -> None:
    if not isinstance(classes, Mapping) or not classes:
        raise ValueError(
            "`classes` must be a dict of hypothesis classes `key -> f` by their labels, such as "
            f"`{{'line': lambda key: fe.Linear(2)}}`; got {told(classes)}"
        )
    for label, each in classes.items():
        check_class(each, f"classes[{label!r}]")
    if whole(replications, "replications") < 2:
        raise ValueError(
            f"`replications` must be at least 2, for standard errors; got {replications}"
        )
    if exact is not None and irreducible != 0:
        raise ValueError("`exact` and `irreducible` both say what R(f**, p*) is: pass one of them")
    prng_key(key)
    require_risk(risk)
    if not isinstance(irreducible, int | float | np.number | np.ndarray | jax.Array):
        raise ValueError(f"`irreducible` must be a number, R(f**, p*); got {irreducible!r}")
    for term in with_exact_shocks(risk).terms:
        require_squares(term)


def require_risk(risk: Any, name: str = "risk") -> None:
    """**Raises:** `ValueError` for what is no risk."""
    if not isinstance(risk, AbstractRisk):
        raise ValueError(
            f"`{name}` must be a risk such as `fe.Risk(residual, distribution)`; got {risk!r}"
        )


def _check_alike(truth: AbstractRisk, draws: list[Point | None]) -> None:
    kinds = [isinstance(term.distribution, Empirical) for term in truth.terms]
    if kinds != [points is not None for points in draws]:
        raise ValueError(
            "`population` must have the terms of `risk`, on points where these have a "
            "distribution: pass `risk.quadrature(n)`, or a number of draws"
        )


def _draws(p: AbstractDistribution | None, count: int, key: PRNGKeyArray) -> Point | None:
    if p is None or isinstance(p, Dirac):
        return None
    return jax.tree.map(np.asarray, p.sample(count, key=key))


def floor_of(
    truth: AbstractRisk, start: Hypothesis, exact: Any, irreducible: float
) -> list[np.ndarray]:
    """The loss of f** at each point; what is known of it alone, at all points of the first term."""
    if exact is not None:
        bares = in_dtype([term.bare for term in truth.terms], theta_dtype(start))
        return [np.asarray(x, np.float64) for x in losses_of(bares, exact)]
    sizes = [np.shape(term.bare.weights)[0] for term in truth.terms]
    return [np.full(size, irreducible if i == 0 else 0.0) for i, size in enumerate(sizes)]


def _unknowns(f: Hypothesis) -> int:
    theta = eqx.filter(f, trainable_leaves(f))
    return sum(x.size for x in jax.tree.leaves(theta))
