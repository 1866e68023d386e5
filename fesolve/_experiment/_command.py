"""A function as a command."""

from collections.abc import Sequence
from typing import Any

from ._program import Captured, CAPTURING, function_of
from ._record import recorded, shown, write
from ._signature import parsed, program_name


def experiment(run: Any, words: Sequence[str] | None = None) -> dict[str, float]:
    """A function as a command: its parameters are options, and what it returns is recorded.

    ```python
    def fit(width: int = 128, lr: float = 1e-3, seed: int = 0):
        \"\"\"Regression by a network.\"\"\"
        ...
        return {"test_loss": float(test(f))}

    if __name__ == "__main__":
        fe.experiment(fit)       # python model.py --width=64 --config run.yaml
    ```

    Options are of the types that the signature says, or of those of the defaults; `--help` shows
    them with what the docstring says of each. `--config FILE.yaml` reads options from a file, and
    `--print_config` writes one. The figures are printed, and appended to `runs/fit.jsonl`
    (`--runs` is the folder) with all arguments, the seed, the seconds and the versions; so is the
    error of a run that fails. `fesolve run model.py:fit --lr=0.01` does the same for a function
    that knows nothing of it.

    **Arguments:**

    - `run`: the function, or a text `path/model.py:function`. It returns a dict of numbers, a
      `Solution`, a `RiskReport`, or a list of those.
    - `words`: the words of the command line; by default those of the process.

    **Returns:** the figures by name.

    **Raises:** `SystemExit`, of status 2, for words that are no options of `run`; `ImportError`
    without jsonargparse.
    """
    if CAPTURING.get():
        raise Captured(function_of(run))
    function = function_of(run)
    parameters, folder = parsed(function, words, program_name(run))
    try:
        record = recorded(function, parameters, lambda: function(**parameters))
    except Exception as error:
        failed = getattr(error, "record", None)
        if failed is not None:
            write(folder, failed)
        raise
    shown(record)
    write(folder, record)
    return record["figures"]
