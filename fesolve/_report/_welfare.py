"""What a policy costs in consumption."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import function
from .._compiled import compiled
from .._entry import entry
from .._show import Table
from .._types import Hypothesis, is_traced, Point
from ._simulation import (
    check_law,
    check_paths,
    jackknife,
    Law,
    observed,
    paths as simulated,
    times,
)
from ._tabular import AbstractReport


class WelfareLoss(AbstractReport):
    """The share of consumption that one would give up for the better policy.

    - `value`: the share; negative where f is the better one.
    - `error`: its standard error.
    - `beyond`: the weight of the utility beyond the horizon, which was not looked at.
    """

    value: Float[Array, ""]
    error: Float[Array, ""]
    beyond: float = eqx.field(static=True)

    @property
    def table(self) -> Table:
        beyond = f"{100 * self.beyond:.2g} % of the weight of utility is beyond the horizon"
        return Table(
            "",
            ["welfare loss"],
            ["% of consumption"],
            [[100 * float(self.value)]],
            errors=[[100 * float(self.error)]],
            notes=[beyond],
        )

    def to_dict(self) -> dict[str, float]:
        """The loss as plain numbers, for JSON."""
        value, error = float(self.value), float(self.error)
        return {"value": value, "standard_error": error, "beyond": self.beyond}


@entry
def welfare_loss(
    f: Hypothesis,
    law: Law | Any,
    best: Hypothesis,
    *,
    consumption: Callable[[Hypothesis, Point], Array],
    beta: float,
    gamma: float,
    paths: int | Any = 1000,
    key: PRNGKeyArray,
) -> WelfareLoss:
    """lambda with E sum beta^t u((1 - lambda) c*_t) = E sum beta^t u(c_t): the loss of f.

    c* is the consumption under `best`, the exact policy or a better approximation, and c that under
    f, from the same start with the same shocks, so that most of the noise cancels. An Euler error
    of 1e-3 costs about 1e-6: welfare is flat at the optimum.

    ```python
    law = fe.Ergodic(step, start, shock, periods=1_000)
    fe.welfare_loss(f, law, exact, consumption=lambda f, x: f(x), beta=beta, gamma=2.0, key=key)
    ```

    **Arguments:**

    - `f`: the policy that is judged.
    - `law`: the law of motion, `fe.Ergodic` or `fe.Diffusion`, with a horizon so long that
      beta^horizon is small: what is left there is not valued.
    - `best`: what f is compared with, for which `law` and `consumption` have a meaning as well.
    - `consumption`: `consumption(f, x)`, a number above 0.
    - `beta`: the discount factor of one unit of time; in continuous time e^-rho.
    - `gamma`: the relative risk aversion; 1 is the logarithm.
    - `paths`: the number of paths.
    - `key`: a PRNG key.

    **Returns:** a `WelfareLoss`.

    **Raises:** `ValueError` where consumption is not above 0, and for fewer than two paths.
    """
    check_law(law)
    check_paths("paths", paths, 2)
    if not 0 < beta < 1:
        raise ValueError(
            "`beta` is the discount factor of one unit of time and must lie between 0 and 1; "
            f"got {beta}"
        )
    if not gamma > 0:
        raise ValueError(f"`gamma` is a relative risk aversion and must be above 0; got {gamma}")
    function(consumption, "consumption", "`lambda f, x: f(x)`", ["f", "x"])
    ours, theirs = (observed(consumption, g, simulated(law, g, paths, key)) for g in (f, best))
    if ours.shape[-1] != 1:
        raise ValueError(f"`consumption(f, x)` must return one number; got {ours.shape[-1]}")
    for name, c in {"f": ours, "best": theirs}.items():
        if not is_traced(c) and not float(jnp.min(c)) > 0:
            raise ValueError(f"`consumption` under `{name}` falls to {float(jnp.min(c)):.3g}")
    t = times(law)
    value, error = _loss(ours[..., 0], theirs[..., 0], np.power(beta, t), float(gamma))
    return WelfareLoss(value, error, float(math.pow(beta, t[-1] + t[1] - t[0])))


@compiled
def _loss(ours: Array, theirs: Array, factors: Array, gamma: float) -> tuple[Array, Array]:
    weights = jnp.asarray(factors / factors.sum(), ours.dtype)

    def lifetime(c: Float[Array, "n t"]) -> Float[Array, " n"]:
        return _utility(c, gamma) @ weights

    def statistic(averages: tuple[Array, Array]) -> Array:
        difference, best = averages
        if gamma == 1:
            return -jnp.expm1(difference)
        return -jnp.expm1(jnp.log1p(difference / best) / (1 - gamma))

    # the difference path by path: the noise that both share cancels before it is rounded
    apart = (_utility(ours, gamma) - _utility(theirs, gamma)) @ weights
    return jackknife(statistic, (apart, lifetime(theirs)))


def _utility(c: Array, gamma: float) -> Array:
    """Up to a constant that would not cancel in a ratio."""
    return jnp.log(c) if gamma == 1 else c ** (1 - gamma) / (1 - gamma)
