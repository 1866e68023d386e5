"""The console script."""

import os
import signal
import sys
from typing import Any


def main() -> None:
    """`fesolve`: compiled programs are kept between processes, which is an application's choice and
    not a library's; and whoever reads the output may stop reading."""
    sys.stdout = _Outlet(sys.stdout)
    # an interrupted import may come out as any error, so that until then Ctrl-C leaves at once
    on_interrupt = signal.signal(signal.SIGINT, _leave)
    from ._cache import use_cache
    from ._run import run

    signal.signal(signal.SIGINT, on_interrupt)
    use_cache()
    status = run(sys.argv[1:])
    sys.stdout.flush()
    sys.exit(status)


def _leave(*_: Any) -> None:
    os.write(2, b"fesolve: interrupted\n")
    os._exit(130)


class _Outlet:
    """Standard output, which is lost without a word once its reader has gone, as with `| head`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            return self._lost(len(text))

    def flush(self) -> None:
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._lost(0)

    def _lost(self, size: int) -> int:
        # what is still buffered is flushed at exit, and must find somebody
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        return size
