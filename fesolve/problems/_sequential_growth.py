"""Growth date by date, without a terminal condition."""

from dataclasses import astuple, dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._deterministic_growth import saddle_path
from ._parameters import check_discount, check_positive, check_share, model
from ._problem import Choice, Problem, Reference
from ._settling import Settling


@dataclass(frozen=True, kw_only=True)
class SequentialGrowth:
    """Preferences, technology, and the dates.

    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `delta`: the depreciation rate.
    - `k0`: capital at t = 0.
    - `last`: the Euler equation is given at t = 0, ..., last.
    - `horizon`: the path is judged at t = 0, ..., horizon.
    """

    alpha: float = 1 / 3
    beta: float = 0.9
    delta: float = 0.1
    k0: float = 0.4
    last: int = 29
    horizon: int = 50

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_discount(self.beta)
        check_positive(k0=self.k0, last=self.last, horizon=self.horizon)


class Capital(eqx.Module):
    """k(t) = exp(log_k(x)), x in [-1, 1) the half-line of dates."""

    log_k: Any

    def k(self, t):
        return jnp.exp(self.log_k(t))


@model(SequentialGrowth)
def sequential_growth(m: SequentialGrowth) -> Problem:
    """c(t + 1) / c(t) = beta (alpha k(t + 1)^(alpha - 1) + 1 - delta): growth from k(0) alone.

    c(t) = k(t)^alpha + (1 - delta) k(t) - k(t + 1), and k(t) is a positive function of x =
    (t - 10) / (t + 10). For each k(1) one path satisfies the equations; all but one eat up the
    capital, or pile it up and eat nothing. Taken is the path of the smallest E[(log k)''(x)^2]:
    the one that bends least on its way to a limit. Neither the steady state nor transversality is
    given.
    """
    alpha, beta, delta, k0, last, horizon = astuple(m)

    def consumption(f, t, alpha, delta):
        return f.k(t) ** alpha + (1.0 - delta) * f.k(t) - f.k(t + 1.0)

    def euler(f, t, alpha, beta, delta):
        t = jnp.asarray(t, float)
        c, c1 = consumption(f, t, alpha, delta), consumption(f, t + 1.0, alpha, delta)
        gross = alpha * f.k(t + 1.0) ** (alpha - 1.0) + 1.0 - delta
        return (beta * c * gross - c1) / f.k(t) ** alpha

    def initial(f, t, k0):
        return f.k(t) / k0 - 1.0

    def bend(f, x):
        return fe.derivative(f.log_k.g, 2)(x)

    def choice(draw: Any, nodes: int) -> Choice:
        return Choice(
            lambda key: Capital(Settling(draw(key), 10.0)),
            points=last + 1,
            sample=lambda risk, points, key: risk.on(fe.Empirical(jnp.arange(points))),
            solver=fe.MinimumNorm(fe.Risk(bend, fe.Uniform(-1.0, 1.0)).quadrature(nodes)),
        )

    start = float(np.log(k0))

    def chebyshev(degree: int = 24) -> Choice:
        return choice(lambda key: fe.Series(fe.Chebyshev(degree), start=start), degree + 1)

    def mlp(width: int = 16, depth: int = 1) -> Choice:
        sizes: Any = {"width": width, "depth": depth, "support": (-1.0, 1.0)}

        def draw(key):
            net = fe.MLP("scalar", "scalar", **sizes, key=key)
            return fe.Ansatz(lambda net, x: start + 0.1 * net(x), net)

        return choice(draw, 24)

    path = saddle_path(k0, alpha, beta, delta)
    along = "Newton's method on the path"
    return Problem(
        risk=fe.Risk(euler, fe.Empirical(jnp.arange(horizon + 1)), args=(alpha, beta, delta))
        + fe.Risk(initial, fe.Dirac(0.0), args=(k0,)),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        references={
            f"k_{t}": Reference(lambda f, t=t: f.k(float(t)), float(path[t]), along, 1e-2)
            for t in (1, 5, 10, last, horizon)
        },
        functions=lambda f: {"capital": f.k},
        coordinates=("t",),
        checks=lambda f: [comes_to_rest(f, m)],
        source="Ebrahimi Kahou, Fernandez-Villaverde, Gomez-Cardona, Perla and Rosa (2024), "
        "section 3",
    )


def comes_to_rest(f: Capital, m: SequentialGrowth) -> fe.Check:
    """Whether the path stands still where impatience and the marginal product agree."""
    t = float(m.horizon)
    k, k1 = float(f.k(t)), float(f.k(t + 1.0))
    gross = m.beta * (m.alpha * k ** (m.alpha - 1) + 1 - m.delta)
    off = max(abs(k1 / k - 1), abs(gross - 1))
    return fe.Check(
        "transversality",
        off,
        off < 1e-2,
        f"at t = {m.horizon} capital grows by {k1 / k - 1:+.1e}, and consumption by "
        f"{gross - 1:+.1e}: at rest, beta^t k(t) / c(t) vanishes",
    )
