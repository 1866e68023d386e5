"""Deterministic growth."""

import math
from dataclasses import astuple, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe

from ._horizon import horizon
from ._parameters import check_discount, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class DeterministicGrowth:
    """Preferences, technology, and the interval of capital.

    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `delta`: the depreciation rate.
    - `k_low`: the equation holds on [k_low, k_high], which should hold the steady state.
    - `k_high`: see `k_low`.
    """

    alpha: float = 1 / 3
    beta: float = 0.9
    delta: float = 0.1
    k_low: float = 0.4
    k_high: float = 2.5

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_discount(self.beta)
        check_positive(k_low=self.k_low)


@model(DeterministicGrowth)
def deterministic_growth(m: DeterministicGrowth) -> Problem:
    """c(k') / c(k) = beta (alpha k'^(alpha - 1) + 1 - delta): growth with log utility, recursively.

    k' = k^alpha + (1 - delta) k - c(k), and the unknown is the share of these resources that is
    saved. Many paths satisfy the equation; the one that converges stays on the interval.
    """
    alpha, beta, delta, k_low, k_high = astuple(m)

    def resources(k, alpha, delta):
        return k**alpha + (1.0 - delta) * k

    def euler(f, k, alpha, beta, delta):
        k1 = step(f, k, alpha, delta)
        c = resources(k, alpha, delta) - k1
        c1 = resources(k1, alpha, delta) - step(f, k1, alpha, delta)
        return 1.0 - beta * c / c1 * jax.grad(resources)(k1, alpha, delta)

    def step(f, k, alpha, delta):
        return f.share(k) * resources(k, alpha, delta)

    k_steady = (alpha / (1.0 / beta - 1.0 + delta)) ** (1.0 / (1.0 - alpha))
    logit = math.log(k_steady / (resources(k_steady, alpha, delta) - k_steady))
    ends = (math.log(k_low), math.log(k_high))

    def chebyshev(degree: int = 24) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, ends), start=logit)
        return Choice(lambda key: Savings(series), points=degree + 4)

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        def draw(key):
            net = fe.MLP("scalar", "scalar", width=width, depth=depth, support=ends, key=key)
            return Savings(fe.Ansatz(lambda net, t: logit + net(t), net))

        return Choice(draw, points=64)

    def capital(f, start, periods):
        def advance(k, _):
            return step(f, k, alpha, delta), k

        return jax.lax.scan(advance, jnp.asarray(start), length=periods + 1)[1][-1]

    law = fe.Ergodic(step, fe.Dirac(k_low), periods=horizon(beta), args=(alpha, delta))

    def wealth(f, k):
        """u'(c) k', the value of what is saved."""
        return f.share(k) / (1.0 - f.share(k))

    def checks(f):
        options = {"beta": beta, "key": jr.key(0), "paths": 1}
        return [fe.transversality(f, law, wealth, **options), fe.stability(f, law, k_steady)]

    path = saddle_path(k_low, alpha, beta, delta)
    along = "Newton's method on the path"
    return Problem(
        risk=fe.Risk(euler, fe.Uniform(k_low, k_high), args=(alpha, beta, delta)),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        references={
            f"k_{t}": Reference(lambda f, t=t: capital(f, k_low, t), float(path[t]), along, 1e-6)
            for t in (1, 5, 10, 29)
        },
        checks=checks,
        functions=lambda f: {"savings share": f.share},
        coordinates=("k",),
        source="Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024), section 3",
    )


class Savings(eqx.Module):
    """The share of resources that is saved, between 0 and 1, as a function of log k."""

    logit: eqx.Module

    def share(self, k):
        return jax.nn.sigmoid(self.logit(jnp.log(k)))


def saddle_path(k0: float, alpha: float, beta: float, delta: float, periods: int = 200):
    """k_0, ..., k_T of the path that ends in the steady state: Newton's method on all T Euler
    equations at once, without any policy function."""
    k_steady = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
    k = k_steady + (k0 - k_steady) * 0.9 ** np.arange(periods + 1.0)
    for _ in range(50):
        gross = alpha * k ** (alpha - 1) + 1 - delta
        c = k[:-1] ** alpha + (1 - delta) * k[:-1] - k[1:]
        r = c[1:] - beta * gross[1:-1] * c[:-1]
        before = -beta * gross[1:-1] * gross[:-2]
        here = (1 + beta) * gross[1:-1]
        here -= beta * alpha * (alpha - 1) * k[1:-1] ** (alpha - 2) * c[:-1]
        jacobian = np.diag(here) + np.diag(before[1:], -1) - np.diag(np.ones(periods - 2), 1)
        change = np.linalg.solve(jacobian, r)
        k[1:-1] -= change
        if np.abs(change).max() < 1e-14:
            break
    return k
