"""The problems that the tools are compared on: what holds, where, and what is right.

NumPy and SciPy alone, so that the environment of every tool can read it.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq


Function = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Problem:
    """An equation for one function f.

    - `equation`: in words and formulas, as the page shows it.
    - `box`: lower and upper end of each coordinate.
    - `right`: the functions that are right, each of points of shape (n, d); none where the
      equation has no solution, or does not determine one.
    - `size`: points along a coordinate at which f is compared.
    """

    name: str
    equation: str
    box: tuple[tuple[float, float], ...]
    right: tuple[Function, ...]
    size: int = 1_001

    @property
    def points(self) -> np.ndarray:
        """Where f is compared, of shape (n, d)."""
        axes = [np.linspace(lower, upper, self.size) for lower, upper in self.box]
        return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)

    def error(self, values: np.ndarray) -> float:
        """max |f - exact| / max |exact|, by the nearest of the right functions."""
        if not self.right:
            return float("inf")
        values, points = np.asarray(values, float).ravel(), self.points
        truths = [right(points) for right in self.right]
        if values.shape != truths[0].shape:
            raise ValueError(f"{self.name} wants {truths[0].shape} values; got {values.shape}")
        if not np.isfinite(values).all():
            return float("inf")
        return min(float(np.abs(values - t).max() / np.abs(t).max()) for t in truths)


def along(function: Callable[[np.ndarray], np.ndarray]) -> Function:
    """A function of one coordinate as one of points."""
    return lambda points: function(points[:, 0])


@functools.cache
def oscillator():
    def step(t, y):
        return [y[1], (1 - y[0] ** 2) * y[1] - y[0]]

    # short steps, because between them SciPy interpolates
    limits = {"rtol": 1e-13, "atol": 1e-14, "max_step": 0.02}
    return solve_ivp(step, (0, 10), [2, 0], "DOP853", dense_output=True, **limits).sol


def bratu(lower: bool) -> Function:
    """One of the two solutions of f'' + exp(f) = 0, f = 0 at the ends."""
    bracket = (1.0, 3.0) if lower else (5.0, 20.0)
    theta = brentq(lambda t: np.sqrt(2.0) * np.cosh(t / 4) - t, *bracket, xtol=1e-15)
    return along(lambda x: -2 * np.log(np.cosh((x - 0.5) * theta / 2) / np.cosh(theta / 4)))


WIDTH = 0.01


def layer(x: np.ndarray) -> np.ndarray:
    return x - (np.exp((x - 1) / WIDTH) - np.exp(-1 / WIDTH)) / (1 - np.exp(-1 / WIDTH))


def waves(points: np.ndarray) -> np.ndarray:
    return np.sin(np.pi * points[:, 0]) * np.sin(np.pi * points[:, 1])


def cooling(points: np.ndarray) -> np.ndarray:
    return np.exp(-(np.pi**2) * points[:, 1]) * np.sin(np.pi * points[:, 0])


UNIT = (0.0, 1.0)
SQUARE = (UNIT, UNIT)

ANSWERED = (
    Problem("decay", "f' = -f on [0, 2], f(0) = 1", ((0, 2),), (along(lambda x: np.exp(-x)),)),
    Problem(
        "logistic",
        "f' = f (1 - f) on [0, 5], f(0) = 0.1",
        ((0, 5),),
        (along(lambda x: 1 / (1 + 9 * np.exp(-x))),),
    ),
    Problem(
        "van_der_pol",
        "f'' = (1 - f^2) f' - f on [0, 10], f(0) = 2, f'(0) = 0",
        ((0, 10),),
        (along(lambda x: oscillator()(x)[0]),),
    ),
    Problem(
        "bratu",
        "f'' + exp(f) = 0 on [0, 1], f(0) = f(1) = 0: two solutions, each is right",
        (UNIT,),
        (bratu(lower=True), bratu(lower=False)),
    ),
    Problem(
        "layer", "-0.01 f'' + f' = 1 on [0, 1], f(0) = f(1) = 0: a layer", (UNIT,), (along(layer),)
    ),
    Problem(
        "poisson",
        "f_xx + f_yy = -2 pi^2 sin(pi x) sin(pi y) on the unit square, f = 0 at its edge",
        SQUARE,
        (waves,),
        size=41,
    ),
    Problem(
        "heat",
        "f_t = f_xx for x and t in [0, 1], f(x, 0) = sin(pi x), f(0, t) = f(1, t) = 0",
        SQUARE,
        (cooling,),
        size=41,
    ),
)
TRAPS = (
    Problem(
        "missing", "f' = -f on [0, 2], and no condition: any multiple solves it", ((0, 2),), ()
    ),
    Problem("fold", "f'' + 4 exp(f) = 0 on [0, 1], f(0) = f(1) = 0: no solution", (UNIT,), ()),
    Problem("blow_up", "f' = f^2 on [0, 2], f(0) = 1: no solution beyond x = 1", ((0, 2),), ()),
    Problem(
        "unstable",
        "f' = 10 (f - cos x) - sin x on [0, 3], f(0) = 1: errors grow by exp(30)",
        ((0, 3),),
        (along(np.cos),),
    ),
)
PROBLEMS = {problem.name: problem for problem in (*ANSWERED, *TRAPS)}
