"""Which part of the error is the largest, and what to change."""

from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from .._checks import hypothesis_class as check_class, whole
from .._entry import entry
from .._risk import AbstractRisk, require_sample, require_squares
from .._show import Estimate, Table
from .._solve import solve
from .._solver import AbstractSolver, LevenbergMarquardt
from .._types import Hypothesis, HypothesisClass
from ._error_curve import floor_of, require_risk
from ._replications import (
    losses_of,
    population_error,
    population_of,
    sample_error,
    sample_of,
    with_exact_shocks,
)
from ._solved_cells import minimum
from ._tabular import AbstractReport


SMALL = 0.1
"""Above noise, an error of a smaller share of it is not worth a change."""
ROUNDING = 1e-24
"""A risk, relative to that of the start, that is nothing but rounding."""
STARTS = 3
"""From so many members of the class the best one under p* is sought."""

REMEDIES = {
    "approximation": (
        "the hypothesis class does not hold f. Take a larger degree or width, other features "
        "(`fe.Compose`), or build in what is known of f (`fe.Ansatz`)"
    ),
    "estimation": (
        "n points do not determine f within the class. Take more points, a smaller class, or "
        "regularise (`fe.weights_norm`, `fe.MinimumNorm`, early stopping)"
    ),
    "optimisation": (
        "the solver stops short of the minimum on its sample. Take more steps or another rate, "
        "another start, or `fe.LevenbergMarquardt`"
    ),
    "shift": (
        "f is asked for where it was not learnt. Put the points there (`risk.on(q)`), weigh them "
        "(`risk.reweighted`), or build in how f goes on (`fe.Ansatz`)"
    ),
    "noise": "what is left is the noise of the data, and no f does better. Stop here",
    "nothing": "the risk is at rounding. Stop here",
}


class Advice(AbstractReport):
    """Parts of E R(f~_D, p*) - R(f**, p*), where f~_D is what the solver returns on a sample D.

    - `approximation` = R(f*, p*) - R(f**, p*), f* the best member of the class;
    - `estimation` = E[R(f_D, p*)] - R(f*, p*), f_D the best member on the sample;
    - `optimisation` = E[R(f~_D, p*) - R(f_D, p*)], negative where stopping early was a gain;
    - `shift` = E[R(f~_D, q) - R(f~_D, p*)], where there is a q;
    - `noise` = R(f**, p*);
    - `dominant`: the largest of them, by its name, and `advice`, a sentence.
    """

    approximation: Estimate
    estimation: Estimate
    optimisation: Estimate
    shift: Estimate | None
    noise: float
    n: int
    replications: int
    dominant: str
    advice: str

    @property
    def parts(self) -> dict[str, Estimate]:
        """The errors by name."""
        found = {
            "approximation": self.approximation,
            "estimation": self.estimation,
            "optimisation": self.optimisation,
        }
        return found if self.shift is None else {**found, "shift": self.shift}

    @property
    def table(self) -> Table:
        parts = {**self.parts, "noise": Estimate(self.noise, None)}
        return Table(
            f"n = {self.n:,}, {self.replications:,} samples",
            list(parts),
            ["error"],
            [[e.value] for e in parts.values()],
            errors=[[e.error] for e in parts.values()],
            notes=[f"{self.dominant}: {self.advice}"],
        )

    def to_dict(self) -> dict[str, Any]:
        """The parts as plain dictionaries and numbers, for JSON."""
        parts = {k: {"value": e.value, "standard_error": e.error} for k, e in self.parts.items()}
        more = {"noise": self.noise, "n": self.n, "replications": self.replications}
        return {**parts, **more, "dominant": self.dominant, "advice": self.advice}


