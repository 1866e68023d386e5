"""Investment by many firms that are alike."""

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe

from ._parameters import check_discount, check_positive, check_share, model
from ._problem import by_sampling, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class SymmetricInvestment:
    """An industry: demand, costs and risks.

    - `firms`: their number N.
    - `beta`: the discount factor.
    - `gamma`: the slope of the marginal cost of investment.
    - `delta`: the depreciation rate.
    - `sigma`: the standard deviation of each firm's own shock.
    - `eta`: the standard deviation of the shock that all firms share.
    - `alpha_0`: the price is alpha_0 - alpha_1 mean(X^nu).
    - `alpha_1`: its slope.
    - `nu`: the curvature of demand; 1 has a closed form.
    """

    firms: int = 128
    beta: float = 0.95
    gamma: float = 90.0
    delta: float = 0.05
    sigma: float = 0.005
    eta: float = 0.001
    alpha_0: float = 1.0
    alpha_1: float = 1.0
    nu: float = 1.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        check_share(delta=self.delta)
        check_positive(**vars(self))

    def steady_state(self) -> float:
        """Capital X without shocks: gamma (1 - beta (1 - delta)) delta X = beta P(X)."""
        from scipy.optimize import brentq

        cost = self.gamma * (1 - self.beta * (1 - self.delta)) * self.delta / self.beta
        excess = lambda x: cost * x - self.alpha_0 + self.alpha_1 * x**self.nu
        return brentq(excess, 0.0, self.alpha_0 / cost, xtol=1e-15, rtol=4 * np.finfo(float).eps)

    def linear_quadratic(self) -> tuple[float, float]:
        """(H0, H1) of the policy u = H0 + H1 mean(X): exact for linear demand, and of the first
        order around the steady state otherwise.

        With m' = u + (1 - delta) m in expectation, matching coefficients of m in gamma u =
        beta (P(m') + gamma (1 - delta) u(m')) gives a quadratic equation in H1, as in a scalar
        Riccati equation; the root is the one under which capital returns, |H1 + 1 - delta| < 1.
        """
        keep, steady = 1 - self.delta, self.steady_state()
        slope = self.alpha_1 * self.nu * steady ** (self.nu - 1)
        # beta (gamma keep H1 - slope) (H1 + keep) = gamma H1
        quadratic = [
            self.beta * self.gamma * keep,
            self.beta * (self.gamma * keep**2 - slope) - self.gamma,
            -self.beta * slope * keep,
        ]
        (h1,) = [float(h.real) for h in np.roots(quadratic) if abs(h + keep) < 1]
        return self.delta * steady - h1 * steady, h1


TRAJECTORIES, PERIODS = 16, 64


