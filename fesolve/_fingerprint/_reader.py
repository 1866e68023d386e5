"""What a function *is*, as a hashable key, which the compilation cache asks for before it serves a
program.

JAX keys a compiled program by the identity of the function. For residuals that is wrong twice:
a residual that reads a global `beta` would be served from a stale program after `beta` changed,
and an equal lambda, written again by a loop, would be compiled again. So the key here is what the
function reads: its code, defaults, closure and globals, and recursively what these hold.

The key fails closed. What is not on the list of things that are read as a whole is `Opaque`, equal
to nothing, so that a program that depends on it is traced again.
"""

import collections
import functools
import gc
import hashlib
import sys
import types
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from . import _library
from ._code import absolute, Reads, reads
from ._layout import attributes, layout
from ._library import Home, home, home_of_class, home_of_function, home_of_name
from ._special import atom, CLASS_NAMES_SKIPPED, DESCRIPTORS, MISSING, MODULE_NAMES_SKIPPED, special
from ._tokens import fresh, interned, Opaque, say, token
from ._traces import JITTED


class TracedClosureError(ValueError):
    """A function reads a traced value that is hidden in its closure or its globals."""


class Fingerprint(NamedTuple):
    """A key, as a number; what was opaque on the way, the first such thing, where the number is a
    new one; and the functions that were met, of which JAX keeps traces by identity."""

    key: int
    opaque: Opaque | None
    functions: list[Any]


def fingerprint(value: Any, structure: Any = None, extra: Hashable = None) -> Fingerprint:
    """A key that is equal for values that compute the same, and for tree structures of which the
    same can be said, with what is `extra` the same.

    **Raises:** `TracedClosureError` where a JAX tracer hides in a closure or a global.
    """
    reader = Reader()
    key = (extra, reader.structure(structure, ""), reader.read(value, ""))
    opaque = reader.first_opaque()
    return Fingerprint(interned(key) if opaque is None else fresh(), opaque, reader.functions)


def said(found: Fingerprint) -> Fingerprint:
    """The same, after a warning where something is opaque."""
    if found.opaque is not None:
        say(found.opaque)
    return found


def alike(x: Any, y: Any) -> bool:
    """Whether two values compute the same as far as can be read, opaque parts being the same
    objects."""

    readers = [Reader(), Reader()]
    keys = [
        (reader.structure(jax.tree.structure(value), ""), reader.read(jax.tree.leaves(value), ""))
        for reader, value in zip(readers, (x, y), strict=True)
    ]
    return keys[0] == keys[1]


_NOTHING = object()
_BY_VALUE = 1 << 10
"""Bytes up to which an array stands in a key by value, above by a digest."""
_DIGESTS: dict[int, tuple[Any, Hashable]] = {}
"""Keys of living JAX arrays, which never change, by id."""
_FIXED: dict[int, tuple[Any, Hashable]] = {}
"""Keys of functions of fixed packages, which live as long as the process, by id."""


