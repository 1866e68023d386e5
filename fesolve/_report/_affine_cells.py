"""The cells of a class in which the residual is affine in theta.

Then r = b + A theta at every point: one Jacobian at all points that are ever drawn says all, and
what is left are small least-squares problems, one for each sample, whatever its size.
"""

from collections.abc import Iterator

import jax
import numpy as np
from jaxtyping import Float

from .._distribution import Empirical
from .._distribution._base import rule
from .._hypothesis._leaves import trainable_leaves
from .._iteration._stages import is_predicted
from .._least_squares._assembly import by_term, Equation, LeastSquares
from .._linear_algebra._host import one_thread
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis, Point
from ._cells import Measured


BLOCK = 1024
"""Points of a term in one call of a program: the same for samples and for the population, so that
a class compiles once."""
MEMORY = 1 << 27
"""Bytes of the rows of the samples that are solved at once."""


class AffineClass:
    """A hypothesis class through its rows [A, b], one term of the risk after the other."""

    def __init__(self, risk: AbstractRisk, start: Hypothesis, points: list[Point | None]) -> None:
        self.risk = risk
        self.longest = max([_count(p) for p in points if p is not None], default=1)
        self.size = min(BLOCK, self.longest)
        f, mask = start, trainable_leaves(start)
        self.problem = LeastSquares(self._on([_block(p, 0, self.size) for p in points]), f, mask)
        self.theta = np.zeros_like(self.problem.theta)

    def is_affine(self) -> bool:
        """Whether the residual is that on the first points, found by trying."""
        random = np.random.default_rng(0)
        step = random.uniform(0.5, 1.0, self.theta.size) * random.choice(
            [-1.0, 1.0], self.theta.size
        )
        step = step.astype(self.theta.dtype)
        (r, jacobian), (after, other) = map(self.problem.linearise, (self.theta, step))
        if not all(np.isfinite(x).all() for x in (r, jacobian, after, other)):
            return False
        return bool(is_predicted(np, r, jacobian, step, jacobian @ step, after))

    def rows(self, points: list[Point | None]) -> list[Float[np.ndarray, "n m P1"]]:
        """[A, b] of each term at its points, with the root of its multiplier, without weights."""
        counts = [1 if p is None else _count(p) for p in points]
        parts: list[list[np.ndarray]] = [[] for _ in points]
        for begin in range(0, max(counts), self.size):
            blocks = [_block(p, begin, self.size) for p in points]
            problem = self.problem.on_points(self._on(blocks), self.problem.f)
            assert problem is not None
            r, jacobian = problem.linearise(self.theta)
            both = np.concatenate([jacobian, r[:, None]], axis=1).astype(np.float64)
            for part, block in zip(parts, _by_term(problem.equations, both), strict=True):
                part.append(block * np.sqrt(len(block)))
        return [np.concatenate(part)[:n] for part, n in zip(parts, counts, strict=True)]

    def _on(self, blocks: list[Point | None]) -> SumRisk:
        return SumRisk(
            tuple(
                term if block is None else _with_points(term, block)
                for term, block in zip(self.risk.terms, blocks, strict=True)
            )
        )


