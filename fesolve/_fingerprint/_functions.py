"""Functions and modules: what their code reads."""

import functools
import gc
import sys
import types
from collections.abc import Hashable
from typing import Any, no_type_check

from . import _library
from ._code import absolute, Reads, reads
from ._library import Home, home, home_of_class, home_of_function, home_of_name
from ._reader import Reader
from ._special import MODULE_NAMES_SKIPPED, special


_NOTHING = object()


@no_type_check
def function(reader: Reader, value: types.FunctionType, where: Any) -> Hashable:
    """Code, defaults, attributes, closure, globals, and what is imported on the way."""
    place_of, read = home_of_function(value), reads(value.__code__)
    if place_of is not Home.USER:
        return _library_function(reader, value, read, place_of, where)
    reader.functions.append(value)
    reader.codes[read.token] = read
    if read.unsafe is not None:
        reader.opaque(value, (value,), f"`{read.unsafe}`")
    return (
        "function",
        read.token,
        value.__name__,
        reader.read(value.__defaults__, where),
        reader.read(value.__kwdefaults__, where),
        reader.read(value.__dict__ or None, where),
        _cells(reader, value, read),
        _scope(reader, value, read),
        _imports(reader, value, read) if read.imports else None,
    )


def _library_function(
    reader: Reader, value: types.FunctionType, read: Reads, place_of: Home, where: Any
) -> Hashable:
    name, module = value.__name__, value.__globals__["__name__"]
    if place_of is Home.MOVING or _library.is_moving_name(module, name):
        return reader.opaque(value, where, f"`{module}.{name}`")
    if is_plain(value) or _library.stands_in_library(value):
        return reader.fix(value)
    reader.functions.append(value)
    registry = value.__dict__.get("registry")
    if registry is not None and module == "functools":  # `singledispatch`
        return ("dispatch", reader.read(registry, where))
    return (
        "library function",
        read.token,
        reader.read(value.__defaults__, where),
        reader.read(value.__kwdefaults__, where),
        reader.read(value.__dict__ or None, where),
        _cells(reader, value, None),
    )


@no_type_check
def is_plain(value: types.FunctionType) -> bool:
    """Whether a function of a library was written at the top of its module or class."""
    return value.__closure__ is None and "<locals>" not in value.__code__.co_qualname


@no_type_check
def _cells(reader: Reader, value: types.FunctionType, read: Reads | None) -> Hashable:
    """The closure; of modules in it counts only what is read from them."""
    if value.__closure__ is None:
        return ()
    keys: list[Hashable] = []
    for name, cell in zip(value.__code__.co_freevars, value.__closure__, strict=True):
        try:
            content = cell.cell_contents
        except ValueError:
            keys.append("empty")
            continue
        if read is not None and type(content) is types.ModuleType and read.cells[name]:
            keys.append(tuple([_chain(reader, content, c, value) for c in read.cells[name]]))
        else:
            keys.append(reader.read(content, ((name,), value)))
    return tuple(keys)


@no_type_check
def _scope(reader: Reader, function: types.FunctionType, read: Reads) -> Hashable:
    """What is read of the globals, and of builtins that are no longer those of Python."""
    scope, keys = function.__globals__, []
    for chain in read.scope:
        name = chain[0]
        value = scope.get(name, _NOTHING)
        if value is _NOTHING:
            value = function.__builtins__.get(name, _NOTHING)
            if value is _NOTHING:
                keys.append("missing")
                continue
            if value is _library.GENUINE.get(name):
                if name in _library.UNSAFE_BUILTINS:
                    reader.opaque(value, (chain[:1], function), f"`{name}`")
                keys.append(None)
                continue
        keys.append(_chain(reader, value, chain, function))
    return tuple(keys)


@no_type_check
def _chain(reader: Reader, value: Any, chain: tuple[str, ...], function: Any) -> Hashable:
    """What a chain of names leads to, as far as it leads through modules."""
    depth, place_of = 1, Home.USER
    while depth < len(chain) and type(value) is types.ModuleType:
        name, held = chain[depth], vars(value)
        found, place_of = held.get(name, _NOTHING), home(value)
        if found is _NOTHING and place_of is not Home.USER and name != "__dict__":
            found = getattr(value, name, _NOTHING)
        if found is _NOTHING:  # what the module itself is asked for
            getter = held.get("__getattr__")
            return ("getter", reader.read(getter or value, (chain[:depth], function)))
        value, depth = found, depth + 1
    where = (chain[:depth], function)
    if depth == len(chain) and place_of is Home.USER:
        return reader.read(value, where)
    reader.loose.update(chain[depth:])
    if place_of is Home.MOVING and isinstance(value, dict | list | set):
        return reader.opaque(value, where, f"`{'.'.join(chain[:depth])}`")
    key = None
    if place_of is Home.FIXED and type(value) not in reader.handlers:
        key = special(reader, value, where, reached=True)
    key = reader.read(value, where) if key is None else key
    return (key, *_attributes_of_fixed(reader, value, chain[depth:], where))


