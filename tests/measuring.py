"""How errors and times are measured; docs/benchmarks.md says how they are counted."""

import dataclasses
import statistics
import time
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


class Figure(NamedTuple):
    """A number that was measured, and what it should not exceed."""

    value: float
    target: float
    unit: str = ""

    @property
    def reached(self) -> bool:
        return bool(self.value <= self.target)


@dataclasses.dataclass
class Line:
    """One line of the table: what was solved, its errors, its times."""

    work: str
    errors: list[Figure]
    times: list[Figure] = dataclasses.field(default_factory=list)


# How things are measured.


def uniform(problem):
    """1,001 uniform points of an interval, or 101 x 101 of a box."""
    lower, upper = next(t.population for t in problem.risk.terms).support
    if np.ndim(lower) == 0:
        return jnp.linspace(lower, upper, 1_001)
    axes = [jnp.linspace(lo, hi, 101) for lo, hi in zip(lower, upper, strict=True)]
    return jnp.stack([axis.ravel() for axis in jnp.meshgrid(*axes)], axis=-1)


def against(problem, f, truth=None):
    """max |f - exact| / max |exact| there."""
    points = uniform(problem)
    truth = np.asarray(jax.vmap(problem.exact)(points) if truth is None else truth)
    return float(np.max(np.abs(jax.vmap(f)(points) - truth)) / np.max(np.abs(truth)))


def solver_of(problem, kind="chebyshev", seed=0, start=0.0, accuracy=None, **sizes):
    """`() -> Solution`: from the risk to the solution, f as it was drawn, or `start` away; the
    solver as it is chosen, or to an `accuracy`."""
    first, sample, draws = jr.split(jr.key(seed), 3)
    choice = problem.choice(kind, **sizes)
    solver = choice.solver
    if accuracy is not None:
        solver = eqx.tree_at(lambda s: s.accuracy, solver, accuracy)
    f = choice.hypothesis(first)
    if start:
        f = jax.tree.map(lambda leaf: leaf + start if eqx.is_inexact_array(leaf) else leaf, f)

    def solve():
        risk = choice.sample(problem.risk, choice.points, sample)
        return fe.solve(risk, f, solver, key=draws, throw=False)

    return solve


def seconds(function):
    """Seconds of one call, until its arrays are there."""
    begin = time.perf_counter()
    jax.block_until_ready(jax.tree.leaves(function()))
    return time.perf_counter() - begin


def warm(function, values):
    """Median seconds of `function(value)()`, prepared before, without the first, which compiles."""
    calls = [function(value) for value in values]
    return statistics.median([seconds(call) for call in calls][1:])


def ratio(first, second, rounds):
    """Median seconds of the first by those of the second, run in turn; the first round, which
    compiles, does not count. Each is called with the number of the round."""
    pairs = [(seconds(lambda: first(k)), seconds(lambda: second(k))) for k in range(rounds + 1)]
    return statistics.median(a for a, _ in pairs[1:]) / statistics.median(b for _, b in pairs[1:])


def near(value, count=25):
    """A value and its neighbours, all different."""
    return value * (1 + 1e-3 * np.arange(count))


def value_of(problem, where, at, **sizes):
    """A value of the solution, `at(f)`, as a function of an argument of the risk, `where(risk)`."""

    def value(argument):
        risk = eqx.tree_at(where, problem.risk, jnp.asarray(argument))
        return at(solver_of(dataclasses.replace(problem, risk=risk), **sizes)().value)

    return value


def curve(problem, kind, values, target, limit, timed, **sizes):
    """The line of a catalogue problem with a parameter: `problem(value)`."""
    error = against(problem(values[0]), solver_of(problem(values[0]), kind, **sizes)().value)
    if not timed:
        return [Figure(error, target)], []
    spent = warm(lambda value: solver_of(problem(value), kind, **sizes), values)
    return [Figure(error, target)], [Figure(spent, limit, "s")]


def from_nothing(solve, timed):
    """A solution, and its seconds with compilation."""
    if timed:
        jax.clear_caches()
    begin = time.perf_counter()
    solution = solve()
    return solution, time.perf_counter() - begin


def path_errors(problem, f, mean, largest):
    """log10 |Euler error| on the simulated path with 10 Gauss-Hermite nodes: mean and maximum."""
    risk = problem.shifted(f, jr.key(6))["path"]
    n = risk.terms[0].distribution.size
    sizes = np.abs(np.asarray(risk.residuals(f))) * np.sqrt(n)
    logs = np.log10(np.maximum(sizes, 1e-17))
    return [Figure(logs.mean(), mean, "mean log10"), Figure(logs.max(), largest, "max log10")]
