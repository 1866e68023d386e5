"""Pictures of f."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import numpy as np

import fesolve as fe

from ._points import box, evaluated, from_columns, names, on_some_points, sample, sampled, whole
from ._style import axes_or_new, colour, legend, pyplot, quiet, rings, STYLES


RINGS = 16
"""How many points of an exact solution are drawn, about."""
THIN = 0.004
"""Half of the width of a line, as a share of the height of a figure."""
FLAT = 0.2
"""The height of a figure of a constant, as a share of it."""


def functions(
    f: Mapping[str, Callable] | fe.Functions | Callable,
    where: fe.AbstractRisk | fe.AbstractDistribution,
    *,
    exact: Mapping[str, Callable] | Callable | None = None,
    error: fe.ErrorEstimate | None = None,
    coordinates: Sequence[str] | None = None,
    along: str | None = None,
    diagonal: bool = False,
    ax: Any = None,
) -> Any:
    """The graph of f along a coordinate, at three levels of the next one, with its error band.

    Functions and their components are told apart by colour, levels by line; of a single function
    the levels by both; levels at which nothing differs are one line. Further coordinates are held
    at the middle of the box. The label of the band says how wide it is, since a good one cannot be
    seen.

    ```python
    fe.plots.functions(k1, risk.quadrature(12), error=report.error, diagonal=True)
    ```

    **Arguments:**

    - `f`: a function of a point, or several by name: a dictionary, or `fe.Functions`.
    - `where`: where f lives: a distribution such as `fe.Uniform(0.0, 1.0)`, or a risk on a sample.
    - `exact`: the solution, where it is known: a function, or several by the names of `f` or of the
      methods that these are; drawn as rings.
    - `error`: the estimated error of f, such as `report.error`; drawn as a band.
    - `coordinates`: the names of the coordinates of a point, with units where they have one; by
      default those that points have, where they are dictionaries.
    - `along`: the name of the coordinate on the axis; by default the first.
    - `diagonal`: whether to draw the line of 45 degrees, on which tomorrow's state is today's.
    - `ax`: matplotlib axes to draw on.

    **Returns:** the axes.

    **Raises:** `ValueError` where no term of a risk stands on points, for one exact solution of
    several functions, and where `along` is no coordinate.
    """
    term = sampled(on_some_points(where))[0]
    several = _several(f)
    truths = _truths(several, exact)
    like = sample(term).points
    lower, upper = box(term)
    labels = names(coordinates, len(lower), like)
    axis = _position(along, labels)
    ax = axes_or_new(ax)
    lines, levels, level_name = _lines(lower, upper, axis, labels, whole(like))
    everywhere = _values(several, lines, like)
    alike = _alike(list(everywhere.values()))
    lines = [lines[same[0]] for same in alike]
    values = {name: v[[same[0] for same in alike]] for name, v in everywhere.items()}
    bars = {n: _bars(error, n, several[n], lines, like, v) for n, v in values.items()}
    some = [columns[:: max(len(columns) // RINGS, 1)] for columns in lines]
    known = _values({n: g for n, g in truths.items() if g is not None}, some, like)
    curves = [
        (name, j, name if v[0].shape[1] == 1 else f"{name} {j + 1}")
        for name, v in values.items()
        for j in range(v[0].shape[1])
    ]
    width = None
    for i, (name, j, _) in enumerate(curves):
        for k, columns in enumerate(lines):
            x, y = columns[:, axis], values[name][k][:, j]
            paint = colour(k if len(curves) == 1 else i)
            ax.plot(x, y, STYLES[k], color=paint, linewidth=1.6)
            bar = bars[name]
            if bar is not None:
                band = (y - bar[k][:, j], y + bar[k][:, j])
                ax.fill_between(x, *band, color=paint, alpha=0.25, linewidth=0)
                width = max(width or 0.0, float(bar[k][:, j].max()))
            if name in known:
                ax.plot(some[k][:, axis], known[name][k][:, j], **rings())
    _widen(ax)
    if diagonal:
        ends = np.array([lower[axis], upper[axis]])
        ax.plot(ends, ends, color="0.6", linewidth=1.0, zorder=0)
    several_levels = [[f"{levels[k]:.6g}" for k in same] for same in alike if levels]
    level_labels = [f"{level_name} = {', '.join(texts)}" for texts in several_levels]
    entries = _entries([label for *_, label in curves], level_labels, bool(known), width, diagonal)
    ax.set(xlabel=labels[axis], ylabel=curves[0][2] if len(curves) == 1 else "")
    legend(ax, entries)
    quiet(ax)
    return ax


def _several(f: Any) -> dict[str, Callable]:
    """The functions of f by name."""
    if isinstance(f, Mapping):
        return dict(f)
    if not isinstance(f, fe.Functions):
        return {"f": f}
    given = f.functions
    return dict(given) if isinstance(given, dict) else given._asdict()


def _truths(several: dict[str, Callable], exact: Any) -> dict[str, Callable | None]:
    """The exact solution of each function, by its name or by that of the method it is."""
    if exact is None or isinstance(exact, Mapping):
        known = {n: g for n, g in (exact or {}).items() if callable(g)}
        method = {n: getattr(g, "__name__", "") for n, g in several.items()}
        return {n: known.get(n, known.get(method[n])) for n in several}
    if not callable(exact):
        return dict.fromkeys(several)
    if len(several) > 1:
        raise ValueError(
            f"`exact` is one function, and `f` are {list(several)}: pass `exact={{name: function}}`"
        )
    return dict.fromkeys(several, exact)


def _position(along: str | None, labels: list[str]) -> int:
    if along is None:
        return 0
    if along not in labels:
        raise ValueError(f"`along` is {along!r}; the coordinates are {labels}")
    return labels.index(along)


def _values(
    several: Mapping[str, Callable], lines: list[np.ndarray], like: Any
) -> dict[str, np.ndarray]:
    """Arrays (lines, points, components) of functions, by their names."""
    if not several:
        return {}
    points = from_columns(np.concatenate(lines), like)
    found = evaluated(lambda x: {name: g(x) for name, g in several.items()}, points)
    shape = len(lines), len(lines[0]), -1
    return {name: np.asarray(found[name]).reshape(shape) for name in several}


def _bars(
    error: fe.ErrorEstimate | None,
    name: str,
    function: Callable,
    lines: list[np.ndarray],
    like: Any,
    values: np.ndarray,
) -> np.ndarray | None:
    """The error of each component of a function on these lines, where it is estimated."""
    if error is None or error.is_bound:
        return None
    if isinstance(error.relative, dict):
        known = [n for n in (name, getattr(function, "__name__", "")) if n in error.relative]
        better = getattr(error.corrected, known[0], None) if known else None
    else:
        better = error.corrected if bool(eqx.tree_equal(function, error.value)) else None
    if better is None:
        return None
    return np.abs(_values({name: better}, lines, like)[name] - values)


def _entries(
    curves: list[str], levels: list[str], has_truth: bool, width: float | None, diagonal: bool
) -> list[Any]:
    """What stands in the legend: curves by colour, levels by line, and what else is drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    ink = pyplot().rcParams["text.color"]
    line = lambda text, **look: Line2D([], [], label=text, **look)
    several = len(curves) > 1
    found = [line(text, color=colour(i)) for i, text in enumerate(curves)] if several else []
    for k, text in enumerate(levels):
        found.append(line(text, color=ink if several else colour(k), linestyle=STYLES[k]))
    if has_truth:
        found.append(line("exact", **rings()))
    if width is not None:
        found.append(
            Patch(color=colour(0), alpha=0.25, label=f"estimated error, up to {width:.0e}")
        )
    if diagonal:
        found.append(line("45 degrees", color="0.6", linewidth=1.0))
    return found


