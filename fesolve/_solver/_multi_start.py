"""Several starts, and whether they end at one function."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from .._checks import function, hypothesis_class, positive, whole
from .._hypothesis import Ensemble
from .._judge._agreement import check_comparable, points_of, spread_of, values_of
from .._risk import AbstractRisk
from .._show import told
from .._solution import choose, ended, Interrupted, RESULTS, Solution
from .._types import changed, Hypothesis, HypothesisClass, still
from ._base import AbstractOuterSolver, AbstractSolver, require_key, Task
from ._levenberg_marquardt import or_default
from ._run import solution_of
from ._sequential import in_sequence, later


def _comparison(compare: Any) -> Callable | None:
    return None if compare is None else function(compare, "compare", "`compare(f, x)`")


class MultiStart(AbstractOuterSolver):
    """argmin over theta of R(f_theta) from several starts, which must end at the same function.

    A small residual does not say that an equation has one solution. Starts of equal risk that end
    at different functions do say that it has several, or that the sample leaves f open between
    its points: the result is then `disagree`, and which of them is meant is a matter of
    selection, by an anchor, a condition at infinity or a norm.

    ```python
    network = lambda key: fe.MLP("scalar", "scalar", width=16, depth=2, support=(0, 2), key=key)
    f = fe.solve(risk, network(key), fe.MultiStart(network), key=key).value
    ```

    Starts are the f that was given and `starts` members of the hypothesis class. The value is
    that of the least risk among those that solve. `stats` has, beside what the solver says of
    that one,

    - `risks`: the risk that each start reached, that of the given f first;
    - `spread`: max |f_i - f_j| / max |f| over all pairs of those that hold the equations; NaN
      where fewer than two do;
    - `starts_solved`: how many solve;
    - `chosen`: the index of the start whose f is the value;
    - `steps`: the sum over all starts.

    Where zero is not expected (`tolerance=inf`), those of a risk as small as the least are
    compared. A solver without a verdict of its own (`fe.Optax`) gets none here but the spread.

    Inside transformations, and on accelerators, all starts are solved at once by `vmap`; on a CPU
    one after the other by one compiled program. Nine starts of growth in continuous time took 1.6 s
    of a CPU so, compilation included, and 10.5 s at once (then 0.2 s and 0.06 s), and for networks
    6 s where the mapped program had not ended after a minute: it runs until its last lane is done,
    and the loop of the host solves more of the starts.

    **Arguments:**

    - `hypothesis_class`: H, as `key -> f`. What is not trained stays as in the f that was given.
    - `solver`: of each start; by default `LevenbergMarquardt()`.
    - `starts`: how many members are drawn.
    - `compare`: `compare(f, x)`, what should be the same for every start, compared on fresh
      points of the risk's first population, or on the sample where there is none. By default
      f(x); for an f that is no function of x, the series and networks inside it on their own
      domains, and the numbers.
    - `tolerance`: the spread, relative to f, up to which solutions are one.
    - `keep`: the value is the `fe.Ensemble` of all starts that solve, or that hold the equations
      where none does, and that they disagree is no failure: their spread is what is asked for.

    **Raises:** `ValueError` without a `key`; where `hypothesis_class` draws other shapes than
    those of f, or the same member for every key; where it is not known what should agree.
    """

    hypothesis_class: HypothesisClass = eqx.field(converter=hypothesis_class)
    solver: AbstractSolver = eqx.field(default=None, converter=or_default)
    starts: int = eqx.field(default=8, kw_only=True)
    compare: Callable | None = eqx.field(default=None, kw_only=True, converter=_comparison)
    tolerance: float = eqx.field(default=1e-3, kw_only=True)
    keep: bool = eqx.field(default=False, kw_only=True)

    def __check_init__(self) -> None:
        whole(self.starts, "starts")
        positive(self.tolerance, "tolerance")

    def minimise(self, task: Task) -> Solution:
        key = require_key(task.key, "`fe.MultiStart` draws starts")
        for_starts, for_solver, for_points = jr.split(key, 3)
        traced, f = task.traced, task.f
        if traced and self.keep:
            raise ValueError(
                "`keep=True` keeps the starts that solve, whose number is not known inside jit, "
                "vmap or grad: solve outside, or map over starts and make an `fe.Ensemble` of what "
                "comes out"
            )
        drawn = [self._draw(task, one) for one in jr.split(for_starts, self.starts)]
        if not traced:
            _check_different([f, *drawn] if self.starts == 1 else drawn, task.trainable)
        shape = jax.eval_shape(lambda k: points_of(task.risk, f, k), for_points)
        check_comparable(self.compare, f, shape)
        keys = jr.split(for_solver, 1 + self.starts)
        if traced or (jax.default_backend() != "cpu" and not task.monitors):
            return self._judged(task, for_points, _at_once(self.solver, task, [f, *drawn], keys))
        solutions: list[Solution] = []
        conclude = lambda: self._judged(task, for_points, _one_by_one(solutions))
        try:
            for start, one in zip([f, *drawn], keys, strict=True):
                now = task.at(start, key=one, monitors=later(task.monitors, solutions))
                solutions.append(solution_of(self.solver, now))
        except Interrupted as stopped:
            solutions.append(stopped.solution)
            raise Interrupted(conclude()) from None
        return conclude()

    def _draw(self, task: Task, key: PRNGKeyArray) -> Hypothesis:
        """f with the trained leaves of a member of the class."""
        old, structure = jax.tree.flatten(task.f)
        marks, new = jax.tree.leaves(task.trainable), jax.tree.leaves(self.hypothesis_class(key))
        trained = [pair for pair in zip(marks, old, new, strict=False) if pair[0]]
        if len(new) != len(old) or any(np.shape(a) != np.shape(b) for _, a, b in trained):
            raise ValueError(
                "`hypothesis_class` must draw members of the class of `f`, with leaves of the same "
                f"shapes; got {told(self.hypothesis_class)}, whose member has other ones"
            )
        leaves = [
            jnp.asarray(b, a.dtype) if mark else a
            for mark, a, b in zip(marks, old, new, strict=True)
        ]
        return jax.tree.unflatten(structure, leaves)

    def _judged(self, task: Task, key: PRNGKeyArray, ends: "_Ends") -> Solution:
        """The best of the ends, and whether those that hold the equations are one function."""
        risk, risks = task.risk, ends.risks
        accepted, peers, kept, chosen = _ranked(risk, risks, ends.flags, self.tolerance)
        best = ends.solution(chosen)
        points = points_of(risk, best.value, key)
        values = ends.tables(lambda f: values_of(self.compare, f, points, key))
        spread = still(spread_of(values, peers))
        apart = _holds(best.result) & (spread > self.tolerance) & (not self.keep)
        stats = {
            **best.stats,
            "steps": ends.steps,
            "risks": risks,
            "spread": spread,
            "starts_solved": accepted.sum(),
            "chosen": chosen,
        }
        result = choose(apart, RESULTS.disagree, best.result)
        found = Solution(best.value, best.risk, result, stats, ends.history(best))
        if not self.keep:
            return found
        value = Ensemble([ends.solution(i).value for i in np.flatnonzero(np.asarray(kept))])
        return changed(found, value=value, risk=risk(value))


class _Ends(NamedTuple):
    """Where the starts have ended, one after the other or all at once: the risk of each, which of
    `_KINDS` its result is, and all their steps; `solution(i)`; `tables(look)`, what `look` finds in
    each f, stacked; `history(best)`, what is told of the way."""

    risks: Any
    flags: Any
    steps: Any
    solution: Callable[[Any], Solution]
    tables: Callable[[Callable], list]
    history: Callable[[Solution], Any]


def _one_by_one(solutions: list[Solution]) -> _Ends:
    flags = np.asarray([[bool(s.result == kind) for s in solutions] for kind in _KINDS])
    risks, total = np.asarray([np.asarray(s.risk) for s in solutions]), in_sequence(solutions)

    def tables(look: Callable) -> list:
        found = zip(*[look(s.value) for s in solutions], strict=True)
        return [np.stack([np.asarray(value) for value in each]) for each in found]

    solution = lambda i: solutions[int(i)]
    return _Ends(risks, flags, total.stats["steps"], solution, tables, lambda _: total.history)


def _at_once(solver: AbstractSolver, task: Task, starts: list[Hypothesis], keys: Array) -> _Ends:
    thetas = [eqx.partition(f, task.trainable)[0] for f in starts]
    theta = jax.tree.map(lambda *leaves: jnp.stack(leaves), *thetas)
    rest = eqx.partition(starts[0], task.trainable)[1]
    one = lambda theta, key: solution_of(solver, task._replace(f=eqx.combine(theta, rest), key=key))
    every = eqx.filter_vmap(one)(theta, keys)
    arrays, static = eqx.partition(every, eqx.is_array)
    flags = jnp.stack([jax.vmap(lambda r, k=k: r == k)(arrays.result) for k in _KINDS])
    steps = jnp.sum(arrays.stats["steps"])
    solution = lambda i: eqx.combine(jax.tree.map(lambda leaf: leaf[i], arrays), static)
    tables = lambda look: eqx.filter_vmap(lambda f: look(eqx.combine(f, static.value)))(
        arrays.value
    )
    return _Ends(arrays.risk, flags, steps, solution, tables, lambda best: best.history)


_KINDS = (
    RESULTS.solved,
    RESULTS.on_sample,
    RESULTS.not_estimated,
    RESULTS.ran,
    RESULTS.not_unique,
    RESULTS.overfitted,
)


def _holds(result: Any) -> Any:
    """Whether the equations hold, on the sample at least, and are not known to leave f open."""
    kinds = (RESULTS.solved, RESULTS.on_sample, RESULTS.not_estimated, RESULTS.overfitted)
    return ended(result, *kinds)


def _ranked(
    risk: AbstractRisk, risks: Any, flags: Any, tolerance: float
) -> tuple[Any, Any, Any, Any]:
    """Which starts solve, which are to be compared, which are kept (those that solve, else those
    that hold the equations, else all), and which of these is the best, that of the least risk."""
    xp = np if isinstance(risks, np.ndarray) else jnp
    accepted, holding = flags[:-2].any(axis=0), flags.any(axis=0)
    pool = lambda: xp.where(accepted.any(), accepted, xp.where(holding.any(), holding, True))
    ranks = xp.where(pool() & xp.isfinite(risks), risks, xp.inf)
    chosen = xp.argmin(ranks)
    if any(term.tolerance is not None and np.isinf(term.tolerance) for term in risk.terms):
        holding = holding & (risks <= (1 + tolerance) * ranks[chosen])
    return accepted, holding, pool(), chosen


def _check_different(starts: list[Hypothesis], trainable: PyTree[bool]) -> None:
    first, other = (jax.tree.leaves(eqx.filter(f, trainable)) for f in (starts[0], starts[-1]))
    if all(np.array_equal(a, b) for a, b in zip(first, other, strict=True)):
        raise ValueError(
            "`hypothesis_class` drew the same f for two different keys, and starts that do not "
            "differ cannot disagree: draw the parameters, for example the coefficients of a "
            "series, with the key"
        )
