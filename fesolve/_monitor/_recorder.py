"""What the monitors that write somewhere have in common."""

import abc
import time
from typing import Any

from .._types import Hypothesis
from ._figures import checked, values


class AbstractRecorder(abc.ABC):
    """Records the metrics of one or more solves, and further figures of f, somewhere.

    It opens when it is first entered and closes when it is last left: a solve enters it, and so
    does `with` around several solves, which are then one record, whose steps go on counting.
    """

    figures: dict[str, Any]
    latest: dict[str, float | str]
    _depth: int = 0
    _before: int = 0
    _step: int = 0
    _start: float = 0.0

    def _take(self, figures: dict[str, Any]) -> None:
        self.figures = checked(figures, f"`fe.{type(self).__name__}`")
        self.latest = {}

    def __enter__(self) -> Any:
        if self._depth == 0:
            self._start, self._before, self._step = time.perf_counter(), 0, 0
            self._open()
        self._before = self._step
        self._depth += 1
        return self

    def __exit__(self, kind: Any, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._close(kind is None)

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        if self._depth == 0:
            with self:
                return self(step, metrics, f)
        self._step = self._before + step
        self.latest = {**metrics, **values(self.figures, f)}
        self._write(self._step, time.perf_counter() - self._start, self.latest)
        return None

    def log(self, **figures: Any) -> None:
        """Records final figures, such as those of a report; numbers by their names."""
        numbers = {name: float(value) for name, value in figures.items()}
        if self._depth == 0:
            with self:
                return self._finish(numbers)
        return self._finish(numbers)

    @abc.abstractmethod
    def _open(self) -> None:
        """Opens what is written to."""

    @abc.abstractmethod
    def _close(self, well: bool) -> None:
        """Closes it; `well`, whether nothing was raised."""

    @abc.abstractmethod
    def _write(self, step: int, seconds: float, numbers: dict[str, float | str]) -> None:
        """Writes one record."""

    @abc.abstractmethod
    def _finish(self, numbers: dict[str, float]) -> None:
        """Writes final figures."""
