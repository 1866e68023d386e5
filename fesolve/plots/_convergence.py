"""Pictures of how errors fall: with the degree, with the points, and along the coefficients."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

import fesolve as fe

from ._style import axes_or_new, colour, legend, plain, quiet, STYLES


MARKERS = ("o", "s", "^", "D", "v", "x")


def coefficients(f: Any, *, ax: Any = None) -> Any:
    """|c_k| of every series in f against its degree, or against k where its functions have none.

    A solution that is smooth has coefficients that fall in a straight line down to rounding; where
    they still fall at the last degree, a higher one helps. Zeros are left out.

    **Arguments:**

    - `f`: a hypothesis that is made of `fe.Series`.
    - `ax`: matplotlib axes to draw on.

    **Returns:** the axes.

    **Raises:** `ValueError` where there is no series in f.
    """
    is_series = lambda node: isinstance(node, fe.Series)
    leaves = jax.tree_util.tree_leaves_with_path(f, is_leaf=is_series)
    found = [(jax.tree_util.keystr(path), node) for path, node in leaves if is_series(node)]
    if not found:
        raise ValueError("`f` has no `fe.Series`, and only series have coefficients")
    ax = axes_or_new(ax)
    several = len(found) > 1
    number, ordered = 0, True
    for path, series in found:
        degrees = _degrees(series.basis)
        ordered &= degrees is not None
        rows = np.abs(np.asarray(series.coefficients)).reshape(-1, series.basis.size)
        for j, row in enumerate(rows):
            k = np.arange(row.size) if degrees is None else degrees
            seen = row > 0
            parts = [path.lstrip(".")] if several and path else []
            parts += [f"component {j + 1}"] if len(rows) > 1 else []
            look = {"color": colour(number), "markersize": 4, "linestyle": "none"}
            mark = MARKERS[number % len(MARKERS)]
            ax.plot(k[seen], row[seen], mark, label=" ".join(parts) or None, **look)
            number += 1
    ax.set(xlabel="degree" if ordered else "k", ylabel=r"$|c_k|$", yscale="log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    legend(ax)
    quiet(ax)
    return ax


def _degrees(basis: fe.AbstractBasis) -> np.ndarray | None:
    """The degree of each function of a basis, in all coordinates together."""
    return None if basis.degrees is None else np.asarray(basis.degrees)


def convergence(
    errors: Mapping[str, Mapping] | Mapping,
    *,
    label: str = "degree",
    asked: float | None = None,
    ax: Any = None,
) -> Any:
    """Errors against the degree, the number of points or the width, on a logarithmic scale; both
    scales are logarithmic where the largest number is 30 times the smallest, since a rate in n is
    then a straight line.

    ```python
    degrees = {d: float(solve(d).stats["error"]) for d in range(2, 20, 2)}
    fe.plots.convergence({"estimated": degrees, "true": truth}, asked=1e-3)
    ```

    **Arguments:**

    - `errors`: the error at each degree, or several such curves by name.
    - `label`: what is on the axis.
    - `asked`: an accuracy that was asked for, drawn as a line.
    - `ax`: matplotlib axes to draw on.

    **Returns:** the axes.
    """
    several = errors if all(isinstance(e, Mapping) for e in errors.values()) else {"": errors}
    ax = axes_or_new(ax)
    numbers: list[float] = []
    for i, (name, curve) in enumerate(several.items()):
        x = np.array(sorted(curve), float)
        y = np.array([float(curve[n]) for n in sorted(curve)])
        seen = y > 0
        numbers += x[seen].tolist()
        look = {"color": colour(i), "markersize": 4, "linewidth": 1.4}
        style = MARKERS[i % len(MARKERS)] + STYLES[i % len(STYLES)]
        ax.plot(x[seen], y[seen], style, label=name or None, **look)
    if asked is not None:
        ax.axhline(asked, color="0.6", linewidth=1.0, label="asked for")
    ax.set(xlabel=label, ylabel="error of f", yscale="log")
    if numbers and min(numbers) > 0 and max(numbers) >= 30 * min(numbers):
        ax.set_xscale("log")
    elif all(number.is_integer() for number in numbers):
        ax.xaxis.get_major_locator().set_params(integer=True)
    plain(ax)
    legend(ax)
    quiet(ax)
    return ax
