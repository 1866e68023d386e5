"""The options of the command line, from the signatures of the problems."""

import argparse
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import fesolve as fe
from fesolve import problems
from fesolve._nearest import meant

from ._cache import KEPT
from ._status import MEANINGS, paragraph


def parsed(words: Sequence[str], catalogue: Mapping[str, Callable]) -> Any:
    """The command line `words`, where `solve` knows these problems.

    **Raises:** `ValueError` for words that are no command, with the nearest that there is.
    """
    top, asked = _parsers(words, catalogue)
    try:
        return top.parse_args(words)
    except argparse.ArgumentError as error:
        known = [flag for one in asked for flag in re.findall(r"--[\w-]+", one.format_help())]
        raise ValueError(_explained(str(error), known)) from None


def _explained(text: str, known: Sequence[str]) -> str:
    """What is wrong with a command line, and what was meant."""
    text = re.sub(r"required: (?:\w+\.)*(\w+)", r"required: \1", " ".join(text.split()))
    wrong = re.fullmatch(r'Parser key "([\w.]+)": Expected an? (.*?)\.? Got value: (.*)', text)
    if wrong is not None:
        key, kind, value = wrong.groups()
        return f"--{key} must be {_kind(kind)}; got {value}"
    missing = re.match(r'expected "(\w+\.)?subcommand" to be one of {(.*?)[,. ]*}', text)
    if missing is not None:
        what, names = "problem" if missing[1] else "command", missing[2].replace(",", ", ")
        return f"a {what} is missing, such as {names} (--help shows what there is)"
    text, _, choices = text.partition(" (choose from ")
    word = re.search(r"(?:arguments: |choice: )'?([\w-]+)", text)
    names = [*re.findall(r"[\w-]+", choices), *known]
    return f"{text}{meant(word[1], names) if word else ''} (--help shows what there is)"


def _kind(text: str) -> str:
    """What a type of jsonargparse's sentence is to a user."""
    choices = re.search(r"Literal\[(.*)\]", text)
    if choices is not None:
        return choices[1].replace(", ", " or ")
    kinds = {"int": "a whole number", "float": "a number", "bool": "true or false", "str": "a text"}
    names = re.findall(r"\b(int|float|bool|str|None)\b", text)
    return " or ".join(kinds.get(name, "null") for name in names) or text


def _parsers(words: Sequence[str], catalogue: Mapping[str, Callable]) -> tuple[Any, list[Any]]:
    """The parser for the command line `words`, and those of the commands in it."""
    try:
        from jsonargparse import ArgumentParser, set_parsing_settings
    except ImportError as error:
        raise ImportError(
            "The command line needs jsonargparse, which is not installed: "
            "pip install 'fesolve[cli]'"
        ) from error
    # `--print_completion=shtab-bash`, or -zsh or -tcsh
    set_parsing_settings(add_print_completion_argument=True)
    style: dict[str, Any] = {
        "formatter_class": argparse.RawDescriptionHelpFormatter,
        "exit_on_error": False,
        "allow_abbrev": False,
    }
    asked, every = [], any(word.startswith("--print_completion") for word in words)
    top = ArgumentParser(
        prog="fesolve",
        usage="fesolve COMMAND [options]",
        description="Solve functional equations by empirical risk minimisation, and judge them.",
        version=fe.__version__,
        epilog=f"{MEANINGS}\n\n{KEPT}",
        **style,
    )
    commands = top.add_subcommands(title="commands", metavar="COMMAND")
    listing = ArgumentParser(usage="fesolve list", description="List the problems.", **style)
    listing.add_argument("--json", action="store_true", help="as JSON")
    commands.add_subcommand("list", listing, help="list the problems")
    run_parser = ArgumentParser(
        usage="fesolve run model.py:function [options]",
        description="Run a function as an experiment: its parameters are options, and what it "
        "returns is printed and recorded. `fesolve run model.py:function --help` shows them.",
        **style,
    )
    commands.add_subcommand("run", run_parser, help="run a function of yours, and record it")
    for name, text, options in SWEEPS:
        one = ArgumentParser(description=text, **style)
        for flag, given in options.items():
            one.add_argument(flag, **given)
        asked += [one] if name in words else []
        commands.add_subcommand(
            name, one, help=text[0].lower() + text[1:].split(". ")[0].rstrip(".")
        )
    parser = lambda **given: ArgumentParser(**given, **style)
    return top, asked + _add_solve(commands, parser, words, catalogue, every)


