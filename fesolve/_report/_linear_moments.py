"""What a model looks like to first order: its moments, where variance comes from, its responses."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from .._entry import entry
from .._model import FirstOrder, SecondOrder
from .._model._second_order import loadings
from .._show import Table
from ._estimates import names_of_numbers as names_of
from ._responses import ImpulseResponse
from ._tabular import AbstractReport
from ._variance import shares_of_variance, shown_shares, STILL


class LinearMoments(AbstractReport):
    """Moments of a first-order solution, without any simulation.

    - `names`: the variables, states before policies; `shocks`: the names of the shocks.
    - `mean`: the steady state, and of a second-order solution what risk and curvature make of it;
      `deviation`: standard deviations.
    - `shares`: of each variance the share that is due to each shock, of shape (m, n_e); zero, and
      blank in tables, for a variable that never moves.
    - `autocorrelation`: at lags 1, 2, ..., one row a lag; `correlation`: the matrix of
      correlations.
    - `smoothing`: of the Hodrick-Prescott filter, `None` without one.
    - `second`: the second-order solution, if it was one.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    shocks: tuple[str, ...] = eqx.field(static=True)
    mean: Float[np.ndarray, " m"]
    deviation: Float[np.ndarray, " m"]
    shares: Float[np.ndarray, "m e"]
    autocorrelation: Float[np.ndarray, "lags m"]
    correlation: Float[np.ndarray, "m m"]
    smoothing: float | None
    observed: Float[np.ndarray, "m n"]
    transition: Float[np.ndarray, "n n"]
    hit: Float[np.ndarray, "n e"]
    rest: Float[np.ndarray, " m"]
    second: SecondOrder | None = None

    @property
    def table(self) -> Table:
        several = len(self.shocks) > 1
        shares = [f"due to {name}, %" for name in self.shocks] if several else []
        lags = [f"corr(t, t-{i + 1})" for i in range(len(self.autocorrelation))]
        others = [f"corr with {name}" for name in self.names]
        parts = [_plain(self.mean[:, None]), _plain(self.deviation[:, None])]
        parts += [self._percent()] if several else []
        parts += [_plain(self.autocorrelation.T), _plain(self.correlation)]
        plain = [list(itertools.chain(*row)) for row in zip(*parts, strict=True)]
        filtered = "" if self.smoothing is None else f", HP-filtered ({self.smoothing:g})"
        columns = ["mean", "s.d.", *shares, *lags, *others]
        means = "" if self.second is None else ", means to second order"
        return Table(f"moments to first order{means}{filtered}", self.names, columns, plain)

    @property
    def policy_rules(self) -> Table:
        """Tomorrow's states and today's policies: their steady state, and what a unit of each state
        adds to them, and a standard deviation of each shock; to second order also what risk adds,
        and the product of each two states, as distances from the steady state."""
        n = len(self.transition)
        states, policies = self.names[:n], self.names[n:]
        slopes = np.vstack([self.transition, self.observed[n:]]).T
        hit = np.vstack([self.hit, np.zeros((len(policies), len(self.shocks)))]).T
        shocks = [f"shock to {name}" for name in self.shocks]
        columns = (*(f"{name}'" for name in states), *policies)
        title = "policy and transition to {} order"
        if self.second is None:
            rows = ("constant", *states, *shocks)
            return Table(title.format("first"), rows, columns, [self.rest, *slopes, *hit])
        risk, bent = _second_order_terms(self.second)
        pairs = list(itertools.combinations_with_replacement(range(n), 2))
        products = [bent[:, i, j] * (0.5 if i == j else 1.0) for i, j in pairs]
        rows = (
            "constant",
            "risk",
            *states,
            *shocks,
            *(f"{states[i]} {states[j]}" for i, j in pairs),
        )
        values = [self.rest, risk / 2, *slopes, *hit, *products]
        return Table(title.format("second"), rows, columns, values)

    def tables(self, *, periods: int = 10) -> dict[str, Table]:
        """All that is known of the model to first order, a table each: the rules, the moments, the
        decomposition of variances, autocorrelations, correlations, and the response to each shock.

        ```python
        print(*report.tables().values(), sep="\\n\\n")
        ```

        **Arguments:** `periods`, of the responses.
        """
        moments = np.column_stack([self.mean, self.deviation, self.deviation**2])
        lags = [f"t-{i + 1}" for i in range(len(self.autocorrelation))]
        parts = {
            "moments": (["mean", "s.d.", "variance"], _plain(moments)),
            "variance decomposition, %": (self.shocks, self._percent()),
            "autocorrelations": (lags, _plain(self.autocorrelation.T)),
            "correlations": (self.names, _plain(self.correlation)),
        }
        found = {"policy and transition": self.policy_rules}
        for title, (columns, values) in parts.items():
            found[title] = Table(title, self.names, columns, values)
        for shock in self.shocks:
            mean = np.asarray(self.response(shock, periods=periods).mean)
            title = f"response to {shock}"
            found[title] = Table(title, range(periods), self.names, mean, index="periods after")
        return found

    def _percent(self) -> list[list[float | None]]:
        return [shown_shares(100 * row) for row in self.shares]

    def response(
        self, shock: str, *, periods: int = 40, size: float | int = 1.0
    ) -> ImpulseResponse:
        """The response of all variables to a shock of `size` standard deviations, unfiltered.

        **Raises:** `ValueError` for a shock that is not among `shocks`.
        """
        if shock not in self.shocks:
            raise ValueError(f"`shock` must be one of {self.shocks}; got {shock!r}")
        x, path = size * self.hit[:, self.shocks.index(shock)], []
        for _ in range(periods):
            path.append(self.observed @ x)
            x = self.transition @ x
        mean = np.stack(path)
        return ImpulseResponse(self.names, jnp.asarray(mean), jnp.zeros_like(mean))

    def to_dict(self) -> dict[str, Any]:
        """The moments by name, for JSON."""
        by_name = lambda a: dict(zip(self.names, np.asarray(a).tolist(), strict=True))
        shares = [dict(zip(self.shocks, row, strict=True)) for row in self.shares.tolist()]
        return {
            "mean": by_name(self.mean),
            "standard_deviation": by_name(self.deviation),
            "variance_shares": dict(zip(self.names, shares, strict=True)),
            "autocorrelation": by_name(self.autocorrelation.T),
            "correlation": by_name(self.correlation),
            "smoothing": self.smoothing,
        }


