"""Files that hold a solution: its arrays by equinox, after one line of JSON that says what they
are. Nothing is pickled, so that a file from elsewhere can run no code."""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ._types import Hypothesis, is_traced


FORMAT, VERSION = "fesolve", 1
BEGIN = b'{"format": "fesolve"'


def save(path: str | os.PathLike, f: Hypothesis) -> None:
    """Writes f, such as `solution.value`, to one file.

    The file is replaced as a whole or not at all. Functions that f holds, such as an activation,
    are recorded by name and come back from the template of `load`.

    **Arguments:** `path`, where to write; `f`, the hypothesis.

    **Raises:** `ValueError` for an f that holds traced values or Python objects in an array.
    """
    if is_traced(f):
        raise ValueError(
            "`f` holds traced values: call `fe.save` outside of `jax.jit`, `jax.grad` and "
            "`jax.vmap`"
        )
    for place, leaf in jax.tree_util.tree_leaves_with_path(f):
        if isinstance(leaf, np.ndarray) and leaf.dtype.hasobject:
            raise ValueError(
                f"`f{jax.tree_util.keystr(place)}` is a NumPy array of Python objects, which a "
                "file without pickle cannot hold"
            )
    buffer = io.BytesIO()
    eqx.tree_serialise_leaves(buffer, f)
    payload, outline = buffer.getvalue(), _outline(f)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "fesolve": _own_version(),
        "bytes": len(payload),
        "sha256": _checksum(outline, payload),
        "outline": outline,
    }
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(json.dumps(header).encode() + b"\n" + payload)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: str | os.PathLike, like: Hypothesis | None = None) -> PyTree:
    """f as it was saved.

    ```python
    fe.save("policy.fe", solution.value)
    f = fe.load("policy.fe", like=fe.Series(fe.Chebyshev(12, (0.0, 1.0))))
    ```

    **Arguments:**

    - `path`: a file that `fe.save` wrote.
    - `like`: a hypothesis of the same structure, whose arrays are replaced; it may be the result
      of `eqx.filter_eval_shape`. Without it the arrays alone come back.

    **Returns:** f; without `like`, a dictionary of NumPy arrays by their place in f.

    **Raises:** `ValueError` for a file that is damaged, cut short or from elsewhere, and for a
    template that does not fit, naming the first place where it does not.
    """
    header, payload = _read(Path(path))
    if like is None:
        return _arrays(header["outline"], payload)
    difference = _difference(header["outline"], _outline(like), "")
    if difference is not None:
        raise ValueError(f"`like` does not fit the file {str(path)!r}: {difference}")
    return eqx.tree_deserialise_leaves(io.BytesIO(payload), like)


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and payload, both checked."""
    content = path.read_bytes()
    if not content:
        raise ValueError(f"{str(path)!r} is empty: nothing was written to it")
    if not content.startswith(BEGIN):
        raise ValueError(
            f"{str(path)!r} was not written by `fe.save`: it begins with {content[:16]!r}, and "
            f"not with {BEGIN.decode()}"
        )
    line, end, payload = content.partition(b"\n")
    try:
        header = json.loads(line)
    except ValueError:
        state = "cut short" if not end else "damaged"
        raise ValueError(
            f"{str(path)!r} is {state}: its first line is no complete JSON. Save f again"
        ) from None
    if header.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} has the format version {header.get('version')}, written by fesolve "
            f"{header.get('fesolve')}; this is fesolve {_own_version()}, which reads version "
            f"{VERSION}. Install the version that wrote it"
        )
    try:
        outline, count, checksum = header["outline"], header["bytes"], header["sha256"]
    except KeyError as error:
        raise ValueError(
            f"{str(path)!r} is damaged: its header has no {error}. Save f again"
        ) from None
    if len(payload) != count:
        raise ValueError(
            f"{str(path)!r} is {'cut short' if len(payload) < count else 'damaged'}: it holds "
            f"{len(payload):,} bytes of arrays, and its header promises {count:,}. Save f again"
        )
    if _checksum(outline, payload) != checksum:
        raise ValueError(
            f"{str(path)!r} is damaged: its content does not have the checksum that was written "
            "with it. Save f again"
        )
    return header, payload


def _own_version() -> str:
    try:
        return metadata.version("fesolve")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _checksum(outline: Any, payload: bytes) -> str:
    text = json.dumps(outline, sort_keys=True).encode()
    return hashlib.sha256(text + b"\n" + payload).hexdigest()


def _outline(node: Any) -> Any:
    """The structure of f without its numbers, as JSON: what a template must agree with."""
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
        case Mapping():
            return {"dict": {str(key): _outline(value) for key, value in node.items()}}
        case tuple() | list():
            kind = "tuple" if isinstance(node, tuple) else "list"
            return {kind: [_outline(item) for item in node]}
    if jax.tree_util.all_leaves([node]):
        return {"function": _name(node)}
    children = jax.tree.leaves(node, is_leaf=lambda inner: inner is not node)
    return {"class": type(node).__qualname__, "static": {}, "list": [_outline(c) for c in children]}


def _module(module: eqx.Module) -> Any:
    static, fields = {}, {}
    for field in dataclasses.fields(module):
        value = getattr(module, field.name, None)
        if field.metadata.get("static", False):
            static[field.name] = _static(value)
        else:
            fields[field.name] = _outline(value)
    return {"class": type(module).__qualname__, "static": static, "fields": fields}


def _static(value: Any) -> Any:
    """A static field as text; of a function only its name, since its address is an accident."""
    if isinstance(value, tuple | list):
        return [_static(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _static(item) for key, item in value.items()}
    return _name(value) if callable(value) else repr(value)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _difference(found: Any, expected: Any, where: str) -> str | None:
    """The first place where the outline of the file and that of the template differ."""
    if found == expected:
        return None
    place = f"`f{where}`" if where else "f"
    if isinstance(found, dict) and isinstance(expected, dict):
        if found.get("class") != expected.get("class") or set(found) != set(expected):
            return f"{place} is {_text(found)} in the file, and {_text(expected)} in `like`"
        for name, value in found.get("static", {}).items():
            other = expected["static"].get(name)
            if value != other:
                return f"`f{where}.{name}` is {value} in the file, and {other} in `like`"
        for inner, dotted in (("fields", "."), ("dict", "")):
            if inner in found:
                return _children(found[inner], expected[inner], where, dotted)
        for kind in ("tuple", "list"):
            if kind in found and len(found[kind]) == len(expected[kind]):
                pairs = zip(found[kind], expected[kind], strict=True)
                inner = (_difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(pairs))
                return next(text for text in inner if text is not None)
    remedy = ""
    if _dtypes(found, expected) == {"float64", "float32"}:
        remedy = '. Build `like` with the same `jax.config.update("jax_enable_x64", ...)`'
    return f"{place} is {_text(found)} in the file, and {_text(expected)} in `like`{remedy}"


def _children(found: dict, expected: dict, where: str, dotted: str) -> str:
    for name in [*found, *(name for name in expected if name not in found)]:
        place = f"{where}.{name}" if dotted else f"{where}[{name!r}]"
        if name not in found or name not in expected:
            there, absent = ("the file", "`like`") if name in found else ("`like`", "the file")
            return f"`f{place}` is in {there}, and not in {absent}"
        difference = _difference(found[name], expected[name], place)
        if difference is not None:
            return difference
    raise AssertionError("equal outlines were compared")


def _dtypes(*outlines: Any) -> set[str]:
    return {o["array"][0] for o in outlines if isinstance(o, dict) and "array" in o}


def _text(outline: Any) -> str:
    match outline:
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
            return f"a {next(iter(outline))} of {len(items)}"
    return "a dict"


def _arrays(outline: Any, payload: bytes) -> dict[str, np.ndarray]:
    """The arrays by their place; equinox wrote them one after the other, in the order of leaves."""
    stream, out = io.BytesIO(payload), {}
    for place, dtype in _leaves(outline, "f"):
        array = np.load(stream, allow_pickle=False)
        # NumPy reads types that it does not know, such as bfloat16, as raw bytes.
        out[place] = array.view(jnp.dtype(dtype)) if array.dtype.kind == "V" else array
    return out


def _leaves(outline: Any, where: str) -> list[tuple[str, str | None]]:
    match outline:
        case {"array": [dtype, _]}:
            return [(where, dtype)]
        case {"number": _}:
            return [(where, None)]
        case {"fields": fields}:
            return [leaf for k, v in fields.items() for leaf in _leaves(v, f"{where}.{k}")]
        case {"dict": items}:
            return [leaf for k in sorted(items) for leaf in _leaves(items[k], f"{where}[{k!r}]")]
        case {"tuple": items} | {"list": items}:
            return [leaf for i, v in enumerate(items) for leaf in _leaves(v, f"{where}[{i}]")]
    return []
