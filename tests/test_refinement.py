"""Bases that grow until f is resolved, for every solver; adaptive elements against SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
from scipy.integrate import solve_bvp, solve_ivp
from scipy.special import erf

import fesolve as fe


def decay(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def averaged(f, g, x, a):
    """A step of Picard's iteration in a form that contracts: f' + 4 f = (a + 4) g."""
    return jax.grad(f)(x) + 4 * f(x) - (a + 4) * g(x)


LEVEL = fe.Risk(lambda f, x: f(x), fe.Uniform(0.0, 1.0)).quadrature(40)
SOLVERS = {
    "linear": fe.LinearLeastSquares(),
    "optimistix": fe.Optimistix(optimistix.GaussNewton(rtol=1e-12, atol=1e-12)),
    "minimum norm": fe.MinimumNorm(LEVEL),
    "fixed point": fe.FixedPoint(averaged, tolerance=1e-14),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_every_solver_finds_a_degree(name):
    risk = fe.Risk(decay, fe.Uniform(0.0, 1.0), args=(-2.0,)) + fe.Risk(initial, fe.Dirac(0.0))
    solution = fe.solve(
        risk.quadrature(8), fe.Series(fe.Chebyshev(None, (0.0, 1.0))), SOLVERS[name]
    )
    assert solution.value.basis.degree == int(solution.stats["degree"]) <= 32
    x = np.linspace(0.0, 1.0, 50)
    np.testing.assert_allclose(jax.vmap(solution.value)(x), np.exp(-2 * x), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "basis",
    (fe.Chebyshev(None, (0.0, 1.0)), fe.BSpline(4, (0.0, 1.0), degree=5, adaptive=True)),
)
def test_a_residual_that_is_not_affine_is_not_asked_for_in_richer_spaces(basis):
    logistic = lambda f, x: jax.grad(f)(x) - 8 * f(x) * (1 - f(x))
    risk = fe.Risk(logistic, fe.Uniform(0.0, 1.0)) + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))
    solution = fe.solve(risk.quadrature(8), fe.Series(basis), SOLVERS["linear"], throw=False)
    assert solution.result == fe.RESULTS.not_affine
    assert int(solution.stats["steps"]) == 1


def test_a_degree_is_found_where_newton_does_not_arrive():
    """f' = 10 f (1 - f), of which no low degree knows anything."""
    logistic = lambda f, x: jax.grad(f)(x) - 10 * f(x) * (1 - f(x))
    risk = fe.Risk(logistic, fe.Uniform(0.0, 5.0)) + fe.Risk(lambda f, x: f(x) - 0.1, fe.Dirac(0.0))
    solver = fe.LevenbergMarquardt(max_steps=500)
    solution = fe.solve(risk.quadrature(8), fe.Series(fe.Chebyshev(None, (0.0, 5.0))), solver)
    x = np.linspace(0.0, 5.0, 101)
    exact = 1 / (1 + 9 * np.exp(-10 * x))
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact, rtol=0, atol=1e-12)
    assert int(solution.stats["steps"]) <= 500


@pytest.mark.parametrize("name", ["linear", pytest.param("optimistix", marks=pytest.mark.slow)])
def test_every_solver_finds_elements(name):
    """0.03^2 f'' = f with f = 1 at both ends."""

    def layers(f, x):
        return 9e-4 * jax.grad(jax.grad(f))(x) - f(x)

    risk = fe.Risk(layers, fe.Uniform(0.0, 1.0)).quadrature(8)
    risk = risk + fe.Risk(initial, fe.Dirac(0.0)) + fe.Risk(initial, fe.Dirac(1.0))
    f = fe.Series(fe.SpectralElements(12, (0.0, 0.5, 1.0), adaptive=True))
    solution = fe.solve(risk, f, SOLVERS[name])
    assert solution.value.basis.number == int(solution.stats["elements"]) > 4
    x = np.linspace(0.0, 1.0, 101)
    exact = (np.exp(-x / 0.03) + np.exp((x - 1) / 0.03)) / (1 + np.exp(-1 / 0.03))
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact, rtol=0, atol=1e-11)