@no_type_check
def _attributes_of_fixed(reader: Reader, value: Any, names: tuple, where: Any) -> list[Hashable]:
    """What was put into a function or a class of a library, which is not read as a whole."""
    keys: list[Hashable] = []
    for name in names:
        if type(value) is types.FunctionType:
            fixed = home_of_function(value) is Home.FIXED
        else:
            fixed = isinstance(value, type) and home_of_class(value) is Home.FIXED
        value = vars(value).get(name, _NOTHING) if fixed else _NOTHING
        if value is _NOTHING:
            break
        keys.append(reader.read(value, where))
    return keys


def _imports(reader: Reader, function: types.FunctionType, read: Reads) -> Hashable:
    package, keys = function.__globals__.get("__package__"), []
    for level, name, chain in read.imports:
        full = absolute(level, name, package) or name
        module, root = sys.modules.get(full), full.partition(".")[0]
        part = sys.modules.get(f"{full}.{chain[0]}") if chain else None
        where = ((full, *chain[:1]), function)
        if module is None and root in _library.PACKAGES | _library.PURE:
            keys.append("fixed")
        elif module is None:
            keys.append(reader.opaque(None, where, f"`{full}`, which is not imported yet"))
        elif part is not None and chain[0] not in vars(module):
            keys.append(reader.read(part, where))
        elif not chain:
            keys.append(reader.read(sys.modules.get(root, module), where))
        else:
            keys.append(_chain(reader, module, (full, *chain), function))
    return tuple(keys)


def module(reader: Reader, value: types.ModuleType, where: Any) -> Hashable:
    """A module that is handed on as a whole, so that all that it holds may be read."""
    if home(value) is not Home.USER:
        reader.escaped.append((value, where))
        return ("module", _library.number(value))
    held = {k: v for k, v in vars(value).items() if k not in MODULE_NAMES_SKIPPED}
    return ("module", _library.number(value), reader.read(held, where))


def builtin(reader: Reader, value: types.BuiltinFunctionType, where: Any) -> Hashable:
    """A function of C, or a method of an object of C, which is read as well."""
    owner, name = value.__self__, value.__name__
    if owner is not None and type(owner) is not types.ModuleType:
        return ("builtin", name, reader.read(owner, where))
    module = owner.__name__ if owner is not None else value.__module__
    if home_of_name(module) is not Home.FIXED:
        return reader.opaque(value, where, f"`{module}.{name}`")
    if _library.is_moving_name(module, name):
        return reader.opaque(value, where, f"`{name}`")
    return reader.fix(value)


def jitted(reader: Reader, value: Any, where: Any) -> Hashable:
    """`jax.jit` of a function, which is read through."""
    inner = value.__wrapped__
    fixed = type(inner) is types.FunctionType and home_of_function(inner) is Home.FIXED
    if fixed and (is_plain(inner) or _library.stands_in_library(inner)):
        return reader.fix(value)
    reader.functions.append(value)
    held = {k: v for k, v in vars(value).items() if k not in MODULE_NAMES_SKIPPED}
    return ("jit", reader.read(inner, where), reader.read(held, where))


def cached(reader: Reader, value: Any, where: Any) -> Hashable:
    """A function that remembers: what it remembers counts as well."""
    known = (type(value), value.__wrapped__, value.__dict__)
    remembered = [
        x
        for x in gc.get_referents(value)
        if not any(x is y for y in known) and type(x) is not object and not _is_of_cache(x)
    ]
    parts = (value.__wrapped__, remembered, value.__dict__)
    return ("cache", *[reader.read(part, where) for part in parts])


def _is_of_cache(x: Any) -> bool:
    """Whether x belongs to the order of a cache, whose keys and results stand beside it."""
    if isinstance(x, type):
        return x.__name__ == "CacheInfo"
    held = x.values() if type(x) is dict else (x,)
    return any(type(y).__name__ == "_lru_list_elem" for y in held)


CACHED = type(functools.lru_cache(lambda: None))
