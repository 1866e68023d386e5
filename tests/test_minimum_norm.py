"""Selection by a norm: against pseudo-inverses, KKT systems, SciPy's SLSQP and closed forms."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.optimize import minimize

import fesolve as fe


def affine(f, a, b):
    return a @ f - b


def itself(f):
    return f


@pytest.mark.parametrize("seed", range(3))
def test_the_shortest_solution_is_that_of_lstsq(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(5, 9)), rng.normal(size=5)
    risk = fe.Risk(affine, args=(a, b))
    solver = fe.MinimumNorm(fe.Risk(itself))
    solution = fe.solve(risk, jnp.asarray(rng.normal(size=9)), solver)
    np.testing.assert_allclose(solution.value, np.linalg.lstsq(a, b)[0], atol=1e-12)
    np.testing.assert_allclose(solution.value, np.linalg.pinv(a) @ b, atol=1e-12)
    np.testing.assert_allclose(solution.stats["norm"], solution.value @ solution.value, rtol=1e-12)
    assert int(solution.stats["free_directions"]) == 4
    assert bool(solution.result == fe.RESULTS.solved)
    assert int(solution.stats["steps"]) <= 2


def test_dependent_rows_and_a_weighted_norm():
    rng = np.random.default_rng(7)
    a, w = rng.normal(size=(4, 8)), rng.normal(size=(10, 8))
    target, exact = rng.normal(size=10), rng.normal(size=8)
    twice = np.concatenate([a, a[:2] + a[2:]])  # six rows of rank four
    risk = fe.Risk(affine, args=(twice, twice @ exact))
    norm = fe.Risk(lambda f: w @ f - target)
    solution = fe.solve(risk, jnp.zeros(8), fe.MinimumNorm(norm))
    kkt = np.block([[w.T @ w, a.T], [a, np.zeros((4, 4))]])
    expected = np.linalg.solve(kkt, np.concatenate([w.T @ target, a @ exact]))[:8]
    np.testing.assert_allclose(solution.value, expected, atol=1e-11)
    assert int(solution.stats["free_directions"]) == 4


# mu' = r mu - x(t), of which mu + zeta e^{r t} is a solution too, for any zeta.
R, C, G, X0 = 0.1, 0.02, -0.2, 0.01


def costate(mu, t, r):
    return jax.grad(mu)(t) - r * mu(t) + (X0 + C / G) * jnp.exp(G * t) - C / G


def slope(mu, t):
    return jax.grad(mu)(t)


def no_bubble(t, r=R):
    return (X0 + C / G) * jnp.exp(G * t) / (r - G) - C / (G * r)


def price(horizon, degree=24, r=R, **kwargs):
    interval = fe.Uniform(0.0, horizon)
    mu = fe.Series(fe.Chebyshev(degree, (0.0, horizon)))
    solver = fe.MinimumNorm(fe.Risk(slope, interval).quadrature(48))
    risk = fe.Risk(costate, interval, args=(r,)).quadrature(48)
    return fe.solve(risk, mu, solver, **kwargs)


def test_without_a_terminal_condition_the_norm_selects_the_solution_without_a_bubble():
    solution = price(120.0)
    assert abs(float(solution.value(0.0)) - 0.7) < 1e-10
    t = jnp.linspace(0.0, 50.0, 100)
    errors = jnp.abs(jax.vmap(solution.value)(t) / no_bubble(t) - 1)
    assert float(errors.max()) < 1e-7
    assert int(solution.stats["free_directions"]) == 1
    undecided = fe.solve(
        fe.Risk(costate, fe.Uniform(0.0, 120.0), args=(R,)).quadrature(48),
        fe.Series(fe.Chebyshev(24, (0.0, 120.0))),
        throw=False,
    )
    assert bool(undecided.result == fe.RESULTS.not_unique)


@pytest.mark.parametrize("horizon, degree", ((40.0, 10), (40.0, 24), (80.0, 24)))
def test_what_is_left_of_the_bubble_has_a_closed_form(horizon, degree):
    """Over a short horizon the flattest path has a little of a bubble: the zeta with
    int (mu' + zeta r e^{r t}) r e^{r t} dt = 0."""
    top = G * (X0 + C / G) / (R - G) * np.expm1((G + R) * horizon) / (G + R)
    zeta = -top / (R * np.expm1(2 * R * horizon) / (2 * R))
    found = float(price(horizon, degree, throw=False).value(0.0)) - 0.7
    assert abs(found - zeta) < 1e-9


def test_mapped_and_differentiated():
    start = lambda r: price(120.0, r=r).value(0.0)
    rates = jnp.asarray([0.09, 0.1])
    values, slopes = jax.vmap(lambda r: jax.jvp(start, (r,), (1.0,)))(rates)
    np.testing.assert_allclose(values, no_bubble(0.0, rates), atol=1e-8)
    exact = jax.vmap(jax.grad(lambda r: no_bubble(0.0, r)))(rates)
    np.testing.assert_allclose(slopes, exact, rtol=1e-6)


# The nearest point of a curve: the sphere and the cylinder x y = a.
POINT = np.array([1.5, 1.0, 0.3])
START = jnp.asarray([0.6, 0.2, 0.5])


def curve(f, a):
    return jnp.stack([f[0] ** 2 + 2 * f[1] ** 2 + f[2] ** 2 - 1.0, f[0] * f[1] - a])


def nearest(a=0.1, size=1.0, **kwargs):
    norm = fe.Risk(lambda f, size: f - size * POINT, args=(size,))
    return fe.solve(fe.Risk(curve, args=(a,)), START, fe.MinimumNorm(norm), **kwargs)


def test_nonlinear_constraints_are_those_of_slsqp():
    reference = minimize(
        lambda f: np.sum((f - POINT) ** 2),
        np.asarray(START),
        constraints={"type": "eq", "fun": lambda f: np.asarray(curve(f, 0.1))},
        tol=1e-14,
    )
    history = fe.History()
    solution = nearest(monitors=(history,))
    np.testing.assert_allclose(solution.value, reference.x, atol=1e-6)
    assert float(solution.risk) < 1e-20
    assert history.records[-1]["norm"] == pytest.approx(float(solution.stats["norm"]), rel=1e-14)
    np.testing.assert_array_equal(history["risk"], solution.history)
    # the gradient of the norm is a combination of those of the constraints
    rows = np.asarray(jax.jacobian(curve)(solution.value, 0.1))
    gradient = np.asarray(solution.value) - POINT
    rest = gradient - rows.T @ np.linalg.lstsq(rows.T, gradient)[0]
    assert np.linalg.norm(rest) < 1e-8


def test_derivatives():
    first = lambda a, size: nearest(a, size).value[0]
    h = 1e-4
    differences = [
        (first(0.1 + h, 1.0) - first(0.1 - h, 1.0)) / (2 * h),
        (first(0.1, 1.0 + h) - first(0.1, 1.0 - h)) / (2 * h),
    ]
    np.testing.assert_allclose(jax.grad(first, (0, 1))(0.1, 1.0), differences, rtol=1e-4)


def test_a_norm_that_does_not_see_every_free_direction():
    rng = np.random.default_rng(0)
    risk = fe.Risk(affine, args=(rng.normal(size=(5, 9)), rng.normal(size=5)))
    with pytest.raises(fe.SolveError, match="not unique"):
        fe.solve(risk, jnp.zeros(9), fe.MinimumNorm(fe.Risk(lambda f: f[:1])))


def test_a_determined_equation_leaves_nothing_to_choose():
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    risk = fe.Risk(affine, args=(a, np.array([1.0, 2.0])))
    solution = fe.solve(risk, jnp.zeros(2), fe.MinimumNorm(fe.Risk(itself)))
    np.testing.assert_allclose(solution.value, np.linalg.solve(a, [1.0, 2.0]), atol=1e-14)
    assert int(solution.stats["free_directions"]) == 0


def test_an_equation_without_solution_is_not_solved():
    risk = fe.Risk(lambda f: jnp.stack([f[0] - 1.0, f[0] + 1.0]))
    solution = fe.solve(risk, jnp.zeros(3), fe.MinimumNorm(fe.Risk(itself)), throw=False)
    assert bool(solution.result == fe.RESULTS.not_zero)


def test_too_few_steps_are_not_solved_though_the_equation_holds():
    norm = fe.Risk(lambda f: f - POINT)
    solver = fe.MinimumNorm(norm, max_steps=5)
    solution = fe.solve(fe.Risk(curve, args=(0.1,)), START, solver, throw=False)
    assert float(solution.risk) < 1e-6
    assert bool(solution.result == fe.RESULTS.max_steps_reached)


def test_non_finite():
    risk = fe.Risk(lambda f: jnp.log(f[:1]))
    solution = fe.solve(risk, -jnp.ones(2), fe.MinimumNorm(fe.Risk(itself)), throw=False)
    assert bool(solution.result == fe.RESULTS.non_finite)


def spline_bends(points, values):
    spline = CubicSpline(points, values, bc_type="natural")
    return spline(np.linspace(-1.0, 1.0, 2_001), 2)


def bends():
    interval = fe.Uniform(-1.0, 1.0)
    return fe.Risk(lambda f, x: fe.derivative(f, 2)(x), interval).quadrature(48)


@pytest.mark.parametrize("seed", range(3))
def test_networks_by_continuation_in_a_penalty(seed):
    """The interpolant that bends least is the natural cubic spline."""
    net = fe.MLP("scalar", "scalar", width=16, depth=1, support=(-1.0, 1.0), key=jr.key(seed))
    points = np.linspace(-1.0, 1.0, 5)
    values = np.array([0.0, 1.0, 0.0, -1.0, 0.5])
    risk = fe.Risk(lambda f, point: f(point[0]) - point[1], fe.Empirical((points, values)))
    history = fe.History()
    solution = fe.solve(risk, net, fe.MinimumNorm(bends()), monitors=(history,))
    x = np.linspace(-1.0, 1.0, 41)
    spline = CubicSpline(points, values, bc_type="natural")(x)
    assert np.max(np.abs(np.asarray(jax.vmap(solution.value)(x)) - spline)) < 5e-3
    assert np.sqrt(float(solution.risk)) < 1e-6
    norms = [record["norm"] for record in history.records]
    least = np.mean(spline_bends(points, values) ** 2)
    assert norms[0] < norms[1] and norms[-1] == pytest.approx(least, rel=2e-3)
    assert int(solution.stats["free_directions"]) == 49 - 5


def test_a_network_is_not_called_solved_before_the_norm_is_stationary():
    net = fe.MLP("scalar", "scalar", width=8, depth=1, support=(-1.0, 1.0), key=jr.key(0))
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(x), fe.Uniform(-0.5, 0.5)).quadrature(6)
    solution = fe.solve(risk, net, fe.MinimumNorm(bends(), max_steps=14), throw=False)
    assert int(solution.stats["steps"]) <= 14
    assert float(solution.risk) < 1e-2 * float(risk(net))
    assert bool(solution.result == fe.RESULTS.max_steps_reached)


