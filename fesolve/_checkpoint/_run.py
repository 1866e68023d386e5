"""What an iteration asks of whoever keeps its state.

A solve is a sequence of iterations, each of which goes on from what the ones before have found. So
the state of a solve is the last state of each: where the same solve is called again, iterations
that had ended are at their end at once, and the one that was killed goes on.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import PyTree


@runtime_checkable
class Run(Protocol):
    """One iteration of a solve.

    - `every`: its state is kept after every so many steps at the latest.
    """

    every: int

    def begin(self, fresh: PyTree) -> PyTree:
        """The state that was kept, a tree like `fresh`; `fresh` itself where there is none."""
        ...

    def keep(self, steps: int, state: Callable[[], PyTree], *, over: bool) -> None:
        """Offers the state after so many steps; `over`, whether it is the last."""
        ...


class _Unkept:
    every = 1 << 60

    def begin(self, fresh: PyTree) -> PyTree:
        return fresh

    def keep(self, steps: int, state: Callable[[], PyTree], *, over: bool) -> None:
        pass


@runtime_checkable
class Watched(Protocol):
    """A monitor that has a keeper with it; `keeper` is `None` where nothing is kept."""

    keeper: Any


def next_run(monitors: tuple) -> Run:
    """The next iteration of the solve that these monitors watch."""
    for monitor in monitors:
        if isinstance(monitor, Watched) and monitor.keeper is not None:
            return monitor.keeper.run()
    return _Unkept()
