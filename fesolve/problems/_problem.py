"""What a model problem is."""

# annotations are words here: a report is loaded when there is one
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.random as jr
from jaxtyping import PRNGKeyArray

import fesolve as fe


def by_quadrature(risk: fe.AbstractRisk, points: int, key: PRNGKeyArray) -> fe.AbstractRisk:
    """Collocation: `points` Gauss nodes per coordinate."""
    return risk.quadrature(points)


def by_sampling(risk: fe.AbstractRisk, points: int, key: PRNGKeyArray) -> fe.AbstractRisk:
    """`points` independent draws."""
    return risk.empirical(points, key=key)


def _line(kind: str, **parts: Any) -> str:
    """An object in a line of at most 100 characters."""
    text = f"{kind}({', '.join(f'{name}={part}' for name, part in parts.items())})"
    return text if len(text) <= 100 else f"{text[:96]}...)"


@jax.jit
def _three(key: PRNGKeyArray | None) -> tuple[PRNGKeyArray, PRNGKeyArray, PRNGKeyArray]:
    """Keys in one program, where each step of a split is a program by itself."""
    first, second, third = jr.split(jr.key(0) if key is None else key, 3)
    return first, second, third


@dataclass(frozen=True)
class Choice:
    """A hypothesis class H, with the sample and the solver that suit it.

    - `hypothesis`: H as a way to draw its members, `key -> f`.
    - `points`: the number of points that `sample` takes.
    - `sample`: `(risk, points, key) -> risk` on a fixed sample.
    - `solver`: how that risk is minimised.
    """

    hypothesis: Callable[[PRNGKeyArray], Any]
    points: int
    sample: Callable[..., fe.AbstractRisk] = by_quadrature
    solver: fe.AbstractSolver = field(default_factory=fe.LevenbergMarquardt)

    def __repr__(self) -> str:
        return _line("Choice", points=self.points, sample=self.sample.__name__, solver=self.solver)


