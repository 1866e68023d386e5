"""The report on a solution: train and test, their gap, the worst point, and a verdict."""

import operator
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from .._checks import positive
from .._distribution import Empirical
from .._entry import entry
from .._hypothesis._leaves import free_leaves
from .._judge import ErrorEstimate
from .._judge._box import trained_in
from .._judge._estimate import estimate
from .._precision import theta_dtype
from .._risk import AbstractRisk, require_sample
from .._show import Table
from .._solver import Solution
from .._types import Hypothesis
from .._worst import stale_residual
from ._check import as_checks, Check
from ._domain import watched
from ._exact import exact_errors, ExactError
from ._figure import figure
from ._records import as_lines, as_records, as_table
from ._statistics import equations, Row, rows, Sample, samples
from ._tabular import AbstractReport
from ._verdict import Evidence, precision_notes, verdict


BY_DRAWS = (
    "two draws of a shock tell E[r]^2 on average, and not |r| at a point: for its quantiles give "
    "the risk a rule, `shock=q.quadrature(n)`"
)


class RiskReport(AbstractReport):
    """The risk of f under several distributions: R(f, D), R(f, p*), R(f, p_D), ..., and what
    they say about f.

    Under each distribution and for each equation (each named output of each residual): the
    equation's part of the risk with its standard error, the gap to the train risk, mean, median,
    90 and 99 % quantiles and maximum of log10 |r|, where that maximum is, and the share of points
    at which the residual asks for f outside the domain that f was built for, or, where f is a
    series and `train` is given, outside the box in which it was trained. The maximum is sought
    over the whole support, not only among the points, but for the train sample.

    The error of f itself is estimated on points of its own (`fe.error_estimate`) and decides the
    verdict: f is solved for where the equations determine it and its relative error is below
    `accuracy`. A report is never kinder than the solve that it is given.

    ```python
    print(fe.RiskReport(solution, train=train, test=test, shifted=shifted, exact=jnp.exp))
    ```

    **Arguments:**

    - `f`: a solution, or a hypothesis such as `solution.value`.
    - `train`: the risk on the sample that f was trained on.
    - `test`: the risk on fresh points, such as `risk.empirical(10_000, key=key)`.
    - `exact`: the solution, where it is known: a function of a point; a dict of functions or
      numbers for the attributes of f that have those names; or a pair (points, values).
      Functions are compared on 1,001 uniform points where x is a number in a bounded interval,
      else on the points of `test`.
    - `checks`: what f has to satisfy besides, as a list of `fe.Check`: transversality, stability,
      moments. One that fails decides the verdict.
    - `accuracy`: the relative error of f up to which it counts as solved.
    - `shifted`: risks on samples of other distributions, each under the name of its keyword.

    **Raises:** `ValueError` for a risk without sample, for a check that is none, and where nothing
    was given to report on.
    """

    rows: list[Row]
    error: ErrorEstimate | None
    errors: list[ExactError]
    checks: list[Check]
    verdict: str
    solved: bool
    notes: list[str]
    dtype: str
    device: str
    samples: list[Sample]

    @entry
    def __init__(
        self,
        f: Hypothesis | Solution,
        *,
        train: AbstractRisk | Any = None,
        test: AbstractRisk | Any = None,
        exact: Any = None,
        checks: Sequence[Check] | Any = (),
        accuracy: float = 1e-3,
        **shifted: AbstractRisk | Any,
    ) -> None:
        solution = f if isinstance(f, Solution) else None
        f = f.value if isinstance(f, Solution) else f
        positive(accuracy, "accuracy")
        given = {"train": train, "test": test, **shifted}
        risks = {name: risk for name, risk in given.items() if risk is not None}
        self.checks = as_checks(checks)
        if not risks and exact is None and not self.checks:
            raise ValueError(
                "nothing to report on, since a function does not keep its risk: pass fresh points, "
                "`test=risk.empirical(10_000, key=key)`, or `train=`, `exact=` or `checks=`"
            )
        for name, risk in risks.items():
            _check(name, risk)
        copies = watched(f, None if train is None else trained_in(train, f)) or (f, [])
        self.rows, self.samples = [], []
        before: list[Row] | None = None
        for name, risk in risks.items():
            found = equations(risk, copies, search=name != "train")
            self.rows += rows(name, found, None if name == "train" else before)
            self.samples += samples(name, found)
            before = list(self.rows) if name == "train" else before
        stands = test if test is not None else next(iter(risks.values()), None)
        self.errors = [] if exact is None else exact_errors(f, exact, stands)
        judged_on = _judged_on(train, test)
        accuracy = float(accuracy)
        self.error = None if judged_on is None else _estimated(judged_on, f, solution, accuracy)
        evidence = Evidence(self.rows, self.error, solution, self.errors, self.checks, accuracy)
        self.solved, self.verdict = verdict(evidence)
        dtype = np.dtype(theta_dtype(f) or jax.dtypes.canonicalize_dtype(float))
        self.notes = precision_notes(self.rows, dtype, self.solved)
        if not all(row.quantiles for row in self.rows):
            self.notes.append(BY_DRAWS)
        unit = 0.0 if self.error is None else float(np.nan_to_num(self.error.unit))
        # f as it was looked at above, of which there are programs
        stale = None if stands is None else stale_residual(stands, copies[0], unit)
        if stale is not None:
            self.solved, self.verdict = False, f"not judged: {stale}"
            self.notes.append(stale)
        self.dtype, self.device = dtype.name, _device(f)

    @property
    def table(self) -> Table:
        judged = [] if self.error is None else [f"judged   {self.error.sentence}"]
        below = [*judged, *as_lines(self.errors, self.checks)]
        below.append(f"dtype    {self.dtype} on {self.device}")
        below += [f"note     {note}" for note in self.notes]
        return as_table(self.rows, [*below, f"verdict  {self.verdict}"])

    def to_dict(self) -> dict[str, Any]:
        """The report as plain dictionaries, lists, strings and numbers, for JSON."""
        return {
            "verdict": self.verdict,
            "solved": self.solved,
            "dtype": self.dtype,
            "device": self.device,
            "notes": list(self.notes),
            "rows": as_records(self.rows),
            "error": None if self.error is None else self.error.to_dict(),
            "exact": [
                {
                    "name": error.name,
                    "max": error.largest,
                    "relative_l2": error.relative_l2,
                    "where": error.where,
                }
                for error in self.errors
            ],
            "checks": [check.to_dict() for check in self.checks],
        }

    def plot(self, *, ax: Any = None) -> Any:
        """log10 |r| at the points of each distribution, and the estimated error of f: against x
        where x is a number, else as the share of points with a larger |r|.

        **Arguments:** `ax`, matplotlib axes to draw on. **Returns:** the axes.
        """
        return figure(self.samples, self.error, ax)


