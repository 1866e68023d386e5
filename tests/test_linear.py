"""One linear solve: against numpy.linalg.lstsq and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def equation(a, n=24):
    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + 10.0 * fe.Risk(initial, fe.Dirac(0.0))
    return risk.quadrature(n)


SERIES = fe.Series(fe.Chebyshev(14, (0.0, 1.0)))


def solve(a, **kwargs):
    return fe.solve(equation(a), SERIES, fe.LinearLeastSquares(), **kwargs)


@pytest.mark.parametrize("seed", range(3))
def test_regression_is_lstsq(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(40, 5)), rng.normal(size=40)
    w = rng.uniform(size=40)
    w /= w.sum()
    risk = fe.Risk(lambda b, p: p[0] @ b - p[1], fe.Empirical((x, y), w), tolerance=np.inf)
    start = jnp.asarray(rng.normal(size=5))
    solution = fe.solve(risk, start, fe.LinearLeastSquares())
    root = np.sqrt(w)
    expected = np.linalg.lstsq(root[:, None] * x, root * y)[0]
    np.testing.assert_allclose(solution.value, expected, rtol=1e-12)
    np.testing.assert_allclose(solution.risk, np.sum(w * (x @ expected - y) ** 2), rtol=1e-12)
    assert bool(solution.result == fe.RESULTS.solved)


def test_a_linear_equation_in_one_step():
    seen = []
    monitor = lambda step, metrics, f: seen.append((step, metrics["risk"], f))
    solution = solve(-2.0, monitors=(monitor,))
    x = jnp.linspace(0.0, 1.0, 101)
    assert jnp.abs(jax.vmap(solution.value)(x) - jnp.exp(-2.0 * x)).max() < 1e-13
    assert int(solution.stats["steps"]) == 1
    assert seen == [(1, float(solution.risk), solution.value)]


def test_the_last_layer_of_a_network():
    net = eqx.nn.MLP("scalar", "scalar", 6, 1, jnp.tanh, key=jr.key(0))
    points = np.linspace(-3.0, 3.0, 30)
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(x), fe.Empirical(points), tolerance=np.inf)
    linear = fe.solve(risk, net, fe.LinearLeastSquares(), only=lambda f: f.layers[-1])
    hidden = jax.vmap(lambda x: jnp.append(jnp.tanh(net.layers[0](x)), 1.0))(jnp.asarray(points))
    _, square, _, _ = np.linalg.lstsq(np.asarray(hidden), np.sin(points))
    np.testing.assert_allclose(linear.risk, square[0] / 30, rtol=1e-9)
    np.testing.assert_array_equal(linear.value.layers[0].weight, net.layers[0].weight)


def logistic(f, x):
    return jax.grad(f)(x) - f(x) * (1 - f(x))


def rises(f, x):
    return f(x) - 0.1


def test_what_is_not_affine_is_said():
    risk = (fe.Risk(logistic, fe.Uniform(0.0, 5.0)) + fe.Risk(rises, fe.Dirac(0.0))).quadrature(24)
    f = fe.Series(fe.Chebyshev(16, (0.0, 5.0)))
    with pytest.raises(fe.SolveError, match=r"not affine.*`fe.LevenbergMarquardt`") as error:
        fe.solve(risk, f, fe.LinearLeastSquares())
    solution = error.value.solution
    assert bool(solution.result == fe.RESULTS.not_affine)
    assert float(solution.risk) <= float(risk(f))
    scaled = jax.jit(lambda c: fe.solve(c * risk, f, fe.LinearLeastSquares()).result)
    assert bool(scaled(1.0) == fe.RESULTS.not_affine)


def test_a_step_that_makes_it_worse_is_not_taken():
    risk = fe.Risk(lambda c: jnp.exp(-c) - 2.0 + 1e-3 * c**2)
    start = jnp.asarray(6.0)
    solution = fe.solve(risk, start, fe.LinearLeastSquares(), throw=False)
    assert bool(solution.result == fe.RESULTS.not_affine)
    assert float(solution.risk) <= float(risk(start))


def test_where_theta_is_not_determined():
    risk = fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(-2.0,)).quadrature(24)  # without a condition
    with pytest.raises(fe.SolveError, match="not unique"):
        fe.solve(risk, SERIES, fe.LinearLeastSquares())
    with pytest.raises(ValueError, match=r"5 residual rows and f has 15 unknowns"):
        fe.solve(equation(-1.0, 4), SERIES, fe.LinearLeastSquares())


def test_non_finite():
    risk = fe.Risk(lambda c: jnp.log(c))
    solution = fe.solve(risk, jnp.asarray(-1.0), fe.LinearLeastSquares(), throw=False)
    assert bool(solution.result == fe.RESULTS.non_finite)


def test_mapped_is_the_loop():
    rates = jnp.asarray([-2.0, -0.5, 1.0])
    together = jax.vmap(lambda a: solve(a).value.coefficients)(rates)
    for a, coefficients in zip(rates, together):
        np.testing.assert_allclose(coefficients, solve(float(a)).value.coefficients, atol=1e-13)


def test_derivative():
    np.testing.assert_allclose(
        jax.grad(lambda a: solve(a).value(1.0))(-2.0), np.exp(-2.0), rtol=1e-10
    )


def test_single_precision():
    f = fe.Series(fe.Chebyshev(8, (0.0, 1.0)), dtype=jnp.float32)
    solution = fe.solve(equation(-1.0), f, fe.LinearLeastSquares())
    assert solution.value.coefficients.dtype == jnp.float32
    assert abs(float(solution.value(jnp.float32(1.0))) - np.exp(-1.0)) < 1e-5


def test_spectral_elements_get_their_nodes():
    f = fe.Series(fe.SpectralElements(8, np.linspace(0.0, 1.0, 4)))
    solution = fe.solve(equation(-1.0), f, fe.LinearLeastSquares())
    assert abs(float(solution.value(1.0)) - np.exp(-1.0)) < 1e-9
