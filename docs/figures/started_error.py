"""The estimated error of f along x, and the true one."""

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
risk = fe.Risk(lambda f, x: jax.grad(f)(x) + 2 * f(x), fe.Uniform(0.0, 1.0))
risk = (risk + fe.Risk(lambda f, x: f(x) - 1, fe.Dirac(0.0))).quadrature(16)
f = fe.solve(risk, fe.Series(fe.Chebyshev(6, (0.0, 1.0)))).value
better = fe.error_estimate(risk, f).corrected
errors = {
    "estimated": lambda x: jnp.abs(better(x) - f(x)),
    "true": lambda x: jnp.abs(jnp.exp(-2 * x) - f(x)),
}
ax = fe.plots.functions(errors, risk)
ax.get_lines()[1].set_linestyle((0, (4, 4)))
ax.set_ylabel("error of f, of degree 6")
