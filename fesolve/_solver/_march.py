"""Initial-value problems in spectral elements: element after element, each by Newton.

On each element f is a polynomial whose values and derivatives on the left are those of the element
before; the equation holds at as many Gauss nodes as coefficients are left. This is collocation at
Gauss nodes, an implicit Runge-Kutta method of order twice the number of nodes, written with the
user's residual r(f, x). Where f is once more differentiable than the conditions say, as a system of
first order in C^1 elements, the nodes are those of Lobatto: what the equation says of the highest
derivative at the end of an element is then what the next one begins with. Adaptive elements take
the length at which the last Chebyshev coefficients of f are at rounding.

**Source:** Ascher, Mattheij and Russell (1995), Numerical Solution of Boundary Value Problems for
Ordinary Differential Equations, ch. 5; Hairer and Wanner (1996), Solving Ordinary Differential
Equations II, sections IV.5 and IV.8 for the control of the length.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._compiled import program
from .._evaluation import components
from .._hypothesis import SpectralElements
from .._hypothesis._elements import element_functions, units
from .._hypothesis._grow import element_series, is_element_series, last, MARCHED, share_of_last
from .._iteration._jax_algebra import InJax
from .._iteration._plans import newton_plan, Plan
from .._least_squares._assembly import Assembly
from .._types import Hypothesis


NEWTON = 12
"""At most so many of Newton's steps on an element."""
MAX_ELEMENTS = 4096
"""Room for adaptive elements in a compiled program."""


class Element(NamedTuple):
    """One element, solved: coefficients of each series, whether Newton arrived, the share of the
    last two Chebyshev coefficients in the largest, and Newton's steps."""

    coefficients: list[Float[Array, "*out width"]]
    converged: Bool[Array, ""]
    tail: Float[Array, ""]
    steps: Int[Array, ""]


class Layout(NamedTuple):
    """Which terms of an initial-value problem are conditions, and whether f is one time more
    differentiable than they say, so that its highest derivative at a break is the equation's."""

    conditions: tuple[bool, ...]
    closes: bool


def with_elements(f: Hypothesis, breaks: Any, coefficients: list[Any]) -> Hypothesis:
    """f with other elements."""
    given = iter(coefficients)

    def change(node: Any) -> Any:
        if not is_element_series(node):
            return node
        where = lambda s: (s.basis.breaks, s.coefficients)
        return eqx.tree_at(where, node, (breaks, next(given)))

    return jax.tree.map(change, f, is_leaf=is_element_series)


class March(NamedTuple):
    """What an element is solved from: the equations, the conditions, f as a pattern, and whether
    the equation holds at the ends of an element (see `Layout`)."""

    equations: list[tuple]
    conditions: list[tuple]
    f: Hypothesis
    closes: bool

    @property
    def basis(self) -> SpectralElements:
        return element_series(self.f)[0].basis

    def element(self, ends: Array, max_steps: Array, left: list[Any] | None = None) -> Element:
        """An element, from the values and derivatives on its left; the one at the start, without
        them, from the conditions."""
        guess = left or [
            jnp.zeros((*c.shape[:-1], self.basis.smoothness + 1), ends.dtype)
            .at[..., 0]
            .set(c[..., 0])
            for c in (node.coefficients for node in element_series(self.f))
        ]
        lines = [_line(self.basis, c, ends[1] - ends[0]) for c in guess]
        return self._newton(ends, max_steps, left, lines)

    def fits(self, ends: Array, element: Element) -> Array:
        """Whether the equation says what the highest derivative at a break is: it must not ask
        for a higher one. `element` is the one at the start."""
        basis, order = self.basis, self.basis.smoothness + 1
        if not self.closes:
            return jnp.ones((), bool)
        # (1 + t)^order, whose lower derivatives vanish at the start, and (1 + t)^(order - 1)
        powers = [_power(basis, k, ends) for k in (order, order - 1)]

        def moved(power: Array) -> Array:
            values = lambda c: jnp.concatenate(
                [components(b, with_elements(self.f, ends, c), ends[0]) for b in self.equations]
            )
            change = [jnp.broadcast_to(power, c.shape) for c in element.coefficients]
            return jax.jvp(values, (element.coefficients,), (change,))[1]

        higher, highest = jax.vmap(moved)(jnp.stack(powers))
        size = jnp.linalg.norm(highest)
        # where the equation is singular at the start, as f' / x, nothing is said there
        return jnp.isfinite(size) & (jnp.linalg.norm(higher) <= 1e-4 * size)

    def _nodes(self, *, at_start: bool) -> np.ndarray:
        """Where the equation holds, on [-1, 1]: as many nodes as coefficients are free."""
        count = self.basis.degree - self.basis.smoothness
        if not self.closes:
            return np.polynomial.legendre.leggauss(count)[0]
        inner = np.polynomial.legendre.Legendre.basis(count).deriv().roots().real
        return np.concatenate([[-1.0] if at_start else [], inner, [1.0]])

    def _newton(
        self, ends: Array, max_steps: Array, left: list[Any] | None, guess: list[Any]
    ) -> Element:
        known = 0 if left is None else self.basis.smoothness + 1
        free = [c[..., known:] for c in guess]
        shapes, cuts = [c.shape for c in free], np.cumsum([c.size for c in free])[:-1]
        nodes = self._nodes(at_start=left is None)
        points = ends[0] + (ends[1] - ends[0]) * jnp.asarray((nodes + 1) / 2, ends.dtype)

        def coefficients(u: Array) -> list[Any]:
            parts = [p.reshape(n) for p, n in zip(jnp.split(u, cuts), shapes, strict=True)]
            return [
                jnp.concatenate([c[..., :known], part], axis=-1)
                for c, part in zip(guess, parts, strict=True)
            ]

        def rows(u: Array) -> Array:
            f = with_elements(self.f, ends, coefficients(u))
            out = [
                jnp.ravel(jax.vmap(lambda x, b=bare: components(b, f, x))(points))
                for bare in self.equations
            ]
            if left is None:
                out += [components(bare, f, ends[0]) for bare in self.conditions]
            return jnp.concatenate(out).astype(u.dtype)

        start = jnp.concatenate([c.ravel() for c in free])
        end = InJax(rows, dtype=start.dtype).run(_plan(start.dtype, max_steps), start)
        solved = coefficients(end.here.theta)
        return Element(solved, end.converged, _tail(self.basis, ends, solved), end.steps)


