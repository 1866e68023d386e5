"""Three classes on a smooth function and on one with a bend."""

import jax
import jax.numpy as jnp
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
interval = (-1.0, 1.0)
x = jnp.linspace(*interval, 1_001)
targets = {"smooth": lambda x: 1 / (1 + 4 * x**2), "bend": lambda x: jnp.maximum(x - 0.3, 0.0)}
bases = {
    "Chebyshev": lambda n: fe.Chebyshev(n - 1, interval),
    "spline": lambda n: fe.BSpline(n - 3, interval, degree=3),
}
curves = {}
for kind, target in targets.items():
    for name, basis in bases.items():
        curve = curves[f"{name}, {kind}"] = {}
        for n in (6, 9, 14, 22, 34, 52, 80):
            f = fe.fit(fe.Series(basis(n)), target, fe.Uniform(*interval)).value
            curve[n] = float(np.max(np.abs(jax.vmap(f)(x) - jax.vmap(target)(x))))
fe.plots.convergence(curves, label="unknowns")
