"""Who asks for more digits than float32 has is told, and so is who turns float64 on too late."""

import warnings

import jax
import jax.numpy as jnp
import pytest

import fesolve as fe


def series(degree, **options):
    return fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), **options)


def equation(a=-1.0, **options):
    risk = fe.Risk(lambda f, x, a: jax.grad(f)(x) - a * f(x), fe.Uniform(0.0, 1.0), args=(a,))
    return risk + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0), **options)


SINGLE = {"match": "float64 is off in JAX: put `jax.config.update"}
LATE = {"match": "float64 is on in JAX.* was made before that"}


def test_float64_was_forgotten():
    with jax.enable_x64(False):
        with pytest.warns(fe.PrecisionWarning, match="the basis is enriched until f is at round"):
            fe.solve(equation(), series(None))
        with pytest.warns(fe.PrecisionWarning, **SINGLE):
            fe.solve(equation().quadrature(20), series(9), ACCURATE, throw=False)
        with pytest.raises(ValueError, match=r"float32 cannot resolve.*float64 is off in JAX"):
            fe.solve(equation(tolerance=1e-10).quadrature(20), series(9))


ACCURATE = fe.LevenbergMarquardt(accuracy=1e-12)


def test_float64_came_too_late():
    with jax.enable_x64(False):
        f, a, p = series(None), jnp.asarray(0.1), fe.Uniform(jnp.asarray(0.1), jnp.asarray(0.9))
    with pytest.warns(fe.PrecisionWarning, **LATE):
        fe.solve(equation(), f)
    with pytest.warns(fe.PrecisionWarning, match="^`args` of `residual` is float32, and f is floa"):
        late = fe.solve(equation(a), series(None)).value
    assert abs(float(late(1.0)) - jnp.exp(0.1)) > 1e-10, "which is why it is said"
    with pytest.warns(fe.PrecisionWarning, match="^`distribution` of"):
        fe.solve(fe.Risk(lambda f, x: f(x) - x, p), series(None))
    law = fe.Normal(jnp.asarray(0.1, jnp.float32), 0.1)
    with pytest.warns(fe.PrecisionWarning, match="^`shock` of"):
        fe.solve(fe.Risk(lambda f, x, e: f(x) - e, fe.Uniform(0.0, 1.0), shock=law), series(3))


def test_a_failure_in_float32_says_so():
    with jax.enable_x64(False):
        sharp = fe.Risk(lambda f, x: f(x) - jnp.tanh(40.0 * x), fe.Uniform(-1.0, 1.0))
        f = fe.Series(fe.Chebyshev(9, (-1.0, 1.0)))
        with pytest.raises(fe.SolveError, match=r"f is float32, which may be why\. float64 is off"):
            fe.solve(sharp.quadrature(40), f)
        free = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), fe.Uniform(-1.0, 1.0))
        with pytest.raises(fe.SolveError, match=r"^not unique.*f is float32, which may be why"):
            fe.solve(free.quadrature(40), f)


def test_what_is_meant_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fe.solve(equation().quadrature(20), series(9, dtype=jnp.float32))
        data = fe.Data(jnp.ones((9, 1), jnp.float32), jnp.ones(9, jnp.float32))
        regression = fe.Risk(lambda f, x, y: f(x) - y, data, tolerance=jnp.inf)
        fe.solve(regression, fe.Linear(1, use_bias=False))
        fe.solve(equation(), series(None))
