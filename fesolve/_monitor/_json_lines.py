"""The record of solves as a file of JSON lines."""

import json
import math
import os
from pathlib import Path
from typing import Any, final

from .._io._lines import append
from .._show import line, Word, words
from ._recorder import AbstractRecorder


@final
class JsonLines(AbstractRecorder):
    """Appends a line of JSON a report to a file: step, seconds, stage, risk, and further figures.

    ```python
    monitors = (fe.JsonLines("run.jsonl", test_loss=test),)
    pandas.read_json("run.jsonl", lines=True)
    ```

    Each line is written as a whole, by as many processes at a time as there are. A number that is
    not finite is `null`.

    **Arguments:**

    - `path`: the file, which is appended to.
    - `**figures`: risks, or functions of f, that are evaluated at each report.

    **Raises:** `ValueError` for a figure that has no value.
    """

    def __init__(self, path: Any, **figures: Any) -> None:
        if not isinstance(path, str | os.PathLike):
            raise ValueError(f"`path` of `fe.JsonLines` must be the name of a file; got {path!r}")
        self.path = Path(path)
        self._take(figures)

    def __repr__(self) -> str:
        return line(self)

    def _open(self) -> None:
        pass

    def _close(self, well: bool) -> None:
        pass

    def _write(self, step: int, seconds: float, numbers: dict[str, float | str]) -> None:
        self._append({"step": step, "seconds": round(seconds, 3), **numbers})

    def _finish(self, numbers: dict[str, float]) -> None:
        self._append({"final": True, **numbers})

    def _append(self, record: dict[str, Any]) -> None:
        append(self.path, json.dumps({name: finite(value) for name, value in record.items()}))


def finite(value: Any) -> Any:
    """A value for JSON, which has no numbers that are not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


@words.register
def _(monitor: JsonLines) -> list[Word]:
    return [Word(str(monitor.path)), *(Word(v, k) for k, v in monitor.figures.items())]