# Kernels: mu' in the space of Matern 1/2, of length 10, at 41 points on [0, 40].
TIMES = np.linspace(0.0, 40.0, 41)


def kernel_price(kernel, r=R, **kwargs):
    mu = fe.Series(fe.IntegratedKernelBasis(kernel, TIMES))
    risk = fe.Risk(costate, fe.Empirical(TIMES), args=(r,))
    return fe.solve(risk, mu, fe.MinimumNorm(fe.rkhs_norm()), **kwargs)


def test_the_published_price_by_the_norm_of_a_kernel():
    solution = kernel_price(fe.Matern12(10.0))
    assert float(solution.value(0.0)) == pytest.approx(0.699497563627038, abs=1e-10)
    t = jnp.linspace(0.0, 50.0, 100)
    errors = jnp.abs(jax.vmap(solution.value)(t) / no_bubble(t) - 1)
    assert float(errors.mean()) == pytest.approx(1.5458e-4, abs=5e-9)
    assert int(solution.stats["free_directions"]) == 1


@pytest.mark.slow
def test_the_price_by_a_kernel_is_that_of_its_kkt_system():
    """For a length and a rate that nobody published, with derivatives in both."""

    def kkt(length, r):
        apart = TIMES[:, None] - TIMES
        gram = np.exp(-np.abs(apart) / length)
        whole = lambda d: np.sign(d) * length * (1 - np.exp(-np.abs(d) / length))
        levels = whole(apart) - whole(-TIMES)
        rows = np.column_stack([-r * np.ones(41), gram - r * levels])
        matrix = np.zeros((83, 83))
        matrix[1:42, 1:42], matrix[42:, :42], matrix[:42, 42:] = gram, rows, rows.T
        right = np.concatenate([np.zeros(42), -(X0 + C / G) * np.exp(G * TIMES) + C / G])
        return np.linalg.solve(matrix, right)[0]

    start = lambda length, r: kernel_price(fe.Matern12(length), r).value(0.0)
    assert float(start(6.0, 0.08)) == pytest.approx(kkt(6.0, 0.08), abs=1e-11)
    h = 1e-5
    differences = [
        (kkt(6.0 + h, 0.08) - kkt(6.0 - h, 0.08)) / (2 * h),
        (kkt(6.0, 0.08 + h) - kkt(6.0, 0.08 - h)) / (2 * h),
    ]
    found = jax.vmap(jax.grad(start, (0, 1)))(jnp.array([6.0]), jnp.array([0.08]))
    np.testing.assert_allclose(np.ravel(found), differences, rtol=1e-5)