def _add_solve(
    commands: Any,
    parser: Callable[..., Any],
    words: Sequence[str],
    catalogue: Mapping[str, Callable],
    every: bool,
) -> list[Any]:
    """Adds `fesolve solve`, and returns the parsers of the problems that the words name."""
    solve_parser = parser(
        description="Solve a problem of the catalogue, or one that `path/model.py` defines.",
        epilog="`fesolve solve NAME --help` shows the options and parameters of one problem, and\n"
        "`fesolve solve --list-parameters` the parameters of all.\n\n" + MEANINGS,
    )
    commands.add_subcommand("solve", solve_parser, help="solve a problem and report on it")
    names, asked = solve_parser.add_subcommands(title="problems", metavar="NAME"), []
    for name, problem in catalogue.items():
        summary, details = _documentation(problem)
        text = "\n\n".join(map(paragraph, [summary, *re.split(r"\n\n+", details)]))
        one = parser(description=text, usage=f"fesolve solve {name} [options]")
        # Only the problem that is asked for is built, for its defaults; for a shell all of them.
        if name in words or every:
            _add_options(one, name, problem)
            asked.append(one)
        names.add_subcommand(name, one, help=summary)
    return asked


SWEEPS: list[tuple[str, str, dict[str, dict[str, Any]]]] = [
    (
        "sweep",
        "Run the trials of a sweep, together with other processes that do the same.",
        {
            "file": {"type": str, "help": "a sweep file in the format of W&B"},
            "--trials": {
                "type": int | None,
                "default": None,
                "metavar": "N",
                "help": "as many as the journal shall have (default: run_cap, or the whole grid)",
            },
            "--journal": {
                "type": str,
                "default": "runs.log",
                "help": "a file, or a database such as sqlite:///runs.db (default: runs.log)",
            },
            "--seed": {"type": int | None, "default": None, "help": "of the draws"},
            "--batch": {
                "type": int,
                "default": 1,
                "metavar": "N",
                "help": "trials that run as one `jax.vmap` (default: 1)",
            },
        },
    ),
    (
        "table",
        "Show the trials of a sweep. Sorted by the metric, with importance and rank correlation.",
        {
            "journal": {"type": str, "help": "the journal of a sweep"},
            "--name": {"type": str | None, "default": None, "help": "of the sweep"},
            "--by": {"type": str | None, "default": None, "help": "the column to sort by"},
            "--html": {
                "type": str | None,
                "default": None,
                "metavar": "FILE",
                "help": "where a page is written (default: beside the journal)",
            },
        },
    ),
]


def sizes_of(problem: problems.Problem, hypothesis: str, options: dict[str, Any]) -> dict[str, int]:
    """The sizes of the chosen hypothesis: those that were given, and its defaults.

    **Raises:** `ValueError` for a size that it does not have, or that is too small.
    """
    every = _every_size(problem)
    own = [size for size, by_kind in every.items() if hypothesis in by_kind]
    for size, by_kind in every.items():
        if options[size] is not None and size not in own:
            raise ValueError(
                f"--{size} is a size of {' and '.join(by_kind)}; --hypothesis {hypothesis} has "
                f"{', '.join('--' + name for name in own)}"
            )
    for size in (*own, "points", "test_points"):
        least, given = LEAST.get(size, 1), options[size]
        if given is not None and given < least:
            flag = f"--{size.replace('_', '-')}"
            raise ValueError(f"{flag} must be a whole number of at least {least}; got {given}")
    return {s: every[s][hypothesis] if options[s] is None else options[s] for s in own}


def summary_of(function: Callable) -> str:
    """What a problem is, in one line."""
    return _documentation(function)[0]


