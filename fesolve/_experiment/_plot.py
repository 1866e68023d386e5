"""The figure of a sweep."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def figure(
    name: str,
    metric: str,
    trials: Sequence[dict[str, Any]],
    *,
    correlations: Mapping[str, float],
    parameters: Sequence[str],
    maximised: bool,
) -> Any:
    """Parallel coordinates above, slices below."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("`.plot()` needs matplotlib: pip install 'fesolve[viz]'") from error
    number = len(parameters)
    fig = Figure(figsize=(max(5.2, 2.4 * number), 5.6), layout="constrained")
    grid = fig.add_gridspec(2, max(1, number))
    rows = [r for r in trials if _is_finite(r.get(metric))]
    axes = {column: _scale([row.get(column) for row in rows]) for column in (*parameters, metric)}
    shades = _shades(axes[metric][0], maximised)
    above = fig.add_subplot(grid[0, :])
    above.set_title(f"{name}: {len(rows)} trials, the better the stronger", fontsize=10)
    _parallel(above, rows, axes, shades)
    first = None
    for j, parameter in enumerate(parameters):
        below = fig.add_subplot(grid[1, j], sharey=first)
        _slice(below, rows, parameter, metric, shades)
        note = correlations.get(parameter)
        label = parameter if note is None else f"{parameter}\nrank correlation {note:+.2f}"
        below.set_xlabel(label, fontsize=9)
        if first is None:
            below.set_ylabel(metric)
            first = below
        else:
            below.tick_params(labelleft=False)
    return fig


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _is_log(values: list[Any]) -> bool:
    """Whether values are better seen on a scale of logarithms."""
    numbers = all(_is_finite(v) and not isinstance(v, bool) and v > 0 for v in values)
    return bool(values) and numbers and max(values) >= 30 * min(values)


def _scale(values: list[Any]) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Values on [0, 1], and what is written at which height."""
    if not values:
        return np.zeros(0), []
    if not all(_is_finite(v) and not isinstance(v, bool) for v in values):
        kinds = sorted({str(value) for value in values})
        at = {kind: i / max(1, len(kinds) - 1) for i, kind in enumerate(kinds)}
        return np.array([at[str(v)] for v in values]), [(at[kind], kind) for kind in kinds]
    numbers = np.array(values, float)
    forth, back = (np.log, np.exp) if _is_log(values) else (lambda x: x, lambda x: x)
    low, high = forth(numbers.min()), forth(numbers.max())
    width = (high - low) or 1.0
    marks = [(t, f"{float(back(low + t * width)):.3g}") for t in (0.0, 0.5, 1.0)]
    return (forth(numbers) - low) / width, marks


BEST, OTHERS = "#d55e00", "#0072b2"


def _shades(heights: np.ndarray, maximised: bool) -> list[dict[str, Any]]:
    """How each trial is drawn: stronger the better it is by rank, on any ground, and the best in a
    colour of its own."""
    order = np.argsort(np.argsort(-heights if maximised else heights))
    ranks = order / max(1, heights.size - 1)
    return [
        {"color": BEST if rank == 0 else OTHERS, "alpha": 0.12 + 0.88 * (1 - rank) ** 2}
        for rank in ranks
    ]


def _parallel(ax: Any, rows: list, axes: dict, shades: list) -> None:
    names = list(axes)
    for i in sorted(range(len(rows)), key=lambda i: shades[i]["alpha"]):
        heights = [axes[name][0][i] for name in names]
        (line,) = ax.plot(range(len(names)), heights, lw=1.2, **shades[i])
        line.set_gid(f"trial-{rows[i]['trial']}")
    for j, name in enumerate(names):
        ax.axvline(j, color="0.6", lw=0.8, zorder=0)
        for height, text in axes[name][1]:
            ax.annotate(text, (j, height), (3, 0), textcoords="offset points", fontsize=8.5)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks([])
    for side in ("top", "right", "bottom", "left"):
        ax.spines[side].set_visible(False)


def _slice(ax: Any, rows: list, name: str, metric: str, shades: list) -> None:
    values = [row.get(name) for row in rows]
    metrics = [row[metric] for row in rows]
    plain = all(_is_finite(v) and not isinstance(v, bool) for v in values)
    shown = values if plain else [str(value) for value in values]
    if not plain:
        ax.xaxis.update_units(sorted(set(shown)))
    for x, y, shade, row in list(zip(shown, metrics, shades, rows, strict=True))[::-1]:
        (dot,) = ax.plot([x], [y], "o", ms=4, **shade)
        dot.set_gid(f"slice-{name}-trial-{row['trial']}")
    if plain and _is_log(values):
        ax.set_xscale("log")
    if _is_log(metrics):
        ax.set_yscale("log")
