"""What the library must reach on dynamic programmes, as it is measured."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, Line, seconds, solver_of
from references_bellman import endogenous_grid

from fesolve import problems


def mccall_search(timed=True):
    """The reservation wage, and the value on both sides of the kink."""
    problem, lines = problems.mccall_search(), []
    wage = problem.references["reservation wage"]
    for kind in ("chebyshev", "value_iteration", "mlp"):
        solve = solver_of(problem, kind)
        f = solve().value
        w = jnp.linspace(0.0, 1.0, 1_001)
        off = np.abs(jax.vmap(f.value)(w) / jax.vmap(problem.exact["value"])(w) - 1)
        near = np.abs(np.asarray(w) - wage.value) < 0.05
        errors = [
            Figure(abs(float(wage.quantity(f)) - wage.value), 1e-6),
            Figure(float(off[~near].max()), 1e-6),
            Figure(float(off[near].max()), 1e-6, "at the kink"),
        ]
        times = [Figure(seconds(solve), 2.0, "s")] if timed else []
        lines.append(Line(f"McCall, {kind}", errors, times))
    return lines


def income_fluctuation(timed=True, kinds=("chebyshev", "spline")):
    """Consumption against the endogenous grid, where it is constrained and where it is not."""
    problem, lines = problems.income_fluctuation(), []
    exact, kink = endogenous_grid()
    a = np.linspace(0.05, 20.0, 1_001)
    test = problem.risk.empirical(10_000, key=jr.key(1))
    for kind in kinds:
        solve = solver_of(problem, kind)
        f = solve().value
        off = np.abs(np.asarray(jax.vmap(f)(jnp.asarray(a))) / exact(a) - 1)
        errors = [
            Figure(float(off.max()), 1e-3, "max"),
            Figure(float(off.mean()), 1e-4, "mean"),
            Figure(float(off[a < kink].max()), 1e-3, "constrained"),
            Figure(float(jnp.sqrt(test(f))), 1e-4, "Fischer-Burmeister"),
        ]
        times = [Figure(seconds(solve), 10.0, "s")] if timed else []
        lines.append(Line(f"Income fluctuation, {kind}", errors, times))
    return lines


def income_fluctuation_mlp(timed=True):
    """The same by a network."""
    return income_fluctuation(timed, kinds=("mlp",))


def search_and_matching(timed=True):
    """Tightness in good and bad times against a fixed point on splines."""
    problem, lines = problems.search_and_matching(), []
    for kind in ("chebyshev", "mlp"):
        solve = solver_of(problem, kind)
        f = solve().value
        off = [abs(float(r.quantity(f)) - r.value) for r in problem.references.values()]
        times = [Figure(seconds(solve), 10.0, "s")] if timed and kind == "chebyshev" else []
        lines.append(Line(f"Search and matching, {kind}", [Figure(max(off), 1e-4)], times))
    return lines


ROWS = {
    "mccall_search": mccall_search,
    "search_and_matching": search_and_matching,
    "income_fluctuation": income_fluctuation,
    "income_fluctuation_mlp": income_fluctuation_mlp,
}
LONG = {"mccall_search", "search_and_matching", "income_fluctuation", "income_fluctuation_mlp"}
