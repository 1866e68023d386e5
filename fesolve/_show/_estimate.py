"""A number that was estimated."""

from typing import Any

from ._line import is_readable, is_whole, line, Plain, Shown, Word, words
from ._numbers import with_error


class Estimate(Shown):
    """A number that was estimated, such as a mean over draws, with its standard error.

    - `value`: the number.
    - `error`: its standard error.
    """

    value: Any
    error: Any

    def __str__(self) -> str:
        if not _is_single(self):
            return line(self)
        return " ± ".join(with_error(float(self.value), float(self.error)))


@words.register
def _(estimate: Estimate) -> list[Word]:
    if _is_single(estimate):
        return [Word(Plain(estimate))]
    return [Word(estimate.value), Word(estimate.error, "error")]


def _is_single(estimate: Estimate) -> bool:
    """Whether this is one number that can be read: not traced, and no batch."""
    return is_whole(estimate) and is_readable(estimate.value) and is_readable(estimate.error)
