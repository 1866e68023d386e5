"""Where the economy of Brock and Mirman is, how often."""

import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho = 0.36, 0.96, 0.8
k_steady = (alpha * beta) ** (1 / (1 - alpha))
step = lambda f, x, e: jnp.stack([f(x), rho * x[1] + e])
policy = lambda x: alpha * beta * jnp.exp(x[1]) * x[0] ** alpha
start, shock = fe.Dirac(jnp.array([k_steady, 0.0])), fe.Normal(0.0, 0.02)
ergodic = fe.Ergodic(step, start, shock, periods=600, burn_in=100)
fe.plots.density(policy, ergodic, of=lambda f, x: {"capital": x[0]}, key=jr.key(0))
