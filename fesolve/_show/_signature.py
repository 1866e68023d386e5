"""What a constructor says where it is called with other arguments than it takes."""

import inspect
from typing import Any

import equinox as eqx

from .._nearest import meant


ELSEWHERE = {
    "rtol": "how accurate f has to be, relative to itself, is `accuracy`",
    "atol": "how small a residual has to be, in its own unit, is `fe.Risk(..., tolerance=)`",
    "tol": "how accurate f has to be, relative to itself, is `accuracy`",
}
"""Arguments by the names that other libraries have for them."""


class Signature(type(eqx.Module)):
    """The metaclass of modules whose constructors say what they take, where that is not given.

    **Raises:** `TypeError`, as Python does.
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        try:
            return type(eqx.Module).__call__(cls, *args, **kwargs)
        except TypeError:
            sentence = _sentence(cls, args, kwargs)
            if sentence is None:
                raise
        raise TypeError(sentence)


def _sentence(cls: type, args: tuple, kwargs: dict[str, Any]) -> str | None:
    """What is wrong with the arguments of a constructor; `None` where it takes them."""
    parameters = inspect.signature(cls).parameters
    try:
        inspect.signature(cls).bind(*args, **kwargs)
    except TypeError as error:
        fault = str(error)
    else:
        return None
    unknown = [name for name in kwargs if name not in parameters]
    takes = ", ".join(_written(list(parameters.values())))
    given = ", ".join([*("..." for _ in args), *(f"{name}=..." for name in kwargs)])
    hints = "".join(_hint(name, list(parameters)) for name in unknown)
    room = "fe." if cls.__module__.startswith("fesolve.") else ""
    called = f"`{room}{cls.__name__}({takes})` is called as `{cls.__name__}({given})`"
    return f"{called}: {fault}{hints}"


def _written(parameters: list[inspect.Parameter]) -> list[str]:
    """The arguments as they stand in a signature, long defaults as `...`."""
    words, by_name = [], False
    for p in parameters:
        if p.kind is p.KEYWORD_ONLY and not by_name:
            words.append("*")
        by_name = by_name or p.kind in (p.VAR_POSITIONAL, p.KEYWORD_ONLY)
        text = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "") + p.name
        default = repr(p.default)
        if p.default is not p.empty:
            text += f"={default if len(default) <= 20 else '...'}"
        words.append(text)
    return words


def _hint(name: str, names: list[str]) -> str:
    told = ELSEWHERE.get(name) if "accuracy" in names else None
    return meant(name, names) if told is None else f"; {told}"
