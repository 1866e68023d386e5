"""What the figures of a report mean, in words."""

from typing import NamedTuple

import numpy as np

from .._judge import ErrorEstimate, margin
from .._judge._judged import CLEARLY, HOLDS
from .._precision import how_to_float64
from .._show import at
from .._solution import RESULTS, Solution
from ._check import Check
from ._exact import ExactError
from ._statistics import Row


ALIKE = 3.0
"""Estimates of the same error on other points, as a ratio."""
SPIKE = 0.1
"""|r| near its worst point, relative to the size of its parts, that is no zero."""


class Evidence(NamedTuple):
    """What a verdict rests on: the rows of train and test, the estimate of the error of f, how the
    solve ended, errors against an exact solution, checks, and the accuracy asked for."""

    rows: list[Row]
    error: ErrorEstimate | None
    solution: Solution | None
    exact: list[ExactError]
    checks: list[Check]
    accuracy: float


class Verdict(NamedTuple):
    """Whether f is a solution, and what there is to say."""

    solved: bool
    sentence: str


def verdict(evidence: Evidence) -> Verdict:
    """The verdict on the train and the test rows, the error of f and the checks; shifted rows are
    mentioned alone, and so are evaluations outside the domain, where a smooth f may be right."""
    rows, checks = evidence.rows, evidence.checks
    main = [row for row in rows if row.on in ("train", "test") and row.equation != "total"]
    rest = [row for row in rows if row.on not in ("train", "test") and row.equation != "total"]
    solved, sentence = _main(evidence._replace(rows=main))
    failed = [check for check in checks if not check.passed]
    if failed:
        # Where the residuals hold, the failed checks are the news; else the residuals are.
        found = [f"{check.name} fails, {check.sentence}" for check in failed]
        first = [
            "the equations hold, but this is not the solution:" if main else "not the solution:"
        ]
        sentence = " ".join([*first, "; ".join(found)]) if solved else "; ".join([sentence, *found])
    remarks = [*_shifted(rest, _unit(evidence.error)), *_outside(rows)]
    return Verdict(solved and not failed, "; ".join([sentence, *remarks]))


def _main(evidence: Evidence) -> Verdict:
    rows = evidence.rows
    for row in rows:
        if row.broken:
            return Verdict(
                False,
                f"not finite: `{row.equation}` is NaN or infinite at {row.broken:,} of "
                f"{row.points:,} points of {row.on}{_place(row)}",
            )
    if evidence.solution is not None and bool(evidence.solution.failed):
        return Verdict(False, RESULTS[evidence.solution.result].split(". ")[0])
    judged = [row for row in rows if row.tolerance != np.inf]
    if not judged:
        return _without_equations(evidence)
    if worst := _above(judged):
        return Verdict(False, f"not zero: {_mean(worst)}")
    return _by_error(evidence, judged)


def _without_equations(evidence: Evidence) -> Verdict:
    wrong = _wrong(evidence)
    if evidence.rows:
        return Verdict(True, "a regression, of which zero is not expected" + _gap(evidence.rows))
    if evidence.exact or not evidence.checks:
        return Verdict(not wrong, "no risk was given for a verdict")
    return Verdict(True, "every check passes; no risk was given")


def _by_error(evidence: Evidence, rows: list[Row]) -> Verdict:
    error, accuracy = evidence.error, evidence.accuracy
    if beyond := _beyond(evidence, rows):
        return Verdict(False, f"small on the sample but not beyond it: {beyond}")
    if error is None or not np.isfinite(error.largest):
        why = error.note if error is not None else "no risk was given on which to estimate it"
        holds = error is None or not error.rms > HOLDS * error.unit
        state = "the residuals are small" if holds else "not solved"
        return Verdict(False, f"{state}; the error of f is not estimated: {why}")
    if not bool(error.determined):
        return Verdict(
            False,
            "not determined: f may change by its own size and no residual tells; add a "
            "condition, or choose by `fe.MinimumNorm`",
        )
    what = "bound" if error.is_bound else "estimate"
    size = f"the relative error of f is {float(error.largest):.1e} by {what}"
    if not error.largest <= _most(evidence, error):
        state = "not known to be solved" if error.is_bound else "not solved"
        sentence = f"{state}: {size}, not clearly below the accuracy {accuracy:.1e} asked for"
        if error.is_bound:
            why = f": {error.note}" if error.note else ""
            sentence += f"; the error may be far below its bound, but is not estimated{why}"
        return Verdict(False, sentence)
    if wrong := _wrong(evidence):
        name = wrong[0].name or "f"
        return Verdict(
            False,
            f"small, but not the exact solution: the error of {name} is "
            f"{100 * wrong[0].largest:.2g} %, so that the equation has another solution or hardly "
            "determines one; add a condition, or choose by `fe.MinimumNorm`",
        )
    if not error.fresh:
        return Verdict(
            False,
            f"solved on the sample alone, whose population is not known: {size}, and nothing is "
            "said of f between the points",
        )
    test = any(row.on == "test" for row in rows)
    hint = "" if test else "; give `test=` for its residuals on fresh points"
    return Verdict(True, f"solved: {size}, on fresh points{hint}")


