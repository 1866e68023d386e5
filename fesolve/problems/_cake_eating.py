"""Cake eating."""

from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe

from ._horizon import horizon
from ._parameters import check_discount, check_positive, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class CakeEating:
    """Preferences, interest, and the cakes that are looked at.

    - `gamma`: the relative risk aversion, not 1.
    - `beta`: the discount factor.
    - `R`: the gross interest rate.
    - `a_low`: the equations hold on [a_low, a_high].
    - `a_high`: see `a_low`.
    """

    gamma: float = 1.5
    beta: float = 0.96
    R: float = 1.01
    a_low: float = 0.1
    a_high: float = 5.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_positive(gamma=self.gamma, R=self.R, a_low=self.a_low)


@model(CakeEating)
def cake_eating(m: CakeEating) -> Problem:
    """V(a) = max_c c^(1 - gamma) / (1 - gamma) + beta V(R (a - c)): a cake that earns interest.

    Unknown are the share kappa(a) of the cake that is eaten and the value. In the solution
    kappa(a) = 1 - (beta R^(1 - gamma))^(1 / gamma) and V(a) = kappa^(-gamma) a^(1 - gamma) /
    (1 - gamma). Adding small multiples of a^m with beta (R (1 - kappa))^m = 1 to V hardly changes
    the residuals on an interval away from 0. What rules them out is their behaviour at 0, where m
    = -2 is much steeper than V: so the class holds functions that are smooth in a at 0.
    """
    gamma, beta, R, a_low, a_high = astuple(m)

    def euler(f, a, beta, R):
        c, a1 = a * f.share(a), saved(f, a, R)
        return 1.0 - beta * R * (a1 * f.share(a1) / c) ** -gamma

    def bellman(f, a, beta, R):
        c, a1 = a * f.share(a), saved(f, a, R)
        return 1.0 - (utility(c) + beta * f.value(a1)) / f.value(a)

    def saved(f, a, R):
        return R * a * (1.0 - f.share(a))

    def utility(c):
        return c ** (1.0 - gamma) / (1.0 - gamma)

    # 5 % of the cake for ever is a guess of the right order
    guess = {"logit": -3.0, "log_scale": 5.0}
    ends = (0.0, a_high)

    def chebyshev(degree: int = 4) -> Choice:
        series = {k: fe.Series(fe.Chebyshev(degree, ends), start=v) for k, v in guess.items()}
        return Choice(lambda key: ShareAndValue(**series, gamma=gamma), points=degree + 8)

    def mlp(width: int = 8, depth: int = 1) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": ends}
            nets = {
                name: fe.Ansatz(
                    lambda net, a, value=value: value + net(a),
                    fe.MLP("scalar", "scalar", **sizes, key=one),
                )
                for (name, value), one in zip(guess.items(), jr.split(key))
            }
            return ShareAndValue(**nets, gamma=gamma)

        return Choice(draw, points=32)

    kappa = 1.0 - (beta * R ** (1.0 - gamma)) ** (1.0 / gamma)

    def wealth(f, a):
        """u'(c) a, what is left of the cake."""
        return (a * f.share(a)) ** -gamma * a

    def checks(f):
        law = fe.Ergodic(
            lambda f, a: saved(f, a, R), fe.Dirac(a_high), periods=horizon(1.0 - kappa)
        )
        options = {"beta": beta, "key": jr.key(0), "paths": 1}
        return [fe.transversality(f, law, wealth, **options), fe.stability(f, law, a_low)]

    return Problem(
        risk=fe.Risk(euler, fe.Uniform(a_low, a_high), args=(beta, R))
        + fe.Risk(bellman, fe.Uniform(a_low, a_high), args=(beta, R)),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        exact={
            "share": lambda a: jnp.full_like(a, kappa),
            "value": lambda a: kappa**-gamma * utility(a),
        },
        checks=checks,
        functions=lambda f: {"share eaten": f.share},
        coordinates=("a",),
        source="the income fluctuation problem of QuantEcon's lectures, without income",
    )


class ShareAndValue(eqx.Module):
    """The share of the cake that is eaten, in (0, 1), and the value, of the sign of utility."""

    logit: eqx.Module
    log_scale: eqx.Module
    gamma: float = eqx.field(static=True)

    def share(self, a):
        return jax.nn.sigmoid(self.logit(a))

    def value(self, a):
        power = 1.0 - self.gamma
        return jnp.exp(self.log_scale(a)) * a**power / power
