"""The state of a solve on the terminal."""

import time
from typing import Any, final, NamedTuple

from .._show import line, Word, words
from .._types import Hypothesis


@final
class Progress:
    """A line that shows the step, the risk, the seconds and the steps a second of a solve as it
    runs, and a bar and the seconds that are left where the number of steps is known.

    On a terminal and in a notebook the line is renewed in place and fits their width: the least
    important parts are left out. Elsewhere, as in a file or the log of a cluster, a line is written
    at intervals that grow with the time that has passed, so that a long solve does not fill it.

    **Arguments:**

    - `total`: the number of steps to come, where the solver does not know it, as `fe.Optax` does.
    - `interval`: seconds between two updates.
    - `console`: a `rich.console.Console` to write to; standard error by default, so that it never
        mixes with what a program prints.
    """

    def __init__(self, *, total: int | None = None, interval: float = 0.2, console: Any = None):
        self.total = total
        self.interval = interval
        self._console = console
        self._expected: int | None = total
        self._status: Any = None
        self._start: float | None = None
        self._pace: tuple[float, int] | None = None
        self._next = 0.0
        self._told: _Told | None = None

    def __repr__(self) -> str:
        return line(self)

    def expect(self, total: int | None) -> None:
        """Says how many steps are to come, unless the user has said so."""
        self._expected = total if self.total is None else self.total

    def __enter__(self) -> "Progress":
        self._restart()
        if self._console.is_jupyter:
            self._status = _InNotebook()
        elif self._console.is_terminal:
            self._status = self._console.status(_Now(self))
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        status, self._status = self._status, None
        in_notebook = isinstance(status, _InNotebook)
        if in_notebook and self._told is not None:
            status.update(self.text())
        if status is not None:
            status.stop()
        if self._told is not None and not in_notebook and not self._is_printed:
            self._print()
        self._start = self._told = None

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        if self._start is None:
            self._restart()
        elapsed = self._elapsed
        # counted from the first report on, before which the solver compiles
        if self._pace is None or step <= self._pace[1]:
            self._pace = (elapsed, step)
        shown = {k: v if isinstance(v, str) else f"{v:.3e}" for k, v in metrics.items()}
        self._told, self._is_printed = _Told(step, shown, elapsed), False
        if elapsed < self._next:
            return
        if self._status is None:
            self._print()
            self._next = max(elapsed + max(self.interval, 1.0), 1.3 * elapsed)
        elif isinstance(self._status, _InNotebook):
            self._status.update(self.text())
            self._next = elapsed + self.interval

    @property
    def _elapsed(self) -> float:
        return 0.0 if self._start is None else time.perf_counter() - self._start

    def _restart(self) -> None:
        # Imported here: rich takes longer to import than a small solve takes to run.
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        self._start, self._next, self._pace = time.perf_counter(), 0.0, None
        self._told, self._is_printed = None, True

    def _print(self) -> None:
        self._console.print(self.text(), highlight=False, markup=False, soft_wrap=True)
        self._is_printed = True

    def text(self, *, now: bool = False) -> str:
        """The line, with the seconds of the last report or of this moment. What the width has no
        room for is left out, the least important first."""
        told = self._told
        seconds = self._elapsed if now or told is None else told.seconds
        if told is None:
            return f"starting ...  {seconds:.1f} s"
        first, *others = [f"{name} {value}" for name, value in told.shown.items()]
        known = "" if self._expected is None else f" of {self._expected}"
        pace, left = self._ahead(told)
        # in the order in which they stand, each with its place in the order of importance
        parts = [(f"step {told.step}{known}", 0), (self._bar(told.step), 5), (first, 2)]
        parts += [(t, 6 if t.startswith("stage ") else 7 + i) for i, t in enumerate(others)]
        parts += [(f"{seconds:.1f} s", 1), (pace, 4), (left, 3)]
        kept: list[tuple[str, int]] = []
        for part in sorted(filter(lambda part: part[0], parts), key=lambda part: part[1]):
            if len("  ".join(text for text, _ in [*kept, part])) <= self._room:
                kept.append(part)
        return "  ".join(part[0] for part in parts if part in kept)

    @property
    def _room(self) -> int:
        # two columns are for the sign that turns
        return self._console.width - 2 if self._status is not None else self._console.width

    def _bar(self, step: int) -> str:
        """The share of the steps, where their number is known, of a line that is renewed."""
        if self._status is None or not self._expected:
            return ""
        done = min(BAR, BAR * step // self._expected)
        return f"[{'=' * done}{' ' * (BAR - done)}]"

    def _ahead(self, told: "_Told") -> tuple[str, str]:
        """The pace, and the seconds to come where the number of steps is known."""
        assert self._pace is not None
        seconds, steps = told.seconds - self._pace[0], told.step - self._pace[1]
        if not steps or seconds <= 0:
            return "", ""
        left = 0 if self._expected is None else self._expected - told.step
        rest = f"{seconds * left / steps:.1f} s left" if left > 0 else ""
        return f"{steps / seconds:.3g} steps/s", rest


BAR = 10
"""Signs of the bar."""


class _Told(NamedTuple):
    """The last report: the step, the numbers as text, and when it came."""

    step: int
    shown: dict[str, str]
    seconds: float


class _Now:
    """The line of a progress as it is whenever the terminal is drawn, so that its seconds go on
    while the solver says nothing."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    def __rich__(self) -> Any:
        from rich.text import Text

        return Text(self.progress.text(now=True), no_wrap=True, overflow="ellipsis")


class _InNotebook:
    """A line in the output of a notebook's cell, renewed in place."""

    def __init__(self) -> None:
        from IPython import display

        self._handle = display.display(_shown("starting ..."), raw=True, display_id=True)

    def update(self, text: str) -> None:
        if self._handle is not None:  # none where the shell shows nothing
            self._handle.update(_shown(text), raw=True)

    def stop(self) -> None:
        self._handle = None


def _shown(text: str) -> dict[str, str]:
    return {"text/plain": text}


@words.register
def _(progress: Progress) -> list[Word]:
    return [] if progress.total is None else [Word(progress.total, "total")]
