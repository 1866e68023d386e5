# %% [markdown]
# # Out of distribution
#
# The growth model c' / c = beta (alpha k'^(alpha - 1) + 1 - delta) is solved for capital between
# 0.8 and 2.5, and then asked about an economy that starts with 0.4. Train, test and the shifted
# risk are one risk under three distributions.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, delta = 1 / 3, 0.9, 0.1


def resources(k):
    return k**alpha + (1 - delta) * k


def euler(f, k):
    k1 = f(k)
    growth = (resources(k1) - f(k1)) / (resources(k) - k1)
    return 1 - beta * jax.grad(resources)(k1) / growth


risk = fe.Risk(euler, fe.Uniform(0.8, 2.5))
train = risk.quadrature(24)
test = risk.empirical(1_000, key=jr.key(0))
shifted = risk.on(fe.Uniform(0.4, 0.8)).empirical(1_000, key=jr.key(1))

# %% [markdown]
# f(k) = k' is a share of resources, between 0 and 1. Series of low and of high degree, and a
# network, all in log k.


# %%
def share_of(g):
    return fe.Ansatz(lambda g, k: resources(k) * jax.nn.sigmoid(1.3 + g(jnp.log(k))), g)


ends = (jnp.log(0.8), jnp.log(2.5))
classes = {
    "degree 6": fe.Series(fe.Chebyshev(6, ends)),
    "degree 20": fe.Series(fe.Chebyshev(20, ends)),
    "network": fe.MLP("scalar", "scalar", width=8, depth=2, support=ends, key=jr.key(2)),
}
inside, outside, first_step = {}, {}, {}
for name, g in classes.items():
    f = fe.solve(train, share_of(g)).value
    inside[name], outside[name] = float(test(f)) ** 0.5, float(shifted(f)) ** 0.5
    first_step[name] = abs(float(f(0.4)) / 0.6204123788 - 1)
    print(
        f"{name:10} rms residual on [0.8, 2.5] {inside[name]:.0e}, on [0.4, 0.8] "
        f"{outside[name]:.0e}; k' at 0.4 off by {first_step[name]:.0e}"
    )

# %% [markdown]
# More accurate inside is not more accurate outside: the polynomial of degree 20 is at rounding on
# its own interval, and beyond it that rounding is all that grows. `fe.RiskReport` shows such
# risks side by side: `fe.RiskReport(f, train=train, test=test, shifted=shifted)`.

# %%
fe.plots.distribution(f, {"train": train, "test": test, "shifted": shifted})

assert inside["degree 6"] < 1e-8 and inside["degree 20"] < 1e-13
assert outside["degree 20"] > 1e6 * inside["degree 20"]
assert first_step["degree 6"] < 1e-5
