"""The rows of the New Keynesian model."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from measuring import Figure, from_nothing, Line, solver_of, warm

import fesolve as fe
from fesolve import problems


def on_path(problem, f, key=None, periods=10_000):
    """The unit-free residuals of the equations of S, F and C on the simulated path, in the finer
    rule of 73 nodes, and whether the bound binds there; the other equations hold to rounding."""
    term = problem.shifted(f, jr.key(6))["path"].terms[0]
    path = term.population
    path = fe.Ergodic(path.step, path.initial, path.shock, periods=periods + 200, burn_in=200)
    states = path.given(f).sample(periods, key=jr.key(6) if key is None else key)

    def residual(x):
        left = fe.expectation(lambda e: term.residual(f, x, e), term.shock)
        return jnp.stack(jax.tree.leaves(left)), f.today(x).R

    # a block at a time: 730,000 quarters at once would not fit
    blocks = states.reshape(-1, 100, states.shape[-1])
    left, rates = jax.jit(lambda s: jax.lax.map(jax.vmap(residual), s))(blocks)
    bound = np.ravel(rates) <= 1.0 if problem.parameters.zlb else np.zeros(periods, bool)
    return np.abs(np.asarray(left)).reshape(periods, -1), bound


def errors(problem, f, key=None):
    """log10 of the mean and of the maximum of these."""
    sizes, _ = on_path(problem, f, key)
    return float(np.log10(sizes.mean())), float(np.log10(sizes.max()))


def line(label, mean, largest, limit, timed, degree=3, **parameters):
    problem = problems.new_keynesian(**parameters)
    solution, spent = from_nothing(solver_of(problem, degree=degree), timed)
    sizes, bound = on_path(problem, solution.value)
    figures = [
        Figure(float(np.log10(sizes.mean())), mean, "log10 mean"),
        Figure(float(np.log10(sizes.max())), largest, "log10 max"),
    ]
    if bound.any():  # the kink apart
        share = f"log10 max where the bound binds, {100 * bound.mean():.2g} % of quarters"
        figures.append(Figure(float(np.log10(sizes[bound].max())), np.inf, share))
        figures.append(Figure(float(np.log10(sizes[~bound].max())), np.inf, "log10 max elsewhere"))
    times = []
    if timed:
        again = warm(lambda k: solver_of(problem, start=1e-4 * k, degree=degree), range(4))
        times = [Figure(spent, limit, "s, from nothing"), Figure(again, np.inf, "s, warm")]
    return Line(label, figures, times)


def new_keynesian(timed=True):
    return [line("new_keynesian, degree 3", -5.5, -3.5, 60.0, timed)]


def new_keynesian_bound(timed=True):
    return [
        line("new_keynesian, bound, degree 3", np.inf, -2.5, np.inf, timed, zlb=True),
        line(
            "new_keynesian, bound, inflation target 1.5 %",
            np.inf,
            -2.5,
            np.inf,
            timed,
            zlb=True,
            pi_star=1.01495,
        ),
    ]


ROWS: dict[str, Callable[..., list[Line]]] = {
    row.__name__: row for row in (new_keynesian, new_keynesian_bound)
}
LONG = {"new_keynesian", "new_keynesian_bound"}
"""Rows that take more than a few seconds."""
