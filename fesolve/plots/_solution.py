"""The figure that a solve leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fesolve as fe

from ._functions import functions as draw_functions
from ._residuals import distribution, residuals
from ._style import pyplot


def solution(
    f: Any,
    risks: dict[str, fe.AbstractRisk],
    *,
    functions: Mapping[str, Callable] | None = None,
    exact: Mapping[str, Callable] | Callable | None = None,
    error: fe.ErrorEstimate | None = None,
    coordinates: Sequence[str] | None = None,
    title: str | None = None,
) -> Any:
    """f, its residuals over the state space, and their distribution on every sample.

    **Arguments:**

    - `f`: the hypothesis.
    - `risks`: risks on samples, by name. The residuals are mapped on `"test"`, else on the first.
    - `functions`: what to show of f, by name: functions of a point. By default f itself.
    - `exact`: the solution, by the same names.
    - `error`: the estimated error of f, such as `report.error`; drawn as a band around f.
    - `coordinates`: the names of the coordinates of a point.
    - `title`: a line above the figure.

    **Returns:** the matplotlib figure.
    """
    plt = pyplot()
    figure, panels = plt.subplots(1, 3, figsize=(13.0, 3.9), layout="constrained")
    mapped = risks.get("test", next(iter(risks.values())))
    shown = {"f": f} if functions is None else functions
    given = {"exact": exact, "error": error, "coordinates": coordinates}
    draw_functions(shown, mapped, **given, axes=panels[0])
    panels[0].set_title("solution", fontsize="medium")
    residuals(f, mapped, coordinates=coordinates, axes=panels[1])
    panels[1].set_title("residuals at fresh points", fontsize="medium")
    distribution(f, risks, axes=panels[2])
    panels[2].set_title("how many are how large", fontsize="medium")
    if title:
        figure.suptitle(title, fontsize="large")
    return figure
