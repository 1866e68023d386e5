# %% [markdown]
# # A tax on capital: from one long run to another
#
# Aiyagari's households save against their own risk. From one day on a fifth of interest is taxed
# and handed back to all alike. Unknown is the path of capital: at the prices that follow from it
# households choose, last period first, and what they then hold, first period first, is that path.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
beta, gamma, alpha, delta, horizon = 0.96, 2.0, 0.36, 0.08, 100
chain = fe.rouwenhorst(7, 0.6, 0.2 * 0.8)
incomes = jnp.exp(chain.grid)
labour = float(fe.expectation(lambda i: incomes[i], chain.stationary))
nodes = 60 * jnp.linspace(0.0, 1.0, 200) ** 2.5  # of assets

# %% [markdown]
# A household gets `gross` for a unit of assets, and an income in each state, the transfer in it.


# %%
def prices(capital, tax):
    rate = alpha * (capital / labour) ** (alpha - 1) - delta
    wage = (1 - alpha) * (capital / labour) ** alpha
    return 1 + (1 - tax) * rate, wage * incomes + tax * rate * capital


def chosen(later, today, tomorrow):
    """Consumption on the nodes, (state, node), where `later` is tomorrow's: Euler's equation is
    solved at each saving, which leads to the cash that one has to have."""
    c = (chain.transition @ (beta * tomorrow[0] * later**-gamma)) ** (-1 / gamma)

    def between(c, income):
        cash = today[0] * nodes + income
        return jnp.where(cash < c[0], cash, jnp.interp(cash, nodes + c, c))

    return jax.vmap(between)(c, today[1])


def resting(capital, tax):
    """Consumption where prices never change, and these prices."""
    at, first = prices(capital, tax), 0.1 * jnp.tile(nodes + 1.0, (7, 1))
    return jax.lax.scan(lambda c, _: (chosen(c, at, at), None), first, length=600)[0], *at


# %% [markdown]
# In the long run, and from one period to the next, households are a histogram.


# %%
def saved(f, a, i):
    consumption, gross, income = f
    return gross * a + income[i] - jnp.interp(a, nodes, consumption[i])


held = lambda q: fe.expectation(lambda x: x[0], q)
households = fe.Histogram(saved, nodes, chain)
long_run = jax.jit(lambda capital, tax: households.given(resting(capital, tax)).stationary.weights)
points = (jnp.tile(nodes, 7), jnp.repeat(jnp.arange(7), nodes.size))


def rests(tax):
    excess = lambda capital: capital - held(fe.Empirical(points, long_run(capital, tax)))
    return fe.equilibrium(excess, 4.5, 6.0)


start = long_run(before := rests(0.0), 0.0)

# %% [markdown]
# The market clears in each of 100 periods, after which households choose as in the new long run.


# %%
def clearing(path, tax, last):
    at = jax.vmap(prices, (0, None))(jnp.append(before, path), tax)
    now, then = (jax.tree.map(cut, at) for cut in (lambda p: p[:-1], lambda p: p[1:]))
    policies = jax.lax.scan(lambda c, at: 2 * (chosen(c, *at),), last, (now, then), reverse=True)[1]

    def forward(mass, f):
        tomorrow = households.given(f).after(fe.Empirical(points, mass))
        return tomorrow.weights, held(tomorrow)

    return jax.lax.scan(forward, start, (policies, *now))[1] / path - 1


after = rests(0.2)
guess = after + (before - after) * 0.95 ** jnp.arange(1.0, horizon + 1)
path = fe.solve(fe.Risk(clearing, args=(0.2, resting(after, 0.2)[0])), guess).value
plt.plot(jnp.append(before, path))
plt.gca().set(xlabel="periods after the tax", ylabel="capital")
print(f"capital falls by {1 - path[-1] / before:.2%}, {1 - path[9] / before:.2%} in ten periods")
# NumPy, by the same two recursions
assert np.allclose(path[jnp.array([0, 9, 49])], [5.62365225, 5.32555088, 5.0279337], rtol=1e-8)
