"""The map of Euler errors."""

import jax

import fesolve as fe


jax.config.update("jax_enable_x64", True)
problem = fe.problems.stochastic_growth()
f = problem.solve(degree=4).value
fe.plots.residuals(
    f,
    problem.risk.quadrature(50),
    label="log10 of the Euler error",
    coordinates=("capital", "log productivity"),
)
