"""A checkpoint, as a user asks for it."""

import os
from pathlib import Path
from typing import Any, final

from .._checks import whole
from .._io._frame import path_of
from .._show import line, Word, words


@final
class Checkpoint:
    """A file from which a solve that was killed goes on.

    The same call of `fe.solve`, with the same file, takes up where the file was last written, and
    ends at the same f as a solve that was not killed, bit for bit on a CPU. It is written after
    every so many steps, at the end, and on SIGTERM, which batch systems send before they kill:
    the process then ends. What it holds belongs to the risk, f, the solver and the PRNG key, and
    a solve of anything else is refused.

    ```python
    solution = fe.solve(risk, f, solver, key=key, checkpoint=fe.Checkpoint("run.ckpt", every=100))
    ```

    `fe.Optax`, `fe.LevenbergMarquardt` and `fe.FixedPoint` go on from a step, also inside
    `fe.Sequential`, `fe.Resample`, `fe.MultiStart`, `fe.Continuation` and where points are chosen.
    `fe.MinimumNorm` and `fe.Optimistix` begin anew, and warn of it. A finished solve that is called
    again returns at once what it had found: remove the file to have it done again.

    **Arguments:**

    - `path`: the file, which is replaced as a whole or not at all.
    - `every`: at most so many steps are lost.
    """

    def __init__(self, path: Any, *, every: int = 100) -> None:
        self.path = path_of(path, "fe.Checkpoint('run.ckpt')")
        self.every = whole(every, "every", owner="`fe.Checkpoint`")

    def __repr__(self) -> str:
        return line(self)


def as_checkpoint(given: Any) -> Checkpoint | None:
    """A checkpoint, or none.

    **Raises:** `ValueError` for anything else.
    """
    if given is None or isinstance(given, Checkpoint):
        return given
    hint = ""
    if isinstance(given, str | os.PathLike):
        hint = f", `fe.Checkpoint({os.fspath(given)!r})`"
    raise ValueError(f"`checkpoint` must be an `fe.Checkpoint`{hint}; got {given!r}")


@words.register
def _(checkpoint: Checkpoint) -> list[Word]:
    return [Word(str(Path(checkpoint.path))), Word(checkpoint.every, "every")]
