"""What a tool is timed by: a clock that stands still while an answer is compared."""

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from problems import Problem


def now() -> tuple[float, float]:
    """Seconds of the processor and of the clock."""
    return time.process_time(), time.perf_counter()


class Record:
    """Takes the answers of a tool as it goes, with the time that it has spent on each.

    A tool that improves one answer calls it again and again. One that is run anew at each of its
    tolerances calls `restart` before each run.

    - `seconds`: of the processor, after which `late` is true.
    - `write`: is given each point as a line of JSON.
    """

    def __init__(self, problem: Problem, seconds: float, write: Callable[[str], None] = print):
        self.problem, self.seconds, self.write = problem, seconds, write
        self.points = problem.points
        self.before = 0.0
        self.begin = now()
        self.paused = (0.0, 0.0)

    def restart(self) -> None:
        """Counts from here on."""
        self.before += self.spent()[0]
        self.begin, self.paused = now(), (0.0, 0.0)

    def spent(self) -> tuple[float, float]:
        """Seconds of the processor and of the clock since the beginning, pauses left out."""
        cpu, wall = (t - b - p for t, b, p in zip(now(), self.begin, self.paused))
        return cpu, wall

    @property
    def late(self) -> bool:
        """Whether the time is up, that of runs before included."""
        return self.before + self.spent()[0] > self.seconds

    def __call__(
        self,
        values: Callable[[np.ndarray], np.ndarray] | np.ndarray | None,
        step: str,
        said: bool | None = None,
        words: str = "",
    ) -> bool:
        """Compares an answer.

        **Arguments:**

        - `values`: f at points of shape (n, d), or its values at `points`; `None` where the tool
          refused to give any.
        - `step`: how far the tool is, such as "2,000 steps" or "rtol 1e-6".
        - `said`: whether it calls the answer a success; `None` where it says neither.
        - `words`: what it said.

        **Returns:** whether time is up.
        """
        cpu, wall = self.spent()
        before = now()
        found = values(self.points) if callable(values) else values
        error = float("inf") if found is None else self.problem.error(found)
        point = {"cpu": cpu, "wall": wall, "error": error if np.isfinite(error) else None}
        point |= {"step": step, "said": said, "words": " ".join(words.split())[:160]}
        self.write(json.dumps(point))
        sys.stdout.flush()
        cpu, wall = (p + b - a for p, a, b in zip(self.paused, before, now()))
        self.paused = cpu, wall
        return self.late
