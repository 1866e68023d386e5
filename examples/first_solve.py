# %% [markdown]
# # A first solve
#
# A functional equation is a risk whose minimum is zero. Here the equation is f'(x) = a f(x) with
# f(0) = 1: the residual l(f, x) = f'(x) - a f(x) should vanish for x uniform on [0, 1], and
# f(x) - 1 at x = 0.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)

# %% [markdown]
# Residuals are plain functions of f and of one point x. Derivatives are JAX's.


# %%
def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


a = -2.0
risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + 10.0 * fe.Risk(initial, fe.Dirac(0.0))

# %% [markdown]
# The hypothesis class H holds the polynomials of degree 16. The risk is put on 24 Gauss nodes and
# minimised. `solve` raises unless every equation holds to within its tolerance.

# %%
series = fe.Series(fe.Chebyshev(16, (0.0, 1.0)))
train = risk.quadrature(24)
solution = fe.solve(train, series)
f = solution.value

# %% [markdown]
# Zero risk on 24 nodes says nothing of the points between them. The report takes fresh ones, seeks
# the worst of all, and compares with the solution where it is known.

# %%
report = fe.RiskReport(
    f,
    train=train,
    test=risk.empirical(10_000, key=jr.key(0)),
    exact=lambda x: jnp.exp(a * x),
)
print(report)

fe.plots.functions(f, train, exact=lambda x: jnp.exp(a * x), error=report.error)

assert report.solved
assert report.errors[0].largest < 1e-14
