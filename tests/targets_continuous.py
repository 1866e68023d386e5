"""Rows of models in continuous time."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, from_nothing, Line, near, solver_of, uniform, warm
from references_continuous import clearing_rate, Household

from fesolve import problems


def farthest(f, exact, points):
    """max |f - exact|"""
    return float(np.max(np.abs(jax.vmap(f)(points) - jax.vmap(exact)(points))))


def perpetual_put(timed=True):
    lines = []
    for kind, boundary, value in (("chebyshev", 1e-13, 1e-13), ("spline", 1e-3, 1e-4)):
        solver = lambda r, kind=kind: solver_of(problems.perpetual_put(r=float(r)), kind)
        lines.append(put(kind, solver(0.05)().value, boundary, value))
        if timed:
            lines[-1].times = [Figure(warm(solver, near(0.05, 10)), np.inf, "s")]
    return lines


def put(what, f, boundary, value):
    problem = problems.perpetual_put()
    errors = [
        Figure(abs(float(f.boundary) - 5 / 7), boundary, "boundary"),
        Figure(farthest(f.value, problem.exact["value"], uniform(problem)), value, "value"),
    ]
    return Line(f"perpetual_put, {what}", errors)


def perpetual_put_mlp(timed=True):
    lines = []
    for seed in range(3):
        solution, spent = from_nothing(solver_of(problems.perpetual_put(), "mlp", seed), timed)
        lines.append(put(f"MLP, seed {seed}", solution.value, 1e-6, 1e-6))
        lines[-1].times = [Figure(spent, 30.0, "s")]
    return lines


def at_the_money(problem):
    axes = jnp.meshgrid(jnp.linspace(0.0, 1.0, 101), jnp.linspace(-1.0, 1.0, 101))
    return jnp.stack([axis.ravel() for axis in axes], axis=-1)


def black_scholes(timed=True):
    problem = problems.black_scholes()
    V = solver_of(problem)().value
    errors = [
        Figure(farthest(V, problem.exact, at_the_money(problem)), 1e-6, "price"),
        Figure(abs(float(V(jnp.asarray([1.0, 0.0]))) - 0.1045058357), 1e-6, "at the money"),
    ]
    times = []
    if timed:
        solver = lambda r: solver_of(problems.black_scholes(r=float(r)))
        times = [Figure(warm(solver, near(0.05, 6)), np.inf, "s")]
    return [Line("black_scholes, 11 x 25", errors, times)]


def black_scholes_mlp(timed=True):
    problem = problems.black_scholes()
    solution, spent = from_nothing(solver_of(problem, "mlp"), timed)
    error = farthest(solution.value, problem.exact, at_the_money(problem))
    return [Line("black_scholes, MLP", [Figure(error, 1e-4)], [Figure(spent, 120.0, "s")])]


def ornstein_uhlenbeck(timed=True):
    lines = []
    for kind, target in (("chebyshev", 1e-10), ("exponential", 1e-10), ("mlp", 1e-5)):
        problem = problems.ornstein_uhlenbeck()
        solution, spent = from_nothing(solver_of(problem, kind), timed)
        error = farthest(solution.value, problem.exact, uniform(problem))
        times = [Figure(spent, 30.0, "s")]
        lines.append(Line(f"ornstein_uhlenbeck, {kind}", [Figure(error, target)], times))
    return lines


def linear_quadratic(timed=True):
    problem = problems.linear_quadratic()
    solution, spent = from_nothing(solver_of(problem, "quadratic"), timed)
    lines = [regulator("quadratic functions", problem, solution.value, 1e-12)]
    lines[-1].times = [Figure(spent, 30.0, "s")]
    return lines


def linear_quadratic_mlp(timed=True):
    problem = problems.linear_quadratic()
    solution, spent = from_nothing(solver_of(problem, "mlp"), timed)
    lines = [regulator("convex network", problem, solution.value, 1e-3)]
    lines[-1].times = [Figure(spent, 600.0, "s")]
    return lines


def regulator(what, problem, V, target):
    x = problem.risk.terms[0].population.sample(1_000, key=jr.key(9))
    truth = np.asarray(jax.vmap(problem.exact)(x))
    error = float(np.max(np.abs(np.asarray(jax.vmap(V)(x)) / truth - 1)))
    return Line(f"linear_quadratic, d = 50, {what}", [Figure(error, target, "relative")])


PARAMETERS = dict(rho=0.05, gamma=2.0, z=(0.1, 0.2), switch=(0.02, 0.03), a_min=-0.02, a_max=2.0)


def households(timed=True):
    """Consumption at r = 0.03, against the limit of upwind differences, and with networks."""
    problem = problems.huggett(r=0.03)
    coarse, fine = (Household(n, 0.03, **PARAMETERS) for n in (2_001, 4_001))
    assets = fine.a[20:-400:20]
    values = [[np.interp(assets, h.a, row) for row in h.consumption] for h in (coarse, fine)]
    limit = 2 * np.asarray(values[1]) - np.asarray(values[0])
    lines = []
    for kind, target in (("chebyshev", 1e-5), ("mlp", 1e-3)):
        solution, spent = from_nothing(solver_of(problem, kind), timed)
        c = np.asarray(jax.vmap(solution.value.consumption)(jnp.asarray(assets))).T
        error = float(np.linalg.norm(c - limit) / np.linalg.norm(limit))
        figures = [Figure(error, target, "relative L2")]
        lines.append(Line(f"huggett, r = 0.03, {kind}", figures, [Figure(spent, 60.0, "s")]))
    return lines


def huggett(timed=True):
    """The rate that clears the market, against that of upwind differences."""
    solver = lambda r: solver_of(problems.huggett(rho=float(r)))
    f = solver(0.05)().value
    rates = [clearing_rate(n, -0.01, 0.005, **PARAMETERS | {"a_max": 0.2}) for n in (501, 1_001)]
    held = abs(float(jnp.sum(f.integral(lambda a: a))))
    errors = [
        Figure(abs(float(f.rate) - (2 * rates[1] - rates[0])), 2e-5, "rate"),
        Figure(held, 1e-9, "assets held"),
    ]
    times = []
    if timed:
        # the sparse solver of HACT takes 0.25 s with 1,000 points
        times = [Figure(warm(solver, near(0.05, 8)), 0.25, "s")]
    return [Line("huggett, stationary equilibrium", errors, times)]


LONG = {
    "perpetual_put",
    "perpetual_put_mlp",
    "black_scholes",
    "black_scholes_mlp",
    "ornstein_uhlenbeck",
    "linear_quadratic_mlp",
    "households",
    "huggett",
}
ROWS = {
    row.__name__: row
    for row in (
        perpetual_put,
        perpetual_put_mlp,
        black_scholes,
        black_scholes_mlp,
        ornstein_uhlenbeck,
        linear_quadratic,
        linear_quadratic_mlp,
        households,
        huggett,
    )
}
