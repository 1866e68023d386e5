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
from .._least_squares._assembly import Assembly
from .._least_squares._device_algebra import gauss_newton_step
from .._types import Hypothesis


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

    def first(self, ends: Array) -> Element:
        """The element at the start, from the conditions."""
        s = self.basis.smoothness
        flat = [
            jnp.zeros((*node.coefficients.shape[:-1], s + 1), ends.dtype)
            for node in element_series(self.f)
        ]
        start = [
            jnp.concatenate([node.coefficients[..., :1], c[..., 1:]], -1)
            for node, c in zip(element_series(self.f), flat, strict=True)
        ]
        return self._newton(ends, None, [_line(self.basis, c, ends[1] - ends[0]) for c in start])

    def after(self, ends: Array, left: list[Any]) -> Element:
        """An element, from the values and derivatives on its left."""
        return self._newton(ends, left, [_line(self.basis, c, ends[1] - ends[0]) for c in left])

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
        return jnp.linalg.norm(higher) <= 1e-4 * jnp.linalg.norm(highest)

    def _nodes(self, *, at_start: bool) -> np.ndarray:
        """Where the equation holds, on [-1, 1]: as many nodes as coefficients are free."""
        count = self.basis.degree - self.basis.smoothness
        if not self.closes:
            return np.polynomial.legendre.leggauss(count)[0]
        inner = np.polynomial.legendre.Legendre.basis(count).deriv().roots().real
        return np.concatenate([[-1.0] if at_start else [], inner, [1.0]])

    def _newton(self, ends: Array, left: list[Any] | None, guess: list[Any]) -> Element:
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

        u, converged, steps = _newton(rows, jnp.concatenate([c.ravel() for c in free]))
        solved = coefficients(u)
        return Element(solved, converged, _tail(self.basis, ends, solved), steps)


def _newton(rows: Any, u: Array) -> tuple[Array, Array, Array]:
    eps = float(jnp.finfo(u.dtype).eps)

    def body(state: tuple) -> tuple:
        u, k = state[0], state[2]
        step = gauss_newton_step(jax.jacfwd(rows)(u), rows(u))
        size, norm = jnp.linalg.norm(step), jnp.linalg.norm(u)
        # Newton squares: after a step of this size the next one would be rounding
        arrived = size <= 0.1 * eps**0.5 * (norm + eps)
        return u + step, arrived, k + 1, jnp.isfinite(size)

    start = (u, jnp.zeros((), bool), jnp.zeros((), int), jnp.ones((), bool))
    going = lambda s: ~s[1] & (s[2] < 12) & s[3]
    u, arrived, steps, finite = jax.lax.while_loop(going, body, start)
    return u, arrived & finite, steps


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


@program(0, 1)
def march(
    assembly: Assembly, layout: Layout, theta: Any, data: list
) -> tuple[list[Any], Int[Array, ""], Bool[Array, ""]]:
    """All elements, of given breaks: the coefficients of each series, Newton's steps, and whether
    the layout fits."""
    problem = _march(assembly, layout, theta, data)
    basis = problem.basis
    breaks = jnp.asarray(basis.breaks, theta.dtype)
    begin = problem.first(breaks[:2])

    def step(left: list[Any], ends: Array) -> tuple[list[Any], tuple]:
        element = problem.after(ends, left)
        head = [c[..., : basis.stride] for c in element.coefficients]
        return _right(basis, element.coefficients), (head, element.steps)

    ends = jnp.stack([breaks[1:-1], breaks[2:]], axis=-1)
    last, (heads, steps) = jax.lax.scan(step, _right(basis, begin.coefficients), ends)
    coefficients = []
    for first, head, end in zip(begin.coefficients, heads, last, strict=True):
        inner = jnp.moveaxis(head, 0, -2).reshape(*end.shape[:-1], -1)
        coefficients.append(jnp.concatenate([first[..., : basis.stride], inner, end], -1))
    return coefficients, begin.steps + steps.sum(), problem.fits(breaks[:2], begin)


