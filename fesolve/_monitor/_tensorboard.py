"""The record of solves for TensorBoard."""

import os
from typing import Any, final

from .._show import line, Word, words
from ._recorder import AbstractRecorder


@final
class TensorBoard(AbstractRecorder):
    """Writes the risk and further figures of each report as scalars of TensorBoard.

    ```python
    monitors = (fe.TensorBoard("runs/first", test_loss=test),)   # tensorboard --logdir runs
    ```

    **Arguments:**

    - `folder`: where event files are written, one for each time that it is opened.
    - `**figures`: risks, or functions of f, that are evaluated at each report.

    **Raises:** `ValueError` for a figure that has no value; `ImportError` without tensorboard.
    """

    def __init__(self, folder: Any, **figures: Any) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise ValueError(f"`folder` of `fe.TensorBoard` must be a folder; got {folder!r}")
        self.folder = str(folder)
        self._writer: Any = None
        self._take(figures)

    def __repr__(self) -> str:
        return line(self)

    def _open(self) -> None:
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            raise ImportError(
                "`fe.TensorBoard` needs tensorboard: pip install 'fesolve[tensorboard]'"
            ) from error
        self._writer = Writer(self.folder)

    def _close(self, well: bool) -> None:
        self._writer.close()
        self._writer = None

    def _write(self, step: int, seconds: float, numbers: dict[str, float | str]) -> None:
        for name, value in numbers.items():
            if not isinstance(value, str):
                self._writer.add_scalar(name, value, step)

    def _finish(self, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            self._writer.add_scalar(f"final/{name}", value, self._step)


@words.register
def _(monitor: TensorBoard) -> list[Word]:
    return [Word(monitor.folder), *(Word(v, k) for k, v in monitor.figures.items())]
