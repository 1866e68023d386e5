"""A residual with part of it held at the last function: what one step of an iteration minimises."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import PyTree

from .._checks import numbered, takes
from .._distribution._data import arguments
from .._fingerprint import fingerprint, forget, said, TracedClosureError
from .._least_squares._assembly import Assembly, Equation, equations_of, LeastSquares
from .._risk import AbstractRisk, Risk, SumRisk
from .._types import changed, Hypothesis


class _Held(eqx.Module):
    """The step as a residual of f, with the last function g before the other arguments, of which
    there are so many."""

    step: Callable
    args: int = eqx.field(static=True)

    def __call__(self, f: Hypothesis, *rest: Any) -> PyTree:
        last = len(rest) - self.args - 1
        return self.step(f, rest[last], *rest[:last], *rest[last + 1 :])


def with_step(risk: AbstractRisk, index: int, step: Callable, g: Hypothesis) -> SumRisk:
    """The risk of one step: in place of term `index`, the step with g."""
    terms = list(risk.terms)
    term: Risk = terms[index]
    residual = _Held(step, len(term.args))
    name = getattr(step, "__name__", term.name)
    terms[index] = changed(term, residual=residual, args=(g, *term.args), name=name)
    return SumRisk(tuple(terms))


class StepAssembly(Assembly):
    """The assembly of one step: its data begin with theta of what is held."""

    def __init__(self, assembly: Assembly, step: Callable, index: int) -> None:
        try:
            found = said(fingerprint(step))
        except TracedClosureError as error:
            raise ValueError(
                f"a traced value hides in {error.place}, of `step`: pass it through the `args` of "
                "the risk, which `step` takes as well"
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
        residual = _Held(self.step, len(bare.args))
        bares[self.index] = bare._replace(residual=residual, args=(g, *bare.args))
        return bares, f


def check_step(problem: LeastSquares, step: Callable, index: int) -> None:
    """**Raises:** `ValueError` where the step takes other arguments than the residual and g, or
    returns other equations than the residual does."""
    term = problem.terms[index]
    x = jax.tree.map(lambda p: p[0], term.bare.points)
    shock = [] if term.shock is None else ["e"]
    given = ["f", "g", *["x", "y"][: len(arguments(x))], *shock, *numbered(term.args)]
    remedy = "it is `step(f, g, x, *args)`, with a shock `step(f, g, x, e, *args)`: f is solved "
    remedy += "for, g is the last function, and what follows is what the residual takes"
    takes(step, "step", given, remedy)
    held = StepAssembly(problem.assembly, step, index)
    terms = list(problem.terms)
    terms[index] = changed(term, name="step")
    found = equations_of(held, tuple(terms), problem.theta, [problem.theta, *problem.data])
    known = _widths(problem.equations, index)
    if list(_widths(found, index).values()) != list(known.values()):
        raise ValueError(
            f"`step` returns {_counted(_widths(found, index))}, and the residual "
            f"{_counted(known)}: `step(f, g, x, *args)` is the residual itself with part of it "
            "held at g, equation by equation"
        )


def _widths(equations: tuple[Equation, ...], index: int) -> dict[str, int]:
    """How many numbers each equation of a term has."""
    return {e.name: len(e.columns) for e in equations if e.term == index}


def _counted(widths: dict[str, int]) -> str:
    parts = (f"{n} number{'' if n == 1 else 's'} (`{name}`)" for name, n in widths.items())
    return " and ".join(parts)
