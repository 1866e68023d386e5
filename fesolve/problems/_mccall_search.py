"""McCall's job search."""

import math
from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_discount, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class McCall:
    """Patience and unemployment.

    - `beta`: the discount factor.
    - `c`: the unemployment compensation, below 1, the highest wage.
    """

    beta: float = 0.99
    c: float = 0.0

    def __post_init__(self) -> None:
        check_discount(self.beta)
        if not -0.5 * self.beta / (1.0 - self.beta) < self.c < 1.0:
            raise ValueError(
                f"`c` is {self.c}: with it every offer, or none, is taken. It must lie between "
                "-beta / (2 (1 - beta)) and 1, the highest wage"
            )

    @property
    def reservation(self) -> float:
        """wbar with wbar - c = beta (1 - wbar)^2 / (2 (1 - beta))."""
        a = 0.5 * self.beta / (1.0 - self.beta)
        b = 2.0 * a + 1.0
        return (b - math.sqrt(b * b - 4.0 * a * (a + self.c))) / (2.0 * a)


@model(McCall)
def mccall_search(m: McCall) -> Problem:
    """v(w) = max{w / (1 - beta), c + beta E v(w')}: McCall's search for a job.

    Offers are uniform on [0, 1]. They are taken from the reservation wage wbar on, where wbar - c =
    beta (1 - wbar)^2 / (2 (1 - beta)), and v has a kink there. A class of functions that are smooth
    in w (`smooth`) has an error around the kink that falls slowly, which the report shows apart
    from the error away from it. With the maximum in the class as well as in the operator, so that
    what is unknown is the value of searching on, the kink is where it should be: its place is
    solved for.
    """
    beta, kink = m.beta, m.reservation

    def operator(f, w):
        return jnp.maximum(w / (1.0 - beta), m.c + beta * f.mean())

    def bellman(f, w):
        return (1.0 - beta) * (f.value(w) - operator(f, w))  # in units of wages

    def step(f, g, w):
        return (1.0 - beta) * (f.value(w) - operator(g, w))

    def searching(degree: int) -> Search:
        return Search(fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), start=0.5), beta)

    def chebyshev(degree: int = 2) -> Choice:
        return Choice(lambda key: searching(degree), points=degree + 30)

    def mlp(width: int = 8, depth: int = 1) -> Choice:
        def draw(key):
            net = fe.MLP("scalar", "scalar", width=width, depth=depth, support=(0.0, 1.0), key=key)
            return Search(fe.Ansatz(lambda net, w: 0.5 + net(w), net), beta)

        return Choice(draw, points=64)

    def value_iteration(degree: int = 2) -> Choice:
        solver = fe.FixedPoint(step)
        return Choice(lambda key: searching(degree), points=degree + 30, solver=solver)

    def smooth(degree: int = 40) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), start=0.5 / (1.0 - beta))
        return Choice(lambda key: Smooth(series), points=8 * degree)

    def near(w):
        return jnp.abs(w - kink) < 0.05

    def shifted(f, key):
        test = risk.empirical(10_000, key=key)
        return {"kink": test.where(near), "away": test.where(lambda w: ~near(w))}

    # a thousandth of the highest wage: what a smooth v leaves around the kink
    risk = fe.Risk(bellman, fe.Uniform(0.0, 1.0), tolerance=1e-3)
    return Problem(
        risk=risk,
        hypotheses={
            "chebyshev": chebyshev,
            "mlp": mlp,
            "value_iteration": value_iteration,
            "smooth": smooth,
        },
        exact={"value": lambda w: jnp.maximum(w, kink) / (1.0 - beta)},
        references={
            "reservation wage": Reference(
                lambda f: (1.0 - beta) * (m.c + beta * f.mean()), kink, "a quadratic equation", 1e-4
            )
        },
        shifted=shifted,
        functions=lambda f: {"value": f.value},
        coordinates=("w",),
        source="McCall (1970), with wages uniform on [0, 1]",
    )


NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
NODES, WEIGHTS = 0.5 * (1.0 + NODES), 0.5 * WEIGHTS


def average(v, low, high):
    """The integral of v from low to high."""
    nodes = low + (high - low) * jnp.asarray(NODES)
    return (high - low) * jnp.asarray(WEIGHTS) @ jnp.vectorize(v)(nodes)


class Smooth(eqx.Module):
    """v itself, smooth."""

    series: eqx.Module

    def value(self, w):
        return self.series(w)

    def mean(self):
        return average(self.value, 0.0, 1.0)


class Search(eqx.Module):
    """v(w) = max(w, h(w)) / (1 - beta), where h / (1 - beta) is the value of searching on."""

    h: eqx.Module
    beta: float = eqx.field(static=True)

    def value(self, w):
        return jnp.maximum(w, self.h(w)) / (1.0 - self.beta)

    def mean(self):
        # on both sides of the kink, which is where h meets w and is constant
        kink = jnp.clip(self.h(jnp.asarray(0.5)), 0.0, 1.0)
        return average(self.value, 0.0, kink) + average(self.value, kink, 1.0)