def _plan(dtype: Any, max_steps: Array) -> Plan:
    # Newton squares: after a step of this size the next one would be rounding
    plan = newton_plan(NEWTON, rtol=0.1 * float(jnp.finfo(dtype).eps) ** 0.5)
    return plan._replace(max_steps=max_steps)


def _line(basis: SpectralElements, left: Array, length: Array) -> Array:
    """A first guess from what is known on the left: the straight line that goes on from there."""
    s, right = basis.smoothness, left
    if s >= 1:
        right = left.at[..., 0].add(length * left[..., 1]).at[..., 2:].set(0)
    inside = jnp.zeros((*left.shape[:-1], basis.degree - 2 * s - 1), left.dtype)
    return jnp.concatenate([left, inside, right], -1)


def _tail(basis: SpectralElements, ends: Array, coefficients: list[Any]) -> Array:
    functions = jnp.asarray(element_functions(basis.degree, basis.smoothness), ends.dtype)
    functions = units(jnp, basis, jnp.diff(ends)).T * functions
    parts = [c @ functions for c in coefficients]
    shares = [share_of_last(jnp, c, jnp.max(jnp.abs(c)), last(basis.degree)) for c in parts]
    return jnp.max(jnp.stack(shares))


def _power(basis: SpectralElements, order: int, ends: Array) -> Array:
    """The coefficients of (1 + t)^order on an element."""
    in_t = np.zeros(basis.degree + 1)
    power = np.polynomial.chebyshev.chebpow([1.0, 1.0], order)
    in_t[: power.size] = power
    functions = element_functions(basis.degree, basis.smoothness)
    in_x = jnp.asarray(np.linalg.solve(functions.T, in_t), ends.dtype)
    return in_x / units(jnp, basis, jnp.diff(ends))[0]


def _march(assembly: Assembly, layout: Layout, theta: Any, data: list) -> March:
    bares, f = assembly.merge(theta, data)
    pairs = list(zip(bares, layout.conditions, strict=True))
    equations, conditions = ([b for b, on in pairs if on == kind] for kind in (False, True))
    return March(equations, conditions, f, layout.closes)


def _right(basis: SpectralElements, coefficients: list[Any]) -> list[Any]:
    return [c[..., -(basis.smoothness + 1) :] for c in coefficients]


class Marched(NamedTuple):
    """Elements so far: `count` of them in the first rows of the buffers.

    - `heads`, `right`: of each series the coefficients of the elements but for those that the next
      one shares, and those on the right of the last one.
    - `length`: that of the next element; `steps`, Newton's.
    - `failed`: whether no element is short enough; `fits`, whether the layout does.
    """

    breaks: Float[Array, " capacity"]
    heads: list[Any]
    right: list[Any]
    count: Int[Array, ""]
    length: Float[Array, ""]
    steps: Int[Array, ""]
    failed: Bool[Array, ""]
    fits: Bool[Array, ""]


