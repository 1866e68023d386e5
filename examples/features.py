# %% [markdown]
# # Features by hand
#
# A representation is a function g of the state in terms of which the solution is simple:
# f = f~ ∘ g. Of Brock and Mirman's model of growth the policy is c = (1 - alpha beta) k^alpha: in
# the logarithm of capital, and for the logarithm of consumption, a straight line.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta = 0.36, 0.96
box = fe.Uniform(0.1, 0.3)


def euler(c, k):
    k1 = k**alpha - c(k)
    return 1 - beta * c(k) / c(k1) * alpha * k1 ** (alpha - 1)


def exact(k):
    return (1 - alpha * beta) * k**alpha


risk = fe.Risk(euler, box)
points = np.linspace(0.1, 0.3, 1_001)


def error(c):
    return float(np.max(np.abs(jax.vmap(c)(points) / exact(points) - 1)))


# %% [markdown]
# `fe.Compose(f~, g)` with g = log and f~ linear, two unknowns; and series in k itself, with more
# and more unknowns.

# %%
line = fe.Compose(fe.Linear("scalar"), jnp.log)
by_hand = fe.solve(risk.quadrature(32), fe.Positive(line, start=lambda k: 0.5 * k**alpha)).value
print(f"2 unknowns in log k: error {error(by_hand):.1e}")
errors = {}
for degree in (2, 4, 8):
    series = fe.Series(fe.Chebyshev(degree, (0.1, 0.3)))
    positive = fe.Positive(series, start=0.3)
    found = fe.solve(risk.quadrature(32), positive, throw=False)
    errors[degree] = error(found.value)
    print(f"{degree + 1} unknowns in k: error {errors[degree]:.1e}")

# %% [markdown]
# What the line has learnt can be read: elasticity alpha.

# %%
elasticity = float(by_hand.g.outer.weight) + alpha
print(f"d log c / d log k = {elasticity:.12f}, alpha = {alpha}")

fe.plots.convergence({d + 1: e for d, e in errors.items()}, label="unknowns in k")

assert abs(elasticity - alpha) < 1e-9 and error(by_hand) < 1e-9
assert errors[2] > errors[4] > errors[8] > 1e3 * error(by_hand)
