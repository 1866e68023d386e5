"""The figures of docs/benchmarks.md, measured here: `python tests/benchmarks.py [NAME ...]`."""

import argparse
import dataclasses
import itertools
import json
import os
import platform

import jax
import numpy as np
from measuring import Figure, Line
from programs import show as show_programs
from rows import ROWS

from fesolve import problems


def number(figure: Figure) -> str:
    if figure.unit == "s":
        value, scale, unit = figure.value, 1e3 if figure.value < 1 else 1, "ms"
        return f"{value * scale:.3g} {unit if scale > 1 else 's'}"
    if figure.unit:
        return f"{figure.value:.3g} {figure.unit}"
    return f"{figure.value:.1e}"


def bound(figure: Figure) -> str:
    if not np.isfinite(figure.target):
        return ""
    if figure.unit == "s":
        return number(figure._replace(value=figure.target))
    return f"{figure.target:.3g}"


def show(line: Line) -> None:
    nothing = Figure(np.nan, np.inf)
    pairs = itertools.zip_longest(line.errors, line.times, fillvalue=nothing)
    for index, (error, spent) in enumerate(pairs):
        reached = all(f.reached for f in (error, spent) if f is not nothing)
        cells = [
            line.work if index == 0 else "",
            *(("", "") if error is nothing else (number(error), bound(error))),
            *(("", "") if spent is nothing else (number(spent), bound(spent))),
            "ok" if reached else "short",
        ]
        widths = (38, 28, 8, 42, 8, 5)
        print("  ".join(f"{c:<{w}}" for c, w in zip(cells, widths, strict=True)), flush=True)


def machine() -> dict:
    return {
        "cores": os.cpu_count(),
        "processor": platform.processor() or platform.machine(),
        "device": jax.devices()[0].device_kind,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Errors and times against their targets.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument(
        "--programs",
        nargs="*",
        metavar="PROBLEM",
        help="what is compiled for these problems of the catalogue alone, or for all of them",
    )
    parser.add_argument("--json", metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    unknown = set(options.names) - set(ROWS)
    if unknown:
        parser.error(f"no row is called {sorted(unknown)}; there are {', '.join(ROWS)}")
    jax.config.update("jax_enable_x64", True)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    if options.programs is not None:
        show_programs(options.programs or list(problems.catalogue))
        return
    lines: list[Line] = []
    for name in options.names or ROWS:
        for line in ROWS[name]():
            show(line)
            lines.append(line)
    if options.json:
        with open(options.json, "w") as file:
            json.dump([machine(), *map(dataclasses.asdict, lines)], file, indent=1)
    if not options.names:
        show_programs(list(problems.catalogue))


if __name__ == "__main__":
    main()
