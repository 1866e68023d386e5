"""Pictures of the economy under f: its paths, and where it is how often."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

import fesolve as fe

from ._points import named
from ._style import colour, legend, quiet, several_or_new


SHOWN = 3
"""Paths that are drawn one by one."""


def paths(
    f: Any,
    law: fe.Ergodic | fe.Diffusion | Any,
    *,
    of: Callable | None = None,
    paths: int = 200,
    key: PRNGKeyArray,
    ax: Any = None,
) -> Any:
    """Simulated paths of y_t = of(f, x_t): their median, the middle half, nine in ten, and a few of
    them one by one.

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion under f, with its start, its shocks and its length.
    - `of`: `of(f, x)`, the quantities y by name; by default the state.
    - `paths`: how many.
    - `key`: a PRNG key.
    - `ax`: matplotlib axes to draw on, one a quantity.

    **Returns:** the axes; an array of them where there are several quantities.
    """
    times, found = _simulated(f, law, of, paths, key)
    axes = several_or_new(ax, len(found))
    for i, (ax, (name, values)) in enumerate(zip(axes, found.items(), strict=True)):
        for low, high, alpha, label in ((5, 95, 0.15, "nine in ten"), (25, 75, 0.3, "half")):
            band = np.percentile(values, (low, high), axis=0)
            look = {"color": colour(i), "alpha": alpha, "linewidth": 0, "label": label}
            if paths > SHOWN:
                ax.fill_between(times, *band, **look)
        for one in values[: min(paths, SHOWN)]:
            ax.plot(times, one, color=colour(i), linewidth=0.6, alpha=0.7)
        median = np.median(values, axis=0)
        ax.plot(times, median, color=colour(i), linewidth=1.8, label="median")
        ax.set(xlabel="t", ylabel=name)
        legend(ax)
        quiet(ax)
    return axes if len(axes) > 1 else axes[0]


def density(
    f: Any,
    law: fe.Ergodic | fe.Diffusion | Any,
    *,
    of: Callable | None = None,
    paths: int = 200,
    exact: Callable | None = None,
    key: PRNGKeyArray,
    ax: Any = None,
) -> Any:
    """How often y = of(f, x) is where, on simulated paths: a histogram of area 1.

    **Arguments:**

    - `f`, `law`, `of`, `paths`, `key`: as for `fe.plots.paths`.
    - `exact`: the density of y, where it is known and y is one quantity; drawn as a line.
    - `ax`: matplotlib axes to draw on, one a quantity.

    **Returns:** the axes; an array of them where there are several quantities.
    """
    _, found = _simulated(f, law, of, paths, key)
    axes = several_or_new(ax, len(found))
    for i, (ax, (name, values)) in enumerate(zip(axes, found.items(), strict=True)):
        flat = values.ravel()
        look = {"color": colour(i), "alpha": 0.35, "label": f"{flat.size:,} states"}
        ax.hist(flat, bins=60, density=True, histtype="stepfilled", **look)
        if exact is not None and len(found) == 1:
            y = np.linspace(flat.min(), flat.max(), 301)
            ax.plot(y, np.asarray(jax.vmap(exact)(y)), color=colour(1), label="exact")
        ax.set(xlabel=name, ylabel="density")
        legend(ax)
        quiet(ax)
    return axes if len(axes) > 1 else axes[0]


def _simulated(
    f: Any, law: Any, of: Callable | None, number: int, key: PRNGKeyArray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The times of the states that are kept, and the quantities on each path.

    **Raises:** `ValueError` for a law that cannot be simulated.
    """
    if isinstance(law, fe.Ergodic):
        kept, length = law.periods - law.burn_in, 1.0
    elif isinstance(law, fe.Diffusion):
        kept, length = law.steps + 1 - law.dropped, float(law.horizon) / law.steps
    else:
        raise ValueError(
            f"`law` must be an `fe.Ergodic` or an `fe.Diffusion`; got a {type(law).__name__}"
        )
    states = law.given(f).simulate(number * kept, key=key)
    by_path = lambda leaf: np.asarray(leaf).reshape(number, kept, *leaf.shape[1:])
    return length * np.arange(kept), named(of, f, jax.tree.map(by_path, states))
