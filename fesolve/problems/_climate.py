"""Growth that warms the planet."""

import math
from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class Climate:
    """The economy; carbon and temperature are those of the source.

    - `psi`: the elasticity of intertemporal substitution.
    - `impatience`: the rate of time preference, a year.
    - `alpha`: the share of capital.
    - `delta`: the depreciation rate, a year.
    - `damages`: the share of output that is lost at a warming of one degree; it grows with the
      square of the warming.
    - `years`: up to which paths are sought.
    """

    psi: float = 0.68965517
    impatience: float = 0.015
    alpha: float = 0.3
    delta: float = 0.1
    damages: float = 0.00236
    years: int = 500

    def __post_init__(self) -> None:
        check_share(alpha=self.alpha, delta=self.delta)
        check_positive(**vars(self))
        if self.psi == 1.0:
            raise ValueError("`psi` must not be 1, for which utility is logarithmic")
        if self.years < 200:
            raise ValueError(
                f"`years` must be at least 200, beyond which the end does not matter for this "
                f"century; got {self.years}"
            )


@model(Climate)
def climate(m: Climate) -> Problem:
    """lambda_t g_t = b_t (lambda' R' - nu' E'_k), and five more shadow prices: DICE-2016, yearly.

    Output k^alpha, in units of effective labour, is spent on consumption, capital and abatement mu,
    and its emissions pass through three reservoirs of carbon and two of heat, which cost a share of
    it. Unknown are the paths of the six states and of their six shadow prices, lambda = c^(-1/psi)
    that of capital, nu that of carbon in the air; abatement follows from these, mu = min(1, (nu
    sigma A L / (2.6 theta lambda))^(1/1.6)), so that its bend stands in the equations and not in
    what is approximated. The states are known at the beginning, and shadow prices are at rest at
    the end. The social cost of carbon is nu A L / lambda, in dollars of a ton.
    """

    def paths(f, t):
        t = jnp.asarray(t, float)
        return Year(m, f(t), t)

    def equations(f, t):
        t = jnp.asarray(t, float)
        return between(m, paths(f, t), paths(f, t + 1.0))

    def initial(f, t):
        return f(t)[:6] - jnp.asarray(beginning())

    def at_rest(f, t):
        return f(t)[6:] - f(t - 1.0)[6:]

    def elements(degree: int = 7) -> Choice:
        inner = [end for end in BREAKS if end + 20 < m.years]
        breaks = np.array([*inner, m.years])
        series = fe.Series(fe.SpectralElements(degree, breaks), 12, start=START)
        return Choice(lambda key: series, m.years)

    first = {"cost of carbon": Reference(lambda f: paths(f, 0.0).cost_of_carbon, 25.4330, DIRECT)}
    return Problem(
        references=first if m == Climate() else {},
        risk=fe.Risk(equations, fe.Empirical(np.arange(m.years)))
        + fe.Risk(initial, fe.Dirac(0.0))
        + fe.Risk(at_rest, fe.Dirac(float(m.years))),
        hypotheses={"elements": elements},
        functions=lambda f: {
            "warming, degrees": lambda t: paths(f, t).warming,
            "abatement, a share": lambda t: paths(f, t).abatement,
            "social cost of carbon, 1,000 $ / t CO2": lambda t: 1e-3 * paths(f, t).cost_of_carbon,
        },
        coordinates=("t",),
        source="Nordhaus (2017), Revisiting the social cost of carbon, in the yearly form of "
        "Folini, Friedl, Kubler and Scheidegger (2024), The climate in climate economics",
    )


BREAKS = 0, 12, 24, 40, 60, 85, 100, 120, 150, 190, 240, 300, 380, 480, 600, 760
"""Elements begin short, but with more years than functions, which the years have to determine, and
end where exogenous forcing does, after 85 years."""


def beginning() -> tuple[float, ...]:
    """log k, log of the carbon in the air, carbon in the upper and lower ocean, the temperature of
    the air and of the ocean."""
    return (math.log(2.926), math.log(0.851), 0.628, 1.323, 1.1, 0.27)


DIRECT = "a direct nonlinear programme over 800 years, L-BFGS-B"
START = (*beginning(), 0.0, 0.0, -0.5, -0.1, -0.05, -0.01)
EXCHANGE = 0.054, 0.0082
RATIOS = 0.607 / 0.489, 0.489 / 1.281
HEAT = 0.137, 0.73, 0.00689
FORCING, SENSITIVITY = 3.45, 3.25


