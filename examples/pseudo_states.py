# %% [markdown]
# # Parameters as states
#
# An equation with a parameter a, f' = -a f, is an equation in two variables: f(x, a), whose second
# state does not move. One solve then holds for all parameters, with derivatives in them. It pays
# where one wants many of them, as in an estimation.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)

x_box, a_box = (0.0, 2.0), (0.5, 1.5)


def ode(f, z):
    return jax.grad(f)(z)[0] + z[1] * f(z)


def start(f, z):
    return f(z) - 1.0


box = fe.Uniform([0.0, 0.5], [2.0, 1.5])
initial = fe.Product(fe.Dirac(0.0), fe.Uniform(*a_box))
risk = fe.Risk(ode, box) + fe.Risk(start, initial)
basis = fe.Tensor(fe.Chebyshev(14, x_box), fe.Chebyshev(9, a_box))
f = fe.solve(risk.quadrature(18), fe.Series(basis)).value

# %% [markdown]
# Against exp(-a x), and its derivative in a against -x exp(-a x), on states and parameters that the
# solve has not seen.

# %%
points = box.sample(2_000, key=jr.key(0))
x, a = points[:, 0], points[:, 1]
error = float(jnp.max(jnp.abs(jax.vmap(f)(points) - jnp.exp(-a * x))))
slopes = jax.vmap(jax.grad(f))(points)[:, 1]
slope_error = float(jnp.max(jnp.abs(slopes + x * jnp.exp(-a * x))))
print(f"error of f {error:.1e}, of its derivative in the parameter {slope_error:.1e}")

# %% [markdown]
# An estimation: which a has made these data? Each f(x, a) is an evaluation, and no solve.

# %%
true, sigma = 0.83, 0.01
at = jnp.linspace(0.1, 2.0, 40)
seen = jnp.exp(-true * at) + sigma * jr.normal(jr.key(1), at.shape)
misfit = lambda a, x, y: f(jnp.stack([x, a])) - y
data = fe.Risk(misfit, fe.Data(at, seen), tolerance=jnp.inf)
estimate = float(fe.solve(data, jnp.asarray(1.0)).value)
bar = sigma / float(jnp.sqrt(jnp.sum((at * jnp.exp(-true * at)) ** 2)))
print(f"a = {estimate:.4f}, with a standard error of {bar:.4f}; it was {true}")

exact = lambda x: jnp.exp(-x[1] * x[0])
fe.plots.functions(f, box, exact=exact, coordinates=("x", "a"))

assert error < 1e-9 and slope_error < 1e-7
assert abs(estimate - true) < 4 * bar