@dataclass(frozen=True)
class Reference:
    """A number with an independent source: `quantity(f)` should be `value`, and if it is off by
    more than the relative `tolerance`, f is another solution or none.

    Where several numbers come out of one computation `quantity(f)` is a mapping that has them by
    the names of their references, and is asked once for all of them."""

    quantity: Callable[[Any], Any]
    value: float
    source: str = ""
    tolerance: float = 1e-3

    def __repr__(self) -> str:
        return _line("Reference", value=f"{self.value:.6g}", source=repr(self.source))


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A functional equation with everything needed to solve it and to judge the solution.

    - `risk`: the population risk R(f, p*), before points are chosen.
    - `hypotheses`: for each kind of hypothesis, `"chebyshev"` or `"mlp"`, a function from its
        sizes to a `Choice`; the first is taken where none is named. The sizes are keyword
        arguments with defaults: `degree`, or `width` and `depth`.
    - `exact`: the solution: a function of a point, or a dict of functions for the attributes of f
        that have those names; `None` where it is not known.
    - `references`: numbers with an independent source, by name.
    - `shifted`: `(f, key) -> {name: risk}`: the risk where it matters after all, such as on the
        simulated ergodic path of f with a finer quadrature. Names are Python names.
    - `checks`: `f -> [fe.Check, ...]`: what f has to satisfy besides the equations, such as
        transversality and stability; a report takes them into its verdict.
    - `functions`: `f -> {label: function of a point}`: what a figure shows of f.
    - `coordinates`: the names of the coordinates of a point, in the order of its leaves.
    - `along`: the one along which a figure shows f; by default the first.
    - `over`: the distribution whose points `functions` take, where these are no points of the risk:
        one of named coordinates, `fe.Product(cash=fe.Uniform(0.0, 10.0))`.
    - `parameters`: the dataclass of the model's parameters that it was built from.
    - `source`: where the model and its parameters are from.
    """

    risk: fe.AbstractRisk
    hypotheses: Mapping[str, Callable[..., Choice]]
    source: str = ""
    exact: Any = None
    references: Mapping[str, Reference] = field(default_factory=dict)
    shifted: Callable[..., Mapping[str, fe.AbstractRisk]] = lambda f, key: {}
    checks: Callable[[Any], Sequence[fe.Check]] = lambda f: ()
    functions: Callable[[Any], Mapping[str, Callable]] = lambda f: {"f": f}
    coordinates: tuple[str, ...] = ("x",)
    along: str | None = None
    over: fe.AbstractDistribution | None = None
    parameters: Any = None

    def __repr__(self) -> str:
        made_of = {"risk": self.risk} if self.parameters is None else vars(self.parameters)
        return _line("Problem", **made_of)

    def choice(self, hypothesis: str | None = None, **sizes: int) -> Choice:
        """The hypothesis class of these sizes, with its sample and its solver: by default the
        first of `hypotheses`.

        **Raises:** `ValueError` for a kind of hypothesis that the problem does not have.
        """
        hypothesis = next(iter(self.hypotheses)) if hypothesis is None else hypothesis
        if hypothesis not in self.hypotheses:
            raise ValueError(
                f"`hypothesis` is {hypothesis!r}; this problem has {sorted(self.hypotheses)}."
            )
        return self.hypotheses[hypothesis](**sizes)

    def solve(
        self,
        hypothesis: str | None = None,
        *,
        points: int | None = None,
        key: PRNGKeyArray | None = None,
        monitors: tuple = (),
        throw: bool = True,
        **sizes: int,
    ) -> fe.Solution:
        """The solution by one of the hypotheses, by default the first: `fe.solve` with the
        problem's own choices.

        ```python
        f = problems.exponential(a=-2.0).solve("mlp", width=16).value
        ```
        """
        start, sample, draws = _three(key)
        choice = self.choice(hypothesis, **sizes)
        return fe.solve(
            choice.sample(self.risk, choice.points if points is None else points, sample),
            choice.hypothesis(start),
            choice.solver,
            key=draws,
            monitors=monitors,
            throw=throw,
        )

    def found(self, f: Any) -> dict[str, float]:
        """What the quantities of `references` are at f, by their names."""
        quantities = {reference.quantity for reference in self.references.values()}
        values = {quantity: quantity(f) for quantity in quantities}

        def number(name: str, value: Any) -> float:
            return float(value[name] if isinstance(value, Mapping) else value)

        return {name: number(name, values[r.quantity]) for name, r in self.references.items()}

    def trouble(
        self,
        solution: fe.Solution,
        report: fe.RiskReport,
        found: Mapping[str, float] | None = None,
    ) -> str | None:
        """Why f is not the solution: by the solver, by the report, or by someone else's numbers;
        `None` where nothing speaks against it. In float32 it says that this may be why.

        **Arguments:** `found`, what `self.found(f)` gave, where that was asked before: a long
        simulation may be in it.
        """
        why = self._trouble(solution, report, found)
        if why is None or report.dtype != "float32":
            return why
        return (
            f"{why}. f is float32, which may be why: for float64 put "
            "`jax.config.update('jax_enable_x64', True)` before all else"
        )

    def _trouble(
        self, solution: fe.Solution, report: fe.RiskReport, found: Mapping[str, float] | None
    ) -> str | None:
        if bool(solution.failed):
            return str(fe.RESULTS[solution.result])
        if not report.solved:
            return report.verdict
        found = self.found(solution.value) if found is None else found
        for name, reference in self.references.items():
            off = abs(found[name] - reference.value) / max(abs(reference.value), 1e-300)
            if not off <= reference.tolerance:
                return (
                    f"the residuals are small, but {name} is {100 * off:.2g} % off its reference, "
                    "so that this is another solution of the same equation, or hardly determined "
                    "by it"
                )
        return None
