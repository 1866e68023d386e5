"""Ordinary least squares."""

from dataclasses import astuple, dataclass

import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import by_sampling, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class OrdinaryLeastSquares:
    """Regressors and noise.

    - `regressors`: their number p.
    - `sigma`: the standard deviation of the noise e.
    """

    regressors: int = 5
    sigma: float = 0.5

    def __post_init__(self) -> None:
        check_positive(regressors=self.regressors, sigma=self.sigma)


@model(OrdinaryLeastSquares)
def ordinary_least_squares(m: OrdinaryLeastSquares) -> Problem:
    """y = b_0 + b_1 x_1 + ... + b_p x_p + e: regression, where risk cannot be zero.

    Regressors are standard normal, and b_j = 1 / (1 + j). On n points the expected train risk is
    sigma^2 (1 - (p + 1) / n): lower than sigma^2, the least risk that any f has.
    """
    regressors, sigma = astuple(m)
    b = 1.0 / (1.0 + np.arange(regressors + 1.0))

    def error(f, point):
        return f(point["x"]) - (line(point["x"]) + point["noise"])

    def line(x):
        return b[0] + x @ jnp.asarray(b[1:], x.dtype)

    population = fe.Product(x=fe.Normal(np.zeros(regressors), 1.0), noise=fe.Normal(0.0, sigma))

    def linear() -> Choice:
        # 1, x_1, ..., x_p are the polynomials of total degree 1 at most
        basis = fe.Tensor(*[fe.Chebyshev(1, (-5.0, 5.0))] * regressors, degree=1)
        return Choice(lambda key: fe.Series(basis), points=100, sample=by_sampling)

    return Problem(
        risk=fe.Risk(error, population, tolerance=float("inf")),
        hypotheses={"linear": linear},
        functions=lambda f: {"fitted": lambda point: f(point["x"])},
        coordinates=("noise", *(f"x{j + 1}" for j in range(regressors))),
        along="x1",
        source="Gauss (1809); numpy.linalg.lstsq on the same sample",
    )
