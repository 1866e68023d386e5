"""Long and Plosser's economy of several sectors."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class LongPlosser:
    """Preferences and technology of two sectors.

    - `beta`: the discount factor.
    - `leisure`: the weight of leisure in utility.
    - `first`: the weight of the first good in utility.
    - `second`: the weight of the second good.
    - `labour`: the elasticity of output in hours, in both sectors.
    - `own`: the elasticity of output in the good of the sector itself.
    - `cross`: the elasticity of output in the other good.
    - `sigma`: the standard deviation of log productivity.
    """

    beta: float = 0.95
    leisure: float = 1.0
    first: float = 0.4
    second: float = 0.6
    labour: float = 0.4
    own: float = 0.35
    cross: float = 0.25
    sigma: float = 0.02

    def __post_init__(self) -> None:
        check_discount(self.beta)
        positive = ("leisure", "first", "second", "labour", "own", "cross", "sigma")
        check_positive(**{name: getattr(self, name) for name in positive})
        if abs(self.labour + self.own + self.cross - 1) > 1e-12:
            raise ValueError(
                "`labour`, `own` and `cross` are elasticities that sum to 1, constant returns; got "
                f"{self.labour}, {self.own} and {self.cross}"
            )


@model(LongPlosser)
def long_plosser(m: LongPlosser) -> Problem:
    """u'(c_j) = beta a_ij E[u'(c_i') y_i'] / x_ij: Long and Plosser's real business cycles.

    Output is y_i' = z_i' L_i^b x_i1^a_i1 x_i2^a_i2. Each good is consumed and put into both
    sectors, and utility is logarithmic in goods and leisure. Unknown are the shares of each good
    that are consumed and put into each sector, and those of time, as functions of both log
    outputs: three heads `fe.Shares`. They are constant, and shocks spread through inputs alone.
    """
    theta, a = np.array([m.first, m.second]), np.array([[m.own, m.cross], [m.cross, m.own]])
    # a per cent of output i is worth g_i, g = theta + beta A' g
    g = np.linalg.solve(np.eye(2) - m.beta * a.T, theta)
    goods = np.column_stack([theta / g, m.beta * a.T * g / g[:, None]])
    time = np.concatenate([[m.leisure], m.beta * m.labour * g])
    time = time / time.sum()
    fixed = m.labour * np.log(time[1:]) + np.sum(a * np.log(goods[:, 1:].T), axis=1)
    rest = np.linalg.solve(np.eye(2) - a, fixed)

    def step(f, x, e):
        put = jnp.log(jnp.stack([f.first(x), f.second(x)])[:, 1:]) + x[:, None]
        return e + m.labour * jnp.log(f.time(x)[1:]) + jnp.sum(a * put.T, axis=1)

    def equations(f, x, e):
        x1 = step(f, x, e)
        tomorrow = theta / jnp.stack([f.first(x1)[0], f.second(x1)[0]])  # u'(c_i') y_i'
        uses, hours = jnp.stack([f.first(x), f.second(x)]), f.time(x)
        today = theta[:, None] * uses[:, 1:] / uses[:, :1]  # u'(c_j) x_ij
        return {
            "inputs": jnp.ravel(1 - m.beta * a.T * tomorrow[None, :] / today),
            "hours": 1 - m.beta * m.labour * tomorrow * hours[0] / (m.leisure * hours[1:]),
        }

    lower, upper = tuple((rest - 0.3).tolist()), tuple((rest + 0.3).tolist())

    def chebyshev(degree: int = 3) -> Choice:
        bases = [fe.Chebyshev(degree, ends) for ends in zip(lower, upper)]
        shares = fe.Shares(fe.Series(fe.Tensor(*bases, degree=degree), 2))
        return Choice(lambda key: Allocation(shares, shares, shares), degree + 3)

    shock = fe.Normal(np.zeros(2), np.full(2, m.sigma))
    risk = fe.Risk(equations, fe.Uniform(lower, upper), shock=shock.quadrature(3))
    start = fe.Dirac(jnp.asarray(rest))

    def constant(value):
        return lambda x: jnp.asarray(value, x.dtype) + 0 * x[0]

    def shifted(f, key):
        path = fe.Ergodic(step, start, shock, periods=1_100, burn_in=100)
        return {"path": risk.on(path).given(f).empirical(1_000, key=key)}

    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev},
        exact={"first": constant(goods[0]), "second": constant(goods[1]), "time": constant(time)},
        shifted=shifted,
        checks=lambda f: [fe.stability(f, fe.Ergodic(step, start, shock, periods=2), start.point)],
        functions=lambda f: {
            "first good": lambda x: f.first(x)[0],
            "second good": lambda x: f.second(x)[0],
            "leisure": lambda x: f.time(x)[0],
        },
        coordinates=("log y1", "log y2"),
        source="Long and Plosser (1983), Real business cycles; all shares are constant",
    )


class Allocation(eqx.Module):
    """Shares at both log outputs: of each good consumed, put into the first and into the second
    sector, and of time for leisure and for work in each sector."""

    first: fe.Shares
    second: fe.Shares
    time: fe.Shares
