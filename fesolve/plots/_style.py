"""How every figure looks, the one import of matplotlib, and files for a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fesolve._show import legend as legend


# Told apart by readers who see colours differently, in print, and on dark ground: blue, vermilion,
# green, purple, amber, sky.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#a368b8", "#c98a00", "#3fa7de")
STYLES = ("-", "--", "-.", ":")
COLUMN, PAGE = 3.4, 6.5
"""Inches: the width of a column of a journal of two columns, and of the text of a page."""


def pyplot() -> Any:
    """matplotlib.pyplot, or the sentence that says how to have it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib, which is not installed: pip install 'fesolve[viz]'"
        ) from error
    return plt


def axes_or_new(ax: Any) -> Any:
    """`ax`, or the axes of a new figure."""
    return ax if ax is not None else several_or_new(None, 1)[0]


def several_or_new(ax: Any, number: int) -> np.ndarray:
    """The axes given, as an array of so many, or those of a new figure, side by side.

    **Raises:** `ValueError` where there are more or fewer.
    """
    if ax is None:
        width = min(5.2 * number, 13.0)
        _, ax = pyplot().subplots(1, number, figsize=(width, 3.7), layout="constrained")
    ax = np.ravel(np.asarray(ax, dtype=object))
    if ax.size != number:
        raise ValueError(f"`ax` must be {number} axes, one for each picture; got {ax.size}")
    return ax


def colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]


def rings() -> dict[str, Any]:
    """Open rings lie on a line without hiding it; in the colour of text, on any ground."""
    return {
        "color": pyplot().rcParams["text.color"],
        "linestyle": "none",
        "marker": "o",
        "markerfacecolor": "none",
        "markersize": 5,
        "markeredgewidth": 0.9,
    }


def quiet(ax: Any) -> None:
    """Takes away the ink that carries nothing."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.25, linewidth=0.6)


def plain(ax: Any) -> None:
    """Numbers that are read along a logarithmic axis that spans less than two powers of ten."""
    low, high = ax.get_ylim()
    if not 0 < low < high < 100 * low:
        return
    ticks = pyplot().matplotlib.ticker
    few = ticks.LogLocator(subs=(1.0, 2.0, 5.0))
    if sum(low <= tick <= high for tick in few.tick_values(low, high)) < 3:
        few = ticks.MaxNLocator(5, steps=(1, 2, 2.5, 5, 10))
    ax.yaxis.set_major_locator(few)
    small = low < 1e-3
    shown = ticks.FuncFormatter(_power) if small else ticks.StrMethodFormatter("{x:g}")
    ax.yaxis.set_major_formatter(shown)
    ax.yaxis.set_minor_locator(ticks.NullLocator())


def _power(value: float, _: Any = None) -> str:
    """As a multiple of a power of ten."""
    digits, power = f"{value:.10e}".split("e")
    times = "" if float(digits) == 1 else rf"{float(digits):g}\times"
    return rf"${times}10^{{{int(power)}}}$"


def save(
    ax: Any,
    path: str | Path,
    *,
    width: float | None = None,
    height: float | None = None,
    formats: Sequence[str] = ("png", "svg", "pdf"),
) -> list[Path]:
    """The figure of these axes as files for a paper and for a screen.

    ```python
    fe.plots.save(ax, "results/policy", width=fe.plots.COLUMN)
    ```

    Fonts are embedded in the PDF, letters are outlines in the SVG, and neither has a date, so that
    an equal figure gives equal files.

    **Arguments:**

    - `ax`: what a function of `fe.plots` returned.
    - `path`: of the files, without ending. Folders that are missing are made.
    - `width`, `height`: in inches; `fe.plots.COLUMN` is a column of a journal, `fe.plots.PAGE` the
      text of a page. What is not given stays in proportion.
    - `formats`: the endings.

    **Returns:** the paths of the files.
    """
    figure = np.ravel(np.asarray(ax, dtype=object))[0].figure
    before = figure.get_size_inches()
    wide, high = before
    if width is not None:
        wide, high = width, height or width * max(high / wide, 0.62)
    elif height is not None:
        wide, high = wide * height / high, height
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    paths = [path.with_name(f"{path.name}.{ending}") for ending in formats]
    figure.set_size_inches(wide, high)
    with pyplot().rc_context({"pdf.fonttype": 42, "svg.hashsalt": path.name}):
        for file, ending in zip(paths, formats, strict=True):
            undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(ending)
            figure.savefig(file, dpi=200, metadata=undated)
    figure.set_size_inches(before)
    return paths
