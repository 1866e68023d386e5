"""Rows of models with many agents, and of constraints by construction."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, from_nothing, Line, solver_of

import fesolve as fe
from fesolve import problems


def on_path_of(problem, f, seed=6):
    """States that f leads to, and |residuals| there with other draws and a finer rule, one column
    an equation."""
    risk = problem.shifted(f, jr.key(seed))["path"]
    points = risk.terms[0].distribution.points
    count = len(jax.tree.leaves(points)[0])
    return points, np.abs(np.asarray(risk.residuals(f))).reshape(count, -1) * np.sqrt(count)


def policy_error(problem, f, points):
    """max |f - exact| / max |exact| at the points."""
    truth = np.asarray(jax.vmap(problem.exact)(points))
    return float(np.max(np.abs(jax.vmap(f)(points) - truth)) / np.max(np.abs(truth)))


def firms(count, kind, target, limit, timed, elsewhere=None, seed=0):
    problem = problems.symmetric_investment(firms=count)
    solution, spent = from_nothing(solver_of(problem, kind, seed), timed)
    f = solution.value
    errors = [Figure(policy_error(problem, f, on_path_of(problem, f)[0]), target)]
    if elsewhere:
        many = problems.symmetric_investment(firms=elsewhere)
        points = on_path_of(many, f)[0]
        errors.append(Figure(policy_error(many, f, points), target, f"with {elsewhere} firms"))
    name = {"chebyshev": "series in the mean", "deep_set": f"deep set, seed {seed}"}[kind]
    return Line(f"symmetric_investment, N = {count}, {name}", errors, [Figure(spent, limit, "s")])


def symmetric_investment(timed=True):
    return [firms(count, "chebyshev", 1e-13, 20.0, timed) for count in (16, 128)]


def symmetric_investment_deep_set(timed=True):
    lines = [firms(16, "deep_set", 1e-4, 60.0, timed, seed=seed) for seed in range(3)]
    return [*lines, firms(128, "deep_set", 1e-4, 60.0, timed, elsewhere=1_000)]


def symmetric_investment_curved(timed=True):
    """Without a closed form: two classes of hypotheses, and each on its own path."""
    problem = problems.symmetric_investment(nu=1.5)
    series, spent = from_nothing(solver_of(problem, "chebyshev"), timed)
    deep = solver_of(problem, "deep_set")().value
    points, errors = on_path_of(problem, series.value)
    values, others = (np.asarray(jax.vmap(f)(points)) for f in (series.value, deep))
    apart = np.max(np.abs(values - others)) / np.max(np.abs(values))
    return [
        Line(
            "symmetric_investment, nu = 1.5, series in two moments",
            [
                Figure(errors.mean(), 1e-5, "mean Euler error"),
                Figure(apart, 1e-4, "from the deep set"),
            ],
            [Figure(spent, 60.0, "s")],
        )
    ]


def overlapping_generations(timed=True):
    """A line a class, each with its largest error of a savings rate and Euler errors."""
    problem = problems.overlapping_generations()
    rates = problem.parameters.savings_rates()
    lines = []
    for kind, target in (("chebyshev", 1e-13), ("mlp", 1e-6)):
        solution, spent = from_nothing(solver_of(problem, kind), timed)
        points, errors = on_path_of(problem, solution.value)
        off = float(jnp.max(jnp.abs(jax.vmap(solution.value.shares)(points) - rates[None])))
        means = [
            Figure(error, 10 * target, f"mean Euler error of generation {h + 1}")
            for h, error in enumerate(errors.mean(axis=0))
        ]
        times = [Figure(spent, 60.0, "s")]
        lines.append(Line(f"overlapping_generations, {kind}", [Figure(off, target), *means], times))
    return lines


def concave_network(timed=True):
    """log on [0.2, 2] by networks that are concave and rising for every theta."""
    lines = []
    x = jnp.linspace(0.2, 2.0, 1_001)
    for seed in range(3):
        f = fe.Concave(
            "scalar", width=16, depth=2, direction=1, support=(0.2, 2.0), key=jr.key(seed)
        )
        p, solver = fe.Uniform(0.2, 2.0).quadrature(100), fe.LevenbergMarquardt(max_steps=300)
        solution, spent = from_nothing(lambda f=f: fe.fit(f, jnp.log, p, solver), timed)
        error = float(jnp.max(jnp.abs(jax.vmap(solution.value)(x) - jnp.log(x))))
        times = [Figure(spent, 20.0, "s")]
        lines.append(Line(f"log x, concave network, seed {seed}", [Figure(error, 1e-6)], times))
    return lines


ROWS = {
    row.__name__: row
    for row in (
        symmetric_investment,
        symmetric_investment_deep_set,
        symmetric_investment_curved,
        overlapping_generations,
        concave_network,
    )
}

LONG = {
    "symmetric_investment",
    "symmetric_investment_deep_set",
    "symmetric_investment_curved",
    "overlapping_generations",
    "concave_network",
}
