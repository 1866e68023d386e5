# %% [markdown]
# # Expectations: rules, draws, and the square that must not go inside
#
# E_e[g(e)] over the shocks of a model is a sum over points: of a quadrature rule, or of draws.
# Which one is a matter of how many shocks there are, and how smooth g is.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)

# %% [markdown]
# Marginal utility after five correlated shocks has the mean exp(w' C w / 2).

# %%
d, weights = 5, jnp.full(5, -0.6)
covariance = 0.04 * (0.7 * np.eye(d) + 0.3)
shocks = fe.Normal(np.zeros(d), covariance=covariance)
exact = float(jnp.exp(weights @ jnp.asarray(covariance) @ weights / 2))


def error(rule):
    return abs(float(fe.expectation(lambda e: jnp.exp(weights @ e), rule)) / exact - 1)


errors = {
    "Gauss-Hermite": (shocks.quadrature(3), error(shocks.quadrature(3))),
    "monomial, degree 3": (rule := fe.Monomial(shocks, 3).quadrature(), error(rule)),
    "monomial, degree 5": (rule := fe.Monomial(shocks, 5).quadrature(), error(rule)),
    "Sobol": (rule := fe.Sobol(shocks).empirical(1024, key=jr.key(0)), error(rule)),
    "Antithetic": (rule := fe.Antithetic(shocks).empirical(1024, key=jr.key(0)), error(rule)),
    "independent draws": (rule := shocks.empirical(1024, key=jr.key(0)), error(rule)),
}
for name, (rule, off) in errors.items():
    print(f"{name:20s} {rule.size:5d} points, off by {off:.1e}")

# %% [markdown]
# A rule is checked against its law: NumPy's Gauss-Hermite nodes lack a factor sqrt(2).

# %%
nodes, sums = np.polynomial.hermite.hermgauss(5)
try:
    fe.Empirical(0.04 * nodes, sums / np.sqrt(np.pi), population=fe.Normal(0.0, 0.04))
except ValueError as refusal:
    words = str(refusal)
print(words)

# %% [markdown]
# ## The square goes outside
#
# The Euler equation of stochastic growth holds in expectation, r(f, x) = E_e[r(f, x, e)]. With an
# exact rule as the `shock` of a risk it is E_x[(E_e r)^2]; with a law, from which two independent
# draws are multiplied at each point, it is so on average. Squaring one draw gives E[r^2] =
# E[(E_e r)^2] + E[Var_e r]: a risk with a positive minimum, at another policy.

# %%
problem = fe.problems.stochastic_growth(calibration="B")
term = problem.risk.terms[0]
euler, states, shock = term.residual, term.distribution, term.shock
f = problem.choice(degree=5).hypothesis(jr.key(0))
right = fe.solve(problem.risk.quadrature(9), f).value


together = lambda f, point: euler(f, point["x"], point["e"])
joint = fe.Product(x=states.quadrature(9), e=shock).quadrature(1)
wrong = fe.solve(fe.Risk(together, joint, tolerance=jnp.inf), f)

product = fe.Risk(euler, states, shock=fe.Normal(0.0, 0.04)).empirical(200_000, key=jr.key(1))
print(f"E[r^2] stops at {float(wrong.risk):.1e}")
print(f"two draws multiplied: {float(product(wrong.value)):.1e} there, {float(product(right)):.1e}")


# %%
def consumption(f, k, z):
    return f.calibration.resources(k, z) - f.next_capital(jnp.array([k, z]))


places = {"steady state": (6.36684, 0.0), "a boom": (6.36684, 0.1), "rich": (10.0, 0.0)}
bias = {
    name: float(consumption(wrong.value, *x) / consumption(right, *x)) - 1
    for name, x in places.items()
}
print("consumption by E[r^2]:", ", ".join(f"{share:+.1%} in {k}" for k, share in bias.items()))

drawn = {"(E r)^2": right, "E[r^2]": wrong.value}
drawn = {name: lambda x, f=f: consumption(f, *x) for name, f in drawn.items()}
fe.plots.functions(drawn, states, coordinates=("k", "z"))

assert errors["monomial, degree 5"][1] < 1e-3
assert errors["Gauss-Hermite"][1] < errors["monomial, degree 3"][1]
assert errors["Sobol"][1] < errors["independent draws"][1]
assert "sqrt(2)" in words
assert -0.02 < bias["steady state"] < -0.01
assert -0.04 < bias["a boom"] < -0.02 and -0.04 < bias["rich"] < -0.02
