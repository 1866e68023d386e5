"""Targets of Hamilton-Jacobi-Bellman equations: errors, and times where they are counted."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, from_nothing, Line, near, solver_of, uniform, warm
from references_hjb import saddle_policy

from fesolve import problems


def relative_l2(problem, f, name="consumption"):
    points = uniform(problem)
    truth = jax.vmap(problem.exact[name])(points)
    return float(
        jnp.linalg.norm(jax.vmap(getattr(f, name))(points) - truth) / jnp.linalg.norm(truth)
    )


def off_the_saddle_path(problem, f):
    """max |c / c_reference - 1| at 21 values of capital."""
    m = problem.parameters
    k = m.k_steady * np.linspace(m.k_low, m.k_high, 21)
    k = k[np.abs(k / m.k_steady - 1) > 1e-3]
    exact = saddle_policy(k, gamma=m.gamma, alpha=m.alpha, delta=m.delta, rho=m.rho, A=m.A)
    return float(np.max(np.abs(np.asarray(jax.vmap(f.consumption)(k)) / exact - 1)))


def cake_eating_hjb(timed=True):
    problem = lambda rho: problems.cake_eating_hjb(rho=float(rho))
    error = relative_l2(problem(0.05), solver_of(problem(0.05))().value)
    times = (
        [Figure(warm(lambda v: solver_of(problem(v)), near(0.05)), np.inf, "s")] if timed else []
    )
    return [Line("cake_eating_hjb, consumption", [Figure(error, 1e-12)], times)]


def growth_hjb(timed=True):
    lines = []
    for unknown, target in (("policy", 1e-9), ("value", 1e-7)):
        problem = lambda rho, u=unknown: problems.growth_hjb(rho=float(rho), unknown=u)
        error = off_the_saddle_path(problem(0.05), solver_of(problem(0.05))().value)
        values = near(0.05, 10)
        times = (
            [Figure(warm(lambda v: solver_of(problem(v)), values), np.inf, "s")] if timed else []
        )
        lines.append(Line(f"growth_hjb, {unknown}", [Figure(error, target)], times))
    return lines


def growth_hjb_unanchored(timed=True):
    """Seeds that are called solved and are wrong."""
    unsaid = 0
    problem = problems.growth_hjb(anchor=False)
    for seed in range(5):
        solution = problem.solve(key=jr.key(seed), throw=False)
        off = abs(float(solution.value.consumption(problem.parameters.k_steady)))
        wrong = abs(off / problem.parameters.c_steady - 1) > 1e-6
        unsaid += wrong and bool(solution.solved)
    return [Line("growth_hjb, no anchor", [Figure(unsaid, 0, "seeds of 5 wrong and unsaid")])]


def merton(timed=True):
    problem = problems.merton()
    f = solver_of(problem)().value
    errors = [Figure(relative_l2(problem, f, name), 1e-10, name) for name in problem.exact]
    return [Line("merton", errors)]


def networks(name, seeds, target, measure, timed):
    """A line a seed, the worst first."""
    lines = []
    for seed in range(seeds):
        problem = problems.catalogue[name]()
        solution, spent = from_nothing(solver_of(problem, "mlp", seed), timed)
        error = Figure(measure(problem, solution.value), target)
        lines.append(Line(f"{name}, MLP, seed {seed}", [error], [Figure(spent, np.inf, "s")]))
    return sorted(lines, key=lambda line: -line.errors[0].value)


def cake_eating_hjb_mlp(timed=True):
    return networks("cake_eating_hjb", 5, 1e-5, relative_l2, timed)


def growth_hjb_mlp(timed=True):
    return networks("growth_hjb", 5, 1e-9, off_the_saddle_path, timed)


def merton_mlp(timed=True):
    def worst(problem, f):
        return max(relative_l2(problem, f, name) for name in ("consumption", "portfolio"))

    return networks("merton", 5, 1e-5, worst, timed)


ROWS = {
    row.__name__: row
    for row in (
        cake_eating_hjb,
        growth_hjb,
        growth_hjb_unanchored,
        merton,
        cake_eating_hjb_mlp,
        growth_hjb_mlp,
        merton_mlp,
    )
}

LONG = {"growth_hjb_unanchored", "cake_eating_hjb_mlp", "growth_hjb_mlp", "merton_mlp"}