def _alike(values: list[np.ndarray]) -> list[list[int]]:
    """Levels whose curves lie less than the width of a line apart, together. `values` are arrays
    (levels, points, components), one a function."""
    every = np.concatenate([np.ravel(v) for v in values])
    every = every[np.isfinite(every)]
    extent = np.ptp(every) if every.size else 0.0
    if every.size:
        extent = max(extent, FLAT * np.abs(every).max())
    found: list[list[int]] = []
    for k in range(len(values[0])):
        near = lambda same, k=k: all(
            np.allclose(v[k], v[same[0]], rtol=0, atol=THIN * extent, equal_nan=True)
            for v in values
        )
        home = next(filter(near, found), None)
        found.append([k]) if home is None else home.append(k)
    return found


def _widen(ax: Any) -> None:
    """A constant is drawn as one, instead of its rounding errors magnified to the whole height."""
    values = np.concatenate([np.ravel(line.get_ydata()) for line in ax.get_lines()])
    values = values[np.isfinite(values)]
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-6 * max(abs(low), abs(high)):
        margin = FLAT / 2 * max(abs(low), abs(high))
        ax.set_ylim(low - margin, high + margin)


def _lines(
    lower: np.ndarray, upper: np.ndarray, axis: int, labels: list[str], is_whole: np.ndarray
) -> tuple[list[np.ndarray], list[float], str]:
    """Lines of points along a coordinate; the levels of the next one on each; and its name."""
    middle = (lower + upper) / 2
    along = np.linspace(lower[axis], upper[axis], 401)
    along = np.unique(np.round(along)) if is_whole[axis] else along
    line = np.tile(np.where(is_whole, np.floor(middle), middle), (len(along), 1))
    line[:, axis] = along
    if len(lower) == 1:
        return [line], [], ""
    other = (axis + 1) % len(lower)
    levels = round_levels(lower[other], upper[other], whole=bool(is_whole[other]))
    lines = []
    for level in levels:
        copy = line.copy()
        copy[:, other] = level
        lines.append(copy)
    return lines, levels, labels[other]


def round_levels(low: float, high: float, *, whole: bool = False) -> list[float]:
    """About a tenth, a half and nine tenths of the way, in as few digits as tell them apart."""
    if not high > low:
        return [float(low)]
    wanted = [low + share * (high - low) for share in (0.1, 0.5, 0.9)]
    if whole:
        return sorted({float(np.clip(np.round(level), low, high)) for level in wanted})
    for digits in range(-int(np.floor(np.log10(high - low))), 20):
        # + 0.0 makes a zero of minus zero
        levels = [float(np.round(level, digits)) + 0.0 for level in wanted]
        off = max(abs(a - b) for a, b in zip(levels, wanted))
        if off <= 0.06 * (high - low) and low <= levels[0] and levels[2] <= high:
            return levels
    return wanted
