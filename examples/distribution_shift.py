# %% [markdown]
# # The choice of p* decides
#
# Which of two hypotheses is right depends on where it will be used. A demand curve is observed at
# prices of today, p*. A tax moves them to q. The log-linear class is wrong everywhere and little so
# anywhere; the quintic is nearly right at today's prices and knows nothing of others.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
today, taxed = fe.Normal(0.0, 0.3), fe.Normal(1.5, 0.3)  # of the log of the price
sigma = 0.01


def demand(x):
    return jnp.exp(-x) / (1 + 0.2 * jnp.exp(-x))


def draw(p, n, key):
    for_x, for_e = jr.split(key)
    X = p.sample(n, key=for_x)
    return fe.Data(X, demand(X) + sigma * jr.normal(for_e, (n,)))


def error(f, x, y):
    return f(x) - y


train = fe.Risk(error, draw(today, 2_000, jr.key(0)), tolerance=jnp.inf)
test = train.on(draw(today, 10_000, jr.key(1)))
after = train.on(draw(taxed, 10_000, jr.key(2)))
simple = fe.solve(train, fe.Positive(fe.Linear("scalar"))).value
rich = fe.solve(train, fe.Series(fe.Chebyshev(5, (-1.0, 1.0)))).value

# %% [markdown]
# The same two solutions under p* and under q.

# %%
risks = {
    (name, where): float(risk(f)) - sigma**2
    for name, f in {"log-linear": simple, "quintic": rich}.items()
    for where, risk in {"today": test, "taxed": after}.items()
}
for (name, where), value in risks.items():
    print(f"{name:10} {where}: risk above the noise {value:.1e}")

# %% [markdown]
# Where few observations are like those to come, importance weights say what is known. The effective
# sample size says how little that is: a small tax can be judged with today's data, a large one not.


# %%
def ratio(shift):
    """The density of today's prices moved by `shift`, relative to that of today's."""
    return lambda x, y: jnp.exp((shift * x - shift**2 / 2) / 0.3**2)


sizes = {}
for shift in (0.2, 1.2):
    weighted = test.reweighted(ratio(shift))
    fresh = train.on(draw(fe.Normal(shift, 0.3), 10_000, jr.key(3)))
    sizes[shift] = float(weighted.effective_size)
    found, true = float(weighted(simple)), float(fresh(simple))
    worth = f"{sizes[shift]:.0f} draws"
    print(f"moved by {shift}: risk {found:.6f} by weights worth {worth}, {true:.6f} in fact")
    if shift == 0.2:
        assert abs(found / true - 1) < 0.05

# %% [markdown]
# p*(x; f): a policy rule x' = 0.8 x + f(x) moves the states in which it acts. Under the states of
# the old rule f(x) = -0.3 x a change of the rule looks better than it is.

# %%
step = lambda f, x, e: 0.8 * x + f(x) + e
ergodic = fe.Ergodic(step, fe.Dirac(0.0), fe.Normal(0.0, 0.1), periods=400, burn_in=100)
loss = fe.Risk(lambda f, x: jnp.stack([x, 0.5 * f(x)]), ergodic, tolerance=jnp.inf)
old, new = lambda x: -0.3 * x, lambda x: 0.0 * x
stale = loss.given(old).empirical(20_000, key=jr.key(4))
own = loss.given(new).empirical(20_000, key=jr.key(5))
exact = 0.1**2 / (1 - 0.8**2)
print(
    f"the new rule: {float(stale(new)):.4f} where the old one led, {float(own(new)):.4f} on its own"
)

normal = lambda x: jnp.exp(-(x**2) / (2 * exact)) / jnp.sqrt(2 * jnp.pi * exact)
fe.plots.density(new, ergodic, exact=normal, key=jr.key(6))

assert risks["quintic", "today"] < 0.5 * risks["log-linear", "today"]
assert risks["log-linear", "taxed"] < 0.2 * risks["quintic", "taxed"]
assert sizes[0.2] > 0.5 * 10_000 * np.exp(-((0.2 / 0.3) ** 2)) > 1_000 > sizes[1.2]
assert abs(float(own(new)) / exact - 1) < 0.05 and float(stale(new)) < 0.5 * exact
