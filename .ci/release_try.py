"""A first use in an environment that has nothing else: solve, judge, draw, look for types."""

from importlib.resources import files

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
risk = fe.Risk(lambda f, x: jax.grad(f)(x) + 2 * f(x), fe.Uniform(0.0, 1.0))
risk = risk + fe.Risk(lambda f, x: f(x) - 1, fe.Dirac(0.0))
solution = fe.solve(risk, fe.Series(fe.Chebyshev(None, (0.0, 1.0))))
test = risk.empirical(200, key=jax.random.key(0))
report = fe.RiskReport(solution, test=test, exact=lambda x: jnp.exp(-2 * x))
assert report.solved and report.errors[0].largest < 1e-12, report
assert fe.plots.functions(solution.value, test, error=report.error).get_xlabel() == "x"
assert (files("fesolve") / "py.typed").is_file()
