"""What a file says of functions and other objects that are no arrays: enough to tell another from
the same, in a process to come.

A function of a library is its name there. Any other is its code, the values in its closure, its
defaults and the globals that it reads.
"""

import dis
import functools
import hashlib
import json
import re
import sys
import types
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np


LIBRARIES = frozenset(
    {"builtins", "equinox", "fesolve", "functools", "jax", "jaxlib", "math", "numpy", "operator"}
    | {"optax", "optimistix", "scipy"}
)
"""Packages whose functions are known by name."""

BYTE_CODE = "byte code"
"""Where a digest stands that only the same Python can compare; no field has a name with a space."""

PYTHON = f"{sys.implementation.cache_tag}"


def name_of(value: Any) -> str:
    """The name of a function or of the type of an object."""
    return getattr(value, "__name__", type(value).__name__)


def described(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """An object as JSON, equal for objects that do the same; no address is in it."""
    if id(value) in inside:
        return "itself"
    inner = functools.partial(described, inside=(*inside, id(value)))
    match value:
        case None | bool() | int() | float() | complex() | str() | bytes():
            return repr(value)
        case tuple() | list():
            return {type(value).__name__: [inner(item) for item in value]}
        case set() | frozenset():
            return {type(value).__name__: sorted(json.dumps(inner(item)) for item in value)}
        case Mapping():
            return {type(value).__name__: [[inner(k), inner(v)] for k, v in value.items()]}
        case jax.Array() | np.ndarray() | np.generic():
            return _array(value)
        case type() | np.dtype():
            return {"type": getattr(value, "__qualname__", str(value))}
        case types.ModuleType():
            return {"module": value.__name__}
        case functools.partial():
            return {"partial": [inner(value.func), inner(value.args), inner(value.keywords)]}
        case types.MethodType():
            return {"method": [inner(value.__func__), inner(value.__self__)]}
        case property():
            return {"property": inner(value.fget)}
    return _function(value, inner) if callable(value) else _object(value, inner)


def _array(value: Any) -> Any:
    if isinstance(value, jax.core.Tracer):
        return {"array": [str(value.dtype), list(value.shape), "traced"]}
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    value = np.asarray(value)
    data = repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()
    return {"array": [str(value.dtype), list(value.shape), _digest(data)]}


def _function(value: Any, inner: Any) -> Any:
    root = (getattr(value, "__module__", None) or type(value).__module__).partition(".")[0]
    name = name_of(value)
    if root in LIBRARIES and not isinstance(value, eqx.Module):
        # from one version to the next a library moves its functions, and keeps their names
        local = getattr(value, "__qualname__", name)
        closure = [inner(cell) for cell in _cells(value)] if "<locals>" in local else []
        return {"function": local if closure else name, "package": root, "closure": closure}
    wrapped = getattr(value, "__wrapped__", None)
    if not isinstance(value, types.FunctionType) and wrapped is not None:
        return {"function": name, "by": type(value).__name__, "wrapped": inner(wrapped)}
    if not isinstance(value, types.FunctionType):
        return _object(value, inner)
    state = [value.__defaults__, value.__kwdefaults__, *_cells(value)]
    values = [inner(item) for item in state] + [inner(item) for item in _globals(value)]
    text = json.dumps([_code(value.__code__), values])
    return {"function": name, BYTE_CODE: _digest(text.encode())}


def _object(value: Any, inner: Any) -> Any:
    found = {"object": type(value).__qualname__, "attributes": {}}
    if callable(value) and type(value).__module__.partition(".")[0] not in LIBRARIES:
        found["call"] = inner(type(value).__call__)
    attributes = getattr(value, "__dict__", None)
    if isinstance(attributes, dict) and attributes:
        found["attributes"] = {name: inner(item) for name, item in sorted(attributes.items())}
    else:
        found["text"] = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))
    return found


def _cells(function: Any) -> list[Any]:
    cells = []
    for cell in getattr(function, "__closure__", None) or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not filled yet
            cells.append(None)
    return cells


def _globals(function: types.FunctionType) -> list[Any]:
    names = sorted(_global_names(function.__code__) & set(function.__globals__))
    return [function.__globals__[name] for name in names]


def _global_names(code: types.CodeType) -> set[str]:
    instructions = dis.get_instructions(code)
    found = {i.argval for i in instructions if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    nested = [c for c in code.co_consts if isinstance(c, types.CodeType)]
    return found.union(*(_global_names(c) for c in nested))


def _code(code: types.CodeType) -> Any:
    """What the code does, without where it stands."""
    constants = [
        _code(c) if isinstance(c, types.CodeType) else json.dumps(described(c))
        for c in code.co_consts
    ]
    names = [*code.co_names, "", *code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]]
    return [code.co_code.hex(), constants, names, code.co_flags]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def without_byte_code(outline: Any) -> Any:
    """An outline as far as another version of Python can compare it."""
    if isinstance(outline, dict):
        return {k: without_byte_code(v) for k, v in outline.items() if k != BYTE_CODE}
    return [without_byte_code(v) for v in outline] if isinstance(outline, list) else outline
