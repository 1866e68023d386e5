"""Containers, classes and objects: all that they hold."""

import collections
import functools
import gc
import types
from collections.abc import Hashable
from typing import Any, no_type_check

import equinox as eqx

from . import _library
from ._layout import attributes, layout
from ._library import Home, home_of_class
from ._reader import Reader, unflatten
from ._special import CLASS_NAMES_SKIPPED, DESCRIPTORS, MISSING, special
from ._tokens import token


@no_type_check
def items(reader: Reader, value: Any, where: Any) -> Hashable:
    return (type(value), *[reader.read(item, where) for item in value])


@no_type_check
def pairs(reader: Reader, value: Any, where: Any) -> Hashable:
    read = reader.read
    return (type(value), *[(read(k, where), read(v, where)) for k, v in value.items()])


def view(reader: Reader, value: types.MappingProxyType, where: Any) -> Hashable:
    return ("view", reader.read(gc.get_referents(value), where))


def method(reader: Reader, value: types.MethodType, where: Any) -> Hashable:
    return ("method", reader.read(value.__func__, where), reader.read(value.__self__, where))


def partial(reader: Reader, value: functools.partial, where: Any) -> Hashable:
    reader.functions.append(value)
    parts = (value.func, value.args, value.keywords, vars(value) or None)
    return ("partial", *[reader.read(part, where) for part in parts])


def property_(reader: Reader, value: property, where: Any) -> Hashable:
    parts = (value.fget, value.fset, value.fdel)
    return ("property", *[reader.read(part, where) for part in parts])


def wrapped(reader: Reader, value: Any, where: Any) -> Hashable:
    return (type(value), reader.read(value.__func__, where), reader.read(value.__dict__, where))


@no_type_check
class _Snapshot:
    """What a class of a library and the classes above it hold, as when it was first met."""

    def __init__(self, cls: type) -> None:
        known = [base for base in cls.__mro__ if base not in _library.NEVER_PATCHED]
        self.key = ("class", token(cls))
        self.parts = [(base, vars(base), tuple(vars(base).values())) for base in known]
        self.before = {base: dict(vars(base)) for base in known}
        self.foreign = [
            (base, name)
            for base in known
            for name, value in vars(base).items()
            if home_of_class(base) is Home.FIXED and _is_foreign(value)
        ]

    def changed(self) -> list[tuple[type, str]]:
        """The names that have another value by now, or one that the user had put there before."""
        found = list(self.foreign)
        for base, held, values in self.parts:
            try:
                same = tuple(held.values()) == values
            except Exception:  # arrays, of which it cannot be said
                same = False
            if not same:
                before = self.before[base]
                names = [name for name in {**before, **held} if name not in _STATE]
                found += [(base, n) for n in names if before.get(n) is not held.get(n)]
        return found


_STATE = CLASS_NAMES_SKIPPED | {"_abc_impl"}


def _is_foreign(value: Any) -> bool:
    """Whether a user has put this function into a class of a library."""
    value = getattr(value, "fget", None) or getattr(value, "__func__", None) or value
    if type(value) is not types.FunctionType:
        return False
    name = value.__globals__.get("__name__")
    return name in _library.loaded() and _library.home_of_function(value) is Home.USER


_SNAPSHOTS: dict[type, _Snapshot] = {}
"""Classes of fixed packages, which live as long as the process."""


@no_type_check
def class_(reader: Reader, cls: type, where: Any) -> Hashable:
    """A user's class counts with all of its functions, since they read globals too, and with its
    constants; so do the classes that it inherits from. Of a library's class counts what a user has
    put into it."""
    snapshot = _SNAPSHOTS.get(cls)
    if snapshot is not None:
        return _as_before(reader, snapshot, where)
    place_of = home_of_class(cls)
    if place_of is Home.FIXED:
        return _library_class(reader, cls, where)
    if place_of is Home.MOVING:
        return reader.opaque(cls, where, f"`{cls.__module__}.{cls.__qualname__}`")
    keys: list[Hashable] = ["class", token(cls), cls.__name__]
    if type(cls) is not type:
        keys.append(reader.read(type(cls), where))
    keys += [reader.read(base, where) for base in cls.__mro__ if base is not cls]
    if not issubclass(cls, eqx.Module):
        keys += [reader.read(part, where) for part in unflatten(cls)]
    inside = (f"the class `{cls.__qualname__}`", where)
    for name, value in list(vars(cls).items()):
        if name in CLASS_NAMES_SKIPPED or type(value) in DESCRIPTORS:
            continue
        if name == "_abc_impl":
            keys.append(_registered(cls))
        elif name == "__dataclass_fields__" and type(value) is dict:
            parts = [(f.default, f.default_factory, f.metadata) for f in value.values()]
            keys.append((*value, reader.read(parts, inside)))
        else:
            keys.append((name, reader.read(value, inside)))
    return tuple(keys)


def _library_class(reader: Reader, cls: type, where: Any) -> Hashable:
    if not cls.__flags__ & _library.HEAP:
        return reader.fix(cls)
    snapshot = _SNAPSHOTS[cls] = _Snapshot(cls)
    return _as_before(reader, snapshot, where)


@no_type_check
def _as_before(reader: Reader, snapshot: _Snapshot, where: Any) -> Hashable:
    changed = snapshot.changed()
    if not changed:
        return snapshot.key
    found = [(token(b), n, reader.read(vars(b).get(n), where)) for b, n in changed]
    return (snapshot.key, *found)


def _registered(cls: type) -> Hashable:
    """The classes that were registered with an abstract one, on which `isinstance` depends."""
    from _abc import _get_dump

    found = [reference() for reference in _get_dump(cls)[0]]
    return frozenset(token(c) for c in found if c is not None)


@no_type_check
def otherwise(reader: Reader, value: Any, where: Any) -> Hashable:
    """All other objects: those that are read in a way of their own, or the class and what it holds;
    what has more than that is opaque."""
    cls = type(value)
    if issubclass(cls, type):
        return class_(reader, value, where)
    place_of, shape = home_of_class(cls), layout(cls)
    if place_of is not Home.USER or shape is None:
        key = special(reader, value, where)
        if key is not None:
            return key
    if shape is None or place_of is Home.MOVING:
        return reader.opaque(value, where)
    if place_of is Home.USER and callable(value):
        reader.functions.append(value)
    held = attributes(value, shape.slots)
    return (
        "object",
        reader.read(cls, where),
        reader.read(shape.content(value), where),
        reader.read(held, where) if held else None,
    )


HANDLERS = {
    tuple: items,
    list: items,
    set: items,
    frozenset: items,
    dict: pairs,
    collections.OrderedDict: pairs,
    types.MappingProxyType: view,
    types.MethodType: method,
    functools.partial: partial,
    property: property_,
    classmethod: wrapped,
    staticmethod: wrapped,
    type: class_,
    type(MISSING): lambda reader, value, where: "missing",
}
