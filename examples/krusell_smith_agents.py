# %% [markdown]
# # A deep set over households
#
# Eight hundred households are at risk together: assets and incomes of all are the state of each.
# Nobody cares who is who, so that a policy is a function of one's own cash and income and of a set,
# rho(mean phi(a_n, y_n)). What matters is learnt, in the states to which the policy itself leads.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe
from fesolve import problems


jax.config.update("jax_enable_x64", True)
agents = problems.krusell_smith().parameters.agents(800)
economy, m = agents.economy, agents.economy.m
spline = fe.BSpline(np.log1p(150.0) * np.linspace(0.0, 1.0, 13) ** 1.5)
above = np.expm1(np.log1p(140.0) * np.linspace(0.0, 1.0, 16) ** 1.5)  # cash above a kink

# %% [markdown]
# The mean of phi is that of assets, and of a network of assets and income. Of it and productivity,
# which all share, rho makes features: log K, productivity, and four that a network finds.


# %%
class Phi(eqx.Module):
    net: eqx.Module

    def __call__(self, one):  # p, the probability of each income
        return jnp.stack([one["a"], one["p"] @ self.net(jnp.log1p(one["a"]))])


class Rho(eqx.Module):
    net: eqx.Module

    def __call__(self, mean, z):
        k, z = (jnp.log(mean[0]) - agents.centre) / 0.1, z / (2 * economy.spread)
        return jnp.append(jnp.stack([jnp.ones_like(k), k, z]), self.net(jnp.stack([k, z, mean[1]])))


# %% [markdown]
# A household consumes all its cash up to a kink, and beyond it a share, a spline in the cash above.
# Both are combinations of the features.


# %%
class Households(eqx.Module):
    rho: Rho
    moments: fe.DeepSet
    log_kinks: jax.Array
    logits: jax.Array

    def policy(self, moments, z):
        features = self.rho(moments, z)
        kinks, logits = jnp.exp(features @ self.log_kinks), jnp.tensordot(features, self.logits, 1)

        def consumption(cash, i):
            t = jnp.maximum(cash - kinks[i], 0.0)
            share = jax.nn.sigmoid(spline.evaluate(logits[i], jnp.log1p(t)))
            return jnp.minimum(cash, kinks[i]) + t * share

        return consumption, kinks


first, second = jr.split(jr.key(0))
phi = Phi(fe.MLP("scalar", m.states, width=8, depth=1, support=(0.0, 5.0), key=first))
rho = Rho(fe.MLP(3, 4, width=8, depth=1, key=second))
log_kinks = jnp.zeros((7, m.states)).at[0].set(np.log(0.8 * economy.incomes))
logits = jnp.zeros((7, m.states, spline.size)).at[0].set(-2.5)
f = Households(rho, fe.DeepSet(lambda mean: mean, phi), log_kinks, logits)

# %% [markdown]
# In states of many means, then in those of f's own history. A small norm decides what is open.

# %%
euler = lambda f, x: agents.euler(f, x, above)
risk = lambda p: fe.Risk(euler, p, tolerance=jnp.inf) + 1e-10 * fe.weights_norm
wide = agents.states(40)
f = fe.solve(risk(wide), f, fe.LevenbergMarquardt(max_steps=10)).value
for seed in range(3):
    own = fe.Empirical(jax.tree.map(lambda a: a[::25], agents.history(f, jr.key(seed))))
    both = fe.Mixture(wide, own, weights=[0.01, 0.99]).quadrature(1)
    f = fe.solve(risk(both), f, fe.LevenbergMarquardt(max_steps=8)).value

# %% [markdown]
# Errors on another history: of Euler's equation in the mean; of log K after a thousand periods in
# which households do, one by one, what the equation asks for; and what log K and z leave of log K'.

# %%
errors = agents.errors(f, jr.key(9))
print(", ".join(f"{name} {value:.1e}" for name, value in errors.items()))
plt.plot(jax.vmap(agents.aggregate)(agents.history(f, jr.key(9)))[:, 0])
plt.gca().set(xlabel="period", ylabel=r"$\log K$")
assert errors["euler"] < 1e-3 and errors["dynamic"] < 5e-3 and errors["unexplained"] < 1e-3
