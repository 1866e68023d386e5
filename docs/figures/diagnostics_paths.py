"""Two hundred economies that begin with little capital."""

import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho, sigma = 0.36, 0.96, 0.8, 0.02
output = lambda x: jnp.exp(x[1]) * x[0] ** alpha
step = lambda s, x, e: jnp.stack([s * output(x), rho * x[1] + e])
law = fe.Ergodic(step, fe.Dirac(jnp.array([0.08, 0.0])), fe.Normal(0.0, sigma), periods=40)
share = jnp.asarray(alpha * beta)
fe.plots.paths(share, law, of=lambda s, x: {"capital": x[0]}, key=jr.key(0))
