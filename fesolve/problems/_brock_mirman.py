"""Brock and Mirman's growth model."""

import math
from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe

from ._horizon import horizon
from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class BrockMirman:
    """Preferences and technology.

    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `rho`: the autocorrelation of log productivity.
    - `sigma`: the standard deviation of its innovations.
    """

    alpha: float = 0.36
    beta: float = 0.96
    rho: float = 0.8
    sigma: float = 0.02

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(sigma=self.sigma)


@model(BrockMirman)
def brock_mirman(m: BrockMirman) -> Problem:
    """1 / c = beta E[alpha z' k'^(alpha - 1) / c'], k' = z k^alpha - c: Brock and Mirman's growth.

    Utility is logarithmic and capital lasts one period, so that the share alpha beta of output is
    saved. log z' = rho log z + sigma e. The residual is zero path by path, so that this model
    cannot tell (E r)^2 from E[r^2]: `stochastic_growth` can.
    """
    alpha, beta, rho, sigma = astuple(m)
    k_steady = (alpha * beta) ** (1.0 / (1.0 - alpha))
    z_range = 4.0 * sigma / math.sqrt(1.0 - rho**2)
    lower, upper = (0.5 * k_steady, -z_range), (2.0 * k_steady, z_range)
    box = (math.log(lower[0]), -z_range - 3 * sigma), (math.log(upper[0]), z_range + 3 * sigma)

    def euler(f, x, e):
        y, share = output(x), f.share(x)
        x1 = step(f, x, e)
        marginal = alpha * output(x1) / x1[0]
        return 1.0 - beta * marginal * (1.0 - share) * y / ((1.0 - f.share(x1)) * output(x1))

    def step(f, x, e):
        return jnp.stack([f.share(x) * output(x), rho * x[1] + e])

    def output(x):
        return jnp.exp(x[1]) * x[0] ** alpha

    def chebyshev(degree: int = 4) -> Choice:
        bases = [fe.Chebyshev(degree, ends) for ends in zip(*box)]
        series = fe.Series(fe.Tensor(*bases, degree=degree))
        return Choice(lambda key: Savings(series), points=degree + 4)

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": box}
            return Savings(fe.MLP(2, "scalar", **sizes, key=key))

        return Choice(draw, points=12)

    shock = fe.Normal(0.0, sigma)

    start = fe.Dirac(jnp.array([k_steady, 0.0]))

    def wealth(f, x):
        """u'(c) k', the value of what is saved."""
        return f.share(x) / (1.0 - f.share(x))

    def checks(f):
        law = fe.Ergodic(step, start, shock, periods=horizon(beta))
        options = {"beta": beta, "key": jr.key(0), "paths": 20}
        return [fe.transversality(f, law, wealth, **options), fe.stability(f, law, start.point)]

    def shifted(f, key):
        path = fe.Ergodic(step, start, shock, periods=10_200, burn_in=200)
        return {"path": risk.on(path).given(f).empirical(10_000, key=key)}

    risk = fe.Risk(euler, fe.Uniform(lower, upper), shock=shock.quadrature(5))
    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact={"share": lambda x: jnp.full_like(x[0], alpha * beta)},
        shifted=shifted,
        checks=checks,
        functions=lambda f: {"share": f.share},
        coordinates=("k", "log z"),
        source="Brock and Mirman (1972); the savings share is alpha beta",
    )


class Savings(eqx.Module):
    """The savings share s(k, log z), between 0 and 1."""

    logit: eqx.Module

    def share(self, x):
        return jax.nn.sigmoid(self.logit(jnp.stack([jnp.log(x[0]), x[1]])))
