"""What the economy looks like under f: simulated moments, and how often a constraint binds."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._distribution import AbstractDistribution, Diffusion, Ergodic
from .._entry import entry
from .._show import Estimate, Table
from .._types import Hypothesis, Point
from ._simulation import (
    check_law,
    check_paths,
    jackknife,
    Law,
    mean_over_paths,
    names_of,
    observed,
    paths as simulated,
    state,
)
from ._tabular import AbstractReport


class Moments(eqx.Module):
    """First and second moments.

    - `mean`, `deviation`: the mean and the standard deviation of each quantity.
    - `autocorrelation`: at lags 1, 2, ..., one row a lag.
    - `correlation`: the matrix of contemporaneous correlations.
    """

    mean: Float[Array, " m"]
    deviation: Float[Array, " m"]
    autocorrelation: Float[Array, "lags m"]
    correlation: Float[Array, "m m"]


class SimulatedMoments(AbstractReport):
    """Simulated moments with their Monte Carlo standard errors.

    - `names`: the quantities.
    - `value`: their `Moments`: mean, deviation, autocorrelation and correlation.
    - `error`: the standard errors of these, of the same shapes.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    value: Moments
    error: Moments

    @property
    def table(self) -> Table:
        lags = self.value.autocorrelation.shape[0]
        others = [f"corr with {name}" for name in self.names] if len(self.names) > 1 else []
        return Table(
            "simulated moments, with standard errors",
            self.names,
            ["mean", "s.d.", *(f"corr(t, t-{i + 1})" for i in range(lags)), *others],
            _side_by_side(self.value),
            errors=_side_by_side(self.error),
        )

    def to_dict(self) -> dict[str, Any]:
        """The moments and their standard errors by name, for JSON."""

        def plain(m: Moments) -> dict[str, Any]:
            by_name = lambda a: dict(zip(self.names, np.asarray(a).tolist(), strict=True))
            return {
                "mean": by_name(m.mean),
                "standard_deviation": by_name(m.deviation),
                "autocorrelation": by_name(m.autocorrelation.T),
                "correlation": by_name(m.correlation),
            }

        return {**plain(self.value), "standard_error": plain(self.error)}


def _side_by_side(m: Moments) -> list[list[float | None]]:
    """All moments of a quantity in one row; `None` where a moment has no meaning."""
    parts = [m.mean[:, None], m.deviation[:, None], np.asarray(m.autocorrelation).T]
    parts += [m.correlation] if m.mean.size > 1 else []
    table = np.concatenate([np.asarray(part, np.float64) for part in parts], axis=1)
    return [[v if np.isfinite(v) else None for v in row] for row in table.tolist()]


@entry
def simulated_moments(
    f: Hypothesis,
    law: Law | Any,
    of: Callable[[Hypothesis, Point], PyTree] | None = None,
    *,
    lags: int = 1,
    filtered: Callable[[Array], Array] | None = None,
    paths: int | Any = 100,
    key: PRNGKeyArray,
) -> SimulatedMoments:
    """Means, standard deviations, autocorrelations and correlations along paths of f.

    ```python
    law = fe.Ergodic(step, start, shock, periods=1_200, burn_in=200)
    print(fe.simulated_moments(c, law, lambda c, x: {"c": c(x), "y": output(x)}, key=key))
    ```

    All moments are those of the pooled paths, and their standard errors come from leaving out one
    path at a time, so that dependence over time is in them. They are differentiable in f.

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion, `fe.Ergodic` or `fe.Diffusion`, whose `burn_in` should forget its
      start.
    - `of`: `of(f, x)`, the quantities, as a number, an array or a dict of them; by default the
      state.
    - `lags`: up to which lag autocorrelations are given, in periods, or in steps of a diffusion.
    - `filtered`: what a series is replaced with before its moments are taken: `fe.hp_cycle`, or any
      function of an array of shape (periods, columns) that filters each column.
    - `paths`: the number of independent paths.
    - `key`: a PRNG key.

    **Returns:** `SimulatedMoments`. A quantity that never moves has no correlations, which are nan.

    **Raises:** `ValueError` for fewer than two paths, and for lags as long as a path.
    """
    check_law(law)
    check_paths("paths", paths, 2)
    of = state if of is None else of
    states = simulated(law, f, paths, key)
    values = observed(of, f, states)
    if not 0 <= lags < values.shape[1]:
        raise ValueError(
            f"`lags` must lie between 0 and {values.shape[1] - 1}, the length of a path less one; "
            f"got {lags}"
        )
    if filtered is not None:
        values = _filtered(filtered, values)
    value, error = _moments(values, lags)
    return SimulatedMoments(names_of(of, f, states), value, error)