def _check(name: str, risk: Any) -> None:
    if not isinstance(risk, AbstractRisk):
        raise ValueError(
            f"`{name}` must be a risk on a sample, such as `risk.empirical(10_000, key=key)`; got "
            f"a {type(risk).__name__}"
        )
    for term in risk.terms:
        try:
            require_sample(term)
        except ValueError as error:
            raise ValueError(
                f"`{name}` is a population risk, which has no exact value: pass `{name}="
                "risk.empirical(10_000, key=key)` with a fresh key, or "
                f"`{name}=risk.quadrature(n)`. ({error})"
            ) from None


def _judged_on(train: AbstractRisk | None, test: AbstractRisk | None) -> AbstractRisk | None:
    """The sample whose populations are drawn from anew: the one that was trained on, where it is
    another of the risk of `test`, since the solver's judge has compiled programs for as many
    points; data, of which there are no more, are judged on `test`."""
    if test is None or train is None or len(train.terms) != len(test.terms):
        return train if test is None else test
    for one, other in zip(train.terms, test.terms, strict=True):
        parts = [
            jax.tree.leaves((t.residual, t.loss, t.args, t.shock, t.population, t.multiplier))
            for t in (one, other)
        ]
        same = len(parts[0]) == len(parts[1]) and all(map(operator.is_, *parts))
        if not same or isinstance(one.population, Empirical):
            return test
    return train


def _estimated(
    risk: AbstractRisk, f: Hypothesis, solution: Solution | None, accuracy: float
) -> ErrorEstimate | None:
    """The estimate for what was solved for: all of f, where no solution says otherwise."""
    if all(term.tolerance == np.inf for term in risk.terms):
        return None
    if solution is None or solution.trained is None:
        mask = free_leaves(f)
    else:
        mask = jax.tree.unflatten(jax.tree.structure(f), solution.trained)
    selected = solution is not None and "free_directions" in solution.stats
    return estimate(risk, f, mask, selected=selected, enough=accuracy)


def _device(f: Hypothesis) -> str:
    """The device that holds f; JAX's default one, where f has no arrays."""
    arrays = [leaf for leaf in jax.tree.leaves(f) if isinstance(leaf, jax.Array)]
    devices = sorted(arrays[0].devices(), key=lambda d: d.id) if arrays else jax.devices()[:1]
    kind = devices[0].device_kind
    name = devices[0].platform if kind == devices[0].platform else f"{devices[0].platform} ({kind})"
    return name if len(devices) == 1 else f"{len(devices)} x {name}"
