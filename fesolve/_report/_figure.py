"""The picture of a report."""

from typing import Any

import numpy as np

from .._judge import ErrorEstimate
from .._show import legend
from ._statistics import logarithm, Sample


MARKS, STYLES = ".x+1^s", ("-", "--", "-.", ":")


def figure(samples: list[Sample], error: ErrorEstimate | None, ax: Any) -> Any:
    """log10 |r| of every sample of several points, and along one coordinate the error of f: samples
    are told apart by colour, equations by marks or lines."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as missing:
        raise ImportError(
            "`RiskReport.plot` needs matplotlib: pip install 'fesolve[viz]'"
        ) from missing
    if ax is None:
        _, ax = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
    several = [sample for sample in samples if len(sample.sizes) > 1]
    line = all(isinstance(s.points, np.ndarray) and s.points[0].size == 1 for s in several)
    names = list(dict.fromkeys(sample.on for sample in several))
    equations = list(dict.fromkeys(sample.equation for sample in several))
    colours = plt.rcParams["axes.prop_cycle"].by_key().get("color", ["C0"])
    paint = lambda name: colours[names.index(name) % len(colours)]
    # the smaller a sample, the later it is drawn, so that a large one hides none
    for sample in sorted(several, key=lambda sample: -len(sample.sizes)):
        # an exact zero has no logarithm: it counts, and is not drawn
        seen = sample.sizes > 0
        values = logarithm(sample.sizes[seen])
        kind = equations.index(sample.equation)
        if line:
            x = sample.points[seen].ravel()
            order = np.argsort(x)
            look = {"color": paint(sample.on), "markersize": 3}
            ax.plot(x[order], values[order], MARKS[kind % len(MARKS)], **look)
        else:
            share = (len(values) - np.arange(len(values))) / max(len(seen), 1)
            look = {"color": paint(sample.on), "linestyle": STYLES[kind % len(STYLES)]}
            ax.step(np.sort(values), share, where="post", **look)
    bars = _error_along(error, several, ax) if line and several else []
    if line:
        ax.set(xlabel="x", ylabel=r"$\log_{10}|r|$")
    else:
        ax.set(xlabel=r"$\log_{10}|r|$", ylabel="share of points with larger |r|", yscale="log")
        ax.locator_params(axis="x", nbins=5, steps=(1, 2, 5, 10))
    _legend(ax, {name: paint(name) for name in names}, equations, line, bars)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _legend(
    ax: Any, colours: dict[str, Any], equations: list[str], line: bool, bars: list[Any]
) -> None:
    """Samples by colour, equations by mark or line where there are several, and the error bar. More
    equations than there are marks cannot be told apart, and are counted."""
    from matplotlib.lines import Line2D

    mark = {"linestyle": "none", "marker": "."} if line else {}
    entries = [Line2D([], [], color=c, label=name, **mark) for name, c in colours.items()]
    ink = ax.xaxis.label.get_color()
    if len(equations) > len(MARKS if line else STYLES):
        entries.append(Line2D([], [], linestyle="none", label=f"{len(equations)} equations"))
        equations = []
    for kind, equation in enumerate(equations if len(equations) > 1 else []):
        own = {"linestyle": STYLES[kind % len(STYLES)]}
        if line:
            own = {"linestyle": "none", "marker": MARKS[kind % len(MARKS)], "markersize": 4}
        entries.append(Line2D([], [], color=ink, label=equation, **own))
    entries += bars
    legend(ax, entries)


def _error_along(error: ErrorEstimate | None, samples: list[Sample], ax: Any) -> list[Any]:
    """The error bar of f over the points, on the scale of |r|: its line, if there is one."""
    if error is None or error.is_bound or isinstance(error.relative, dict):
        return []
    if not callable(error.value):  # f is made of parts, of which no one stands for all
        return []
    points = np.concatenate([sample.points for sample in samples if sample.on in ("train", "test")])
    if points.ndim != 1 or not points.size or not np.issubdtype(points.dtype, np.floating):
        return []
    x = np.linspace(points.min(), points.max(), 301)
    bars = np.abs(np.asarray(error.along(x))).reshape(x.size, -1).max(axis=1)
    heights = np.where(bars > 0, logarithm(bars), np.nan)
    (line,) = ax.plot(x, heights, linewidth=1, label="error of f, estimated")
    line.set_color(ax.xaxis.label.get_color())
    return [line]
