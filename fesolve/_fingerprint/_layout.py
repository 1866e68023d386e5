"""Where an object keeps its state: in its dictionary, its slots, the content of a built-in base.

An object of a C type has more, which cannot be read; the sizes of its fields tell.
"""

import array
import collections
import functools
import types
from collections.abc import Callable
from typing import Any, NamedTuple, no_type_check

import numpy as np

from ._tokens import Recent, token


class Layout(NamedTuple):
    """The slots of a class, and how the content of its built-in base is read."""

    slots: tuple[tuple[str, types.MemberDescriptorType], ...]
    content: Callable[[Any], Any]


def _deque(value: collections.deque) -> tuple:
    return collections.deque.maxlen.__get__(value), *collections.deque.__iter__(value)


def _partial(value: functools.partial) -> tuple:
    names = ("func", "args", "keywords")
    return tuple(vars(functools.partial)[name].__get__(value) for name in names)


def _defaults(value: collections.defaultdict) -> tuple:
    factory = vars(collections.defaultdict)["default_factory"].__get__(value)
    return factory, dict(dict.items(value))


CONTENT: dict[type, Callable[[Any], Any]] = {
    object: lambda value: None,
    type: lambda value: None,
    bool: bool,
    int: lambda value: int.__add__(value, 0),
    float: float.__repr__,
    complex: complex.__repr__,
    str: lambda value: str.__getitem__(value, slice(None)),
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
    bytearray: lambda value: bytes(bytearray.__getitem__(value, slice(None))),
    tuple: lambda value: tuple(tuple.__iter__(value)),
    list: lambda value: tuple(list.__iter__(value)),
    set: lambda value: tuple(set.__iter__(value)),
    frozenset: lambda value: tuple(frozenset.__iter__(value)),
    dict: lambda value: dict(dict.items(value)),
    collections.OrderedDict: lambda value: dict(collections.OrderedDict.items(value)),
    collections.defaultdict: _defaults,
    collections.deque: _deque,
    functools.partial: _partial,
    types.ModuleType: lambda value: None,
    array.array: lambda value: (value.typecode, value.tobytes()),
    np.ndarray: lambda value: value.view(np.ndarray),
}
"""Built-in types whose content is read, by the type's own methods, whatever a subclass does."""

_LAYOUTS = Recent(2048)
_MANAGED_DICT, _MANAGED_WEAKREF = 1 << 4, 1 << 3


@no_type_check
def layout(cls: type) -> Layout | None:
    """How the state of an object of this class is read; `None` where it cannot be."""
    return _LAYOUTS.get(token(cls), lambda: _layout(cls))


def _layout(cls: type) -> Layout | None:
    slots: list[tuple[str, types.MemberDescriptorType]] = []
    for base in cls.__mro__:
        if base in CONTENT:
            hidden = (
                cls.__basicsize__ - base.__basicsize__ - 8 * (len(slots) + _pointers(cls, base))
            )
            return Layout(tuple(slots), CONTENT[base]) if hidden == 0 else None
        slots += [
            (name, member)
            for name, member in vars(base).items()
            if isinstance(member, types.MemberDescriptorType) and name != "__dict__"
        ]
    return None


def _pointers(cls: type, base: type) -> int:
    """How many fields hold the dictionary and the list of weak references."""
    dictionary = cls.__dictoffset__ and not base.__dictoffset__
    dictionary = dictionary and not cls.__flags__ & _MANAGED_DICT
    references = cls.__weakrefoffset__ and not base.__weakrefoffset__
    references = references and not (cls.__flags__ & _MANAGED_WEAKREF and cls.__weakrefoffset__ < 0)
    return bool(dictionary) + bool(references)


@no_type_check
def attributes(value: Any, slots: tuple) -> dict[str, Any]:
    """What an object holds in its dictionary and its slots, by no method of its own."""
    try:
        found = dict(object.__getattribute__(value, "__dict__"))
    except AttributeError:
        found = {}
    for name, member in slots:
        try:
            found[name] = member.__get__(value)
        except AttributeError:
            continue  # a slot that is empty
    return found