@pytest.mark.parametrize("degree", [5, pytest.param(3, marks=pytest.mark.slow)])
def test_knots_of_splines_are_found(degree):
    """f' = sin(6 x) - f, against SciPy."""
    forced = lambda f, x: jax.grad(f)(x) + f(x) - jnp.sin(6 * x)
    risk = (fe.Risk(forced, fe.Uniform(0.0, 3.0)) + fe.Risk(initial, fe.Dirac(0.0))).quadrature(8)
    f = fe.Series(fe.BSpline(4, (0.0, 3.0), degree=degree, adaptive=True))
    solution = fe.solve(risk, f)
    assert solution.solved
    x, tight = np.linspace(0.0, 3.0, 101), {"rtol": 1e-11, "atol": 1e-11}
    exact = solve_ivp(lambda t, u: np.sin(6 * t) - u, (0.0, 3.0), [1.0], t_eval=x, **tight)
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact.y[0], rtol=0, atol=3e-8)
    knots = solution.value.basis.knots
    assert 5 < knots.size == int(solution.stats["knots"]) and np.all(np.diff(knots) > 0)


@pytest.mark.slow
def test_knots_gather_at_a_layer():
    """0.02^2 f'' = f with f = 1 at both ends: half of the interval is flat."""
    layers = lambda f, x: 4e-4 * jax.grad(jax.grad(f))(x) - f(x)
    risk = fe.Risk(layers, fe.Uniform(0.0, 1.0)).quadrature(8)
    risk = risk + fe.Risk(initial, fe.Dirac(0.0)) + fe.Risk(initial, fe.Dirac(1.0))
    f = fe.Series(fe.BSpline(8, (0.0, 1.0), degree=6, adaptive=True))
    solution = fe.solve(risk, f, fe.LinearLeastSquares())
    x = np.linspace(0.0, 1.0, 101)
    exact = (np.exp(-x / 0.02) + np.exp((x - 1) / 0.02)) / (1 + np.exp(-1 / 0.02))
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact, rtol=0, atol=1e-6)
    widths = np.diff(solution.value.basis.knots)
    assert widths.min() <= widths.max() / 4


def bvp(equation, interval, left, right, start):
    lo, hi = interval
    risk = fe.Risk(equation, fe.Uniform(lo, hi))
    risk = risk + fe.Risk(lambda f, x: f(x) - left, fe.Dirac(lo))
    risk = risk + fe.Risk(lambda f, x: f(x) - right, fe.Dirac(hi))
    basis = fe.SpectralElements(12, np.linspace(lo, hi, 9), adaptive=True)
    return risk, fe.Series(basis, start=start)


@pytest.mark.slow
def test_a_vortex_on_a_long_interval():
    """f'' + f'/r - f/r^2 + f - 2 f^3 = 0: the profile of a vortex, singular at r = 0."""
    far = np.sqrt(0.5 * (1 - 1e-4))

    def profile(f, r):
        slope = jax.grad(f)
        return jax.grad(slope)(r) + slope(r) / r - f(r) / r**2 + f(r) - 2 * f(r) ** 3

    risk, f = bvp(profile, (0.0, 100.0), 0.0, far, 0.5)
    solution = fe.solve(risk, f)
    assert solution.solved
    lo = 1e-3  # near zero f is linear
    first_order = lambda r, u: [u[1], -u[1] / r + u[0] / r**2 - u[0] + 2 * u[0] ** 3]
    ends = lambda a, b: [a[0] - lo * a[1], b[0] - far]
    mesh = np.concatenate([np.linspace(lo, 10, 400), np.linspace(10, 100, 400)[1:]])
    guess = np.stack([np.tanh(mesh / 2) * far, far / 2 / np.cosh(mesh / 2) ** 2])
    exact = solve_bvp(first_order, ends, mesh, guess, tol=1e-9, max_nodes=100_000)
    r = np.linspace(0.1, 100.0, 200)
    np.testing.assert_allclose(jax.vmap(solution.value)(r), exact.sol(r)[0], rtol=0, atol=1e-6)


