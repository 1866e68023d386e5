"""How monitors are started and stopped, and how one of them ends a solve.

A monitor is any callable `monitor(step, metrics, f)`. The solver calls it on the host between
chunks of work, with the step count, a dict (at least `"risk"`, a plain float, and `"stage"`, the
name of what the solver is at) and the f of that moment. One that has something to open and to
close (a display, a file) is also a context manager, in the ordinary sense of Python: it is entered
before the first step and left after the last, whether the solve ended well, failed or was
interrupted. One that returns `True` ends the solve. Nothing else is asked of it, so a plain
function serves.
"""

import contextvars
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, ExitStack
from typing import Any, final

import numpy as np

from .._types import Hypothesis, Monitor
from ._early_stop import EarlyStop
from ._progress import Progress
from ._recorder import AbstractRecorder


Listener = Callable[[dict[str, float | str]], None]
LISTENER: contextvars.ContextVar[Listener | None] = contextvars.ContextVar("listener", default=None)
"""Who hears all figures of the solves that run inside its context: the trial of a sweep."""


class Stopped(KeyboardInterrupt):
    """A monitor has ended the solve: solvers take it for Ctrl-C, and hand on the best so far."""


@final
class Monitors:
    """The monitors of one solve as one: it calls each of them, and ends the solve where one says
    so. `ended_by` is that one; `step`, `metrics` and `f` are what they were last told; `keeper`
    keeps the state of the solve, where it is kept."""

    def __init__(self, monitors: Sequence[Monitor]) -> None:
        self.monitors = tuple(monitors)
        self.listener = LISTENER.get()
        self.keeper: Any = None
        self.ended_by: Monitor | None = None
        self.step, self.metrics, self.f = 0, {}, None

    def __bool__(self) -> bool:
        watched = (self.listener, self.keeper)
        return bool(self.monitors) or any(one is not None for one in watched)

    def __call__(self, step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        self.step, self.metrics, self.f = step, dict(metrics), f
        for monitor in self.monitors:
            if _is_true(monitor(step, metrics, f)) and self.ended_by is None:
                self.ended_by = monitor
            if isinstance(monitor, AbstractRecorder):
                self.metrics |= monitor.latest
        if self.listener is not None:
            self.listener(self.metrics)
        if self.ended_by is not None:
            raise Stopped

    @property
    def chosen(self) -> tuple[Hypothesis, float] | None:
        """The f that the monitor which ended the solve has chosen, and its risk."""
        by = self.ended_by
        return (by.best, by.risk) if isinstance(by, EarlyStop) else None


def _is_true(answer: Any) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)


@contextmanager
def running(monitors: Sequence[Monitor], total: int | None = None) -> Iterator[Monitors]:
    """One monitor that calls each of `monitors`, with those that are context managers entered;
    `total` is the number of steps to come, where it is known.

    ```python
    with running(monitors) as monitor:
        monitor(step, {"risk": 0.1}, f)
    ```
    """
    with ExitStack() as stack:
        for monitor in monitors:
            if isinstance(monitor, AbstractContextManager):
                stack.enter_context(monitor)
            if isinstance(monitor, Progress):
                monitor.expect(total)
        yield Monitors(monitors)
