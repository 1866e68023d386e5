"""The figure that a solve leaves behind."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import fesolve as fe

from ._functions import functions as draw_functions
from ._points import sample, sampled
from ._residuals import distribution, residuals
from ._style import several_or_new


def solution(
    f: Any,
    risks: dict[str, fe.AbstractRisk],
    *,
    functions: Mapping[str, Callable] | None = None,
    exact: Mapping[str, Callable] | Callable | None = None,
    error: fe.ErrorEstimate | None = None,
    report: fe.RiskReport | None = None,
    coordinates: Sequence[str] | None = None,
    along: str | None = None,
    over: fe.AbstractDistribution | None = None,
    title: str | None = None,
    ax: Any = None,
) -> Any:
    """f, its residuals over the state space, and their distribution on every sample.

    **Arguments:**

    - `f`: the hypothesis.
    - `risks`: risks on samples, by name. The residuals are mapped on `"test"`, else on the first.
    - `functions`: what to show of f, by name: functions of a point. By default f itself.
    - `exact`: the solution, by the same names.
    - `error`: the estimated error of f, such as `report.error`; drawn as a band around f.
    - `report`: a report on f, whose residuals on the same points are drawn, and not found again.
    - `coordinates`, `along`: as for `fe.plots.functions`.
    - `over`: where `functions` live, if it is not where the residuals do: a distribution, of named
      coordinates such as `fe.Product(cash=fe.Uniform(0.0, 10.0))`.
    - `title`: a line above the figure.
    - `ax`: three matplotlib axes to draw on.

    **Returns:** an array of the three axes.
    """
    name = "test" if "test" in risks else next(iter(risks))
    mapped = risks[name]
    panels = several_or_new(ax, 3)
    shown = {"f": f} if functions is None else functions
    names = coordinates if over is None else None
    given = {"exact": exact, "error": error, "coordinates": names, "along": along}
    draw_functions(shown, mapped if over is None else over, **given, ax=panels[0])
    panels[0].set_title("solution", fontsize="medium")
    residuals(f, mapped, report=report, coordinates=coordinates, ax=panels[1])
    panels[1].set_title(f"residuals, {name}: {_kind(mapped)}", fontsize="medium")
    distribution(f, risks, report=report, ax=panels[2])
    panels[2].set_title("how many are how large", fontsize="medium")
    if title:
        panels[0].figure.suptitle(title, fontsize="large")
    return panels


def _kind(risk: fe.AbstractRisk) -> str:
    """What points these are: nodes of a rule have unlike weights, or are known to be no draws."""
    weights = np.asarray(sample(sampled(risk)[0]).weights)
    kind = "points" if np.ptp(weights) <= 1e-6 * weights.max() else "nodes"
    return f"{len(weights):,} {kind}"
