"""Every object in a line: what it is, in the words of the one who made it."""

import dataclasses
import functools
import inspect
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from ._numbers import number
from ._signature import Signature


WIDTH = 100
"""Characters of a line."""
LEVELS = 4
"""Objects inside objects that are told; the innermost first become `Name(...)` where a line is too
long."""
ENTRIES = 4
"""Entries of an array, or items of a list, that are told."""


class Word(NamedTuple):
    """One part of a line: something about the object, with its name where it needs one."""

    value: Any
    name: str = ""


class Plain(str):
    """Text that stands in a line as it is, without quotes."""


class Shown(eqx.Module):
    """A module that says in one line what it is."""

    def __repr__(self) -> str:
        return line(self)

    def __pdoc__(self, **kwargs: Any) -> Any:
        """The same inside of other modules, which Equinox prints."""
        import wadler_lindig

        return wadler_lindig.TextDoc(line(self))


class Called(Shown, metaclass=Signature):
    """A module that is made by the user, and says which arguments it takes."""


class Given(Called):
    """A module whose numbers are given, and so are no parameters."""


def line(thing: Any) -> str:
    """What a thing is, in at most `WIDTH` characters. Nothing is computed and nothing compiled:
    small arrays are read, and others, traced ones too, are told by dtype and shape."""
    for levels in range(LEVELS, 0, -1):
        text = told(thing, levels)
        if len(text) <= WIDTH:
            return text
    return f"{text[: WIDTH - 4]}...{')' if text.endswith(')') else ''}"


@functools.singledispatch
def words(thing: Any) -> list[Word]:
    """What there is to say of a thing, in order: the arguments that made it, as far as it has kept
    them under their names, without those that are at their defaults. Other classes register what
    they say."""
    found = _given(thing)
    required = [p for p, _ in found if p.default is p.empty and p.kind is not p.KEYWORD_ONLY]
    alone = required if len(required) <= 2 else []  # of more, nobody remembers the order
    said = []
    for p, value in found:
        if p.kind is p.VAR_POSITIONAL:
            said += [Word(part) for part in value]
        elif not _is_default(value, p.default):
            said.append(Word(value, "" if p in alone else p.name))
    return said


def told(thing: Any, levels: int = LEVELS) -> str:
    """A thing as part of a line, with so many levels of what is in it."""
    match thing:
        case Plain():
            return " ".join(thing.split())
        case None | bool() | str():
            return repr(thing)
        case int() | float():
            return number(thing).replace(",", "")
        case np.ndarray() | np.generic() | jax.Array() | jax.ShapeDtypeStruct():
            return _array(thing)
        case type():
            return thing.__name__
        case functools.partial():
            return told(thing.func, levels)
    if isinstance(thing, Shown) or words.dispatch(type(thing)) is not words.dispatch(object):
        return _call(thing, levels)
    if isinstance(thing, eqx.Module):
        return f"{type(thing).__name__}({parameters(thing)})"
    if type(thing) in (list, tuple, dict):
        return _several(thing, levels)
    name = getattr(thing, "__name__", None)
    return name.strip("<>") if isinstance(name, str) else f"{type(thing).__name__}(...)"


