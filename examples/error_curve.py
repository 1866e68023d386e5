# %% [markdown]
# # Bias, variance and what comes after them
#
# `fe.error_curve` takes several hypothesis classes and sample sizes, and says of each where its
# error comes from. Where a residual is affine in theta it goes on past as many unknowns as rows, by
# the minimum of least norm.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)

# %% [markdown]
# Regression first: y = b . x + e, of which the first k regressors are used. On n = 8 points the
# excess risk explodes at k = 8 and comes down again beyond (Belkin, Hsu and Xu, 2020).

# %%
D, sigma, n = 40, 0.5, 8
b = np.cos(np.arange(D)) / np.sqrt(D)
p = fe.Product(x=fe.Normal(np.zeros(D), 1.0), e=fe.Normal(0.0, 1.0))
regression = fe.Risk(lambda f, p: f(p["x"][: f.weight.size]) - p["x"] @ b - sigma * p["e"], p)
lines = {k: (lambda key, k=k: fe.Linear(k, use_bias=False)) for k in (2, 4, 7, 8, 9, 12, 20, 40)}
settings = {"n": n, "replications": 200, "key": jr.key(0)}
curve = fe.error_curve(regression, lines, irreducible=sigma**2, **settings)
print(curve)
ols = {c.label: c.medians["excess"] for c in curve.cells}

# %% [markdown]
# An equation with a boundary layer, 0.02 f' + f = sin(9 x), f(0) = 1, on as few points. There is no
# noise, and what the class cannot hold takes its place. The smooth equation f' + f = 0 has no such
# second descent: a series holds its solution long before k = n, and past it the least norm of
# coefficients chooses another function.

# %%
x = fe.Uniform(0.0, 2.0)
start = fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
layer = fe.Risk(lambda f, x: 0.02 * jax.grad(f)(x) + f(x) - jnp.sin(9 * x), x) + start
smooth = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), x) + start
degrees = (1, 4, 7, 8, 12, 24)
series = {d + 1: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (0.0, 2.0)))) for d in degrees}
totals = {}
for name, risk in {"layer": layer, "smooth": smooth}.items():
    curve = fe.error_curve(risk, series, population=risk.quadrature(100), **settings)
    totals[name] = {c.label: c.eps_app.value + c.medians["excess"] for c in curve.cells}
    print(name, {k: f"{total:.1e}" for k, total in totals[name].items()})

# %% [markdown]
# Over the number of unknowns for each row of a sample; at 1 the rows determine f.

# %%
rows = {"regression": n, "layer": n + 1, "smooth": n + 1}
drawn = {"regression": ols, **totals}
drawn = {name: {k / rows[name]: risk for k, risk in drawn[name].items()} for name in drawn}
_, axes = plt.subplots(2, 1, figsize=(5.2, 5.8), layout="constrained")
for ax, names in zip(axes, (("regression", "layer"), ("smooth",)), strict=True):
    curves = {name: drawn[name] for name in names}
    fe.plots.convergence(curves, label="unknowns for each row", ax=ax)
    ax.axvline(1.0, color="0.6", linewidth=1.0)
    ax.set_ylabel("risk above the least")
    ax.set_title("equation f' + f = 0" if names == ("smooth",) else "", fontsize=10)

assert ols[8] > 5 * max(ols[2], ols[40])
assert totals["layer"][9] > 5 * totals["layer"][2] > 5 * totals["layer"][13]
assert totals["smooth"][8] < 1e-6 < 1e-2 < totals["smooth"][13] < totals["smooth"][25]