def affine_cells(
    found: AffineClass,
    population: AbstractRisk,
    draws: list[Point | None],
    sizes: list[int],
    replications: int,
) -> Iterator[tuple[int, Measured]]:
    """For each n what was measured, by the minimum of least norm where n points leave several.

    **Arguments:** `draws`, of each term the points of all samples, one sample after the other,
    each as long as the largest n; `None` where a term stays as it is.
    """
    rows = found.rows([_points(term) for term in population.terms])
    weights = [np.asarray(term.bare.weights, np.float64) for term in population.terms]
    whole = np.concatenate(
        [(np.sqrt(w)[:, None, None] * x).reshape(-1, x.shape[2]) for w, x in zip(weights, rows)]
    )
    with one_thread(whole.shape[1]):
        best = _least_squares(whole[None])[0]
        triangle = np.linalg.qr(whole[:, :-1], mode="r")
        thetas: list[list[np.ndarray]] = [[] for _ in sizes]
        trains: list[list[np.ndarray]] = [[] for _ in sizes]
        width = sum(x.shape[1] * x.shape[2] for x in rows)
        chunk = max(1, MEMORY // (8 * width * sizes[-1]))
        for begin in range(0, replications, chunk):
            samples = _samples(found, draws, sizes[-1], begin, min(begin + chunk, replications))
            for i, n in enumerate(sizes):
                system = _system(samples, n)
                theta = _least_squares(system)
                thetas[i].append(theta)
                trains[i].append(np.stack([_squares(system, t) for t in (theta, best)]))
    at_best = [np.sum((x[:, :, :-1] @ best + x[:, :, -1]) ** 2, axis=1) for x in rows]
    for i, n in enumerate(sizes):
        (train, of_best), off = np.concatenate(trains[i], axis=1), np.concatenate(thetas[i]) - best
        # the residual of f* is orthogonal to what theta moves: nothing cancels
        excess = np.sum((off @ triangle.T) ** 2, axis=1)
        higher = [_higher(x, best, off[np.isfinite(excess)]) for x in rows]
        yield n, Measured(train, of_best, excess, at_best, higher)


def _samples(
    found: AffineClass, draws: list[Point | None], longest: int, begin: int, end: int
) -> list[np.ndarray]:
    """[A, b] of each term by sample: one sample for all where the term stays as it is."""
    cut = lambda p: jax.tree.map(lambda x: x[begin * longest : end * longest], p)
    rows = found.rows([None if p is None else cut(p) for p in draws])
    return [
        x[None] if p is None else x.reshape(-1, longest, *x.shape[1:])
        for x, p in zip(rows, draws, strict=True)
    ]


def _system(samples: list[np.ndarray], n: int) -> Float[np.ndarray, "samples rows P1"]:
    """The least-squares problem of each sample on its first n points."""
    number = max(len(x) for x in samples)
    parts = []
    for x in samples:
        x = x[:, :n]
        part = x.reshape(len(x), -1, x.shape[-1]) / np.sqrt(x.shape[1])
        parts.append(np.broadcast_to(part, (number, *part.shape[1:])))
    return np.concatenate(parts, axis=1)


def _least_squares(system: Float[np.ndarray, "samples rows P1"]) -> Float[np.ndarray, "samples P"]:
    """argmin |A theta + b|, of least norm, with the cut of `numpy.linalg.lstsq`; NaN for systems
    that are not finite."""
    fine = np.isfinite(system).all(axis=(1, 2))
    a, b = system[fine, :, :-1], system[fine, :, -1]
    u, s, v = np.linalg.svd(a, full_matrices=False)
    cut = np.finfo(float).eps * max(a.shape[1:]) * s[:, :1]
    inverse = np.where(s > cut, 1 / np.where(s > cut, s, 1), 0)
    theta = np.full((len(system), a.shape[2]), np.nan)
    theta[fine] = -np.einsum("rji,rj->ri", v, inverse * np.einsum("rij,ri->rj", u, b))
    return theta


def _squares(system: np.ndarray, theta: np.ndarray) -> Float[np.ndarray, " samples"]:
    """|A theta + b|^2 of each sample, for one theta or one a sample."""
    ahead = np.einsum("rij,...j->ri", system[:, :, :-1], theta) if theta.ndim == 1 else None
    if ahead is None:
        ahead = np.einsum("rij,rj->ri", system[:, :, :-1], theta)
    return np.sum((ahead + system[:, :, -1]) ** 2, axis=1)


def _higher(
    rows: Float[np.ndarray, "n m P1"], best: np.ndarray, off: Float[np.ndarray, "samples P"]
) -> Float[np.ndarray, " n"]:
    """At each point, how much higher the loss of best + off is than that of best, on average:
    (a . off)^2 + 2 r a . off, from the first two moments of `off`."""
    a, r = rows[:, :, :-1], rows[:, :, :-1] @ best + rows[:, :, -1]
    count = max(len(off), 1)
    second = np.sum((a @ (off.T @ off / count)) * a, axis=(1, 2))
    return second + 2 * np.sum(r * (a @ (off.sum(axis=0) / count)), axis=1)


def _by_term(equations: tuple[Equation, ...], rows: np.ndarray) -> list[np.ndarray]:
    """The rows of each term, by point and component."""
    return [
        rows[e.start : e.start + e.points * e.width].reshape(e.points, e.width, -1)
        for e in by_term(equations)
    ]


def _points(term: Risk) -> Point | None:
    return term.distribution.points if isinstance(term.distribution, Empirical) else None


def _count(points: Point) -> int:
    return jax.tree.leaves(points)[0].shape[0]


def _block(points: Point | None, begin: int, size: int) -> Point | None:
    """`size` points from `begin` on; at the end the first ones again."""
    if points is None:
        return None
    index = (begin + np.arange(size)) % _count(points)
    return jax.tree.map(lambda x: np.asarray(x)[index], points)


def _with_points(term: Risk, points: Point) -> Risk:
    n = _count(points)
    return changed(term, distribution=rule(points, np.full(n, 1 / n), None))
