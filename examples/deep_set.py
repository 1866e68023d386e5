# %% [markdown]
# # Sets, and their moments
#
# A function of a set is rho(mean phi(x_n)) (Zaheer et al., 2017). With phi = (x, x^2) the mean is
# that of two moments, and of any number of members the variance is rho(m) = m_2 - m_1^2. If phi is
# learnt from sets of five, what has it learnt, and does it hold for sets of a hundred?

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def sets(key, number, size):
    """Draws of uniform laws of many means and widths, and the variance of each set."""
    a, b, c = jr.split(key, 3)
    middle, width = jr.uniform(a, (number, 1)) - 0.5, 0.2 + jr.uniform(b, (number, 1))
    X = middle + width * (jr.uniform(c, (number, size)) - 0.5)
    return fe.Data(X, jnp.var(X, axis=1))


def error(f, x, y):
    return f(x) - y


train = fe.Risk(error, sets(jr.key(0), 400, 5), tolerance=jnp.inf)
large = fe.Risk(error, sets(jr.key(1), 400, 100), tolerance=jnp.inf)

# %% [markdown]
# By hand: moments, and a polynomial of them that is found by one linear solve.

# %%
moments = lambda x: jnp.stack([x, x**2])
polynomial = fe.Series(fe.Tensor(fe.Chebyshev(2, (-1.1, 1.1)), fe.Chebyshev(1, (0.0, 1.3))))
by_hand = fe.solve(train, fe.DeepSet(polynomial, moments)).value
print(f"moments: risk on sets of 100 {float(large(by_hand)):.1e}")

# %% [markdown]
# Learnt: phi is a network into the plane.

# %%
phi = fe.MLP("scalar", 2, width=8, depth=1, support=(-1.1, 1.1), key=jr.key(2))
rho = fe.MLP(2, "scalar", width=8, depth=1, key=jr.key(3))
learnt = fe.solve(train, fe.DeepSet(rho, phi), fe.LevenbergMarquardt(max_steps=200)).value
spread = float(jnp.var(large.distribution.points.y))
print(f"network: risk on sets of 100 {float(large(learnt)):.1e}, of a constant {spread:.1e}")

# %% [markdown]
# What phi has learnt are the moments, in other coordinates: 1, x and x^2 regressed on 1 and phi.

# %%
x = np.linspace(-0.9, 0.9, 200)
columns = np.column_stack([np.ones(200), jax.vmap(learnt.phi)(x)])
shares = {}
for name, moment in {"x": x, "x^2": x**2}.items():
    rest = moment - columns @ np.linalg.lstsq(columns, moment, rcond=None)[0]
    shares[name] = 1 - np.var(rest) / np.var(moment)
    print(f"phi explains {shares[name]:.4f} of {name}")

fe.plots.functions({"phi": learnt.phi}, fe.Uniform(-1.1, 1.1))

assert float(large(by_hand)) < 1e-20
assert float(large(learnt)) < 1e-2 * spread
assert min(shares.values()) > 0.98
