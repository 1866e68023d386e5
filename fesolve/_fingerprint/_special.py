"""Objects that are read in a way of their own: constants of Python, NumPy and JAX."""

import collections
import functools
import logging
import operator
import re
import sys
import types
import weakref
from collections.abc import Hashable
from typing import Any, no_type_check

import equinox as eqx
import jax
import numpy as np

from ._library import Home, home_of_class, home_of_name, is_moving_name, words
from ._tokens import token


class _Probe(eqx.Module):
    pass


MISSING = jax.tree.structure(_Probe()).node_data()[1][0]
"""What stands in a tree structure for the fields that a module lacks."""

DESCRIPTORS = frozenset([types.MemberDescriptorType, types.GetSetDescriptorType])
"""Fields of a class, which are read on its objects."""

CLASS_NAMES_SKIPPED = words(
    """
    __abstractmethods__ __annotate__ __annotate_func__ __annotations__
    __annotations_cache__ __dataclass_params__ __dict__ __doc__ __firstlineno__ __module__
    __orig_bases__ __parameters__ __qualname__ __slots__ __static_attributes__
    __type_params__ __weakref__
    """
)
"""What a class says about itself, and computes nothing with."""

MODULE_NAMES_SKIPPED = words(
    """
    __annotations__ __builtins__ __cached__ __doc__ __file__ __loader__ __name__
    __package__ __path__ __spec__
    """
)
_TYPING = frozenset(["typing", "typing_extensions"])
_SLOT_FUNCTIONS = (
    types.MethodDescriptorType
    | types.WrapperDescriptorType
    | types.ClassMethodDescriptorType
    | types.MemberDescriptorType
    | types.GetSetDescriptorType
)
_FIELD_OF_TUPLE = type(collections.namedtuple("_FieldOfTuple", "x").x)
_UFUNC_OWNERS = ("numpy", "scipy.special")
_COMPILED = frozenset(["jax", "jaxlib", "nanobind"])
_IMMUTABLE = frozenset(
    ["jax._src.core", "jax.sharding", "jax._src.sharding_impls", "jax._src.mesh"]
)


@no_type_check
def special(reader: Any, value: Any, where: Any, reached: bool = False) -> Hashable:
    """The key of an object that is read in a way of its own; `None` where it is none. `reached`
    says that it is a constant of a fixed package, found there by its name."""
    if value is jax.config:
        return ("config", tuple(sorted((k, repr(v)) for k, v in jax.config.values.items())))
    match value:
        case np.dtype():
            return ("dtype", value)
        case np.ufunc():
            owners = [sys.modules.get(name) for name in _UFUNC_OWNERS]
            known = any(getattr(o, value.__name__, None) is value for o in owners)
            return ("ufunc", token(value)) if known else reader.opaque(value, where)
        case range():
            return ("range", value.start, value.stop, value.step)
        case types.CellType():
            return ("cell", reader.read([value.cell_contents], where))
        case weakref.ref():
            return ("reference", reader.read((value(), value.__callback__), where))
        case slice():
            return ("slice", reader.read((value.start, value.stop, value.step), where))
        case re.Pattern():
            return ("pattern", reader.read(value.pattern, where), value.flags)
        case types.MethodWrapperType():
            return ("wrapper", value.__name__, reader.read(value.__self__, where))
        case functools.cached_property():
            return ("cached property", reader.read(value.func, where))
        case operator.itemgetter() | operator.attrgetter() | operator.methodcaller():
            return ("getter", reader.read(value.__reduce__(), where))
        case logging.Logger():
            return ("logger", value.name, value.level, value.disabled)
        case jax.tree_util.PyTreeDef():
            return ("structure", reader.structure(value, where))
    if type(value) is _FIELD_OF_TUPLE:
        return ("field", value.__reduce__()[1])
    if isinstance(value, _SLOT_FUNCTIONS):
        return ("slot", value.__name__, reader.read(value.__objclass__, where))
    module = type(value).__module__
    if module in _TYPING or isinstance(value, types.GenericAlias | types.UnionType):
        return (type(value), repr(value))
    if isinstance(value, tuple) and "n_sequence_fields" in vars(type(value)):
        return (token(type(value)), reader.read(tuple(value), where))  # as `sys.float_info`
    root = module.partition(".")[0]
    if root == "inspect" or module in _IMMUTABLE:
        return (module, token(value)) if root != "inspect" else "signature"
    if type(value) is type(np.dot) and home_of_name(value.__module__) is Home.FIXED:
        if is_moving_name(value.__module__, value.__name__):
            return reader.opaque(value, where, f"`{value.__module__}.{value.__name__}`")
        return ("fixed", token(value))
    if root in _COMPILED:
        return _of_jax(reader, value, where, reached)
    if reached and home_of_class(type(value)) is Home.FIXED and not _is_data(value):
        return ("fixed", token(value))
    return None


def _is_data(value: Any) -> bool:
    return isinstance(value, int | float | complex | str | tuple | list | dict | set | np.ndarray)


@no_type_check
def _of_jax(reader: Any, value: Any, where: Any, reached: bool) -> Hashable:
    """Objects of JAX: its wrappers of functions are read through, its constants are fixed."""
    from ._layout import layout

    if isinstance(value, type | jax.Array | types.FunctionType):
        return None
    if layout(type(value)) is None:
        wrapped = getattr(value, "__wrapped__", None)
        if wrapped is None:
            return ("fixed", token(value))
        reader.functions.append(value)
        return ("wrapped", reader.read(wrapped, where))
    is_constant = reached and getattr(value, "__wrapped__", None) is None
    return ("fixed", token(value)) if is_constant else None
