"""The state of a solve on the terminal."""

import time
from typing import Any, final

from .._show import line, Word, words
from .._types import Hypothesis


@final
class Progress:
    """A line that shows the step, the risk and the seconds of a solve as it runs.

    On a terminal the line is renewed in place; elsewhere (a file, a notebook, a log of a cluster) a
    line is written now and then, at intervals that grow with the time that has passed, so a long
    solve does not fill a log.

    **Arguments:**

    - `total`: the number of steps that the solve was given, if it is to be shown.
    - `interval`: seconds between two updates.
    - `console`: a `rich.console.Console` to write to; standard error by default, so that it never
        mixes with what a program prints.
    """

    def __init__(self, *, total: int | None = None, interval: float = 0.2, console: Any = None):
        self.total = total
        self.interval = interval
        self._console = console
        self._status: Any = None
        self._start: float | None = None
        self._next = 0.0
        self._line = ""

    def __repr__(self) -> str:
        return line(self)

    def __enter__(self) -> "Progress":
        # Imported here: rich takes longer to import than a small solve takes to run.
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        self._restart()
        if self._console.is_terminal:
            self._status = self._console.status("starting ...")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
        if self._line:
            self._print()
        self._start = None

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        if self._start is None:
            self._restart()
        assert self._start is not None
        elapsed = time.perf_counter() - self._start
        self._line = self._describe(step, metrics, elapsed)
        if elapsed < self._next:
            return
        if self._status is not None:
            self._status.update(self._line)
            self._next = elapsed + self.interval
        else:
            self._print()
            self._next = max(elapsed + max(self.interval, 1.0), 1.3 * elapsed)

    def _restart(self) -> None:
        self._start, self._next, self._line = time.perf_counter(), 0.0, ""

    def _print(self) -> None:
        self._console.print(self._line, highlight=False, markup=False)
        self._line = ""

    def _describe(self, step: int, metrics: dict[str, float | str], elapsed: float) -> str:
        of_total = "" if self.total is None else f" of {self.total}"
        shown = {k: v if isinstance(v, str) else f"{v:.3e}" for k, v in metrics.items()}
        values = "".join(f"   {name} {value}" for name, value in shown.items())
        return f"step {step}{of_total}{values}   {elapsed:.1f} s"


@words.register
def _(progress: Progress) -> list[Word]:
    return [] if progress.total is None else [Word(progress.total, "total")]
