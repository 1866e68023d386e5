# %% [markdown]
# # Where a representation does not help
#
# Twenty-five states that three factors move, and a value that is nearly linear in them. With sixty
# observations a learnt encoder loses to principal components, which have nothing to learn from the
# values: it fits its sample and not the factors. With many observations it comes nearer.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)

states, factors, noise = 25, 3, 0.2
loadings = np.random.default_rng(0).normal(size=(states, factors))


def draw(key, n):
    a, b, c = jr.split(key, 3)
    z = jr.normal(a, (n, factors))
    X = z @ loadings.T + 0.5 * jr.normal(b, (n, states))
    value = z @ jnp.array([1.0, -1.0, 0.5]) + 0.1 * jnp.sin(2 * z[:, 0])
    return fe.Data(X, value + noise * jr.normal(c, (n,)))


def error(f, x, y):
    return f(x) - y


test = fe.Risk(error, draw(jr.key(100), 4_000), tolerance=jnp.inf)


def components(data):
    """The projection on the first principal components of X, given."""
    X = np.asarray(data.X)
    _, _, rows = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    matrix = fe.freeze(jnp.asarray(rows[:factors]))
    return lambda x: matrix @ x


# %% [markdown]
# f = f~ ∘ g with f~ linear; g by components, or a network that is trained with f~.

# %%
risks = {}
for n in (60, 2_000):
    for kind in ("components", "encoder"):
        found = []
        for seed in range(3):
            data = draw(jr.key(seed), n)
            train = fe.Risk(error, data, tolerance=jnp.inf)
            if kind == "components":
                f = fe.Compose(fe.Linear(factors), components(data))
                f = fe.solve(train, f).value
            else:
                g = fe.MLP(states, factors, width=8, depth=1, spread=0.5, key=jr.key(10 + seed))
                f = fe.Compose(fe.Linear(factors), g)
                f = fe.solve(train, f, fe.LevenbergMarquardt(max_steps=60)).value
            found.append(float(test(f)))
        risks[n, kind] = np.median(found)
        print(f"n = {n:5}, {kind:10}: test risk {risks[n, kind]:.4f}")
print(f"noise: {noise**2:.4f}")

kinds = ("components", "encoder")
curves = {kind: {n: risks[n, kind] for n in (60, 2_000)} for kind in kinds}
fe.plots.convergence(curves, label="n").set_ylabel("test risk")

assert risks[60, "components"] < 0.5 * risks[60, "encoder"]
assert 0.5 * risks[60, "encoder"] > risks[2_000, "encoder"] > risks[2_000, "components"]
