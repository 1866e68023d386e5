"""What a function *is*, as a hashable key, which the compilation cache asks for before it serves a
program.

JAX keys a compiled program by the identity of the function. For residuals that is wrong twice:
a residual that reads a global `beta` would be served from a stale program after `beta` changed,
and an equal lambda, written again by a loop, would be compiled again. So the key here is the
function's code, its defaults, its closure cells and the globals that it reads: numbers and small
arrays by value, large arrays by identity, functions recursively.
"""

import collections
import dis
import functools
import hashlib
import importlib.util
import sys
import types
from collections.abc import Hashable
from typing import Any

import jax
import numpy as np


_BY_VALUE = 1 << 12
"""Bytes up to which a JAX array is compared by value, not by identity."""


class TracedClosureError(ValueError):
    """A function reads a traced value that is hidden in its closure or its globals."""


class ById:
    """An object that is equal to itself alone; it is kept alive, so that its id is not reused."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ById) and self.value is other.value


@functools.cache
def _is_library(module: str | None) -> bool:
    """Whether a module is installed code, which does not change while a program runs."""
    root = (module or "").partition(".")[0]
    if root in sys.stdlib_module_names or root == "fesolve":
        return True
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return "site-packages" in file or "dist-packages" in file


@functools.lru_cache(maxsize=4096)
def _reads(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """The names from outside that `code` and the code nested in it read, as chains
    `("module", "name")`: globals and variables of an enclosing function."""
    chains: list[list[str]] = []
    open_chain = False
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_DEREF"):
            chains.append([instruction.argval])
            open_chain = True
        elif open_chain and instruction.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            chains[-1].append(instruction.argval)
        elif instruction.opname != "CACHE":
            open_chain = False
    found = {tuple(chain) for chain in chains}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.update(_reads(constant))
    return tuple(sorted(found))


@functools.lru_cache(maxsize=4096)
def _imports(code: types.CodeType, package: str | None) -> tuple[str, ...]:
    """The modules that `code` and the code nested in it import when they run."""
    found, before = [], [*dis.get_instructions(code)]
    for level, _, instruction in zip(before, before[1:], before[2:], strict=False):
        if instruction.opname == "IMPORT_NAME":
            dots = "." * (level.argval or 0)
            name = f"{dots}{instruction.argval}"
            found.append(importlib.util.resolve_name(name, package) if dots else name)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found.extend(_imports(constant, package))
    return tuple(sorted(set(found)))


def fingerprint(value: Any) -> Hashable:
    """A hashable key that is equal for values that compute the same.

    **Raises:** `TracedClosureError` where a JAX tracer hides in a closure or a global.
    """
    return _Reader().read(value, "")


class _Reader:
    """One traversal: it remembers what it has met, so that recursion ends."""

    def __init__(self) -> None:
        self.met: dict[int, int] = {}
        self.alive: list[Any] = []

    def read(self, value: Any, where: str) -> Hashable:
        match value:
            case None | bool() | int() | str() | bytes():
                return (type(value), value)
            case float() | complex() if not isinstance(value, np.generic):
                return (type(value), repr(value))
            case np.ndarray() | np.generic():
                return _array_key(value)
            case jax.core.Tracer():
                raise TracedClosureError(where)
            case jax.Array():
                small = value.nbytes <= _BY_VALUE and value.is_fully_addressable
                if small and not jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
                    return _array_key(np.asarray(value))
                return ById(value)
            case types.ModuleType() if _is_library(value.__name__):
                return ById(value)
        if id(value) in self.met:
            return ("met", self.met[id(value)])
        self.met[id(value)] = len(self.met)
        self.alive.append(value)
        return self._read_compound(value, where)

    def _read_compound(self, value: Any, where: str) -> Hashable:
        match value:
            case types.FunctionType():
                return self._function(value, where)
            case types.MethodType():
                return (
                    "method",
                    self.read(value.__func__, where),
                    self.read(value.__self__, where),
                )
            case functools.partial():
                return (
                    "partial",
                    self.read(value.func, where),
                    self.read(value.args, where),
                    self.read(value.keywords, where),
                )
            case tuple() | list() | collections.deque():
                return (type(value), *(self.read(item, where) for item in value))
            case dict() | types.MappingProxyType():
                return ("dict", *((_key(k), self.read(v, where)) for k, v in value.items()))
            case set() | frozenset():
                return (type(value), frozenset(self.read(item, where) for item in value))
            case property():
                return ("property", self.read(value.fget, where))
            case classmethod() | staticmethod():
                return ("method", self.read(value.__func__, where))
            case type():
                return self._class(value, where)
            case types.ModuleType():
                # handed on as a whole, so that all that it holds may be read
                held = {k: v for k, v in vars(value).items() if not k.startswith("__")}
                return (ById(value), self.read(held, where))
        return self._object(value, where)

    def _function(self, function: types.FunctionType, where: str) -> Hashable:
        library = _is_library(function.__module__)
        bare = function.__closure__ is None and not function.__defaults__
        if library and bare and "<locals>" not in function.__qualname__:
            return ById(function)
        cells, modules = self._cells(function)
        key = (
            "function",
            function.__code__,
            self.read(function.__defaults__, where),
            self.read(function.__kwdefaults__, where),
            *cells,
        )
        if library:
            return (*key, *self._chains(function, modules))
        return (
            *key,
            self.read(vars(function), where),
            *self._chains(function, {**function.__globals__, **modules}),
            *self._imported(function),
        )

    def _cells(self, function: types.FunctionType) -> tuple[list[Hashable], dict[str, Any]]:
        """The closure; of modules in it counts only what is read from them."""
        keys: list[Hashable] = []
        modules: dict[str, Any] = {}
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for variable, cell in cells:
            try:
                content = cell.cell_contents
            except ValueError:
                keys.append(("empty",))
                continue
            if isinstance(content, types.ModuleType):
                modules[variable] = content
            else:
                where = f"`{variable}`, which `{function.__qualname__}` reads"
                keys.append(self.read(content, where))
        return keys, modules

    def _chains(self, function: types.FunctionType, scope: dict[str, Any]) -> list[Hashable]:
        keys: list[Hashable] = []
        for chain in _reads(function.__code__):
            if chain[0] not in scope:
                continue  # a builtin, or a cell that was read
            value, depth = scope[chain[0]], 1
            while isinstance(value, types.ModuleType) and depth < len(chain):
                if _is_library(value.__name__):
                    break
                value, depth = getattr(value, chain[depth], None), depth + 1
            where = f"`{'.'.join(chain[:depth])}`, which `{function.__qualname__}` reads"
            keys.append((chain, self.read(value, where)))
        return keys

    def _imported(self, function: types.FunctionType) -> list[Hashable]:
        package = function.__globals__.get("__package__")
        names = _imports(function.__code__, package)
        return [
            (name, self.read(sys.modules[name], f"`{name}`, which `{function.__qualname__}` reads"))
            for name in names
            if name in sys.modules and not _is_library(name)
        ]

    def _class(self, cls: type, where: str) -> Hashable:
        """A user's class counts with its methods, since they read globals too, and with its
        constants."""
        keys: list[Hashable] = [ById(cls)]
        for base in cls.__mro__:
            if not _is_library(base.__module__):
                keys += [
                    (name, self.read(value, where))
                    for name, value in vars(base).items()
                    if _counts(name, value)
                ]
        return tuple(keys)

    def _object(self, value: Any, where: str) -> Hashable:
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is not None:
            held = _attributes(value)
            if _is_library(type(value).__module__):
                # of JAX's wrappers count the functions, such as a rule of differentiation
                held = {k: v for k, v in held.items() if isinstance(v, types.FunctionType)}
            return (type(value), self.read(wrapped, where), self.read(held, where))
        inner = getattr(value, "method", None)  # how equinox stores the methods of a module
        if isinstance(inner, types.FunctionType):
            return self.read(inner, where)
        attributes = _attributes(value)
        if not attributes and _is_library(type(value).__module__):
            return ById(value)
        return (self.read(type(value), where), self.read(attributes, where))


_NO_MEANING = frozenset(
    [
        "__init__",
        "__new__",
        "__post_init__",
        "__check_init__",
        "__repr__",
        "__str__",
        "__eq__",
        "__hash__",
        "__setattr__",
        "__delattr__",
        "__getstate__",
        "__setstate__",
        "__replace__",
        "__init_subclass__",
        "__class_getitem__",
    ]
)
"""Methods that make, copy and show an object, and compute nothing with it."""


def _counts(name: str, value: Any) -> bool:
    """Whether an attribute of a class may be read by a computation."""
    if name.startswith("__"):
        return name not in _NO_MEANING and _is_code(value)
    return True


def _attributes(value: Any) -> dict[str, Any]:
    """What an object holds, in its dictionary and in its slots."""
    found = dict(getattr(value, "__dict__", {}))
    for base in type(value).__mro__:
        slots = vars(base).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__"):
                found[name] = getattr(value, name, None)
    return found


def _is_code(value: Any) -> bool:
    kinds = types.FunctionType | property | classmethod | staticmethod
    return isinstance(value, kinds) or isinstance(
        getattr(value, "method", None), types.FunctionType
    )


def _key(key: Any) -> Hashable:
    return key if isinstance(key, str | int | float | tuple) else ById(key)


def _array_key(array: np.ndarray | np.generic) -> Hashable:
    array = np.asarray(array)
    if array.dtype == object:
        return ById(array)
    data = array.tobytes()
    if len(data) > _BY_VALUE:
        data = hashlib.blake2b(data).digest()
    return ("array", array.dtype.str, array.shape, data)
