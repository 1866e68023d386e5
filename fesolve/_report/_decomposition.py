"""Where the error of empirical risk minimisation comes from."""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._checks import hypothesis_class as check_class
from .._compiled import compiled
from .._entry import entry
from .._precision import in_dtype, theta_dtype
from .._risk import AbstractRisk
from .._show import Estimate, Table
from .._solve import solve
from .._solver import AbstractLeastSquaresSolver, AbstractSolver
from .._types import Hypothesis, HypothesisClass
from ._replications import (
    losses_of,
    population_error,
    population_of,
    sample_error,
    sample_of,
    tested,
    with_exact_shocks,
)
from ._tabular import AbstractReport


class ErrorDecomposition(AbstractReport):
    """The parts of E_D[R(f_D, D)] - R(f**, p*), and the excess risk beside them.

    f** is the solution, f* the best member of H under p*, and f_D the minimiser of the empirical
    risk on a sample D of n draws.

    - `eps_app` = R(f*, p*) - R(f**, p*) >= 0, the approximation error of H;
    - `eps_est` = E_D[R(f_D, D)] - R(f*, p*) <= 0, the optimism of the training risk;
    - `excess` = E_D[R(f_D, p*)] - R(f*, p*) >= 0, what the finite sample costs;
    - `gap` = `excess` - `eps_est` = E_D[R(f_D, p*) - R(f_D, D)], test minus train;
    - `total` = `eps_app` + `eps_est`;
    - `failed`: replications without a finite risk, which were left out.
    """

    eps_app: Estimate
    eps_est: Estimate
    excess: Estimate
    gap: Estimate
    total: Estimate
    n: int
    replications: int
    failed: int

    @property
    def table(self) -> Table:
        meanings = {
            "eps_app": "R(f*, p*) - R(f**, p*), approximation",
            "eps_est": "E R(f_D, D) - R(f*, p*), optimism of training",
            "excess": "E R(f_D, p*) - R(f*, p*), cost of few points",
            "gap": "E R(f_D, p*) - E R(f_D, D), test minus train",
            "total": "eps_app + eps_est = E R(f_D, D) - R(f**, p*)",
        }
        failed = f", {self.failed} of which failed" if self.failed else ""
        return Table(
            f"n = {self.n:,}, {self.replications:,} replications{failed}",
            list(meanings),
            ["value", "what it is"],
            [[self._estimate(name).value, meaning] for name, meaning in meanings.items()],
            errors=[[self._estimate(name).error, None] for name in meanings],
        )

    def _estimate(self, name: str) -> Estimate:
        return getattr(self, name)

    def to_dict(self) -> dict[str, Any]:
        """The decomposition as plain dictionaries and numbers, for JSON."""
        names = ("eps_app", "eps_est", "excess", "gap", "total")
        estimates = {name: self._estimate(name) for name in names}
        return {
            "n": self.n,
            "replications": self.replications,
            "failed": self.failed,
            **{k: {"value": e.value, "standard_error": e.error} for k, e in estimates.items()},
        }


