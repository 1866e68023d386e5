"""What there is to solve, and by which parameters."""

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import fesolve as fe
from fesolve import problems

from ._parser import metavar, notes_of, summary_of
from ._status import folded, shortened


def list_problems(as_json: bool) -> int:
    """Prints each problem of the catalogue with one line."""
    found = {name: summary_of(problem) for name, problem in problems.catalogue.items()}
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    width = max(map(len, found))
    for name, summary in found.items():
        line = f"{name:{width}}  {summary}"
        print(shortened(line) if sys.stdout.isatty() else line)
    return 0


def list_parameters(functions: Mapping[str, Callable], as_json: bool) -> int:
    """Prints the parameters of models: name, default, kind and meaning."""
    found = {name: _parameters(function) for name, function in functions.items()}
    if as_json:
        print(json.dumps(found if len(found) > 1 else next(iter(found.values())), indent=2))
        return 0
    for name, parameters in found.items():
        if not parameters:
            print(f"{name} has no parameters\n")
            continue
        rows = [[str(p["default"]), p["kind"]] for p in parameters.values()]
        print(fe.Table(name, list(parameters), ["default", "kind"], rows))
        for parameter, told in parameters.items():
            print(folded(f"{parameter}: {told['meaning']}", "  "))
        print()
    return 0


def _parameters(function: Callable) -> dict[str, dict[str, Any]]:
    meanings = notes_of(function)
    return {
        p.name: {
            "default": p.default,
            "kind": metavar(p.annotation).lower(),
            "meaning": meanings.get(p.name, ""),
        }
        for p in inspect.signature(function).parameters.values()
    }
