# %% [markdown]
# # Is it right?
#
# Brock and Mirman's economy saves the share alpha beta of its output. Here is one that saves 5 %
# more than that. How would one know? Transversality and stability do not see it: it is a fine
# economy, but not the best one. Euler errors say how wrong its choices are, dynamic errors where
# they lead, and the loss of welfare what they cost. All of them are known in closed form here.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho, sigma = 0.36, 0.96, 0.8, 0.02
exact, wrong = jnp.asarray(alpha * beta), jnp.asarray(1.05 * alpha * beta)
shock = fe.Normal(0.0, sigma)


def output(x):
    return jnp.exp(x[1]) * x[0] ** alpha


def consumption(s, x):
    return (1 - s) * output(x)


def step(s, x, e):
    return jnp.stack([s * output(x), rho * x[1] + e])


def euler(s, x, e):
    x1 = step(s, x, e)
    return 1 - beta * consumption(s, x) / consumption(s, x1) * alpha * output(x1) / x1[0]


start = fe.Dirac(jnp.array([0.19, 0.0]))
law = fe.Ergodic(step, start, shock, periods=500)

# %% [markdown]
# The checks pass, for either share: nothing explodes, and nothing is left unused.

# %%
for share in (exact, wrong):
    print(fe.stability(share, law, start.point))
    wealth = lambda s, x: s / (1 - s) * output(x) / output(x)
    print(fe.transversality(share, law, wealth, beta=beta, key=jr.key(0)))

# %% [markdown]
# The Euler equation implies the consumption s (1 - s) y / (alpha beta), 5 % above that of the
# policy: log10 of 0.05 at every state.

# %%
box = fe.Uniform([0.1, -0.1], [0.3, 0.1])
path = fe.Risk(euler, law.given(wrong), shock=shock.quadrature(9)).empirical(500, key=jr.key(1))
sample = fe.Risk(euler, box, shock=shock.quadrature(9)).quadrature(6)
errors = fe.euler_errors(wrong, units=fe.consumption_units(1.0), box=sample, path=path)
print(errors)

# %% [markdown]
# Who saves too much gives up consumption of:

# %%
loss = fe.welfare_loss(
    wrong, law, exact, consumption=consumption, beta=beta, gamma=1.0, paths=10, key=jr.key(2)
)
print(loss)

fe.plots.paths(wrong, law, of=lambda s, x: {"capital": x[0]}, key=jr.key(3))

change = jnp.log((1 - wrong) / (1 - exact)) + alpha * beta / (1 - alpha * beta) * jnp.log(1.05)
assert abs(errors.to_dict()["path"]["euler"]["max"] - jnp.log10(0.05)) < 1e-9
assert abs(float(loss.value) - (1 - jnp.exp(change))) < 1e-7
