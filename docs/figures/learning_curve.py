"""Bias and variance of polynomials on noisy samples of three sizes."""

import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
p = fe.Product(x=fe.Uniform(-1.0, 1.0), e=fe.Normal(0.0, 0.1))
risk = fe.Risk(lambda f, p: f(p["x"]) - jnp.sin(3 * p["x"]) - p["e"], p, tolerance=jnp.inf)
classes = {d: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (-1.0, 1.0)))) for d in range(1, 9)}
sine = lambda x: jnp.sin(3 * x)
settings = {"n": [12, 24, 48], "replications": 400, "exact": sine, "population": 4_000}
axes = fe.error_curve(risk, classes, key=jr.key(6), **settings).plot()
axes.set_ylim(1e-3, 3)
