"""The figure of bias and variance."""

from typing import Any

import numpy as np

from .._show import legend
from ._cells import Cell


def figure(cells: tuple[Cell, ...], axes: Any) -> Any:
    """eps_app and eps_app + excess over the unknowns of each class, one line an n."""
    if axes is None:
        try:
            import matplotlib.pyplot as plt
        except ImportError as missing:
            raise ImportError(
                "`ErrorCurve.plot` needs matplotlib: pip install 'fesolve[viz]'"
            ) from missing
        _, axes = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
    sizes = sorted({c.n for c in cells})
    for number, n in enumerate(sizes):
        some = sorted((c for c in cells if c.n == n), key=lambda c: c.unknowns)
        unknowns = [c.unknowns for c in some]
        if not number:
            app = [c.eps_app.value for c in some]
            axes.plot(
                unknowns,
                _above_zero(app),
                "--",
                color="0.5",
                linewidth=1,
                label=r"$\epsilon_{app}$",
            )
        # a mean that its standard error leaves open shows nothing
        known = [2 * c.excess.error < c.excess.value for c in some]
        total = np.array([c.eps_app.value + c.excess.value for c in some])
        total = np.where(known, total, np.nan)
        middle = np.array([c.eps_app.value + c.medians["excess"] for c in some])
        bars = [2 * c.excess.error for c in some]
        (line, *_) = axes.errorbar(
            unknowns, _above_zero(total), yerr=bars, marker=".", capsize=2, label=f"n = {n:,}"
        )
        axes.plot(unknowns, _above_zero(middle), ":", color=line.get_color(), linewidth=1)
    axes.set(xlabel="unknowns", ylabel="risk above the least", yscale="log")
    axes.spines[["top", "right"]].set_visible(False)
    legend(axes)
    return axes


def _above_zero(values: Any) -> np.ndarray:
    """What a logarithmic axis can show."""
    values = np.asarray(values, float)
    return np.where(values > 0, values, np.nan)
