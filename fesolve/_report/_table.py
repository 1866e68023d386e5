"""A report as text and as records."""

from typing import Any

import jax
import numpy as np

from ._check import Check
from ._exact import ExactError
from ._statistics import as_text, Row


FIGURES = ("mean", "median", "p90", "p99", "max")


def as_table(rows: list[Row], below: list[str], notes: list[str], verdict: str) -> str:
    """The report as lines: the figures in aligned columns, what is said below them, notes and the
    verdict."""
    lines = [*_body(rows)] if rows else []
    return "\n".join(
        [*lines, *below, *(f"note     {note}" for note in notes), f"verdict  {verdict}"]
    )


def as_lines(errors: list[ExactError], checks: list[Check]) -> list[str]:
    """One line for each comparison with the exact solution and for each check."""
    compared = [
        f"error    max |{name} - exact| / max |exact| = {error.largest:.2e}, relative L2 "
        f"{error.relative_l2:.2e}, {error.where}"
        for error in errors
        for name in [f"f.{error.name}" if error.name else "f"]
    ]
    return [*compared, *(f"check    {check}" for check in checks)]


def _body(rows: list[Row]) -> list[str]:
    outside = any(row.outside is not None for row in rows)
    head = ["", "equation", "risk", "s.e.", "gap", *FIGURES, "max at"]
    table = [head + (["outside"] if outside else [])]
    on = None
    for row in rows:
        cells = [row.on if row.on != on else "", row.equation, _number(row.risk)]
        cells += [_number(row.error), _number(row.gap, sign=True)]
        cells += [_figure(row.quantiles.get(name)) for name in FIGURES]
        cells.append(as_text(row.point) or "-")
        if outside:
            cells.append("-" if row.outside is None else f"{100 * row.outside:.3g} %")
        table.append(cells)
        on = row.on
    lines, widths = aligned(table)
    start = sum(widths[:5]) + 2 * 5
    label = "log10 |r|".center(sum(widths[5:10]) + 2 * 4, "-")
    rule = "-" * max(map(len, lines))
    out = [" " * start + label, lines[0], rule]
    for previous, row, line in zip([None, *rows], rows, lines[1:], strict=False):
        if previous is not None and row.on != previous.on:
            out.append("")
        out.append(line)
    return [*out, rule]


def aligned(table: list[list[str]], left: int = 2) -> tuple[list[str], list[int]]:
    """Rows of cells as lines whose columns are aligned, the first `left` of them to the left; and
    the widths of the columns."""
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]
    return lines, widths


def _number(value: float | None, sign: bool = False) -> str:
    if value is None:
        return "-"
    return f"{value:+.1e}" if sign else f"{value:.2e}"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


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
