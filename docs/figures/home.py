"""A polynomial of degree 3 that is a little wrong, and knows by how much."""

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
risk = fe.Risk(lambda f, x: jax.grad(f)(x) + 2 * f(x), fe.Uniform(0.0, 1.0))
risk = (risk + fe.Risk(lambda f, x: f(x) - 1, fe.Dirac(0.0))).quadrature(16)
f = fe.solve(risk, fe.Series(fe.Chebyshev(2, (0.0, 1.0))), throw=False).value
error = fe.error_estimate(risk, f)
fe.plots.functions(f, risk, error=error, exact=lambda x: jnp.exp(-2 * x))
