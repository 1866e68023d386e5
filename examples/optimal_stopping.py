# %% [markdown]
# # Optimal stopping: a free boundary, two ways
#
# A perpetual put on a stock, dS = r S dt + sigma S dW, may be exercised for K - S at any time. Its
# value satisfies min{r V - A V, V - (K - S)^+} = 0, with the generator A V = r S V' + sigma^2 S^2
# V'' / 2: either holding it earns the interest rate, or one stops. Where that changes is unknown.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
r, sigma, K, low, high = 0.05, 0.2, 1.0, 0.3, 3.0
gamma = 2 * r / sigma**2


def holding(V, S):
    """What it costs to hold: the interest, less the expected gain per unit of time."""
    gain = fe.generator(V, lambda S: r * S, lambda S: sigma * S)
    return (r * V(S) - gain(S)) / (r * K)


# %% [markdown]
# First as it stands: both inequalities and their product, in one Fischer-Burmeister function, on a
# spline. V is bounded far out (it falls like S^-gamma there), and exercised at the lower end.


# %%
def inequality(V, S):
    return fe.fischer_burmeister(holding(V, S), (V(S) - jnp.maximum(K - S, 0.0)) / K)


def bounded(V, S):
    return S * fe.derivative(V)(S) + gamma * V(S)


nodes = low * (high / low) ** ((np.arange(200) + 0.5) / 200)
nodes = fe.Empirical(nodes, population=fe.Uniform(low, high))
risk = (
    fe.Risk(inequality, nodes)
    + fe.Risk(bounded, fe.Dirac(high))
    + fe.Risk(lambda V, S: V(S) - (K - S), fe.Dirac(low))
)
spline = fe.Series(fe.BSpline(200, (np.log(low), np.log(high)), degree=2), start=0.5)
kinked = fe.LevenbergMarquardt(accuracy=2e-3)  # the bend is found to within a piece
V = fe.solve(risk, fe.Ansatz(lambda g, S: g(jnp.log(S)), spline), kinked).value
print(f"V(1) = {float(V(1.0)):.5f} from the variational inequality")

# %% [markdown]
# Then with the boundary as an unknown number. V = K - S + y^2 h(y) above it, y from 0 at the
# boundary to 1 at the upper end in logs, so that value and slope match whatever h is: V is pasted
# smoothly. The equation holds at points y, which move with the boundary.


# %%
class Stopping(eqx.Module):
    h: fe.Series
    boundary: jax.Array

    def stock(self, y):
        return self.boundary * (high / self.boundary) ** y

    def value(self, S):
        y = jnp.log(S / self.boundary) / jnp.log(high / self.boundary)
        return K - S + y**2 * self.h(y)


above = fe.Risk(lambda f, y: holding(f.value, f.stock(y)), fe.Uniform(0.0, 1.0)).quadrature(28)
far = fe.Risk(lambda f, S: bounded(f.value, S), fe.Dirac(high))
start = Stopping(fe.Series(fe.Chebyshev(20, (0.0, 1.0)), start=1.0), jnp.asarray(0.6))
f = fe.solve(above + far, start).value
print(f"exercise below S = {float(f.boundary):.15f}, exactly {K * gamma / (1 + gamma):.15f}")

stopped = lambda S: jnp.where(f.boundary > S, K - S, f.value(S))
both = {"free boundary": stopped, "variational inequality": V}
fe.plots.functions(both, fe.Uniform(low, high), coordinates=("S",)).set_ylabel("value")

S_star = K * gamma / (1 + gamma)
exact = (K - S_star) * (1.0 / S_star) ** -gamma
assert abs(float(V(1.0)) - exact) < 1e-4 and abs(float(f.boundary) - S_star) < 1e-13
