# %% [markdown]
# # Market clearing: an unknown price, and a staged solve
#
# Households of types x live for two periods, with incomes y0(x) and y1(x), and lend to each other
# at a gross rate R. Each consumes a share s of its wealth w = y0 + y1 / R today, so that
# c0^-gamma = beta R c1^-gamma. R is such that they consume today, all together, what there is. The
# rate is a leaf of f like the coefficients of the policy.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
beta, gamma = 0.9, 2.0
types = fe.Uniform(0.0, 1.0)


def income(x):
    return 1.0 + x, 2.0 - 0.5 * x


class Economy(eqx.Module):
    log_share: fe.Series
    log_rate: jax.Array

    def consumption(self, x):
        today, tomorrow = income(x)
        rate = jnp.exp(self.log_rate)
        wealth = today + tomorrow / rate
        c0 = wealth * jnp.exp(self.log_share(x))
        return c0, rate * (wealth - c0)


def euler(f, x):
    c0, c1 = f.consumption(x)
    return 1.0 - beta * jnp.exp(f.log_rate) * (c1 / c0) ** -gamma


# %% [markdown]
# Market clearing is a condition on f as a whole: a risk without a distribution.


# %%
def market(f):
    demand = fe.expectation(lambda x: f.consumption(x)[0], types.quadrature(16))
    supply = fe.expectation(lambda x: income(x)[0], types.quadrature(16))
    return demand / supply - 1.0


households = fe.Risk(euler, types).quadrature(16)
f = Economy(fe.Series(fe.Chebyshev(6, (0.0, 1.0)), start=-1.0), jnp.asarray(0.0))

# %% [markdown]
# First the households at a given rate (`only=` names what is solved for), then everything.

# %%
f = fe.solve(households, f, only=lambda f: f.log_share).value
print(f"at R = {float(jnp.exp(f.log_rate)):.3f} demand is {float(market(f)):+.1%} of supply off")

solution = fe.solve(households + fe.Risk(market), f)
rate = float(jnp.exp(solution.value.log_rate))

# %% [markdown]
# Preferences are homothetic, so that the rate is that of one household with everyone's income.

# %%
exact = (1.75 / 1.5) ** gamma / beta
print(f"the market clears at R = {rate:.12f}; exactly {exact:.12f}")

f = solution.value
consumed = {"today": lambda x: f.consumption(x)[0], "tomorrow": lambda x: f.consumption(x)[1]}
fe.plots.functions(consumed, types, coordinates=("type of household",)).set_ylabel("consumption")

assert abs(rate / exact - 1) < 1e-12
