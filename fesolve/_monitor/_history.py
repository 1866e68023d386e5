"""The record of a solve."""

from typing import final

from .._show import line, Plain, Word, words
from .._types import Hypothesis


@final
class History:
    """The sequence of metrics of one or more solves, in the order in which they came.

    ```python
    history = fe.History()
    fe.solve(risk, f, monitors=(history,))
    history["risk"]          # one float a call
    history.records          # [{"step": 0, "risk": ...}, ...]
    ```

    **Arguments:**

    - `every`: keep the record of every so many calls. The first is always kept.
    - `keep_f`: keep f itself as well, as `history.fs`. This holds every kept f in memory.
    """

    def __init__(self, *, every: int = 1, keep_f: bool = False):
        if every < 1:
            raise ValueError(f"`every` must be at least 1, and is {every}.")
        self.every = every
        self.keep_f = keep_f
        self.records: list[dict[str, float | str]] = []
        self.fs: list[Hypothesis] = []
        self._calls = 0

    def __repr__(self) -> str:
        return line(self)

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        if self._calls % self.every == 0:
            self.records.append({"step": step, **metrics})
            if self.keep_f:
                self.fs.append(f)
        self._calls += 1

    def __getitem__(self, name: str) -> list[float | int | str]:
        """The values of one metric; NaN in the records that do not have it."""
        known = {key for record in self.records for key in record}
        if self.records and name not in known:
            raise KeyError(f"No metric {name!r} was recorded; there are {sorted(known)}.")
        return [record.get(name, float("nan")) for record in self.records]

    def __len__(self) -> int:
        return len(self.records)


@words.register
def _(history: History) -> list[Word]:
    n = len(history)
    return [Word(Plain(f"{n:,} record{'' if n == 1 else 's'}"))]
