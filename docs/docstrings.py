"""What is changed of the API once it is read: formulas of docstrings are typeset as those of pages
are, and a class whose fields are its arguments has the signature that its fields make."""

import functools
import importlib
import inspect
from typing import Any

import formulas
import griffe


class Typeset(griffe.Extension):
    """Changes docstrings and classes."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Of public functions and classes, and of their methods."""
        place = obj.name if obj.parent is None or obj.parent.is_module else obj.parent.name
        if obj.docstring is not None and place in _public():
            obj.docstring.value = formulas.page(obj.docstring.value, _arguments(obj))

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """A module of Equinox has no `__init__` that could be read."""
        said = "" if cls.docstring is None else cls.docstring.value
        if "__init__" in cls.members or "**Arguments:**" not in said:
            return
        made = getattr(importlib.import_module(cls.module.path), cls.name)
        given = [griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)]
        for name, parameter in inspect.signature(made).parameters.items():
            field = cls.members.get(name)
            default = parameter.default
            if default is inspect.Parameter.empty:
                default = None
            elif field is None or "field(" in str(field.value):
                default = repr(default)
            else:
                default = field.value
            given.append(
                griffe.Parameter(
                    name,
                    annotation="Any" if field is None else field.annotation,
                    kind=getattr(griffe.ParameterKind, parameter.kind.name.lower()),
                    default=default,
                )
            )
        init = griffe.Function("__init__", parameters=griffe.Parameters(*given))
        cls.set_member("__init__", init)


def _arguments(obj: griffe.Object) -> frozenset[str]:
    """The names of what an object is made or called with, which stand in its formulas."""
    found: Any = importlib.import_module(obj.module.path)
    for name in obj.path.removeprefix(f"{obj.module.path}.").split("."):
        found = getattr(found, name, None)
    try:
        return frozenset(inspect.signature(found).parameters)
    except (TypeError, ValueError):  # what is not called, and a class of Python's own making
        return frozenset()


@functools.cache
def _public() -> frozenset[str]:
    rooms = ("fesolve", "fesolve.plots", "fesolve.problems", "fesolve.cli")
    return frozenset(name for room in rooms for name in dir(importlib.import_module(room)))
