"""The error of f against the degree, in float32 and in float64."""

import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


x = np.linspace(0.0, 2.0, 1_001)
risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), fe.Uniform(0.0, 2.0))
risk = risk + fe.Risk(lambda f, x: f(x) - 1, fe.Dirac(0.0))
curves = {}
for bits, dtype in (("float32", jnp.float32), ("float64", jnp.float64)):
    with jax.enable_x64(bits == "float64"):
        curve = curves[bits] = {}
        for degree in (2, 5, 8, 11, 14, 17):
            series = fe.Series(fe.Chebyshev(degree, (0.0, 2.0)), dtype=dtype)
            f = fe.solve(risk.quadrature(24), series, throw=False).value
            values = np.asarray(jax.vmap(f)(jnp.asarray(x, dtype)), np.float64)
            curve[degree] = float(np.max(np.abs(values - np.exp(-x))))
fe.plots.convergence(curves)