def parameters(tree: Any) -> str:
    """How many numbers a hypothesis has."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, Given))
    size = sum(leaf.size for leaf in leaves if _is_inexact(leaf))
    return f"{size:,} parameter{'' if size == 1 else 's'}"


def is_known(tree: Any) -> bool:
    """Whether all arrays have values that can be read: none is traced or a mere shape."""
    unknown = jax.core.Tracer | jax.ShapeDtypeStruct
    return not any(isinstance(leaf, unknown) for leaf in jax.tree.leaves(tree))


def is_whole(thing: Any) -> bool:
    """Whether a module has all of its fields: not so where its constructor raised, and a
    debugger or an error message shows it."""
    return all(name in vars(thing) for name in _fields(thing))


def is_readable(value: Any) -> bool:
    """Whether this is a number that can be read, and not traced, a batch or something else."""
    is_number = isinstance(value, int | float | np.ndarray | np.generic | jax.Array)
    is_flag = isinstance(value, bool)
    return is_number and not is_flag and is_known(value) and np.ndim(value) == 0


def _fields(thing: Any) -> list[str]:
    kept = dataclasses.is_dataclass(thing)
    return [field.name for field in dataclasses.fields(thing)] if kept else []


def _is_inexact(leaf: Any) -> bool:
    is_array = isinstance(leaf, np.ndarray | jax.Array | jax.ShapeDtypeStruct)
    return is_array and jax.numpy.issubdtype(leaf.dtype, jax.numpy.inexact)


def _call(thing: Any, levels: int) -> str:
    name = type(thing).__name__
    if levels == 0 or not is_whole(thing):
        return f"{name}(...)" if _fields(thing) else f"{name}()"
    try:
        found = words(thing)
    except Exception:  # a tree whose arrays were replaced by something else, as by `eqx.partition`
        return f"{name}(...)"
    parts = [f"{n}={told(v, levels - 1)}" if n else told(v, levels - 1) for v, n in found]
    return f"{name}({', '.join(parts)})"


def _several(items: Any, levels: int) -> str:
    begin, end = {list: "[]", tuple: "()", dict: "{}"}[type(items)]
    if items and levels == 0:
        return f"{begin}...{end}"
    first = list(items.items() if isinstance(items, dict) else items)[:ENTRIES]
    if isinstance(items, dict):
        parts = [f"{name}: {told(value, levels - 1)}" for name, value in first]
    else:
        parts = [told(value, levels - 1) for value in first]
    more = ["..."] if len(items) > ENTRIES else []
    comma = "," if isinstance(items, tuple) and len(items) == 1 else ""
    return f"{begin}{', '.join([*parts, *more])}{comma}{end}"


def _array(array: Any) -> str:
    """The entries of a small array, and else dtype and shape, as in `f64[17]`."""
    dtype = array.dtype
    if not _is_readable(array) or array.ndim > 1 or array.size > ENTRIES:
        kind = {"float": "f", "int": "i", "uint": "u", "complex": "c"}
        bits = str(dtype)
        for long, short in kind.items():
            bits = short + bits[len(long) :] if bits.startswith(long) else bits
        return f"{bits}[{','.join(map(str, array.shape))}]"
    values = np.asarray(array)
    if not jax.numpy.issubdtype(dtype, jax.numpy.inexact) or dtype.kind == "c":
        entries = [told(value) for value in values.ravel().tolist()]
    else:
        entries = [told(float(value)) for value in values.ravel()]
    return entries[0] if array.ndim == 0 else f"[{', '.join(entries)}]"


def _is_readable(array: Any) -> bool:
    if isinstance(array, jax.ShapeDtypeStruct | jax.core.Tracer):
        return False
    if not isinstance(array, jax.Array):
        return array.dtype.kind in "biufcSU" or jax.numpy.issubdtype(array.dtype, np.inexact)
    is_key = jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key)
    return not is_key and array.is_fully_addressable and not array.is_deleted()


def _is_default(value: Any, default: Any) -> bool:
    """Whether an argument was left at its default, as far as can be told without computing."""
    if value is default:
        return True
    if default is inspect.Parameter.empty or default is None or not is_known(value):
        return False
    if isinstance(default, bool | int | float) and np.ndim(value) == 0:
        return told(value) == told(default)
    if isinstance(default, Shown):
        return type(value) is type(default) and told(value) == told(default)
    return type(value) is type(default) and isinstance(value, str | tuple) and value == default


def _given(thing: Any) -> list[tuple[inspect.Parameter, Any]]:
    """The arguments of the constructor that are kept under their names, with their values."""
    kept = _fields(thing)
    return [(p, getattr(thing, p.name)) for p in _signature(type(thing)) if p.name in kept]


@functools.lru_cache(maxsize=256)
def _signature(cls: type) -> tuple[inspect.Parameter, ...]:
    """The arguments of a constructor (a cache of a pure function)."""
    return tuple(inspect.signature(cls).parameters.values())
