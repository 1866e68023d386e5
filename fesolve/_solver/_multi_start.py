"""Several starts, and whether they end at one function."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray, PyTree

from .._checks import positive, takes, whole
from .._hypothesis import Ensemble
from .._least_squares._trainable import same_leaves
from .._risk import AbstractRisk
from .._types import Hypothesis, HypothesisClass, is_traced, is_tracing
from ._agreement import check_comparable, points_of, spread_of, values_of
from ._base import (
    AbstractOuterSolver,
    AbstractSolver,
    ended,
    Interrupted,
    require_key,
    require_solver,
    RESULTS,
    Solution,
)
from ._levenberg_marquardt import LevenbergMarquardt
from ._run import solution_of
from ._sequential import in_sequence, later


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
    - `agreement`: the spread up to which solutions are one.
    - `keep`: the value is the `fe.Ensemble` of all starts that solve, or that hold the equations
      where none does, and that they disagree is no failure: their spread is what is asked for.

    **Raises:** `ValueError` without a `key`; where `hypothesis_class` draws other shapes than
    those of f, or the same member for every key; where it is not known what should agree.
    """

    hypothesis_class: HypothesisClass
    solver: AbstractSolver
    starts: int
    compare: Callable | None
    agreement: float
    keep: bool

    def __init__(
        self,
        hypothesis_class: Any,
        solver: Any = None,
        *,
        starts: int = 8,
        compare: Any = None,
        agreement: float = 1e-3,
        keep: bool = False,
    ) -> None:
        if not callable(hypothesis_class) or isinstance(hypothesis_class, AbstractSolver):
            raise ValueError(
                "`hypothesis_class` must be a function `key -> f` that draws a start; got "
                f"{hypothesis_class!r}"
            )
        takes(hypothesis_class, "hypothesis_class", ["key"], "it is `key -> f`")
        solver = LevenbergMarquardt() if solver is None else require_solver(solver)
        whole(starts, "starts")
        if compare is not None and not callable(compare):
            raise ValueError(f"`compare` must be a function `compare(f, x)`; got {compare!r}")
        positive(agreement, "agreement")
        self.hypothesis_class = hypothesis_class
        self.solver = solver
        self.starts = int(starts)
        self.compare = compare
        self.agreement = float(agreement)
        self.keep = bool(keep)

    def minimise(
        self,
        risk: AbstractRisk,
        f: Hypothesis,
        trainable: PyTree[bool],
        *,
        key: PRNGKeyArray | None,
        monitors: tuple,
    ) -> Solution:
        key = require_key(key, "`fe.MultiStart` draws starts")
        for_starts, for_solver, for_points = jr.split(key, 3)
        traced = is_traced((risk, f, key)) or is_tracing()
        if traced and self.keep:
            raise ValueError(
                "`keep=True` keeps the starts that solve, whose number is not known inside jit, "
                "vmap or grad: solve outside, or map over starts and make an `fe.Ensemble` of what "
                "comes out"
            )
        drawn = [self._draw(f, trainable, one) for one in jr.split(for_starts, self.starts)]
        if not traced:
            _check_different([f, *drawn] if self.starts == 1 else drawn, trainable)
        keys = jr.split(for_solver, 1 + self.starts)
        shape = jax.eval_shape(lambda k: points_of(risk, f, k), for_points)
        check_comparable(self.compare, f, shape)
        at_once = traced or (jax.default_backend() != "cpu" and not monitors)
        solve = self._at_once if at_once else self._one_by_one
        return solve(risk, [f, *drawn], trainable, keys, for_points, monitors)

    def _draw(self, f: Hypothesis, trainable: PyTree[bool], key: PRNGKeyArray) -> Hypothesis:
        """f with the trained leaves of a member of the class."""
        old, structure = jax.tree.flatten(f)
        marks, new = jax.tree.leaves(trainable), jax.tree.leaves(self.hypothesis_class(key))
        trained = [pair for pair in zip(marks, old, new, strict=False) if pair[0]]
        if len(new) != len(old) or any(np.shape(a) != np.shape(b) for _, a, b in trained):
            raise ValueError(
                "`hypothesis_class` must draw members of the class of `f`, with leaves of the same "
                f"shapes; got {self.hypothesis_class!r}, whose member has other ones"
            )
        leaves = [
            jnp.asarray(b, a.dtype) if mark else a
            for mark, a, b in zip(marks, old, new, strict=True)
        ]
        return jax.tree.unflatten(structure, leaves)

    def _one_by_one(
        self,
        risk: AbstractRisk,
        starts: list[Hypothesis],
        trainable: PyTree[bool],
        keys: Any,
        for_points: PRNGKeyArray,
        monitors: tuple,
    ) -> Solution:
        solutions: list[Solution] = []
        try:
            for f, key in zip(starts, keys, strict=True):
                watching = later(monitors, solutions)
                mask = same_leaves(trainable, f)
                found = solution_of(self.solver, risk, f, mask, key=key, monitors=watching)
                solutions.append(found)
        except Interrupted as stopped:
            solutions.append(stopped.solution)
            raise Interrupted(self._best(risk, solutions, for_points)) from None
        return self._best(risk, solutions, for_points)

    def _best(
        self, risk: AbstractRisk, solutions: list[Solution], for_points: PRNGKeyArray
    ) -> Solution:
        ends = [bool(s.result == kind) for s in solutions for kind in _KINDS]
        risks = np.asarray([np.asarray(s.risk) for s in solutions])
        flags = np.asarray(ends).reshape(-1, len(_KINDS)).T
        accepted, peers, chosen = _ranked(risk, risks, flags, self.agreement)
        best = solutions[int(chosen)]
        points = points_of(risk, best.value, for_points)
        tables = [values_of(self.compare, s.value, points, for_points) for s in solutions]
        values = [np.stack([np.asarray(v) for v in each]) for each in zip(*tables, strict=True)]
        spread = spread_of(values, peers)
        apart = bool(_holds(best.result)) and bool(spread > self.agreement) and not self.keep
        total = in_sequence(solutions)
        stats = {
            **best.stats,
            "steps": total.stats["steps"],
            **_numbers(risks, spread, accepted, chosen),
        }
        result = RESULTS.disagree if apart else best.result
        value, risk_of = best.value, best.risk
        if self.keep:
            pool = _pool(accepted, peers)
            value = Ensemble([s.value for s, used in zip(solutions, pool, strict=True) if used])
            risk_of = risk(value)
        return Solution(value, risk_of, result, stats, total.history)

    def _at_once(
        self,
        risk: AbstractRisk,
        starts: list[Hypothesis],
        trainable: PyTree[bool],
        keys: Any,
        for_points: PRNGKeyArray,
        monitors: tuple,
    ) -> Solution:
        thetas = [eqx.partition(f, trainable)[0] for f in starts]
        theta = jax.tree.map(lambda *leaves: jnp.stack(leaves), *thetas)
        rest = eqx.partition(starts[0], trainable)[1]

        def one(theta: PyTree, key: PRNGKeyArray) -> Solution:
            f = eqx.combine(theta, rest)
            return solution_of(self.solver, risk, f, trainable, key=key, monitors=monitors)

        all_of_them = eqx.filter_vmap(one)(theta, keys)
        arrays, static = eqx.partition(all_of_them, eqx.is_array)
        flags = jnp.stack([jax.vmap(lambda r, k=k: r == k)(arrays.result) for k in _KINDS])
        risks = arrays.risk
        accepted, peers, chosen = _ranked(risk, risks, flags, self.agreement)
        best = eqx.combine(jax.tree.map(lambda leaf: leaf[chosen], arrays), static)
        points = points_of(risk, best.value, for_points)
        values = eqx.filter_vmap(
            lambda f: values_of(self.compare, eqx.combine(f, static.value), points, for_points)
        )(arrays.value)
        spread = jax.lax.stop_gradient(spread_of(values, peers))
        apart = _holds(best.result) & (spread > self.agreement) & (not self.keep)
        stats = {
            **best.stats,
            "steps": jnp.sum(arrays.stats["steps"]),
            **_numbers(risks, spread, accepted, chosen),
        }
        result = RESULTS.where(apart, RESULTS.disagree, best.result)
        value, risk_of = best.value, best.risk
        if self.keep:
            pool = np.flatnonzero(_pool(np.asarray(accepted), np.asarray(peers)))
            chosen_ones = [jax.tree.map(lambda x, i=i: x[i], arrays.value) for i in pool]
            value = Ensemble([eqx.combine(one, static.value) for one in chosen_ones])
            risk_of = risk(value)
        return Solution(value, risk_of, result, stats, best.history)


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


