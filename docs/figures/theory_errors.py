"""Risk on the sample and beyond it, as the class grows on ten drawn points."""

import jax
import jax.random as jr
import numpy as np

import fesolve as fe


jax.config.update("jax_enable_x64", True)
risk = fe.Risk(lambda f, x: jax.grad(f)(x) - 1 / (1 + 16 * x**2), fe.Uniform(-1.0, 1.0))
risk = risk + fe.Risk(lambda f, x: f(x), fe.Dirac(0.0))
test = risk.quadrature(200)
samples = [risk.empirical(12, key=key) for key in jr.split(jr.key(0), 10)]
curves = {"on the sample": {}, "beyond it": {}}
for degree in (1, 2, 3, 5, 7, 9, 11):
    series = fe.Series(fe.Chebyshev(degree, (-1.0, 1.0)))
    found = [fe.solve(train, series, throw=False).value for train in samples]
    pairs = list(zip(samples, found, strict=True))
    curves["on the sample"][degree] = float(np.mean([train(f) for train, f in pairs]))
    curves["beyond it"][degree] = float(np.mean([test(f) for f in found]))
ax = fe.plots.convergence(curves, label="degree of f, on 12 drawn points")
ax.set_ylabel("risk, mean of 10 samples")
