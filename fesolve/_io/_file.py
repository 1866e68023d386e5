"""Files that hold a solution: its arrays by equinox, after one line of JSON that says what they
are. Nothing is pickled, so that a file from elsewhere can run no code."""

import hashlib
import io
import json
import os
import stat
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._types import Hypothesis, is_traced
from . import _write
from ._functions import PYTHON, without_byte_code
from ._outline import difference, leaves, outline


FORMAT, VERSION = "fesolve", 2
BEGIN = b'{"format": "fesolve"'


def save(path: str | os.PathLike, f: Hypothesis) -> None:
    """Writes f, such as `solution.value`, to one file.

    The file is replaced as a whole or not at all, by as many threads and processes at a time as
    there are, and a file that is replaced keeps its mode. Of functions that f holds, such as an
    activation or a transform, the file has what tells them from others, and they come back from
    the template of `load`.

    **Arguments:** `path`, where to write: a regular file, or one that does not exist yet; `f`, the
    hypothesis.

    **Raises:** `ValueError` for an f that holds traced values or Python objects in an array, and
    for a path to a directory, a device, a pipe or a symbolic link; `OSError` where writing fails.
    """
    path = _path(path)
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
    payload, structure = buffer.getvalue(), outline(f)
    header = {
        "format": FORMAT,
        "version": VERSION,
        "fesolve": _own_version(),
        "python": PYTHON,
        "bytes": len(payload),
        "sha256": _checksum(structure, payload),
        "outline": structure,
    }
    _write.replace(path, json.dumps(header).encode() + b"\n" + payload)


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
    path = _path(path)
    header, payload = _read(path)
    found, expected = header["outline"], outline(like)
    try:
        places = leaves(found)
        if like is None:
            return _arrays(places, payload)
        if header["python"] != PYTHON:
            found, expected = without_byte_code(found), without_byte_code(expected)
        differs = difference(found, expected)
        if differs is None:
            return eqx.tree_deserialise_leaves(io.BytesIO(payload), like)
    except Exception as error:  # whatever a file that was made up brings about
        _refuse(path, f"its arrays are not what its header promises ({error})")
    raise ValueError(f"`like` does not fit the file {str(path)!r}: {differs}")


def _path(path: Any) -> Path:
    try:
        return Path(os.fsdecode(path))
    except TypeError:
        raise ValueError(
            f"`path` must be the name of a file; got {type(path).__name__}. It is the first "
            "argument, as in `fe.save('f.fe', f)`"
        ) from None


def _refuse(path: Path, reason: str, state: str = "damaged") -> NoReturn:
    raise ValueError(f"{str(path)!r} is {state}: {reason}. Save f again") from None


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """Header and payload, both checked."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise ValueError(
            f"`path` {str(path)!r} is {_write.kind(mode)}, and `fe.load` reads regular files only: "
            "give the file that `fe.save` wrote"
        )
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
        header = json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError):
        state = "damaged" if end else "cut short"
        _refuse(path, "its first line is no complete JSON", state)
    version = header.get("version")
    if type(version) is int and version != VERSION:
        raise ValueError(
            f"{str(path)!r} has the format version {version}, written by fesolve "
            f"{str(header.get('fesolve'))[:40]}; this is fesolve {_own_version()}, which reads "
            f"version {VERSION}. Install the version that wrote it"
        )
    for name, kind in ENTRIES.items():
        if name not in header:
            _refuse(path, f"its header has no {name!r}")
        if kind is not None and type(header[name]) is not kind:
            _refuse(path, f"{name!r} in its header is no {kind.__name__}")
    count = header["bytes"]
    if len(payload) != count:
        state = "cut short" if len(payload) < count else "damaged"
        held = f"it holds {len(payload):,} bytes of arrays, and its header promises {count:,}"
        _refuse(path, held, state)
    try:
        checksum = _checksum(header["outline"], payload)
    except RecursionError:
        _refuse(path, "its header is nested too deeply")
    if checksum != header["sha256"]:
        _refuse(path, "its content does not have the checksum that was written with it")
    return header, payload


ENTRIES = {"version": int, "python": str, "bytes": int, "sha256": str, "outline": None}
"""What a header must have, and of which type."""


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _arrays(places: list[tuple[str, str | None, Any]], payload: bytes) -> dict[str, np.ndarray]:
    """The arrays by their place; equinox wrote them one after the other, in the order of leaves."""
    stream, out = io.BytesIO(payload), {}
    for place, dtype, shape in places:
        array = np.load(stream, allow_pickle=False)
        if not isinstance(array, np.ndarray) or (shape is not None and list(array.shape) != shape):
            raise ValueError(f"{place} has another shape")
        # NumPy reads types that it does not know, such as bfloat16, as raw bytes.
        out[place] = array.view(jnp.dtype(dtype)) if array.dtype.kind == "V" else array
        if dtype is not None and out[place].dtype != jnp.dtype(dtype):
            raise ValueError(f"{place} is of another dtype")
    if stream.read(1):
        raise ValueError("more follows after the last of them")
    return out


def _own_version() -> str:
    try:
        return metadata.version("fesolve")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _checksum(structure: Any, payload: bytes) -> str:
    text = json.dumps(structure).encode()
    return hashlib.sha256(text + b"\n" + payload).hexdigest()
