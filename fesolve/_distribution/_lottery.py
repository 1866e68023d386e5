"""Mass moved between nodes by lotteries, and what stays as it is when it moves."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int


SMOOTHINGS = 10
"""Steps of the operator itself after each correction on few nodes."""
CYCLES = 1_000
"""At most this many corrections. A dozen is usual."""


class Lottery(NamedTuple):
    """Where mass goes from each of n nodes in each of m states: to the nodes `left` and `left` + 1,
    with the probabilities 1 - `right` and `right`; then the state moves by `transition`.

    A leading axis counts the values of a shock, which have the probabilities `weights`.
    """

    left: Int[Array, "shocks m n"]
    right: Float[Array, "shocks m n"]
    weights: Float[Array, " shocks"]
    transition: Float[Array, "m m"]

    @property
    def shape(self) -> tuple[int, int]:
        return self.left.shape[1:]

    def interpolated(self, values: Float[Array, "m n"]) -> Float[Array, "m n"]:
        """The mean over the shocks of values[i, .] where one goes from each node of state i."""

        def one(left: Array, right: Array) -> Array:
            at = jnp.take_along_axis(values, left, axis=1)
            return at + right * (jnp.take_along_axis(values, left + 1, axis=1) - at)

        if self.left.shape[0] == 1:
            return one(self.left[0], self.right[0])
        return jnp.tensordot(self.weights, jax.vmap(one)(self.left, self.right), axes=1)

    def expected(self, values: Float[Array, "m n"]) -> Float[Array, "m n"]:
        """E[values(i', x') | i, x] at all nodes: the operator on functions."""
        return self.interpolated(_product(self.transition, values))

    def moved(self, mass: Float[Array, "m n"]) -> Float[Array, "m n"]:
        """The mass tomorrow: the operator on distributions, the transpose of `expected`."""
        return jax.linear_transpose(self.expected, mass)(mass)[0]

    def stationary(self) -> tuple[Float[Array, "m n"], Float[Array, ""]]:
        """The mass d = `moved`(d) with sum 1, and the norm of what is left of the difference.

        Differentiable in `right`, `weights` and `transition`, forward and backward, by the
        implicit function theorem: (1 - T + v 1') d = v holds for it with any v of sum 1.
        """
        v = jnp.full(self.shape, 1 / np.prod(self.shape), self.right.dtype)
        coarse = _Coarse(jax.lax.stop_gradient(self), v)
        equation = lambda d: d - self.moved(d) + v * jnp.sum(d)
        d = jax.lax.custom_linear_solve(
            equation, v, solve=coarse.solve, transpose_solve=coarse.solve_transposed
        )
        return d, jnp.sum(jnp.abs(equation(d) - v))


class _Coarse:
    """1 - T + v 1' on few of the nodes, between which functions are interpolated.

    T moves mass so little that its powers converge slowly, in ways that are smooth. Steps of T
    take away what is not smooth, and a solve on few nodes the rest: a two-level method of
    aggregation and disaggregation. A correction that does not help is not taken, and the steps of T
    alone converge too.

    **Source:** Koury, McAllister and Stewart (1984), "Iterative methods for computing stationary
    distributions of nearly completely decomposable Markov chains".
    """

    def __init__(self, lottery: Lottery, v: Array) -> None:
        m, n = lottery.shape
        few = min(n, max(8, min(80, 450 // m)))
        hats = np.eye(n)
        if few < n:
            at = np.linspace(0, n - 1, few)
            hats = np.array([np.interp(np.arange(n), at, row) for row in np.eye(few)])
        self.lottery, self.v = lottery, v
        share = hats / hats.sum(axis=1, keepdims=True)
        # products of constants in NumPy: XLA would form them too, while it compiles, and slowly
        stays = np.kron(np.eye(m), hats @ share.T) + np.tile(hats.mean(axis=1) / m, m)[:, None]
        self.collect, self.spread = jnp.asarray(hats, v.dtype), jnp.asarray(share, v.dtype)
        there = jax.vmap(lambda hat: lottery.interpolated(jnp.broadcast_to(hat, (m, n))))
        flows = _product(there(self.collect), self.spread.T)
        moved = jnp.einsum("ij,kil->jkil", lottery.transition, flows).reshape(m * few, m * few)
        self.factors = jax.scipy.linalg.lu_factor(jnp.asarray(stays, v.dtype) - moved)

    def solve(self, _: Any, b: Array) -> Array:
        """d with d - T d + v 1'd = b."""
        step = lambda d: self.lottery.moved(d) - self.v * jnp.sum(d)
        return self._iterated(step, b, self.collect, self.spread, 0)

    def solve_transposed(self, _: Any, b: Array) -> Array:
        """y with y - T'y + (v'y) 1 = b."""
        step = lambda y: self.lottery.expected(y) - jnp.sum(self.v * y)
        return self._iterated(step, b, self.spread, self.collect, 1)

    def _iterated(self, step: Any, b: Array, collect: Array, spread: Array, trans: int) -> Array:
        m = b.shape[0]
        size = lambda left: jnp.sum(jnp.abs(left))

        def corrected(x: Array, left: Array) -> Array:
            rest = _product(left, collect.T).reshape(-1)
            few = jax.scipy.linalg.lu_solve(self.factors, rest, trans=trans)
            return x + _product(few.reshape(m, -1), spread)

        def smoothed(x: Array) -> tuple[Array, Array]:
            # what is left is known after each step, so that the operator stands here alone: most
            # of the time to compile is its
            def again(_: Any, now: tuple) -> tuple:
                x = now[0] + now[1]
                return x, b - x + step(x)

            return jax.lax.fori_loop(0, SMOOTHINGS + 1, again, (x, jnp.zeros_like(x)))

        def cycle(now: tuple) -> tuple:
            x, left, correct, count = now
            new = smoothed(jnp.where(correct, corrected(x, left), x))
            taken = ~correct | (size(new[1]) < size(left))
            x, left = jax.tree.map(lambda a, b: jnp.where(taken, a, b), new, (x, left))
            return x, left, taken, count + 1

        tolerance = 1_000 * float(jnp.finfo(b.dtype).eps) * jnp.sum(jnp.abs(b))
        going = lambda now: (size(now[1]) > tolerance) & (now[3] < CYCLES)
        start = (jnp.zeros_like(b), b, jnp.array(True), jnp.zeros((), int))
        return jax.lax.while_loop(going, cycle, start)[0]


def _product(a: Array, b: Array) -> Array:
    """a @ b in full precision on accelerators that would round to TF32."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def lottery(
    following: Float[Array, "shocks m n"],
    nodes: Float[Array, " n"],
    weights: Float[Array, " shocks"],
    transition: Float[Array, "m m"],
) -> Lottery:
    """The lottery between the neighbours of each point that has that point as its mean."""
    left = jnp.searchsorted(nodes, jax.lax.stop_gradient(following), side="right") - 1
    left = jnp.clip(left, 0, nodes.size - 2)
    # beyond the ends mass stays at the end; at a node it moves, which a clipped share would not
    beyond = (following < nodes[0]) | (following > nodes[-1])
    end = jnp.where(following < nodes[0], nodes[0], nodes[-1])
    at = jnp.where(beyond, end, following)
    right = (at - nodes[left]) / (nodes[left + 1] - nodes[left])
    return Lottery(left, right, weights, transition)
