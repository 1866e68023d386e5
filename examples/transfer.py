# %% [markdown]
# # A representation, reused
#
# Twelve equations f' = -a f + sin(b x), f(0) = 1, are solved together by one network g with twelve
# linear heads. Then comes a new equation, with few points. Its f is a head on g: with g frozen,
# with g tuned along, and from scratch.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
box, code = (0.0, 2.0), 8


def ode(f, x, a, b):
    return jax.grad(f)(x) + a * f(x) - jnp.sin(b * x)


def equation(a, b):
    start = fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    return fe.Risk(ode, fe.Uniform(*box), args=(a, b)) + start


def exact(a, b, x):
    """exp(-a x) and a particular solution of the forced equation."""
    scale = a**2 + b**2
    return (1 + b / scale) * np.exp(-a * x) + (a * np.sin(b * x) - b * np.cos(b * x)) / scale


def features(key):
    return fe.MLP(
        "scalar", code, width=16, depth=1, support=box, final_activation=jnp.tanh, key=key
    )


def head(g, key):
    outer = eqx.nn.Linear(code, "scalar", key=key)
    return fe.Compose(outer, g)


class Family(eqx.Module):
    """Heads on one g."""

    heads: list
    g: fe.MLP

    def at(self, i):
        return fe.Compose(self.heads[i], self.g)


rng = np.random.default_rng(0)
tasks = [(float(a), float(b)) for a, b in rng.uniform([0.5, 0.5], [2.0, 3.0], (12, 2))]
joint = sum(
    fe.Risk(lambda f, x, a, b, i=i: ode(f.at(i), x, a, b), fe.Uniform(*box), args=task)
    + fe.Risk(lambda f, x, i=i: f.at(i)(x) - 1.0, fe.Dirac(0.0))
    for i, task in enumerate(tasks)
)
heads = [eqx.nn.Linear(code, "scalar", key=k) for k in jr.split(jr.key(1), 12)]
family = Family(heads, features(jr.key(0)))
solver = fe.LevenbergMarquardt(max_steps=300)
g = fe.solve(joint.quadrature(24), family, solver, throw=False).value.g

# %% [markdown]
# The largest error of the new solution over [0, 2], the median over five seeds.

# %%
new, x = (1.3, 2.2), np.linspace(*box, 201)
errors = {}
for n in (8, 12, 20):
    for kind in ("frozen", "tuned", "scratch"):
        found = []
        for seed in range(5):
            keys = jr.split(jr.key(seed), 3)
            inner = {"frozen": fe.freeze(g), "tuned": g, "scratch": features(keys[0])}[kind]
            sample = equation(*new).empirical(n, key=keys[1])
            f = fe.solve(sample, head(inner, keys[2]), solver, throw=False).value
            found.append(float(np.max(np.abs(jax.vmap(f)(x) - exact(*new, x)))))
        errors[n, kind] = np.median(found)
    one_each = [f"{kind} {errors[n, kind]:.1e}" for kind in ("frozen", "tuned", "scratch")]
    print(f"n = {n:2}:", ", ".join(one_each))

kinds = ("frozen", "tuned", "scratch")
curves = {kind: {n: errors[n, kind] for n in (8, 12, 20)} for kind in kinds}
fe.plots.convergence(curves, label="points")

assert errors[8, "frozen"] < 0.2 * errors[8, "scratch"]