def _ranked(risk: AbstractRisk, risks: Any, flags: Any, agreement: float) -> tuple[Any, Any, Any]:
    """Which starts solve, which are to be compared, and which is the best: that of the least risk
    among those that solve, else among those that hold the equations, else among all."""
    xp = np if isinstance(risks, np.ndarray) else jnp
    accepted, holding = flags[:-2].any(axis=0), flags.any(axis=0)
    pool = xp.where(accepted.any(), accepted, xp.where(holding.any(), holding, True))
    ranks = xp.where(pool & xp.isfinite(risks), risks, xp.inf)
    chosen = xp.argmin(ranks)
    if any(term.tolerance is not None and np.isinf(term.tolerance) for term in risk.terms):
        holding = holding & (risks <= (1 + agreement) * ranks[chosen])
    return accepted, holding, chosen


def _pool(accepted: np.ndarray, peers: np.ndarray) -> np.ndarray:
    """The starts that are kept: those that solve, else those that hold the equations, else all."""
    if accepted.any():
        return accepted
    return peers if peers.any() else np.ones_like(peers)


def _numbers(risks: Any, spread: Any, accepted: Any, chosen: Any) -> dict[str, Any]:
    count = accepted.sum()
    return {"risks": risks, "spread": spread, "starts_solved": count, "chosen": chosen}


def _check_different(starts: list[Hypothesis], trainable: PyTree[bool]) -> None:
    first, other = (jax.tree.leaves(eqx.filter(f, trainable)) for f in (starts[0], starts[-1]))
    if all(np.array_equal(a, b) for a, b in zip(first, other, strict=True)):
        raise ValueError(
            "`hypothesis_class` drew the same f for two different keys, and starts that do not "
            "differ cannot disagree: draw the parameters, for example the coefficients of a "
            "series, with the key"
        )
