"""How every figure looks, and the one import of matplotlib."""

from typing import Any


# Blue, vermilion, green, purple: told apart by readers who see colours differently, and in print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#8e5ea2")
# Open rings lie on a line without hiding it.
RINGS = {"color": "#333333", "markerfacecolor": "none", "markersize": 5, "markeredgewidth": 0.9}


def pyplot() -> Any:
    """matplotlib.pyplot, or the sentence that says how to have it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Figures need matplotlib, which is not installed: pip install 'fesolve[viz]'"
        ) from error
    return plt


def axes_or_new(axes: Any) -> Any:
    """`axes`, or those of a new figure."""
    if axes is not None:
        return axes
    return pyplot().subplots(figsize=(5.0, 3.8), layout="constrained")[1]


def quiet(axes: Any) -> None:
    """Takes away the ink that carries nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
