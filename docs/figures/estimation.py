"""The likelihood of a calibration, by one solve for each value of a parameter."""

import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, delta, noise = 0.36, 0.96, 0.1, 0.005
output = lambda k: k**alpha + (1 - delta) * k
rest = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
box = (0.4 * rest, 1.6 * rest)


def euler(f, k, gamma):
    c = lambda k: (1 - jax.nn.sigmoid(f(k))) * output(k)
    k1 = output(k) - c(k)
    return 1 - beta * (c(k) / c(k1)) ** gamma * jax.grad(output)(k1)


def consumption(gamma, k):
    risk = fe.Risk(euler, fe.Uniform(*box), args=(gamma,)).quadrature(12)
    share = fe.solve(risk, fe.Series(fe.Chebyshev(8, box), start=1.4), throw=False).value
    return (1 - jax.nn.sigmoid(jax.vmap(share)(k))) * output(k)


k = jnp.linspace(*box, 40)
seen = jnp.log(consumption(2.0, k)) + noise * jr.normal(jr.key(0), k.shape)
density = lambda gamma: -jnp.sum((seen - jnp.log(consumption(gamma, k))) ** 2) / (2 * noise**2)
values = np.linspace(1.6, 2.4, 41)
heights = np.asarray(jax.jit(jax.vmap(density))(jnp.asarray(values)))
slopes = np.asarray(jax.jit(jax.vmap(jax.grad(density)))(jnp.asarray(values[4::8])))

_, ax = plt.subplots(figsize=(5.2, 3.7), layout="constrained")
ax.plot(values, heights, color="#0072b2", label="log likelihood, a solve at each gamma")
for x, slope in zip(values[4::8], slopes, strict=True):
    y = np.interp(x, values, heights)
    ends = np.array([-0.05, 0.05])
    ax.plot(x + ends, y + slope * ends, color="#d55e00", linewidth=2.2)
ax.plot([], [], color="#d55e00", linewidth=2.2, label="its gradient, through the solve")
ax.axvline(2.0, ymin=0.24, color="0.5", linestyle=":", label="the truth")
ax.set(xlabel="risk aversion gamma", ylabel="log likelihood, up to a constant")
ax.legend(frameon=False, fontsize="small", loc="lower center")
ax.spines[["top", "right"]].set_visible(False)
ax.grid(alpha=0.25)
