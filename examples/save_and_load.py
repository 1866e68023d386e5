# %% [markdown]
# # Save and load
#
# A solution is an Equinox module. `fe.save` writes its arrays with a header that says what they
# are; `fe.load` puts them into a module of the same structure. Nothing is pickled.

# %%
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp

import fesolve as fe


jax.config.update("jax_enable_x64", True)


def ode(f, x):
    return jax.grad(f)(x) + f(x)


def initial(f, x):
    return f(x) - 1.0


risk = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(initial, fe.Dirac(0.0))


def hypothesis(degree):
    return fe.Series(fe.Chebyshev(degree, (0.0, 2.0)))


f = fe.solve(risk.quadrature(24), hypothesis(16)).value

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "decay.fe"
    fe.save(path, f)
    again = fe.load(path, hypothesis(16))
    try:
        fe.load(path, hypothesis(12))
    except ValueError as error:
        print("into another structure:", str(error).replace(folder, "..."))
    path.write_bytes(path.read_bytes()[:-8])
    try:
        fe.load(path, hypothesis(16))
    except ValueError as error:
        print("a file cut short:", str(error).replace(folder, "..."))

fe.plots.functions(again, fe.Uniform(0.0, 2.0), exact=lambda x: jnp.exp(-x))

assert jnp.array_equal(again.coefficients, f.coefficients)
assert abs(float(again(2.0)) - float(jnp.exp(-2.0))) < 1e-14
