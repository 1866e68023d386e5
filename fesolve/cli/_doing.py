"""What a command is at between solves, on standard error."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.text import Text


@contextlib.contextmanager
def doing(what: str) -> Iterator[None]:
    """Says what the command is at: on a terminal in place, with the seconds, else in a line."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console.print(f"{what} ...", highlight=False, markup=False, soft_wrap=True)
        yield
        return
    with console.status(_Since(what)):  # pyright: ignore[reportArgumentType]
        yield


class _Since:
    """A text with the seconds since it was made, counted whenever it is drawn."""

    def __init__(self, what: str) -> None:
        self.what, self.start = what, time.perf_counter()

    def __rich__(self) -> Any:
        seconds = time.perf_counter() - self.start
        return Text(f"{self.what}   {seconds:.1f} s", no_wrap=True, overflow="ellipsis")
