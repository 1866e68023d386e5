# %% [markdown]
# # From a payoff to a policy: Euler and Bellman equation of one model
#
# Output is z k^alpha, what is left of it after consumption is tomorrow's capital, and log z'
# = rho log z + e. The Euler equation comes from the payoff of a period as a function of today's
# and tomorrow's capital, by automatic differentiation; nobody differentiates by hand.

# %%
import equinox as eqx
import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)
alpha, beta, rho, sigma = 0.36, 0.95, 0.8, 0.02
shock = fe.Normal(0.0, sigma).quadrature(5)
box = fe.Uniform([0.1, -0.15], [0.35, 0.15])  # k and log z


def payoff(k, k1, z):
    return jnp.log(jnp.exp(z) * k**alpha - k1)


def law(z, e):
    return rho * z + e


class Savings(eqx.Module):
    """k' is a share of output, a series in (log k, log z)."""

    logit: fe.Series

    def __call__(self, x):
        share = jax.nn.sigmoid(self.logit(jnp.stack([jnp.log(x[0]), x[1]])))
        return share * jnp.exp(x[1]) * x[0] ** alpha


def series(degree, **options):
    bases = fe.Chebyshev(degree, (-2.6, -0.8)), fe.Chebyshev(degree, (-0.25, 0.25))
    return fe.Series(fe.Tensor(*bases, degree=degree), **options)


euler = fe.euler_residual(payoff, beta, law)
risk = fe.Risk(euler, box, shock=shock).quadrature(8)
policy = fe.solve(risk, Savings(series(3))).value

# %% [markdown]
# The same model by its Bellman equation. The maximum is outside of the expectation, which the
# residual therefore takes itself. Value iteration is the fixed point of the operator; its rate is
# beta. With Anderson's acceleration it needs a tenth of the steps.


# %%
class Value(eqx.Module):
    series: fe.Series

    def __call__(self, x):
        return self.series(jnp.stack([jnp.log(x[0]), x[1]]))


def operator(v, x):
    """max over k' of the payoff and what v says about tomorrow."""
    k, z = x
    y = jnp.exp(z) * k**alpha

    def q(k1):
        tomorrow = fe.expectation(lambda e: v(jnp.stack([k1, law(z, e)])), shock)
        return payoff(k, k1, z) + beta * tomorrow

    return q(fe.argmax(q, 0.05 * y, 0.95 * y))


def step(v, g, x):
    return v(x) - operator(g, x)


bellman = fe.Risk(lambda v, x: step(v, v, x), box).quadrature(6)
iteration = fe.FixedPoint(step, anderson=4)
solution = fe.solve(bellman, Value(series(2, start=-12.0)), iteration)
print(f"value iteration, accelerated, took {int(solution.stats['steps'])} steps")

# %% [markdown]
# The policy is known, k' = alpha beta z k^alpha, and so is the slope of the value in log k.

# %%
x = jnp.array([0.2, 0.1])
share = float(policy(x) / (jnp.exp(x[1]) * x[0] ** alpha))
slope = float(x[0] * jax.grad(solution.value)(x)[0])
print(f"saved is a share of {share:.12f}, exactly {alpha * beta:.12f}")
print(f"dV / dlog k = {slope:.10f}, exactly {alpha / (1 - alpha * beta):.10f}")

fe.plots.functions({"k'": policy}, box, coordinates=("k", "log z"), diagonal=True)

assert abs(share / (alpha * beta) - 1) < 1e-10
assert abs(slope * (1 - alpha * beta) / alpha - 1) < 1e-7
