"""School, work and what is learnt there: human capital over a life."""

import math
from dataclasses import astuple, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp

import fesolve as fe

from ._parameters import check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class HumanCapital:
    """A life, and how one learns.

    - `years`: from the beginning of school to the end of work.
    - `r`: the interest rate.
    - `delta`: the rate at which human capital is lost.
    - `A`: the ability to learn.
    - `alpha`: the elasticity of learning in human capital that is put into it.
    - `h0`: human capital at the beginning of school; a unit earns 1 a year.
    """

    years: float = 60.0
    r: float = 0.05
    delta: float = 0.02
    A: float = 0.12
    alpha: float = 0.5
    h0: float = 0.03

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_positive(years=self.years, r=self.r, delta=self.delta, A=self.A, h0=self.h0)
        if self.excess(0.0) >= 0.0:
            raise ValueError(
                f"`h0` is {self.h0}, at which nobody goes to school full time: it must be below "
                f"{self.trained(0.0):.6g}"
            )

    def price(self, t):
        """What a unit of human capital will earn after t, without school."""
        return (1 - math.exp(-(self.r + self.delta) * (self.years - t))) / (self.r + self.delta)

    def trained(self, t):
        """What is put into learning where it is less than all."""
        return (self.alpha * self.A * self.price(t)) ** (1 / (1 - self.alpha))

    def schooled(self, t, exp=math.exp):
        """Human capital after t years of school: a linear equation for h^(1 - alpha)."""
        end, power = self.A / self.delta, 1 - self.alpha
        return (end + (self.h0**power - end) * exp(-power * self.delta * t)) ** (1 / power)

    def excess(self, t):
        """Of human capital over what would be put into learning."""
        return self.schooled(t) - self.trained(t)

    def leaving(self) -> float:
        """The years of school, of the closed form."""
        from scipy.optimize import brentq

        return brentq(self.excess, 0.0, self.years, xtol=1e-14, rtol=1e-15)


@model(HumanCapital)
def human_capital(m: HumanCapital) -> Problem:
    """h' = A x^alpha - delta h, x <= h: how long school is, and what is learnt at work.

    Of human capital h the part x goes into learning, and h - x earns. q is what a unit of h is
    worth, and nothing is worth learning at the end, q = 0. At work x = (alpha A q)^(1 / (1 -
    alpha)) and q' = (r + delta) q - 1. Before, in school, x = h, and a unit of h earns nothing but
    learns, q' = (r + delta) q - alpha A q h^(alpha - 1). One leaves
    school when x falls below h, a date that is a number in f; before and after it h and q are
    series of their own, which meet there.
    """
    years, r, delta, A, alpha, h0 = astuple(m)

    def equations(f, t):
        """At the same part of school and of work."""
        at, then = f.leave * t / years, f.leave + (years - f.leave) * t / years
        (h, q), (dh, dq) = jax.jvp(f.at_school, (at,), (jnp.ones_like(at),))
        (h1, q1), (dh1, dq1) = jax.jvp(f.at_work, (then,), (jnp.ones_like(then),))
        return {
            "learning in school": dh - A * h**alpha + delta * h,
            "its worth": dq - (r + delta) * q + alpha * A * q * h ** (alpha - 1),
            "learning at work": dh1 - A * f.learns(q1) ** alpha + delta * h1,
            "its worth at work": dq1 - (r + delta) * q1 + 1,
        }

    def ends(f):
        before, after = f.at_school(f.leave), f.at_work(f.leave)
        begin, end = f.at_school(0.0), f.at_work(years)
        met = {"begin": begin[0] - h0, "end": end[1], "leave": f.learns(after[1]) - after[0]}
        return met | {"meet": before - after}

    def chebyshev(degree: int = 28) -> Choice:
        basis = fe.Chebyshev(degree, (0.0, 1.0))
        start = jnp.array([m.trained(0.0), m.price(0.0)])
        pieces = fe.Series(basis, 2, start=start), fe.Series(basis, 2, start=start)
        return Choice(lambda key: Life(*pieces, jnp.asarray(years / 4), m), degree + 8)

    leave = m.leaving()
    return Problem(
        risk=fe.Risk(equations, fe.Uniform(0.0, years)) + fe.Risk(ends),
        hypotheses={"chebyshev": chebyshev},
        exact=closed_form(m, leave) if alpha == 0.5 else None,
        references={
            "years of school": Reference(lambda f: f.leave, leave, "the closed form", 1e-9)
        },
        functions=lambda f: {
            "human capital": lambda t: f(t)[0],
            "earnings": lambda t: jnp.where(t < f.leave, 0.0, f(t)[0] - f.trained(t)),
            "share of time for learning": lambda t: jnp.where(
                t < f.leave, 1.0, f.trained(t) / f(t)[0]
            ),
        },
        coordinates=("t",),
        source="Ben-Porath (1967), The production of human capital and the life cycle of earnings",
    )


class Life(eqx.Module):
    """(h, q) at t, in school and at work, and the date in between."""

    school: fe.Series
    work: fe.Series
    leave: jax.Array
    m: HumanCapital = eqx.field(static=True)

    def human(self, t):
        return self(t)[0]

    def worth(self, t):
        return self(t)[1]

    def at_school(self, t):
        return self.school(t / self.leave)

    def at_work(self, t):
        return self.work((t - self.leave) / (self.m.years - self.leave))

    def __call__(self, t):
        return jnp.where(t < self.leave, self.at_school(t), self.at_work(t))

    def learns(self, q):
        """What is put into learning where a unit of h is worth q."""
        power = 1 / (1 - self.m.alpha)
        return jnp.maximum(self.m.alpha * self.m.A * q, 1e-12) ** power

    def trained(self, t):
        return self.learns(self.at_work(t)[1])


def closed_form(m, leave):
    """(h, q) at t where learning is a square root, so that h' is linear in exponentials."""
    rate, gain = m.r + m.delta, m.A**2 / 2 / (m.r + m.delta)
    left, kept = jnp.exp(-rate * (m.years - leave)), m.schooled(leave)

    def work(t):
        worn, grown = jnp.exp(-m.delta * (t - leave)), jnp.exp(rate * (t - leave))
        rise = (1 - worn) / m.delta - left * (grown - worn) / (rate + m.delta)
        return jnp.stack([kept * worn + gain * rise, (1 - left * grown) / rate])

    def school(t):
        h = m.schooled(t, jnp.exp)
        # q h^alpha e^(-(r + delta (1 - alpha)) t) does not change in school
        at_end = m.price(leave) * kept**m.alpha
        ahead = jnp.exp((m.r + m.delta * (1 - m.alpha)) * (t - leave))
        return jnp.stack([h, at_end * ahead / h**m.alpha])

    at = lambda t, i: jnp.where(t < leave, school(t)[i], work(t)[i])
    return {"human": lambda t: at(t, 0), "worth": lambda t: at(t, 1)}
