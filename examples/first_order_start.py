# %% [markdown]
# # A first-order start
#
# A model that is linearised around its steady state has the right slopes there, and knows which of
# its solutions is the stable one. Fitted to it, a hypothesis starts where Newton's method needs few
# steps, and the paths that save too much are far away.

# %%
import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, gamma, delta, rho, sigma = 0.36, 0.96, 5.0, 0.1, 0.9, 0.02


def resources(k, z):
    return jnp.exp(z) * k**alpha + (1 - delta) * k


# %% [markdown]
# The deterministic model between today and tomorrow: capital and productivity are predetermined,
# consumption is free. There are as many equations as variables.


# %%
def growth(x, c, x1, c1):
    k1, z1 = x1
    return {
        "resources": k1 + c - resources(*x),
        "euler": 1 - beta * (c / c1) ** gamma * jax.grad(resources)(k1, z1),
        "productivity": z1 - rho * x[1],
    }


steady = fe.steady_state(growth, (jnp.array([3.0, 0.0]), 1.0))
linear = fe.first_order(growth, steady)
k_steady = float(steady[0][0])
print(f"capital rests at {k_steady:.4f}; eigenvalues {abs(linear.eigenvalues).round(4)}")

# %% [markdown]
# The stochastic Euler equation in the share s(log k, z) that is saved, on a box around it.

# %%
shock = fe.Normal(0.0, sigma).quadrature(5)
box = fe.Uniform((0.6 * k_steady, -0.1), (1.4 * k_steady, 0.1))


def next_state(f, x, e):
    saved = jax.nn.sigmoid(f(x)) * resources(*x)
    return jnp.stack([saved, rho * x[1] + e])


def euler(f, x, e):
    consumption = lambda x: (1 - jax.nn.sigmoid(f(x))) * resources(*x)
    x1 = next_state(f, x, e)
    growth = consumption(x) / consumption(x1)
    return 1 - beta * growth**gamma * jax.grad(resources)(x1[0], x1[1])


risk = fe.Risk(euler, box, shock=shock, tolerance=1e-5).quadrature(10)
bases = [fe.Chebyshev(7, (0.4 * k_steady, 1.6 * k_steady)), fe.Chebyshev(7, (-0.2, 0.2))]
series = fe.Series(fe.Tensor(*bases, degree=7))


def logit_of_savings(x):
    share = 1 - linear.policy(x) / resources(*x)
    return jnp.log(share / (1 - share))


start = fe.fit(series, logit_of_savings, box).value

# %% [markdown]
# From the linear solution, and from a half of everything that there is.

# %%
warm, cold = fe.solve(risk, start), fe.solve(risk, series, throw=False)
x = jnp.array([k_steady, 0.0])
for name, solution in {"first order": warm, "a half": cold}.items():
    tomorrow = float(next_state(solution.value, x, 0.0)[0])
    print(f"{name}: {int(solution.stats['steps'])} steps, k' = {tomorrow:.4f} at rest")

tomorrow = {"k'": lambda x: next_state(warm.value, x, 0.0)[0]}
fe.plots.functions(tomorrow, box, coordinates=("k", "z"), diagonal=True)

assert bool(warm.solved)
assert warm.stats["steps"] < cold.stats["steps"]
assert abs(next_state(warm.value, x, 0.0)[0] / k_steady - 1) < 1e-2
