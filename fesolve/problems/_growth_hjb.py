"""Growth in continuous time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._hamilton_jacobi_bellman import (
    check_curvature,
    follow,
    log_curves,
    Policy,
    utility,
    Value,
)
from ._parameters import check_positive, check_share, model
from ._problem import Problem, Reference


@dataclass(frozen=True, kw_only=True)
class GrowthHJB:
    """Preferences, technology, and what is sought.

    - `gamma`: the relative risk aversion; not 1 where the value is sought.
    - `alpha`: the elasticity of output in capital.
    - `delta`: the rate of depreciation.
    - `rho`: the rate of time preference.
    - `A`: total factor productivity.
    - `k_low`: the equation holds on [k_low, k_high] times the steady state.
    - `k_high`: see `k_low`.
    - `unknown`: the policy, by the equation that consumption satisfies along a path, or the value.
    - `anchor`: whether the unknown is given at the steady state.
    """

    gamma: float = 2.0
    alpha: float = 0.3
    delta: float = 0.05
    rho: float = 0.05
    A: float = 1.0
    k_low: float = 0.1
    k_high: float = 2.0
    unknown: Literal["policy", "value"] = "policy"
    anchor: bool = True

    def __post_init__(self) -> None:
        check_positive(gamma=self.gamma, rho=self.rho, A=self.A, k_low=self.k_low)
        check_share(alpha=self.alpha)
        if not self.delta >= 0.0:
            raise ValueError(f"`delta` must be 0 or more; got {self.delta}")
        if not self.k_low < 1.0 < self.k_high:
            raise ValueError(
                "`k_low` and `k_high` must have the steady state, 1, between them; got "
                f"{self.k_low} and {self.k_high}"
            )
        if self.unknown == "value":
            check_curvature(self.gamma)

    @property
    def k_steady(self) -> float:
        """Where the marginal product net of depreciation is rho."""
        return (self.alpha * self.A / (self.rho + self.delta)) ** (1.0 / (1.0 - self.alpha))

    @property
    def c_steady(self) -> float:
        """What the steady state leaves for consumption."""
        return self.A * self.k_steady**self.alpha - self.delta * self.k_steady

    @property
    def share(self) -> float | None:
        """c / k where it is constant, which it is for gamma = alpha."""
        share = (self.rho + self.delta * (1.0 - self.gamma)) / self.gamma
        return share if self.gamma == self.alpha else None


@model(GrowthHJB)
def growth_hjb(m: GrowthHJB) -> Problem:
    """rho V = max_c u(c) + V'(k) (A k^alpha - delta k - c): growth in continuous time.

    Differentiated in k, with u'(c) = V', it is an equation for the policy alone, gamma c'(k) / c
    (A k^alpha - delta k - c) = alpha A k^(alpha - 1) - delta - rho, whose right side and drift
    vanish together at the steady state. Without the anchor c(k*) = c* there are solutions that
    pass it with positive savings: smooth, with residuals as small, and overaccumulating.

    The policy is the better unknown. At the steady state V' is a double root of the equation for
    the value: V(k*) alone does not select there, and V(k*) and V'(k*) are given. For gamma = alpha,
    c = k (rho + delta (1 - gamma)) / gamma.
    """

    def output(k):
        return m.A * k**m.alpha

    def income(k):
        return output(k) - m.delta * k

    def euler(f, k, rho, delta):
        c, slope = jax.value_and_grad(f.consumption)(k)
        growth = m.gamma * slope / c * (output(k) - delta * k - c)
        return (growth - (jax.grad(output)(k) - delta - rho)) / (rho + delta)

    def hjb(f, k, rho, delta):
        c = f.consumption(k)
        flow = utility(c, m.gamma) + jax.grad(f.value)(k) * (output(k) - delta * k - c)
        return 1.0 - flow / (rho * f.value(k))

    value = m.unknown == "value"
    limits = (m.k_low * m.k_steady, m.k_high * m.k_steady)
    ends = (math.log(limits[0]), math.log(limits[1]))
    t_steady, level = math.log(m.k_steady), math.log(m.c_steady)

    # The steady state is worth c* for ever, and there V' = u'(c*): for the value both are given.
    def anchored(g, t):
        apart = t - t_steady
        if value:
            return level + apart * (m.rho * m.k_steady / m.c_steady + apart * 0.02 * g(t))
        return level + apart * (0.5 + 0.1 * g(t))

    def free(g, t):
        return math.log(0.5 * m.A) + m.alpha * t + g(t)

    def checks(f) -> Sequence[fe.Check]:
        path = follow(
            f.consumption,
            income,
            limits[0],
            limits,
            gamma=m.gamma,
            rho=m.rho,
            horizon=20.0 / m.rho,
        )
        return [_stability(f, income, m), _transversality(path)]

    if m.share is not None:
        known, along = {"consumption": lambda k: m.share * k}, "the closed form"
        at_ends = [m.share * k for k in limits]
    else:
        known, along = None, "the saddle path, by DOP853 backwards in time"
        at_ends = saddle_policy(m, limits)
    near = 1e-6 if value else 1e-8
    return Problem(
        risk=fe.Risk(hjb if value else euler, fe.Uniform(*limits), args=(m.rho, m.delta)),
        hypotheses=log_curves(
            ends,
            (lambda log_w: Value(log_w, m.gamma, m.rho)) if value else Policy,
            anchored if m.anchor else free,
            degree=20,
            anchored=m.anchor,
        ),
        exact=known,
        references={
            "c_steady": Reference(
                lambda f: f.consumption(m.k_steady), m.c_steady, "the steady state", near
            ),
            "c_low": Reference(lambda f: f.consumption(limits[0]), at_ends[0], along, 1e-6),
            "c_high": Reference(lambda f: f.consumption(limits[1]), at_ends[1], along, 1e-6),
        },
        checks=checks,
        functions=lambda f: {"consumption": f.consumption},
        coordinates=("k",),
        source="Ramsey, Cass and Koopmans in continuous time",
    )


def _stability(f, income, m: GrowthHJB) -> fe.Check:
    drift = lambda k: income(k) - f.consumption(k)
    saved, slope = (float(x) for x in jax.value_and_grad(drift)(jnp.asarray(m.k_steady)))
    rests = abs(saved) <= 1e-3 * m.c_steady
    sentence = (
        f"capital returns to the steady state at the rate {-slope:.3g}"
        if rests and slope < 0.0
        else f"net saving is {saved:.3g}, and its slope {slope:.3g}, where capital should rest"
    )
    return fe.Check("stability", slope, rests and slope < 0.0, sentence)


def _transversality(path) -> fe.Check:
    weight = math.exp(path.log_weight)
    where = "leaves the interval" if path.left else "is followed no further"
    sentence = (
        f"e^(-rho t) u'(c) k has fallen to {weight:.2g} of its beginning at t = {path.time:.3g}, "
        f"where the path of capital {where}"
    )
    return fe.Check("transversality", weight, not path.left and weight < 1e-3, sentence)


def saddle_policy(m: GrowthHJB, capital: Sequence[float]) -> list[float]:
    """c(k) on the path that ends in the steady state: from there, a little along the eigenvector
    of the stable eigenvalue, backwards in time, which brings every error down."""
    from scipy.integrate import solve_ivp

    product = m.A * m.k_steady ** (m.alpha - 1.0)
    ratio = m.c_steady / m.k_steady
    own = (m.alpha - 1.0) * product + ratio
    cross = -ratio * m.alpha * (m.alpha - 1.0) * product / m.gamma
    stable = own / 2 - math.sqrt(own**2 / 4 + cross)
    slope = (own - stable) / ratio

    def backwards(_, y):
        k, c = np.exp(y)
        product = m.A * k ** (m.alpha - 1.0)
        return [
            m.delta + c / k - product,
            (m.delta + m.rho - m.alpha * product) / m.gamma,
        ]

    values = []
    for k in capital:
        begin = 1e-6 * np.sign(k - m.k_steady)
        y = [math.log(m.k_steady) + begin, math.log(m.c_steady) + slope * begin]
        arrives = lambda _, y, k=k: y[0] - math.log(k)
        arrives.terminal = True
        path = solve_ivp(backwards, (0.0, 1e4), y, "DOP853", events=arrives, rtol=1e-13, atol=1e-14)
        values.append(float(np.exp(path.y_events[0][0][1])))
    return values