@model(SymmetricInvestment)
def symmetric_investment(m: SymmetricInvestment) -> Problem:
    """gamma u(X) = beta E[P(X') + gamma (1 - delta) u(X')]: investment by N firms that are alike.

    X holds the capital of N firms, X_n' = u(X) + (1 - delta) X_n + sigma w_n + eta omega, and the
    price is P(X) = alpha_0 - alpha_1 mean(X^nu). The policy u is a symmetric function of N states:
    a deep set, or a series in moments of X. With many firms their own shocks average out, so that
    one draw of w stands for the expectation over all of them, and what is left is the integral over
    omega. For linear demand, nu = 1, u = H0 + H1 mean(X) whatever N is. The states are those
    that the linear policy leads to from X_0 ~ N(0.9, 0.05), 16 paths of 64 periods; the report adds
    those of the solution. A deep set that was solved for with N firms is a policy for any other
    number of them.
    """
    keep, n, steady = 1 - m.delta, m.firms, m.steady_state()
    h0, h1 = m.linear_quadratic()

    def euler(f, x, e):
        x1 = step(f, x, e)
        price = m.alpha_0 - m.alpha_1 * jnp.mean(x1**m.nu)
        marginal = m.beta / m.gamma * price + m.beta * keep * f(x1)
        return (f(x) - marginal) / (m.delta * steady)

    def step(f, x, e):
        return f(x) + keep * x + m.sigma * e[1:] + m.eta * e[0]

    def linear(x):
        return h0 + h1 * jnp.mean(x)

    firms_start = fe.Normal(np.full(n, START), START_SCALE)
    ergodic = fe.Ergodic(step, firms_start, fe.Normal(np.zeros(n + 1), 1.0), periods=PERIODS)

    # where the moments of X stay on the way: of the mean within 6 standard deviations
    spread = math.hypot(m.sigma, math.sqrt(n) * m.eta) / math.sqrt(n * (1 - (h1 + keep) ** 2))
    low, high = min(steady, START), max(steady, START)
    margin = 6 * START_SCALE / math.sqrt(n) + 6 * spread
    ends, firm = (low - margin, high + margin), (low - 4 * START_SCALE, high + 4 * START_SCALE)
    variances = (0.0, 2 * START_SCALE**2 * (1 + 4 / math.sqrt(n)))

    sampling: dict[str, Any] = {"points": TRAJECTORIES * PERIODS, "sample": by_sampling}
    smooth = {"degree": 2, "moments": 1} if m.nu == 1 else {"degree": 4, "moments": 2}

    def chebyshev(degree: int = smooth["degree"], moments: int = smooth["moments"]) -> Choice:
        if moments not in (1, 2):
            raise ValueError(
                f"`moments` must be 1, the mean, or 2, and the variance; got {moments}"
            )
        bases = [fe.Chebyshev(degree, box) for box in (ends, variances)[:moments]]
        series = fe.Series(fe.Tensor(*bases, degree=degree), start=m.delta * steady)
        reduce = first_moment if moments == 1 else two_moments
        return Choice(lambda key: fe.Compose(series, reduce), **sampling)

    def deep_set(width: int = 16, moments: int = 4) -> Choice:
        def draw(key):
            first, second = jr.split(key)
            phi = fe.MLP("scalar", moments, width=width, depth=1, support=firm, key=first)
            rho = fe.MLP(
                moments, "scalar", width=width, depth=1, start=m.delta * steady, key=second
            )
            return fe.DeepSet(rho, phi)

        return Choice(draw, solver=fe.LevenbergMarquardt(max_steps=15), **sampling)

    def shifted(f, key):
        finer = fe.Risk(euler, ergodic, shock=shocks(n, 16, seed=1))
        return {"path": finer.given(f).empirical(TRAJECTORIES * PERIODS, key=key)}

    return Problem(
        risk=fe.Risk(euler, ergodic.given(linear), shock=shocks(n, 8, seed=0)),
        hypotheses={"chebyshev": chebyshev, "deep_set": deep_set},
        exact=linear if m.nu == 1 else None,
        shifted=shifted,
        functions=lambda f: {"investment": f},
        coordinates=tuple(f"X_{i + 1}" for i in range(n)),
        source="Kahou, Fernandez-Villaverde, Perla and Sood (2021), Exploiting symmetry in "
        "high-dimensional dynamic programming",
    )


START, START_SCALE = 0.9, 0.05


def first_moment(x):
    return jnp.mean(x)[None]


def two_moments(x):
    mean = jnp.mean(x)
    return jnp.stack([mean, jnp.mean((x - mean) ** 2)])


def shocks(firms: int, nodes: int, *, seed: int) -> fe.Empirical:
    """(omega, w_1, ..., w_N): Gauss-Hermite nodes for the common shock, an even number of them,
    each with one draw of the firms' own, normalised to mean 0 and variance 1, or with minus it.

    The sign is that of omega, so that whatever is linear in w averages out, and with it the
    accidental covariance of w and X; what is left is of the order of the product eta sigma.
    """
    rule = fe.Normal(0.0, 1.0).quadrature(nodes)
    own = np.asarray(jr.normal(jr.key(seed), (firms,)))
    own = (own - own.mean()) / (own.std() if firms > 1 else 1.0)
    omega = np.asarray(rule.points)
    return fe.Empirical(np.column_stack([omega, np.sign(omega)[:, None] * own]), rule.weights)
