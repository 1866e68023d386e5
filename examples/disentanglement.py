# %% [markdown]
# # Disentanglement, where the factors are known
#
# Two independent factors are seen through a rotation. An autoencoder finds their plane, and in it
# any coordinates: a code and its rotations have one risk. The noise of a variational one chooses,
# since noise in coordinates that are correlated costs more (Rolinek, Zietlow and Martius, 2019). It
# chooses by variances, and cannot where these are equal.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


jax.config.update("jax_enable_x64", True)
v = 0.3
mixing, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 2)))


class Code(eqx.Module):
    encoder: eqx.nn.Linear
    log_scale: jax.Array
    decoder: eqx.nn.Linear


def bound(f, point):
    """The negative evidence bound of a linear model with observation noise of variance v."""
    x = jnp.asarray(mixing) @ point["s"]
    m, s = f.encoder(x), jnp.exp(f.log_scale)
    misfit = jnp.sum((f.decoder(m + s * point["e"]) - x) ** 2) / (2 * v)
    return misfit + jnp.sum(m**2 + s**2 - 1 - 2 * f.log_scale) / 2


def rebuilt(f, point):
    x = jnp.asarray(mixing) @ point["s"]
    return f.decoder(f.encoder(x)) - x


def code(key):
    a, b = jr.split(key)
    encoder = eqx.nn.Linear(6, 2, use_bias=False, key=a)
    return Code(encoder, jnp.zeros(2), eqx.nn.Linear(2, 6, use_bias=False, key=b))


# %% [markdown]
# How well a code is disentangled: the correlation of each of its coordinates with the factor that
# it follows most; the least of these.


# %%
def entangled(f, factors):
    s = factors.sample(5_000, key=jr.key(9))
    z = s @ (np.asarray(f.encoder.weight) @ mixing).T
    correlations = np.abs(np.corrcoef(np.asarray(z).T, np.asarray(s).T)[:2, 2:])
    return float(correlations.max(axis=1).min())


rate = optax.exponential_decay(2e-2, 500, 0.3)
solver = fe.Optax(optax.adam(rate), num_steps=2_500, batch_size=256)
found = {}
for name, scales in {"unequal": (2.0, 1.0), "equal": (1.5, 1.5)}.items():
    factors = fe.Normal(np.zeros(2), np.array(scales))
    p = fe.Product(s=factors, e=fe.Normal(np.zeros(2), 1.0))
    plain = fe.Risk(rebuilt, p, tolerance=jnp.inf)
    priced = fe.Risk(bound, p, loss=lambda value: value, tolerance=jnp.inf)
    for kind, risk in {"autoencoder": plain, "variational": priced}.items():
        scores = []
        for seed in range(3):
            f = fe.solve(risk, code(jr.key(seed)), solver, key=jr.key(10 + seed)).value
            scores.append(entangled(f, factors))
        found[name, kind] = scores
        print(f"{name:8} variances, {kind:11}: least correlation {np.round(scores, 3)}")

drawn = {f"{a}, {b}": dict(enumerate(scores, start=1)) for (a, b), scores in found.items()}
fe.plots.convergence(drawn, label="seed").set_ylabel("least correlation")

assert min(found["unequal", "variational"]) > 0.99
assert min(found["unequal", "autoencoder"]) < 0.95
assert min(found["equal", "variational"]) < 0.95
