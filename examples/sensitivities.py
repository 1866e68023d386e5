# %% [markdown]
# # Many calibrations at once, and sensitivities
#
# `solve` is a function like any other: `jax.vmap` maps it over parameters, and `jax.grad`
# differentiates through it by the implicit function theorem, at the price of one linear solve.
# What is mapped or differentiated comes in through `args`.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def equation(a):
    inside = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,))
    return inside + 10.0 * fe.Risk(initial, fe.Dirac(0.0))


series = fe.Series(fe.Chebyshev(16, (0.0, 1.0)))


def at_one(a):
    """f(1), where f' = a f and f(0) = 1: exp(a)."""
    return fe.solve(equation(a).quadrature(24), series).value(1.0)


# %% [markdown]
# A thousand solves in one compiled program.

# %%
rates = jnp.linspace(-3.0, 0.0, 1_000)
values = jax.jit(jax.vmap(at_one))(rates)
worst = float(jnp.max(jnp.abs(values - jnp.exp(rates))))
print(f"1,000 calibrations, the worst off by {worst:.1e}")

# %% [markdown]
# d f(1) / d a = exp(a), to compare with finite differences.

# %%
slope = float(jax.grad(at_one)(-2.0))
step = 1e-5
by_differences = float(at_one(-2.0 + step) - at_one(-2.0 - step)) / (2 * step)
print(f"gradient {slope:.12f}, finite differences {by_differences:.12f}, exact {np.exp(-2):.12f}")

fe.plots.functions(
    {"f(1)": at_one}, fe.Uniform(-3.0, 0.0), exact={"f(1)": jnp.exp}, coordinates=("a",)
)

assert worst < 1e-12
assert abs(slope - np.exp(-2.0)) < 1e-12
assert abs(slope - by_differences) < 1e-8
