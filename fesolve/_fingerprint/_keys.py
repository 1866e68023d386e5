"""Keys: what a value computes, as a number."""

import types
from collections.abc import Hashable
from typing import Any, NamedTuple

from . import _functions, _objects
from ._reader import Reader, TracedClosureError
from ._tokens import fresh, interned, Opaque, say
from ._traces import JITTED


HANDLERS = {
    **_objects.HANDLERS,
    types.FunctionType: _functions.function,
    types.BuiltinFunctionType: _functions.builtin,
    types.ModuleType: _functions.module,
    JITTED: _functions.jitted,
    _functions.CACHED: _functions.cached,
}


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
    reader = Reader(HANDLERS, _objects.otherwise)
    try:
        nodes = None if structure is None else reader.structure(structure)
        key = (extra, nodes, reader.read(value, "f or `args`"))
        opaque = reader.first_opaque()
        number = interned(key) if opaque is None else fresh()
    except TracedClosureError:
        raise
    except Exception as error:  # too deep, or objects that refuse to be read
        kind = type(error).__name__
        opaque, number = Opaque(f"what a residual reads, at which a {kind} arose,", ""), fresh()
    return Fingerprint(number, opaque, reader.functions)


def said(found: Fingerprint) -> Fingerprint:
    """The same, after a warning where something is opaque."""
    if found.opaque is not None:
        say(found.opaque)
    return found


def alike(x: Any, y: Any) -> bool:
    """Whether two values compute the same as far as can be read, opaque parts being the same
    objects."""
    first, second = [Reader(HANDLERS, _objects.otherwise).read(v, "f or `args`") for v in (x, y)]
    return first == second
