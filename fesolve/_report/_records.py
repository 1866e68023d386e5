"""The rows of a report as a table and as records."""

from typing import Any

import jax
import numpy as np

from .._show import Table
from ._check import Check
from ._exact import ExactError
from ._statistics import FIGURES, Row


def as_table(rows: list[Row], below: list[str]) -> Table:
    """The figures, the most important ones first, and what is said below them."""
    names = ["risk", "median", "p99", "max", "max at", "gap", "outside, %", "mean", "p90"]
    names += ["rms", "tolerance", "points", "not finite"]
    sized = any(row.quantiles for row in rows)
    sizes = ", and log10 |r|: its quantiles, maximum and mean" if sized else ""
    return Table(
        f"risk (s.e.){sizes}" if rows else "",
        [(row.on, row.equation) for row in rows],
        names,
        [[_entries(row)[name] for name in names] for row in rows],
        errors=[[row.error if name == "risk" else None for name in names] for row in rows],
        index=("on", "equation") if rows else ("", ""),
        notes=below,
    )


def _entries(row: Row) -> dict[str, Any]:
    return {
        **{name: row.quantiles.get(name) for name in FIGURES},
        "risk": row.risk,
        "gap": row.gap,
        "max at": row.point,
        "outside, %": None if row.outside is None else 100 * row.outside,
        "rms": row.rms,
        "tolerance": row.tolerance,
        "points": row.points,
        "not finite": row.broken or None,
    }


def as_lines(errors: list[ExactError], checks: list[Check]) -> list[str]:
    """One line for each comparison with the exact solution and for each check."""
    compared = [
        f"error    max |{name} - exact| / max |exact| = {error.largest:.2e}, relative L2 "
        f"{error.relative_l2:.2e}, {error.where}"
        for error in errors
        for name in [f"f.{error.name}" if error.name else "f"]
    ]
    return [*compared, *(f"check    {check}" for check in checks)]


def as_records(rows: list[Row]) -> list[dict[str, Any]]:
    """One flat dictionary a row; what has no meaning is None."""
    return [
        {
            "on": row.on,
            "equation": row.equation,
            "risk": float(row.risk),
            "standard_error": _plain(row.error),
            "gap": _plain(row.gap),
            "rms": _plain(row.rms),
            **{f"log10_{name}": _plain(row.quantiles.get(name)) for name in FIGURES},
            "max_at": _lists(row.point),
            "outside": _plain(row.outside),
            "tolerance": _plain(row.tolerance),
            "points": row.points,
            "not_finite": row.broken,
        }
        for row in rows
    ]


def _plain(value: Any) -> float | None:
    return None if value is None else float(value)


def _lists(point: Any) -> Any:
    return None if point is None else jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), point)
