"""The linear regulator in many dimensions."""

from dataclasses import astuple, dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe

from ._parameters import check_positive, model
from ._problem import by_sampling, Choice, Problem


@dataclass(frozen=True, kw_only=True)
class LinearQuadratic:
    """A chain of stocks that leak into their neighbours, every second of them controlled.

    - `d`: the number of stocks.
    - `rho`: the discount rate.
    - `growth`: of each stock by itself.
    - `leak`: from each stock to each of its neighbours, a unit of time.
    - `noise`: the volatility that all stocks share.
    """

    d: int = 50
    rho: float = 0.1
    growth: float = 0.1
    leak: float = 0.5
    noise: float = 0.2

    def __post_init__(self) -> None:
        check_positive(rho=self.rho)
        if self.d < 2:
            raise ValueError(f"`d` must be at least 2; got {self.d}")


@model(LinearQuadratic)
def linear_quadratic(m: LinearQuadratic) -> Problem:
    """rho V = min_u |x|^2 + |u|^2 + (A x + B u) . grad V + s' Hess V s / 2: the linear regulator.

    u = -B' grad V / 2. In the solution V(x) = x' P x + s' P s / rho, where P solves an algebraic
    Riccati equation, of whose many solutions one makes the controlled system stable, and is convex:
    Newton's method on quadratic functions finds it from a stable start, the networks are convex,
    and a check looks. With one noise for all d stocks the second derivatives cost one direction,
    in any dimension.
    """
    d, rho, growth, leak, noise = astuple(m)
    A = (growth - 2.0 * leak) * np.eye(d) + leak * (np.eye(d, k=1) + np.eye(d, k=-1))
    B = np.eye(d)[:, ::2]
    s = np.full(d, noise / np.sqrt(d))

    def bellman(V, x, A, B, s):
        slope = fe.gradient(V)(x)
        u = -0.5 * B.T @ slope
        change = fe.generator(V, lambda x: A @ x + B @ u, lambda x: s[:, None])
        return (x @ x + u @ u + change(x) - rho * V(x)) / d

    def quadratic() -> Choice:
        series = fe.Series(Squares(d))
        half = np.eye(d)[np.triu_indices(d)]
        start = eqx.tree_at(lambda V: V.coefficients, series, jnp.asarray(np.append(half, 0.0)))
        return Choice(lambda key: start, series.basis.size + d, sample=by_sampling)

    def mlp(width: int = d + d // 4) -> Choice:
        """One hidden layer, whose squares are added up: V is convex, as one solution alone is."""

        def draw(key):
            layer = eqx.nn.Linear(d, width, key=key)
            return fe.Ansatz(lambda layer, x: 3.0 * jnp.sum(layer(x) ** 2), layer)

        return Choice(draw, d * (d + 1), sample=by_sampling)

    def stability(V):
        """Whether the controlled system grows by less than the discount rate takes away."""
        P = 0.5 * np.asarray(jax.hessian(V)(jnp.zeros(d)))
        rate = float(np.max(np.linalg.eigvals(A - B @ B.T @ P).real)) - 0.5 * rho
        sentence = f"the controlled system grows at the rate {rate:.3g}, discounted"
        return [fe.Check("stability", rate, rate < 0.0, sentence)]

    P = riccati(A, B, rho)
    constant = float(s @ P @ s) / rho
    return Problem(
        risk=fe.Risk(bellman, fe.Uniform([-1.0] * d, [1.0] * d), args=(A, B, s)),
        hypotheses={"quadratic": quadratic, "mlp": mlp},
        exact=lambda x: x @ jnp.asarray(P, x.dtype) @ x + constant,
        checks=stability,
        functions=lambda V: {"value": V},
        coordinates=tuple(f"x{i + 1}" for i in range(d)),
        source="Anderson and Moore (1990), chapter 3",
    )


class Squares(fe.AbstractBasis):
    """x_i x_j for i <= j, and 1: the quadratic functions without linear terms."""

    d: int = eqx.field(static=True)

    @property
    def size(self):
        return self.d * (self.d + 1) // 2 + 1

    @property
    def domain(self):
        return -np.ones(self.d), np.ones(self.d)

    @property
    def degrees(self):
        return np.append(np.full(self.size - 1, 2), 0)

    @property
    def constant(self):
        return np.append(np.zeros(self.size - 1), 1.0)

    def __call__(self, x):
        rows, columns = np.triu_indices(self.d)
        return jnp.append(x[rows] * x[columns], 1.0)

    def evaluate(self, coefficients, x):
        """x' C x + constant, C the upper half."""
        upper = jnp.zeros((self.d, self.d), coefficients.dtype)
        upper = upper.at[np.triu_indices(self.d)].set(coefficients[:-1])
        return x @ (upper @ x) + coefficients[-1]


def riccati(A: np.ndarray, B: np.ndarray, rho: float) -> np.ndarray:
    """The stabilising solution of rho P = I + A' P + P A - P B B' P.

    **Raises:** `ValueError` where there is none.
    """
    from scipy.linalg import solve_continuous_are

    d, controls = B.shape
    try:
        return solve_continuous_are(A - 0.5 * rho * np.eye(d), B, np.eye(d), np.eye(controls))
    except np.linalg.LinAlgError:
        raise ValueError(
            "`growth` is too large: no control keeps the discounted cost finite, because stocks "
            "that are not controlled grow too fast; lower `growth`, or raise `leak` or `rho`"
        ) from None
