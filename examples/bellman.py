# %% [markdown]
# # A Bellman equation, with its first-order condition
#
# V(k) = max_c log c + beta V(k^alpha - c). Two functions are unknown, the value V and the policy
# c, and so are two equations: the Bellman equation at the policy, and the first-order condition
# that makes the policy the best one. Both functions live in one module. The solution is known:
# c = (1 - alpha beta) k^alpha, and V is affine in log k.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta = 0.36, 0.96
low, high = 0.05, 0.5


class ValueAndPolicy(eqx.Module):
    value_of_log: fe.Series
    share: fe.Series

    def value(self, k):
        return self.value_of_log(jnp.log(k))

    def policy(self, k):
        return k**alpha * jax.nn.sigmoid(self.share(jnp.log(k)))


def bellman(f, k):
    def q(c):
        return jnp.log(c) + beta * f.value(k**alpha - c)

    c = f.policy(k)
    return {"bellman": f.value(k) - q(c), "first order": c * jax.grad(q)(c)}


# %% [markdown]
# Series in log k, whose first guess is a value of -20 with slope 1, and a half of output consumed.

# %%
basis = fe.Chebyshev(8, (jnp.log(low), jnp.log(high)))
guess = fe.Series(basis, start=-20.0)
rising = eqx.tree_at(lambda s: s.coefficients, guess, guess.coefficients.at[1].set(1.0))
f = ValueAndPolicy(rising, fe.Series(basis))

risk = fe.Risk(bellman, fe.Uniform(low, high))
solution = fe.solve(risk.quadrature(20), f)


# %%
def policy(k):
    return (1 - alpha * beta) * k**alpha


slope = alpha / (1 - alpha * beta)
constant = (jnp.log(1 - alpha * beta) + beta * slope * jnp.log(alpha * beta)) / (1 - beta)
report = fe.RiskReport(
    solution.value,
    test=risk.empirical(2_000, key=jr.key(0)),
    exact={"policy": policy, "value": lambda k: constant + slope * jnp.log(k)},
)
print(report)

fe.plots.functions(
    {"consumption": solution.value.policy},
    risk.quadrature(20),
    exact={"consumption": policy},
    coordinates=("k",),
)

assert report.solved
assert all(error.largest < 1e-11 for error in report.errors)