def _add_options(parser: Any, name: str, function: Callable[..., problems.Problem]) -> None:
    problem = function()
    kinds = tuple(problem.hypotheses)
    group = parser.add_argument_group("hypothesis and sample")
    group.add_argument(
        "--hypothesis",
        choices=kinds,
        default=kinds[0],
        help=f"what f is made of: {' or '.join(kinds)} (default: {kinds[0]})",
    )
    for size, by_kind in _every_size(problem).items():
        defaults = ", ".join(f"{default} for {kind}" for kind, default in by_kind.items())
        text = f"{SIZES.get(size, size)} (default: {defaults})"
        group.add_argument(f"--{size}", type=int, default=None, metavar="N", help=text)
    defaults = ", ".join(f"{problem.choice(kind).points} for {kind}" for kind in kinds)
    group.add_argument(
        "--points",
        type=int,
        default=None,
        metavar="N",
        help=f"points to train on, per coordinate where they form a grid (default: {defaults})",
    )
    _add_output(group, name)
    parameters = inspect.signature(function).parameters
    if parameters:
        group = parser.add_argument_group("parameters of the model")
    meanings = notes_of(function)
    for parameter in parameters.values():
        text = f"{meanings.get(parameter.name, '')} (default: {parameter.default})".strip()
        group.add_argument(
            f"--{parameter.name}",
            type=parameter.annotation,
            default=parameter.default,
            metavar=metavar(parameter.annotation),
            help=text,
        )


def _add_output(group: Any, name: str) -> None:
    """Options that all problems have: how f is judged, and what is written."""
    group.add_argument(
        "--test-points",
        type=int,
        default=10_000,
        metavar="N",
        help="fresh points for the report (default: 10000)",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of every random draw (default: 0)"
    )
    group.add_argument(
        "--precision",
        type=Literal[32, 64],
        default=64,
        metavar="32|64",
        help="bits of a floating-point number (default: 64)",
    )
    group.add_argument(
        "--out",
        type=str,
        default=f"results/{name}",
        metavar="DIR",
        help=f"where figure, report and solution are written (default: results/{name})",
    )
    group.add_argument(
        "--json",
        action="store_true",
        help="print the report as JSON, and nothing else (default: as a table)",
    )
    group.add_argument(
        "--list-parameters",
        action="store_true",
        help="say what the model's parameters are, and solve nothing (default: solve)",
    )


SIZES = {
    "degree": "degree of the polynomials",
    "max_degree": "highest degree to try",
    "width": "units in a layer",
    "depth": "hidden layers",
    "elements": "number of elements",
    "intervals": "intervals between knots",
    "knots": "number of knots of the spline",
    "centres": "centres of the kernel",
    "jumps": "derivatives' jumps that are removed",
    "moments": "moments of the members' states",
    "rounds": "rounds of the expectations at most",
}


LEAST = {"depth": 0, "jumps": 0}
"""The least values of sizes, where that is not 1."""


def _every_size(problem: problems.Problem) -> dict[str, dict[str, int]]:
    """The sizes of all hypotheses: for each, its default by kind of hypothesis."""
    sizes: dict[str, dict[str, int]] = {}
    for kind, make in problem.hypotheses.items():
        for size in inspect.signature(make).parameters.values():
            sizes.setdefault(size.name, {})[kind] = size.default
    return sizes


def _documentation(function: Callable) -> tuple[str, str]:
    """The first line of a docstring, and what stands between it and the arguments."""
    text = inspect.getdoc(function) or ""
    summary, _, rest = text.partition("\n")
    return summary, rest.split("**Arguments:**")[0].strip()


def notes_of(function: Callable) -> dict[str, str]:
    """What a docstring says of each argument, as one line."""
    text = (inspect.getdoc(function) or "").partition("**Arguments:**")[2]
    found = re.findall(r"^- `(\w+)`: (.*?)(?=^- `|^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: " ".join(note.split()).rstrip(".") for name, note in found}


def metavar(annotation: Any) -> str:
    options = [o for o in getattr(annotation, "__args__", ()) if o is not type(None)]
    if len(options) == 1:
        return metavar(options[0])
    if options:
        return "|".join(str(option) for option in options)
    return getattr(annotation, "__name__", str(annotation)).upper()