@entry
def error_decomposition(
    risk: AbstractRisk,
    hypothesis_class: HypothesisClass,
    solver: AbstractSolver | None = None,
    *,
    n: int,
    replications: int,
    population: int | AbstractRisk = 10_000,
    key: PRNGKeyArray,
    irreducible: float = 0.0,
) -> ErrorDecomposition:
    """The approximation error, the estimation error and the excess risk of H on n draws.

    ```python
    series = fe.Series(fe.Chebyshev(12, (0.0, 1.0)))
    print(fe.error_decomposition(risk, lambda key: series, n=16, replications=100, key=key))
    ```

    Every solve starts at one member `hypothesis_class(key)`. Nothing is raised where zero is not
    reached, since how far it is not reached is the question.

    **Arguments:**

    - `risk`: the population risk R(f, p*). Terms that stand on data are drawn from with
      replacement, the data being p*. For a least-squares solver the expectation over a
      continuous shock is taken by a rule; for others it is drawn.
    - `hypothesis_class`: H, as `key -> f`.
    - `solver`: for f* and for every f_D; by default `LevenbergMarquardt()`.
    - `n`: the points of each term of a sample D.
    - `replications`: the number of samples.
    - `population`: how many draws stand for p*; or the risk under a rule that does so exactly,
      such as `risk.quadrature(64)`.
    - `key`: a PRNG key.
    - `irreducible`: R(f**, p*), zero for a functional equation, the variance of the noise in a
      regression.

    **Returns:** an `ErrorDecomposition`. Its identities hold in the numbers returned.

    **Raises:** `ValueError` for fewer than two replications, and from `solve` for a problem that
    is not determined by n points.
    """
    check_class(hypothesis_class)
    if replications < 2:
        raise ValueError(
            f"`replications` must be at least 2, for standard errors; got {replications}"
        )
    if solver is None or isinstance(solver, AbstractLeastSquaresSolver):
        risk = with_exact_shocks(risk)
    for_population, for_start, for_best, for_samples = jr.split(key, 4)
    truth, drawn = population_of(risk, population, for_population)
    start = hypothesis_class(for_start)
    best = solve(truth, start, solver, key=for_best, throw=False).value
    found, train = _trained(risk, start, solver, n, jr.split(for_samples, replications))
    bares = in_dtype([term.bare for term in truth.terms], theta_dtype(start))
    at_best = losses_of(bares, best)
    test, mean_losses, fine = tested(bares, start, found, train)
    return _decomposed(
        truth,
        drawn,
        [np.asarray(term, np.float64) for term in at_best],
        [np.asarray(term, np.float64) for term in mean_losses],
        np.asarray(train, np.float64)[np.asarray(fine)],
        np.asarray(test, np.float64)[np.asarray(fine)],
        irreducible=float(irreducible),
        n=n,
        replications=replications,
    )


@compiled
def _trained(
    risk: AbstractRisk, start: Hypothesis, solver: AbstractSolver | None, n: int, keys: Array
) -> tuple[PyTree, Float[Array, " replications"]]:
    """The arrays of f_D, and R(f_D, D), for one sample D a key."""

    def replicate(key: PRNGKeyArray) -> tuple[PyTree, Array]:
        for_draws, for_solver = jr.split(key)
        sample = sample_of(risk, n, for_draws)
        f = solve(sample, start, solver, key=for_solver, throw=False).value
        return eqx.filter(f, eqx.is_array), sample(f)

    return jax.vmap(replicate)(keys)


def _decomposed(
    truth: AbstractRisk,
    drawn: list[bool],
    best: list[np.ndarray],
    mean: list[np.ndarray],
    train: np.ndarray,
    test: np.ndarray,
    *,
    irreducible: float,
    n: int,
    replications: int,
) -> ErrorDecomposition:
    """The four numbers. Two things are random: the samples D, and the draws that stand for p*."""
    weights = [np.asarray(term.bare.weights, np.float64) for term in truth.terms]
    of_population = functools.partial(population_error, weights, drawn)
    at_best = float(sum(np.sum(w * x) for w, x in zip(weights, best, strict=True)))
    average = np.mean(train) if len(train) else np.nan
    tested = np.mean(test) if len(test) else np.nan
    difference = [a - b for a, b in zip(mean, best, strict=True)]
    app, est, excess = at_best - irreducible, float(average) - at_best, float(tested) - at_best
    noise = of_population(best)
    return ErrorDecomposition(
        eps_app=Estimate(app, noise),
        eps_est=Estimate(est, float(np.hypot(sample_error(train), noise))),
        excess=Estimate(excess, float(np.hypot(sample_error(test), of_population(difference)))),
        gap=Estimate(
            excess - est, float(np.hypot(sample_error(test - train), of_population(mean)))
        ),
        total=Estimate(app + est, sample_error(train)),
        n=n,
        replications=replications,
        failed=replications - len(train),
    )
