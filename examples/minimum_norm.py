# %% [markdown]
# # Selection by a minimum norm: a price without a bubble
#
# mu' = r mu - x prices the dividends x(t). Every mu + b e^(r t) satisfies it as well: the equation
# alone has bubbles, and the condition that excludes them stands at infinity. The solution of least
# norm is the one without, and a norm is a risk: here E[mu'(t)^2] on [0, 100]. A bubble of size b
# adds about b^2 e^(2 r 100) to it, so the longer the horizon, the less of a bubble is left.

# %%
import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
r, g, c, x0 = 0.1, -0.2, 0.02, 0.01


def dividend(t):
    return (x0 + c / g) * jnp.exp(g * t) - c / g


def costate(mu, t):
    return jax.grad(mu)(t) - r * mu(t) + dividend(t)


def slope(mu, t):
    return jax.grad(mu)(t)


horizon = fe.Uniform(0.0, 100.0)
series = fe.Series(fe.Chebyshev(40, (0.0, 100.0)))
risk = fe.Risk(costate, horizon).quadrature(50)

# %% [markdown]
# Least squares alone knows that something is missing.

# %%
try:
    fe.solve(risk, series)
except fe.SolveError as error:
    print(f"without a selection: {error}")

# %%
norm = fe.Risk(slope, horizon).quadrature(48)
mu = fe.solve(risk, series, fe.MinimumNorm(norm)).value


def exact(t):
    return (x0 + c / g) * jnp.exp(g * t) / (r - g) - c / (g * r)


t = jnp.linspace(0.0, 50.0, 1_001)
error = float(jnp.max(jnp.abs(jax.vmap(mu)(t) - exact(t))))
print(f"mu(0) = {float(mu(0.0)):.10f}, exactly 0.7; off by {error:.1e} at most on [0, 50]")

fe.plots.functions({"mu": mu}, horizon, exact={"mu": exact}, coordinates=("t",))

assert abs(float(mu(0.0)) - 0.7) < 1e-8
assert error < 1e-6