class Year(eqx.Module):
    """The economy and the climate of a year, from its states and shadow prices."""

    m: Climate = eqx.field(static=True)
    y: jnp.ndarray
    t: jnp.ndarray

    @property
    def workers(self):
        """Effective labour."""
        A = 0.010295 * jnp.exp(0.0217 * (1 - jnp.exp(-0.005 * self.t)) / 0.005)
        return A * (11_500 - 4_097 * jnp.exp(-0.0268 * self.t))

    @property
    def growth(self):
        """Of productivity and of labour."""
        labour = 0.0268 / (11_500 / 4_097 * jnp.exp(0.0268 * self.t) - 1)
        return 0.0217 * jnp.exp(-0.005 * self.t), labour

    @property
    def discount(self):
        productivity, labour = self.growth
        return jnp.exp(-self.m.impatience + (1 - 1 / self.m.psi) * productivity + labour)

    @property
    def intensity(self):
        """Emissions of a unit of output."""
        return 9.55592e-5 * jnp.exp(-0.0152 * (1.001**self.t - 1) / np.log(1.001))

    @property
    def price_of_abatement(self):
        return 0.55 * 1_000 * 3.666 * self.intensity * jnp.exp(-0.005 * self.t) / 2.6

    @property
    def other_emissions(self):
        return 0.00070922 * jnp.exp(-0.023 * self.t)

    @property
    def other_forcing(self):
        return 0.5 + 0.5 * jnp.minimum(self.t, 85) / 85

    @property
    def k(self):
        return jnp.exp(self.y[0])

    @property
    def air(self):
        """Carbon, in 1,000 Gt."""
        return jnp.exp(self.y[1])

    @property
    def warming(self):
        return self.y[4]

    @property
    def price(self):
        """lambda."""
        return jnp.exp(self.y[6])

    @property
    def price_of_air(self):
        """nu, what a unit of carbon in the air costs."""
        return jnp.exp(self.y[7])

    @property
    def consumption(self):
        return self.price**-self.m.psi

    @property
    def abatement(self):
        gain = self.price_of_air * self.intensity * self.workers
        marginal = gain / (2.6 * self.price_of_abatement * self.price)
        return jnp.minimum(1.0, marginal ** (1 / 1.6))

    @property
    def kept(self):
        """The share of output that neither abatement nor damages take."""
        spent = self.price_of_abatement * self.abatement**2.6
        return 1 - spent - self.m.damages * self.warming**2

    @property
    def emissions(self):
        industry = (1 - self.abatement) * self.intensity * self.workers * self.k**self.m.alpha
        return industry + self.other_emissions

    @property
    def cost_of_carbon(self):
        """In dollars of a ton of CO2."""
        return self.price_of_air * self.workers / self.price / 3.666


def between(m: Climate, now: Year, later: Year) -> dict:
    """The equations between a year and the next."""
    b12, b23 = EXCHANGE
    b21, b32 = b12 * RATIOS[0], b23 * RATIOS[1]
    c1, c3, c4 = HEAT
    cooling = 1 - c1 * c3 - c1 * FORCING / SENSITIVITY
    _, _, upper, lower, air_heat, sea_heat, *_, to_upper, to_lower, to_heat, to_sea = now.y
    _, _, upper1, lower1, air_heat1, sea_heat1, *_, up1, low1, heat1, sea1 = later.y
    growth = jnp.exp(sum(now.growth))
    left = now.kept * now.k**m.alpha - now.consumption + (1 - m.delta) * now.k
    product = m.alpha * later.k ** (m.alpha - 1)
    emitting = (1 - later.abatement) * later.intensity * later.workers * product
    worth = later.price * (later.kept * product + 1 - m.delta) - later.price_of_air * emitting
    air = (1 - b12) * now.air + b21 * upper + now.emissions
    forcing = FORCING * jnp.log2(now.air / 0.607) + now.other_forcing
    warmed = cooling * air_heat + c1 * c3 * sea_heat + c1 * forcing
    # what a unit of carbon in the air next year will cost, by itself and by its heat
    cost = later.price_of_air * (1 - b12) - up1 * b12
    cost = cost - heat1 * c1 * FORCING / (jnp.log(2.0) * later.air)
    harm = -2 * m.damages * later.warming * later.price * later.k**m.alpha
    b = now.discount
    return {
        "capital": growth * now.price / (b * worth) - 1,
        "budget": left / (growth * later.k) - 1,
        "carbon in the air": air / later.air - 1,
        "carbon in the upper ocean": b12 * now.air + (1 - b21 - b23) * upper + b32 * lower - upper1,
        "carbon in the lower ocean": b23 * upper + (1 - b32) * lower - lower1,
        "warming": warmed - air_heat1,
        "warming of the ocean": c4 * air_heat + (1 - c4) * sea_heat - sea_heat1,
        "price of the air": b * cost / now.price_of_air - 1,
        "price of the upper ocean": b
        * (-later.price_of_air * b21 + up1 * (1 - b21 - b23) + low1 * b23)
        - to_upper,
        "price of the lower ocean": b * (up1 * b32 + low1 * (1 - b32)) - to_lower,
        "price of warming": b * (harm + heat1 * cooling + sea1 * c4) - to_heat,
        "price of warming of the ocean": b * (heat1 * c1 * c3 + sea1 * (1 - c4)) - to_sea,
    }
