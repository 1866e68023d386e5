"""Hypotheses made of hypotheses."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import PyTree

from .._checks import function
from .._show import Called
from .._types import Point


class Compose(Called):
    """f = outer ∘ inner: a representation `inner` of x, and what is made of it.

    **Arguments:** `outer` and `inner`, functions or modules; theta is that of both.
    """

    outer: Callable
    inner: Callable

    def __check_init__(self) -> None:
        function(self.outer, "outer", "`jnp.exp`")
        function(self.inner, "inner", "`fe.Series(basis)`")

    def __call__(self, x: Point) -> PyTree:
        return self.outer(self.inner(x))


class Ansatz(Called):
    """f(x) = transform(net, x): conditions that hold for every theta.

    `Ansatz(lambda net, x: 1.0 + x * net(x), net)` has f(0) = 1 whatever the net is.

    **Arguments:** `transform`, a function of the module `net` and of x, or a module itself.

    **Source:** Lagaris, Likas and Fotiadis (1998), "Artificial neural networks for solving
    ordinary and partial differential equations", eq. (2).
    """

    transform: Callable
    net: PyTree

    def __check_init__(self) -> None:
        example = "`lambda net, x: 1.0 + x * net(x)`"
        function(self.transform, "transform", example, ["net", "x"])

    def __call__(self, x: Point) -> PyTree:
        return self.transform(self.net, x)


class DeepSet(Called):
    """f(x_1, ..., x_N) = rho((1 / N) sum_n phi(x_n)): a function of a set, for any N.

    **Arguments:** `rho` and `phi`, functions or modules; x has the N members along the leading
    axis of each of its leaves.

    **Source:** Zaheer et al. (2017), "Deep sets", theorem 2.
    """

    rho: Callable
    phi: Callable

    def __check_init__(self) -> None:
        function(self.rho, "rho", "`fe.MLP(...)`")
        function(self.phi, "phi", "`fe.MLP(...)`")

    def __call__(self, x: Point) -> PyTree:
        members = jax.vmap(self.phi)(x)
        return self.rho(jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0), members))
