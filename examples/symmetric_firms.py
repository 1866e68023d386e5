# %% [markdown]
# # Many firms that are alike
#
# The state of an industry of N firms has N coordinates, and a policy of N coordinates is hopeless,
# unless it is symmetric: then it is a function of a set, rho(mean phi(X_n)), a deep set, whose size
# does not depend on N. What is solved with a few firms is a policy for any number of them.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe
from fesolve import problems


jax.config.update("jax_enable_x64", True)
few, many = (problems.symmetric_investment(firms=n) for n in (8, 500))

# %% [markdown]
# The Euler equation is that of one firm, gamma u = beta E[P' + gamma (1 - delta) u']. Everybody's
# own shock averages out in the mean over firms, so that one draw of them stands for all, and what
# is left is an integral over the shock that they share. For linear demand u = H0 + H1 mean(X)
# whatever N is, which a series in the mean has to the last digit.

# %%
h0, h1 = few.parameters.linear_quadratic()
print(f"closed form: u = {h0:.6f} {h1:+.6f} mean(X)")
series = few.solve("chebyshev", points=128).value

# %% [markdown]
# A deep set is not told that the mean is what matters.

# %%
deep = few.solve("deep_set", points=128, width=12, key=jr.key(1), throw=False).value


def error(problem, f, key):
    """max |u / exact - 1| on the way that the industry takes under f."""
    states = problem.shifted(f, key)["path"].terms[0].distribution.points
    return float(jnp.max(jnp.abs(jax.vmap(f)(states) / jax.vmap(problem.exact)(states) - 1)))


errors = {
    "series, 8 firms": error(few, series, jr.key(2)),
    "deep set, 8 firms": error(few, deep, jr.key(2)),
    "the same deep set, 500 firms": error(many, deep, jr.key(3)),
}
for name, value in errors.items():
    print(f"{name:30} off by {value:.1e} at most")

sample = few.risk.empirical(100, key=jr.key(4))
exact = {"investment": few.exact}
fe.plots.functions({"investment": deep}, sample, exact=exact, coordinates=few.coordinates)

assert isinstance(deep, fe.DeepSet)
assert errors["series, 8 firms"] < 1e-12
assert errors["the same deep set, 500 firms"] < 1e-3
