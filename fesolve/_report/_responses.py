"""How the economy under f answers a shock."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._distribution import Dirac, Ergodic, Product
from .._entry import entry
from .._show import legend, Table
from .._types import Hypothesis, Point
from ._simulation import (
    check_ergodic,
    check_paths,
    kept,
    mean_over_paths,
    names_of,
    observed,
    paths as simulated,
    state,
)
from ._tabular import AbstractReport


class ImpulseResponse(AbstractReport):
    """E[y_h | impulse] - E[y_h] for h = 0, 1, ... periods after the impact.

    - `names`: the quantities y.
    - `mean`: the response at each horizon, one column a quantity.
    - `error`: its standard error over paths.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    mean: Float[Array, "periods m"]
    error: Float[Array, "periods m"]

    @property
    def table(self) -> Table:
        mean, error = np.asarray(self.mean), np.asarray(self.error)
        # where all noise cancels, the errors are rounding
        noisy = error.max(axis=0) > 1e-12 * np.abs(mean).max(axis=0)
        errors = [[e if is_noisy else None for e, is_noisy in zip(row, noisy)] for row in error]
        periods = range(mean.shape[0])
        title = "impulse response"
        return Table(title, periods, self.names, mean, errors=errors, index="periods after")

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """Response and standard error by name, for JSON."""
        means, errors = np.asarray(self.mean).T.tolist(), np.asarray(self.error).T.tolist()
        rows = zip(self.names, means, errors, strict=True)
        return {name: {"response": m, "standard_error": e} for name, m, e in rows}

    def plot(self, *, ax: Any = None) -> Any:
        """The responses against the periods after the impact, with two standard errors.

        **Arguments:** `ax`, matplotlib axes to draw on. **Returns:** the axes.
        """
        if ax is None:
            try:
                import matplotlib.pyplot as plt
            except ImportError as error:
                raise ImportError(
                    "`ImpulseResponse.plot` needs matplotlib: pip install 'fesolve[viz]'"
                ) from error
            _, ax = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
        periods = np.arange(self.mean.shape[0])
        for i, name in enumerate(self.names):
            mean, error = np.asarray(self.mean[:, i]), np.asarray(self.error[:, i])
            (line,) = ax.plot(periods, mean, label=name)
            band = (mean - 2 * error, mean + 2 * error)
            ax.fill_between(periods, *band, color=line.get_color(), alpha=0.2, linewidth=0)
        ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
        ax.set(xlabel="periods after the impact", ylabel="response")
        legend(ax)
        ax.spines[["top", "right"]].set_visible(False)
        return ax


@entry
def impulse_response(
    f: Hypothesis,
    law: Ergodic | Any,
    impulse: PyTree,
    *,
    of: Callable[[Hypothesis, Point], PyTree] | None = None,
    paths: int | Any = 1000,
    key: PRNGKeyArray,
) -> ImpulseResponse:
    """E[y_h | e + impulse] - E[y_h | e]: the generalised impulse response, averaged over states.

    Two economies see the same shocks, but that the first one gets the impulse on top in the first
    period after the burn-in. So the response is that at `law.initial` with no burn-in, and one
    averaged over the ergodic set with a long one; with the shock `fe.Dirac(0.0)` it is the
    response of an economy that is hit once and never again.

    ```python
    law = fe.Ergodic(step, start, shock, periods=240, burn_in=200)
    fe.impulse_response(c, law, 0.01, of=lambda c, x: {"log c": jnp.log(c(x))}, key=key).plot()
    ```

    Sizes and signs matter where the model is not linear: map over them,
    `jax.vmap(lambda size: fe.impulse_response(c, law, size, key=key).mean)(sizes)`.

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion with its shock; it is hit `burn_in` periods after its start.
    - `impulse`: what is added to the shock, shaped like it.
    - `of`: `of(f, x)`, the quantities y: take logarithms for percentages; by default the state.
    - `paths`: the number of pairs of paths; one is enough where nothing is random.
    - `key`: a PRNG key.

    **Returns:** an `ImpulseResponse`, whose horizon 0 is the state that the impulse leads to.

    **Raises:** `ValueError` for a law without shock, or of fewer than two states after the burn-in.

    **Source:** Koop, Pesaran and Potter (1996), Impulse response analysis in nonlinear multivariate
    models, Journal of Econometrics.
    """
    check_ergodic(law, shock=True)
    check_paths("paths", paths)
    if kept(law) < 2:
        raise ValueError(
            "`law` needs at least 2 states after its burn-in, one before the impulse and one after "
            f"it; got {kept(law)}"
        )
    of = state if of is None else of
    nothing = jax.tree.map(lambda e: jnp.zeros_like(jnp.asarray(e)), impulse)
    hit, calm = (simulated(_hit(law, e), f, paths, key)["x"] for e in (impulse, nothing))
    after, before = (
        observed(of, f, jax.tree.map(lambda leaf: leaf[:, 1:], states)) for states in (hit, calm)
    )
    mean, error = mean_over_paths(after - before)
    return ImpulseResponse(names_of(of, f, calm), mean, error)


def _hit(law: Ergodic, impulse: PyTree) -> Ergodic:
    """The law whose first shock after the burn-in has the impulse on top."""
    advance, when = law.step, law.burn_in

    def step(f: Hypothesis, s: Point, e: PyTree, impulse: PyTree, *args: Any) -> Point:
        now = s["t"] == when
        added = jax.tree.map(
            lambda e, i: e + jnp.where(now, jnp.asarray(i, e.dtype), jnp.zeros_like(e)), e, impulse
        )
        return {"x": advance(f, s["x"], added, *args), "t": s["t"] + 1}

    start = Product(x=law.initial, t=Dirac(np.asarray(0)))
    length = {"periods": law.periods, "burn_in": law.burn_in}
    return Ergodic(step, start, law.shock, args=(impulse, *law.args), **length)
