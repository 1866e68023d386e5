"""Hypotheses for a scalar function on an interval."""

from collections.abc import Callable
from typing import Any

import fesolve as fe

from ._problem import Choice


def curves(
    lower: Any,
    upper: Any,
    *,
    degree: int,
    hard: Callable,
    spread: float = 1.4,
) -> dict[str, Callable[..., Choice]]:
    """Chebyshev series of a given degree or of one that the solver finds, networks, and networks
    whose initial conditions are hard.

    **Arguments:**

    - `lower`, `upper`: the ends of the interval.
    - `degree`: of the series, where none is asked for.
    - `hard`: `hard(net, x)`, a function that meets the conditions for every network.
    - `spread`: of the initial weights; steep or long solutions want more.
    """

    def chebyshev(degree: int = degree) -> Choice:
        series = fe.Series(fe.Chebyshev(degree, (lower, upper)))
        return Choice(lambda key: series, points=degree + 8)

    def adaptive(max_degree: int = 128) -> Choice:
        series = fe.Series(fe.Chebyshev(None, (lower, upper), max_degree=max_degree))
        return Choice(lambda key: series, points=32)

    def network(width: int, depth: int, key: Any) -> fe.MLP:
        sizes: dict[str, Any] = {"width": width, "depth": depth, "support": (lower, upper)}
        return fe.MLP("scalar", "scalar", **sizes, spread=spread, key=key)

    def mlp(width: int = 32, depth: int = 2) -> Choice:
        return Choice(lambda key: network(width, depth, key), points=100)

    def hard_mlp(width: int = 32, depth: int = 2) -> Choice:
        return Choice(lambda key: fe.Ansatz(hard, network(width, depth, key)), points=100)

    return {"chebyshev": chebyshev, "adaptive": adaptive, "mlp": mlp, "hard_mlp": hard_mlp}
