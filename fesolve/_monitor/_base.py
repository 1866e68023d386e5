"""How a monitor is started and stopped.

A monitor is any callable `monitor(step, metrics, f)`. The solver calls it on the host between
chunks of work, with the step count, a dict (at least `"risk"`, a plain float, and `"stage"`, the
name of what the solver is at) and the f of that moment. One that has something to open and to
close (a display, a file) is also a context manager, in the ordinary sense of Python: it is entered
before the first step and left after the last, whether the solve ended well, failed or was
interrupted. Nothing else is asked of it, so a plain function serves.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, ExitStack

from .._types import Hypothesis, Monitor


@contextmanager
def running(monitors: Sequence[Monitor]) -> Iterator[Monitor]:
    """One monitor that calls each of `monitors`, with those that are context managers entered.

    ```python
    with running(monitors) as monitor:
        monitor(step, {"risk": 0.1}, f)
    ```
    """

    def together(step: int, metrics: dict[str, float | str], f: Hypothesis) -> None:
        for monitor in monitors:
            monitor(step, metrics, f)

    with ExitStack() as stack:
        for monitor in monitors:
            if isinstance(monitor, AbstractContextManager):
                stack.enter_context(monitor)
        yield together
