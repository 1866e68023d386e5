"""How wrong f is, as it is told."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from .._compiled import compiled
from .._show import at, is_known, is_readable, is_whole, line, Plain, Shown, Word, words
from .._types import as_array, Hypothesis, Point


SURE = 2.0
"""An error is said to be below an accuracy where its estimate is by this factor, within which
estimates are right."""


def margin(is_bound: Any) -> float:
    """By what factor an estimate, or a bound, has to be below the accuracy asked for."""
    return 1.0 if bool(is_bound) else SURE


class ErrorEstimate(Shown):
    """How wrong f is: |d| / |f|, root mean squares of values under p*, with d the correction that
    the linearised equation D r(f)[d] = -r(f) still asks for, in a space richer than f's and on
    points that the solver did not see.

    Where the equation is well posed and f is near its solution, f + d is right to second order,
    so that |d| is the error.

    - `relative`: |d| / |f|, never below what rounding leaves, nor below the share of r that no
      change of f takes away; for an f of several functions a dictionary of them by name. Of the
      components of a vector the largest counts.
    - `is_bound`: whether it is rms(r) / conditioning instead, where no richer space is affordable.
    - `conditioning`: the least |dr| per |df|, in units of r per unit of f.
    - `floor`: the accuracy that can be had at all, rounding of r / conditioning, relative to f.
    - `bound`: rms(r) / conditioning, relative to f.
    - `determined`: whether the equations determine f: `False` where a change of f of unit size
      does not show in r above rounding, as where a condition is missing.
    - `doubtful`: whether some change of f, of its own size, hardly shows in r, or by much less
      than any other does.
    - `rms`: sqrt(R) on the fresh points, of all equations together.
    - `unit`: the size of the parts of which r is the sum: r is zero relative to this.
    - `left_over`: the part of `rms` that no change of f takes away.
    - `fresh`: whether the points were new; `False` where the population is not known.
    - `note`: what could not be known, in words.
    - `value`, `corrected`: f, and f + d, a module that is called as f is.
    - `free`: the change of f, of unit size, that shows least in r, as f is called.
    - `freest`: the point at which that change is largest; `None` inside of transformations, and
      where f has no points.
    """

    relative: Any
    is_bound: bool = eqx.field(static=True)
    conditioning: Any
    floor: Any
    bound: Any
    determined: Any
    doubtful: Any
    rms: Any
    unit: Any
    left_over: Any
    fresh: bool = eqx.field(static=True)
    note: str = eqx.field(static=True)
    value: Hypothesis
    corrected: Hypothesis
    shifted: Hypothesis
    freest: Point | None = None

    @property
    def largest(self) -> Any:
        """The largest relative error over the functions of f."""
        if not isinstance(self.relative, dict):
            return self.relative
        values = list(self.relative.values())
        return max(values) if isinstance(values[0], float) else jnp.max(jnp.stack(values))

    def at(self, x: Point) -> Any:
        """|d(x)|, the error bar of f at a point: a number, or an array shaped like f(x); for an f
        that is no function itself a dictionary of its functions by name."""
        return self._apart(self.corrected, x)

    def along(self, points: Point) -> Any:
        """The error bars at many points, stacked along the leading axis."""
        return _bars(self.value, self.corrected, points)

    def to_dict(self) -> dict[str, Any]:
        """The estimate as plain numbers, for JSON; what has no meaning is `None`."""
        plain = lambda x: float(x) if np.isfinite(np.asarray(x)) else None
        several = isinstance(self.relative, dict)
        relative = {k: plain(v) for k, v in self.relative.items()} if several else None
        return {
            "relative": relative if several else plain(self.relative),
            "is_bound": self.is_bound,
            "conditioning": plain(self.conditioning),
            "floor": plain(self.floor),
            "determined": bool(self.determined),
            "fresh": self.fresh,
            "note": self.note,
        }

    def free(self, x: Point) -> Any:
        """|the change of f(x)| along the direction that the equations determine least, of unit
        root mean square."""
        return self._apart(self.shifted, x)

    def _apart(self, other: Hypothesis, x: Point) -> Any:
        if callable(self.value):
            return _difference(self.value, other, "", x)
        known = self.relative if isinstance(self.relative, dict) else {}
        names = [name for name in known if callable(getattr(self.value, name, None))]
        return {name: _difference(self.value, other, name, x) for name in names}

    def __str__(self) -> str:
        return self.sentence if _is_single(self) else line(self)

    @property
    def sentence(self) -> str:
        """The estimate in words."""
        if self.note and not np.isfinite(np.asarray(self.largest)):
            return f"error of f not estimated: {self.note}"
        if not bool(self.determined):
            most = "" if self.freest is None else f", most of all at {at(self.freest)},"
            return (
                f"f is not determined: it may change by its own size{most} and no residual tells "
                f"(least |dr| per |df| {float(self.conditioning):.1e})"
            )
        what = "bound of the error of f" if self.is_bound else "error of f, estimated,"
        errors = self.relative if isinstance(self.relative, dict) else {"": self.relative}
        figures = ", ".join(
            f"{float(error):.1e}{f' of {name}' if name else ''}" for name, error in errors.items()
        )
        where = "" if self.fresh else "; on the sample alone"
        where += f"; no estimate: {self.note}" if self.is_bound and self.note else ""
        return f"{what} {figures} (least |dr| per |df| {float(self.conditioning):.1e}){where}"


def _difference(f: Hypothesis, other: Hypothesis, name: str, x: Point) -> Any:
    x = jax.tree.map(as_array, x)  # an argument of the program, and no part of its key
    return jax.tree.map(
        lambda a, b: jnp.abs(a - b), _evaluated(f, name, x), _evaluated(other, name, x)
    )


@compiled
def _bars(f: Hypothesis, other: Hypothesis, points: Point) -> PyTree:
    differ = lambda x: jax.tree.map(lambda a, b: jnp.abs(a - b), f(x), other(x))
    return jax.vmap(differ)(points)


@compiled
def _evaluated(f: Hypothesis, name: str, x: Point) -> PyTree:
    return (getattr(f, name) if name else f)(x)


@words.register
def _(estimate: ErrorEstimate) -> list[Word]:
    if _is_single(estimate):
        return [Word(Plain(estimate.sentence))]
    return [Word(estimate.relative, "relative"), Word(estimate.conditioning, "conditioning")]


def _is_single(estimate: ErrorEstimate) -> bool:
    """Whether this is one estimate that can be read: not traced, and no batch."""
    return is_whole(estimate) and is_known(estimate) and is_readable(estimate.rms)
