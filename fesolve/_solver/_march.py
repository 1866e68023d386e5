"""Initial-value problems in spectral elements: element after element, each by Newton.

On each element f is a polynomial whose values and derivatives on the left are those of the element
before; the equation holds at as many Gauss nodes as coefficients are left. This is collocation at
Gauss nodes, an implicit Runge-Kutta method of order twice the number of nodes, written with the
user's residual r(f, x). Adaptive elements take the length at which the last Chebyshev coefficients
of f are at rounding.

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
from .._distribution import Dirac, Empirical, Uniform
from .._evaluation import components
from .._hypothesis import Series, SpectralElements
from .._hypothesis._elements import element_functions
from .._least_squares._assembly import Assembly, LeastSquares
from .._least_squares._device_algebra import gauss_newton_step
from .._risk import AbstractRisk, SumRisk
from .._types import changed, Hypothesis


MAX_ELEMENTS = 4096
"""Room for adaptive elements in a compiled program."""


def _is_element_series(node: Any) -> bool:
    return isinstance(node, Series) and isinstance(node.basis, SpectralElements)


def element_series(f: Hypothesis) -> list[Series]:
    """The series over spectral elements in f."""
    leaves = jax.tree.leaves(f, is_leaf=_is_element_series)
    return [leaf for leaf in leaves if _is_element_series(leaf)]


def on_elements(risk: AbstractRisk, basis: SpectralElements) -> AbstractRisk:
    """The risk with each sample of a uniform population moved to Gauss nodes in each element, one
    more than the degree; other terms stay."""
    terms = []
    for term in risk.terms:
        p = term.population
        sampled = isinstance(term.distribution, Empirical) and isinstance(p, Uniform)
        if sampled and jax.tree.leaves(p)[0].shape == ():
            points, shares = _element_nodes(basis, p)
            term = changed(term, distribution=Empirical(points, shares).standing_for(p))
        terms.append(term)
    return SumRisk(tuple(terms)) if isinstance(risk, SumRisk) else terms[0]


def _element_nodes(basis: SpectralElements, p: Uniform) -> tuple[Any, Any]:
    """Gauss nodes in the part of each element that lies in the interval of p, with their shares
    of it. The end elements reach as far as the interval does, since their polynomials go on."""
    lower, upper = p.support
    xp = np if all(isinstance(x, np.ndarray) for x in (basis.breaks, *jax.tree.leaves(p))) else jnp
    breaks = xp.asarray(basis.breaks)
    lower, upper = (xp.asarray(x).astype(breaks.dtype) for x in (lower, upper))
    nodes, weights = np.polynomial.legendre.leggauss(basis.degree + 1)
    nodes = xp.asarray((nodes + 1) / 2, breaks.dtype)[None]
    weights = xp.asarray(weights / 2, breaks.dtype)[None]
    inner = xp.clip(breaks[1:-1], lower, upper)
    lo = xp.concatenate([lower[None], inner])[:, None]
    hi = xp.concatenate([inner, upper[None]])[:, None]
    # an element outside has no share; its nodes stand where the residual is sure to be finite
    points = xp.where(hi > lo, lo + (hi - lo) * nodes, (lower + upper) / 2)
    return xp.ravel(points), xp.ravel((hi - lo) * weights) / (upper - lower)


def can_march(problem: LeastSquares) -> bool:
    """Whether this is an initial-value problem in elements: theta are the coefficients of series
    over the same elements, and the conditions, all at the first break, are as many as the values
    and derivatives there."""
    series = element_series(problem.f)
    marked = jax.tree.map(
        lambda n: jax.tree.map(lambda _: _is_element_series(n), n),
        problem.f,
        is_leaf=_is_element_series,
    )
    inside = jax.tree.map(lambda a, b: a and b, problem.mask, marked)
    trained = sum(jax.tree.leaves(problem.mask))
    if not series or not len(series) == trained == sum(jax.tree.leaves(inside)):
        return False
    if not _same_elements([node.basis for node in series]):
        return False
    basis = series[0].basis
    at_start, inner = [], []
    for term in problem.terms:
        p = term.distribution
        if not isinstance(p, Dirac | Empirical) or np.ndim(jax.tree.leaves(p)[0]) > 1:
            return False
        (at_start if isinstance(p, Dirac) else inner).append(p)
    if not all(_equal(p.point, basis.breaks[0]) for p in at_start):
        return False
    outputs = sum(int(np.prod(node.coefficients.shape[:-1])) for node in series)
    widths = {e.term: e.width for e in problem.equations}
    conditions = sum(widths[i] for i, on in enumerate(condition_terms(problem)) if on)
    equations = sum(widths.values()) - conditions
    return equations == outputs and conditions == outputs * (basis.smoothness + 1)


def condition_terms(problem: LeastSquares) -> tuple[bool, ...]:
    """Which terms are conditions."""
    return tuple(isinstance(term.distribution, Dirac) for term in problem.terms)


def _equal(a: Any, b: Any) -> bool:
    if np.shape(a) != () or isinstance(a, jax.core.Tracer) or isinstance(b, jax.core.Tracer):
        return a is b
    return bool(np.asarray(a) == np.asarray(b))


def _same_elements(bases: list[SpectralElements]) -> bool:
    first = bases[0]
    same = all((b.degree, b.smoothness) == (first.degree, first.smoothness) for b in bases)
    if not same or any(isinstance(b.breaks, jax.core.Tracer) for b in bases):
        return same and all(b.breaks is first.breaks for b in bases)
    return all(np.array_equal(b.breaks, first.breaks) for b in bases)


class Element(NamedTuple):
    """One element, solved: coefficients of each series, whether Newton arrived, the share of the
    last two Chebyshev coefficients in the largest, and Newton's steps."""

    coefficients: list[Float[Array, "*out width"]]
    converged: Bool[Array, ""]
    tail: Float[Array, ""]
    steps: Int[Array, ""]