def _filtered(filtered: Callable, values: Float[Array, "n t m"]) -> Float[Array, "n t m"]:
    """All series of all paths, as the columns of one array."""
    n, t, m = values.shape
    columns = jnp.asarray(filtered(values.transpose(1, 0, 2).reshape(t, n * m)))
    if columns.shape != (t, n * m):
        raise ValueError(
            f"`filtered` must keep the shape (periods, columns), {(t, n * m)}; it returned "
            f"{columns.shape}"
        )
    return columns.astype(values.dtype).reshape(t, n, m).transpose(1, 0, 2)


@compiled
def _moments(values: Float[Array, "n t m"], lags: int) -> tuple[Moments, Moments]:
    # around the grand mean, so that second moments do not cancel
    centre = values.mean(axis=(0, 1))
    y = values - centre[None, None]
    size = jnp.sqrt(jnp.mean(y**2, axis=(0, 1)))
    rounding = 1e2 * float(jnp.finfo(y.dtype).eps) * jnp.abs(centre)
    moves = size > rounding

    def of_path(y: Float[Array, "t m"]) -> tuple:
        ahead = [
            jnp.stack([jnp.mean(a, axis=0) for a in (y[i:], y[:-i], y[i:] * y[:-i])])
            for i in range(1, lags + 1)
        ]
        lagged = jnp.stack(ahead) if ahead else jnp.zeros((0, 3, y.shape[1]), y.dtype)
        return y.mean(axis=0), y.T @ y / y.shape[0], lagged

    def statistic(averages: tuple) -> Moments:
        first, second, lagged = averages
        covariance = second - first[:, None] * first[None, :]
        variance = jnp.where(moves, jnp.diag(covariance), 1)
        deviation = jnp.sqrt(jnp.maximum(variance, 0))
        nothing = jnp.asarray(jnp.nan, y.dtype)
        auto = (lagged[:, 2] - lagged[:, 0] * lagged[:, 1]) / variance[None, :]
        both = moves[:, None] & moves[None, :]
        correlation = covariance / (deviation[:, None] * deviation[None, :])
        return Moments(
            centre + first,
            jnp.where(moves, deviation, 0),
            jnp.where(moves[None, :], auto, nothing),
            jnp.where(both, correlation, nothing),
        )

    return jackknife(statistic, jax.vmap(of_path)(y))


@entry
def binding_share(
    f: Hypothesis,
    law: AbstractDistribution | Any,
    slack: Callable[[Hypothesis, Point], Array],
    *,
    tolerance: float = 1e-6,
    paths: int | Any = 100,
    key: PRNGKeyArray,
) -> Estimate:
    """P(slack(f, x) <= tolerance): the share of states in which a constraint binds.

    ```python
    fe.binding_share(c, law, lambda c, x: x.assets - c(x), key=key)          # borrowing, a' >= 0
    ```

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: where states are counted: a law of motion, or any distribution of states.
    - `slack`: `slack(f, x)`, a number that is zero where the constraint binds.
    - `tolerance`: the slack up to which it counts as binding; a network reaches no exact zero.
    - `paths`: the number of independent paths; of a distribution without time, that of draws.
    - `key`: a PRNG key.

    **Returns:** the share as a `value` with its standard `error`, over paths.

    **Raises:** `ValueError` for fewer than two paths, and where `slack` returns no number.
    """
    check_paths("paths", paths, 2)
    if isinstance(law, Ergodic | Diffusion):
        states = simulated(law, f, paths, key)
    else:
        draws = law.given(f).sample(paths, key=key)
        states = jax.tree.map(lambda leaf: leaf[:, None], draws)
    values = observed(slack, f, states)
    if values.shape[-1] != 1:
        raise ValueError(f"`slack(f, x)` must return one number; it returned {values.shape[-1]}")
    binds = (values[..., 0] <= tolerance).astype(values.dtype)
    share, error = mean_over_paths(binds.mean(axis=1))
    return Estimate(float(share), float(error))
