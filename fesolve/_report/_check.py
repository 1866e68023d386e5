"""What a solution has to satisfy besides small residuals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._show import Plain, Shown, Word, words
from .._types import as_array


class Check(Shown):
    """A condition on f that the residuals do not see, such as transversality or stability.

    ```python
    bubble = fe.transversality(f, law, value, beta=beta, key=key)
    report = fe.RiskReport(f, test=test, checks=[bubble])
    ```

    A check that fails makes the verdict of a report "not solved", with its sentence.

    **Arguments:**

    - `name`: what is checked.
    - `value`: the number (or the array) that decides it.
    - `passed`: whether f satisfies the condition.
    - `sentence`: what was found, in words.
    """

    name: str
    value: Any
    passed: bool
    sentence: str

    def __init__(self, name: str, value: Any, passed: Any, sentence: str) -> None:
        if np.ndim(passed) or np.asarray(passed).dtype != bool:
            raise ValueError(
                f"`passed` of the check `{name}` must be True or False; got {passed!r}: compare "
                "the value with a bound, such as `value < 1.0`"
            )
        self.name = name
        self.value = as_array(value)
        self.passed = bool(passed)
        self.sentence = sentence

    def __str__(self) -> str:
        return f"{self.name}: {'passed' if self.passed else 'FAILED'}, {self.sentence}"

    def to_dict(self) -> dict[str, Any]:
        """The check as plain strings and numbers, for JSON."""
        return {
            "name": self.name,
            "value": np.asarray(self.value).tolist(),
            "passed": self.passed,
            "sentence": self.sentence,
        }


@words.register
def _(check: Check) -> list[Word]:
    return [Word(Plain(check))]


def as_checks(checks: Any) -> list[Check]:
    """The checks of a report.

    **Raises:** `ValueError` where something else was given.
    """
    if isinstance(checks, Check):
        raise ValueError("`checks` is one `fe.Check`: pass a list of them, `checks=[check]`")
    if not isinstance(checks, Sequence) or isinstance(checks, str):
        raise ValueError(f"`checks` must be a list of `fe.Check`; got a {type(checks).__name__}")
    for check in checks:
        if not isinstance(check, Check):
            raise ValueError(
                f"`checks` must hold `fe.Check`s; got a {type(check).__name__}, {check!r}"
            )
    return list(checks)
