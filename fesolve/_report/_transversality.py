"""Whether what is left at the end of time is worth nothing."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import function
from .._compiled import compiled
from .._entry import entry
from .._types import Hypothesis
from ._check import Check
from ._simulation import as_vector, check_law, check_paths, Law, paths_or_nan, times


@entry
def transversality(
    f: Hypothesis,
    law: Law | Any,
    value: Callable[..., Any],
    *,
    beta: float,
    key: PRNGKeyArray,
    paths: int | Any = 100,
    tolerance: float = 1e-2,
    name: str = "transversality",
) -> Check:
    """lim beta^T E[value(f, x_T)] = 0 along the paths of f: no bubble, nothing left unused.

    An Euler equation has many solutions, and this condition is what tells them apart: in growth
    the value is u'(c) k', with capital in the units of utility; of an asset price it is the price
    itself; in continuous time it is V'(a) a, with the discount e^-rho.

    ```python
    law = fe.Ergodic(step, start, shock, periods=500)
    fe.transversality(f, law, lambda f, x: f.capital(x) / f.consumption(x), beta=beta, key=key)
    ```

    It passes where the value at the last horizon is at most `tolerance` times that at the start.
    That can only be seen over a horizon that is long enough, and the sentence says so where the
    value was still falling.

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion from its start, `fe.Ergodic` or `fe.Diffusion`; its `periods`, or its
      `horizon`, are the last horizon T. Periods of `burn_in` come before time 0.
    - `value`: `value(f, x)`, what the state x is worth, undiscounted: a number.
    - `beta`: the discount factor of one unit of time; in continuous time e^-rho.
    - `key`: a PRNG key, which matters where there are shocks.
    - `paths`: the number of paths that the expectation is taken over.
    - `tolerance`: how much of the value at the start may be left.
    - `name`: what reports call it.

    **Returns:** an `fe.Check`, whose value is beta^T |E[value]| at a quarter, a half and
    the whole of the horizon, relative to that at the start.

    **Raises:** `ValueError` for a law that is none, for one of a single state, and where
    `value` returns no number.
    """
    check_law(law)
    check_paths("paths", paths)
    t = times(law)
    if len(t) < 5:
        raise ValueError(
            f"`law` has {len(t)} states: a horizon of at least 4 periods is needed to see whether "
            "the value tends to zero"
        )
    if not beta > 0:
        raise ValueError(
            f"`beta` is the discount factor of one unit of time and must be above 0; got {beta}"
        )
    states = paths_or_nan(law, f, paths, key)
    function(value, "value", "`lambda f, x: price(f, x)`", ["f", "x"])
    worth = _worth(value, f, states, np.log(beta) * t)
    if worth.shape[-1] != 1:
        raise ValueError(
            f"`value(f, x)` must return one number; it returned {worth.shape[-1]}: check one kind "
            "of wealth at a time"
        )
    amounts = np.abs(np.asarray(worth[:, 0], np.float64))
    last = len(t) - 1
    at = [last // 4, last // 2, last]
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = amounts[at] / amounts[0]
    passed = bool(relative[-1] <= tolerance)
    return Check(name, relative, passed, _sentence(t[at], relative, amounts[0], tolerance))


@compiled
def _worth(
    value: Callable, f: Hypothesis, states: Any, exponents: Float[Array, " t"]
) -> Float[Array, "t m"]:
    """beta^t E[value(f, x_t)]. The exponent is applied before the mean, so that what explodes
    at nearly the rate of discounting stays finite."""
    values = jax.vmap(jax.vmap(lambda x: as_vector(value(f, x))))(states)
    factors = jnp.exp(jnp.asarray(exponents, values.dtype))
    return jnp.mean(values * factors[None, :, None], axis=0)


def _sentence(t: np.ndarray, relative: np.ndarray, start: float, tolerance: float) -> str:
    if not np.isfinite(relative).all() or start == 0:
        if start == 0:
            return "the value at the start is zero, beside which nothing is small: start elsewhere"
        return (
            "the path, or the value along it, leaves the finite numbers: f leads out of the domain "
            "of the model, or to where marginal utility is infinite"
        )
    shares = ", ".join(f"{r:.2g} at T = {time:.4g}" for r, time in zip(relative, t, strict=True))
    text = f"of its discounted value at the start is left {shares}"
    if relative[-1] <= tolerance:
        return text
    rate = np.log(relative[-1] / relative[1]) / (t[-1] - t[1])
    falling = relative[-1] < 0.9 * relative[1]
    if not falling:
        return f"{text}, which does not tend to zero: a bubble, or wealth that is never used"
    more = t[-1] + np.log(tolerance / relative[-1]) / rate
    return (
        f"{text}, still falling: if it goes on so, a horizon of {more:.3g} shows that it tends to "
        "zero"
    )
