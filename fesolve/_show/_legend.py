"""Where the legend of a figure stands."""

from collections.abc import Sequence
from typing import Any


MANY = 6
"""Entries that find room inside of a figure."""


def legend(ax: Any, entries: Sequence[Any] | None = None, **where: Any) -> None:
    """A legend of these entries, or of all that have a label: inside of the axes where it hides no
    line and no point, else below them, in as many columns as there is room for."""
    handles = list(ax.get_legend_handles_labels()[0] if entries is None else entries)
    if not handles:
        return
    look = {"handles": handles, "frameon": False, "fontsize": "small"}
    if len(handles) <= MANY:
        drawn = ax.legend(**look, **where)
        ax.figure.draw_without_rendering()
        if not _hides(drawn, ax):
            return
    # what the figure leaves to the axes depends on a legend, so that they are measured without one
    ax.legend(handles=[], frameon=False)
    ax.figure.draw_without_rendering()
    around, inside = ax.get_tightbbox(), ax.get_window_extent()
    drop = (inside.y0 - around.y0) / ax.figure.dpi + 0.08
    for columns in (4, 3, 2, 1):
        width = _below(ax, look, columns, drop, centred=True)
        if width <= inside.width:
            return
        if width <= around.width or columns == 1:
            _below(ax, look, columns, drop, centred=False)
            return


def _below(ax: Any, look: dict, columns: int, drop: float, *, centred: bool) -> float:
    """Draws it so many inches below the axes, in the middle or at the right. Its width."""
    from matplotlib.transforms import ScaledTranslation

    down = ax.transAxes + ScaledTranslation(0, -drop, ax.figure.dpi_scale_trans)
    loc, x = ("upper center", 0.5) if centred else ("upper right", 1.0)
    place = {"loc": loc, "bbox_to_anchor": (x, 0.0), "bbox_transform": down, "borderaxespad": 0.0}
    drawn = ax.legend(**look, ncols=columns, **place)
    return drawn.get_window_extent().width


def _hides(drawn: Any, ax: Any) -> bool:
    """Whether a line or a point of the axes lies below a legend."""
    box = drawn.get_window_extent()
    for line in ax.get_lines():
        path = line.get_transform().transform_path(line.get_path()).cleaned(remove_nans=True)
        is_dots = line.get_linestyle() in ("None", "none", "", " ")
        if box.count_contains(path.vertices) if is_dots else path.intersects_bbox(box, False):
            return True
    return False
