# %% [markdown]
# # A stochastic Euler equation, and why the expectation is an operator
#
# 1 = beta E[c / c' (1 - delta + alpha z' k'^(alpha - 1))]: growth with log utility and shocks to
# productivity. The residual at a point (k, log z) is an expectation over tomorrow's shock, so the
# risk is E_x[(E_e r)^2].

# %%
import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, delta, rho, sigma = 0.36, 0.99, 0.1, 0.9, 0.04
k_steady = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
low, high = jnp.array([0.9, -0.4]), jnp.array([12.0, 0.3])


def resources(k, z):
    return jnp.exp(z) * k**alpha + (1 - delta) * k


def growth(c, x, e):
    """One less what saving a unit brings on average, if this e is drawn."""
    k1 = resources(*x) - c(x)
    z1 = rho * x[1] + e
    gross = 1 - delta + alpha * jnp.exp(z1) * k1 ** (alpha - 1)
    return 1 - beta * c(x) / c(jnp.stack([k1, z1])) * gross


shock = fe.Normal(0.0, sigma)


def euler(c, x):
    return fe.expectation(lambda e: growth(c, x, e), shock.quadrature(7))


# %% [markdown]
# f is a share of resources between 0 and 1, a complete polynomial in (log k, log z). Its box is
# wider in z, since tomorrow's productivity leaves today's range.

# %%
basis = fe.Tensor(
    fe.Chebyshev(7, (jnp.log(low[0]), jnp.log(high[0]))),
    fe.Chebyshev(7, (-0.5, 0.4)),
    degree=7,
)
consumption = fe.Ansatz(
    lambda share, x: resources(*x) * jax.nn.sigmoid(share(jnp.stack([jnp.log(x[0]), x[1]]))),
    fe.Series(basis, start=-1.7),
)
states = fe.Uniform(low, high)
c = fe.solve(fe.Risk(euler, states).quadrature(12), consumption).value


# %% [markdown]
# It is tempting to draw points (x, e) together and to square `growth` itself. That is E[r^2], which
# is E[(E r)^2] plus the variance of r: its minimum is not zero, and not the solution either.


# %%
def together(c, point):
    return growth(c, point["x"], point["e"])


joint = fe.Product(x=states.quadrature(12), e=shock.quadrature(7)).quadrature(1)
biased = fe.solve(fe.Risk(together, joint, tolerance=jnp.inf), consumption).value

# %%
steady = jnp.array([k_steady, 0.0])
reference = float(resources(*steady)) - 6.3672328575  # degree 12, residual below 1e-11
error = float(c(steady)) / reference - 1
print(f"consumption at the steady state is off by {error:.1e}")

line = jnp.stack([jnp.linspace(1.0, 12.0, 100), jnp.zeros(100)], axis=1)
bias = jax.vmap(biased)(line) / jax.vmap(c)(line) - 1
print(
    f"with E[r^2] it is off by {float(bias.min()):+.1%} to {float(bias.max()):+.1%} along log z = 0"
)

policies = {"consumption": c, "with E[r^2]": biased}
fe.plots.functions(policies, states, coordinates=("k", "log z"))

assert abs(error) < 1e-6
assert float(bias.min()) < -0.02
