"""Overlapping generations with aggregate risk."""

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, check_share, model
from ._problem import by_sampling, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class OverlappingGenerations:
    """Lives, technology and its risks, which are independent over time and of each other.

    - `generations`: the periods of a life A, at least 2; the first is worked in.
    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `eta_low`: productivity where it is low.
    - `eta_high`: productivity where it is high.
    - `delta_low`: the lower rate of depreciation.
    - `delta_high`: the higher one.
    """

    generations: int = 6
    alpha: float = 0.3
    beta: float = 0.7
    eta_low: float = 0.95
    eta_high: float = 1.05
    delta_low: float = 0.5
    delta_high: float = 0.9

    def __post_init__(self) -> None:
        if self.generations < 2:
            raise ValueError(
                f"`generations` must be at least 2, since the last one saves nothing; got "
                f"{self.generations}"
            )
        check_discount(self.beta)
        check_share(alpha=self.alpha, delta_low=self.delta_low, delta_high=self.delta_high)
        check_positive(eta_low=self.eta_low, eta_high=self.eta_high)

    def savings_rates(self) -> np.ndarray:
        """The share of income that each generation but the last one saves, by backward induction.

        With log utility and no income but that from capital ahead, a generation that will save
        the share s' of its income tomorrow has 1 / c = beta E[r' / c'], c = (1 - s) y,
        c' = (1 - s') r' s y, whatever r' is: s / (1 - s) = beta / (1 - s').
        """
        share, shares = 0.0, []
        for _ in range(self.generations - 1):
            odds = self.beta / (1 - share)
            share = odds / (1 + odds)
            shares.append(share)
        return np.array(shares[::-1])

    def states(self) -> tuple[np.ndarray, np.ndarray]:
        """Productivity and depreciation in each of the four states, equally likely."""
        eta, delta = (self.eta_low, self.eta_high), (self.delta_low, self.delta_high)
        return np.repeat(eta, 2), np.tile(delta, 2)

    def without_risk(self, shares: np.ndarray) -> np.ndarray:
        """Where capital rests if these shares are saved and each risk is at its mean."""
        eta, delta = (float(np.mean(state)) for state in self.states())
        k = np.full(self.generations - 1, 0.1)
        for _ in range(1_000):
            total = k.sum()
            r = self.alpha * eta * total ** (self.alpha - 1) + 1 - delta
            wage = (1 - self.alpha) * eta * total**self.alpha
            k = shares * np.append(wage, r * k[:-1])
        return k


