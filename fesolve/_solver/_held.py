"""One step of a fixed-point iteration: a least-squares problem in f with the last function held."""

import copy
from collections.abc import Callable
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._fingerprint import fingerprint, forget, said, TracedClosureError
from .._least_squares._assembly import Assembly, LeastSquares
from .._least_squares._trainable import has_network
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis
from ._base import AbstractSolver, Task
from ._levenberg_marquardt import minimum


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
    """Steps of least squares: the problem is set up once, which takes longer than a step does, and
    g's theta is the first of its data."""

    def __init__(self, problem: LeastSquares, step: Callable, index: int, solver: Any) -> None:
        self.whole, self.solver, self.theta = problem, solver, np.asarray(problem.theta)
        self.problem = copy.copy(problem)
        self.problem.assembly = HeldAssembly(problem.assembly, step, index)
        # iterates of a network are looked at on other points, which asks for the step as a risk
        self.as_risk = (step, index) if has_network(problem.f) else None

    @property
    def image(self) -> Hypothesis:
        return self.whole.value(self.theta)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        problem = self.problem
        problem.theta, problem.data = theta, [theta, *self.whole.data]
        if self.as_risk is not None:
            step, index = self.as_risk
            problem.risk = held(self.whole.risk, index, step, self.whole.value(theta))
        before = problem.residuals(theta)
        self.theta = problem.theta_of(minimum(self.solver, problem).value)
        change = _size(problem.residuals(self.theta) - before)
        return change, _size(self.whole.residuals(self.theta)) ** 2


class Anyhow:
    """Steps of any solver, on any f."""

    def __init__(
        self, problem: LeastSquares, step: Callable, index: int, solver: AbstractSolver
    ) -> None:
        self.problem, self.step, self.index, self.solver = problem, step, index, solver
        self.image, self.theta = problem.f, np.asarray(problem.theta)

    def take(self, theta: np.ndarray, key: PRNGKeyArray | None) -> tuple[float, float]:
        """One step from theta: by how much it changed the step's rows, and the risk after it."""
        f, mask, whole = self.problem.value(theta), self.problem.mask, self.problem.risk
        risk = held(whole, self.index, self.step, f)
        self.image = self.solver.minimise(Task(risk, f, mask, key)).value
        self.theta = self.problem.theta_of(self.image)
        change = _size(risk.residuals(self.image) - risk.residuals(f))
        return change, _size(whole.residuals(self.image)) ** 2


class HeldAssembly(Assembly):
    """The assembly of one step: its data begin with theta of what is held."""

    def __init__(self, assembly: Assembly, step: Callable, index: int) -> None:
        try:
            found = said(fingerprint(step))
        except TracedClosureError as error:
            raise ValueError(
                f"a traced value hides in {error}, of `step`: pass it through the `args` of the "
                "risk, which `step` takes as well"
            ) from None
        vars(self).update(vars(assembly))
        self.key = (assembly.key, found.key, index)
        self.opaque = assembly.opaque or found.opaque
        self.functions = found.functions
        self.assembly, self.step, self.index = assembly, step, index

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