@entry
def linear_moments(
    solution: FirstOrder | SecondOrder | Any,
    shocks: PyTree = None,
    *,
    lags: int = 5,
    smoothing: float | int | None = None,
) -> LinearMoments:
    """Means, standard deviations, variance decomposition, autocorrelations and correlations of all
    variables of a model to first order, as they are in theory.

    ```python
    linear = fe.first_order(growth, fe.steady_state(growth, guess))
    report = fe.linear_moments(linear, {"k": 0.0, "z": 0.01}, smoothing=1600)
    print(report)
    report.response("z").plot()
    ```

    The variance of the states solves V = H V H' + eta eta'. Of filtered variables it is the
    integral of their spectrum, the filter's gain squared times that of the model.

    **Arguments:**

    - `solution`: what `fe.first_order` or `fe.second_order` returns. Of the latter means are to
      second order, those of `second.law`, and all else to first, which differs by fourth powers of
      the shocks.
    - `shocks`: standard deviations shaped like x, or the matrix eta of shape (n_x, n_e); by default
      those of the second-order solution.
    - `lags`: up to which lag autocorrelations are given.
    - `smoothing`: of the Hodrick-Prescott filter, 1600 for quarters; `None` for no filter.

    **Returns:** `LinearMoments`. A variable that never moves has no correlations, which are nan.

    **Raises:** `ValueError` without `shocks`, and where they do not fit the states.

    **Source:** King and Rebelo (1993), "Low frequency filtering and real business cycles", for the
    gain of the filter.
    """
    eta, first = None, solution
    if isinstance(solution, SecondOrder):
        eta, first = np.asarray(solution.shocks), solution.first
    if not isinstance(first, FirstOrder):
        raise ValueError(
            "`solution` must be what `fe.first_order` or `fe.second_order` returns; got a "
            f"{type(solution).__name__}"
        )
    if shocks is None and eta is None:
        raise ValueError("`shocks` are needed: to first order a solution does not know their size")
    if not (isinstance(lags, int) and lags >= 0):
        raise ValueError(f"`lags` must be a whole number >= 0; got {lags!r}")
    if smoothing is not None and not smoothing > 0:
        raise ValueError(f"`smoothing` must be above 0, such as 1600; got {smoothing}")
    h, g = (np.asarray(a, float) for a in (first.transition_slope, first.policy_slope))
    states = names_of(first.x, "x")
    eta = loadings(shocks, first.x, len(h)) if shocks is not None else np.asarray(eta, float)
    names = (*states, *[n if n not in states else f"{n} (y)" for n in names_of(first.y, "y")])
    observed = np.vstack([np.eye(len(h)), g])
    each = [_autocovariances(h, column[:, None], lags, smoothing) for column in eta.T]
    seen = observed @ np.stack(each) @ observed.T  # of shape (shock, lag, m, m)
    total = seen.sum(axis=0)
    variance = np.diag(total[0])
    moves = variance > STILL * max(variance.max(initial=0), 1e-300)
    safe = np.where(moves, variance, np.nan)
    deviation = np.sqrt(safe)
    rest = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves((first.x, first.y))])
    # a steady state of 0 is found to rounding
    rest = np.where(np.abs(rest) < ROUNDING * np.nan_to_num(deviation), 0, rest)
    second = solution if isinstance(solution, SecondOrder) and shocks is None else None
    return LinearMoments(
        names=names,
        shocks=_shock_names(eta, states),
        mean=rest if second is None else rest + _added_by_risk(second, h, g, eta),
        deviation=np.where(moves, np.sqrt(np.maximum(variance, 0)), 0),
        shares=shares_of_variance(np, np.einsum("eii->ie", seen[:, 0])),
        autocorrelation=np.einsum("lii->li", total[1:]) / safe[None, :],
        correlation=total[0] / np.outer(deviation, deviation),
        smoothing=None if smoothing is None else float(smoothing),
        observed=observed,
        transition=h,
        hit=eta,
        rest=rest,
        second=second,
    )


