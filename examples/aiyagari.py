# %% [markdown]
# # Aiyagari's economy: the capital of households who save against their own risk
#
# Incomes move by a Markov chain of seven states, nobody may borrow, and what households own is the
# capital of firms. Unknown are consumption, how many hold how much, and the rate that clears.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
beta, gamma, alpha, delta, top = 0.96, 2.0, 0.36, 0.08, 60.0
chain = fe.rouwenhorst(7, 0.6, 0.2 * 0.8)
incomes, states = jnp.exp(chain.grid), jnp.arange(7)
labour = float(fe.expectation(lambda i: incomes[i], chain.stationary))
capital = lambda rate: labour * (alpha / (rate + delta)) ** (1 / (1 - alpha))  # of firms
wage = lambda rate: (1 - alpha) * (capital(rate) / labour) ** alpha

# %% [markdown]
# In each state the limit binds up to some cash K_i, an unknown. Above it c_i = K_i + t s_i(t), t
# the cash above K_i. The Euler equation then holds with equality for all t >= 0: no inequality is
# left, the kink is where it should be, and f is almost linear in its coefficients: quick to solve.


# %%
class Household(eqx.Module):
    log_kink: fe.Series  # by state
    share: fe.Series  # s_i, in x = log(1 + t)

    @property
    def kinks(self):
        return jnp.exp(self.log_kink.coefficients)

    def __call__(self, x):
        return self.kinks + jnp.expm1(x) * self.share(x)

    def consumption(self, cash, i):
        kink = self.kinks[i]
        t = jnp.maximum(cash - kink, 0.0)
        return jnp.minimum(cash, kink) + t * self.share(jnp.log1p(t))[i]


def euler(f, x, rate):
    c = f(x)
    saved = f.kinks + jnp.expm1(x) - c
    cash = (1 + rate) * saved[:, None] + wage(rate) * incomes[None]
    tomorrow = jax.vmap(lambda row: jax.vmap(f.consumption)(row, states))(cash)
    marginal = jnp.sum(chain.transition * tomorrow**-gamma, axis=1)
    return 1 - (beta * (1 + rate) * marginal) ** (-1 / gamma) / c


# %% [markdown]
# Splines on 24 intervals of x, and as many points as there are unknowns. While the rate is searched
# nobody asks how wrong a household is: a tolerance of inf, so that only the last is judged.

# %%
knots = np.linspace(0.0, np.log1p(top), 25)
padded = np.r_[[0.0] * 3, knots, [knots[-1]] * 3]
points = np.array([padded[k : k + 3].mean() for k in range(1, 28)])
points = fe.Empirical(np.sort([*points, 0.5 * points[1]]), population=fe.Uniform(0.0, knots[-1]))
share = fe.Series(fe.BSpline(knots), out_size=7, start=np.full(7, 0.08))
start = Household(fe.Series(fe.Indicator(7)), share)
household = lambda rate, f, **how: fe.solve(fe.Risk(euler, points, args=(rate,), **how), f).value
first = household(0.0385, start, tolerance=jnp.inf)

# %% [markdown]
# Households in the long run are a histogram. The logarithm of 1 / beta - 1 - r is searched.


# %%
def assets(f, a, i, rate):
    return (cash := (1 + rate) * a + wage(rate) * incomes[i]) - f.consumption(cash, i)


nodes = top * np.linspace(0.0, 1.0, 1_200) ** 2.5
histogram = lambda rate: fe.Histogram(assets, nodes, chain, args=(rate,))
rate_of = lambda log_gap: 1 / beta - 1 - jnp.exp(log_gap)


def excess(log_gap):
    rate = rate_of(log_gap)
    households = histogram(rate).given(household(rate, first, tolerance=jnp.inf)).stationary
    return jnp.log(fe.expectation(lambda x: x[0], households) / capital(rate))


rate = rate_of(fe.equilibrium(excess, -6.8, -6.0))
print(f"r = {float(rate):.5%}")

# %%
f, at = household(rate, first), jnp.array([0, 3, 6])
c = jax.vmap(f.consumption)((1 + rate) * jnp.array([2.0, 5.0, 10.0]) + wage(rate) * incomes[at], at)
ax = fe.plots.functions({"c": lambda m: f.consumption(m, at[1])}, fe.Uniform(0.1, 20.0))
ax.set(xlabel="wealth", ylabel="consumption")
assert abs(rate - 0.0401166) < 1e-6  # by NumPy, on an endogenous grid of 2,400 points
assert np.allclose(c, [1.2046821, 1.4221964, 1.6968517], rtol=1e-4)
