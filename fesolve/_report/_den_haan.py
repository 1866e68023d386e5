"""Tests of a policy by simulation: dynamic Euler errors, and Den Haan and Marcet's statistic."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from .._compiled import compiled
from .._distribution import Ergodic
from .._entry import entry
from .._show import Table
from .._types import Hypothesis, is_traced, Point
from ._check import Check
from ._simulation import (
    as_vector,
    check_ergodic,
    check_paths,
    names_of,
    observed,
    paths as simulated,
    state,
    with_shocks,
)
from ._tabular import AbstractReport


class DenHaanMarcet(AbstractReport):
    """Den Haan and Marcet's statistic over replications.

    - `statistics`: one a replication; chi-square with `degrees` degrees of freedom if f is exact.
    - `p_values`: the probability of a larger one; uniform on [0, 1] if f is exact.
    - `degrees`: the number of equations times that of instruments.
    """

    statistics: Float[Array, " n"]
    p_values: Float[Array, " n"]
    degrees: int = eqx.field(static=True)

    @property
    def upper(self) -> Float[Array, ""]:
        """The share of replications in the upper 5 % of the chi-square law: larger where f is
        wrong."""
        return jnp.mean((self.p_values < 0.05).astype(self.p_values.dtype))

    @property
    def lower(self) -> Float[Array, ""]:
        """The share of replications in the lower 5 %."""
        return jnp.mean((self.p_values > 0.95).astype(self.p_values.dtype))

    def check(self, probability: float = 1e-3, *, name: str = "Den Haan-Marcet") -> Check:
        """Whether there are no more replications in the upper tail than chance allows: as many or
        more would be found with an exact f with less than this probability."""
        from scipy.special import bdtrc

        n = self.p_values.size
        found = round(float(self.upper) * n)
        chance = float(bdtrc(found - 1, n, 0.05)) if found else 1.0
        sentence = (
            f"{100 * self.upper:.3g} % of {n:,} replications are in the upper 5 % of the "
            f"chi-square law with {self.degrees} degrees of freedom"
        )
        return Check(name, float(self.upper), chance >= probability, sentence)

    @property
    def table(self) -> Table:
        n = self.p_values.size
        return Table(
            f"Den Haan-Marcet: chi-square with {self.degrees} degrees of freedom",
            ["in its lower 5 %", "in its upper 5 %"],
            ["found, %", "expected, %"],
            [[100 * float(self.lower), 5], [100 * float(self.upper), 5]],
            index=f"of {n:,} replications",
        )

    def to_dict(self) -> dict[str, Any]:
        """The shares and the statistics as plain numbers, for JSON."""
        return {
            "lower": float(self.lower),
            "upper": float(self.upper),
            "degrees": self.degrees,
            "statistics": np.asarray(self.statistics).tolist(),
        }


@entry
def den_haan_marcet(
    f: Hypothesis,
    law: Ergodic | Any,
    residual: Callable[..., PyTree],
    *,
    instruments: Callable[[Hypothesis, Point], PyTree] | None = None,
    args: tuple = (),
    replications: int | Any = 500,
    key: PRNGKeyArray,
) -> DenHaanMarcet:
    """T m' W^-1 m, with m = mean of u_{t+1} h(x_t): are the errors of expectation unforecastable?

    If f solves E[residual(f, x, e) | x] = 0, then the realised residuals u_{t+1} along a simulated
    path have mean zero, whatever is known at t. The statistic measures how far they are from that,
    in standard errors, and is chi-square for long paths. No quadrature enters, and so no error of
    one is missed.

    ```python
    law = fe.Ergodic(step, start, shock, periods=3_200, burn_in=200)
    print(fe.den_haan_marcet(c, law, euler, key=key))        # euler(f, x, e)
    ```

    The longer the paths, the smaller the mistakes that are found: every approximation is rejected
    in the end.

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion with its shock; `periods` - `burn_in` is the T of a replication.
    - `residual`: `residual(f, x, e, *args)` with the realised shock e, as in `Risk(..., shock=)`.
    - `instruments`: h(f, x), numbers that are known at t; by default 1 and the coordinates of x.
    - `args`: further arguments of `residual`.
    - `replications`: the number of independent paths.
    - `key`: a PRNG key.

    **Returns:** a `DenHaanMarcet`.

    **Raises:** `ValueError` where the residuals are zero path by path, as with log utility and full
    depreciation, so that there is no error of expectation to test; and for instruments of which
    one is a combination of others.

    **Source:** Den Haan and Marcet (1994), Accuracy in simulations, Review of Economic Studies.
    """
    check_ergodic(law, shock=True)
    check_paths("replications", replications)
    x, e = with_shocks(law, f, replications, key)
    known = _one_and_state if instruments is None else instruments
    model = (residual, known, args)
    statistics, size, condition = _statistics(model, f, x, e)
    first = jax.tree.map(lambda leaf: leaf[0, 0], (x, e))
    degrees = jax.eval_shape(lambda x, e: _moment(model, f, x, e), *first)[0].size
    if not is_traced((statistics, size, condition)):
        _check_errors(float(size), float(condition), statistics)
    p_values = jax.scipy.special.gammaincc(degrees / 2, statistics / 2)
    return DenHaanMarcet(statistics, p_values, degrees)


def _one_and_state(f: Hypothesis, x: Point) -> Array:
    vector = as_vector(x)
    return jnp.concatenate([jnp.ones(1, vector.dtype), vector])


def _moment(model: tuple, f: Hypothesis, x: Point, e: PyTree) -> tuple[Array, Array]:
    """u h(x) for every residual u and every instrument, and the size of the residuals."""
    residual, instruments, args = model
    u = as_vector(residual(f, x, e, *args))
    return jnp.kron(u, as_vector(instruments(f, x)).astype(u.dtype)), jnp.max(jnp.abs(u))


@compiled
def _statistics(model: tuple, f: Hypothesis, x: Point, e: PyTree) -> tuple[Array, Array, Array]:
    """The statistics, the size of the residuals, and the worst condition of second moments."""

    def one(x: Point, e: PyTree) -> tuple[Array, Array, Array]:
        g, sizes = jax.vmap(lambda x, e: _moment(model, f, x, e))(x, e)
        # in units of each moment's own size, which the statistic does not see
        scale = jnp.sqrt(jnp.mean(g**2, axis=0))
        g = g / jnp.where(scale > 0, scale, 1)[None, :]
        mean, second = g.mean(axis=0), g.T @ g / g.shape[0]
        roots, vectors = jnp.linalg.eigh(second)
        statistic = g.shape[0] * jnp.sum((vectors.T @ mean) ** 2 / roots)
        return statistic, jnp.max(sizes), roots[-1] / roots[0]

    statistics, sizes, conditions = jax.vmap(one)(x, e)
    return statistics, jnp.max(sizes), jnp.max(jnp.abs(conditions))


def _check_errors(size: float, condition: float, statistics: Any) -> None:
    eps = float(np.finfo(np.asarray(statistics).dtype).eps)
    if size <= 1e3 * eps:
        raise ValueError(
            f"`residual` is zero path by path (at most {size:.1e}), as with log utility and full "
            "depreciation: without an error of expectation there is nothing to test. `f` is exact "
            "along these paths"
        )
    if not condition < 1e-2 / eps:
        raise ValueError(
            "`instruments` are collinear along the path, so that the second moments of the errors "
            "are singular: leave out what is constant or a combination of others"
        )


class DynamicEulerErrors(AbstractReport):
    """How far the economy of the policy and that of its Euler equation drift apart.

    - `names`: what was compared.
    - `mean`, `maximum`: of the distance over all paths and periods, relative to the root mean
      square under the policy.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    mean: Float[Array, " m"]
    maximum: Float[Array, " m"]

    @property
    def table(self) -> Table:
        values = np.stack([self.mean, self.maximum], axis=1)
        return Table("dynamic Euler errors", self.names, ["mean", "max"], values)

    def to_dict(self) -> dict[str, Any]:
        """Mean and maximum by name, for JSON."""
        return self.table.to_dict()


