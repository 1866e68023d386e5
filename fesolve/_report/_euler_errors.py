"""Euler errors as economists report them: log10, in units of consumption, with quantiles."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._entry import entry
from .._risk import AbstractRisk, Pairs, require_sample
from .._show import Table
from .._solver import Solution
from .._types import Hypothesis, Point
from .._worst import Field
from ._statistics import distinct, distribution_of, FIGURES, logarithm, weights_of
from ._tabular import AbstractReport


def consumption_units(gamma: float) -> Callable[[ArrayLike], Array]:
    """r = 1 - beta E[u'(c') R'] / u'(c) as the relative error of consumption, with u' = c^-gamma.

    The Euler equation implies the consumption c (1 - r)^(-1 / gamma), from which f is off by
    (1 - r)^(-1 / gamma) - 1: an error of 1e-3 is a mistake of a dollar for every thousand spent.
    Where r >= 1 no consumption is implied, and the error is infinite.

    **Arguments:** `gamma`, the relative risk aversion; 1 is the logarithm.

    **Returns:** a function of r, for the `units` of `fe.euler_errors`.

    **Source:** Judd (1992), Projection methods for solving aggregate growth models, JET.
    """
    if not gamma > 0:
        raise ValueError(f"`gamma` is a relative risk aversion and must be above 0; got {gamma}")

    def units(r: ArrayLike) -> Array:
        r = jnp.asarray(r)
        inside = r < 1
        # log1p and expm1, so that small errors keep their digits
        error = jnp.expm1(-jnp.log1p(-jnp.where(inside, r, 0)) / gamma)
        return jnp.where(inside, error, jnp.inf)

    return units


class EulerErrors(AbstractReport):
    """log10 |error| of each equation on each sample: what `fe.euler_errors` returns.

    - `on`, `equations`: the names of sample and equation of each row.
    - `figures`: mean, median, p90, p99 and max of log10 |error| in each row.
    - `points`: the points where the maxima are.
    - `counts`: how many points there are.
    """

    on: list[str]
    equations: list[str]
    figures: list[dict[str, float]]
    points: list[Point]
    counts: list[int]

    @property
    def table(self) -> Table:
        rows = zip(self.figures, self.points, self.counts, strict=True)
        return Table(
            "log10 |Euler error|",
            list(zip(self.on, self.equations, strict=True)),
            [*FIGURES, "max at", "points"],
            [[*(figures[name] for name in FIGURES), at, n] for figures, at, n in rows],
            index=("", "equation"),
        )

    def to_dict(self) -> dict[str, dict[str, dict[str, float]]]:
        """The figures by sample and equation, for JSON."""
        found: dict[str, dict[str, dict[str, float]]] = {}
        for on, equation, figures in zip(self.on, self.equations, self.figures, strict=True):
            found.setdefault(on, {})[equation] = dict(figures)
        return found


@entry
def euler_errors(
    f: Hypothesis,
    *,
    units: Callable[[ArrayLike], Any] | Mapping[str, Callable[[ArrayLike], Any]] | None = None,
    **risks: AbstractRisk | Any,
) -> EulerErrors:
    """Mean, median, p90, p99 and max of log10 |Euler error| on each sample. Never a bare mean.

    Errors at the points of training are small by construction, and a mean hides the states where
    the policy is wrong. So give fresh points, the path of the policy with a finer quadrature of its
    shocks, and the whole box:

    ```python
    path = fe.Risk(euler, ergodic.given(c), shock=shock.quadrature(15))
    print(fe.euler_errors(c, units=fe.consumption_units(2.0), path=path.empirical(10_000, key=key)))
    ```

    The maximum is that over the points given; `fe.RiskReport` seeks it over the whole support.

    **Arguments:**

    - `f`: the hypothesis, such as `solution.value`.
    - `units`: from the residual to the units that are reported, such as
      `fe.consumption_units(gamma)`; by default the residual as it is. A dict of functions by the
      name of the equation, where there are several.
    - `risks`: risks on samples, each under the name of its keyword.

    **Returns:** an `fe.EulerErrors`, with `.to_dict()` and `.to_pandas()`.

    **Raises:** `ValueError` for a risk without sample, for one whose shocks are drawn (of which a
    single residual says nothing), and for a name in `units` that no equation has.
    """
    if isinstance(f, Solution):
        raise ValueError("`f` is a `Solution`: pass its f, `solution.value`")
    if not risks:
        raise ValueError("nothing to report on: pass risks on samples, such as `test=`")
    found, names = EulerErrors([], [], [], [], []), []
    for on, risk in risks.items():
        _check(on, risk)
        labels = []
        for term in risk.terms:
            field = Field(term, f)
            values = field.at(field.points).astype(np.float64)
            weights = weights_of(term)
            for name, columns in zip(field.names, field.columns, strict=True):
                sizes = _sizes(values[:, columns], _units_of(units, name))
                worst = int(np.argmax(sizes))
                found.on.append(on)
                labels.append(name)
                top = {"max": float(logarithm(sizes[worst]))}
                found.figures.append({**distribution_of(sizes, weights), **top})
                found.points.append(_at(field.points, worst))
                found.counts.append(len(sizes))
        names += labels
        found.equations.extend(distinct(labels))
    _check_units(units, names)
    return found


def _sizes(values: Float[np.ndarray, "n m"], units: Callable | None) -> Float[np.ndarray, " n"]:
    """|error| at each point: the largest component; infinite where it is not finite."""
    if units is not None:
        values = np.asarray(jax.vmap(jax.vmap(units))(jnp.asarray(values)), np.float64)
    return np.where(np.isfinite(values), np.abs(values), np.inf).max(axis=1)


def _units_of(units: Any, name: str) -> Callable | None:
    if not isinstance(units, Mapping):
        return units
    # `bellman.foc` is the equation `foc` of the residual `bellman`
    return units.get(name, units.get(name.rsplit(".", 1)[-1]))


def _check_units(units: Any, names: list[str]) -> None:
    known = {*names, *(name.rsplit(".", 1)[-1] for name in names)}
    unknown = sorted(set(units) - known) if isinstance(units, Mapping) else []
    if unknown:
        raise ValueError(f"`units` names {unknown}, and the equations are {sorted(set(names))}")


def _at(points: Point, i: int) -> Point:
    return None if points is None else jax.tree.map(lambda leaf: np.asarray(leaf)[i], points)


def _check(name: str, risk: Any) -> None:
    if not isinstance(risk, AbstractRisk):
        raise ValueError(
            f"`{name}` must be a risk on a sample, such as `risk.empirical(10_000, key=key)`; got "
            f"a {type(risk).__name__}"
        )
    for term in risk.terms:
        if isinstance(term.shock, Pairs):
            raise ValueError(
                f"`{name}` draws the shocks of `{term.name}`, and an Euler error is an expectation "
                "over them: pass `shock=q.quadrature(n)` to the risk"
            )
        require_sample(term)
