"""A fit of noisy data that was stopped, and one that was not."""

import jax
import jax.numpy as jnp
import jax.random as jr
import optax

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def data(n, key):
    for_x, for_noise = jr.split(key)
    X = jr.uniform(for_x, (n,), minval=-1.0, maxval=1.0)
    return X, jnp.sin(3 * X) + 0.3 * jr.normal(for_noise, (n,))


ten = data(10, jr.key(0))
train = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(*ten), tolerance=jnp.inf)
test = train.on(fe.Data(*data(200, jr.key(1))))
f = fe.Series(fe.Chebyshev(9, (-1.0, 1.0)))
adam = fe.Optax(optax.adam(0.03), num_steps=2_000)
fits = {
    "sin 3x": lambda x: jnp.sin(3 * x),
    "not stopped": fe.solve(train, f, adam).value,
    "stopped": fe.solve(train, f, adam, monitors=(fe.EarlyStop(test, patience=5),)).value,
}
ax = fe.plots.functions(fits, fe.Uniform(-1.0, 1.0))
ax.plot(*ten, "o", color="0.5", markersize=5)
ax.set(ylim=(-1.8, 1.8), ylabel="f(x), and data")
