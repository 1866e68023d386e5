"""What the figures of a report mean, in words."""

from typing import NamedTuple

import numpy as np

from ._check import Check
from ._exact import ExactError
from ._statistics import as_text, Row


SPIKE = 100
"""|r| that exceeds the tolerance of the mean by this factor at its worst point is no zero."""


class Verdict(NamedTuple):
    """Whether the equations hold, and what there is to say."""

    solved: bool
    sentence: str


def verdict(rows: list[Row], errors: list[ExactError], checks: list[Check]) -> Verdict:
    """The verdict on the train and the test rows and on the checks; shifted rows are mentioned
    alone, and so are evaluations outside the domain, where a smooth f may be right."""
    main = [row for row in rows if row.on in ("train", "test") and row.equation != "total"]
    rest = [row for row in rows if row.on not in ("train", "test") and row.equation != "total"]
    solved, sentence = _main(main, errors, bool(checks))
    failed = [check for check in checks if not check.passed]
    if failed:
        # Where the residuals hold, the failed checks are the news; else the residuals are.
        found = [f"{check.name} fails, {check.sentence}" for check in failed]
        first = [
            "the equations hold, but this is not the solution:" if main else "not the solution:"
        ]
        sentence = " ".join([*first, "; ".join(found)]) if solved else "; ".join([sentence, *found])
    remarks = [*_shifted(rest), *_outside(rows)]
    return Verdict(solved and not failed, "; ".join([sentence, *remarks]))


def _main(rows: list[Row], errors: list[ExactError], checked: bool) -> tuple[bool, str]:
    for row in rows:
        if row.broken:
            return False, (
                f"not finite: `{row.equation}` is NaN or infinite at {row.broken:,} of "
                f"{row.points:,} points of {row.on}{_place(row)}"
            )
    train, test = (
        [row for row in rows if row.on == on and row.tolerance != np.inf]
        for on in ("train", "test")
    )
    wrong = [error for error in errors if not error.largest <= _most_error([*train, *test])]
    if worst := _above(train):
        return False, f"not zero: {_mean(worst)}"
    if worst := _above(test):
        if train:
            return False, f"small on the sample but not beyond it: {_mean(worst)}"
        return False, f"not zero: {_mean(worst)}"
    if worst := _spike(test):
        size = 10 ** worst.quantiles["max"]
        return False, (
            f"small on the sample but not beyond it: |r| of `{worst.equation}` reaches "
            f"{size:.2g}{_place(worst)}"
        )
    if wrong and (train or test):
        name = wrong[0].name or "f"
        return False, (
            f"small, but not the exact solution: the error of {name} is "
            f"{100 * wrong[0].largest:.2g} %, so that the equation has another solution or hardly "
            "determines one; add a condition, or choose by `fe.MinimumNorm`"
        )
    if test:
        where = "on the sample and on fresh points" if train else "on fresh points"
        return True, f"solved: every equation holds to within its tolerance {where}"
    if train:
        return True, "solved on the sample; give `test=` to see whether beyond it"
    if rows:
        return True, "a regression, of which zero is not expected" + _gap(rows)
    if errors or not checked:
        return not wrong, "no risk was given for a verdict"
    return True, "every check passes; no risk was given"


def _most_error(rows: list[Row]) -> float:
    """The relative error up to which a small residual is taken for the solution."""
    largest = max((row.tolerance or 0.0 for row in rows), default=np.inf)
    return min(SPIKE * largest, 0.1)


def _above(rows: list[Row]) -> Row | None:
    """The equation that misses its tolerance most; a NaN does."""
    failed = [row for row in rows if not row.rms <= row.tolerance]
    return max(failed, key=lambda r: r.rms / max(r.tolerance, 1e-300), default=None)


def _spike(rows: list[Row]) -> Row | None:
    high = [
        row
        for row in rows
        if row.quantiles and not 10 ** row.quantiles["max"] <= SPIKE * row.tolerance
    ]
    return max(
        high, key=lambda r: r.quantiles["max"] - np.log10(r.tolerance + 1e-300), default=None
    )


def _mean(row: Row) -> str:
    return (
        f"the root mean square of `{row.equation}` is {row.rms:.2g} on {row.on}, above its "
        f"tolerance {row.tolerance:.2g}"
    )


def _place(row: Row) -> str:
    return "" if row.point is None else f", at x = {as_text(row.point)}"


def _gap(rows: list[Row]) -> str:
    gaps = [row for row in rows if row.gap is not None]
    if not gaps:
        return ""
    gap, error = sum(row.gap for row in gaps), gaps[0].error
    spread = "" if error is None else f" (standard error {error:.2g})"
    return f"; the test risk exceeds the train risk by {gap:.2g}{spread}"


def _shifted(rows: list[Row]) -> list[str]:
    remarks = []
    for on in dict.fromkeys(row.on for row in rows):
        own = [row for row in rows if row.on == on and row.tolerance != np.inf]
        if worst := _above(own):
            remarks.append(f"not small on {on}: rms {worst.rms:.2g} of `{worst.equation}`")
    return remarks


def _outside(rows: list[Row]) -> list[str]:
    shares = []
    for on in dict.fromkeys(row.on for row in rows):
        share = max((row.outside or 0.0 for row in rows if row.on == on), default=0.0)
        if share > 0:
            shares.append(f"{100 * share:.3g} % of the points of {on}")
    return [f"f is asked for outside its domain at {', '.join(shares)}"] if shares else []


def floor_warning(rows: list[Row], dtype: np.dtype) -> str | None:
    """What to say where the residual is at the rounding of float32."""
    if dtype != np.float32:
        return None
    eps = float(np.finfo(np.float32).eps)
    low = [row for row in rows if row.rms is not None and row.rms <= 100 * eps]
    if not low:
        return None
    return (
        f"float32 rounds at {eps:.1g}: residuals of {100 * eps:.1g} and below say nothing more. "
        'For further digits use `jax.config.update("jax_enable_x64", True)`'
    )