@pytest.mark.slow
def test_an_interior_layer():
    """1e-6 f'' + x f' = 0 on [-1, 1], which is erf(x / (1e-3 sqrt(2)))."""
    layer = lambda f, x: 1e-6 * jax.grad(jax.grad(f))(x) + x * jax.grad(f)(x)
    solution = fe.solve(*bvp(layer, (-1.0, 1.0), -1.0, 1.0, 0.0))
    x = np.concatenate([np.linspace(-1, 1, 51), np.linspace(-5e-3, 5e-3, 101)])
    exact = erf(x / (1e-3 * np.sqrt(2)))
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact, rtol=0, atol=1e-11)
    assert solution.value.basis.number < 120


@pytest.mark.slow
@pytest.mark.parametrize("smoothness", [0, 1])
def test_a_stirred_reactor_ignites(smoothness):
    """Conversion and temperature of a reactor that waits, and then burns within a hundredth."""

    def rates(t, u, exp=np.exp):
        rate = 0.12 * (1 - u[0]) * exp(u[1] / (1 + u[1] / 20))
        return [rate - u[0], 14 * rate - u[1]]

    def reactor(f, t):
        return jax.jacfwd(f)(t) - jnp.stack(rates(t, f(t), jnp.exp))

    risk = fe.Risk(reactor, fe.Uniform(0.0, 20.0)) + fe.Risk(lambda f, t: f(t), fe.Dirac(0.0))
    basis = fe.SpectralElements(12, np.linspace(0, 20, 9), smoothness, adaptive=True)
    solution = fe.solve(risk, fe.Series(basis, 2))
    assert solution.solved
    given = {"rtol": 1e-12, "atol": 1e-13, "dense_output": True}
    exact = solve_ivp(rates, (0, 20), [0, 0], method="Radau", **given)
    t = np.linspace(0, 20, 401)
    np.testing.assert_allclose(jax.vmap(solution.value)(t), exact.sol(t).T, rtol=0, atol=1e-7)


@pytest.mark.slow
def test_a_kink_ends_and_says_where():
    regression = fe.Risk(lambda f, x: f(x) - jnp.abs(x - 1 / 3), fe.Uniform(0.0, 1.0))
    f = fe.Series(fe.SpectralElements(12, np.linspace(0, 1, 9), adaptive=True))
    solution = fe.solve(regression, f)
    # elements of rounding's width at the kink: f is right, and where it is not smooth is said
    assert solution.solved and float(solution.stats["error"]) < 1e-10
    assert float(solution.stats["unresolved_at"]) == pytest.approx(1 / 3, abs=1e-6)
    assert np.diff(np.asarray(solution.value.basis.breaks)).min() < 1e-7
    x = np.linspace(0, 1, 201)
    value = jax.vmap(solution.value)(x)
    np.testing.assert_allclose(value, np.abs(x - 1 / 3), rtol=0, atol=1e-10)


@pytest.mark.slow
def test_a_kink_in_an_initial_value_problem_ends_and_says_where():
    slope = lambda f, x: jax.grad(f)(x) - jnp.sign(x - 1 / 3)
    risk = fe.Risk(slope, fe.Uniform(0.0, 1.0)) + fe.Risk(lambda f, x: f(x) - 1 / 3, fe.Dirac(0.0))
    f = fe.Series(fe.SpectralElements(12, np.linspace(0, 1, 9), adaptive=True))
    solution = fe.solve(risk, f, throw=False)
    assert solution.result == fe.RESULTS.unresolved
    assert float(solution.stats["unresolved_at"]) == pytest.approx(1 / 3, abs=1e-6)
    # with a break at the kink it is a polynomial on both sides
    broken = fe.Series(fe.SpectralElements(3, (0.0, 1 / 3, 1.0), smoothness=0))
    assert fe.solve(risk, broken).solved
