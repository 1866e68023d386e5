"""Which code is fixed while a program runs, and which reads a state that moves.

What is fixed is listed; whatever is not on a list is the user's, and is read.
"""

import abc
import builtins
import enum
import sys
import sysconfig
import types
import typing
from pathlib import Path
from typing import Any, no_type_check

import equinox as eqx

from ._tokens import token


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


class Home(enum.Enum):
    """Where a module belongs."""

    FIXED = "code that depends on its arguments alone"
    MOVING = "a module of the standard library or of NumPy that reads a state"
    USER = "everything else"


PACKAGES = words(
    """
    beartype chex diffrax equinox fesolve flax interpax jax jaxlib jaxopt jaxtyping lineax
    ml_dtypes numpy opt_einsum optax optimistix orthax quadax scipy wadler_lindig
    """
)
"""Packages that are taken as fixed."""

PURE = words(
    """
    __future__ _abc _bisect _collections _collections_abc _functools _heapq _operator
    _statistics _warnings _sre _struct abc array bisect builtins cmath collections contextlib copy
    dataclasses enum fractions functools graphlib heapq itertools keyword math numbers
    operator re reprlib statistics string struct textwrap types typing warnings
    """
)
"""Modules of the standard library whose functions depend on their arguments alone."""

UNSAFE_BUILTINS = words(
    """
    __import__ breakpoint compile dir eval exec globals help id input locals open vars
    """
)
"""Builtins that read what no key follows."""

MOVING_NAMES = {
    "numpy": words(
        """
    fromfile fromregex genfromtxt geterr geterrcall getbufsize load loadtxt memmap
    open_memmap random DataSource
    """
    ),
    "scipy": frozenset(["io", "rvs", "loadmat", "datasets"]),
    "fesolve": frozenset(["load"]),
    "equinox": frozenset(["tree_deserialise_leaves"]),
    "jax": frozenset(["config"]),
    "typing": frozenset(["get_type_hints"]),
    "builtins": UNSAFE_BUILTINS,
}
"""Names in fixed packages that read files or a state."""

UNSAFE_ATTRIBUTES = words(
    """
    __annotations__ __builtins__ __doc__ __globals__ __subclasses__ __weakref__ ag_frame
    cr_frame f_back f_builtins f_globals f_locals gi_frame tb_frame tb_next
    """
)
"""Attributes that lead out of what a key follows."""

UNSAFE_TEXTS = UNSAFE_ATTRIBUTES - {"__annotations__", "__doc__", "__weakref__"}
"""Such names, where a text in a variable is one."""

GENUINE = dict(vars(builtins))
"""The builtins as they were when the library was loaded."""

_STANDARD = tuple({str(Path(sysconfig.get_path(n))) for n in ("stdlib", "platstdlib")})
_INSTALLED = ("site-packages", "dist-packages")
_HOMES: dict[int, tuple[types.ModuleType, Home]] = {}
"""Homes of modules that are not the user's, by id: these live as long as the process."""


@no_type_check
def home(module: types.ModuleType) -> Home:
    """Where a module belongs, by where it came from and not by its name alone."""
    entry = _HOMES.get(id(module))
    if entry is not None and entry[0] is module:
        return entry[1]
    found = _home(module)
    if found is not Home.USER:
        _HOMES[id(module)] = (module, found)
    return found


@no_type_check
def _home(module: types.ModuleType) -> Home:
    name = getattr(module, "__name__", None)
    if module is sys.modules.get("_collections_abc"):  # which calls itself `collections.abc`
        return Home.FIXED
    if not isinstance(name, str) or sys.modules.get(name) is not module:
        return Home.USER
    root = name.partition(".")[0]
    if root in PACKAGES:
        if not _inside_package(module, root):
            return Home.USER
        moving = name == "numpy.random" or name.startswith(("numpy.random.", "scipy.io"))
        return Home.MOVING if moving else Home.FIXED
    if root in sys.stdlib_module_names and _is_standard(module):
        return Home.FIXED if root in PURE else Home.MOVING
    return Home.USER


