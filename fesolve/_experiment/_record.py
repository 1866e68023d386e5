"""One run of a function, and its record."""

import json
import platform
import sys
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._io._frame import own_version
from .._io._lines import append
from .._monitor._json_lines import finite
from .._report._seeds import read
from .._solver import SolveError
from ._signature import name_of


def figures_of(found: Any) -> tuple[dict[str, float], bool]:
    """What a function has returned as numbers by name, and whether it is solved."""
    if found is None:
        return {}, True
    parts = list(found) if isinstance(found, list | tuple) else [found]
    figures, verdicts = zip(*map(read, parts), strict=True) if parts else ((), ())
    return {name: value for part in figures for name, value in part.items()}, all(verdicts)


def recorded(run: Callable, parameters: Mapping[str, Any], call: Callable) -> dict[str, Any]:
    """The record of `call()`, which is `run` with these parameters. Where it raises, the error has
    a record as well, in its attribute `record`."""
    start, when = time.perf_counter(), time.strftime("%Y-%m-%dT%H:%M:%S%z")

    def record(**more: Any) -> dict[str, Any]:
        return {
            "experiment": name_of(run),
            "parameters": {name: as_json(value) for name, value in parameters.items()},
            "seed": as_json(parameters.get("seed")),
            **more,
            "seconds": round(time.perf_counter() - start, 3),
            "time": when,
            "versions": versions(),
        }

    try:
        figures, solved = figures_of(call())
    except SolveError as error:
        figures, _ = read(error.solution)
        error.record = record(figures=figures, solved=False, error=str(error))
        raise
    except Exception as error:
        error.record = record(figures={}, solved=False, error=f"{type(error).__name__}: {error}")
        raise
    return record(figures=figures, solved=solved)


def versions() -> dict[str, str]:
    """What a result may depend on besides its arguments."""
    packages = {name: metadata.version(name) for name in ("jax", "equinox", "optax")}
    device = jax.devices()[0].device_kind
    x64 = "float64" if jax.config.jax_enable_x64 else "float32"
    python = platform.python_version()
    return {"fesolve": own_version(), "python": python, **packages, "device": device, "dtype": x64}


def write(folder: str, record: Mapping[str, Any]) -> Path:
    """Appends a record to the file of its experiment."""
    path = Path(folder) / f"{record['experiment']}.jsonl"
    append(path, json.dumps(_finite(record)))
    return path


def as_json(value: Any) -> Any:
    """A parameter as JSON has it, or its text."""
    if isinstance(value, np.generic | jax.Array | np.ndarray):
        return np.asarray(value).tolist()
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return str(value)
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(inner) for name, inner in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list) else finite(value)


def shown(record: Mapping[str, Any]) -> None:
    """Prints the figures of a record."""
    width = max(map(len, record["figures"]), default=0)
    for name, value in record["figures"].items():
        print(f"{name:{width}}  {value:.6g}")
    sys.stdout.flush()
