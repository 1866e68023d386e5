# %% [markdown]
# # Regression is the same thing
#
# A point may be a pair (x, y) of data: `fe.Data(X, Y)` is their empirical distribution, and the
# residual of a risk on it is a function of f, x and y. Zero is not expected, which `tolerance=inf`
# says.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)

n, sigma = 40, 0.3
noise_key, x_key, fresh_key = jr.split(jr.key(0), 3)
X = jr.uniform(x_key, (n,), minval=-1.0)
Y = jnp.sin(3 * X) + sigma * jr.normal(noise_key, (n,))


def error(f, x, y):
    return f(x) - y


train = fe.Risk(error, fe.Data(X, Y), tolerance=jnp.inf)

# %% [markdown]
# Polynomials of degree 5 by least squares, which NumPy can check.

# %%
f = fe.solve(train, fe.Series(fe.Chebyshev(5, (-1.0, 1.0)))).value
by_numpy = np.polynomial.chebyshev.chebfit(np.asarray(X), np.asarray(Y), 5)
difference = float(np.max(np.abs(np.asarray(f.coefficients) - by_numpy)))
print(f"coefficients differ from NumPy's by {difference:.1e}")

# %% [markdown]
# The train risk is lower than the risk on fresh data: on average by 2 (p / n) sigma^2, with p
# coefficients. More parameters lower the first and raise the second.

# %%
fresh = jr.uniform(fresh_key, (5_000,), minval=-1.0)
noise = sigma * jr.normal(jr.fold_in(fresh_key, 1), fresh.shape)
test = train.on(fe.Data(fresh, jnp.sin(3 * fresh) + noise))
for degree in (1, 5, 20):
    g = fe.solve(train, fe.Series(fe.Chebyshev(degree, (-1.0, 1.0)))).value
    print(f"degree {degree:2}: train risk {float(train(g)):.4f}, test risk {float(test(g)):.4f}")
print(f"the least risk that any f has is sigma^2 = {sigma**2:.4f}")

fits = {"degree 5": f, "degree 20": g, "sin 3x": lambda x: jnp.sin(3 * x)}
fe.plots.functions(fits, fe.Uniform(-1.0, 1.0)).set(ylim=(-2.0, 2.0), ylabel="f(x)")

assert difference < 1e-12
assert float(train(g)) < float(train(f)) < sigma**2 < float(test(f)) < float(test(g))