def test_single_precision():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(3, 6)), rng.normal(size=3)
    start = jnp.zeros(6, jnp.float32)
    solution = fe.solve(fe.Risk(affine, args=(a, b)), start, fe.MinimumNorm(fe.Risk(itself)))
    assert solution.value.dtype == jnp.float32
    np.testing.assert_allclose(solution.value, np.linalg.pinv(a) @ b, atol=1e-5)


def test_interrupted():
    def stop(step, metrics, f):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(fe.Interrupted) as error:
        nearest(monitors=(stop,))
    assert int(error.value.solution.stats["steps"]) == 3


@pytest.mark.parametrize(
    "call, words",
    (
        (
            lambda: fe.MinimumNorm(fe.Risk(itself), max_steps=0),
            "`max_steps` must be a whole number of at least 1",
        ),
        (
            lambda: fe.MinimumNorm(fe.Risk(slope, fe.Uniform(0.0, 1.0))),
            r"`norm` cannot be minimised.*`risk.quadrature\(n\)`",
        ),
        (
            lambda: fe.MinimumNorm(fe.Risk(itself, loss=fe.absolute)),
            "`norm` cannot be minimised.*not a sum of squares",
        ),
        (
            lambda: fe.solve(
                fe.Risk(slope, fe.Uniform(0.0, 1.0)),
                fe.Series(fe.Chebyshev(3, (0.0, 1.0))),
                fe.MinimumNorm(fe.Risk(lambda f: f(1.0))),
            ),
            r"`risk.empirical\(n, key=key\)`",
        ),
        (
            lambda: jax.jit(lambda a: nearest(a, monitors=(print,)).risk)(0.1),
            "`monitors` run on the host",
        ),
    ),
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
