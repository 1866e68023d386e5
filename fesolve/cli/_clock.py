"""How long a stretch of work took, and how much of it was compilation."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np


@dataclass
class Clock:
    """Seconds of a stretch of work, and how many of them JAX spent tracing and compiling."""

    total: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        def listen(event: str, seconds: float, **_: Any) -> None:
            if event.startswith("/jax/core/compile/"):
                now = time.perf_counter()
                self.spans.append((now - seconds, now))

        jax.monitoring.register_event_duration_secs_listener(listen)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.total = time.perf_counter() - start
            jax.monitoring.unregister_event_duration_listener(listen)

    @property
    def compiling(self) -> float:
        """The length of the union of the spans: a function traced inside another counts once."""
        total, end = 0.0, -np.inf
        for first, last in sorted(self.spans):
            total += max(0.0, last - max(first, end))
            end = max(end, last)
        return min(total, self.total)
