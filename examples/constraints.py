# %% [markdown]
# # Constraints by construction
#
# A share lies between 0 and 1, consumption is positive, a value function is concave and rises.
# Instead of asking for that by a penalty, or checking it afterwards, let the hypothesis have it,
# whatever its weights are. Here the growth model of Brock and Mirman, in which the share
# alpha beta of output is saved, by a head around a series, and its value function by a network that
# is concave for every theta.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta = 0.36, 0.96
k_steady = (alpha * beta) ** (1 / (1 - alpha))
box = (0.5 * k_steady, 2.0 * k_steady)


def euler(share, k):
    k1 = share(k) * k**alpha
    c, c1 = (1 - share(k)) * k**alpha, (1 - share(k1)) * k1**alpha
    return 1 - beta * alpha * k1 ** (alpha - 1) * c / c1


# %% [markdown]
# `fe.Bounded` carries any function into its bounds, here (0, 1), and starts where it is told. To
# the solver it is the series that it was: Newton's method, to rounding.

# %%
share = fe.Bounded(fe.Series(fe.Chebyshev(6, box)), start=0.5)
solution = fe.solve(fe.Risk(euler, fe.Uniform(*box)).quadrature(12), share)
share = solution.value
k = jnp.linspace(*box, 1_001)
error = float(jnp.max(jnp.abs(jax.vmap(share)(k) - alpha * beta)))
print(f"{int(solution.stats['steps'])} steps, share saved off by {error:.1e} at most")

# %% [markdown]
# The value of this policy, V(k) = log c + beta V(k'), is concave and rises. A network of that shape
# cannot be wrong in shape, not even between the points, nor where there are none.

# %%
value = fe.Concave("scalar", direction=1, width=12, depth=1, support=box, key=jr.key(0))


def bellman(V, k):
    return V(k) - jnp.log((1 - share(k)) * k**alpha) - beta * V(share(k) * k**alpha)


risk = fe.Risk(bellman, fe.Uniform(*box), tolerance=1e-5).quadrature(60)
value = fe.solve(risk, value, fe.LevenbergMarquardt(max_steps=100)).value

far = jnp.linspace(0.01, 10.0, 1_001) * k_steady
assert bool(jnp.all(jax.vmap(jax.grad(value))(far) >= 0))
assert bool(jnp.all(jax.vmap(jax.grad(jax.grad(value)))(far) <= 0))

# %% [markdown]
# Its slope is that of the closed form, alpha / (1 - alpha beta) / k.

# %%
slope = alpha / (1 - alpha * beta) / k
off = float(jnp.max(jnp.abs(jax.vmap(jax.grad(value))(k) / slope - 1)))
print(f"V' is off by {100 * off:.2g} % at most, and V is concave and rises everywhere")

fe.plots.functions(
    {"V'(k)": jax.grad(value)},
    risk,
    exact={"V'(k)": lambda k: alpha / (1 - alpha * beta) / k},
    coordinates=("k",),
)

assert error < 1e-12 and off < 1e-2
