# %% [markdown]
# # When to retire: a choice that cannot be undone, age by age
#
# Who works at age t with wealth m earns y for tomorrow, at a disutility delta, and may work or
# retire then. Retirement is for good, and its value Q is known. Each later choice puts a kink into
# the value W of working, and a jump into consumption: the equation of Euler alone does not tell
# where, the maximum does.

# %%
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
beta, income, delta, periods, top = 0.98, 20.0, 1.0, 20, 400.0  # at an interest rate of 0
ages = np.arange(periods)
lives = (1 - beta ** (periods - ages)) / (1 - beta)  # discounted, from an age on
later = [beta ** np.arange(periods - t) @ np.arange(periods - t) for t in ages]
level = np.array(later) * np.log(beta) - lives * np.log(lives)
savings = jnp.asarray(top * np.linspace(0.0, 1.0, 2_001) ** 2)

# %% [markdown]
# The maximum is over a grid of savings, and by a parabola through the best one and its neighbours:
# nothing need be concave.


# %%
def ahead(w, t, scale):
    """beta E max{W, Q} at age t + 1, at the savings; at the last age nobody works."""
    m = savings + income
    retired = jnp.asarray(lives)[t + 1] * jnp.log(m) + jnp.asarray(level)[t + 1]
    working = jnp.where(t + 2 < periods, jax.vmap(w)(jnp.log(m)), -jnp.inf)
    choose = lambda v, q: fe.discrete_choice(jnp.stack([v, q]), scale)[0]
    return beta * jax.vmap(choose)(working, retired)


def best(m, ahead):
    """The largest value of working, and the saving."""
    c = m - savings
    q = jnp.where(c > 0, jnp.log(jnp.where(c > 0, c, 1.0)) - delta + ahead, -jnp.inf)
    k = jnp.argmax(q)
    i = jnp.clip(k, 1, savings.size - 2)
    left, right = savings[i] - savings[i - 1], savings[i + 1] - savings[i]
    rise, fall = (q[i] - q[i - 1]) / left, (q[i + 1] - q[i]) / right
    slope, bend = (rise * right + fall * left) / (left + right), (fall - rise) / (left + right)
    inside = (k == i) & jnp.isfinite(fall) & (bend < 0)
    move = jnp.where(inside, -0.5 * slope / jnp.where(inside, bend, -1.0), 0.0)
    gain = jnp.where(inside, move * (slope + bend * move), 0.0)
    return q[k] + gain, savings[k] + move


def bellman(f, x, w, t, scale):
    return f(x) - best(jnp.exp(x), ahead(w, t, scale))[0]


# %% [markdown]
# From the last age backwards: one program serves all, since what differs is passed in `args`.


# %%
knots = np.linspace(np.log(0.5 * income), np.log(top + income), 300)
padded = np.pad(knots, 2, mode="edge")
points = np.array([padded[k + 1 : k + 3].mean() for k in range(knots.size + 1)])
points = fe.Empirical(points, population=fe.Uniform(knots[0], knots[-1]))


def life(scale):
    """The values of working by age."""
    w = fe.Series(fe.BSpline(knots, degree=2))
    values = [w]
    for t in range(periods - 2, -1, -1):
        args = (values[0], jnp.asarray(t), scale)
        values.insert(0, fe.solve(fe.Risk(bellman, points, args=args, tolerance=1e-3), w).value)
    return values


consumption = jax.jit(lambda m, w, t, scale: m - best(m, ahead(w, t, scale))[1])  # w is that ahead


smooth, sharp = life(0.05), life(0.0)

# %% [markdown]
# Without shocks consumption jumps where retirement moves by a year. Below: DC-EGM in NumPy.

# %%
at = [(17, 100.0), (15, 60.0), (5, 40.0), (0, 30.0)]
found = [
    [float(consumption(m, values[t + 1], t, scale)) for t, m in at]
    for values, scale in ((smooth, 0.05), (sharp, 0.0))
]
print(*(f"age {t}, wealth {m:g}: {c:.4f}" for (t, m), c in zip(at, found[1])), sep="\n")
of_age = lambda t: lambda m: consumption(m, sharp[t + 1], t, 0.0)
ages = {f"age {t}": of_age(t) for t in (17, 15, 10, 0)}
ax = fe.plots.functions(ages, fe.Uniform(10.0, 150.0), coordinates=("wealth",))
ax.set_ylabel("consumption")
dcegm = [[40.81086, 20.6029, 24.05329, 22.74891], [40.81077, 20.81616, 24.05329, 22.74891]]
assert np.allclose(found, dcegm, rtol=1e-4)
