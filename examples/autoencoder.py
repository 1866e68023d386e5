# %% [markdown]
# # Autoencoders
#
# A representation that is learnt from x alone: an encoder g and a decoder h with h(g(x)) = x as the
# residual. Linear ones have a closed form (Baldi and Hornik, 1989): the risk is the sum of the
# eigenvalues that are left out. The variational one adds noise to the code, and a price for it.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


jax.config.update("jax_enable_x64", True)

eigenvalues = np.array([4.0, 1.0, 0.25, 0.01, 0.01])
q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 5)))
covariance = q @ np.diag(eigenvalues) @ q.T
law = fe.Normal(np.zeros(5), covariance=covariance)
X = law.sample(2_000, key=jr.key(0))
trailing = np.linalg.eigvalsh(np.cov(X.T, bias=True) + np.outer(X.mean(0), X.mean(0)))[::-1]


class Autoencoder(eqx.Module):
    encoder: eqx.Module
    decoder: eqx.Module


def rebuilt(f, x):
    return f.decoder(f.encoder(x)) - x


def linear(code, key):
    a, b = jr.split(key)
    encoder = eqx.nn.Linear(5, code, use_bias=False, key=a)
    return Autoencoder(encoder, eqx.nn.Linear(code, 5, use_bias=False, key=b))


data = fe.Risk(rebuilt, fe.Empirical(X), tolerance=jnp.inf)
for code in (1, 2):
    f = fe.solve(data, linear(code, jr.key(code))).value
    least = trailing[code:].sum()
    print(f"code of {code}: risk {float(data(f)):.8f}, eigenvalues left out {least:.8f}")

# %% [markdown]
# The variational one: the code is m(x) + s e. Its price, the divergence of N(m, s^2) from N(0, 1),
# makes the scale of the code mean something, and a coordinate that is not worth its price is given
# up: s = 1. With an observation noise of variance v those with an eigenvalue above v are kept,
# with s^2 = v / eigenvalue (Lucas, Tucker, Grosse and Norouzi, 2019).

# %%
v = 0.5


class Variational(eqx.Module):
    encoder: eqx.nn.Linear
    log_scale: jax.Array
    decoder: eqx.nn.Linear


def bound(f, point):
    m, s = f.encoder(point["x"]), jnp.exp(f.log_scale)
    misfit = jnp.sum((f.decoder(m + s * point["e"]) - point["x"]) ** 2) / (2 * v)
    return misfit + jnp.sum(m**2 + s**2 - 1 - 2 * f.log_scale) / 2


p = fe.Product(x=law, e=fe.Normal(np.zeros(4), 1.0))
start = linear(4, jr.key(3))
f = Variational(start.encoder, jnp.full(4, -1.0), start.decoder)
rate = optax.exponential_decay(1e-2, 1_000, 0.3)
solver = fe.Optax(optax.adam(rate), num_steps=4_000, batch_size=256)
negative_elbo = fe.Risk(bound, p, loss=lambda value: value, tolerance=jnp.inf)
f = fe.solve(negative_elbo, f, solver, key=jr.key(4)).value
variances = np.sort(np.exp(2 * np.asarray(f.log_scale)))
print("variances of the code", variances.round(3), "in theory", np.array([v / 4, v / 1, 1, 1]))

curves = {"trained": variances, "in theory": np.array([v / 4, v / 1, 1, 1])}
curves = {name: dict(enumerate(curve, start=1)) for name, curve in curves.items()}
fe.plots.convergence(curves, label="coordinate of the code").set_ylabel("variance")

assert abs(float(data(fe.solve(data, linear(2, jr.key(2))).value)) / trailing[2:].sum() - 1) < 1e-6
assert np.allclose(variances, [v / 4, v, 1.0, 1.0], rtol=0.1)
