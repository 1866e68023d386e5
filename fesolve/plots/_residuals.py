"""Pictures of residuals: where they are large, and how they are distributed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import fesolve as fe

from ._points import absolute, as_columns, logarithm, names, on_points, sample, sampled
from ._style import axes_or_new, colour, legend, pyplot, quiet, STYLES


SIZE = r"$\log_{10}\,|r|$"


def residuals(
    f: Any,
    risk: fe.AbstractRisk,
    *,
    report: fe.RiskReport | None = None,
    units: Callable | None = None,
    label: str = SIZE,
    coordinates: Sequence[str] | None = None,
    ax: Any = None,
) -> Any:
    """log10 |r(f, x)| over the points x of a sample: over a line, or a map of the first two
    coordinates. Of several components the largest is shown; exact zeros have no logarithm.

    Of an Euler equation this is the map of Euler errors:

    ```python
    fe.plots.residuals(c, risk.quadrature(40), units=fe.consumption_units(2.0), label="Euler error")
    ```

    **Arguments:**

    - `f`: the hypothesis.
    - `risk`: a risk on a sample; the more points, the finer the picture.
    - `report`: a report on f, whose residuals on the same points are drawn, and not found again.
    - `units`: from a residual to the units that are shown, such as `fe.consumption_units(gamma)`.
    - `label`: what the numbers are.
    - `coordinates`: the names of the coordinates of a point.
    - `ax`: matplotlib axes to draw on.

    **Returns:** the axes.

    **Raises:** `ValueError` where no term of `risk` stands on points.
    """
    terms = sampled(risk)
    ax = axes_or_new(ax)
    size = as_columns(sample(terms[0]).points).shape[1]
    labels = names(coordinates, size, sample(terms[0]).points)
    for i, term in enumerate(terms):
        columns = as_columns(sample(term).points)
        if columns.shape[1] != size:
            continue
        values = logarithm(absolute(f, term, units, report))
        if size > 1:
            _map(ax, columns, values, labels, label)
            break
        order = np.argsort(columns[:, 0])
        name = term.name if len(terms) > 1 else None
        x, y = columns[order, 0], values[order]
        ax.plot(x, y, ".", color=colour(i), markersize=3, label=name)
        ax.set(xlabel=labels[0], ylabel=label)
        quiet(ax)
    legend(ax)
    return ax


def _map(ax: Any, columns: np.ndarray, values: np.ndarray, labels: list[str], label: str) -> None:
    """A surface where the points are a grid, else dots, of which the largest are drawn last, so
    that none hides a worse one."""
    across, i = np.unique(columns[:, 0], return_inverse=True)
    up, j = np.unique(columns[:, 1], return_inverse=True)
    if min(len(across), len(up)) > 1 and len(across) * len(up) == len(columns):
        grid = np.full((len(up), len(across)), np.nan)
        grid[j, i] = values
        drawn = ax.pcolormesh(across, up, grid, shading="nearest", cmap="viridis", rasterized=True)
    else:
        seen = np.isfinite(values)
        order = np.flatnonzero(seen)[np.argsort(values[seen])]
        x, y = columns[order, 0], columns[order, 1]
        area = float(np.clip(2e4 / max(len(order), 1), 5.0, 60.0))
        look = {"s": area, "cmap": "viridis", "rasterized": True, "linewidths": 0}
        drawn = ax.scatter(x, y, c=values[order], **look)
    pyplot().colorbar(drawn, ax=ax, label=label)
    ax.set(xlabel=labels[0], ylabel=labels[1])


def distribution(
    f: Any,
    risks: dict[str, fe.AbstractRisk],
    *,
    report: fe.RiskReport | None = None,
    ax: Any = None,
) -> Any:
    """The share of points at which |r| is larger than a value, on several samples. Where r is
    exactly zero it is larger than nothing: these points count, and have no logarithm.

    **Arguments:**

    - `f`: the hypothesis.
    - `risks`: risks on samples, by name, such as train, test and the simulated path.
    - `report`: a report on f, whose residuals on the same points are drawn, and not found again.
    - `ax`: matplotlib axes to draw on.

    **Returns:** the axes.
    """
    ax = axes_or_new(ax)
    for i, (name, risk) in enumerate(risks.items()):
        terms = on_points(risk)
        if not terms:
            continue
        values = logarithm(np.concatenate([absolute(f, term, report=report) for term in terms]))
        number, values = len(values), np.sort(values[np.isfinite(values)])
        if not len(values):
            continue
        share = (len(values) - np.arange(len(values))) / number
        style = STYLES[i % len(STYLES)]
        ax.step(values, share, style, where="post", color=colour(i), linewidth=1.6, label=name)
        ax.plot(values[-1], share[-1], "o", color=colour(i), markersize=4)
    ax.set(xlabel=SIZE, ylabel="share of points with larger |r|", yscale="log")
    ax.locator_params(axis="x", nbins=5, steps=(1, 2, 5, 10))
    legend(ax, loc="lower left")
    quiet(ax)
    return ax