def _second_order_terms(second: SecondOrder) -> tuple[np.ndarray, np.ndarray]:
    """What risk adds, twice, and the second derivatives, of tomorrow's states and of policies."""
    risk = np.concatenate([second.transition_risk, second.policy_risk]).astype(float)
    bent = np.concatenate([second.transition_curvature, second.policy_curvature]).astype(float)
    return risk, bent


def _added_by_risk(
    second: SecondOrder, h: np.ndarray, g: np.ndarray, eta: np.ndarray
) -> np.ndarray:
    """The means of the second-order parts of all variables: those of their squares move them."""
    from scipy.linalg import solve_discrete_lyapunov

    risk, bent = _second_order_terms(second)
    moved = (np.einsum("kij,ij->k", bent, solve_discrete_lyapunov(h, eta @ eta.T)) + risk) / 2
    x = np.linalg.solve(np.eye(len(h)) - h, moved[: len(h)])
    return np.concatenate([x, g @ x + moved[len(h) :]])


def _plain(values: np.ndarray) -> list[list[float | None]]:
    """The rows of a table, blank where there is no number."""
    return [[v if np.isfinite(v) else None for v in row] for row in values.tolist()]


ROUNDING = 1e-12
"""Of a mean, as a share of the standard deviation."""
GRID = 4096
"""Frequencies: the filter takes out those at which a persistent model has its sharp peak."""


def _autocovariances(h: np.ndarray, eta: np.ndarray, lags: int, smoothing: Any) -> np.ndarray:
    """E[x_t x_{t-l}'] for l = 0, ..., lags, of shape (lags + 1, n, n)."""
    if smoothing is None:
        from scipy.linalg import solve_discrete_lyapunov

        found = [solve_discrete_lyapunov(h, eta @ eta.T)]
        for _ in range(lags):
            found.append(h @ found[-1])
        return np.stack(found)
    frequencies = 2 * np.pi * np.arange(GRID) / GRID
    turn = np.exp(-1j * frequencies)[:, None, None]
    transfer = np.linalg.solve(np.eye(len(h)) - h * turn, np.broadcast_to(eta, (GRID, *eta.shape)))
    squared = 4 * smoothing * (1 - np.cos(frequencies)) ** 2
    gain = squared / (1 + squared)
    spectrum = transfer @ transfer.conj().transpose(0, 2, 1) * gain[:, None, None] ** 2
    return np.fft.ifft(spectrum, axis=0).real[: lags + 1]


def _shock_names(eta: np.ndarray, states: tuple[str, ...]) -> tuple[str, ...]:
    """The state that a shock hits, where it hits one alone and is the only one to do so."""
    hits = [np.flatnonzero(column) for column in eta.T]
    alone = [int(rows[0]) if len(rows) == 1 else None for rows in hits]
    return tuple(
        states[row] if row is not None and alone.count(row) == 1 else f"shock {i}"
        for i, row in enumerate(alone)
    )
