# %% [markdown]
# # Five ways to choose among functions
#
# Twenty noisy observations do not determine a function. What does is a preference: for small
# weights (ridge), for small slopes (Sobolev), for a small norm in a space of kernels, for what is
# near the start (early stopping), or for the least norm among those that fit. Each is a risk or
# a solver, on one sample.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

import fesolve as fe


jax.config.update("jax_enable_x64", True)

n, sigma, degree = 20, 0.3, 15
box = (-1.0, 1.0)


def draw(key, n):
    for_x, for_e = jr.split(key)
    X = jr.uniform(for_x, (n,), minval=-1.0)
    return fe.Data(X, jnp.sin(3 * X) + sigma * jr.normal(for_e, (n,)))


def error(f, x, y):
    return f(x) - y


train, valid, test = (
    fe.Risk(error, draw(jr.key(seed), size), tolerance=jnp.inf)
    for seed, size in ((0, n), (1, 200), (2, 5_000))
)
series = fe.Series(fe.Chebyshev(degree, box))
slope = fe.Risk(lambda f, x: jax.grad(f)(x), fe.Uniform(*box), tolerance=jnp.inf).quadrature(24)
centres = jnp.linspace(*box, 25)
kernels = fe.Series(fe.KernelBasis(fe.Matern52(0.5), centres))

# %% [markdown]
# How strong the preference is, the validation risk decides.

# %%
strengths = np.logspace(-7, 0, 15)


def chosen(f, norm):
    found = [fe.solve(train + strength * norm, f).value for strength in strengths]
    return min(found, key=lambda f: float(valid(f)))


early = fe.EarlyStop(valid, patience=20)
descent = fe.Optax(optax.sgd(0.05), num_steps=5_000, every=50)
fe.solve(train, series, descent, monitors=(early,))
wide = fe.Series(fe.KernelBasis(fe.Matern52(0.5), jnp.linspace(*box, 40)))
found = {
    "none": fe.solve(train, series).value,
    "ridge": chosen(series, fe.weights_norm),
    "Sobolev": chosen(series, slope),
    "kernels": chosen(kernels, fe.rkhs_norm()),
    "early stopping": early.best,
    "least norm": fe.solve(train, wide, fe.MinimumNorm(fe.rkhs_norm())).value,
}
risks = {name: float(test(f)) for name, f in found.items()}
for name, risk in risks.items():
    print(f"{name:15} test risk {risk:.4f}")
print(f"{'sigma^2':15} {sigma**2:.4f}")

# %% [markdown]
# The strength can be found by its derivative as well. The solution is an implicit function of it,
# and so is the validation risk: `jax.grad` goes through the solve.


# %%
def validation(log_strength):
    f = fe.solve(train + jnp.exp(log_strength) * fe.weights_norm, series).value
    return valid(f)


at, h = jnp.log(1e-2), 1e-4
slope_at = float(jax.grad(validation)(at))
difference = float((validation(at + h) - validation(at - h)) / (2 * h))
print(f"d valid / d log strength: {slope_at:.9f}, by differences {difference:.9f}")
for _ in range(20):
    at = at - 20.0 * jax.grad(validation)(at)
print(f"descent ends at a strength of {float(jnp.exp(at)):.1e}, {float(validation(at)):.4f}")

few = {name: found[name] for name in ("none", "ridge", "kernels")}
ax = fe.plots.functions({"sin 3x": lambda x: jnp.sin(3 * x), **few}, fe.Uniform(*box))
X, Y = train.distribution.points
ax.plot(X, Y, "o", color="0.5", markersize=4)
ax.set(ylim=(-2, 2), ylabel="f(x), and data")

assert abs(slope_at / difference - 1) < 1e-6
assert all(sigma**2 < risk < 0.5 * risks["none"] for name, risk in risks.items() if name[0] != "n")
