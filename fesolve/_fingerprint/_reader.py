"""What a function *is*, as a hashable key, which the compilation cache asks for before it serves a
program.

JAX keys a compiled program by the identity of the function. For residuals that is wrong twice:
a residual that reads a global `beta` would be served from a stale program after `beta` changed,
and an equal lambda, written again by a loop, would be compiled again. So the key here is what the
function reads: its code, defaults, closure and globals, and recursively what these hold.

The key fails closed. What is not on the list of things that are read as a whole is `Opaque`, equal
to nothing, so that a program that depends on it is traced again.

Any solve reads hundreds of things, of any type. To check at run time that they are of any type, as
the tests ask for, takes longer than to read them: what is called for each is `no_type_check`.
"""

import hashlib
import sys
import types
import weakref
from collections.abc import Callable, Hashable, Mapping
from typing import Any, no_type_check

import jax
import numpy as np

from ._code import Reads
from ._library import Home, home_of_class, moving_names, UNSAFE_TEXTS
from ._tokens import Opaque, token


class TracedClosureError(ValueError):
    """A function reads a traced value that is hidden in its closure or its globals, at `place`."""

    @property
    def place(self) -> str:
        """Where it hides."""
        return self.args[0]

    def __str__(self) -> str:
        return (
            f"a traced value hides in {self.place}: pass it through `args`, so that what is "
            "computed can be differentiated and vectorised in it"
        )


Handler = Callable[["Reader", Any, Any], Hashable]
_FLOATS = frozenset([float, complex])
_ATOMS = frozenset([type(None), bool, int, bytes, type(...), type(NotImplemented)])
_BY_VALUE = 1 << 10
"""Bytes up to which an array stands in a key by value, above by a digest."""
_DIGESTS: dict[int, tuple[Any, Hashable]] = {}
"""Keys of living arrays on accelerators, which never change, by id."""
_FIXED: dict[int, tuple[Any, Hashable]] = {}
"""Keys of functions of fixed packages, which live as long as the process, by id."""


@no_type_check
class Reader:
    """One traversal: it remembers what it has met, so that recursion ends.

    `handlers` read the objects of some types, and `otherwise` all others."""

    def __init__(self, handlers: Mapping[type, Handler], otherwise: Handler) -> None:
        self.handlers, self.otherwise = handlers, otherwise
        self.met: dict[int, int] = {}
        self.alive: list[Any] = []
        self.opaques: list[Opaque] = []
        self.escaped: list[tuple[types.ModuleType, Any]] = []
        self.codes: dict[int, Reads] = {}
        self.loose: set[str] = set()
        self.functions: list[Any] = []

    def read(self, value: Any, where: Any) -> Hashable:
        """The key of a value. `where` says how it is reached: a sentence, or a chain of names with
        the function that reads it."""
        kind = type(value)
        if kind in _ATOMS:
            return (kind, value)
        if kind is str:
            return self.opaque(value, where, f"`{value}`") if value in UNSAFE_TEXTS else value
        if kind in _FLOATS:
            return (kind, repr(value))
        fixed = _FIXED.get(id(value))
        if fixed is not None and fixed[0] is value:
            return fixed[1]
        handler = self.handlers.get(kind)
        if handler is None:
            if kind is np.ndarray or issubclass(kind, np.generic):
                return self._array(np.asarray(value), kind, where)
            if issubclass(kind, jax.core.Tracer):
                raise TracedClosureError(place(where))
            if issubclass(kind, jax.Array):
                return _jax_array(value)
            handler = self.otherwise
        number = self.met.setdefault(id(value), len(self.met))
        if number != len(self.alive):
            return ("met", number)
        self.alive.append(value)
        return handler(self, value, where)

    def fix(self, value: Any) -> Hashable:
        """The key of what never changes."""
        key = ("fixed", token(value))
        _FIXED[id(value)] = (value, key)
        # it is met nowhere from now on, and numbers must be the same at every reading
        if self.alive and self.alive[-1] is value:
            del self.met[id(self.alive.pop())]
        return key

    def opaque(self, value: Any, where: Any, name: str | None = None) -> Hashable:
        """The key of what cannot be read."""
        if name is None:
            cls = type(value)
            module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
            name = f"an object of type `{module}{cls.__qualname__}`"
        who = f"{name}, in {place(where)},".replace(f"{name}, in {name}, which", f"{name}, which")
        self.opaques.append(Opaque(who, _module_of(where)))
        return ("opaque", id(value))

    def first_opaque(self) -> Opaque | None:
        """What is opaque, once all is read: modules that were handed on as a whole are so where
        some code may read a state from them."""
        for module, where in self.escaped:
            loose = self.loose.union(*(read.loose for read in self.codes.values()))
            names = moving_names(module) & loose
            if names:
                self.opaque(module, where, f"`{module.__name__}.{min(names)}`")
        return self.opaques[0] if self.opaques else None

    def structure(self, structure: Any, where: Any = "the structure of f or `args`") -> Hashable:
        """The key of a tree structure, with the data and the classes that hide in its nodes."""
        keys: list[Hashable] = []
        for kind, arity, data, custom, *_ in structure.__getstate__()[1]:
            if data is None and custom is None:
                keys.append((kind, arity))
            else:
                keys.append((kind, arity, self.read(data, where), self.read(custom, where)))
        return tuple(keys)

    def _array(self, array: np.ndarray, kind: type, where: Any) -> Hashable:
        dtype = array.dtype
        if dtype.char == "O":
            return ("objects", array.shape, *(self.read(x, where) for x in array.ravel().tolist()))
        if dtype.hasobject or dtype.kind not in "biufcSUmMV":
            return self.opaque(array, where)
        return (kind, dtype, array.shape, digest(array.tobytes()))


@no_type_check
def _jax_array(value: jax.Array) -> Hashable:
    """By value; on a CPU each time, since an array that came by `jax.device_put` may share its
    memory with one of NumPy, which changes."""
    entry = _DIGESTS.get(id(value))
    if entry is not None and entry[0]() is value:
        return entry[1]
    if value.is_deleted() or not value.is_fully_addressable:
        return ("array", token(value))
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
        return ("array", token(value))
    array, number = np.asarray(value), id(value)
    key = ("array", array.dtype, array.shape, value.weak_type, digest(array.tobytes()))
    if all(device.platform != "cpu" for device in value.devices()):
        _DIGESTS[number] = (weakref.ref(value, lambda _: _DIGESTS.pop(number, None)), key)
    return key


@no_type_check
def digest(data: bytes) -> bytes:
    """The data themselves, or where they are long a number that belongs to them."""
    return data if len(data) <= _BY_VALUE else hashlib.blake2b(data).digest()


def place(where: Any) -> str:
    """How a value is reached, as a sentence."""
    match where:
        case str():
            return where
        case (str() as text, outer):
            return f"{text}, in {place(outer)}" if outer else text
        case (tuple() as chain, function):
            return f"`{'.'.join(chain)}`, which `{function.__qualname__}` reads"
        case (function,):
            return f"`{function.__qualname__}`"
    return str(where)


def _module_of(where: Any) -> str:
    """The module of the function that reads."""
    match where:
        case (*_, types.FunctionType() as function):
            return str(function.__module__)
        case (str(), outer):
            return _module_of(outer)
    return ""


def unflatten(cls: type) -> tuple:
    """How objects of a class that is a node of trees are taken apart and put together, where the
    class does not say so itself."""
    registry = getattr(sys.modules.get("jax._src.tree_util"), "_registry", {})
    entry = registry.get(cls)
    return () if entry is None or home_of_class(cls) is not Home.USER else tuple(entry)
