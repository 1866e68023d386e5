"""The structure of f without its numbers, as JSON: what a template must agree with."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ._functions import described, name_of


LEAF = jax.tree_util.default_registry


def outline(node: Any) -> Any:
    """The structure of f; leaves stand in the order in which JAX counts them."""
    match node:
        case jax.Array() | np.ndarray() | np.generic() | jax.ShapeDtypeStruct():
            return {"array": [str(node.dtype), list(node.shape)]}
        case None:
            return None
        case bool() | int() | float() | complex():
            return {"number": type(node).__name__}
        case str():
            return {"text": node}
        case eqx.Module():
            return _module(node)
    if jax.tree_util.all_leaves([node]):
        return {"function": name_of(node), "is": described(node)}
    children, aux = LEAF.flatten_one_level(node)
    if type(node) in (tuple, list):
        return {type(node).__name__: [outline(child) for child in children]}
    if isinstance(node, Mapping):
        items = {repr(key): outline(child) for key, child in zip(aux, children, strict=True)}
        return {"dict": items}
    found = {"class": type(node).__qualname__, "static": {"aux": described(aux)}}
    return {**found, "list": [outline(child) for child in children]}


def _module(module: eqx.Module) -> Any:
    static, fields = {}, {}
    for field in dataclasses.fields(module):
        value = getattr(module, field.name, None)
        if field.metadata.get("static", False):
            static[field.name] = described(value)
        else:
            fields[field.name] = outline(value)
    return {"class": type(module).__qualname__, "static": static, "fields": fields}


def leaves(found: Any, where: str = "f") -> list[tuple[str, str | None, list[int] | None]]:
    """Place, dtype and shape of every array, of an outline that a file gave; numbers have no
    dtype. **Raises:** `ValueError` for what is no outline."""
    match found:
        case None | {"text": str()} | {"function": str()}:
            return []
        case {"array": [str() as dtype, list() as shape]} if all(type(n) is int for n in shape):
            return [(where, dtype, shape)]
        case {"number": str()}:
            return [(where, None, None)]
        case {"class": str(), "static": dict(), "fields": dict() as fields}:
            return [leaf for k, v in fields.items() for leaf in leaves(v, f"{where}.{k}")]
        case {"dict": dict() as items}:
            return [leaf for k, v in items.items() for leaf in leaves(v, f"{where}[{k}]")]
        case {"class": str(), "static": dict(), "list": list() as items}:
            return [leaf for i, v in enumerate(items) for leaf in leaves(v, f"{where}[{i}]")]
        case {"tuple": list() as items} | {"list": list() as items}:
            return [leaf for i, v in enumerate(items) for leaf in leaves(v, f"{where}[{i}]")]
    raise ValueError(f"at {where} stands {str(found)[:80]}")


def difference(found: Any, expected: Any, where: str = "") -> str | None:
    """The first place where the outline of the file and that of the template differ."""
    if found == expected:
        return None
    place = f"`f{where}`" if where else "f"
    if isinstance(found, dict) and isinstance(expected, dict):
        if found.get("class") != expected.get("class") or set(found) != set(expected):
            return f"{place} is {_text(found)} in the file, and {_text(expected)} in `like`"
        here = _static(found.get("static", {}), expected.get("static", {}), where)
        if here is not None:
            return here
        for inner, dotted in (("fields", "."), ("dict", "")):
            if inner in found:
                return _children(found[inner], expected[inner], where, dotted)
        for kind in ("tuple", "list"):
            if kind in found and len(found[kind]) == len(expected[kind]):
                pairs = zip(found[kind], expected[kind], strict=True)
                inner = (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(pairs))
                return next(text for text in inner if text is not None)
    remedy = ""
    if _dtypes(found, expected) == {"float64", "float32"}:
        remedy = '. Build `like` with the same `jax.config.update("jax_enable_x64", ...)`'
    return _differ(place, _text(found), _text(expected), remedy)


def _static(found: dict, expected: dict, where: str) -> str | None:
    for name in [*found, *(name for name in expected if name not in found)]:
        one, other = found.get(name, "absent"), expected.get(name, "absent")
        if one != other:
            return _differ(f"`f{where}.{name}`", _words(one), _words(other))
    return None


def _differ(place: str, found: str, expected: str, remedy: str = "") -> str:
    if found != expected:
        return f"{place} is {found} in the file, and {expected} in `like`{remedy}"
    return (
        f"{place} is {found} both in the file and in `like`, and not the same: its code, or a "
        "value that it reads, differs"
    )


def _children(found: dict, expected: dict, where: str, dotted: str) -> str:
    for name in [*found, *(name for name in expected if name not in found)]:
        place = f"{where}.{name}" if dotted else f"{where}[{name}]"
        if name not in found or name not in expected:
            there, absent = ("the file", "`like`") if name in found else ("`like`", "the file")
            return f"`f{place}` is in {there}, and not in {absent}"
        inner = difference(found[name], expected[name], place)
        if inner is not None:
            return inner
    # JAX counts the leaves of a dict in another order than the file does
    return f"`f{where}` has its entries in another order in the file than in `like`"


def _dtypes(*outlines: Any) -> set[str]:
    return {o["array"][0] for o in outlines if isinstance(o, dict) and "array" in o}


def _text(found: Any) -> str:
    match found:
        case None:
            return "None"
        case {"array": [dtype, shape]}:
            return f"an array of {dtype} of shape {tuple(shape)}"
        case {"class": name}:
            return f"a `{name}`"
        case {"number": kind}:
            return f"a Python {kind}"
        case {"function": name} | {"text": name}:
            return f"`{name}`"
        case {"tuple": items} | {"list": items}:
            return f"a {next(iter(found))} of {len(items)}"
    return "a dict"


def _words(value: Any) -> str:
    """A static field in a sentence."""
    match value:
        case str():
            return value
        case {"tuple": items} | {"list": items}:
            inside = ", ".join(_words(item) for item in items)
            return f"({inside})" if "tuple" in value else f"[{inside}]"
        case {"array": [dtype, shape, _]}:
            return f"an array of {dtype} of shape {tuple(shape)}"
        case {"function": name} | {"type": name}:
            return f"`{name}`"
        case {"partial": [function, *_]} | {"method": [function, *_]}:
            return f"a {next(iter(value))} of {_words(function)}"
        case {"object": name}:
            return value.get("text", f"a `{name}`")
    return f"a {next(iter(value), 'dict')}" if isinstance(value, dict) else str(value)
