"""A sweep as a page of HTML that needs nothing else."""

import html
import io
import json
from collections.abc import Sequence
from typing import Any

from .._show import Table


def page(table: Table, trials: Sequence[dict[str, Any]], figure: Any) -> str:
    """The table, the figure of its trials, and what sorts and connects them."""
    head = ["trial", *table.columns]
    cells = "".join(
        f'<th data-name="{html.escape(name)}">{html.escape(name)}</th>' for name in head
    )
    rows = "".join(_row(row, head) for row in trials)
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    title = html.escape(table.title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>{notes}<div>{_drawing(figure)}</div>"
        f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def _row(row: dict[str, Any], head: list[str]) -> str:
    cells = "".join(_cell(row.get(name)) for name in head)
    return f'<tr data-trial="{row["trial"]}">{cells}</tr>'


def _cell(value: Any) -> str:
    text = "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    key = html.escape(json.dumps(value, default=str), quote=True)
    return f'<td data-value="{key}">{html.escape(text)}</td>'


def _drawing(figure: Any) -> str:
    stream = io.StringIO()
    figure.savefig(stream, format="svg", metadata={"Date": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


STYLE = """
body { font: 14px sans-serif; margin: 1.5em; }
h1 { font-size: 1.2em; }
table { border-collapse: collapse; font: 12px monospace; }
th, td { padding: 2px 9px; text-align: right; border-bottom: 1px solid #ddd; }
th { cursor: pointer; position: sticky; top: 0; background: #fff; }
th[data-order="up"]::after { content: " ^"; }
th[data-order="down"]::after { content: " v"; }
tr.over { background: #fde9c8; }
svg { max-width: 100%; height: auto; }
svg .over path, svg .over use {
  stroke: #d33 !important; stroke-width: 3 !important; stroke-opacity: 1 !important;
}
"""

SCRIPT = """
const body = document.querySelector("tbody");
const value = (row, i) => {
  const text = row.cells[i].dataset.value;
  const found = text === "NaN" ? null : JSON.parse(text.replace(/^(-?)Infinity$/, "$11e999"));
  return found === "" ? null : found;
};
document.querySelectorAll("th").forEach((head, i) => head.addEventListener("click", () => {
  const up = head.dataset.order !== "up";
  document.querySelectorAll("th").forEach(other => delete other.dataset.order);
  head.dataset.order = up ? "up" : "down";
  const order = (a, b) => {
    const x = value(a, i), y = value(b, i);
    if (x === null || y === null) return (x === null) - (y === null);
    const d = typeof x === "number" && typeof y === "number"
      ? x - y : String(x).localeCompare(String(y));
    return up ? d : -d;
  };
  [...body.rows].sort(order).forEach(row => body.append(row));
}));
const marks = trial => [...document.querySelectorAll("svg g[id]")].filter(
  g => g.id === `trial-${trial}` || g.id.endsWith(`-trial-${trial}`));
const shown = (row, on) => {
  row.classList.toggle("over", on);
  marks(row.dataset.trial).forEach(g => g.classList.toggle("over", on));
};
for (const row of body.rows) {
  row.addEventListener("mouseenter", () => shown(row, true));
  row.addEventListener("mouseleave", () => shown(row, false));
}
"""
