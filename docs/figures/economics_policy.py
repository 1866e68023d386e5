"""Tomorrow's capital against today's, in three states of productivity."""

import jax

import fesolve as fe


jax.config.update("jax_enable_x64", True)
problem = fe.problems.stochastic_growth()
f = problem.solve(degree=5).value
fe.plots.functions(
    {"capital tomorrow": f.next_capital},
    problem.risk.terms[0].distribution,
    coordinates=("capital today", "log productivity"),
    diagonal=True,
)
