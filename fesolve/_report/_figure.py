"""The picture of a report."""

from typing import Any

import numpy as np

from ._statistics import logarithm, Sample


def figure(samples: list[Sample], axes: Any) -> Any:
    """log10 |r| of every sample of several points."""
    if axes is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise ImportError(
                "`RiskReport.plot` needs matplotlib: pip install 'fesolve[viz]'"
            ) from error
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
    if line:
        axes.set(xlabel="x", ylabel=r"$\log_{10}|r|$")
    else:
        axes.set(xlabel=r"$\log_{10}|r|$", ylabel="share of points with larger |r|", yscale="log")
    if several:
        axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    return axes
