# %% [markdown]
# # The ergodic set
#
# Accuracy matters where the economy goes, and that depends on the policy which is to be found:
# p*(x; f) is simulated from f, f is solved for on those states, and so on. `fe.Ergodic` is this
# distribution, and `fe.Resample` a solver that draws from it anew.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho, sigma = 0.36, 0.96, 0.8, 0.02
k_steady = (alpha * beta) ** (1 / (1 - alpha))
shock = fe.Normal(0.0, sigma)


def output(x):
    return jnp.exp(x[1]) * x[0] ** alpha


def next_state(c, x, e):
    return jnp.stack([output(x) - c(x), rho * x[1] + e])


def euler(c, x):
    def payoff(e):
        x1 = next_state(c, x, e)
        return alpha * output(x1) / x1[0] / c(x1)

    return 1 - beta * c(x) * fe.expectation(payoff, shock.quadrature(7))


# %% [markdown]
# A polynomial of degree 3 in (log k, log z) that starts where half of output is consumed.

# %%
basis = fe.Tensor(
    fe.Chebyshev(3, (jnp.log(0.5 * k_steady), jnp.log(2 * k_steady))),
    fe.Chebyshev(3, (-0.2, 0.2)),
    degree=3,
)
c = fe.Ansatz(
    lambda share, x: output(x) * jax.nn.sigmoid(share(jnp.stack([jnp.log(x[0]), x[1]]))),
    fe.Series(basis),
)

start = fe.Dirac(jnp.array([0.6 * k_steady, 0.0]))
ergodic = fe.Ergodic(next_state, start, shock, periods=500, burn_in=100)
risk = fe.Risk(euler, ergodic)
solver = fe.Resample(fe.LevenbergMarquardt(), n=200, rounds=3)
c = fe.solve(risk, c, solver, key=jr.key(0)).value

# %%
on_path = risk.given(c).empirical(10_000, key=jr.key(1))
states = on_path.terms[0].distribution.points
share = jax.vmap(lambda x: c(x) / output(x))(states)
error = float(jnp.max(jnp.abs(share - (1 - alpha * beta))))
print(f"capital between {states[:, 0].min():.3f} and {states[:, 0].max():.3f} on the path")
print(f"risk there {float(on_path(c)):.1e}; the share consumed is off by {error:.1e} at most")

_, axes = plt.subplots(2, 1, figsize=(5.2, 5.6), layout="constrained")
quantities = lambda c, x: {"k": x[0], "log z": x[1]}
fe.plots.density(c, ergodic, of=quantities, key=jr.key(2), ax=axes)

assert error < 1e-8
