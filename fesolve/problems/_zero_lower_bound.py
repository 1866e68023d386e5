"""A recession that takes the interest rate to zero."""

from dataclasses import astuple, dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class ZeroLowerBound:
    """An economy of sticky prices, a quarter a period, rates in parts of one a quarter.

    - `beta`: the discount factor; the natural rate is 1 / beta - 1 in normal times.
    - `sigma`: the elasticity of demand in the real rate.
    - `kappa`: the slope of the Phillips curve.
    - `phi_pi`: the answer of the rate to inflation, above 1.
    - `phi_x`: its answer to the output gap.
    - `fall`: by how much the natural rate falls at first.
    - `rho`: the part of the fall that is left a quarter later.
    - `quarters`: up to which the path is sought; the rate must be above 0 by then.
    """

    beta: float = 0.99
    sigma: float = 1.0
    kappa: float = 0.02
    phi_pi: float = 1.5
    phi_x: float = 0.125
    fall: float = 0.022
    rho: float = 0.85
    quarters: int = 32

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(sigma=self.sigma, kappa=self.kappa)
        # else there are other paths that come to rest
        if not self.kappa * (self.phi_pi - 1) + (1 - self.beta) * self.phi_x > 0:
            raise ValueError(
                f"`phi_pi` is {self.phi_pi} and `phi_x` {self.phi_x}: the rate has to answer "
                "inflation by more than inflation"
            )
        if self.quarters < 8:
            raise ValueError(f"`quarters` must be at least 8; got {self.quarters}")

    def rate(self, gap, inflation):
        """What the rule sets, at least 0."""
        normal = 1 / self.beta - 1
        return jnp.maximum(0.0, normal + self.phi_pi * inflation + self.phi_x * gap)


@model(ZeroLowerBound)
def zero_lower_bound(m: ZeroLowerBound) -> Problem:
    """x_t = x_{t+1} - sigma (i_t - p_{t+1} - n_t), i_t >= 0: a recession at a rate of zero.

    x is the output gap, p inflation, p_t = beta p_{t+1} + kappa x_t, and i the rate of interest,
    1 / beta - 1 + phi_pi p + phi_x x or 0. The natural rate n falls and recovers, and everybody
    knows how. Unknown is the path of x and p, two numbers a quarter; beyond the last one they fall
    as the natural rate rises, which is exact where the bound binds no more. How long the rate is 0
    comes out: Newton's method on the whole path needs no guess of it.
    """
    beta, sigma, kappa, _, _, fall, rho, quarters = astuple(m)

    def natural(t):
        return 1 / beta - 1 - fall * rho ** jnp.asarray(t, float)

    def equations(f, t):
        (gap, inflation), later = f(t), f(t + 1)
        real = m.rate(gap, inflation) - later[1] - natural(t)
        return {
            "demand": gap - later[0] + sigma * real,
            "prices": inflation - beta * later[1] - kappa * gap,
        }

    def indicator() -> Choice:
        f = Quarters(fe.Series(fe.Indicator(quarters), 2), rho)
        return Choice(lambda key: f, quarters)

    def at_zero(f):
        return sum(float(m.rate(*f(t))) == 0.0 for t in range(quarters))

    first = {}
    if m == ZeroLowerBound():
        source = "backward recursion with the rate at 0 for each number of quarters"
        first = {
            "quarters at zero": Reference(at_zero, 5.0, source, 1e-12),
            "output gap at first": Reference(lambda f: f(0)[0], -0.08351809922, source, 1e-9),
            "inflation at first": Reference(lambda f: f(0)[1], -0.00860318704, source, 1e-9),
        }
    yearly = {"output gap": lambda f, t: f(t)[0], "inflation": lambda f, t: 4 * f(t)[1]}
    yearly |= {
        "interest rate": lambda f, t: 4 * m.rate(*f(t)),
        "natural rate": lambda f, t: 4 * natural(t),
    }
    return Problem(
        risk=fe.Risk(equations, fe.Empirical(np.arange(quarters))),
        hypotheses={"indicator": indicator},
        references=first,
        functions=lambda f: {
            f"{name}, %": lambda t, of=of: 100 * of(f, t) for name, of in yearly.items()
        },
        coordinates=("t",),
        source="Eggertsson and Woodford (2003), The zero bound on interest rates and optimal "
        "monetary policy; Guerrieri and Iacoviello (2015), OccBin",
    )


class Quarters(eqx.Module):
    """(x, p) in a quarter, and in the one after the last."""

    series: fe.Series
    rho: float = eqx.field(static=True)

    def __call__(self, t):
        last = self.series.basis.size - 1
        return self.series(jnp.minimum(t, last)) * jnp.where(t > last, self.rho, 1.0)
