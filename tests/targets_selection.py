"""What selection must reach: the one solution that is meant, where the equations have many."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, Line, solver_of, warm
from references_selection import saddle_path

from fesolve import problems


def ahead(f, exact, points):
    """|f / exact - 1| at points."""
    return np.abs(np.asarray(jax.vmap(f)(jnp.asarray(points))) / np.asarray(exact) - 1)


def seeds(problem, compare, count):
    """The worst of each error over networks from `count` seeds."""
    return np.max(
        [compare(problem.solve("mlp", key=jr.key(s)).value) for s in range(count)], axis=0
    )


def sequential_asset_pricing(timed=True, count=20):
    problem, dates = problems.sequential_asset_pricing(), jnp.arange(50.0)

    def compare(p):
        errors = ahead(p, problem.exact(dates), dates)
        return errors[:30].max(), errors.max()

    worst, series = seeds(problem, compare, count), compare(problem.solve().value)
    spent = []
    if timed:
        spent = [Figure(warm(lambda s: solver_of(problem, "mlp", seed=s), range(4)), np.inf, "s")]
    return [
        Line(
            f"sequential_asset_pricing, MLP, {count} seeds: t <= 29, t <= 49",
            [Figure(float(worst[0]), 1e-4), Figure(float(worst[1]), 1e-2)],
            spent,
        ),
        Line(
            "sequential_asset_pricing, Chebyshev: t <= 29, t <= 49",
            [Figure(float(series[0]), 1e-5), Figure(float(series[1]), 1e-4)],
        ),
    ]


def asset_pricing(timed=True):
    lines, points = [], jnp.linspace(0.0, 50.0, 100)
    for kind, target in (("kernel", 1e-3), ("chebyshev", 1e-6), ("bounded", 1e-8)):
        problem = problems.asset_pricing()
        mu = problem.solve(kind).value
        times = []
        errors = [Figure(float(ahead(mu, problem.exact(points), points).max()), target)]
        if kind == "kernel":
            errors.append(Figure(abs(float(mu(0.0)) - 0.699497563627038), 1e-10))
        if timed:
            prices = lambda r, kind=kind: solver_of(problems.asset_pricing(r=r), kind)
            times = [Figure(warm(prices, (0.1, 0.101, 0.102, 0.103)), np.inf, "s")]
        lines.append(Line(f"asset_pricing, {kind}", errors, times))
    return lines


def growth_path(timed=True):
    lines, points = [], np.linspace(0.0, 50.0, 100)
    k, c = saddle_path(points)
    for kind, targets in (
        ("kernel", (4.39e-4, 3.05e-4)),
        ("chebyshev", (1e-5, 1e-5)),
        ("bounded", (1e-8, 1e-8)),
    ):
        f = problems.growth_path().solve(kind).value
        times = []
        measure = np.mean if kind == "kernel" else np.max
        found = [measure(ahead(f.k, k, points)), measure(ahead(f.c, c, points))]
        errors = [Figure(float(v), target) for v, target in zip(found, targets, strict=True)]
        if timed:
            paths = lambda k0, kind=kind: solver_of(problems.growth_path(k0=k0), kind)
            times = [Figure(warm(paths, (1.0, 1.01, 1.02, 1.03)), np.inf, "s")]
        lines.append(Line(f"growth_path, {kind}", errors, times))
    return lines


def sequential_growth(timed=True, count=5):
    problem, dates = problems.sequential_growth(), jnp.arange(51.0)
    known = {1: 0.6204123788, 5: 1.3165808967, 10: 1.7344181853, 29: 1.9788776937}

    def compare(f):
        path = np.asarray(jax.vmap(f.k)(dates))
        near = max(abs(path[t] / value - 1) for t, value in known.items())
        return near, abs(path[50] / 1.9840448288 - 1)

    series, worst = compare(problem.solve().value), seeds(problem, compare, count)
    spent = []
    if timed:
        spent = [Figure(warm(lambda s: solver_of(problem, "mlp", seed=s), range(4)), np.inf, "s")]
    return [
        Line(
            "sequential_growth, Chebyshev: t <= 29, t = 50",
            [Figure(float(series[0]), 1e-6), Figure(float(series[1]), 1e-3)],
        ),
        Line(
            f"sequential_growth, MLP, {count} seeds: t <= 29, t = 50",
            [Figure(float(worst[0]), 1e-4), Figure(float(worst[1]), 1e-2)],
            spent,
        ),
    ]


def skiba_growth(timed=True, count=70):
    """Paths that end at another steady state than the value function says; it changes its mind
    at k = 2.1458, where the values along both stable arms are equal."""
    wrong = 0
    for k0 in np.linspace(0.5, 4.0, count):
        problem = problems.skiba_growth(k0=float(k0))
        ends = problem.solve("kernel", throw=False).value.k(problem.parameters.horizon)
        better = problem.parameters.steady_states()[0][int(k0 > 2.1458)]
        wrong += int(not abs(float(ends) / better - 1) < 0.05)
    return [Line(f"skiba_growth, {count} starts", [Figure(wrong, 0, "wrong")])]


ROWS = {
    row.__name__: row
    for row in (
        sequential_asset_pricing,
        asset_pricing,
        growth_path,
        sequential_growth,
        skiba_growth,
    )
}
LONG = set(ROWS)
