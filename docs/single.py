"""What a process finds of one problem or example in float32, as for whoever forgets to ask for
float64: that it passes, or what is said of it."""

import contextlib
import io
import json
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import drawn


ASKS = 'jax.config.update("jax_enable_x64", True)\n'


def problem(function: Callable[[], Any], folder: Path) -> None:
    """A problem: `None` where it is solved, else the verdict or the error."""
    with _heard(folder) as found:
        instance = function()
        solution, report, _ = drawn.judged(instance)
        found["trouble"] = instance.trouble(solution, report)


def example(source: Path, folder: Path) -> None:
    """An example without its line for float64; one that misses its own digits has been told why."""
    text = source.read_text()
    assert ASKS in text or "x64" not in text, f"{source.name} asks for float64 in words of its own"
    code = compile(text.replace(ASKS, "\n"), str(source), "exec")  # lines keep their numbers
    with _heard(folder):
        exec(code, {"__name__": "__main__"})


@contextlib.contextmanager
def _heard(folder: Path) -> Iterator[dict[str, Any]]:
    """Keeps what is said in float32: by the library, or by the assertion that an example ends in.
    Any other error is no word of ours, and fails."""
    import jax
    import matplotlib.pyplot as plt

    import fesolve as fe

    jax.config.update("jax_enable_x64", False)
    found: dict[str, Any] = {"trouble": None}
    with (
        warnings.catch_warnings(record=True) as said,
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("always", fe.PrecisionWarning)
        try:
            yield found
        except (fe.SolveError, ValueError) as error:
            found["trouble"] = str(error)
        except AssertionError as error:
            line = traceback.extract_tb(error.__traceback__)[-1]
            found["trouble"] = f"`{line.line}` does not hold in float32, line {line.lineno}"
    plt.close("all")
    warned = [str(w.message) for w in said if issubclass(w.category, fe.PrecisionWarning)]
    found["warned"] = warned[:1]
    (folder / "found.json").write_text(json.dumps(found))
