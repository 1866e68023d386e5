"""Rows of models with many states, and of large networks."""

import resource

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import references_states as references
from measuring import Figure, from_nothing, Line, solver_of

import fesolve as fe
from fesolve import problems


def path_errors(problem, f):
    """Mean and maximum of log10 |r| of all equations on the path of f, by a finer rule."""
    risk = problem.shifted(f, jr.key(6))["path"]
    points = risk.terms[0].distribution.size
    sizes = np.abs(np.asarray(risk.residuals(f))) * np.sqrt(points)
    sizes = np.log10(np.maximum(sizes, 1e-17))
    return sizes.mean(), sizes.max()


def countries(count, kind, degree, targets, limit, timed, **parameters):
    problem = problems.multi_country(countries=count, **parameters)
    solution, spent = from_nothing(solver_of(problem, kind, degree=degree), timed)
    reached = path_errors(problem, solution.value)
    errors = [Figure(e, t, w) for e, t, w in zip(reached, targets, ("mean", "max"), strict=True)]
    bound = ", capital that stays" if parameters else ""
    work = f"multi_country, {count} countries{bound}, {kind} degree {degree}"
    return Line(work, errors, [Figure(spent, limit, "s")])


def multi_country(timed=True):
    return [
        countries(2, "chebyshev", 5, (-9.5, -8.0), 10.0, timed),
        countries(2, "symmetric", 4, (-8.5, -7.0), 10.0, timed),
        countries(2, "chebyshev", 5, (-5.8, -3.5), 10.0, timed, least_investment=0.0),
        countries(10, "symmetric", 3, (-7.0, -5.5), 600.0, timed),
    ]


def fifty_countries(timed=True):
    return [countries(50, "symmetric", 3, (-7.5, -6.0), 600.0, timed)]


def climate(timed=True):
    """Paths of 200 years and the social cost of carbon, against a direct nonlinear programme."""
    problem = problems.climate()
    solution, spent = from_nothing(solver_of(problem, "elements"), timed)
    f, (cost,) = solution.value, problem.references.values()
    found, price = references.best_climate(problem.parameters)
    years = jnp.arange(200.0)
    functions = problem.functions(f).items()
    paths = {name.partition(",")[0]: jax.vmap(g)(years) for name, g in functions}
    paths["k"] = jnp.exp(jax.vmap(f)(years)[:, 0])
    apart = {
        name: float(jnp.mean(jnp.abs(paths[name] - found[name][:200])))
        for name in ("k", "warming", "abatement")
    }
    errors = [Figure(error, 2e-5, f"mean error of {name}") for name, error in apart.items()]
    off = abs(float(cost.quantity(f)) / price - 1)
    errors.append(Figure(off, 1e-5, "social cost of carbon, relative"))
    return [Line("climate", errors, [Figure(spent, 60.0, "s")])]


def poisson_in_five_dimensions(timed=True):
    """A network of 8,769 weights, of which each step sees a batch."""
    d = 5
    exact = lambda x: jnp.sum(jnp.cos(jnp.pi * x))
    box = fe.Uniform([0.0] * d, [1.0] * d)
    inside = fe.Risk(lambda f, x: fe.laplacian(f)(x) + jnp.pi**2 * exact(x), box)
    risk = inside + 10.0 * fe.Risk(lambda f, x: f(x) - exact(x), box.boundary())
    f = fe.MLP(d, "scalar", width=64, depth=3, support=box.support, key=jr.key(0))
    solver = fe.LevenbergMarquardt(max_steps=160, accuracy=2e-4)
    run = lambda: fe.solve(risk, f, solver, key=jr.key(0), throw=False)
    solution, spent = from_nothing(run, timed)
    x = jr.uniform(jr.key(9), (4_000, d))
    truth, found = jax.vmap(exact)(x), jax.vmap(solution.value)(x)
    error = float(jnp.linalg.norm(found - truth) / jnp.linalg.norm(truth))
    return [Line("Poisson, d = 5, MLP", [Figure(error, 1.9e-4)], [Figure(spent, 20.0, "s")])]


def ten_thousand_firms(timed=True):
    """As many states; the policy is known in closed form."""
    lines = []
    for kind, points, target in (("chebyshev", 64, 1e-12), ("deep_set", 256, 1e-4)):
        problem = problems.symmetric_investment(firms=10_000)
        solve = lambda p=problem, kind=kind, points=points: p.solve(kind, points=points)
        solution, spent = from_nothing(solve, timed)
        states = problem.risk.empirical(8, key=jr.key(7)).terms[0].distribution.points
        truth = jax.vmap(problem.exact)(states)
        error = float(jnp.max(jnp.abs(jax.vmap(solution.value)(states) / truth - 1)))
        times = [Figure(spent, 300.0, "s")]
        # the peak of all that this process has done so far
        gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        sizes = [Figure(gigabytes, 4.0, "GB")] if timed else []
        name = f"symmetric_investment, N = 10,000, {kind}"
        lines.append(Line(name, [Figure(error, target), *sizes], times))
    return lines


ROWS = {
    "ten_thousand_firms": ten_thousand_firms,
    "multi_country": multi_country,
    "fifty_countries": fifty_countries,
    "climate": climate,
    "poisson_in_five_dimensions": poisson_in_five_dimensions,
}
LONG = set(ROWS)
