# %% [markdown]
# # The length of a kernel, learnt through the solve
#
# The representation of a kernel is the feature map that it stands for; its length says what is
# near. It is no parameter of f, and yet can be learnt: the solution is an implicit function of it,
# and the validation risk of the solution has a derivative in it.

# %%
import jax
import jax.numpy as jnp
import jax.random as jr

import fesolve as fe


jax.config.update("jax_enable_x64", True)

n, sigma, strength = 40, 0.1, 1e-3
centres = jnp.linspace(-1.0, 1.0, 30)


def draw(key, n):
    for_x, for_e = jr.split(key)
    X = jr.uniform(for_x, (n,), minval=-1.0)
    return fe.Data(X, jnp.sin(6 * X) + sigma * jr.normal(for_e, (n,)))


train, valid, test = (
    fe.Risk(lambda f, x, y: f(x) - y, draw(jr.key(seed), size), tolerance=jnp.inf)
    for seed, size in ((0, n), (1, 100), (2, 5_000))
)


def fitted(log_length):
    kernel = fe.Matern32(jnp.exp(log_length))
    f = fe.Series(fe.KernelBasis(kernel, centres))
    return fe.solve(train + strength * fe.rkhs_norm(), f, fe.LinearLeastSquares()).value


@jax.jit
def validation(log_length):
    return valid(fitted(log_length))


# %% [markdown]
# The derivative against differences, and descent by it from a length that is much too long.

# %%
slope, at, h = jax.jit(jax.grad(validation)), jnp.log(0.6), 1e-3
difference = float((validation(at + h) - validation(at - h)) / (2 * h))
print(f"derivative {float(slope(at)):.8f}, by differences {difference:.8f}")
begin = jnp.log(1.5)
log_length = begin
for i in range(60):
    log_length = log_length - 0.2 * 0.93**i * jnp.sign(slope(log_length))
before, after = (float(test(fitted(value))) for value in (begin, log_length))
grid = {float(value): float(validation(value)) for value in jnp.log(jnp.geomspace(0.03, 2.0, 60))}
best = min(grid.values())
print(f"length {float(jnp.exp(begin)):.3f}: test risk {before:.5f}")
print(f"length {float(jnp.exp(log_length)):.3f}: test risk {after:.5f}; sigma^2 = {sigma**2:.5f}")

lengths = {float(jnp.exp(value)): risk for value, risk in grid.items()}
fe.plots.convergence(lengths, label="length of the kernel").set_ylabel("validation risk")

assert abs(float(slope(at)) / difference - 1) < 1e-5
assert float(validation(log_length)) < 1.1 * best and after < before
