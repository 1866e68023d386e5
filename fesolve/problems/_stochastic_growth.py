"""Stochastic growth with partial depreciation."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe

from ._horizon import horizon
from ._parameters import check_discount, check_persistence, check_positive, check_share, model
from ._problem import Choice, Problem, Reference


@dataclass(frozen=True, kw_only=True)
class StochasticGrowth:
    """Preferences and technology: those of a publication, where nothing else is said.

    - `calibration`: of three publications: A is quarterly with k around 1, B has large shocks and a
        wide range of k, C has log utility and labour-augmenting productivity.
    - `alpha`: the elasticity of output in capital.
    - `beta`: the discount factor.
    - `delta`: the depreciation rate.
    - `gamma`: the relative risk aversion.
    - `rho`: the autocorrelation of log productivity.
    - `sigma`: the standard deviation of its innovations.
    """

    calibration: Literal["A", "B", "C"] = "A"
    alpha: float | None = None
    beta: float | None = None
    delta: float | None = None
    gamma: float | None = None
    rho: float | None = None
    sigma: float | None = None

    def calibrated(self) -> "Calibration":
        """The numbers of the publication, those replaced that were given; the interval of capital
        moves with its steady state."""
        published = CALIBRATIONS[self.calibration]
        given = dataclasses.asdict(self)
        given.pop("calibration")
        chosen = {name: value for name, value in given.items() if value is not None}
        m = dataclasses.replace(published, **chosen)
        moved = m.steady_state() / published.steady_state()
        low, high = published.k_range
        return dataclasses.replace(m, k_range=(moved * low, moved * high))


@model(StochasticGrowth)
def stochastic_growth(parameters: StochasticGrowth) -> Problem:
    """u'(c) = beta E[u'(c') R'], k' = f(k, z): the stochastic growth model.

    Output is A exp(z) k^alpha, of which delta k is lost to depreciation, utility has the risk
    aversion gamma, and log productivity z' = rho z + sigma e. The unknown is the share of resources
    that is saved, as a function of log k and z.
    """
    m, calibration = parameters.calibrated(), parameters.calibration
    k_steady = m.steady_state()
    z_width = 3 * m.sigma  # tomorrow's z is inside the basis then, but for rare shocks

    def euler(f, x, e):
        k, z = x
        c = m.resources(k, z) - f.next_capital(x)
        tomorrow = step(f, x, e)
        k1, z1 = tomorrow
        c1 = m.resources(k1, z1) - f.next_capital(tomorrow)
        return 1 - m.beta * (c / c1) ** m.gamma * jax.grad(m.resources)(k1, z1)

    def step(f, x, e):
        return jnp.stack([f.next_capital(x), m.rho * x[1] + e])

    lower, upper = (m.k_range[0], m.z_range[0] - z_width), (m.k_range[1], m.z_range[1] + z_width)
    corners = (math.log(lower[0]), lower[1]), (math.log(upper[0]), upper[1])

    def chebyshev(degree: int = 6 if calibration == "A" else 9) -> Choice:
        bases = [fe.Chebyshev(degree, (lo, hi)) for lo, hi in zip(*corners)]
        series = fe.Series(fe.Tensor(*bases, degree=degree))
        return Choice(lambda key: Savings(series, m, k_steady), points=degree + 4)

    def mlp(width: int = 16, depth: int = 2) -> Choice:
        def draw(key):
            # It starts at the steady state's share. From elsewhere the solver also finds paths of
            # overaccumulation: they satisfy the Euler equation on the box, and leave it.
            sizes = {"width": width, "depth": depth, "support": corners, "start": 0.0}
            return Savings(fe.MLP(2, "scalar", **sizes, key=key), m, k_steady)

        return Choice(draw, points=16, solver=fe.LevenbergMarquardt(max_steps=300))

    shock = fe.Normal(0.0, m.sigma)
    risk = fe.Risk(euler, fe.Uniform(lower, upper), shock=shock.quadrature(5))

    start = fe.Dirac(jnp.array([k_steady, 0.0]))

    def wealth(f, x):
        """u'(c) k', the value of what is saved."""
        k1 = f.next_capital(x)
        return (m.resources(x[0], x[1]) - k1) ** -m.gamma * k1

    def checks(f):
        law = fe.Ergodic(step, start, shock, periods=horizon(m.beta))
        options = {"beta": m.beta, "key": jr.key(0), "paths": 20}
        return [fe.transversality(f, law, wealth, **options), fe.stability(f, law, start.point)]

    def shifted(f, key):
        path = fe.Ergodic(step, start, shock, periods=10_200, burn_in=200)
        finer = fe.Risk(euler, path, shock=shock.quadrature(10))
        return {"path": finer.given(f).empirical(10_000, key=key)}

    def reference(dk, dz, value):
        z_scale = m.sigma / math.sqrt(1 - m.rho**2)
        point = (dk * k_steady, dz * z_scale)
        return Reference(lambda f: f.next_capital(jnp.array(point)), value, "degree 12")

    published = m == CALIBRATIONS[calibration]
    references = REFERENCES.get(calibration, ()) if published else ()
    return Problem(
        risk=risk,
        hypotheses={"chebyshev": chebyshev, "mlp": mlp},
        shifted=shifted,
        checks=checks,
        references={
            f"k'({dk} k_ss, {dz} sd)": reference(dk, dz, value) for dk, dz, value in references
        },
        functions=lambda f: {"savings share": f.share},
        coordinates=("k", "z"),
        source=m.source,
    )


class Calibration(eqx.Module):
    """Preferences and technology, and the box on which the equation should hold."""

    alpha: float
    beta: float
    delta: float
    gamma: float
    rho: float
    sigma: float
    scale: float
    labour_augmenting: bool
    k_range: tuple[float, float]
    z_range: tuple[float, float]
    source: str

    def __check_init__(self) -> None:
        check_share(alpha=self.alpha)
        check_discount(self.beta)
        check_persistence(rho=self.rho)
        check_positive(gamma=self.gamma, sigma=self.sigma, scale=self.scale)

    def resources(self, k, z):
        """Output and what is left of capital."""
        power = 1 - self.alpha if self.labour_augmenting else 1.0
        return self.scale * jnp.exp(power * z) * k**self.alpha + (1 - self.delta) * k

    def steady_state(self) -> float:
        """k with beta (1 - delta + alpha A k^(alpha - 1)) = 1."""
        capital_cost = 1 / self.beta - 1 + self.delta
        return (self.alpha * self.scale / capital_cost) ** (1 / (1 - self.alpha))


class Savings(eqx.Module):
    """k' = s(log k, z) * resources, s between 0 and 1 and near the steady state's share."""

    logit: eqx.Module
    calibration: Calibration = eqx.field(static=True)
    k_steady: float = eqx.field(static=True)

    def share(self, x):
        m, k = self.calibration, self.k_steady
        steady = k / (m.scale * k**m.alpha + (1 - m.delta) * k)
        t = jnp.stack([jnp.log(x[0]), x[1]])
        return jax.nn.sigmoid(math.log(steady / (1 - steady)) + self.logit(t))

    def next_capital(self, x):
        return self.share(x) * self.calibration.resources(x[0], x[1])


CALIBRATIONS = {
    "A": Calibration(
        alpha=0.36,
        beta=0.99,
        delta=0.02,
        gamma=2.0,
        rho=0.95,
        sigma=0.01,
        scale=(1 / 0.99 - 1 + 0.02) / 0.36,
        labour_augmenting=False,
        k_range=(0.89, 1.12),  # [0.9, 1.1] in the source, which the simulated path often leaves
        z_range=(math.log(0.9), math.log(1.1)),
        source="Coleman, Lyon, Maliar and Maliar (2018), Matlab, Python, Julia: What to Choose?",
    ),
    "B": Calibration(
        alpha=0.36,
        beta=0.99,
        delta=0.1,
        gamma=1.0,
        rho=0.9,
        sigma=0.04,
        scale=1.0,
        labour_augmenting=False,
        k_range=(0.9, 12.0),
        z_range=(math.log(0.7), math.log(1.3)),
        source="deep equilibrium nets, the stochastic growth example of deqn-jax",
    ),
    "C": Calibration(
        alpha=1 / 3,
        beta=0.99,
        delta=0.025,
        gamma=1.0,
        rho=0.9,
        sigma=0.01,
        scale=1.0,
        labour_augmenting=True,
        k_range=(20.0, 40.0),
        z_range=(-0.08, 0.08),
        source="Fernandez-Villaverde, Nuno and Perla (2025)",
    ),
}
REFERENCES = {
    "A": ((1, 0, 1.0000120206), (0.95, -1, 0.9490564248), (1.05, 1, 1.0511132796)),
    "B": ((1, 0, 6.3672328575), (0.95, -1, 5.9640460203), (1.05, 1, 6.7874705100)),
}
