"""Five networks that were trained on the same points from different starts, and their spread."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
box = (-1.0, 1.0)
X = jr.uniform(jr.key(0), (30,), minval=-1.0)
Y = jnp.sin(3 * X) + 0.1 * jr.normal(jr.key(1), X.shape)
train = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(X, Y), tolerance=jnp.inf)
network = lambda key: fe.MLP("scalar", "scalar", width=8, depth=1, support=box, key=key)
starts = fe.MultiStart(network, fe.LevenbergMarquardt(max_steps=20), starts=5, keep=True)
ensemble = fe.solve(train, network(jr.key(8)), starts, key=jr.key(9), throw=False).value

x = np.linspace(-1.8, 1.8, 300)
mean, spread = jax.vmap(ensemble)(x), jax.vmap(ensemble.spread)(x)
curves = {"sin 3x": lambda x: jnp.sin(3 * x), "mean of the ensemble": ensemble}
ax = fe.plots.functions(curves, fe.Uniform(-1.8, 1.8))
ax.fill_between(x, mean - 2 * spread, mean + 2 * spread, color="#d55e00", alpha=0.2, linewidth=0)
ax.plot(X, Y, "o", color="0.5", markersize=4)
ax.axvspan(*box, color="0.5", alpha=0.08, linewidth=0)
ax.set(ylim=(-3, 3), ylabel="f(x), its spread, and data")
