"""A sweep over the degree of a polynomial and a learning rate."""

import tempfile
from pathlib import Path

import fesolve as fe


MODEL = """
import jax, jax.numpy as jnp, jax.random as jr, optax
import fesolve as fe

def fit(degree: int = 5, lr: float = 1e-2, seed: int = 0):
    for_x, for_noise = jr.split(jr.key(seed))
    X = jr.uniform(for_x, (20,), minval=-1.0, maxval=1.0)
    data = fe.Data(X, jnp.sin(3 * X) + 0.1 * jr.normal(for_noise, (20,)))
    train = fe.Risk(lambda f, x, y: f(x) - y, data, tolerance=jnp.inf)
    grid = jnp.linspace(-1.0, 1.0, 200)
    test = train.on(fe.Data(grid, jnp.sin(3 * grid)))
    f = fe.Series(fe.Chebyshev(degree, (-1.0, 1.0)))
    f = fe.solve(train, f, fe.Optax(optax.adam(lr), num_steps=300)).value
    return {"test_loss": float(test(f))}
"""
SWEEP = """
program: model.py:fit
name: sweep
method: bayes
metric: {name: test_loss, goal: minimize}
parameters:
  degree: {values: [1, 3, 5, 7]}
  lr: {distribution: log_uniform_values, min: 1.0e-4, max: 1.0}
"""
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "model.py").write_text(MODEL)
    path = Path(folder) / "sweep.yaml"
    path.write_text(SWEEP)
    table = fe.sweep(str(path), trials=40, journal=f"{folder}/runs.log", seed=0)
figure = table.plot()
