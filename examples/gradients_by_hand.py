# %% [markdown]
# # A gradient has the structure of f
#
# f is a pytree: some of its leaves are parameters, others are functions or sizes. `eqx.partition`
# parts them, the gradient of a risk is a tree of the same structure, and a step of descent is
# one `jax.tree.map`. That is all that a solver for networks does.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


jax.config.update("jax_enable_x64", True)
X = jr.normal(jr.key(0), (100, 2))
Y = jnp.sin(X[:, 0]) * X[:, 1]
risk = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(X, Y), tolerance=jnp.inf)
f = fe.MLP(2, "scalar", width=16, depth=2, key=jr.key(1))

# %% [markdown]
# The parts: a tree with arrays and `None` elsewhere, and a tree with what is left.

# %%
theta, rest = eqx.partition(f, eqx.is_inexact_array)


def value(theta):
    return risk(eqx.combine(theta, rest))


gradient = jax.grad(value)(theta)
print("the gradient is an", type(gradient).__name__, "with leaves of the shapes of f's:")
print([leaf.shape for leaf in jax.tree.leaves(gradient)])

# %% [markdown]
# Steps by hand, and the same by `fe.Optax`.

# %%
rate, steps = 0.05, 100


@jax.jit
def step(theta):
    risk_before, gradient = jax.value_and_grad(value)(theta)
    return jax.tree.map(lambda p, g: p - rate * g, theta, gradient), risk_before


history = []
for _ in range(steps):
    theta, before = step(theta)
    history.append(float(before))
by_hand = eqx.combine(theta, rest)
solution = fe.solve(risk, f, fe.Optax(optax.sgd(rate), num_steps=steps))
difference = max(
    float(jnp.max(jnp.abs(a - b)))
    for a, b in zip(
        jax.tree.leaves(theta),
        jax.tree.leaves(eqx.filter(solution.value, eqx.is_inexact_array)),
        strict=True,
    )
)
print(f"risk {history[0]:.4f} -> {float(risk(by_hand)):.4f}; parameters differ by {difference:.1e}")

# %% [markdown]
# A part alone: the gradient of the last layer, by a tree of truth values.

# %%
last = jax.tree.map(lambda _: False, f)
last = eqx.tree_at(lambda f: f.net.layers[-1].weight, last, True)
part, others = eqx.partition(f, last)
only = jax.grad(lambda part: risk(eqx.combine(part, others)))(part)
(slope,) = jax.tree.leaves(only)

fe.plots.convergence(dict(enumerate(history, start=1)), label="step").set_ylabel("risk")

assert np.allclose(history, solution.history, rtol=1e-9) and difference < 1e-10
assert np.allclose(slope, gradient.net.layers[-1].weight, rtol=1e-12)