def _most(evidence: Evidence, error: ErrorEstimate) -> float:
    """The largest error that passes. Estimates on other points differ a little, and what a solve
    has judged to be within the accuracy asked for stands, unless it is clearly not."""
    solution, most = evidence.solution, evidence.accuracy / margin(error.is_bound)
    if solution is None or not bool(solution.solved) or "error" not in solution.stats:
        return most
    before = margin(solution.stats["error_is_bound"]) * float(solution.stats["error"])
    return ALIKE * most if before <= evidence.accuracy else most


def _unit(error: ErrorEstimate | None) -> float:
    """The size of the parts of r, where it is known."""
    return np.inf if error is None or not np.isfinite(error.unit) else float(error.unit)


def _beyond(evidence: Evidence, rows: list[Row]) -> str | None:
    """Where the equations hold on the sample that f was fitted to, and not elsewhere; residuals as
    large as those that an accurate estimate has weighed are no news."""
    error = evidence.error
    unit, weighed = _unit(error), 0.0
    if error is not None and bool(error.determined) and error.largest <= _most(evidence, error):
        weighed = CLEARLY * float(error.rms)
    train = {row.equation: row for row in rows if row.on == "train"}
    for row in rows:
        before = train.get(row.equation)
        if row.on != "test" or before is None or not before.rms <= HOLDS * unit:
            continue
        if row.rms > max(CLEARLY * before.rms, HOLDS * unit, weighed):
            return (
                f"the root mean square of `{row.equation}` is {row.rms:.2g} on test, and "
                f"{before.rms:.2g} on train"
            )
    for row in rows:
        if row.on == "test" and row.around is not None and row.around > SPIKE * unit:
            size = 10 ** row.quantiles["max"]
            return f"|r| of `{row.equation}` reaches {size:.2g}{_place(row)}"
    return None


def _wrong(evidence: Evidence) -> list[ExactError]:
    """Comparisons with an exact solution that f fails by far more than was asked for."""
    most = min(CLEARLY * evidence.accuracy, 0.1)
    return [error for error in evidence.exact if not error.largest <= most]


def _above(rows: list[Row]) -> Row | None:
    """The equation that misses the tolerance that the user gave it most; a NaN does."""
    failed = [row for row in rows if row.tolerance is not None and not row.rms <= row.tolerance]
    return max(failed, key=lambda r: r.rms / max(r.tolerance, 1e-300), default=None)


def _mean(row: Row) -> str:
    return (
        f"the root mean square of `{row.equation}` is {row.rms:.2g} on {row.on}, above its "
        f"tolerance {row.tolerance:.2g}"
    )


def _place(row: Row) -> str:
    return "" if row.point is None else f", at {at(row.point)}"


def _gap(rows: list[Row]) -> str:
    gaps = [row for row in rows if row.gap is not None]
    if not gaps:
        return ""
    gap, error = sum(row.gap for row in gaps), gaps[0].error
    spread = "" if error is None else f" (standard error {error:.2g})"
    return f"; the test risk exceeds the train risk by {gap:.2g}{spread}"


def _shifted(rows: list[Row], unit: float) -> list[str]:
    """Other distributions on which an equation does not hold."""
    remarks = []
    for on in dict.fromkeys(row.on for row in rows):
        own = [
            row
            for row in rows
            if row.on == on
            and not row.rms <= (HOLDS * unit if row.tolerance is None else row.tolerance)
        ]
        if own:
            worst = max(own, key=lambda row: row.rms)
            remarks.append(f"not small on {on}: rms {worst.rms:.2g} of `{worst.equation}`")
    return remarks


RARELY = 1e-6
"""A share of the weight at which f is asked for outside that need not be told."""


def _outside(rows: list[Row]) -> list[str]:
    beyond = [row for row in rows if (row.outside or 0.0) > RARELY and row.equation != "total"]
    several = [row for row in beyond if row.points > 1]
    places = []
    for on in dict.fromkeys(row.on for row in several):
        share = max(row.outside or 0.0 for row in several if row.on == on)
        places.append(f"{100 * share:.3g} % of the points of {on}")
    # a condition at one point is no share of the points
    conditions = dict.fromkeys(row.equation for row in beyond if row.points == 1)
    places += [f"the point of `{name}`" for name in conditions]
    if not places:
        return []
    return [f"f is asked for outside its domain or its sample at {', '.join(places)}"]


def precision_notes(rows: list[Row], dtype: np.dtype, solved: bool) -> list[str]:
    """What to say of float32: that it may be why f is no solution, or that the residual is at its
    rounding."""
    if dtype != np.float32:
        return []
    if not solved:
        return [f"f is float32, which may be why it is not solved. {how_to_float64()}"]
    eps = float(np.finfo(np.float32).eps)
    low = [row for row in rows if row.rms is not None and row.rms <= 100 * eps]
    if not low:
        return []
    return [
        f"float32 rounds at {eps:.1g}: residuals of {100 * eps:.1g} and below say nothing more. "
        'For further digits use `jax.config.update("jax_enable_x64", True)`'
    ]
