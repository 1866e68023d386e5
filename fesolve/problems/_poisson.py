"""Poisson's equation."""

from typing import Any

import jax.numpy as jnp

import fesolve as fe

from ._problem import Choice, Problem


def poisson() -> Problem:
    """-(f_xx + f_yy) = 2 pi^2 sin(pi x) sin(pi y) on the unit square, f = 0 on its boundary.

    The solution is sin(pi x) sin(pi y).
    """
    square = fe.Uniform([0.0, 0.0], [1.0, 1.0])

    def exact(x):
        return jnp.sin(jnp.pi * x[0]) * jnp.sin(jnp.pi * x[1])

    def pde(f, x):
        return fe.laplacian(f)(x) + 2.0 * jnp.pi**2 * exact(x)

    def boundary(f, x):
        return f(x)

    def hard(net, x):
        return x[0] * (1.0 - x[0]) * x[1] * (1.0 - x[1]) * net(x)

    def chebyshev(degree: int = 19) -> Choice:
        basis = fe.Tensor(fe.Chebyshev(degree, (0.0, 1.0)), fe.Chebyshev(degree, (0.0, 1.0)))
        series = fe.Series(basis)
        return Choice(lambda key: series, points=degree + 1)

    def network(width: int, depth: int, key: Any) -> fe.MLP:
        sizes: dict[str, Any] = {"width": width, "depth": depth, "support": square.support}
        return fe.MLP(2, "scalar", **sizes, spread=2.0, key=key)

    def hard_mlp(width: int = 400, depth: int = 1) -> Choice:
        return Choice(lambda key: fe.Ansatz(hard, network(width, depth, key)), points=30)

    def mlp(width: int = 400, depth: int = 1) -> Choice:
        return Choice(lambda key: network(width, depth, key), points=30)

    return Problem(
        risk=fe.Risk(pde, square) + 100.0 * fe.Risk(boundary, square.boundary()),
        hypotheses={"chebyshev": chebyshev, "mlp": mlp, "hard_mlp": hard_mlp},
        exact=exact,
        coordinates=("x", "y"),
        source="textbook; f(x, y) = sin(pi x) sin(pi y)",
    )