class Adaptive(NamedTuple):
    """Elements so far: `count` of them in the first rows of the buffers."""

    breaks: Float[Array, " room"]
    heads: list[Any]
    right: list[Any]
    count: Int[Array, ""]
    length: Float[Array, ""]
    steps: Int[Array, ""]
    failed: Bool[Array, ""]
    fits: Bool[Array, ""]


@program(0, 1, 2)
def march_adaptively(
    assembly: Assembly, layout: Layout, room: int, theta: Any, data: list
) -> Adaptive:
    """Elements as long as the last coefficients allow: an element is taken where Newton arrived
    and its tail is at rounding; the next length is length * (target / tail)^(1 / degree)."""
    problem = _march(assembly, layout, theta, data)
    basis = problem.basis
    breaks = jnp.asarray(basis.breaks, theta.dtype)
    lo, hi = breaks[0], breaks[-1]
    target = MARCHED * float(jnp.finfo(theta.dtype).eps)
    shortest = 1e3 * float(jnp.finfo(theta.dtype).eps) * (hi - lo)

    def judge(element: Element, length: Array) -> tuple[Array, Array]:
        factor = 0.85 * (target / (element.tail + 1e-3 * target)) ** (1 / basis.degree)
        good = element.converged & (element.tail <= target)
        factor = jnp.where(element.converged, jnp.clip(factor, 0.3, 2.0), 0.25)
        return good, length * jnp.where(good, factor, jnp.minimum(factor, 0.9))

    def try_first(state: tuple) -> tuple:
        length = state[1]
        element = problem.first(jnp.stack([lo, lo + length]))
        good, proposal = judge(element, length)
        return element, proposal, good, length

    nothing = problem.first(breaks[:2])
    length = jnp.minimum(breaks[1] - lo, (hi - lo) / 8)
    start = (nothing, length, jnp.zeros((), bool), length)
    going = lambda s: ~s[2] & (s[1] > shortest)
    begin, length, good, used = jax.lax.while_loop(going, try_first, start)

    def body(state: Adaptive) -> Adaptive:
        x = state.breaks[state.count]
        length = jnp.minimum(state.length, hi - x)
        # no sliver at the end: what is left is one element, or two halves
        length = jnp.where(
            hi - x < 2 * length, jnp.where(hi - x <= length, hi - x, (hi - x) / 2), length
        )
        end = jnp.where(length >= hi - x, hi, x + length)
        element = problem.after(jnp.stack([x, end]), state.right)
        good, proposal = judge(element, length)
        at = jnp.where(good, state.count, room)
        heads = [
            buffer.at[at].set(c[..., : basis.stride], mode="drop")
            for buffer, c in zip(state.heads, element.coefficients, strict=True)
        ]
        right = jax.tree.map(
            lambda a, b: jnp.where(good, a, b), _right(basis, element.coefficients), state.right
        )
        return Adaptive(
            state.breaks.at[at + 1].set(end, mode="drop"),
            heads,
            right,
            state.count + good.astype(state.count.dtype),
            proposal,
            state.steps + element.steps,
            ~good & (proposal < shortest),
            state.fits,
        )

    heads = [
        jnp.zeros((room, *c.shape[:-1], basis.stride), c.dtype).at[0].set(c[..., : basis.stride])
        for c in begin.coefficients
    ]
    grid = jnp.full(room + 1, hi).at[0].set(lo).at[1].set(lo + used)
    one = jnp.ones((), int)
    first = Adaptive(
        grid,
        heads,
        _right(basis, begin.coefficients),
        one,
        length,
        begin.steps,
        ~good,
        problem.fits(jnp.stack([lo, lo + used]), begin),
    )
    unfinished = lambda s: s.fits & (s.breaks[s.count] < hi) & (s.count < room) & ~s.failed
    return jax.lax.while_loop(unfinished, body, first)
