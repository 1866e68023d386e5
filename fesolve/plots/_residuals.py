"""Pictures of residuals: where they are large, and how they are distributed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

import fesolve as fe

from ._points import absolute, as_columns, logarithm, names, on_points, sample
from ._style import axes_or_new, COLOURS, pyplot, quiet


def residuals(
    f: Any,
    risk: fe.AbstractRisk,
    *,
    coordinates: Sequence[str] | None = None,
    axes: Any = None,
) -> Any:
    """log10 |r(f, x)| over the points x of a sample: over a line, or a map of the first two
    coordinates. Of several components the largest is shown.

    **Arguments:**

    - `f`: the hypothesis.
    - `risk`: a risk on a sample; the more points, the finer the picture.
    - `coordinates`: the names of the coordinates of a point.
    - `axes`: matplotlib axes to draw on.

    **Returns:** the axes.
    """
    axes = axes_or_new(axes)
    terms = on_points(risk)
    for term, colour in zip(terms, COLOURS * len(terms)):
        columns = as_columns(sample(term).points)
        values = logarithm(absolute(f, term))
        labels = names(coordinates, columns.shape[1])
        if columns.shape[1] == 1:
            order = np.argsort(columns[:, 0])
            label = term.name if len(terms) > 1 else None
            axes.plot(
                columns[order, 0], values[order], ".", color=colour, markersize=3, label=label
            )
            axes.set(xlabel=labels[0], ylabel=r"$\log_{10}|r|$")
            quiet(axes)
        else:
            # The largest are drawn last, so that no point hides a worse one.
            order = np.argsort(values)
            dots = axes.scatter(
                columns[order, 0],
                columns[order, 1],
                c=values[order],
                s=6,
                cmap="viridis",
                rasterized=True,
            )
            pyplot().colorbar(dots, ax=axes, label=r"$\log_{10}|r|$")
            axes.set(xlabel=labels[0], ylabel=labels[1])
            break
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize="small")
    return axes


def distribution(f: Any, risks: dict[str, fe.AbstractRisk], *, axes: Any = None) -> Any:
    """The share of points at which |r| is larger than a value, on several samples.

    **Arguments:**

    - `f`: the hypothesis.
    - `risks`: risks on samples, by name, such as train, test and the simulated path.
    - `axes`: matplotlib axes to draw on.

    **Returns:** the axes.
    """
    axes = axes_or_new(axes)
    for (name, risk), colour in zip(risks.items(), COLOURS * len(risks)):
        terms = on_points(risk)
        if not terms:
            continue
        values = np.sort(np.concatenate([logarithm(absolute(f, term)) for term in terms]))
        share = 1 - np.arange(len(values)) / len(values)
        axes.step(values, share, where="post", color=colour, linewidth=1.6, label=name)
        axes.plot(values[-1], share[-1], "o", color=colour, markersize=4)
    axes.set(xlabel=r"$\log_{10}|r|$", ylabel="share of points with larger |r|", yscale="log")
    axes.legend(frameon=False, fontsize="small", loc="lower left")
    quiet(axes)
    return axes
