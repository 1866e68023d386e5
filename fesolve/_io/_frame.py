"""A file of one line of JSON that says what it is, and arrays. Nothing is pickled, so that a file
from elsewhere can run no code."""

import hashlib
import io
import json
import os
import stat
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import jax.numpy as jnp
import numpy as np

from . import _write
from ._functions import PYTHON


class Kind(NamedTuple):
    """A kind of file: how it begins, its version, who writes it, who reads it, and what to do with
    one that is of no use."""

    format: str
    version: int
    writer: str
    reader: str
    remedy: str

    @property
    def begin(self) -> bytes:
        return json.dumps({"format": self.format}).encode()[:-1]

    def write(self, path: Path, outline: Any, payload: bytes) -> None:
        """Replaces the file as a whole."""
        header = {
            "format": self.format,
            "version": self.version,
            "fesolve": own_version(),
            "python": PYTHON,
            "bytes": len(payload),
            "sha256": _checksum(outline, payload),
            "outline": outline,
        }
        _write.replace(path, json.dumps(header).encode() + b"\n" + payload, self.writer)

    def read(self, path: Path) -> tuple[dict[str, Any], bytes]:
        """Header and payload, both checked.

        **Raises:** `ValueError` for a file that is damaged, cut short or from elsewhere.
        """
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(
                f"`path` {str(path)!r} is {_write.kind(mode)}, and {self.reader} reads regular "
                f"files only: give the file that {self.writer} wrote"
            )
        content = path.read_bytes()
        if not content:
            raise ValueError(f"{str(path)!r} is empty: nothing was written to it. {self.remedy}")
        if not content.startswith(self.begin):
            raise ValueError(
                f"{str(path)!r} was not written by {self.writer}: it begins with "
                f"{content[:16]!r}, and not with {self.begin.decode()}"
            )
        line, end, payload = content.partition(b"\n")
        try:
            header = json.loads(line.decode("utf-8"), parse_constant=_no_number)
        except (ValueError, RecursionError):
            state = "damaged" if end else "cut short"
            self.refuse(path, "its first line is no complete JSON", state)
        self._check(path, header, payload)
        return header, payload

    def _check(self, path: Path, header: dict[str, Any], payload: bytes) -> None:
        version = header.get("version")
        if type(version) is int and version != self.version:
            raise ValueError(
                f"{str(path)!r} has the format version {version}, written by fesolve "
                f"{str(header.get('fesolve'))[:40]}; this is fesolve {own_version()}, which reads "
                f"version {self.version}. Install the version that wrote it"
            )
        for name, kind in ENTRIES.items():
            if name not in header:
                self.refuse(path, f"its header has no {name!r}")
            if kind is not None and type(header[name]) is not kind:
                self.refuse(path, f"{name!r} in its header is no {kind.__name__}")
        count = header["bytes"]
        if len(payload) != count:
            state = "cut short" if len(payload) < count else "damaged"
            held = f"it holds {len(payload):,} bytes of arrays, and its header promises {count:,}"
            self.refuse(path, held, state)
        try:
            checksum = _checksum(header["outline"], payload)
        except RecursionError:
            self.refuse(path, "its header is nested too deeply")
        if checksum != header["sha256"]:
            self.refuse(path, "its content does not have the checksum that was written with it")

    def refuse(self, path: Path, reason: str, state: str = "damaged") -> NoReturn:
        raise ValueError(f"{str(path)!r} is {state}: {reason}. {self.remedy}") from None


ENTRIES = {"version": int, "python": str, "bytes": int, "sha256": str, "outline": None}
"""What a header must have, and of which type."""


def next_array(stream: io.BytesIO, dtype: str | None, shape: Any) -> np.ndarray:
    """The next of arrays that stand one after the other.

    **Raises:** `ValueError` where it is another one.
    """
    array = np.load(stream, allow_pickle=False)
    if not isinstance(array, np.ndarray) or (shape is not None and list(array.shape) != shape):
        raise ValueError("an array has another shape")
    # NumPy reads types that it does not know, such as bfloat16, as raw bytes.
    array = array.view(jnp.dtype(dtype)) if array.dtype.kind == "V" else array
    if dtype is not None and array.dtype != jnp.dtype(dtype):
        raise ValueError("an array is of another dtype")
    return array


def path_of(path: Any, example: str) -> Path:
    """The path.

    **Raises:** `ValueError` for what is none.
    """
    try:
        return Path(os.fsdecode(path))
    except TypeError:
        raise ValueError(
            f"`path` must be the name of a file; got {type(path).__name__}. It is the first "
            f"argument, as in `{example}`"
        ) from None


def own_version() -> str:
    try:
        return metadata.version("fesolve")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _checksum(structure: Any, payload: bytes) -> str:
    text = json.dumps(structure).encode()
    return hashlib.sha256(text + b"\n" + payload).hexdigest()
