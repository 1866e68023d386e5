"""From an easier problem to a harder one, step by step."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from .._checks import whole
from .._compiled import arrays_of
from .._fingerprint import alike
from .._hypothesis._grow import in_pieces, released
from .._risk import AbstractRisk, rebuilt, Risk
from .._solution import RESULTS, Solution
from .._types import changed, Hypothesis, is_traced, is_tracing, still
from ._base import AbstractOuterSolver, AbstractSolver, require_no_monitors, Task
from ._levenberg_marquardt import or_default
from ._run import solution_of
from ._sequential import in_sequence, later


class Continuation(AbstractOuterSolver):
    """argmin R_1 along a path R_t of risks, from an easy R_0 = `begin`, 0 <= t <= 1.

    R_t has the residuals of both, and (1 - t) times the numbers of `begin` plus t times those of
    the risk given to `fe.solve`: its `args`, points, weights, shocks and multipliers. So one and
    the same is continuation in a parameter, a curriculum on the size of shocks, a domain that
    grows and a kink that is smoothed less and less.

    ```python
    easy = risk_of(sigma=0.01).quadrature(12)
    solver = fe.Continuation(easy, steps=4)
    f = fe.solve(risk_of(sigma=0.2).quadrature(12), f, solver).value
    ```

    Each solve starts on the secant through the last two, in theta. A step that fails is halved, one
    that succeeds is doubled, and all steps run the same compiled program. Where the steps become
    too short it stops: the result is `not_zero`, f solves R_t for t = `stats["reached"]`, and
    `stats["path"]` has the steps up to there. As `reached` hardly moves past a point at which
    solutions end (a fold), it tells where they do.

    Differentiable in what the risk holds, as its last solve is. Under `jax.jit` and `jax.vmap` the
    path has `steps` equal steps.

    **Arguments:**

    - `begin`: a risk with the same residuals, and arrays of the same shapes, whose solution is near
      the f given to `fe.solve`.
    - `solver`: of each R_t, by default `fe.LevenbergMarquardt()`.
    - `steps`: the first step is 1 / `steps`.
    - `least`: the shortest step that is tried.

    **Raises:** `ValueError` where `begin` and the risk differ in more than the values of arrays.

    **Reference:** Allgower and Georg (1990), "Numerical continuation methods".
    """

    begin: AbstractRisk
    solver: AbstractSolver = eqx.field(default=None, converter=or_default)
    steps: int = eqx.field(default=4, kw_only=True)
    least: float = eqx.field(default=1e-3, kw_only=True)

    def __check_init__(self) -> None:
        if not isinstance(self.begin, AbstractRisk):
            raise ValueError(
                "`begin` must be a risk of the structure of the one to be solved, with other "
                f"values in it; got {type(self.begin).__name__}"
            )
        whole(self.steps, "steps")
        least = self.least
        if not isinstance(least, int | float | np.number) or not 0 < least <= 1 / self.steps:
            raise ValueError(
                "`least` must lie above 0 and at most at the first step, "
                f"1 / {self.steps}; got {least}"
            )

    def minimise(self, task: Task) -> Solution:
        path = _checked_path(self.begin, task.risk)
        constant, f = still((path, task.f))
        if is_traced((constant, f)) or is_tracing():
            require_no_monitors(task.monitors)
            return self._in_equal_steps(constant, task._replace(f=f))
        solution = self._in_free_steps(constant, task)
        if not is_traced(task.risk) or bool(solution.failed):
            return solution
        # the path is no data of the solution, but the last risk is
        end = solution_of(self.solver, task.at(solution.value, monitors=()))
        known = {name: solution.stats[name] for name in ("steps", "reached", "path")}
        return changed(end, stats={**end.stats, **known})

    def _in_free_steps(self, path: "_Path", task: Task) -> Solution:
        solutions: list[Solution] = []
        done: list[tuple[float, Hypothesis]] = []
        step, t = 1.0 / self.steps, 0.0
        while True:
            start = task.f if not done else _predicted(done[-2:], t, task.f)
            watching = later(task.monitors, solutions)
            now = task.at(start, risk=path.risk(t), monitors=watching)
            solution = solution_of(self.solver, now)
            solutions.append(solution)
            if not bool(solution.failed):
                done.append((t, solution.value))
                if t >= 1.0:
                    return _with_path(in_sequence(solutions), done)
                step = min(1.0, 2 * step) if len(done) > 1 else step
            else:
                step = (t - done[-1][0]) / 2 if done else step
            if not done or step < self.least:
                return self._stopped(path, solutions, done)
            t = min(1.0, done[-1][0] + step)

    def _stopped(
        self, path: "_Path", solutions: list[Solution], done: list[tuple[float, Hypothesis]]
    ) -> Solution:
        """f of the last risk that was solved, whose risk at the end of the path is not zero; or
        what has come of `begin`, where that was not solved."""
        if not done:
            return _with_path(solutions[-1], [(float("nan"), solutions[-1].value)])
        f = done[-1][1]
        try:
            left = path.end(f)
        except ValueError:  # a population, which has no exact risk
            left = np.asarray(np.nan)
        total = in_sequence(solutions)
        return _with_path(changed(total, value=f, risk=left, result=RESULTS.not_zero), done)

    def _in_equal_steps(self, path: "_Path", task: Task) -> Solution:
        theta, rest = eqx.partition(task.f, task.trainable)
        solved = lambda theta, risk: solution_of(
            self.solver, task._replace(f=eqx.combine(theta, rest), risk=risk)
        )

        def step(theta: PyTree, t: Array) -> tuple[PyTree, Array]:
            solution = solved(theta, path.risk(t))
            moved = eqx.filter(solution.value, task.trainable)
            return jax.lax.stop_gradient(moved), jnp.asarray(solution.stats["steps"])

        times = jnp.arange(self.steps) / self.steps
        theta, counts = jax.lax.scan(step, theta, times)
        end = solved(theta, task.risk)
        steps = end.stats["steps"] + jnp.sum(counts)
        path_times = jnp.append(times, jnp.ones((), times.dtype))
        reached = jnp.where(end.failed, jnp.nan, 1.0)
        stats = {**end.stats, "steps": steps, "reached": reached, "path": path_times}
        return changed(end, stats=stats)


class _Path(NamedTuple):
    """The risks between two of one structure."""

    begin: AbstractRisk
    end: AbstractRisk

    def risk(self, t: Any) -> AbstractRisk:
        """R_t: the end itself for t = 1, and between the two elsewhere."""
        if not is_traced(t) and t >= 1.0:
            return self.end
        terms = []
        for a, b in zip(self.begin.terms, self.end.terms, strict=True):
            parts = jax.tree.map(lambda x, y: _between(x, y, t), _numbers(a), _numbers(b))
            terms.append(changed(b, **parts))
        return rebuilt(self.end, terms)


def _numbers(term: Risk) -> dict[str, Any]:
    """What may differ between two risks of one structure."""
    names = ("args", "distribution", "shock", "multiplier")
    return {name: getattr(term, name) for name in names}


def _between(x: Any, y: Any, t: Any) -> Any:
    if not _is_floating(y) or x is y:
        return y
    xp = jnp if is_traced((x, y, t)) or isinstance(y, jax.Array) else np
    x, t = xp.asarray(x, y.dtype), xp.asarray(t, y.dtype)
    return (1 - t) * x + t * y


def _is_floating(x: Any) -> bool:
    return isinstance(x, jax.Array | np.ndarray | np.generic) and jnp.issubdtype(
        x.dtype, jnp.floating
    )


def _checked_path(begin: AbstractRisk, end: AbstractRisk) -> _Path:
    """The path between two risks.

    **Raises:** `ValueError` unless they differ in the values of floating-point arrays alone.
    """
    if len(begin.terms) != len(end.terms):
        raise ValueError(
            f"`begin` has {len(begin.terms)} terms and the risk to be solved {len(end.terms)}: "
            "give both the same terms, with a multiplier of 0 (`0.0 * risk`) where one is missing"
        )
    for a, b in zip(begin.terms, end.terms, strict=True):
        if not _same_function((a.residual, a.loss), (b.residual, b.loss)):
            raise ValueError(
                f"`begin` has another residual than the risk to be solved (`{a.name}` and "
                f"`{b.name}`), and only numbers can be moved from the one to the other: pass what "
                "differs through `args`, for example `fe.Risk(residual, p, args=(sigma,))`"
            )
        for name, x, y in zip(_numbers(a), _numbers(a).values(), _numbers(b).values(), strict=True):
            _check_part(name, b.name, x, y)
    return _Path(begin, end)


def _check_part(name: str, term: str, x: Any, y: Any) -> None:
    shapes = [[np.shape(leaf) for leaf in arrays_of(part)] for part in (x, y)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"`begin` has arrays of the shapes {shapes[0]} in the {name} of `{term}`, and the risk "
            f"to be solved {shapes[1]}: draw both with the same number of points"
        )
    if not _same_function(x, y):
        raise ValueError(
            f"`begin` and the risk to be solved differ in the {name} of `{term}` by more than the "
            "values of arrays: build both by the same function, with other numbers"
        )
    for a, b in zip(arrays_of(x), arrays_of(y), strict=True):
        if not _is_floating(b) and not (a is b or (not is_traced((a, b)) and np.array_equal(a, b))):
            raise ValueError(
                f"`begin` and the risk to be solved differ in integers, in the {name} of "
                f"`{term}`, between which there is no path"
            )


def _same_function(x: Any, y: Any) -> bool:
    """Whether two trees compute the same from the arrays in them."""
    if jax.tree.structure(x) != jax.tree.structure(y):
        return False
    pairs = zip(jax.tree.leaves(x), jax.tree.leaves(y), strict=True)
    others = [(a, b) for a, b in pairs if not arrays_of(a)]
    return all(a is b for a, b in others) or alike([a for a, _ in others], [b for _, b in others])


def _predicted(done: list[tuple[float, Hypothesis]], t: float, given: Hypothesis) -> Hypothesis:
    """f on the secant through the last two solutions, at t, in bases as free as those of `given`;
    the last one where there is but one, or where the two have other bases."""
    (first_t, first), (last_t, last) = ((t, released(f, given)) for t, f in (done[0], done[-1]))
    if len(done) < 2 or not _in_one_space(first, last):
        return last
    ratio = (t - last_t) / (last_t - first_t)

    def extrapolated(a: Any, b: Any) -> Any:
        return b + np.asarray(ratio, b.dtype) * (b - a) if eqx.is_inexact_array(b) else b

    return jax.tree.map(extrapolated, first, last)


def _in_one_space(first: Hypothesis, last: Hypothesis) -> bool:
    """Whether two functions have the same bases, pieces of elements and splines included."""
    pieces = [[basis.pieces for basis in in_pieces(f)] for f in (first, last)]
    same = jax.tree.structure(first) == jax.tree.structure(last)
    return same and all(map(np.array_equal, *pieces))


def _with_path(solution: Solution, done: list[tuple[float, Hypothesis]]) -> Solution:
    path = np.asarray([t for t, _ in done])
    return changed(solution, stats={**solution.stats, "reached": path[-1], "path": path})
