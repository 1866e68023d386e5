"""One step of a fixed-point iteration: a least-squares problem in f with the last function held."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._compiled import arrays_of
from .._fingerprint import fingerprint, forget, said, TracedClosureError
from .._least_squares._assembly import Assembly, LeastSquares
from .._least_squares._trainable import same_leaves
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis
from ._base import AbstractSolver


class Held(eqx.Module):
    """The step as a residual of f, with the last function g before the other arguments."""

    step: Callable
    shocked: bool = eqx.field(static=True)

    def __call__(self, f: Hypothesis, x: PyTree, *rest: Any) -> PyTree:
        shock, (g, *args) = (rest[:1], rest[1:]) if self.shocked else ((), rest)
        return self.step(f, g, x, *shock, *args)


def held(risk: AbstractRisk, index: int, step: Callable, g: Hypothesis) -> SumRisk:
    """The risk of one step: in place of term `index`, the step with g."""
    terms = list(risk.terms)
    term: Risk = terms[index]
    residual = Held(step, term.shock is not None)
    name = getattr(step, "__name__", term.name)
    terms[index] = changed(term, residual=residual, args=(g, *term.args), name=name)
    return SumRisk(tuple(terms))


class InShape:
    """Steps where theta keeps its shape: the problem is set up once, which takes longer than a
    step does, and g's arrays are put into it."""

    def __init__(
        self,
        risk: AbstractRisk,
        index: int,
        step: Callable,
        solver: Any,
        f: Hypothesis,
        mask: PyTree[bool],
    ) -> None:
        self.whole = LeastSquares(risk, f, mask)
        self.problem = LeastSquares(held(risk, index, step, f), f, mask)
        self.solver, self.theta = solver, np.asarray(self.problem.theta)
        rest = eqx.partition(f, mask)[1]
        arrays = arrays_of((self.problem.bares, rest))
        chosen = _chosen(f, mask)
        self.places = [next(i for i, x in enumerate(arrays) if x is leaf) for leaf in chosen]

    @property
    def image(self) -> Hypothesis:
        return self.whole.value(self.theta)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        problem = self.problem
        for i, leaf in zip(self.places, problem.assembly.leaves(theta), strict=True):
            problem.data[i] = leaf
        problem.theta = theta
        before = problem.residuals(theta)
        image = self.solver.minimum(problem).value
        self.theta = theta_of(image, problem.mask)
        change = _size(problem.residuals(self.theta) - before)
        return change, _size(self.whole.residuals(self.theta)) ** 2


class Anyhow:
    """Steps of any solver, on any f."""

    def __init__(
        self,
        risk: AbstractRisk,
        index: int,
        step: Callable,
        solver: AbstractSolver,
        f: Hypothesis,
        mask: PyTree[bool],
    ) -> None:
        self.risk, self.index, self.step, self.solver = risk, index, step, solver
        self.image, self.mask = f, mask

    @property
    def theta(self) -> np.ndarray:
        return theta_of(self.image, self.mask)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        f = _with_theta(self.image, self.mask, theta)
        risk = held(self.risk, self.index, self.step, f)
        self.image = self.solver.minimise(risk, f, self.mask, key=key, monitors=()).value
        self.mask = same_leaves(self.mask, self.image)
        change = _size(risk.residuals(self.image) - risk.residuals(f))
        return change, _size(self.risk.residuals(self.image)) ** 2


class HeldAssembly(Assembly):
    """The assembly of one step inside a program: its data begin with theta of what is held."""

    def __init__(self, assembly: Assembly, step: Callable, index: int) -> None:
        try:
            found = said(fingerprint(step))
        except TracedClosureError as error:
            raise ValueError(
                f"a traced value hides in {error}, of `step`: pass it through the `args` of the "
                "risk, which `step` takes as well"
            ) from None
        self.key = (assembly.key, found.key, index)
        self.opaque = assembly.opaque or found.opaque
        self.functions = found.functions
        self.assembly, self.step, self.index = assembly, step, index
        self.dtype = assembly.dtype

    def merge(self, theta: Any, data: list[Any]) -> tuple[list, Hypothesis]:
        """The terms of the step and f at theta."""
        before, *data = data
        forget(self.functions)
        _, g = self.assembly.merge(before, data)
        bares, f = self.assembly.merge(theta, data)
        bares = list(bares)
        bare = bares[self.index]
        residual = Held(self.step, bare.shock is not None)
        bares[self.index] = bare._replace(residual=residual, args=(g, *bare.args))
        return bares, f


def _size(rows: Any) -> float:
    return float(np.linalg.norm(np.asarray(rows)))


def _chosen(f: Hypothesis, mask: PyTree[bool]) -> list[Any]:
    return [x for x, m in zip(jax.tree.leaves(f), jax.tree.leaves(mask), strict=True) if m]


def theta_of(f: Hypothesis, mask: PyTree[bool]) -> np.ndarray:
    """The trainable leaves of f as one vector."""
    leaves = _chosen(f, mask)
    dtype = np.result_type(*[leaf.dtype for leaf in leaves])
    return np.concatenate([np.ravel(np.asarray(leaf, dtype)) for leaf in leaves])


def _with_theta(f: Hypothesis, mask: PyTree[bool], theta: np.ndarray) -> Hypothesis:
    leaves, start = [], 0
    for leaf, moves in zip(jax.tree.leaves(f), jax.tree.leaves(mask), strict=True):
        if moves:
            part = theta[start : start + leaf.size].reshape(leaf.shape)
            leaf, start = jnp.asarray(part, leaf.dtype), start + leaf.size
        leaves.append(leaf)
    return jax.tree.unflatten(jax.tree.structure(f), leaves)
