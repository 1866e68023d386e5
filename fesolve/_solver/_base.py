"""What a solver is, and what it returns."""

import abc
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array, ArrayLike, PRNGKeyArray, PyTree

from .._risk import AbstractRisk
from .._types import Hypothesis


class RESULTS(eqx.Enumeration):
    """How a solve ended; each member is a sentence."""

    solved = "solved: every equation holds on the sample to within the risk's tolerance"
    not_zero = (
        "stationary, but not at zero: the risk of a functional equation has the minimum 0, so this "
        "is a local minimum, or the hypothesis class is too small. Try a larger degree or width, "
        "another start (`fe.fit`), `causal=` for an initial-value problem; divide the residual by "
        "its natural unit, or give `Risk(..., tolerance=)` where one of this size is small"
    )
    not_unique = (
        "not unique: the residual does not change along some direction of theta, so that the "
        "sample does not determine f. A condition is missing, or there are fewer distinct points "
        "than unknowns; add a condition, more points, or choose by `fe.MinimumNorm`"
    )
    max_steps_reached = (
        "not converged: `max_steps` was reached while the risk was still falling. Raise "
        "`max_steps`, or start closer"
    )
    non_finite = (
        "the residual, or its derivative in f, became NaN or infinite, and no shorter step was "
        "finite. Look at the domain of the functions in the residual (a log, a power, a division) "
        "and at the starting f"
    )
    not_affine = (
        "not affine: the residual is not affine in theta, so that one linear solve is not enough. "
        "Use `fe.LevenbergMarquardt`"
    )
    unresolved = (
        "unresolved: at the largest degree or number of elements allowed, the coefficients had "
        "not fallen to rounding. Raise `max_degree` or `max_elements`, or use "
        "`fe.SpectralElements`"
    )
    disagree = (
        "several solutions: starts of equal risk end at different functions, so that the equation "
        "on its sample does not say which. A selection problem: add an anchor (a value that is "
        "known), a transversality condition or more points, or choose by `fe.MinimumNorm`; "
        "`compare=` says what should agree"
    )
    no_contraction = (
        "no contraction: the changes of the fixed-point iteration do not shrink, it diverges or "
        "goes round in circles. Take `damping` below 1 or another `step`, start closer, or solve "
        "the equation as it stands with `fe.LevenbergMarquardt`"
    )
    ran = "ran the steps that it was given; the report says what they are worth"


class Solution(eqx.Module):
    """What `solve` returns.

    - `value`: f, of the same structure as the hypothesis that was given.
    - `risk`: the risk of f on the sample that it was trained on, a scalar.
    - `result`: a member of `RESULTS`.
    - `stats`: arrays that say what the solver did: steps, evaluations, damping, ...
    - `history`: the risk after each step, where the solver ran on the host; else `None`.
    """

    value: Hypothesis
    risk: ArrayLike
    result: Any
    stats: dict[str, ArrayLike]
    history: Array | np.ndarray | None = None

    @property
    def solved(self) -> Any:
        """Whether the solve did what was asked: zero risk for least squares."""
        return (self.result == RESULTS.solved) | (self.result == RESULTS.ran)


class SolveError(RuntimeError):
    """A solve that did not succeed; `.solution` holds the best f that it found."""

    def __init__(self, message: str, solution: Solution) -> None:
        RuntimeError.__init__(self, message)
        self.solution = solution


class Interrupted(KeyboardInterrupt):
    """Ctrl-C in a solve; `.solution` holds the best f so far."""

    def __init__(self, solution: Solution) -> None:
        KeyboardInterrupt.__init__(
            self, f"interrupted at risk {float(solution.risk):.3g}; the best f is in `.solution`"
        )
        self.solution = solution


class AbstractSolver(eqx.Module):
    """A way to compute argmin over theta of R(f_theta)."""

    @abc.abstractmethod
    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        """Minimise `risk` over the leaves of `f` that `trainable`, a tree of the structure of
        `f`, marks. Raises for what is wrong before it begins; how it ended is in the result."""


def require_key(key: PRNGKeyArray | None, what: str) -> PRNGKeyArray:
    """The key.

    **Raises:** `ValueError` where there is none, with `what` is drawn, by whom.
    """
    if key is None:
        raise ValueError(
            f"`key` is missing: {what}. Pass `fe.solve(risk, f, solver, key=jax.random.key(0))`"
        )
    return key
