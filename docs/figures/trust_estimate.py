"""The estimate and the truth, degree by degree, on the logistic curve."""

import jax
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
problem = fe.problems.logistic()
x = np.linspace(0.0, 5.0, 1_001)
true = np.asarray(jax.vmap(problem.exact)(x))
curves = {"estimated": {}, "true": {}}
for degree in (6, 12, 18, 24, 30, 36):
    solution = problem.solve(degree=degree, throw=False)
    off = np.asarray(jax.vmap(solution.value)(x)) - true
    estimate = fe.error_estimate(problem.risk, solution.value)
    curves["estimated"][degree] = float(estimate.relative)
    curves["true"][degree] = float(np.linalg.norm(off) / np.linalg.norm(true))
ax = fe.plots.convergence(curves, asked=1e-3)
ax.set_ylabel("relative error of f")
