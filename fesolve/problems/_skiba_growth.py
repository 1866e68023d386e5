"""Growth with two steady states."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._growth_path import CapitalAndPrice
from ._parameters import check_positive, check_share, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class SkibaGrowth:
    """Two technologies, impatience, and where and for how long the economy is followed.

    - `A`: output is A max(k^a, b1 k^a - b2).
    - `a`: the elasticity of output in capital.
    - `b1`: what the second technology gains, above 1.
    - `b2`: and what it costs.
    - `delta`: the depreciation rate.
    - `rho`: the discount rate.
    - `k0`: capital at t = 0.
    - `horizon`: the equations are given on [0, horizon].
    """

    A: float = 0.5
    a: float = 1 / 3
    b1: float = 3.0
    b2: float = 2.5
    delta: float = 0.1
    rho: float = 0.11
    k0: float = 1.0
    horizon: float = 40.0

    def __post_init__(self) -> None:
        check_share(a=self.a)
        check_positive(A=self.A, delta=self.delta, rho=self.rho, k0=self.k0, horizon=self.horizon)
        if not (self.b1 > 1.0 and self.b2 > 0.0):
            raise ValueError(
                f"`b1` and `b2` must be above 1 and 0, got {self.b1} and {self.b2}: else one "
                "technology is better everywhere, and `growth_path` is the model"
            )

    def steady_states(self) -> tuple[np.ndarray, np.ndarray]:
        """Capital and consumption at rest under either technology."""
        gains, costs = self.A * np.array([1.0, self.b1]), self.A * np.array([0.0, self.b2])
        k = (gains * self.a / (self.delta + self.rho)) ** (1.0 / (1.0 - self.a))
        return k, gains * k**self.a - costs - self.delta * k


@model(SkibaGrowth)
def skiba_growth(m: SkibaGrowth) -> Problem:
    """k' = y(k) - delta k - c, c'/c = y'(k) - delta - rho, y = A max(k^a, b1 k^a - b2): two rests.

    From some k(0) paths to either steady state satisfy all conditions, transversality included: a
    norm alone takes the nearer one, and only welfare says which is better. So the equations are
    solved from a guess towards each, as in `growth_path` by the least norm of kernels, and of the
    paths that come to rest the one of the greater int e^(-rho t) log c dt is taken. Output has a
    kink where the technologies meet, rounded over 0.02 units of k^a so that a path may pass there.
    """
    A, a, b1, b2, delta, rho, k0, horizon = astuple(m)

    def growth(f, t, A, a, b1, b2, delta, rho):
        k, mu = f.k(t), f.mu(t)
        power = jnp.maximum(k, 1e-3) ** a
        gain = ((b1 - 1.0) * power - b2) / rounding
        output = A * (power + rounding * jax.nn.softplus(gain))
        second = jax.nn.sigmoid(gain)
        marginal = A * a * power / jnp.maximum(k, 1e-3) * (1.0 + (b1 - 1.0) * second)
        return {
            "capital": jax.grad(f.k)(t) - (output - delta * k - 1.0 / mu),
            "price": jax.grad(f.mu)(t) + mu * (marginal - delta - rho),
        }

    def initial(f, t, k0):
        return f.k(t) - k0

    rounding = 0.02
    k_rest, c_rest = m.steady_states()

    def kernel(centres: int = 81) -> Choice:
        dates = np.linspace(0.0, horizon, centres)
        basis = fe.IntegratedKernelBasis(fe.Matern12(10.0), dates)

        def toward(k_end: float, c_end: float) -> CapitalAndPrice:
            path = np.concatenate([[k0], k_end + (k0 - k_end) * np.exp(-0.2 * dates[1:])])
            values = np.stack([path, np.full(centres, 1.0 / c_end)])
            functions = np.asarray(jax.vmap(basis)(jnp.asarray(dates)))
            k, mu = np.linalg.lstsq(functions, values.T, rcond=None)[0].T
            series = fe.Series(basis)
            fill = lambda c: eqx.tree_at(lambda s: s.coefficients, series, jnp.asarray(c))
            return CapitalAndPrice(fill(k), fill(mu))

        starts = [toward(*ends) for ends in zip(k_rest, c_rest, strict=True)]
        norm = fe.rkhs_norm(lambda f: f.k) + fe.rkhs_norm(lambda f: f.mu)
        return Choice(
            lambda key: starts[0],
            points=centres,
            sample=lambda risk, points, key: risk.on(fe.Empirical(dates)),
            solver=BestOf(
                tuple(starts), lambda f: welfare(f, m), fe.MinimumNorm(norm, max_steps=60)
            ),
        )

    return Problem(
        risk=fe.Risk(growth, fe.Uniform(0.0, horizon), args=(A, a, b1, b2, delta, rho))
        + fe.Risk(initial, fe.Dirac(0.0), args=(k0,)),
        hypotheses={"kernel": kernel},
        functions=lambda f: {"capital": f.k, "consumption": f.c},
        coordinates=("t",),
        checks=lambda f: [at_a_steady_state(f, m)],
        source="Skiba (1978), Optimal growth with a convex-concave production function; "
        "calibration of Ebrahimi Kahou, Perla and Pleiss (2024)",
    )


def off_rest(f: CapitalAndPrice, m: SkibaGrowth) -> np.ndarray:
    """How far capital is from each steady state at the horizon, relative to it."""
    return np.abs(float(f.k(m.horizon)) / m.steady_states()[0] - 1.0)


def welfare(f: CapitalAndPrice, m: SkibaGrowth) -> float:
    """int_0^infinity e^(-rho t) log c(t) dt where the path comes to rest, and -infinity where it
    does not: Gauss nodes up to the horizon, and what is consumed there from then on."""
    if not off_rest(f, m).min() < 0.05:
        return -np.inf
    law = fe.Uniform(0.0, m.horizon).quadrature(200)
    c = np.asarray(jax.vmap(f.c)(law.points))
    weights = m.horizon * np.asarray(law.weights) * np.exp(-m.rho * np.asarray(law.points))
    if not (c > 0).all():
        return -np.inf
    last = np.exp(-m.rho * m.horizon) / m.rho * np.log(float(f.c(m.horizon)))
    return float(weights @ np.log(c) + last)


def at_a_steady_state(f: CapitalAndPrice, m: SkibaGrowth) -> fe.Check:
    """Whether the path ends at one of the two steady states."""
    off, k = off_rest(f, m), m.steady_states()[0]
    return fe.Check(
        "transversality",
        off.min(),
        bool(off.min() < 0.05),
        f"at t = {m.horizon:g} capital is {float(f.k(m.horizon)):.4g}; its steady states are "
        f"{k[0]:.4g} and {k[1]:.4g}",
    )


class BestOf(fe.AbstractSolver):
    """The solution of the greatest value among those from several starts, by `solver`."""

    starts: tuple
    value: Callable
    solver: fe.AbstractSolver

    @property
    def accuracy(self) -> float:
        return self.solver.accuracy

    def minimise(self, task) -> fe.Solution:
        found: list[Any] = []
        for start in self.starts:
            given = {"key": task.key, "monitors": task.monitors}
            solution = fe.solve(task.risk, start, self.solver, throw=False, **given)
            worth = -np.inf if bool(solution.failed) else self.value(solution.value)
            found.append((worth, solution))
        return max(found, key=lambda pair: pair[0])[1]
