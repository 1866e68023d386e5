"""Which shock the movements of the economy under f are due to."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._distribution import Ergodic
from .._entry import entry
from .._show import Table
from .._types import Hypothesis, Point
from ._responses import impulse_response
from ._tabular import AbstractReport


class VarianceDecomposition(AbstractReport):
    """Of each quantity the share of its variance that is due to each shock.

    - `names`: the quantities; `shocks`: the names of the shocks.
    - `shares`: up to each horizon, of shape (periods, m, shocks). They sum to one over the shocks;
      where no shock moves a quantity yet, such as capital that was chosen before, there is no
      variance to share, and all of them are zero.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    shocks: tuple[str, ...] = eqx.field(static=True)
    shares: Float[Array, "periods m e"]

    @property
    def table(self) -> Table:
        shares = 100 * np.asarray(self.shares, np.float64)
        periods = len(shares)
        shown = sorted({h for h in (1, 4, 8, 20, periods) if h <= periods})
        rows = [(name, h) for name in self.names for h in shown]
        values = [shown_shares(shares[h - 1, i]) for i in range(len(self.names)) for h in shown]
        columns = [f"due to {name}, %" for name in self.shocks]
        title = "variance decomposition"
        notes = [NOTHING_MOVES] if any(None in row for row in values) else []
        return Table(title, rows, columns, values, index=("quantity", "periods"), notes=notes)

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """The shares at all horizons by quantity and shock, for JSON."""
        shares = np.asarray(self.shares)
        return {
            name: {shock: shares[:, i, j].tolist() for j, shock in enumerate(self.shocks)}
            for i, name in enumerate(self.names)
        }


@entry
def variance_decomposition(
    f: Hypothesis,
    law: Ergodic | Any,
    impulses: Mapping[str, PyTree],
    *,
    of: Callable[[Hypothesis, Point], PyTree] | None = None,
    paths: int | Any = 1000,
    key: PRNGKeyArray,
) -> VarianceDecomposition:
    """sum_h r_ij(h)^2 / sum_k sum_h r_ik(h)^2, r_ij the generalised response of quantity i to shock
    j: the share of a forecast error that each shock brings about, of a global solution.

    Where f and the law are linear and impulses are standard deviations of independent shocks, it is
    the usual decomposition, and with many periods that of the variance. The shares of a quantity
    that no shock moves up to h are zero, 0/0 without it, and blank in the table.

    ```python
    law = fe.Ergodic(step, start, shock, periods=300, burn_in=200)
    impulses = {"technology": jnp.array([0.01, 0.0]), "taste": jnp.array([0.0, 0.02])}
    print(fe.variance_decomposition(c, law, impulses, of=quantities, key=key))
    ```

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion with its shock; its periods after `burn_in`, but one, are the
      horizons.
    - `impulses`: by name, what is added to the shock, shaped like it: one standard deviation.
    - `of`: `of(f, x)`, the quantities; by default the state.
    - `paths`: the number of pairs of paths for each impulse; all of them see the same shocks.
    - `key`: a PRNG key.

    **Returns:** a `VarianceDecomposition`.

    **Raises:** `ValueError` without impulses, and where `fe.impulse_response` does.

    **Source:** Lanne and Nyberg (2016), "Generalized forecast error variance decomposition for
    linear and nonlinear multivariate models", with responses averaged over states.
    """
    if not isinstance(impulses, Mapping) or not impulses:
        raise ValueError(
            "`impulses` must be a dictionary with an impulse of one standard deviation for each "
            f"shock, such as {{'z': 0.01}}; got {impulses!r}"
        )
    responses = [
        impulse_response(f, law, impulse, of=of, paths=paths, key=key)
        for impulse in impulses.values()
    ]
    squares = jnp.cumsum(jnp.stack([r.mean for r in responses], axis=-1) ** 2, axis=0)
    names = tuple(map(str, impulses))
    return VarianceDecomposition(responses[0].names, names, shares_of_variance(jnp, squares))


STILL = 1e-24
"""A variance that is smaller by this factor than that of what moves most is rounding."""
NOTHING_MOVES = "-: no shock moves this"


def shares_of_variance(xp: Any, parts: Any) -> Any:
    """The parts of a variance, along the last axis, by their sum; zero where that is none."""
    total = xp.sum(parts, axis=-1, keepdims=True)
    moves = total > STILL * xp.max(total)
    return xp.where(moves, parts / xp.where(moves, total, 1), 0)


def shown_shares(shares: Any) -> list[float | None]:
    """Shares as a row of a table, which is blank where there is nothing to share."""
    return [float(v) if np.any(shares) else None for v in shares]
