"""The picture of a report."""

from typing import Any

import numpy as np

from .._judge import ErrorEstimate
from ._statistics import logarithm, Sample


def figure(samples: list[Sample], error: ErrorEstimate | None, axes: Any) -> Any:
    """log10 |r| of every sample of several points, and along a number x the error of f."""
    if axes is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as missing:
            raise ImportError(
                "`RiskReport.plot` needs matplotlib: pip install 'fesolve[viz]'"
            ) from missing
        _, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    several = [sample for sample in samples if len(sample.sizes) > 1]
    one = len({sample.equation for sample in several}) == 1
    line = all(isinstance(s.points, np.ndarray) and s.points.ndim == 1 for s in several)
    for sample in several:
        label = sample.on if one else f"{sample.on}: {sample.equation}"
        values = logarithm(sample.sizes)
        if line:
            order = np.argsort(sample.points)
            axes.plot(sample.points[order], values[order], ".", markersize=3, label=label)
        else:
            share = 1 - np.arange(len(values)) / len(values)
            axes.step(np.sort(values), share, where="post", label=label)
    if line and several:
        _error_along(error, several, axes)
    if line:
        axes.set(xlabel="x", ylabel=r"$\log_{10}|r|$")
    else:
        axes.set(xlabel=r"$\log_{10}|r|$", ylabel="share of points with larger |r|", yscale="log")
    if several:
        axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _error_along(error: ErrorEstimate | None, samples: list[Sample], axes: Any) -> None:
    """The error bar of f over the points, on the scale of |r|."""
    if error is None or error.is_bound or isinstance(error.relative, dict):
        return
    points = np.concatenate([sample.points for sample in samples if sample.on in ("train", "test")])
    if not points.size or not np.issubdtype(points.dtype, np.floating):
        return
    x = np.linspace(points.min(), points.max(), 301)
    bars = np.abs(np.asarray(error.along(x))).reshape(x.size, -1).max(axis=1)
    axes.plot(x, logarithm(bars), color="0.2", linewidth=1, label="error of f, estimated")
