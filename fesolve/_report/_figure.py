"""The picture of a report."""

from typing import Any

import numpy as np

from .._judge import ErrorEstimate
from ._statistics import logarithm, Sample


def figure(samples: list[Sample], error: ErrorEstimate | None, ax: Any) -> Any:
    """log10 |r| of every sample of several points, and along a number x the error of f."""
    if ax is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as missing:
            raise ImportError(
                "`RiskReport.plot` needs matplotlib: pip install 'fesolve[viz]'"
            ) from missing
        _, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    several = [sample for sample in samples if len(sample.sizes) > 1]
    one = len({sample.equation for sample in several}) == 1
    line = all(isinstance(s.points, np.ndarray) and s.points.ndim == 1 for s in several)
    for sample in several:
        label = sample.on if one else f"{sample.on}: {sample.equation}"
        # an exact zero has no logarithm: it counts, and is not drawn
        seen = sample.sizes > 0
        values = logarithm(sample.sizes[seen])
        if line:
            order = np.argsort(sample.points[seen])
            ax.plot(sample.points[seen][order], values[order], ".", markersize=3, label=label)
        else:
            share = (len(values) - np.arange(len(values))) / max(len(seen), 1)
            ax.step(np.sort(values), share, where="post", label=label)
    if line and several:
        _error_along(error, several, ax)
    if line:
        ax.set(xlabel="x", ylabel=r"$\log_{10}|r|$")
    else:
        ax.set(xlabel=r"$\log_{10}|r|$", ylabel="share of points with larger |r|", yscale="log")
    if several:
        ax.legend(frameon=False, fontsize="small")
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def _error_along(error: ErrorEstimate | None, samples: list[Sample], ax: Any) -> None:
    """The error bar of f over the points, on the scale of |r|."""
    if error is None or error.is_bound or isinstance(error.relative, dict):
        return
    points = np.concatenate([sample.points for sample in samples if sample.on in ("train", "test")])
    if not points.size or not np.issubdtype(points.dtype, np.floating):
        return
    x = np.linspace(points.min(), points.max(), 301)
    bars = np.abs(np.asarray(error.along(x))).reshape(x.size, -1).max(axis=1)
    (line,) = ax.plot(x, logarithm(bars), linewidth=1, label="error of f, estimated")
    line.set_color(ax.xaxis.label.get_color())
