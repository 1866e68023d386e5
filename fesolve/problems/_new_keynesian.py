"""A New Keynesian economy with sticky prices, without and with the lower bound on interest."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem


@dataclass(frozen=True, kw_only=True)
class NewKeynesian:
    """Preferences, prices, the rule of the central bank, and six shocks.

    - `beta`: the discount factor.
    - `gamma`: the inverse elasticity of intertemporal substitution.
    - `vartheta`: the inverse elasticity of labour supply.
    - `epsilon`: the elasticity of substitution between goods, above 1.
    - `theta`: the share of firms that cannot change their price in a quarter.
    - `phi_pi`: how the rate of interest reacts to inflation.
    - `phi_y`: how it reacts to the output gap.
    - `mu`: the weight of yesterday's rate.
    - `g_bar`: the share of government spending in output.
    - `pi_star`: the target of gross inflation.
    - `zlb`: whether the gross rate of interest is bounded below by 1.
    - `shocks`: what all standard deviations of shocks are multiplied by.
    """

    beta: float = 0.99
    gamma: float = 1.0
    vartheta: float = 2.09
    epsilon: float = 4.45
    theta: float = 0.83
    phi_pi: float = 2.21
    phi_y: float = 0.07
    mu: float = 0.82
    g_bar: float = 0.23
    pi_star: float = 1.0
    zlb: bool = False
    shocks: float = 1.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_share(theta=self.theta, g_bar=self.g_bar)
        check_persistence(mu=self.mu)
        positive = {name: getattr(self, name) for name in ("gamma", "vartheta", "pi_star")}
        check_positive(**positive, shocks=self.shocks)
        if not self.epsilon > 1.0:
            raise ValueError(
                f"`epsilon` is an elasticity of substitution, above 1; got {self.epsilon}: up to 1 "
                "firms have no best price"
            )


NAMES = ("R", "a", "L", "u", "B", "G")
RHO = np.array([0.0, 0.95, 0.25, 0.92, 0.0, 0.95])
SIGMA = np.array([0.0028, 0.0045, 0.05, 0.0054, 0.001, 0.0038])
LASTING = np.flatnonzero(RHO)
"""The shocks that tomorrow remembers: to the rate of interest and to bonds it does not."""


@model(NewKeynesian)
def new_keynesian(m: NewKeynesian) -> Problem:
    """S = .. + E[pi'^e S'], F = .. + E[pi'^(e-1) F'], C^-g = .. R E[C'^-g / pi']: New Keynesian.

    Calvo prices with eight states: yesterday's rate of interest R and dispersion of prices Delta,
    and shocks to policy, productivity, labour, preferences, bonds and government spending. S and F,
    the costs and sales over the life of a price, give inflation, and a rule of Taylor's the rate.

    The unknowns are the logs of the three expectations as functions of what tomorrow remembers of
    today: R, Delta and the four lasting shocks. S, F, C, inflation and R follow from them point by
    point, the bound R >= 1 included, so that the unknown functions stay smooth where consumption
    has a bend. They are the first-order solution plus a complete polynomial.
    """
    shock = fe.Normal(np.zeros(6), m.shocks * SIGMA)
    width = 2 * m.shocks * (SIGMA / np.sqrt(1 - RHO**2))[LASTING]
    # far from rest the bound binds for years, and no polynomial of low degree knows when
    high, dispersed = (0.0149, 0.99) if m.zlb else (0.0399, 0.95)
    rate = m.pi_star / m.beta
    spread = m.shocks * np.array([0.0101, 1 - dispersed, high])
    lower = np.concatenate([[rate - spread[0], 1 - spread[1]], -width])
    upper = np.concatenate([[rate + spread[2], 1.0], width])

    def expectations(f, z, nodes, weights):
        def payoff(e):
            x = tomorrow(z, e)
            return payoffs(m, x, f.today(x))

        expected = fe.expectation(payoff, fe.Empirical(nodes, weights))
        return 1 - expected * jnp.exp(-f.expected(z))

    def step(f, x, e):
        return tomorrow(f.today(x).after, e)

    def equations(f, x, e):
        """The equations as the literature has them, in units of their left sides."""
        now = f.today(x)
        known = jnp.exp(f.expected(now.after))
        x1 = tomorrow(now.after, e)
        surprise = 1 - payoffs(m, x1, f.today(x1)) / known
        shares = m.beta * m.theta * known[:2] / jnp.stack([now.S, now.F])
        return {"S": shares[0] * surprise[0], "F": shares[1] * surprise[1], "euler": surprise[2]}

    def chebyshev(degree: int = 3) -> Choice:
        bases = [fe.Chebyshev(degree, (lo, hi)) for lo, hi in zip(lower, upper)]
        series = fe.Series(fe.Tensor(*bases, degree=degree), 3)
        points = 1 << math.ceil(math.log2(2.5 * series.basis.size))
        # a polynomial does not reach zero, which a step after the last that changes anything tells
        solver = fe.LevenbergMarquardt(max_steps=12)
        return Choice(
            lambda key: Economy(fe.freeze(linearised(m)), series, m), points, solver=solver
        )

    def shifted(f, key):
        rest = jnp.asarray(f.linear.x["after"])
        start = fe.Dirac(tomorrow(rest, np.zeros(6)))
        path = fe.Ergodic(step, start, shock, periods=2_200, burn_in=200)
        finer = fe.Monomial(shock, 5).quadrature()
        risk = fe.Risk(equations, path, shock=finer, tolerance=1e-4)
        return {"path": risk.given(f).empirical(2_000, key=key)}

    rule = fe.Monomial(shock, 3).quadrature()
    return Problem(
        risk=fe.Risk(
            expectations,
            fe.Sobol(fe.Uniform(lower, upper)),
            args=(rule.points, rule.weights),
            tolerance=1e-4,
        ),
        hypotheses={"chebyshev": chebyshev},
        shifted=shifted,
        functions=lambda f: {
            "inflation": lambda z: f.today(tomorrow(z, np.zeros(6))).pi,
            "interest": lambda z: f.today(tomorrow(z, np.zeros(6))).R,
        },
        coordinates=("R", "Delta", *(f"eta_{NAMES[i]}" for i in LASTING)),
        source="Coleman, Lyon, Maliar and Maliar (2018), Matlab, Python, Julia: What to Choose?",
    )


class Today(NamedTuple):
    """What happens in a quarter, and what tomorrow remembers of it."""

    S: jax.Array
    F: jax.Array
    C: jax.Array
    pi: jax.Array
    R: jax.Array
    Delta: jax.Array
    after: jax.Array
    gaps: jax.Array


def tomorrow(z, e):
    """The state x' = (R, Delta, eta') after z = (R, Delta, lasting eta) and the shocks e."""
    spread = np.eye(6)[LASTING]
    return jnp.concatenate([z[:2], (RHO[LASTING] * z[2:]) @ spread + e])


def payoffs(m, x, now):
    """pi^e S, pi^(e-1) F and C^-g e^(eta_u) / pi, of which the unknowns are the expectations."""
    sales = now.pi ** (m.epsilon - 1)
    utility = now.C**-m.gamma * jnp.exp(x[5]) / now.pi
    return jnp.stack([sales * now.pi * now.S, sales * now.F, utility])


def quarter(m, x, guess, expected):
    """All variables at the state x, where log R and the reset price are as guessed and the logs of
    the three expectations are expected(z); `gaps` are what the rule of the central bank and the
    price level have against it. The reset price is s with pi^(e-1) = (1 - (1 - theta) e^s) / theta.
    """
    log_rate, s = guess
    e_r, e_a, e_l, e_u, e_b, e_g = x[2:]
    sales = (1 - (1 - m.theta) * jnp.exp(s)) / m.theta
    log_pi = jnp.log(sales) / (m.epsilon - 1)
    fixed = m.theta * sales * jnp.exp(log_pi) / x[1]
    dispersion = 1 / ((1 - m.theta) * jnp.exp(s * m.epsilon / (m.epsilon - 1)) + fixed)
    after = jnp.concatenate([jnp.stack([jnp.exp(log_rate), dispersion]), x[2 + LASTING]])
    log_s, log_f, log_u = expected(after)
    log_c = -(math.log(m.beta) + e_b - e_u + log_rate + log_u) / m.gamma
    log_g = jnp.log(1 - m.g_bar * jnp.exp(-e_g))
    log_y = log_c - log_g
    cost = e_u + e_l + (1 + m.vartheta) * (log_y - e_a) - m.vartheta * jnp.log(dispersion)
    costs = jnp.exp(cost) + m.beta * m.theta * jnp.exp(log_s)
    income = jnp.exp(e_u + log_y - m.gamma * log_c) + m.beta * m.theta * jnp.exp(log_f)
    natural = (1 + m.vartheta) * e_a - m.gamma * log_g - e_l
    gap = log_y - natural / (m.vartheta + m.gamma)
    target, log_star = math.log(m.pi_star / m.beta), math.log(m.pi_star)
    reaction = m.phi_pi * (log_pi - log_star) + m.phi_y * gap
    rule = target + m.mu * (jnp.log(x[0]) - target) + (1 - m.mu) * reaction + e_r
    rule = jnp.maximum(rule, 0.0) if m.zlb else rule
    gaps = jnp.stack([log_rate - rule, jnp.log(costs / income) + s / (m.epsilon - 1)])
    values = costs, income, jnp.exp(log_c), jnp.exp(log_pi), after[0], dispersion
    return Today(*values, after, gaps)


class Economy(eqx.Module):
    """The logs of the three expectations: the first-order solution plus a series."""

    linear: fe.Frozen
    series: fe.Series
    parameters: NewKeynesian = eqx.field(static=True)

    def expected(self, z):
        return self.linear.policy({"after": z, "s": jnp.zeros(())}) + self.series(z)

    def table(self, lasting):
        """The coefficients of the series as one in (R, Delta), where the lasting shocks are known:
        they are, while Newton's method looks for R and Delta."""
        basis, coefficients = self.series.basis, self.series.coefficients
        first, second, *others = basis.indices.T
        known = zip(basis.bases[2:], lasting, others, strict=True)
        factors = jnp.prod(jnp.stack([one(value)[i] for one, value, i in known]), axis=0)
        sizes = [one.size for one in basis.bases[:2]]
        at = np.eye(math.prod(sizes), dtype=coefficients.dtype)[first * sizes[1] + second]
        return (coefficients @ (factors[:, None] * at)).reshape(-1, *sizes)

    def expected_by(self, table, z):
        """The same as `expected`."""
        first, second = (b(v) for b, v in zip(self.series.basis.bases, z[:2]))
        series = table @ second @ first
        return self.linear.policy({"after": z, "s": jnp.zeros(())}) + series

    def today(self, x):
        """The quarter that starts in x, by Newton's method in (log R, s); derivatives pass through
        its last step alone."""
        table = self.table(x[2 + LASTING])
        state, still = jax.lax.stop_gradient((x, table))

        def gaps_there(u):
            expected = lambda z: self.expected_by(still, z)
            gaps = quarter(self.parameters, state, u, expected).gaps
            return gaps, gaps

        def newton(found):
            u, _, _, number = found
            slopes, gaps = jax.jacfwd(gaps_there, has_aux=True)(u)
            after = u - _solved(slopes, gaps)
            after = jnp.stack([after[0], jnp.minimum(after[1], 1.6)])
            return after, slopes, jnp.max(jnp.abs(after - u)), number + 1

        begin = jnp.stack([jnp.log(state[0]), jnp.zeros((), state.dtype)])
        # the step after the last is taken below, and has twice as many digits
        near = jnp.finfo(state.dtype).eps ** 0.5
        u, slopes, _, _ = jax.lax.while_loop(
            lambda found: (found[2] > near) & (found[3] < 6),
            newton,
            (begin, jnp.eye(2, dtype=state.dtype), jnp.full((), jnp.inf, state.dtype), 0),
        )
        expected = lambda z: self.expected_by(table, z)
        gaps = quarter(self.parameters, x, u, expected).gaps
        return quarter(self.parameters, x, u - _solved(slopes, gaps), expected)


def _solved(a, b):
    """a^-1 b of a 2 x 2 matrix."""
    inverse = jnp.stack([jnp.stack([a[1, 1], -a[0, 1]]), jnp.stack([-a[1, 0], a[0, 0]])])
    return inverse @ b / (a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0])


def linearised(m):
    """The first-order solution: states z and the reset price, free variables the expectations."""

    def flow(x, y, x1, y1):
        begin = tomorrow(x["after"], np.zeros(6))
        guess = (jnp.log(x1["after"][0]), x1["s"])
        now = quarter(m, begin, guess, lambda z: y1)
        values = y - jnp.log(payoffs(m, begin, now))
        return {"states": x1["after"][1:] - now.after[1:], "gaps": now.gaps, "values": values}

    rest = np.zeros(2 + LASTING.size)
    rest[:2] = m.pi_star / m.beta, 1.0
    start = ({"after": rest, "s": np.zeros(())}, np.array([2.0, 2.0, 0.2]))
    return fe.first_order(flow, fe.steady_state(flow, start))
