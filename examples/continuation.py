# %% [markdown]
# # From an easier problem to a harder one
#
# An Euler equation with a high risk aversion has more solutions on a box than the one that is
# meant: paths that save too much satisfy it and leave the box. Which one a solver finds depends on
# where it starts. `fe.Continuation` begins with a risk that is easy, and moves every number in it
# step by step: here the risk aversion from 1 to 5 and the standard deviation of the shocks from 0
# to 5 %.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta = 0.36, 0.96
k_steady = (alpha * beta) ** (1 / (1 - alpha))


def resources(x):
    return jnp.exp(x[1]) * (k_steady * jnp.exp(x[0])) ** alpha


def euler(f, x, e, gamma):
    share = lambda x: jax.nn.sigmoid(f(x))
    saved = share(x) * resources(x)
    x1 = jnp.stack([jnp.log(saved / k_steady), 0.9 * x[1] + e])
    growth = (1 - share(x)) * resources(x) / ((1 - share(x1)) * resources(x1))
    return 1 - beta * growth**gamma * alpha * resources(x1) / saved


# %% [markdown]
# Risks along the path have the same residual, and arrays of the same shapes: what differs goes
# through `args` and through the nodes of the shock.


# %%
def risk(gamma, sigma):
    nodes, weights = np.polynomial.hermite_e.hermegauss(5)
    shock = fe.Empirical(sigma * nodes, weights / weights.sum())
    box = fe.Uniform((-0.5, -0.2), (0.5, 0.2))
    return fe.Risk(euler, box, shock=shock, args=(gamma,), tolerance=1e-5).quadrature(8)


bases = [fe.Chebyshev(5, (-0.9, 0.9)), fe.Chebyshev(5, (-0.5, 0.5))]
f = fe.Series(fe.Tensor(*bases, degree=5), start=1.0)  # three quarters of output are saved
share = lambda f: float(jax.nn.sigmoid(f(jnp.zeros(2))))

# %% [markdown]
# Directly, the solver ends where more than 90 % are saved, and every equation holds there.

# %%
direct = fe.solve(risk(5.0, 0.05), f, throw=False)
print(f"directly {share(direct.value):.3f} of output is saved, with risk {direct.risk:.0e}")

# %% [markdown]
# With log utility and no shocks the share alpha beta is saved whatever the state. The path begins
# there, and stays on the branch of that solution.

# %%
solution = fe.solve(risk(5.0, 0.05), f, fe.Continuation(risk(1.0, 0.0)))
print(f"on the path {share(solution.value):.4f}, by the steps {solution.stats['path']}")

saved = {"on the path": solution.value, "directly": direct.value}
saved = {name: lambda x, f=f: jax.nn.sigmoid(f(x)) for name, f in saved.items()}
ax = fe.plots.functions(saved, risk(5.0, 0.05), coordinates=("log(k / k*)", "log z"))
ax.set_ylabel("share saved")

assert share(direct.value) > 0.9
assert abs(share(solution.value) - 0.35062) < 1e-5
