"""The long run of a policy as a histogram: mass on nodes, moved by lotteries."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .._checks import numbered, takes
from .._compiled import compiled
from .._entries import shapes
from .._entry import entry
from .._types import as_array, changed, Hypothesis, is_traced, on_device, Point
from ._arrays import real
from ._base import AbstractDistribution, Empirical, rule
from ._chain import MarkovChain
from ._lottery import Lottery, lottery
from ._paths import check_given, in_precision, precision


BEYOND = 1e-6
"""Of the length of the nodes: mass may go this far beyond them, on average."""


class Histogram(AbstractDistribution):
    """The stationary distribution of x' = step(f, x, i) on nodes, while i moves by a Markov chain.

    A point is the pair (x, i), or x alone where there is no chain. Where x' lies between two nodes
    its mass is divided between them, so that the mean of x' is kept (a lottery): the law of motion
    of the mass is a sparse matrix, its long run the eigenvector for the eigenvalue 1. Errors of
    moments fall as the square of the distance between nodes, kinks or not, and masses at single
    points, as at a limit to borrowing, are held.

    It depends on f: `.given(f)` fixes f. Unlike the draws of `fe.Ergodic` the result is exact for
    these nodes and can be differentiated in f and `args`, by the implicit function theorem:

    ```python
    chain = fe.rouwenhorst(7, 0.6, 0.16)
    nodes = 40 * jnp.linspace(0, 1, 500) ** 2
    households = fe.Histogram(lambda f, a, i: f.assets(a, i), nodes, chain)
    capital = fe.expectation(lambda x: x[0], households.given(f).stationary)
    ```

    **Arguments:**

    - `step`: `step(f, x, i, *args)`, the next x, a number; without a chain `step(f, x, *args)`;
      with a shock e, `step(f, x, i, e, *args)` and `step(f, x, e, *args)`.
    - `nodes`: of x, rising, of shape (n,); dense where the policy bends or most of the mass is.
    - `chain`: an `fe.MarkovChain` of m states i = 0, ..., m - 1.
    - `shock`: the distribution of e, of finitely many values, such as
      `fe.Normal(0.0, 0.1).quadrature(7)`.
    - `args`: further arguments of `step`.

    **Raises:** `ValueError` where it is asked before f is given; where `step` returns no number;
    where mass leaves the nodes, or does not come to rest (inside `jit`, `vmap` and `grad`, where
    nothing can be raised, weights are then nan).

    **Source:** Young (2010), "Solving the incomplete markets model with aggregate uncertainty using
    the Krusell-Smith algorithm and non-stochastic simulations".
    """

    step: Callable[..., Any]
    nodes: Any
    chain: MarkovChain | None
    shock: Empirical | None
    args: tuple
    hypothesis: Hypothesis

    def __init__(
        self,
        step: Callable[..., Any] | Any,
        nodes: Any,
        chain: Any = None,
        shock: Any = None,
        *,
        args: tuple | Any = (),
    ) -> None:
        if not callable(step):
            raise ValueError(f"`step` must be a function `step(f, x, i, *args)`; got {step!r}")
        if not isinstance(args, tuple):
            raise ValueError(f"`args` must be a tuple, such as `(a,)`; got {type(args).__name__}")
        if chain is not None and not isinstance(chain, MarkovChain):
            raise ValueError(
                "`chain` must be an `fe.MarkovChain`, such as `fe.rouwenhorst(7, 0.9, 0.1)`, or "
                f"None; got {chain!r}"
            )
        if shock is not None and not isinstance(shock, Empirical):
            raise ValueError(
                "`shock` of `Histogram` must have finitely many values, as "
                f"`fe.Normal(0.0, 0.1).quadrature(7)` has; got {shock!r}"
            )
        self.step, self.chain, self.shock = step, chain, shock
        self.nodes = _rising(nodes)
        self.args = jax.tree.map(lambda x: as_array(x) if isinstance(x, float) else x, args)
        given = ["f", "x", *([] if chain is None else ["i"]), *([] if shock is None else ["e"])]
        remedy = "it is `step(f, x, *args)`, with i after x where there is a `chain`, and e after "
        takes(step, "step", [*given, *numbered(args)], remedy + "that where there is a `shock`")
        self.hypothesis = None

    def given(self, f: Hypothesis) -> "Histogram":
        """The distribution at this f."""
        return changed(self, hypothesis=f)

    @property
    def stationary(self) -> Empirical:
        """The distribution that stays as it is: nodes, or pairs (node, state), with weights."""
        check_given(self.hypothesis, "Histogram")
        mass, rest, beyond = _stationary(self)
        _check(rest, beyond)
        # what is left of the equation is nan where the law of motion is
        if is_traced(rest):
            mass = jnp.where(rest < _most(mass.dtype), mass, jnp.nan)
        return self._with(mass)

    @entry
    def after(self, today: Empirical) -> Empirical:
        """Tomorrow's distribution where `today`'s is the one of this period, by the policy of the
        given f: a transition path is one f a period."""
        check_given(self.hypothesis, "Histogram")
        shape = (1 if self.chain is None else self.chain.size, self.nodes.shape[0])
        if not isinstance(today, Empirical) or today.size != shape[0] * shape[1]:
            raise ValueError(
                f"`today` must be a distribution on the {shape[0] * shape[1]} points of this "
                f"histogram, such as `.stationary` of another f; got {today!r}"
            )
        return self._with(_moved(self, jnp.asarray(today.weights).reshape(shape)))

    @entry
    def sample(self, n: int, *, key: PRNGKeyArray) -> Point:
        """n independent draws of the stationary distribution."""
        return self.stationary.sample(n, key=key)

    def quadrature(self, n: int) -> Empirical:
        """The stationary distribution on the nodes, whatever n."""
        return self.stationary

    def empirical(self, n: int, *, key: PRNGKeyArray) -> Empirical:
        """The stationary distribution on the nodes, which need not be drawn."""
        return self.stationary

    @property
    def support(self) -> tuple[Point, Point]:
        low, high = self.nodes[0], self.nodes[-1]
        if self.chain is None:
            return low, high
        return (low, np.asarray(0)), (high, np.asarray(self.chain.size - 1))

    def _with(self, mass: Any) -> Empirical:
        # JAX arrays at the prompt too: what reads them is compiled once
        xp = jnp if is_traced((self.nodes, mass)) else np
        weights = on_device(xp.reshape(xp.asarray(mass), -1))
        nodes = xp.asarray(self.nodes, mass.dtype)
        if self.chain is None:
            return rule(on_device(nodes), weights, self)
        m, n = mass.shape
        points = (on_device(xp.tile(nodes, m)), on_device(np.repeat(np.arange(m), n)))
        return rule(points, weights, self)


def _law(p: Histogram) -> tuple[Lottery, Float[Array, "shocks m n"]]:
    """The lottery of a period, and where it leads."""
    dtype = precision(p.hypothesis) or jnp.asarray(p.nodes).dtype
    args, nodes = in_precision(p.args, dtype), jnp.asarray(p.nodes, dtype)
    m = 1 if p.chain is None else p.chain.size
    values, weights = ((), jnp.ones(1, dtype))
    if p.shock is not None:
        values = (in_precision(jax.tree.map(jnp.asarray, p.shock.points), dtype),)
        weights = jnp.asarray(p.shock.weights, dtype)

    def one(e: tuple, i: Array, x: Array) -> Array:
        state = () if p.chain is None else (i,)
        shapes(p.step, p.hypothesis, x, *state, *e, *args)
        following = jnp.asarray(p.step(p.hypothesis, x, *state, *e, *args))
        if following.shape or not jnp.issubdtype(following.dtype, jnp.floating):
            raise ValueError(
                "`step` of `Histogram` must return the next x, a number; got shape "
                f"{following.shape} of {following.dtype}"
            )
        return following.astype(dtype)

    at = jax.vmap(jax.vmap(one, (None, None, 0)), (None, 0, None))
    if values:
        following = jax.vmap(at, (0, None, None))(values, jnp.arange(m), nodes)
    else:
        following = at((), jnp.arange(m), nodes)[None]
    transition = jnp.ones((1, 1)) if p.chain is None else p.chain.transition
    return lottery(following, nodes, weights, transition.astype(dtype)), following


@compiled
def _stationary(p: Histogram) -> tuple[Array, Array, Array]:
    """The mass, what is left of its equation, and how far it would go beyond the nodes."""
    law, following = _law(p)
    mass, rest = law.stationary()
    low, high = p.nodes[0], p.nodes[-1]
    outside = jnp.maximum(following - high, 0) + jnp.maximum(low - following, 0)
    beyond = jnp.sum(jnp.tensordot(law.weights, outside, axes=1) * mass) / (high - low)
    negative = jnp.where(mass < 0, mass, 0)  # by rounding, so that a derivative has no part in it
    return mass - jax.lax.stop_gradient(negative), rest, beyond


@compiled
def _moved(p: Histogram, mass: Array) -> Array:
    law, _ = _law(p)
    return law.moved(mass.astype(law.right.dtype))


def _most(dtype: Any) -> float:
    """What may be left of the equation of the mass, whose sum is 1."""
    return float(np.finfo(dtype).eps ** 0.75)


def _check(rest: Any, beyond: Any) -> None:
    """**Raises:** `ValueError` where what was found is no stationary distribution."""
    if is_traced((rest, beyond)):
        return
    if not float(rest) < _most(rest.dtype):
        why = ". The mass is float32, which may be why" if rest.dtype == np.float32 else ""
        raise ValueError(
            "`step` of `Histogram` has no stationary distribution that could be found: after "
            f"{float(rest):.2g} of the mass still moves, or `step` is not finite at some node{why}"
        )
    if float(beyond) > BEYOND:
        raise ValueError(
            "`nodes` of `Histogram` do not hold the distribution: mass would go "
            f"{float(beyond):.2g} of their length beyond them, on average. Widen them, or look "
            "at f: savings may grow without bound"
        )


def _rising(nodes: Any) -> Any:
    nodes = real("nodes", nodes)
    if nodes.ndim != 1 or nodes.size < 3:
        raise ValueError(
            f"`nodes` must be at least three numbers in a row, of shape (n,); got {nodes.shape}"
        )
    nodes = nodes if jnp.issubdtype(nodes.dtype, jnp.floating) else nodes.astype(float)
    if not is_traced(nodes) and not (np.diff(np.asarray(nodes)) > 0).all():
        raise ValueError("`nodes` must rise, as those of `40 * jnp.linspace(0, 1, 500) ** 2` do")
    return nodes