@entry
def advise(
    risk: AbstractRisk,
    hypothesis_class: HypothesisClass,
    solver: AbstractSolver | None = None,
    *,
    n: int,
    replications: int = 8,
    population: int | AbstractRisk = 10_000,
    exact: Any = None,
    irreducible: float = 0.0,
    shifted: AbstractRisk | None = None,
    key: PRNGKeyArray,
) -> Advice:
    """Which error dominates, and what to change.

    ```python
    print(fe.advise(risk, network, fe.Optax(optax.adam(1e-3), num_steps=500), n=64, key=key))
    ```

    Samples are drawn and solved as the user does. Then `LevenbergMarquardt()` goes on from where
    each solve ended, and begins anew from its start, for the best member of the class on the
    sample; and from several starts for the best one under p*.

    **Arguments:**

    - `risk`: the population risk, a sum of squares; the expectation over a continuous shock is
      taken by a rule.
    - `hypothesis_class`: H, as `key -> f`.
    - `solver`: what is used on a sample; by default `LevenbergMarquardt()`.
    - `n`: the points of each term of a sample.
    - `replications`, `population`, `exact`, `irreducible`, `key`: as in `fe.error_curve`.
    - `shifted`: the risk where f will be used, on a sample, such as
      `risk.on(q).empirical(10_000, key=key)`.

    **Returns:** an `Advice`.

    **Reference:** Bottou and Bousquet (2008), "The tradeoffs of large scale learning", eq. (1).
    """
    require_risk(risk)
    risk = with_exact_shocks(risk)
    _check_advice(risk, hypothesis_class, shifted)
    whole(n, "n")
    whole(replications, "replications", 2)
    if isinstance(population, AbstractRisk):
        population = with_exact_shocks(population)
    for_population, for_starts, for_samples = jr.split(key, 3)
    truth, drawn = population_of(risk, population, for_population)
    starts = [hypothesis_class(k) for k in jr.split(for_starts, STARTS)]
    weights = [np.asarray(term.bare.weights, np.float64) for term in truth.terms]
    floor = floor_of(truth, starts[0], exact, float(irreducible))
    found, minima, moved = [], [], []
    for one in jr.split(for_samples, replications):
        for_draws, for_solver = jr.split(one)
        sample = minimum(sample_of(risk, n, for_draws))
        f = solve(sample, starts[0], solver, key=for_solver, throw=False).value
        found.append(f)
        minima.append(_best(sample, [f, starts[0]], for_solver))
        moved.append(np.nan if shifted is None else float(shifted(f)))
    best = _best(minimum(truth), [*starts, minima[0], found[0]], for_samples)
    at_best = [np.asarray(x, np.float64) for x in losses_of([t.bare for t in truth.terms], best)]
    risk_of_best = float(truth(best))
    reached = np.array([float(truth(f)) for f in found])
    least = np.array([float(truth(f)) for f in minima])
    noise = float(sum(np.sum(w * x) for w, x in zip(weights, floor, strict=True)))
    above = [a - b for a, b in zip(at_best, floor, strict=True)]
    mean = lambda values: Estimate(float(np.mean(values)), sample_error(np.asarray(values)))
    over_samples = {
        "estimation": least - risk_of_best,
        "optimisation": reached - least,
        "shift": np.array(moved) - reached,
    }
    parts = {name: mean(values) for name, values in over_samples.items()}
    approximation = Estimate(risk_of_best - noise, population_error(weights, drawn, above))
    # the median, since the mean of an excess risk may be that of one bad sample
    sizes = {name: float(np.median(values)) for name, values in over_samples.items()}
    sizes = {"approximation": approximation.value - 2 * approximation.error, **sizes}
    dominant = _dominant(sizes, noise, float(truth(starts[0])) + noise)
    return Advice(
        approximation,
        parts["estimation"],
        parts["optimisation"],
        None if shifted is None else parts["shift"],
        noise=noise,
        n=n,
        replications=replications,
        dominant=dominant,
        advice=REMEDIES[dominant],
    )


def _check_advice(
    risk: AbstractRisk, hypothesis_class: HypothesisClass, shifted: AbstractRisk | None
) -> None:
    """Raises `ValueError` for what advice cannot be given on."""
    check_class(hypothesis_class)
    for term in risk.terms:
        require_squares(term)
    if shifted is not None:
        require_risk(shifted, "shifted")
        for term in shifted.terms:
            require_sample(term)


def _best(risk: AbstractRisk, starts: list[Hypothesis], key: PRNGKeyArray) -> Hypothesis:
    """Of all that is reached from these starts, and of the starts, that of the least risk."""
    ends = [solve(risk, f, LevenbergMarquardt(), key=key, throw=False).value for f in starts]
    risks = [float(risk(f)) for f in (*ends, *starts)]
    return [*ends, *starts][int(np.nanargmin(risks))]


def _dominant(sizes: dict[str, float], noise: float, scale: float) -> str:
    """The name of the largest error that is worth a change. `scale` is the risk at the start,
    against which rounding is measured."""
    largest = max(sizes, key=lambda name: np.nan_to_num(sizes[name], nan=-np.inf))
    if max(sizes[largest], noise) <= ROUNDING * scale:
        return "nothing"
    return largest if sizes[largest] > SMALL * noise else "noise"
