# %% [markdown]
# # Huggett's economy: households, their distribution, and the rate that clears the market
#
# Incomes jump between a low and a high value. Households save at the rate r, and may not owe more
# than -a_min. Unknown are what they consume, how many of them hold how much, and the rate at which
# nobody lends to, or borrows from, abroad. In the catalogue the household's equation, the
# Kolmogorov forward equation, the mass of the distribution and market clearing are one risk, and
# the rate is a number in f.

# %%
import time

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe
from fesolve import problems


jax.config.update("jax_enable_x64", True)
economy = problems.huggett()
choice = economy.choice("chebyshev", degree=40)

# %% [markdown]
# Near the limit poor households dissave like the root of a - a_min, which no polynomial in a can
# do: policies are series in that root, in which the points are spread evenly. The class starts from
# the policies at a first guess of the rate; then everything is solved for at once.

# %%
start = choice.hypothesis(jr.key(0))
risk = economy.risk.quadrature(choice.points)
solution = fe.solve(risk, start)
f = solution.value
print(f"from r = {float(start.rate):.2%} to r = {float(f.rate):.5%}")

# %% [markdown]
# A second solve compiles nothing.

# %%
begin = time.perf_counter()
again = fe.solve(risk, start).value
print(f"the stationary equilibrium once more in {(time.perf_counter() - begin) * 1e3:.0f} ms")

# %% [markdown]
# The economy: who consumes what, and who stands at the limit.

# %%
for a in (-0.02, 0.0, 0.5):
    low, high = f.consumption(jnp.asarray(a))
    print(f"a = {a:5.2f}: consumption {float(low):.5f} of the poor, {float(high):.5f} of the rich")
top = float(f.a_min + f.span)
print(f"{float(f.at_limit()):.1%} of households are at the limit, nobody saves beyond {top:.4f}")

# %% [markdown]
# What was never asked for is a check: the share of poor households follows from the chain of
# incomes alone, 0.03 / (0.02 + 0.03); and the state constraint holds by construction.

# %%
shares = np.asarray(f.integral(lambda a: 1.0))
assets = float(jnp.sum(f.integral(lambda a: a)))
print(f"poor {shares[0]:.12f}, rich {shares[1]:.12f}; assets of all together {assets:.1e}")

fe.plots.functions(economy.functions(f), risk, coordinates=economy.coordinates)

assert abs(shares[0] - 0.6) < 1e-10 and abs(assets) < 1e-12 and abs(f.rate + 0.0022936) < 1e-7
