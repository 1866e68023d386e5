"""How much to advertise, in continuous time."""

from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class OptimalAdvertising:
    """A market, and how sales or goodwill answer.

    - `law`: Vidale and Wolfe's, by which those who do not buy yet are reached; Sethi's, by which
      they tell each other as well; or Nerlove and Arrow's stock of goodwill.
    - `margin`: profit per unit of sales, before advertising.
    - `reach`: the effect of advertising.
    - `decay`: the rate at which sales or goodwill are lost.
    - `saturation`: of goodwill, whose profit is margin x - saturation x^2 / 2; of sales, none.
    - `r`: the interest rate.
    """

    law: Literal["vidale_wolfe", "sethi", "nerlove_arrow"] = "vidale_wolfe"
    margin: float = 1.0
    reach: float = 0.5
    decay: float = 0.2
    saturation: float = 0.5
    r: float = 0.05

    def __post_init__(self) -> None:
        check_positive(margin=self.margin, reach=self.reach, decay=self.decay, r=self.r)
        check_positive(saturation=self.saturation)

    @property
    def highest(self) -> float:
        """The whole market; of goodwill, where more of it makes no more profit."""
        return self.margin / self.saturation if self.law == "nerlove_arrow" else 1.0

    def profit(self, x):
        curved = self.saturation * x**2 / 2 if self.law == "nerlove_arrow" else 0.0
        return self.margin * x - curved

    def squared(self, x):
        """The square of what a unit of advertising adds to x in a unit of time."""
        untold = {"vidale_wolfe": (1 - x) ** 2, "sethi": 1 - x, "nerlove_arrow": 1.0}
        return self.reach**2 * untold[self.law]

    def closed_form(self) -> tuple[float, float, float] | None:
        """V = a + b x + c x^2, of the laws that have it: the root of V'' <= 0, V' > 0."""
        e, discount = self.reach**2 / 4, self.r + self.decay
        if self.law == "sethi":
            b = (np.sqrt(discount**2 + 4 * e * self.margin) - discount) / (2 * e)
            return float(e * b**2 / self.r), float(b), 0.0
        if self.law == "nerlove_arrow":
            # r c = -saturation / 2 + 4 e c^2 - 2 decay c
            slope = self.r + 2 * self.decay
            c = (slope - np.sqrt(slope**2 + 8 * e * self.saturation)) / (8 * e)
            b = self.margin / (discount - 4 * e * c)
            return float(e * b**2 / self.r), float(b), float(c)
        return None


@model(OptimalAdvertising)
def optimal_advertising(m: OptimalAdvertising) -> Problem:
    """r V = max_u x - u^2 + V'(x) (g(x) u - delta x): how much to advertise.

    u is the advertising and x the share of the market that buys, or goodwill; the profit from it is
    margin x, less a square for goodwill, and delta the decay. At the best u =
    g V' / 2 and the equation is r V = profit + (g V')^2 / 4 - decay x V', with g = reach (1 - x) by
    Vidale and Wolfe, reach (1 - x)^(1/2) by Sethi, and reach by Nerlove and Arrow. V is a line
    for Sethi's law and a parabola for that of Nerlove and Arrow.

    No condition is given, and none is missing: at the best policy the market rests at an x in
    between, and no path leaves the interval. A start at which sales are worth nothing may end at
    what leads away from rest; the verdict, that it is not unique, and the check tell.
    """
    high = m.highest

    def hjb(V, x):
        slope = jax.grad(V)(x)
        gain = m.profit(x) + m.squared(x) * slope**2 / 4 - m.decay * x * slope
        return (m.r * V(x) - gain) / m.margin

    def drift(V, x):
        return m.squared(x) * jax.grad(V)(x) / 2 - m.decay * x

    def advertising(V):
        return lambda x: jnp.sqrt(m.squared(x)) * jax.grad(V)(x) / 2

    def chebyshev(degree: int = 28) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (0.0, high)))
        # what sales of today will earn
        at = lambda s: s.coefficients
        rising = at(series).at[1].set(high / 2 * m.margin / (m.r + m.decay))
        return Choice(lambda key: eqx.tree_at(at, series, rising), degree + 12)

    def checks(V):
        from scipy.optimize import brentq

        moves = jax.jit(lambda x: drift(V, x))
        at = np.linspace(0.0, high, 101)
        down = moves(0.0) > 0 > moves(high)
        rest = brentq(moves, 0.0, high) if down else float(at[-1])
        slope = float(jax.grad(moves)(rest))
        sentence = (
            f"sales come to rest at {rest:.4g}, at the rate {-slope:.3g}"
            if down and slope < 0
            else "sales leave the interval"
        )
        return [fe.Check("stability", slope, bool(down and slope < 0), sentence)]

    known: Any = m.closed_form()
    references = {}
    if m == OptimalAdvertising():
        at = {0.0: 5.8337601842, 0.5: 6.9793999036, 1.0: 8.3077601504}
        references = {
            f"V({x:g})": Reference(lambda V, x=x: V(x), value, "the stable path, by DOP853", 1e-8)
            for x, value in at.items()
        }
    return Problem(
        risk=fe.Risk(hjb, fe.Uniform(0.0, high)),
        hypotheses={"chebyshev": chebyshev},
        exact=None if known is None else lambda x: known[0] + known[1] * x + known[2] * x**2,
        references=references,
        checks=checks,
        functions=lambda V: {
            "advertising": advertising(V),
            "drift of sales": lambda x: drift(V, x),
        },
        coordinates=("x",),
        source="Sethi (1977), Dynamic optimal control models in advertising: a survey",
    )
