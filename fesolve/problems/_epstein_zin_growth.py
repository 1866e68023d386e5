"""Stochastic growth with Epstein and Zin's preferences."""

import math
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class EpsteinZinGrowth:
    """Preferences and technology.

    - `gamma`: the relative risk aversion.
    - `psi`: the elasticity of intertemporal substitution.
    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `delta`: the depreciation rate; 1 is full depreciation.
    - `rho`: the autocorrelation of log productivity.
    - `sigma`: the standard deviation of its innovations.
    """

    gamma: float = 10.0
    psi: float = 1.5
    alpha: float = 0.36
    beta: float = 0.96
    delta: float = 0.1
    rho: float = 0.9
    sigma: float = 0.03

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(gamma=self.gamma, psi=self.psi, sigma=self.sigma, delta=self.delta)
        if self.delta > 1:
            raise ValueError(f"`delta` is a share of capital, at most 1; got {self.delta}")

    @property
    def rest(self) -> float:
        """log k with beta (1 - delta + alpha k^(alpha - 1)) = 1, whatever gamma and psi."""
        return math.log((1 / self.beta - 1 + self.delta) / self.alpha) / (self.alpha - 1)

    def resources(self, x):
        """Output and what is left of capital, at x = (log k, log z)."""
        return jnp.exp(x[1] + self.alpha * x[0]) + (1 - self.delta) * jnp.exp(x[0])


@model(EpsteinZinGrowth)
def epstein_zin_growth(m: EpsteinZinGrowth) -> Problem:
    """V^p = max (1 - beta) c^p + beta M(V')^p, p = 1 - 1/psi: growth with recursive utility.

    M(V') = (E V'^(1 - gamma))^(1 / (1 - gamma)) is the certainty equivalent of tomorrow's utility,
    and k' = z k^alpha + (1 - delta) k - c. Unknown are the share of resources that is saved and V,
    and the equations are Bellman's and the first-order condition of its maximum. With psi = 1 and
    delta = 1 the share is alpha beta whatever gamma; with psi = 1 / gamma this is
    `stochastic_growth`.
    """
    spread = m.sigma / math.sqrt(1 - m.rho**2)
    lower, upper = (m.rest - 0.7, -6 * spread), (m.rest + 0.7, 6 * spread)
    shock = fe.Normal(0.0, m.sigma)
    rule = shock.quadrature(7)

    def utility(f, x, share):
        y = m.resources(x)
        ahead = lambda e: f.value(jnp.stack([jnp.log(share * y), m.rho * x[1] + e]))
        later = fe.certainty_equivalent(ahead, rule, m.gamma)
        return jnp.log(fe.recursive_utility((1 - share) * y, later, m.beta, m.psi))

    def equations(f, x):
        share = f.share(x)
        gain = jax.grad(utility, 2)(f, x, share) * share
        return {"bellman": utility(f, x, share) - jnp.log(f.value(x)), "choice": gain}

    def step(f, x, e):
        return jnp.stack([jnp.log(f.share(x) * m.resources(x)), m.rho * x[1] + e])

    def chebyshev(degree: int = 8) -> Choice:
        bases = [fe.Chebyshev(degree, ends) for ends in zip(lower, upper)]
        return Choice(lambda key: start(fe.Series(fe.Tensor(*bases, degree=degree))), degree + 4)

    def start(g):
        rest = jnp.array([m.rest, 0.0])
        share = math.exp(m.rest) / float(m.resources(rest))
        eaten = (1 - share) * float(m.resources(rest))
        value = lambda x: eaten * jnp.exp(m.alpha * (x[0] - m.rest))
        return Saver(fe.Bounded(g, start=share), fe.Positive(g, start=value))

    states = fe.Product(
        fe.Uniform(lower[0], upper[0]),
        fe.TruncatedNormal(0.0, spread, lower[1], upper[1]),
    )
    risk = fe.Risk(equations, states)
    origin = fe.Dirac(jnp.array([m.rest, 0.0]))

    def reference(dk, z, value):
        at = jnp.array([m.rest + dk, z])
        return Reference(lambda f: f.share(at), value, "value iteration on splines", 1e-6)

    def shifted(f, key):
        path = fe.Ergodic(step, origin, shock, periods=2_200, burn_in=200)
        return {"path": risk.on(path).given(f).empirical(2_000, key=key)}

    def checks(f):
        law = fe.Ergodic(step, origin, shock, periods=2)
        return [fe.stability(f, law, origin.point)]

    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev},
        exact=closed_form(m) if m.psi == 1 and m.delta == 1 else None,
        references={
            f"share at log k_ss {dk:+}, log z = {z}": reference(dk, z, value)
            for dk, z, value in (REFERENCES if m == EpsteinZinGrowth() else ())
        },
        shifted=shifted,
        checks=checks,
        functions=lambda f: {"savings share": f.share},
        coordinates=("log k", "log z"),
        source="Epstein and Zin (1989); the utility of a planner with the technology of growth",
    )


REFERENCES = (
    (0.0, 0.0, 0.7740352896),
    (-0.2, -0.07, 0.7702608032),
    (0.2, 0.07, 0.7778148175),
)


class Saver(eqx.Module):
    """The share of resources that is saved, and V, at (log k, log z)."""

    share: fe.Bounded
    value: fe.Positive


def closed_form(m):
    """log V = a log k + b z + d."""
    saved = m.alpha * m.beta
    a = (1 - m.beta) * m.alpha / (1 - saved)
    b = (1 - m.beta + m.beta * a) / (1 - m.beta * m.rho)
    risk = (1 - m.gamma) * (b * m.sigma) ** 2 / 2
    d = math.log(1 - saved) + m.beta * (a * math.log(saved) + risk) / (1 - m.beta)
    value = lambda x: jnp.exp(a * x[0] + b * x[1] + d)
    return {"share": lambda x: jnp.full_like(x[0], saved), "value": value}
