"""Growth of many countries that share their risks."""

import itertools
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import (
    check_discount,
    check_persistence,
    check_positive,
    check_share,
    model,
)
from ._problem import by_sampling, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class MultiCountry:
    """Countries that differ in their taste for smooth consumption, and in their luck.

    - `countries`: their number N.
    - `beta`: the discount factor.
    - `zeta`: the share of capital.
    - `delta`: the depreciation rate.
    - `rho`: the persistence of log productivity.
    - `sigma`: the standard deviation of each country's own shock, and of the common one.
    - `kappa`: the cost of adjusting capital.
    - `least_investment`: as a share of capital; -1 is no bound, 0 that installed capital stays.
    - `elasticity_low`: of intertemporal substitution, in the first country.
    - `elasticity_high`: in the last one; evenly spread between them.
    """

    countries: int = 2
    beta: float = 0.99
    zeta: float = 0.36
    delta: float = 0.01
    rho: float = 0.95
    sigma: float = 0.01
    kappa: float = 0.5
    least_investment: float = -1.0
    elasticity_low: float = 0.25
    elasticity_high: float = 1.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_share(zeta=self.zeta, delta=self.delta)
        check_persistence(rho=self.rho)
        if self.countries < 2:
            raise ValueError(f"`countries` must be at least 2; got {self.countries}")
        free = ("rho", "least_investment")
        check_positive(**{name: x for name, x in vars(self).items() if name not in free})
        if not -1.0 <= self.least_investment < self.delta:
            raise ValueError(
                "`least_investment` must be at least -1, and less than `delta`, what is invested "
                f"at rest; got {self.least_investment}"
            )

    def linear(self) -> tuple[np.ndarray, np.ndarray]:
        """(G, S): to first order (log q, log lambda) = G (log k, z), and the covariance S of the
        states that this leads to."""
        from scipy.linalg import solve_discrete_lyapunov

        n, equations = self.countries, Equations(self)

        def between(x, y, x1, y1):
            return (
                x1[:n] - x[:n] - jnp.log(equations.growth(y)),
                x1[n:] - self.rho * x[n:],
                equations.euler(y, equations.gain(x1, y1)),
                equations.resources(x, y),
            )

        found = fe.first_order(between, (np.zeros(2 * n), np.zeros(n + 1)))
        load = np.zeros((2 * n, n + 1))
        load[n:] = self.sigma * np.column_stack([np.eye(n), np.ones(n)])
        covariance = solve_discrete_lyapunov(found.transition_slope, load @ load.T)
        return np.asarray(found.policy_slope), 0.5 * (covariance + covariance.T)


class Equations:
    """The equations in logarithms: x = (log k, z), y = (log q, log lambda), all zero at rest."""

    def __init__(self, m: MultiCountry) -> None:
        self.m = m
        self.productivity = (1 / m.beta - 1 + m.delta) / m.zeta
        self.elasticities = np.linspace(m.elasticity_low, m.elasticity_high, m.countries)

    def growth(self, y):
        """k' / k of each country, where 1 + kappa (k' / k - 1) = q / lambda, or at its bound."""
        m, n = self.m, self.m.countries
        wanted = 1 + (jnp.exp(y[:n] - y[n]) - 1) / m.kappa
        return jnp.maximum(wanted, 1 - m.delta + m.least_investment)

    def gain(self, x, y):
        """What a unit of capital is worth: lambda times what it brings, without its part in the
        price mu of the bound."""
        m, n = self.m, self.m.countries
        growth, price = self.growth(y), jnp.exp(y[n])
        product = m.zeta * self.productivity * jnp.exp(x[n:] + (m.zeta - 1) * x[:n])
        brings = 1 - m.delta + product + 0.5 * m.kappa * (growth**2 - 1)
        bound = price * (1 + m.kappa * (growth - 1)) - jnp.exp(y[:n])
        return price * brings - (1 - m.delta + m.least_investment) * bound

    def euler(self, y, gain):
        """beta E[gain] / q - 1 of each country."""
        return self.m.beta * gain * jnp.exp(-y[: self.m.countries]) - 1

    def consumption(self, y):
        m = self.m
        return (self.productivity - m.delta) * jnp.exp(-self.elasticities * y[m.countries])

    def resources(self, x, y):
        """What is left of all countries' output, relative to their consumption at rest."""
        m, n = self.m, self.m.countries
        k, growth = jnp.exp(x[:n]), self.growth(y) - 1
        output = self.productivity * jnp.exp(x[n:] + m.zeta * x[:n])
        investment = k * (growth + m.delta + 0.5 * m.kappa * growth**2)
        left = output - investment - self.consumption(y)
        return jnp.mean(left) / (self.productivity - m.delta)