class Reader:
    """One traversal: it remembers what it has met, so that recursion ends."""

    def __init__(self) -> None:
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
        key = atom(kind, value)
        if key is not None:
            return key
        fixed = _FIXED.get(id(value))
        if fixed is not None and fixed[0] is value:
            return fixed[1]
        if kind is np.ndarray or isinstance(value, np.generic):
            return self._array(np.asarray(value), kind, where)
        if isinstance(value, jax.core.Tracer):
            raise TracedClosureError(place(where))
        if isinstance(value, jax.Array):
            return self._jax_array(value)
        number = self.met.get(id(value))
        if number is not None:
            return ("met", number)
        self.met[id(value)] = len(self.met)
        self.alive.append(value)
        handler = _HANDLERS.get(kind)
        if handler is not None:
            return handler(self, value, where)
        if isinstance(value, type):
            return self._class(value, where)
        if isinstance(value, types.ModuleType):
            return ("module", self._class(kind, where), self._module(value, where))
        return special(self, value, where) or self._object(value, where)

    def opaque(self, value: Any, where: Any, name: str | None = None) -> Hashable:
        """The key of what cannot be read."""
        if name is None:
            cls = type(value)
            module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
            name = f"an object of type `{module}{cls.__qualname__}`"
        who = f"{name}, in {place(where)}," if where else name
        who = who.replace(f"{name}, in {name}, which", f"{name}, which")
        self.opaques.append(Opaque(who, module_of(where)))
        self.alive.append(value)
        return ("opaque", id(value))

    def first_opaque(self) -> Opaque | None:
        """What is opaque, once all is read: modules that were handed on as a whole are so where
        some code may read a state from them."""
        for module, where in self.escaped:
            loose = self.loose.union(*(read.loose for read in self.codes.values()))
            names = _library.moving_names(module) & loose
            if names:
                self.opaque(module, where, f"`{module.__name__}.{min(names)}`")
        return self.opaques[0] if self.opaques else None

    def structure(self, structure: Any, where: Any) -> Hashable:
        """The key of a tree structure, with the data and the classes that hide in its nodes."""
        if structure is None:
            return None
        keys: list[Hashable] = []
        for kind, arity, data, custom, *_ in structure.__getstate__()[1]:
            if data is None and custom is None:
                keys.append((kind, arity))
                continue
            keys.append((kind, arity, self.read(data, where or "a tree")))
            if custom is not None:
                keys.append(self.node(custom, where or "a tree"))
        return tuple(keys)

    def node(self, cls: type, where: Any) -> Hashable:
        """The class of a node, and how it is taken apart and put together."""
        key = self.read(cls, where)
        if home_of_class(cls) is Home.USER and not issubclass(cls, eqx.Module):
            registry = getattr(sys.modules.get("jax._src.tree_util"), "_registry", {})
            entry = registry.get(cls)
            if entry is not None:
                return (key, self.read(tuple(entry), where))
        return key

    def _array(self, array: np.ndarray, kind: type, where: Any) -> Hashable:
        dtype = array.dtype
        if dtype.char == "O":
            return ("objects", array.shape, *(self.read(x, where) for x in array.ravel().tolist()))
        if dtype.hasobject or dtype.kind not in "biufcSUmMV":
            return self.opaque(array, where)
        return (kind, dtype, array.shape, _digest(array.tobytes()))

    def _jax_array(self, value: jax.Array) -> Hashable:
        entry = _DIGESTS.get(id(value))
        if entry is not None and entry[0]() is value:
            return entry[1]
        if value.is_deleted() or not value.is_fully_addressable:
            return ("array", token(value))
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended):
            return ("array", token(value))
        array = np.asarray(value)
        key = ("array", array.dtype, array.shape, value.weak_type, _digest(array.tobytes()))
        place_of = id(value)
        _DIGESTS[place_of] = (_weak(value, lambda _: _DIGESTS.pop(place_of, None)), key)
        return key

    def _items(self, value: Any, where: Any) -> Hashable:
        return (type(value), *[self.read(item, where) for item in value])

    def _dict(self, value: Any, where: Any) -> Hashable:
        keys = [(self.read(k, where), self.read(v, where)) for k, v in value.items()]
        return (type(value), *keys)

    def _method(self, value: types.MethodType, where: Any) -> Hashable:
        return ("method", self.read(value.__func__, where), self.read(value.__self__, where))

    def _partial(self, value: functools.partial, where: Any) -> Hashable:
        self.functions.append(value)
        parts = (value.func, value.args, value.keywords, vars(value) or None)
        return ("partial", *[self.read(part, where) for part in parts])

    def _property(self, value: property, where: Any) -> Hashable:
        parts = (value.fget, value.fset, value.fdel)
        return ("property", *[self.read(part, where) for part in parts])

    def _wrapped(self, value: Any, where: Any) -> Hashable:
        return (type(value), self.read(value.__func__, where))

    def _builtin(self, value: types.BuiltinFunctionType, where: Any) -> Hashable:
        owner, name = value.__self__, value.__name__
        if owner is not None and not isinstance(owner, types.ModuleType):
            return ("builtin", name, self.read(owner, where))
        module = owner.__name__ if owner is not None else value.__module__
        if home_of_name(module) is not Home.FIXED:
            return self.opaque(value, where, f"`{module}.{name}`")
        unsafe = module == "builtins" and name in _library.UNSAFE_BUILTINS
        if unsafe or _library.is_moving_name(module, name):
            return self.opaque(value, where, f"`{name}`")
        return self._fix(value)

    def _fix(self, value: Any) -> Hashable:
        key = ("fixed", token(value))
        _FIXED[id(value)] = (value, key)
        return key

    def _function(self, function: types.FunctionType, where: Any) -> Hashable:
        place_of, read = home_of_function(function), reads(function.__code__)
        if place_of is not Home.USER:
            return self._library_function(function, read, place_of, where)
        self.functions.append(function)
        self.codes[read.token] = read
        unsafe = read.unsafe and self.opaque(function, (function,), f"`{read.unsafe}`")
        key = (
            "function",
            read.token,
            unsafe,
            self.read(function.__defaults__, where),
            self.read(function.__kwdefaults__, where),
            self.read(function.__dict__ or None, where),
        )
        cells, scope = self._cells(function, read), self._scope(function, read)
        if not read.imports:
            return (*key, cells, scope)
        return (*key, cells, scope, self._imports(function, read))

    def _library_function(
        self, function: types.FunctionType, read: Reads, place_of: Home, where: Any
    ) -> Hashable:
        name, module = function.__name__, function.__globals__["__name__"]
        if place_of is Home.MOVING or _library.is_moving_name(module, name):
            return self.opaque(function, where, f"`{module}.{name}`")
        plain = "<locals>" not in function.__code__.co_qualname and function.__closure__ is None
        if plain or _library.stands_in_library(function):
            return self._fix(function)
        if function.__closure__ is not None:
            self.functions.append(function)
        registry = function.__dict__.get("registry")
        if registry is not None and module == "functools":  # `singledispatch`
            return ("dispatch", self.read(registry, where))
        return (
            "library function",
            read.token,
            self.read(function.__defaults__, where),
            self.read(function.__kwdefaults__, where),
            self._cells(function, None),
        )

    def _cells(self, function: types.FunctionType, read: Reads | None) -> Hashable:
        """The closure; of modules in it counts only what is read from them."""
        if function.__closure__ is None:
            return ()
        keys: list[Hashable] = []
        for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=True):
            try:
                content = cell.cell_contents
            except ValueError:
                keys.append("empty")
                continue
            if read is not None and type(content) is types.ModuleType and read.cells[name]:
                keys.append(tuple(self._chain(content, c, function) for c in read.cells[name]))
            else:
                keys.append(self.read(content, ((name,), function)))
        return tuple(keys)

    def _scope(self, function: types.FunctionType, read: Reads) -> Hashable:
        """What is read of the globals, and of builtins that are no longer those of Python."""
        scope, keys = function.__globals__, []
        for chain in read.scope:
            name = chain[0]
            value = scope.get(name, _NOTHING)
            if value is _NOTHING:
                value = function.__builtins__.get(name, _NOTHING)
                if value is _library.GENUINE.get(name):
                    if name in _library.UNSAFE_BUILTINS:
                        keys.append(self.opaque(value, (chain, function), f"`{name}`"))
                    else:
                        keys.append(None)
                    continue
                if value is _NOTHING:
                    keys.append("missing")
                    continue
            keys.append(self._chain(value, chain, function))
        return tuple(keys)

    def _chain(self, value: Any, chain: tuple[str, ...], function: Any) -> Hashable:
        """What a chain of names leads to, as far as it leads through modules."""
        depth, place_of = 1, Home.USER
        while depth < len(chain) and type(value) is types.ModuleType:
            found = vars(value).get(chain[depth], _NOTHING)
            place_of = home(value)
            if found is _NOTHING:
                getter = vars(value).get("__getattr__")
                if place_of is not Home.USER:
                    found = getattr(value, chain[depth], _NOTHING)
                elif getter is not None:
                    return ("getter", self.read(getter, (chain, function)))
                if found is _NOTHING:
                    return "missing"
            value, depth = found, depth + 1
        where = (chain[:depth], function)
        if depth < len(chain):
            self.loose.update(chain[depth:])
        if place_of is Home.MOVING and isinstance(value, dict | list | set):
            return self.opaque(value, where, f"`{'.'.join(chain[:depth])}`")
        if place_of is Home.FIXED and type(value) not in _HANDLERS:
            constant = special(self, value, where, reached=True)
            if constant is not None:
                return constant
        return self.read(value, where)

    def _imports(self, function: types.FunctionType, read: Reads) -> Hashable:
        package, keys = function.__globals__.get("__package__"), []
        for level, name, chain in read.imports:
            full = absolute(level, name, package)
            module, root = sys.modules.get(full or ""), (full or "").partition(".")[0]
            part = sys.modules.get(f"{full}.{chain[0]}") if chain else None
            where = ((full or name, *chain[:1]), function)
            if module is None and root in _library.PACKAGES | _library.PURE:
                keys.append("fixed")
            elif module is None:
                keys.append(self.opaque(None, where, f"`{name}`, which is not imported yet"))
            elif chain and part is not None and chain[0] not in vars(module):
                keys.append(self.read(part, where))
            elif not chain:
                keys.append(self.read(sys.modules.get(root, module), where))
            else:
                keys.append(self._chain(module, (full, *chain), function))
        return tuple(keys)

    def _class(self, cls: type, where: Any) -> Hashable:
        """A user's class counts with all of its functions, since they read globals too, and with
        its constants; so do the classes that it inherits from."""
        place_of = home_of_class(cls)
        if place_of is Home.FIXED:
            return self._fix(cls)
        if place_of is Home.MOVING:
            return self.opaque(cls, where, f"`{cls.__module__}.{cls.__qualname__}`")
        keys: list[Hashable] = ["class", token(cls)]
        if type(cls) is not type:
            keys.append(self.read(type(cls), where))
        for base in cls.__mro__:
            if base is not cls:
                keys.append(self.read(base, where))
                continue
            inside = (f"the class `{cls.__qualname__}`", where)
            for name, value in list(vars(cls).items()):
                if name in CLASS_NAMES_SKIPPED or type(value) in DESCRIPTORS:
                    continue
                if name == "_abc_impl":
                    keys.append(_registered(cls))
                elif name == "__dataclass_fields__":
                    keys.append(self._fields(value, inside))
                else:
                    keys.append((name, self.read(value, inside)))
        return tuple(keys)

    def _fields(self, fields: Any, where: Any) -> Hashable:
        if type(fields) is not dict:
            return self.read(fields, where)
        parts = [(f.default, f.default_factory, f.metadata) for f in fields.values()]
        return (*fields, self.read(parts, where))

    def _module(self, module: types.ModuleType, where: Any) -> Hashable:
        """A module that is handed on as a whole, so that all that it holds may be read."""
        if home(module) is not Home.USER:
            self.escaped.append((module, where))
            return ("module", token(module))
        held = {k: v for k, v in vars(module).items() if k not in MODULE_NAMES_SKIPPED}
        return ("module", token(module), self.read(held, where))

    def _jitted(self, value: Any, where: Any) -> Hashable:
        inner = value.__wrapped__
        if type(inner) is types.FunctionType and home_of_function(inner) is Home.FIXED:
            plain = "<locals>" not in inner.__code__.co_qualname and inner.__closure__ is None
            if plain or _library.stands_in_library(inner):
                return self._fix(value)
        self.functions.append(value)
        return ("jit", self.read(inner, where))

    def _cached(self, value: Any, where: Any) -> Hashable:
        """A function that remembers: what it remembers counts as well."""
        known = (type(value), value.__wrapped__, value.__dict__)
        held = [
            x
            for x in gc.get_referents(value)
            if not any(x is y for y in known)
            and type(x) is not object
            and type(x).__name__ != "_lru_list_elem"
            and not (isinstance(x, type) and x.__name__ == "CacheInfo")
        ]
        remembered = [
            x
            for x in held
            if type(x) is not dict
            or not any(type(y).__name__ == "_lru_list_elem" for y in x.values())
        ]
        return ("cache", self.read(value.__wrapped__, where), self.read(remembered, where))

    def _object(self, value: Any, where: Any) -> Hashable:
        cls = type(value)
        place_of, shape = home_of_class(cls), layout(cls)
        if shape is None or place_of is Home.MOVING:
            return self.opaque(value, where)
        if place_of is Home.USER and callable(value):
            self.functions.append(value)
        content = shape.content(value)
        held = attributes(value, shape.slots)
        return (
            "object",
            self.read(cls, where),
            self.read(content, where),
            self.read(held, where) if held else None,
        )