@model(OverlappingGenerations)
def overlapping_generations(m: OverlappingGenerations) -> Problem:
    """1 / c_h = beta E[r' / c'_{h+1}], h < A: generations save through an economy with two risks.

    Each generation holds capital k_h and has the income y_h = r k_h + w l_h, r = alpha eta
    K^(alpha - 1) + 1 - delta and w = (1 - alpha) eta K^alpha, K their sum; only the first works.
    Productivity eta and depreciation delta are drawn anew each period, four states in all. Unknown
    are the shares of income that generations save, as functions of everybody's capital and of the
    state; the last one saves nothing. Utility is logarithmic, so that in the solution each
    generation saves a share that does not depend on the state of the economy, s / (1 - s) =
    beta / (1 - s'). The states are those that the shares lead to.
    """
    ages, alpha, beta = m.generations, m.alpha, m.beta
    eta, delta = m.states()
    tomorrow = fe.Empirical(np.arange(4))

    def incomes(x):
        """The return on capital, and the income of each generation."""
        k, z = jnp.asarray(x["k"]), x["z"]
        total = jnp.sum(k)
        productivity, depreciation = (jnp.asarray(state, k.dtype)[z] for state in (eta, delta))
        r = alpha * productivity * total ** (alpha - 1) + 1 - depreciation
        wage = (1 - alpha) * productivity * total**alpha
        return r, jnp.concatenate([wage[None], r * k])

    def consumption(f, x):
        income = incomes(x)[1]
        return jnp.concatenate([income[:-1] * (1 - f.shares(x)), income[-1:]])

    def step(f, x, z):
        return {"k": f.shares(x) * incomes(x)[1][:-1], "z": z}

    def euler(f, x):
        def marginal(z):
            x1 = step(f, x, z)
            return incomes(x1)[0] / consumption(f, x1)[1:]

        expected = beta * fe.expectation(marginal, tomorrow)
        error = 1 / (consumption(f, x)[:-1] * expected) - 1
        return {f"generation {h + 1}": error[h] for h in range(ages - 1)}

    centre = fe.freeze(m.without_risk(np.full(ages - 1, 0.5)))
    states = [(-WIDTH, WIDTH)] * (ages - 1) + [(-1.0, 1.0)] * 2

    def chebyshev(degree: int = 1) -> Choice:
        degrees = [degree] * (ages - 1) + [1, 1]
        bases = [fe.Chebyshev(d, ends) for d, ends in zip(degrees, states, strict=True)]
        series = fe.Series(fe.Tensor(*bases, degree=degree), ages - 1)
        return chosen(lambda key: Shares(fe.Bounded(series), centre))

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": tuple(zip(*states))}
            net = fe.MLP(ages + 1, ages - 1, **sizes, key=key)
            return Shares(fe.Bounded(net), centre)

        return chosen(draw)

    def aggregate(degree: int = 2) -> Choice:
        weights = jnp.asarray(centre.value / centre.value.sum())

        def reduced(logs):
            """Log of all capital and the two risks: what the rest is taken to depend on."""
            total = jnp.log(weights.astype(logs.dtype) @ jnp.exp(logs[:-2]))
            return jnp.concatenate([total[None], logs[-2:]])

        bases = [fe.Chebyshev(d, ends) for d, ends in zip((degree, 1, 1), states[-3:], strict=True)]
        series = fe.Series(fe.Tensor(*bases, degree=degree), ages - 1)
        return chosen(lambda key: Shares(fe.Bounded(fe.Compose(series, reduced)), centre))

    def chosen(hypothesis):
        solver = fe.Resample(fe.LevenbergMarquardt(max_steps=100), n=POINTS, rounds=2)
        return Choice(hypothesis, points=POINTS, sample=by_sampling, solver=solver)

    start = fe.Dirac({"k": centre.value, "z": np.asarray(0)})
    ergodic = fe.Ergodic(step, start, tomorrow, periods=POINTS + 50, burn_in=50)
    rates = m.savings_rates()

    def shifted(f, key):
        return {"path": fe.Risk(euler, ergodic).given(f).empirical(10 * POINTS, key=key)}

    return Problem(
        risk=fe.Risk(euler, ergodic.given(Constant(jnp.asarray(rates)))),
        hypotheses={"chebyshev": chebyshev, "aggregate": aggregate, "mlp": mlp},
        exact={"shares": lambda x: jnp.asarray(rates)},
        shifted=shifted,
        functions=lambda f: {"shares saved": f.shares},
        coordinates=(*(f"k_{h + 2}" for h in range(ages - 1)), "z"),
        source="Krueger and Kubler (2004), Computing equilibrium in OLG models with stochastic "
        "production; six generations as in the analytic example of deep equilibrium nets",
    )


POINTS = 500
WIDTH = 2.0
"""Capital on the way is within e^2 of what it is where everybody saves half and nothing is at risk,
on both sides."""


class Shares(eqx.Module):
    """Shares of income that are saved, from log k and the two risks as -1 and 1."""

    head: fe.Bounded
    centre: fe.Frozen

    def shares(self, x):
        k, z = jnp.asarray(x["k"]), x["z"]
        risks = jnp.stack([2 * (z // 2) - 1, 2 * (z % 2) - 1]).astype(k.dtype)
        logs = jnp.log(k / jnp.asarray(self.centre.value, k.dtype))
        return self.head(jnp.concatenate([logs, risks]))


class Constant(eqx.Module):
    """Shares that do not depend on anything."""

    rates: jax.Array

    def shares(self, x):
        return self.rates
