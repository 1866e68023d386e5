"""A file to which several processes append whole lines, and of which any may be killed."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from ._write import locked


@contextlib.contextmanager
def whole_lines(path: str | os.PathLike) -> Iterator[int]:
    """The descriptor of a file open for appending, that no other writer appends to meanwhile. What
    a writer that was killed has left of a line is cut off: it was never read as one."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        with locked(descriptor):
            os.ftruncate(descriptor, _end_of_lines(descriptor))
            yield descriptor
    finally:
        os.close(descriptor)


def append(path: str | os.PathLike, line: str) -> None:
    """Appends a line, and the folder where it is missing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with whole_lines(path) as descriptor:
        view = memoryview(line.encode() + b"\n")
        while view:
            view = view[os.write(descriptor, view) :]


def _end_of_lines(descriptor: int) -> int:
    """Where the last line ends."""
    end = os.fstat(descriptor).st_size
    while end:
        begin = max(0, end - 65_536)
        part = os.pread(descriptor, end - begin, begin)
        at = part.rfind(b"\n")
        if at >= 0:
            return begin + at + 1
        end = begin
    return 0