def _digest(data: bytes) -> bytes:
    return data if len(data) <= _BY_VALUE else hashlib.blake2b(data).digest()


def _weak(value: Any, then: Callable) -> Any:
    import weakref

    return weakref.ref(value, then)


def _registered(cls: type) -> Hashable:
    """The classes that were registered with an abstract one, on which `isinstance` depends."""
    from _abc import _get_dump

    found = [reference() for reference in _get_dump(cls)[0]]
    return frozenset(token(c) for c in found if c is not None)


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


def module_of(where: Any) -> str:
    """The module of the function that reads."""
    match where:
        case (*_, types.FunctionType() as function):
            return str(function.__module__)
        case (str(), outer):
            return module_of(outer)
    return ""


_HANDLERS: dict[type, Callable[[Reader, Any, Any], Hashable]] = {
    tuple: Reader._items,
    list: Reader._items,
    set: Reader._items,
    frozenset: Reader._items,
    dict: Reader._dict,
    collections.OrderedDict: Reader._dict,
    types.MappingProxyType: Reader._dict,
    types.FunctionType: Reader._function,
    types.MethodType: Reader._method,
    types.BuiltinFunctionType: Reader._builtin,
    functools.partial: Reader._partial,
    property: Reader._property,
    classmethod: Reader._wrapped,
    staticmethod: Reader._wrapped,
    types.ModuleType: Reader._module,
    type: Reader._class,
    JITTED: Reader._jitted,
    type(functools.lru_cache(lambda: None)): Reader._cached,
    type(MISSING): lambda reader, value, where: "missing",
}
