# %% [markdown]
# # One equation, several hypothesis classes
#
# The equation does not know what f is made of: any Equinox module will do. Here f'' = -f with
# f(0) = 0 and f'(0) = 1, whose solution is the sine, is solved by a Chebyshev series, by a network,
# and by a network that meets the initial conditions whatever its weights are.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def ode(f, x):
    return fe.derivative(f, 2)(x) + f(x)


def initial(f, x):
    return {"position": f(x), "speed": fe.derivative(f)(x) - 1.0}


end = 2 * jnp.pi
inside = fe.Risk(ode, fe.Uniform(0.0, end))
risk = inside + 10.0 * fe.Risk(initial, fe.Dirac(0.0))

# %% [markdown]
# A series is linear in its coefficients: two steps of Gauss and Newton.

# %%
series = fe.Series(fe.Chebyshev(24, (0.0, end)))

# %% [markdown]
# `fe.MLP` is an `eqx.nn.MLP` whose inputs are scaled from the support and whose hidden weights are
# wide, so that its last layer alone can hold smooth functions to many digits.

# %%
mlp = fe.MLP("scalar", "scalar", width=32, depth=2, support=(0.0, end), key=jr.key(0))

# %% [markdown]
# `fe.Ansatz` makes conditions hard: x + x^2 net(x) starts at 0 with slope 1. The equation inside is
# then the whole risk, and needs no multiplier.

# %%
hard = fe.Ansatz(lambda net, x: x + x**2 * net(x), mlp)

# %%
points = jnp.linspace(0.0, end, 1_001)


def error(f):
    return float(np.max(np.abs(np.asarray(jax.vmap(f)(points)) - np.sin(points))))


errors = {
    "series": error(fe.solve(risk.quadrature(32), series).value),
    "network": error(fe.solve(risk.quadrature(100), mlp).value),
    "hard conditions": error(fe.solve(inside.quadrature(100), hard).value),
}
for name, value in errors.items():
    print(f"{name:16} max |f - sin| = {value:.1e}")

fe.plots.coefficients(fe.solve(risk.quadrature(32), series).value)

assert errors["series"] < 1e-13
assert errors["network"] < 1e-10
assert errors["hard conditions"] < 1e-11
