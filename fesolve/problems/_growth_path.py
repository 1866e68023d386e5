"""The path of a growing economy in continuous time, without a terminal condition."""

from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, check_share, model
from ._problem import Choice, Problem, Reference
from ._settling import Settling, settling_points


@dataclass(frozen=True, kw_only=True)
class GrowthPath:
    """Technology, impatience, and where and for how long the economy is followed.

    - `a`: the elasticity of output in capital.
    - `delta`: the depreciation rate.
    - `rho`: the discount rate.
    - `k0`: capital at t = 0.
    - `horizon`: the path is judged on [0, horizon].
    """

    a: float = 1 / 3
    delta: float = 0.1
    rho: float = 0.11
    k0: float = 1.0
    horizon: float = 50.0

    def __post_init__(self) -> None:
        check_share(a=self.a)
        check_positive(delta=self.delta, rho=self.rho, k0=self.k0, horizon=self.horizon)


class CapitalAndPrice(eqx.Module):
    """Capital and its shadow price as functions of time; consumption is 1 / mu with log utility."""

    k: Any
    mu: Any

    def c(self, t):
        return 1.0 / self.mu(t)


@model(GrowthPath)
def growth_path(m: GrowthPath) -> Problem:
    """k' = k^a - delta k - c, c'/c = a k^(a - 1) - delta - rho: growth in time, from k(0) alone.

    Unknown are k(t) and the price mu(t) = 1 / c(t), with mu' = -mu (a k^(a - 1) - delta - rho).
    For each c(0) one path satisfies both equations; all but one leave the domain in time, and what
    selects that one, the transversality condition, is not given. `"kernel"` takes the path of the
    smallest norms of k' and mu' in the space of the Matern-1/2 kernel of length 10, with `centres`
    centres on [0, 40], as published: its error comes from these few points and is judged against
    3e-3. `"chebyshev"` takes that of the smallest E[k'^2 + mu'^2] on twice the horizon: paths that
    leave move fast. `"bounded"` holds only functions with a limit at infinity, which the saddle
    path has and the others have not. None of them is told the steady state. Where several steady
    states can be reached, a norm takes the nearer, which need not be the better.
    """
    a, delta, rho, k0, horizon = astuple(m)

    def growth(f, t, a, delta, rho):
        k, mu = f.k(t), f.mu(t)
        return {
            "capital": jax.grad(f.k)(t) - (k**a - delta * k - 1.0 / mu),
            "price": jax.grad(f.mu)(t) + mu * (a * k ** (a - 1.0) - delta - rho),
        }

    def initial(f, t, k0):
        return f.k(t) - k0

    def slopes(f, t):
        return jax.grad(f.k)(t), jax.grad(f.mu)(t)

    def standing(basis: Any) -> CapitalAndPrice:
        """Capital as it is today for ever, all net output consumed."""
        income = max(k0**a - delta * k0, 0.1 * k0**a)
        return CapitalAndPrice(fe.Series(basis, start=k0), fe.Series(basis, start=1.0 / income))

    def chebyshev(degree: int = 48) -> Choice:
        longer = fe.Uniform(0.0, 2.0 * horizon)
        return Choice(
            lambda key: standing(fe.Chebyshev(degree, (0.0, 2.0 * horizon))),
            points=degree + 8,
            sample=lambda risk, points, key: risk.on(longer).quadrature(points),
            solver=fe.MinimumNorm(fe.Risk(slopes, longer).quadrature(degree + 1)),
        )

    def kernel(centres: int = 41) -> Choice:
        dates = np.linspace(0.0, 0.8 * horizon, centres)
        at = fe.Empirical(dates, population=fe.Uniform(0.0, 0.8 * horizon))
        norms = fe.rkhs_norm(lambda f: f.k) + fe.rkhs_norm(lambda f: f.mu)
        return Choice(
            lambda key: standing(fe.IntegratedKernelBasis(fe.Matern12(10.0), dates)),
            points=centres,
            sample=lambda risk, points, key: risk.on(at),
            solver=fe.MinimumNorm(norms, accuracy=3e-3),
        )

    def bounded(degree: int = 32) -> Choice:
        def draw(key):
            f = standing(fe.Chebyshev(degree))
            return CapitalAndPrice(Settling(f.k, 15.0), Settling(f.mu, 15.0))

        return Choice(
            draw,
            points=degree + 8,
            sample=lambda risk, points, key: risk.on(settling_points(points, 15.0)),
        )

    published = {}
    if m == GrowthPath():
        along = "backward integration from the steady state"
        known = {"c_0": 0.6933829286, "k_5": 1.6576070888, "c_5": 0.9428139396}
        known |= {"k_10": 1.8862272049, "c_10": 1.0217602895}
        known |= {"k_20": 1.9875268044, "c_20": 1.0558069533}
        published = {
            name: Reference(
                lambda f, name=name: getattr(f, name[0])(float(name[2:])), value, along, 5e-3
            )
            for name, value in known.items()
        }
    return Problem(
        risk=fe.Risk(growth, fe.Uniform(0.0, horizon), args=(a, delta, rho))
        + fe.Risk(initial, fe.Dirac(0.0), args=(k0,)),
        hypotheses={"chebyshev": chebyshev, "kernel": kernel, "bounded": bounded},
        references=published,
        functions=lambda f: {"capital": f.k, "consumption": f.c},
        coordinates=("t",),
        checks=lambda f: [at_rest(f, m)],
        source="Ebrahimi Kahou, Perla and Pleiss (2024), Spooky boundaries at a distance, "
        "neoclassical growth",
    )


def at_rest(f: CapitalAndPrice, m: GrowthPath) -> fe.Check:
    """Whether e^(-rho t) mu k vanishes and the path comes to rest: by the equations themselves,
    how fast capital and its price still move at the horizon."""
    t = jnp.asarray(m.horizon)
    k, mu = float(f.k(t)), float(f.mu(t))
    rates = (
        k ** (m.a - 1.0) - m.delta - 1.0 / (mu * k),
        m.a * k ** (m.a - 1.0) - m.delta - m.rho,
    )
    fastest = float(np.max(np.abs(rates)))
    return fe.Check(
        "transversality",
        fastest,
        fastest < 1e-2,
        f"at t = {m.horizon:g} capital and its price move at {fastest:.1e} of their size a year"
        ", and discounted at rho their product vanishes where that is near 0",
    )