def _inside_package(module: types.ModuleType, root: str) -> bool:
    folders = getattr(sys.modules.get(root), "__path__", None)
    if not folders:
        return False
    file = getattr(module, "__file__", None)
    if file is None:  # what a module of C makes
        return root == "jaxlib"
    return any(str(file).startswith(str(folder)) for folder in folders)


def _is_standard(module: types.ModuleType) -> bool:
    spec = getattr(module, "__spec__", None)
    origin = getattr(spec, "origin", None)
    if origin in ("built-in", "frozen"):
        return True
    file = getattr(module, "__file__", None) or origin
    if file is None:
        return False
    path = Path(file)
    return any(
        path.is_relative_to(folder) and not set(path.relative_to(folder).parts) & {*_INSTALLED}
        for folder in _STANDARD
    )


@no_type_check
def home_of_name(name: Any) -> Home:
    """Where the module of this name belongs."""
    module = sys.modules.get(name) if isinstance(name, str) else None
    return Home.USER if not isinstance(module, types.ModuleType) else home(module)


@no_type_check
def home_of_function(function: types.FunctionType) -> Home:
    """Where a function was written: by its globals, since `__module__` is copied by decorators."""
    scope = function.__globals__
    module = sys.modules.get(scope.get("__name__", ""))
    if not isinstance(module, types.ModuleType):
        return Home.USER
    if module.__dict__ is not scope:
        abstract = sys.modules.get("_collections_abc")
        return Home.FIXED if abstract is not None and vars(abstract) is scope else Home.USER
    return home(module)


def stands_in_library(function: types.FunctionType) -> bool:
    """Whether a function is what a fixed package has under its name."""
    if home_of_name(function.__module__) is not Home.FIXED:
        return False
    value: Any = sys.modules[function.__module__]
    for name in function.__qualname__.split("."):
        value = getattr(value, "__dict__", {}).get(name)
    return value is function


_CLASSES: dict[int, tuple[type, Home]] = {}
"""Homes of classes that are not the user's, by id."""


@no_type_check
def home_of_class(cls: type) -> Home:
    """Where a class was written: it stands in its module under its name, or is the user's."""
    entry = _CLASSES.get(id(cls))
    if entry is not None and entry[0] is cls:
        return entry[1]
    found = home_of_name(cls.__module__)
    if found is Home.USER:
        return found
    value: Any = sys.modules[cls.__module__]
    for name in cls.__qualname__.split("."):
        value = getattr(value, "__dict__", {}).get(name)
    if value is not cls and cls.__flags__ & HEAP and not _is_nameless(cls):
        return Home.USER
    _CLASSES[id(cls)] = (cls, found)
    return found


HEAP = 1 << 9
"""The flag of classes that were made at run time."""


def _is_nameless(cls: type) -> bool:
    """Whether the class is one of C, which may be kept under another name or none."""
    functions = types.FunctionType | classmethod | staticmethod | property
    return not any(isinstance(v, functions) for v in vars(cls).values()) and (
        "__dict__" not in vars(cls) and "__slots__" not in vars(cls)
    )


NEVER_PATCHED = frozenset(
    [object, type, typing.Generic, typing.Protocol, abc.ABC, tuple, dict, list, eqx.Module]
)
"""Classes that are above many, and that nobody changes."""


def number(module: types.ModuleType) -> int:
    """A number that belongs to this module alone."""
    return token(module)


def loaded() -> dict[str, types.ModuleType]:
    """The modules that are loaded."""
    return sys.modules


def is_moving_name(package: str | None, name: str) -> bool:
    """Whether a name of a fixed package reads a state."""
    return name in MOVING_NAMES.get((package or "").partition(".")[0], ())


def moving_names(module: types.ModuleType) -> frozenset[str]:
    """The attributes of a module that read a state."""
    if home(module) is Home.MOVING:
        return frozenset(vars(module))
    return MOVING_NAMES.get(module.__name__.partition(".")[0], frozenset())


def is_own_name(name: Any) -> bool:
    """Whether the module of this name is the user's."""
    return home_of_name(name) is Home.USER
