"""Which command is asked for, and how it ends."""

import inspect
import runpy
import sys
import traceback
import types
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax

import fesolve as fe
from fesolve import problems

from ._listing import list_parameters, list_problems
from ._parser import parsed
from ._solved import solve
from ._status import (
    BROKEN_MODEL,
    INTERRUPTED,
    NOT_SOLVED,
    NOT_WRITTEN,
    NotWritten,
    stop,
    WRONG_INPUT,
)


def run(words: Sequence[str]) -> int:
    """What the command line `words` asks for; the exit status."""
    try:
        return _run(list(words))
    except fe.SolveError as error:
        return stop(str(error), NOT_SOLVED)
    except (ValueError, ImportError) as error:
        # What was asked for cannot be done, and the sentence says why; a bug keeps its traceback.
        told = [note for note in getattr(error, "__notes__", ()) if "traceback" not in note]
        notes = "".join(f". {note}" for note in told)
        return stop(f"{error}{notes}", WRONG_INPUT)
    except NotWritten as error:
        return stop(str(error), NOT_WRITTEN)
    except KeyboardInterrupt:
        return stop("interrupted", INTERRUPTED)
    except Exception as error:
        traceback.print_exception(error.with_traceback(_from_the_model(error.__traceback__)))
        return BROKEN_MODEL


def _run(words: list[str]) -> int:
    if words[:1] == ["run"] and len(words) > 1 and not words[1].startswith("-"):
        fe.experiment(words[1], words[2:])
        return 0
    if words[:2] == ["solve", "--list-parameters"]:
        return list_parameters(problems.catalogue, "--json" in words[2:])
    own = _own(words)
    catalogue = {**problems.catalogue, **own}
    words = [words[0], *own, *words[2:]] if own else words
    command = parsed(words, catalogue)
    match command.subcommand:
        case "list":
            return list_problems(command.list.json)
        case "sweep":
            return sweep(command.sweep)
        case "table":
            return show_table(command.table)
        case "run":
            return stop("`fesolve run` needs `model.py:function`", WRONG_INPUT)
    name = command.solve.subcommand
    options = command.solve[name]
    if options.list_parameters:
        return list_parameters({name: catalogue[name]}, options.json)
    with jax.enable_x64(options.precision == 64), warnings.catch_warnings():
        # who asks for 32 bits knows how many digits these have
        warnings.simplefilter("ignore", fe.PrecisionWarning)
        return solve(name, catalogue[name], options.as_dict())


def _from_the_model(lines: types.TracebackType | None) -> types.TracebackType | None:
    """A traceback from the first line that is not ours on; all of it where there is none."""
    place = lines
    while place is not None:
        module = str(place.tb_frame.f_globals.get("__name__")).partition(".")[0]
        if module not in ("fesolve", "runpy"):
            return place
        place = place.tb_next
    return lines


def _own(words: Sequence[str]) -> dict[str, Any]:
    """The problem that a file of the user defines, by a name that can be a command."""
    if len(words) < 2 or words[0] != "solve" or ".py" not in words[1]:
        return {}
    path, _, name = words[1].partition(".py")
    path, name = f"{path}.py", name.removeprefix(":")
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path!r} that could define a problem")
    sys.path.insert(0, str(Path(path).resolve().parent))
    found = {k: v for k, v in runpy.run_path(path).items() if _is_problem(v) and k[0] != "_"}
    if name:
        found = {k: v for k, v in found.items() if k == name}
    if len(found) != 1:
        raise ValueError(
            f"{words[1]!r} defines {len(found)} problems{f', {sorted(found)}' if found else ''}: a "
            "problem is a `problems.Problem`, or a function of parameters with defaults that is "
            "annotated to return one; `path/model.py:name` says which"
        )
    (value,), label = found.values(), name or Path(path).stem
    if isinstance(value, problems.Problem):
        made = lambda: value
        made.__doc__ = f"The problem in {path}."
        return {label: made}
    return {label: value}


def _is_problem(value: Any) -> bool:
    if isinstance(value, problems.Problem):
        return True
    if not inspect.isfunction(value) or value.__module__.startswith("fesolve"):
        return False
    kind = inspect.signature(value).return_annotation
    return kind is problems.Problem or str(kind).rpartition(".")[2] == "Problem"


def sweep(options: Any) -> int:
    """Runs the trials of a sweep and shows its table."""

    def told(record: dict[str, Any]) -> None:
        figures = {**record["parameters"], **record["figures"]}
        shown = "  ".join(
            f"{k} {v:.4g}" if _is_float(v) else f"{k} {v}" for k, v in figures.items()
        )
        print(f"trial {record['trial']} {record['state']}  {shown}  {record['seconds']:.2f} s")
        sys.stdout.flush()

    given = {"trials": options.trials, "seed": options.seed, "batch": options.batch}
    table = fe.sweep(options.file, journal=options.journal, told=told, **given)
    print(f"\n{table}")
    return 0


def show_table(options: Any) -> int:
    """Prints the table of a sweep, and writes its page."""
    table = fe.sweep_table(options.journal, name=options.name)
    table = table if options.by is None else table.sorted(options.by)
    print(table)
    is_file = "://" not in options.journal
    beside = Path(options.journal).with_suffix(".html") if is_file else Path("sweep.html")
    path = beside if options.html is None else Path(options.html)
    table.to_html(path)
    print(f"\nwritten to {path}")
    return 0


def _is_float(value: Any) -> bool:
    return isinstance(value, float)
