"""What Hamilton-Jacobi-Bellman equations in one asset share."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe

from ._problem import Choice


class Value(eqx.Module):
    """V(a) = u(w(a)) / rho: w is the consumption that, for ever, would be worth V, and the unknown
    is log w as a function of log a. Consumption is where u'(c) = V'(a)."""

    log_equivalent: Callable
    gamma: float = eqx.field(static=True)
    rho: float = eqx.field(static=True)

    def value(self, a):
        return utility(jnp.exp(self.log_equivalent(jnp.log(a))), self.gamma) / self.rho

    def consumption(self, a):
        return jax.grad(self.value)(a) ** (-1.0 / self.gamma)


class Policy(eqx.Module):
    """Consumption alone, positive: the unknown is log c as a function of log a."""

    log_consumption: Callable

    def consumption(self, a):
        return jnp.exp(self.log_consumption(jnp.log(a)))


def utility(c, gamma):
    return c ** (1.0 - gamma) / (1.0 - gamma)


def check_curvature(gamma: float) -> None:
    """**Raises:** `ValueError` where utility is logarithmic, whose value takes both signs."""
    if gamma == 1.0:
        raise ValueError(
            "`gamma` must not be 1: logarithmic utility takes both signs, and the value is sought "
            "as u(w) / rho with residuals relative to it"
        )


def log_curves(
    ends: tuple[float, float],
    wrap: Callable,
    transform: Callable,
    *,
    degree: int,
    anchored: bool,
) -> dict[str, Callable[..., Choice]]:
    """Chebyshev series and networks g for an unknown function `transform(g, log a)`.

    Where no anchor selects, starts are drawn at random, and several of them have to agree on
    consumption.

    **Arguments:**

    - `ends`: the interval of log a.
    - `wrap`: from the unknown function to f.
    - `transform`: what is known of it, with g as the rest; g is about 0 at first.
    - `degree`: of the series, where none is asked for.
    - `anchored`: whether `transform` holds the condition that selects.
    """

    def choice(draw: Callable, points: int) -> Choice:
        if anchored:
            return Choice(draw, points=points)
        several = fe.MultiStart(draw, starts=4, compare=lambda f, a: f.consumption(a))
        return Choice(draw, points=points, solver=several)

    def chebyshev(degree: int = degree) -> Choice:
        def draw(key):
            series = fe.Series(fe.Chebyshev(degree, ends))
            if not anchored:
                first = 0.5 * jr.normal(key, (), series.coefficients.dtype)
                at = lambda s: s.coefficients
                series = eqx.tree_at(at, series, series.coefficients.at[0].set(first))
            return wrap(fe.Ansatz(transform, series))

        return choice(draw, degree + 8)

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        def draw(key):
            sizes: dict[str, Any] = {"width": width, "depth": depth, "support": ends}
            return wrap(fe.Ansatz(transform, fe.MLP("scalar", "scalar", **sizes, key=key)))

        return choice(draw, 64)

    return {"chebyshev": chebyshev, "mlp": mlp}


class Path(eqx.Module):
    """Where a path ended: the time and the state at which it was last inside its interval, and
    log of e^(-rho t) u'(c) a there, relative to the beginning."""

    time: float
    state: float
    left: bool
    log_weight: float


def follow(
    consumption: Callable,
    income: Callable,
    start: float,
    ends: tuple[float, float],
    *,
    gamma: float,
    rho: float,
    horizon: float,
    steps: int = 2_000,
) -> Path:
    """The closed loop a' = income(a) - c(a) from `start`, by Runge and Kutta's method, as long as
    it stays between the `ends`."""
    h = horizon / steps

    def advance(a, _):
        slope = lambda a: income(a) - consumption(a)
        k1 = slope(a)
        k2 = slope(a + h / 2 * k1)
        k3 = slope(a + h / 2 * k2)
        k4 = slope(a + h * k3)
        return a + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), (a, consumption(a))

    a, c = jax.lax.scan(advance, jnp.asarray(start), length=steps + 1)[1]
    a, c = np.asarray(a), np.asarray(c)
    slack = 1e-6 * (ends[1] - ends[0])
    inside = (a >= ends[0] - slack) & (a <= ends[1] + slack) & (c > 0)
    left = not inside.all()
    last = max(int(np.argmin(inside)) - 1, 0) if left else steps
    log_weight = np.log(a[last] / a[0]) - gamma * np.log(c[last] / c[0]) - rho * h * last
    return Path(h * last, float(a[last]), left, float(log_weight))
