"""The function that an experiment is about: one that is given, or one in a file or a module."""

import contextvars
import importlib
import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any


Run = Callable[..., Any]
CAPTURING: contextvars.ContextVar[bool] = contextvars.ContextVar("capturing", default=False)
"""Whether `fe.experiment` hands over its function, instead of running it."""


class Captured(BaseException):
    """The function that a program has given to `fe.experiment`."""

    def __init__(self, run: Run) -> None:
        BaseException.__init__(self)
        self.run = run


def function_of(target: Any, folder: Path | None = None) -> Run:
    """The function of a target: itself, `path/model.py:function`, `module:function`, or a program
    `path/model.py` that calls `fe.experiment`. Paths are relative to `folder`.

    **Raises:** `ValueError` where there is none.
    """
    if callable(target):
        return target
    if not isinstance(target, str):
        raise ValueError(f"`run` must be a function, or a text `model.py:function`; got {target!r}")
    place, _, name = target.rpartition(":") if ":" in target else (target, "", "")
    is_file = place.endswith(".py")
    if not is_file and not name:
        raise ValueError(
            f"{target!r} is no program: give `path/model.py`, `path/model.py:function` or "
            "`module:function`"
        )
    path = (folder or Path()) / place
    if is_file and not path.is_file():
        raise ValueError(f"{target!r}: there is no file {str(path)!r}")
    if is_file and not name:
        return _captured(path)
    namespace = _loaded(path) if is_file else _imported(place)
    found = getattr(namespace, name, None)
    if not callable(found):
        names = [n for n, v in vars(namespace).items() if isinstance(v, types.FunctionType)]
        own = [n for n in names if getattr(namespace, n).__module__ == namespace.__name__]
        raise ValueError(f"{place} has no function {name!r}; it has {sorted(own)}")
    return found


def _loaded(path: Path) -> types.ModuleType:
    """The module in a file, which imports its neighbours as a program does."""
    name = (
        path.stem if path.stem.isidentifier() and path.stem not in sys.modules else "_fesolve_run"
    )
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    _reach(path)
    sys.modules[name] = module  # where dataclasses and annotations look it up
    spec.loader.exec_module(module)
    return module


def _imported(name: str) -> types.ModuleType:
    _reach(Path("here"))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise ValueError(f"there is no module {name!r} to import") from None


def _reach(path: Path) -> None:
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)


def _captured(path: Path) -> Run:
    """What a program gives to `fe.experiment`."""
    module = types.ModuleType("__main__")
    module.__file__ = str(path)
    _reach(path)
    token, argv = CAPTURING.set(True), sys.argv
    sys.argv = [str(path)]
    try:
        exec(compile(path.read_text(), str(path), "exec"), vars(module))
    except Captured as found:
        return found.run
    finally:
        CAPTURING.reset(token)
        sys.argv = argv
    raise ValueError(
        f"{str(path)!r} does not call `fe.experiment(function)`: add it under "
        f'`if __name__ == "__main__":`, or name the function, `{path}:function`'
    )