@program(0, 1, 2)
def march(
    assembly: Assembly, layout: Layout, capacity: int, theta: Any, data: list, max_steps: Any
) -> Marched:
    """All elements: between the breaks that were given or, where they are adaptive, as long as the
    last coefficients allow. There an element is taken where Newton arrived and its tail is at
    rounding; the next length is length * (target / tail)^(1 / degree). All take at most `max_steps`
    steps together."""
    problem = _march(assembly, layout, theta, data)
    basis = problem.basis
    breaks = jnp.asarray(basis.breaks, theta.dtype)
    lo, hi = breaks[0], breaks[-1]
    eps = float(jnp.finfo(theta.dtype).eps)
    shortest = 1e3 * eps * (hi - lo)
    judge = lambda element, length: _judge(basis, MARCHED * eps, element, length)

    def begin(length: Array, left: Array) -> tuple:
        end = lo + length if basis.adaptive else breaks[1]
        element = problem.element(jnp.stack([lo, end]), left)
        good, proposal = judge(element, length)
        return element, end, good, proposal

    def body(state: Marched) -> Marched:
        x = state.breaks[state.count]
        end = state.breaks[state.count + 1]
        if basis.adaptive:
            end = _end_after(x, jnp.minimum(state.length, hi - x), hi)
        element = problem.element(jnp.stack([x, end]), max_steps - state.steps, state.right)
        good, proposal = judge(element, end - x)
        at = jnp.where(good, state.count, capacity)
        heads = [
            buffer.at[at].set(c[..., : basis.stride], mode="drop")
            for buffer, c in zip(state.heads, element.coefficients, strict=True)
        ]
        right = _right(basis, element.coefficients)
        return Marched(
            state.breaks.at[at + 1].set(end, mode="drop"),
            heads,
            jax.tree.map(lambda a, b: jnp.where(good, a, b), right, state.right),
            state.count + good.astype(state.count.dtype),
            proposal,
            state.steps + element.steps,
            ~good & (proposal < shortest),
            state.fits,
        )

    length = jnp.minimum(breaks[1] - lo, (hi - lo) / 8)
    if basis.adaptive:
        first, steps = _first_that_fits(begin, length, shortest, max_steps)
    else:
        first = begin(length, max_steps)
        steps = first[0].steps
    element, end, good, length = first
    heads = [
        jnp.zeros((capacity, *c.shape[:-1], basis.stride), c.dtype)
        .at[0]
        .set(c[..., : basis.stride])
        for c in element.coefficients
    ]
    grid = jnp.full(capacity + 1, hi).at[0].set(lo).at[1].set(end) if basis.adaptive else breaks
    right, fits = _right(basis, element.coefficients), problem.fits(jnp.stack([lo, end]), element)
    state = Marched(grid, heads, right, jnp.ones((), int), length, steps, ~good, fits)
    further = lambda s: (s.breaks[s.count] < hi) & (s.count < capacity) & (s.steps < max_steps)
    unfinished = lambda s: s.fits & ~s.failed & further(s)
    return jax.lax.while_loop(unfinished, body, state)


def _judge(
    basis: SpectralElements, target: float, element: Element, length: Array
) -> tuple[Array, Array]:
    """Whether an element is taken, and the length of the next try."""
    if not basis.adaptive:
        return jnp.ones((), bool), length
    factor = 0.85 * (target / (element.tail + 1e-3 * target)) ** (1 / basis.degree)
    good = element.converged & (element.tail <= target)
    factor = jnp.where(element.converged, jnp.clip(factor, 0.3, 2.0), 0.25)
    return good, length * jnp.where(good, factor, jnp.minimum(factor, 0.9))


def _end_after(x: Array, length: Array, hi: Array) -> Array:
    """Where an element that begins at x ends. What is left at the end is one element or two halves,
    never a short rest."""
    rest = hi - x
    halved = jnp.where(rest <= length, rest, rest / 2)
    length = jnp.where(rest < 2 * length, halved, length)
    return jnp.where(length >= rest, hi, x + length)


def _first_that_fits(
    begin: Callable, length: Array, shortest: Array, max_steps: Any
) -> tuple[tuple, Array]:
    """The first element, in tries that grow shorter, and the steps of all tries. The first try is
    in the loop too: a second copy of the residual costs a compilation."""
    nothing = jax.tree.map(jnp.zeros_like, jax.eval_shape(begin, length, max_steps))

    def another(tries: tuple) -> tuple:
        (*_, length), steps = tries
        first = begin(length, max_steps - steps)
        return first, steps + first[0].steps

    again = lambda t: ~t[0][2] & (t[0][3] > shortest) & (t[1] < max_steps)
    none = jnp.zeros_like(nothing[0].steps)
    return jax.lax.while_loop(again, another, ((*nothing[:3], length), none))