@model(MultiCountry)
def multi_country(m: MultiCountry) -> Problem:
    """q_j = beta E[lambda' MPK'_j - (1 - delta) mu'_j]: N countries that share their risks.

    A planner divides the output of all countries, exp(z_j) k_j^zeta each, into consumption and
    capital, whose adjustment costs (kappa / 2) k_j (k'_j / k_j - 1)^2. MPK_j = 1 - delta + zeta A
    exp(z_j) k_j^(zeta - 1) + (kappa / 2) ((k'_j / k_j)^2 - 1), lambda is the price of consumption,
    c_j proportional to lambda^-g_j, and q_j what capital is expected to be worth. Then lambda (1 +
    kappa (k'_j / k_j - 1)) = q_j, or investment is at its bound, whose price mu_j is the
    difference: the bend stands in the equations, and what is approximated is an expectation. States
    are the 2N of log k and z; unknown are log q_j and log lambda, as corrections of the solution to
    first order. Countries differ in g_j alone, which matters for nothing but the sum of
    consumption: each country's investment is one function of its own state and of symmetric
    functions of all. In the moments of the states, the complete polynomials of degree 2 so are 27
    numbers, those of degree 3 are 77, however many countries there are. Points come from the normal
    distribution to which the linear solution leads, a little widened; the report adds the path.
    """
    n, equations = m.countries, Equations(m)
    slope, covariance = m.linear()
    # standard deviations of a country's capital and productivity
    scale = np.sqrt(np.diag(covariance)).reshape(2, n).mean(axis=1)

    def step(f, x, e):
        capital = x[:n] + jnp.log(equations.growth(f(x)))
        return jnp.concatenate([capital, m.rho * x[n:] + m.sigma * (e[:n] + e[n])])

    def planner(f, x, rule):
        y = f(x)

        def gain(e):
            x1 = step(f, x, e)
            return equations.gain(x1, f(x1))

        expected = fe.expectation(gain, rule)
        return {"euler": equations.euler(y, expected), "resources": equations.resources(x, y)}

    shock = fe.Normal(np.zeros(n + 1), 1.0)
    nodes = fe.Monomial(shock, 3).quadrature(1)
    states = fe.Normal(np.zeros(2 * n), covariance=WIDTH**2 * covariance)

    def chosen(correction, points):
        draw = lambda key: fe.Ansatz(corrected_slope, Parts(correction(key), fe.freeze(slope)))
        # relative to deviations from rest, which are some percent themselves
        solver = fe.LevenbergMarquardt(accuracy=2e-3)
        return Choice(draw, points, sample=by_sampling, solver=solver)

    def symmetric(degree: int = 4 if n < 5 else 3) -> Choice:
        points = max(40, 8 * degree**2, 500 // n)
        return chosen(lambda key: Symmetric(degree, scale), points)

    def chebyshev(degree: int = 3) -> Choice:
        ends = [(-WIDEST * s, WIDEST * s) for s in np.sqrt(np.diag(covariance))]
        basis = fe.Tensor(*[fe.Chebyshev(degree, end) for end in ends], degree=degree)
        series = fe.Series(basis, n + 1)
        return chosen(lambda key: series, 2 * basis.size)

    def shifted(f, key):
        """The path of f, with a rule that is exact to the fifth degree at least."""
        periods = 400 if n <= 10 else 40  # for the sake of memory
        path = fe.Ergodic(step, fe.Dirac(np.zeros(2 * n)), shock, periods=400, burn_in=100)
        finer = shock.quadrature(7) if n == 2 else fe.Monomial(shock, 5).quadrature(1)
        return {"path": fe.Risk(planner, path, args=(finer,)).given(f).empirical(periods, key=key)}

    return Problem(
        risk=fe.Risk(planner, states, args=(nodes,)),
        hypotheses={"symmetric": symmetric, "chebyshev": chebyshev},
        shifted=shifted,
        functions=lambda f: {
            "growth of the first country's capital": lambda x: equations.growth(f(x))[0] - 1
        },
        coordinates=(
            *(f"log k_{j + 1}" for j in range(n)),
            *(f"z_{j + 1}" for j in range(n)),
        ),
        source="Den Haan, Judd and Juillard (2011), Computational suite of models with "
        "heterogeneous agents II: multi-country real business cycle models",
    )


WIDTH = 1.3
"""Of the points, in standard deviations of the states of the linear solution."""
WIDEST = 5.0
"""Where series end, in the same."""


class Parts(eqx.Module):
    """A correction, and the slope of what it corrects."""

    correction: Any
    slope: fe.Frozen


def corrected_slope(parts, x):
    return jnp.asarray(parts.slope.value) @ x + parts.correction(x)


class Symmetric(eqx.Module):
    """(h(u_1, v_1; p), ..., h(u_N, v_N; p), g(p)), u and v the scaled coordinates of each country
    and p their moments mean(u^a v^b): all polynomials of a total degree that are symmetric."""

    policy: jax.Array
    price: jax.Array
    scale: tuple[float, float] = eqx.field(static=True)
    moments: tuple = eqx.field(static=True)
    products: tuple = eqx.field(static=True)
    terms: tuple = eqx.field(static=True)

    def __init__(self, degree: int, scale: np.ndarray) -> None:
        powers = [(a, t - a) for t in range(degree + 1) for a in range(t, -1, -1)]
        self.moments = tuple(powers[1:])
        weight = [a + b for a, b in self.moments]
        products = [
            chosen
            for count in range(degree + 1)
            for chosen in itertools.combinations_with_replacement(range(len(weight)), count)
            if sum(weight[i] for i in chosen) <= degree
        ]
        self.products = tuple(products)
        self.terms = tuple(
            (i, j)
            for i, (a, b) in enumerate(powers)
            for j, chosen in enumerate(products)
            if a + b + sum(weight[k] for k in chosen) <= degree
        )
        self.scale = (float(scale[0]), float(scale[1]))
        self.policy = jnp.zeros(len(self.terms))
        self.price = jnp.zeros(len(products))

    def __call__(self, x):
        u, v = x.reshape(2, -1) / np.asarray(self.scale)[:, None]
        own = jnp.stack([jnp.ones_like(u), *(u**a * v**b for a, b in self.moments)])
        p = own[1:].mean(axis=1)
        common = jnp.stack([jnp.prod(p[np.array(chosen, int)]) for chosen in self.products])
        rows, columns = np.array(self.terms).T
        table = jnp.zeros((len(own), len(common)), x.dtype).at[rows, columns].set(self.policy)
        return jnp.append((table @ common) @ own, self.price @ common)
