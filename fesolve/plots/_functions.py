"""Pictures of f."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

import fesolve as fe

from ._points import box, from_columns, names, on_points, sample
from ._style import axes_or_new, COLOURS, quiet, RINGS


def functions(
    f: Mapping[str, Callable] | Callable,
    risk: fe.AbstractRisk,
    *,
    exact: Mapping[str, Callable] | Callable | None = None,
    error: fe.ErrorEstimate | None = None,
    coordinates: Sequence[str] | None = None,
    axes: Any = None,
) -> Any:
    """The graph of f along the first coordinate, at three levels of the second, with its error
    bars where they are wide enough to be seen.

    Further coordinates are held at the middle of the box.

    **Arguments:**

    - `f`: a function of a point, or several by name.
    - `risk`: a risk on a sample, which says where f lives.
    - `exact`: the solution, where it is known, by the same names; drawn as rings.
    - `error`: the estimated error of f, such as `report.error`; drawn as a band.
    - `coordinates`: the names of the coordinates of a point.
    - `axes`: matplotlib axes to draw on.

    **Returns:** the axes.

    **Raises:** `ValueError` where no term of `risk` stands on points.
    """
    terms = on_points(risk)
    if not terms:
        raise ValueError(
            "`risk` has no term on a sample of points: pass `risk.quadrature(n)` or "
            "`risk.empirical(n, key=key)`."
        )
    several = f if isinstance(f, Mapping) else {"f": f}
    truths = exact if isinstance(exact, Mapping) else dict.fromkeys(several, exact)
    lower, upper = box(terms[0])
    like = sample(terms[0]).points
    labels = names(coordinates, len(lower))
    axes = axes_or_new(axes)
    lines, levels = _lines(lower, upper)
    styles = ("-", "--", "-.")
    for (name, function), colour in zip(several.items(), COLOURS * len(several)):
        for columns, level, style in zip(lines, levels, styles):
            points = from_columns(columns, like)
            text = name if level is None else f"{name}, {labels[1]} = {level:.3g}"
            values = np.asarray(jax.vmap(function)(points)).reshape(len(columns), -1)
            axes.plot(columns[:, 0], values, style, color=colour, linewidth=1.6, label=text)
            for low, high in _bands(error, name, function, points, values):
                axes.fill_between(columns[:, 0], low, high, color=colour, alpha=0.2, linewidth=0)
            if callable(truths.get(name)):
                some = columns[::25]
                truth = jax.vmap(truths[name])(from_columns(some, like))
                label = "exact" if level == levels[-1] else None
                axes.plot(
                    some[:, 0], np.asarray(truth).reshape(len(some), -1), "o", **RINGS, label=label
                )
    _widen(axes)
    axes.set_xlabel(labels[0])
    axes.legend(frameon=False, fontsize="small")
    quiet(axes)
    return axes


def _bands(
    error: fe.ErrorEstimate | None, name: str, function: Callable, points: Any, values: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """The curves below and above each component of a function whose error is estimated."""
    if error is None or error.is_bound:
        return []
    if isinstance(error.relative, dict):
        better = getattr(error.corrected, name, None) if name in error.relative else None
    else:
        better = error.corrected if function is error.value else None
    if better is None:
        return []
    bars = np.abs(np.asarray(jax.vmap(better)(points)).reshape(values.shape) - values)
    return [(v - b, v + b) for v, b in zip(values.T, bars.T, strict=True)]


def _widen(axes: Any) -> None:
    """A constant is drawn as one, instead of its rounding errors magnified to the whole height."""
    values = np.concatenate([np.ravel(line.get_ydata()) for line in axes.get_lines()])
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6 * max(abs(low), abs(high)):
        margin = 0.1 * max(abs(low), abs(high))
        axes.set_ylim(low - margin, high + margin)


def _lines(lower: np.ndarray, upper: np.ndarray) -> tuple[list[np.ndarray], list[float | None]]:
    """Lines of points along the first coordinate, and the level of the second on each."""
    line = np.tile((lower + upper) / 2, (401, 1))
    line[:, 0] = np.linspace(lower[0], upper[0], 401)
    if len(lower) == 1:
        return [line], [None]
    lines, levels = [], []
    for share in (0.1, 0.5, 0.9):
        level = float(lower[1] + share * (upper[1] - lower[1]))
        copy = line.copy()
        copy[:, 1] = level
        lines.append(copy)
        levels.append(0.0 if abs(level) < 1e-12 * (upper[1] - lower[1]) else level)
    return lines, levels
