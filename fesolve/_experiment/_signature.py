"""A function's signature as options, with what its docstring says of them."""

import argparse
import inspect
import re
import sys
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .._nearest import nearest


class Option(NamedTuple):
    """A parameter of a function: its name, its type, its default and what is said of it."""

    name: str
    kind: Any
    default: Any
    note: str

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty


OWN = ("config", "print_config", "help", "runs")
"""Options that every experiment has."""


def options_of(run: Callable) -> list[Option]:
    """The parameters that can be given by name.

    **Raises:** `ValueError` for a name that every experiment has.
    """
    try:
        hints = typing.get_type_hints(run)
    except Exception:  # an annotation that names what is not there
        hints = {}
    notes, options = notes_of(run), []
    for p in inspect.signature(run).parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY):
            continue
        if p.name in OWN:
            raise ValueError(
                f"`{p.name}` is a parameter of `{name_of(run)}` and an option of every experiment: "
                "call the parameter otherwise"
            )
        plain = Any if p.default in (None, p.empty) else type(p.default)
        kind = hints.get(p.name, plain)
        options.append(Option(p.name, kind, p.default, notes.get(p.name, "")))
    return options


def name_of(run: Callable) -> str:
    return getattr(run, "__name__", type(run).__name__)


def notes_of(run: Callable) -> dict[str, str]:
    """What a docstring says of each argument, as one line."""
    text = inspect.getdoc(run) or ""
    own = re.findall(r"^- `(\w+)`: (.*?)(?=^- `|^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    if own:
        return {name: " ".join(note.split()).rstrip(".") for name, note in own}
    try:
        from docstring_parser import parse
    except ImportError:
        return {}
    found = {p.arg_name: p.description or "" for p in parse(text).params}
    return {name: " ".join(note.split()).rstrip(".") for name, note in found.items()}


def parsed(run: Callable, words: Sequence[str] | None, program: str) -> tuple[dict[str, Any], str]:
    """The arguments of a function and the folder of its records, from the words of a command line.

    **Raises:** `SystemExit` for words that are no such options, with the sentence; `ImportError`
    without jsonargparse.
    """
    try:
        import jsonargparse
    except ImportError as error:
        raise ImportError(
            "an experiment's command line needs jsonargparse: pip install 'fesolve[cli]'"
        ) from error
    words = sys.argv[1:] if words is None else [str(word) for word in words]
    text = (inspect.getdoc(run) or "").split("\n\n")[0]
    style = argparse.RawDescriptionHelpFormatter
    parser = jsonargparse.ArgumentParser(
        prog=program,
        description=text,
        formatter_class=style,
        exit_on_error=False,
        allow_abbrev=False,
    )
    options = options_of(run)
    for o in options:
        known = "" if o.required else f"(default: {o.default})"
        given = {"required": True} if o.required else {"default": o.default}
        help = f"{o.note} {known}".strip()
        parser.add_argument(f"--{o.name}", type=o.kind, help=help or None, **given)
    parser.add_argument("--config", action="config", help="a YAML file of options")
    parser.add_argument(
        "--runs", type=str, default="runs", help="folder of the records (default: runs)"
    )
    try:
        found = parser.parse_args(words).as_dict()
    except argparse.ArgumentError as error:
        names = [o.name for o in options] + list(OWN)
        print(f"{program}: {_sentence(str(error), names)}", file=sys.stderr)
        raise SystemExit(2) from None
    return {o.name: found[o.name] for o in options}, found["runs"]


def _sentence(text: str, names: Sequence[str]) -> str:
    """What is wrong, with the nearest name."""
    text = re.sub(r"an? <class '(\w+)'>", r"\1", " ".join(text.split()))
    unknown = re.search(r"(?:arguments: |keys? |Option )[\"'-]*([\w-]+)", text)
    near = "" if unknown is None else nearest(unknown[1], names)
    return f"{text}{f'. Did you mean --{near}?' if near else ''} (--help shows all options)"


def program_name(target: Any) -> str:
    """How a command line begins."""
    return f"fesolve run {target}" if isinstance(target, str) else Path(sys.argv[0]).name
