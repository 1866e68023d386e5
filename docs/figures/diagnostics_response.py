"""How Brock and Mirman's economy answers a shock of one standard deviation."""

import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho, sigma = 0.36, 0.96, 0.8, 0.02
output = lambda x: jnp.exp(x[1]) * x[0] ** alpha
step = lambda f, x, e: jnp.stack([alpha * beta * output(x), rho * x[1] + e])
start = fe.Dirac(jnp.array([(alpha * beta) ** (1 / (1 - alpha)), 0.0]))
law = fe.Ergodic(step, start, fe.Normal(0.0, sigma), periods=140, burn_in=100)
quantities = lambda f, x: {
    "capital": 100 * jnp.log(x[0]),
    "consumption": 100 * jnp.log((1 - alpha * beta) * output(x)),
}
exact = jnp.asarray(alpha * beta)
found = fe.impulse_response(exact, law, sigma, of=quantities, paths=50, key=jr.key(0))
found.plot().set_ylabel("response, %")
