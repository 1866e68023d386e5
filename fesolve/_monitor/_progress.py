"""The state of a solve on the terminal."""

import time
from typing import Any, final

from .._show import line, Word, words
from .._types import Hypothesis


@final
class Progress:
    """A line that shows the step, the risk, the seconds and the steps a second of a solve as it
    runs, and the seconds that are left where the number of steps is known.

    On a terminal and in a notebook the line is renewed in place; elsewhere (a file, a log of a
    cluster) a line is written now and then, at intervals that grow with the time that has passed,
    so a long solve does not fill a log.

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
        self._line = ""

    def __repr__(self) -> str:
        return line(self)

    def expect(self, total: int | None) -> None:
        """Says how many steps are to come, unless the user has said so."""
        self._expected = total if self.total is None else self.total

    def __enter__(self) -> "Progress":
        self._restart()
        if self._console.is_terminal or self._console.is_jupyter:
            self._status = _InNotebook() if self._console.is_jupyter else self._on_terminal()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.update(self._line)
            self._status.stop()
            self._status = None
            self._line = self._line if self._console.is_terminal else ""
        if self._line:
            self._print()
        self._start = None

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
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
        # Imported here: rich takes longer to import than a small solve takes to run.
        if self._console is None:
            from rich.console import Console

            self._console = Console(stderr=True)
        self._start, self._next, self._line, self._pace = time.perf_counter(), 0.0, "", None

    def _on_terminal(self) -> Any:
        status = self._console.status("starting ...")
        status.start()
        return status

    def _print(self) -> None:
        self._console.print(self._line, highlight=False, markup=False, soft_wrap=True)
        self._line = ""

    def _describe(self, step: int, metrics: dict[str, float | str], elapsed: float) -> str:
        total = self._expected
        of_total = "" if total is None else f" of {total}"
        shown = {k: v if isinstance(v, str) else f"{v:.3e}" for k, v in metrics.items()}
        values = "".join(f"   {name} {value}" for name, value in shown.items())
        # counted from the first report on, before which the solver compiles
        if self._pace is None or step <= self._pace[1]:
            self._pace = (elapsed, step)
        seconds, steps = elapsed - self._pace[0], step - self._pace[1]
        pace = ""
        if steps and seconds > 0:
            pace = f"   {steps / seconds:.3g} steps/s"
            if total is not None and total > step:
                pace += f"   {seconds * (total - step) / steps:.1f} s left"
        return f"step {step}{of_total}{values}   {elapsed:.1f} s{pace}"


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
