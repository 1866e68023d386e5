# %% [markdown]
# # An equation in a hundred dimensions
#
# du/dt + Laplace u - |grad u|^2 = 0 with u(1, y) = log((1 + |y|^2) / 2), for y in R^100: the value
# of steering a noisy particle, a common test of methods for many dimensions. Points are where the
# noise leads from 0, y = sqrt(2 t) z. The transform of Cole and Hopf makes it an expectation,
# exp(-u(t, y)) = E exp(-u(1, y + sqrt(2 (1 - t)) z)), which is the reference.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
d = 100


def final(y):
    return jnp.log((1 + y @ y) / 2)


def hjb(u, x):
    t, y = x[0], jnp.sqrt(2 * x[0]) * x[1:]

    def now(y):
        return u(jnp.append(t, y))

    slope = jax.grad(now)(y)
    later = fe.directional(u, jnp.eye(d + 1)[0])(jnp.append(t, y))
    return later + fe.laplacian(now)(y) - slope @ slope


states = fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(np.zeros(d), 1.0))
risk = fe.Risk(hjb, states).empirical(100, key=jr.key(1))


def from_the_end(network, x):
    """u, which is known at t = 1."""
    return final(x[1:]) + (1 - x[0]) * network(x)


def solve(network):
    solver = fe.LevenbergMarquardt(max_steps=60)
    return fe.solve(risk, fe.Ansatz(from_the_end, network), solver, throw=False)


# %% [markdown]
# A network of the 101 coordinates has to find in 100 points that all directions are alike. It fits
# the points and is wrong between them, and the solve says so.

# %%
ends = (np.append(0.0, np.full(d, -3.0)), np.append(1.0, np.full(d, 3.0)))
plain = solve(fe.MLP(d + 1, "scalar", width=8, depth=1, support=ends, start=0.0, key=jr.key(0)))
print(plain)
assert not plain.solved

# %% [markdown]
# What is known of the solution comes first: u depends on y through |y| alone, and the final value
# through log(1 + |y|^2). Two features, 41 weights.

# %%
features = lambda x: jnp.stack([x[0], jnp.log(1 + x[1:] @ x[1:])])
network = fe.MLP(2, "scalar", width=10, depth=1, support=([0, 0], [1, 6]), start=0.0, key=jr.key(0))
u = solve(fe.Compose(network, features)).value

# %% [markdown]
# Along |y|^2 = 2 t d, where most points are.

# %%
rng = np.random.default_rng(0)
along, others = rng.normal(size=400_000), rng.chisquare(d - 1, 400_000)


def expected(t):
    s = np.sqrt(2 * (1 - t))
    return -np.log(np.mean(2 / (1 + (np.sqrt(2 * t * d) + s * along) ** 2 + s**2 * others)))


t = np.linspace(0.0, 1.0, 21)
reference = np.array([expected(s) for s in t])
path = np.column_stack([t, np.sqrt(2 * t)[:, None] * np.ones(d)])
found = {"network of the coordinates": plain.value, "network of two features": u}
errors = {}
for name, f in found.items():
    values = np.asarray(jax.vmap(f)(path))
    errors[name] = np.max(np.abs(values - reference)) / reference[0]
    plt.plot(t, values, label=name)
plt.plot(t, reference, ".", color="0.5", label="expectation (Cole and Hopf)")
plt.xlabel("t")
plt.ylabel("u(t, y) on $|y|^2 = 2 t d$")
plt.legend(frameon=False)
for name, error in errors.items():
    print(f"{name}: off by up to {error:.1e}")
print(f"u = {float(u(path[0])):.5f} at the start, {reference[0]:.5f} by the expectation")
assert errors["network of two features"] < 2e-4 < 0.1 < errors["network of the coordinates"]
