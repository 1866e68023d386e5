# %% [markdown]
# # Where does the error come from?
#
# A risk that was minimised on n points is off for two reasons: the hypothesis class may not hold
# the solution (eps_app), and n points are not the population (eps_est). `fe.error_decomposition`
# draws many samples, solves on each, and tells the two apart, with standard errors.

# %%
import jax
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def ode(f, x):
    return jax.grad(f)(x) + f(x)


def initial(f, x):
    return f(x) - 1.0


risk = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + 10.0 * fe.Risk(initial, fe.Dirac(0.0))


def decompose(degree, n):
    return fe.error_decomposition(
        risk,
        lambda key: fe.Series(fe.Chebyshev(degree, (0.0, 2.0))),
        n=n,
        replications=100,
        key=jr.key(0),
    )


# %% [markdown]
# Degree 3 cannot hold exp(-x), and the approximation error stays, however many points there are.
# With few points the train risk is too low (eps_est < 0) and the risk on fresh points too high;
# with more, both come down.

# %%
few, many = decompose(3, 8), decompose(3, 64)
print(few)
print(many)

# %%
parts = {
    "excess": {8: few.excess.value, 64: many.excess.value},
    "approximation": {8: few.eps_app.value, 64: many.eps_app.value},
}
fe.plots.convergence(parts, label="n").set_ylabel("risk")

assert many.eps_app.value > 1e-5
assert few.gap.value > 4 * many.gap.value > 0
assert few.eps_est.value < 0 < few.excess.value
