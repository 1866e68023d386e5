"""Consumption and saving with four shocks and no borrowing."""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class ConsumptionSaving:
    """Preferences, the return on wealth, and the laws of the four shocks.

    - `beta`: the discount factor.
    - `gamma`: the relative risk aversion.
    - `rbar`: the gross return on wealth without shocks; `beta * rbar` is below 1.
    - `rho_r`: the autocorrelation of the log return.
    - `rho_delta`: that of the taste for consumption now.
    - `rho_q`: that of transitory log income.
    - `rho_p`: that of permanent log income.
    - `sigma_r`: the standard deviation of innovations in the log return.
    - `sigma_delta`: that of innovations in taste.
    - `sigma_q`: that of innovations in transitory log income.
    - `sigma_p`: that of innovations in permanent log income.
    """

    beta: float = 0.9
    gamma: float = 2.0
    rbar: float = 1.04
    rho_r: float = 0.2
    rho_delta: float = 0.2
    rho_q: float = 0.9
    rho_p: float = 0.999
    sigma_r: float = 0.001
    sigma_delta: float = 0.001
    sigma_q: float = 0.001
    sigma_p: float = 0.0001

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_discount(self.beta * self.rbar, "beta * rbar")
        check_persistence(**{f"rho_{name}": getattr(self, f"rho_{name}") for name in NAMES})
        check_positive(
            gamma=self.gamma,
            rbar=self.rbar,
            **{f"sigma_{name}": getattr(self, f"sigma_{name}") for name in NAMES},
        )


NAMES = ("r", "delta", "q", "p")


@model(ConsumptionSaving)
def consumption_saving(m: ConsumptionSaving) -> Problem:
    """c <= w, u'(c) >= beta E[e^(d' - d) rbar e^r' u'(c')], one with equality: saving.

    A consumer with cash w' = (w - c) rbar e^r' + e^(q' + p') cannot borrow. Returns r, taste delta,
    income q and p are autoregressions, drawn from their ergodic laws, and w is uniform. Both
    inequalities are one equation of Fischer and Burmeister *around* the expectation over the four
    innovations. Without shocks the policy is a polygon: all is consumed up to w = (beta
    rbar)^(-1/gamma), and a bend follows for each period more that wealth lasts. So c = min(w, g),
    which holds the first bend, and g is a function of wealth above the least income.
    """
    rho, sigma = (
        np.array([getattr(m, f"{kind}_{name}") for name in NAMES]) for kind in ("rho", "sigma")
    )
    scale = sigma / np.sqrt(1 - rho**2)
    low, high = 0.1, 4.0
    first_bend = (m.beta * m.rbar) ** (-1 / m.gamma)

    def tomorrow(x, saved, e):
        """Tomorrow's state, and what a unit saved today is worth then in units of today."""
        z1 = jnp.asarray(rho) * x[1:] + e
        gross = m.rbar * jnp.exp(z1[0])
        w1 = saved * gross + jnp.exp(z1[2] + z1[3])
        return jnp.append(w1, z1), m.beta * jnp.exp(z1[1] - x[2]) * gross

    def worth(f, x, e):
        """What the last unit consumed would bring if it were saved, in units of itself."""
        c = f.consumption(x)
        x1, price = tomorrow(x, x[0] - c, e)
        return price * (f.consumption(x1) / c) ** -m.gamma

    def kuhn_tucker(f, x):
        h = fe.expectation(lambda e: worth(f, x, e), rule)
        return fe.fischer_burmeister(1 - h, 1 - f.consumption(x) / x[0])

    shock = fe.Normal(np.zeros(4), sigma)
    rule = fe.Monomial(shock, 3).quadrature()
    states = fe.Product(fe.Uniform(low, high), fe.Normal(np.zeros(4), scale))

    def near_the_bends(*inner: float, weights: list[float]) -> Callable[..., fe.AbstractRisk]:
        """Most bends lie just above the income of a period, which those have who save nothing:
        more points do so as well. `weights` are those of wealth between `inner` breaks."""
        parts = [
            fe.Product(fe.Uniform(*ends), fe.Normal(np.zeros(4), scale))
            for ends in itertools.pairwise((low, *inner, high))
        ]

        def sample(risk: fe.AbstractRisk, points: int, key: Any) -> fe.AbstractRisk:
            draws = fe.Sobol(fe.Mixture(*parts, weights=weights)).sample(points, key=key)
            return risk.on(fe.Empirical(draws, population=states))

        return sample

    def chebyshev(degree: int = 32) -> Choice:
        ends = (math.log(0.98), math.log(high))  # from just below the least income
        shocks = [fe.Chebyshev(1, (-4 * s, 4 * s)) for s in scale]
        series = fe.Series(fe.Tensor(fe.Chebyshev(degree, ends), *shocks, degree=degree))
        f = Consumption(series, ends[0])
        sample = near_the_bends(0.97, 1.08, 1.5, weights=[0.05, 0.2, 0.3, 0.45])
        return Choice(lambda key: f, points=16 * series.basis.size, sample=sample)

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        least = math.log(0.9)
        corners = [least, *(-4 * scale)], [math.log(high), *(4 * scale)]

        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": corners}
            return Consumption(fe.MLP(5, "scalar", start=0.0, **sizes, key=key), least)

        solver = fe.LevenbergMarquardt(max_steps=200)
        sample = near_the_bends(0.9, 1.5, weights=[0.1, 0.45, 0.45])
        return Choice(draw, points=2048, sample=sample, solver=solver)

    def without_shocks(w):
        return Reference(
            lambda f: f.consumption(jnp.array([w, 0.0, 0.0, 0.0, 0.0])),
            polygon(m.beta, m.rbar, m.gamma, w),
            "the policy without shocks",
        )

    def shifted(f, key):
        def step(f, x, e):
            return tomorrow(x, x[0] - f.consumption(x), e)[0]

        start = fe.Dirac(np.array([1.0, 0.0, 0.0, 0.0, 0.0]))
        path = fe.Ergodic(step, start, shock, periods=1_200, burn_in=200)
        return {"path": risk.on(path).given(f).empirical(2_000, key=key)}

    risk = fe.Risk(kuhn_tucker, states, tolerance=1e-3)
    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        references={f"c({w})": without_shocks(w) for w in (1.5, 2.0, 3.0, 4.0)},
        shifted=shifted,
        functions=lambda f: {"consumption": f.consumption},
        coordinates=("w", *NAMES),
        source=(
            "Maliar, Maliar and Winant (2021), Deep learning for solving dynamic economic models; "
            f"without shocks the first bend is at w = {first_bend:.6g}"
        ),
    )


def polygon(beta: float, rbar: float, gamma: float, w: float) -> float:
    """Consumption out of w without shocks: each corner leads to the corner before."""
    grown = (beta * rbar) ** (-1 / gamma)
    corners = [(0.0, 0.0), (grown, grown)]
    while corners[-1][0] < w:
        before, c = corners[-1][0], corners[-1][1] * grown
        corners.append((c + (before - 1) / rbar, c))
    return float(np.interp(w, *zip(*corners, strict=True)))


class Consumption(eqx.Module):
    """c = min(w, g), where g is a cubic root but for a factor.

    From a guess that saves much more, so that wealth leaves its interval, the solver also finds
    policies of overaccumulation: they satisfy the equation on the interval, and leave it.
    """

    log: eqx.Module
    floor: float = eqx.field(static=True)

    def consumption(self, x):
        t = jnp.append(jnp.maximum(jnp.log(x[0]), self.floor), x[1:])
        return jnp.minimum(x[0], jnp.exp(t[0] / 3 + self.log(t)))