def _local(f: Hypothesis, ends: Array, coefficients: list[Any]) -> Hypothesis:
    """f with one element in place of all."""
    given = iter(coefficients)

    def narrow(node: Any) -> Any:
        if not _is_element_series(node):
            return node
        where = lambda s: (s.basis.breaks, s.coefficients)
        return eqx.tree_at(where, node, (ends, next(given)))

    return jax.tree.map(narrow, f, is_leaf=_is_element_series)


class March(NamedTuple):
    """What an element is solved from: the equations, the conditions, and f as a pattern."""

    equations: list[tuple]
    conditions: list[tuple]
    f: Hypothesis

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

    def _newton(self, ends: Array, left: list[Any] | None, guess: list[Any]) -> Element:
        known = 0 if left is None else self.basis.smoothness + 1
        free = [c[..., known:] for c in guess]
        shapes, cuts = [c.shape for c in free], np.cumsum([c.size for c in free])[:-1]
        nodes, weights = np.polynomial.legendre.leggauss(self.basis.degree - self.basis.smoothness)
        points = ends[0] + (ends[1] - ends[0]) * jnp.asarray((nodes + 1) / 2, ends.dtype)
        scale = jnp.asarray(np.sqrt(weights / 2), ends.dtype)[:, None]

        def coefficients(u: Array) -> list[Any]:
            parts = [p.reshape(n) for p, n in zip(jnp.split(u, cuts), shapes, strict=True)]
            return [
                jnp.concatenate([c[..., :known], part], axis=-1)
                for c, part in zip(guess, parts, strict=True)
            ]

        def rows(u: Array) -> Array:
            f = _local(self.f, ends, coefficients(u))
            out = [
                jnp.ravel(scale * jax.vmap(lambda x, b=bare: components(b, f, x))(points))
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
    s = basis.smoothness
    functions = jnp.asarray(element_functions(basis.degree, s), ends.dtype)
    powers = ((ends[1] - ends[0]) / 2) ** jnp.arange(s + 1, dtype=ends.dtype)
    scale = jnp.concatenate([powers, jnp.ones(basis.degree - 2 * s - 1, ends.dtype), powers])
    sizes = [jnp.abs((c * scale) @ functions) for c in coefficients]
    return jnp.max(jnp.stack([jnp.max(c[..., -2:]) / (jnp.max(c) + 1e-30) for c in sizes]))


def _march(assembly: Assembly, conditions: tuple[bool, ...], theta: Any, data: list) -> March:
    bares, f = assembly.merge(theta, data)
    pairs = list(zip(bares, conditions, strict=True))
    return March([b for b, on in pairs if not on], [b for b, on in pairs if on], f)


def _right(basis: SpectralElements, coefficients: list[Any]) -> list[Any]:
    return [c[..., -(basis.smoothness + 1) :] for c in coefficients]


@program(0, 1)
def march(
    assembly: Assembly, conditions: tuple[bool, ...], theta: Any, data: list
) -> tuple[list[Any], Int[Array, ""]]:
    """All elements, of given breaks: the coefficients of each series, and Newton's steps."""
    problem = _march(assembly, conditions, theta, data)
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
    return coefficients, begin.steps + steps.sum()


class Adaptive(NamedTuple):
    """Elements so far: `count` of them in the first rows of the buffers."""

    breaks: Float[Array, " room"]
    heads: list[Any]
    right: list[Any]
    count: Int[Array, ""]
    length: Float[Array, ""]
    steps: Int[Array, ""]
    failed: Bool[Array, ""]


@program(0, 1, 2)
def march_adaptively(
    assembly: Assembly, conditions: tuple[bool, ...], room: int, theta: Any, data: list
) -> Adaptive:
    """Elements as long as the last coefficients allow: an element is taken where Newton arrived
    and its tail is at rounding; the next length is length * (target / tail)^(1 / degree)."""
    problem = _march(assembly, conditions, theta, data)
    basis = problem.basis
    breaks = jnp.asarray(basis.breaks, theta.dtype)
    lo, hi = breaks[0], breaks[-1]
    target = 500 * float(jnp.finfo(theta.dtype).eps)
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
    )
    unfinished = lambda s: (s.breaks[s.count] < hi) & (s.count < room) & ~s.failed
    return jax.lax.while_loop(unfinished, body, first)
