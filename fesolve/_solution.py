"""What a solve returns: f, how the solve ended, and what is known of it."""

import html
from typing import Any, Generic

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from ._least_squares._assembly import LeastSquares
from ._show import is_known, is_readable, is_whole, line, Plain, Shown, Table, Word, words
from ._types import F, is_traced


class RESULTS(eqx.Enumeration):
    """How a solve ended; each member is a sentence."""

    solved = "solved: the equations determine f, and the error of f is below the accuracy asked for"
    not_zero = (
        "stationary, but not at zero: the risk of a functional equation has the minimum 0, and f "
        "may be farther from its solution than the accuracy asked for. This is a local minimum, or "
        "the hypothesis class is too small. Try a larger degree or width, more points, another "
        "start (`fe.fit`), `causal=` for an initial-value problem"
    )
    not_unique = (
        "not unique: f may change by its own size and no residual tells, so that the equations do "
        "not determine it. A condition is missing, the residual is blind to f somewhere, or it "
        "asks for f where there are no points, as beyond a box of states; "
        "`fe.error_estimate(risk, f).free(x)` shows where f is free. Add a condition, take a wider "
        "box, or choose by `fe.MinimumNorm`"
    )
    overfitted = (
        "overfitted: the equations hold on the sample and not beyond it. Take more points, or give "
        "`fe.LevenbergMarquardt` the risk itself, without a number of points: it chooses them"
    )
    on_sample = (
        "solved on the sample alone: its population is not known, so that nothing is said of f "
        "between the points. Give it, as in `fe.Empirical(points, population=p)`; conditions at "
        "single points stand on `fe.Dirac(x)` or a `fe.Mixture` of these"
    )
    not_estimated = (
        "the equations hold, as far as can be seen, but the error of f is not known: no richer "
        "space than that of f is affordable, and a bound, if there is one, is above the accuracy "
        "asked for. Look at residuals on fresh points, compare starts (`fe.MultiStart`), and let "
        "`fe.RiskReport` say why"
    )
    max_steps_reached = (
        "not converged: `max_steps` was reached while the risk was still falling. Raise "
        "`max_steps`, or start closer"
    )
    non_finite = (
        "the residual, or its derivative in f, became NaN or infinite, and no shorter step was "
        "finite. Look at the domain of the functions in the residual (a log, a power, a division; "
        "a state that an `fe.Indicator` or a chain does not have) and at the starting f; with "
        "`fe.Optax`, take a smaller learning rate"
    )
    not_affine = (
        "not affine: the residual is not affine in theta, so that one linear solve is not enough. "
        "Use `fe.LevenbergMarquardt`"
    )
    unresolved = (
        "unresolved: in the richest space allowed the last coefficients of f had not fallen to "
        "rounding, or the equation did not hold. Raise `max_degree`, or use "
        "`fe.SpectralElements(..., adaptive=True)`; where f has a kink or a jump, put a break there"
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
    other_equation = (
        "another equation: the iteration came to rest where `step(f, f, x)` is zero and the "
        "residual of the risk is not. `step(f, g, x)` has to be the same residual with part of it "
        "held at g: compare the two, term by term"
    )
    ran = "ran the steps that it was given; the report says what they are worth"
    stopped = "stopped: a monitor has ended the solve, and this is the best f until then"


def ended(result: Any, *kinds: Any) -> Any:
    """Whether a result is one of these members of `RESULTS`, in NumPy unless it is traced."""
    if any(result is kind for kind in kinds):  # nothing is traced, nor a batch
        return np.True_
    (value,) = jax.tree.leaves(result)
    codes = [jax.tree.leaves(kind)[0] for kind in kinds]
    xp = jnp if isinstance(value, jax.Array) else np
    return xp.any(xp.stack([xp.asarray(value == code) for code in codes]), axis=0)


def choose(flag: Any, a: Any, b: Any) -> Any:
    """One of two members of `RESULTS`; inside a program a `where`, so that lanes may end
    differently."""
    if isinstance(flag, bool | np.bool_):
        return a if flag else b
    if is_traced((flag, a, b)) or np.ndim(flag):
        return RESULTS.where(flag, a, b)
    return a if bool(flag) else b


class Solution(Shown, Generic[F]):
    """What `solve` returns.

    - `value`: f, of the same structure as the hypothesis that was given.
    - `risk`: the risk of f on the sample that it was trained on, a scalar.
    - `result`: a member of `RESULTS`.
    - `stats`: arrays that say what the solver did: steps, evaluations, damping, ..., and how f
      was judged: `error`, its relative error, estimated, or, where `error_is_bound`, a bound
      of it; `conditioning`, the least |dr| per |df| (`fe.ErrorEstimate` says what these are).
    - `history`: the risk after each step, where the solver ran on the host; else `None`.
    - `trained`: which leaves of f were solved for.
    - `problem`: what a solver hands to the judge, so that nothing is set up twice; `None` in what
      `solve` returns.
    """

    value: F
    risk: ArrayLike
    result: Any
    stats: dict[str, ArrayLike]
    history: Array | np.ndarray | None = None
    trained: tuple[bool, ...] | None = eqx.field(static=True, default=None)
    problem: LeastSquares | None = eqx.field(static=True, default=None)

    @property
    def solved(self) -> Any:
        """Whether f is known to be a solution, to the accuracy asked for."""
        return ended(self.result, RESULTS.solved)

    @property
    def failed(self) -> Any:
        """Whether f is known to be no solution: neither solved, nor merely not known to be."""
        known = (RESULTS.solved, RESULTS.ran, RESULTS.on_sample, RESULTS.not_estimated)
        return ~ended(self.result, *known, RESULTS.stopped)

    def __str__(self) -> str:
        return str(_summary(self)) if _is_single(self) else line(self)

    def _repr_html_(self) -> str:
        if _is_single(self):
            return _summary(self)._repr_html_()
        return f"<code>{html.escape(line(self))}</code>"


@words.register
def _(solution: Solution) -> list[Word]:
    if not is_known((solution.risk, solution.result)):
        return [Word(solution.value), Word(solution.risk, "risk")]
    solved, error = np.asarray(solution.solved), solution.stats.get("error")
    known = _is_single(solution) and error is not None and np.isfinite(np.asarray(error))
    return [
        Word(
            Plain(f"{solved.sum():,} of {solved.size:,} solved" if solved.ndim else _how(solution))
        ),
        Word(solution.value),
        *([Word(float(np.asarray(error)), "error")] if known else []),
    ]


def _is_single(solution: Solution) -> bool:
    """Whether this is one solution, whose numbers can be read: not traced, and no batch."""
    if not is_whole(solution) or not isinstance(solution.stats, dict):
        return False
    error = solution.stats.get("error", 0.0)
    return all(map(is_readable, (solution.risk, *jax.tree.leaves(solution.result), error)))


def _how(solution: Solution) -> str:
    """How a solve ended, in a word or two: what stands before the colon of its sentence."""
    head = RESULTS[solution.result].split(":")[0]
    return head if len(head) < 50 else f"{head[:46]}..."


def _summary(solution: Solution) -> Table:
    """What was found in some lines: how the solve ended, f, how wrong it is, and at what cost."""
    error, steps, reached = (solution.stats.get(name) for name in ("error", "steps", "reached"))
    rows = {"f": line(solution.value)}
    if error is not None and np.isfinite(np.asarray(error)):
        how = "at most" if np.all(solution.stats.get("error_is_bound", False)) else "estimated"
        rows["error of f"] = f"{float(np.asarray(error)):.1e}, relative, {how}"
    rows["risk"] = f"{float(solution.risk):.2e}"
    if is_readable(steps):
        rows["steps"] = f"{int(np.asarray(steps)):,}"
    if is_readable(reached) and not float(np.asarray(reached)) >= 1.0:
        rows["path"] = stopped_at(float(np.asarray(reached)))
    return Table(RESULTS[solution.result], list(rows), [""], [[text] for text in rows.values()])


def stopped_at(reached: float) -> str:
    """Where on its way a continuation stopped."""
    if np.isnan(reached):
        return (
            "the result is that of `begin` itself, which was not solved: take an easier one, or "
            "start nearer to its solution"
        )
    return f"the continuation stopped {reached:.6g} of the way"


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