@entry
def dynamic_euler_errors(
    f: Hypothesis,
    law: Ergodic | Any,
    implied: Callable[..., Point] | Any,
    *,
    of: Callable[[Hypothesis, Point], PyTree] | None = None,
    paths: int | Any = 1,
    key: PRNGKeyArray,
) -> DynamicEulerErrors:
    """max_t |x~_t - x_t|: the path of the policy against that of the Euler equation's own choice.

    The second path takes in each period the choice that the Euler equation implies, its expectation
    computed by quadrature from f, and goes on from the state that this leads to, with the same
    shocks. Small Euler errors that all point one way add up, and this is where it is seen.

    ```python
    def implied(c, x, e):
        k1 = output(x) - 1 / (beta * fe.expectation(lambda e: payoff(c, x, e), shock))
        return jnp.stack([k1, rho * x[1] + e])
    print(fe.dynamic_euler_errors(c, law, implied, key=key))
    ```

    **Arguments:**

    - `f`: the hypothesis.
    - `law`: the law of motion under the policy, with its shock.
    - `implied`: `implied(f, x, e, *args)`, the next state under the implied choice.
    - `of`: `of(f, x)`, what is compared; by default the state.
    - `paths`: the number of paths.
    - `key`: a PRNG key; both economies see the same shocks.

    **Returns:** a `DynamicEulerErrors`.

    **Source:** Den Haan (2010), Comparison of solutions to the incomplete markets model with
    aggregate uncertainty, Journal of Economic Dynamics and Control.
    """
    check_ergodic(law, shock=False)
    check_paths("paths", paths)
    if not callable(implied):
        raise ValueError(f"`implied` must be a function `implied(f, x, e, *args)`; got {implied!r}")
    of = state if of is None else of
    other = Ergodic(
        implied, law.initial, law.shock, periods=law.periods, burn_in=law.burn_in, args=law.args
    )
    states = simulated(law, f, paths, key)
    ours, theirs = (observed(of, f, s) for s in (states, simulated(other, f, paths, key)))
    size = jnp.sqrt(jnp.mean(ours**2, axis=(0, 1), keepdims=True))
    apart = jnp.abs(theirs - ours) / jnp.where(size > 0, size, 1)
    return DynamicEulerErrors(names_of(of, f, states), apart.mean(axis=(0, 1)), apart.max((0, 1)))
