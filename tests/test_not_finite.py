"""Residuals and derivatives that are not finite: a solve says so, and never hands out its start."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


DOMAIN = (0.0, 1.0)
NAN = jnp.nan


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def points(count=12):
    return jnp.linspace(*DOMAIN, count)


def risk(a=-1.0, x=None, weights=None):
    distribution = fe.Empirical(points() if x is None else x, weights)
    return fe.Risk(ode, distribution, args=(a,)) + fe.Risk(initial, fe.Dirac(0.0))


def series(start=0.0):
    return fe.Series(fe.Chebyshev(6, DOMAIN), start=start)


def network(key):
    return fe.MLP("scalar", "scalar", width=6, depth=1, support=DOMAIN, key=key)


def with_coefficients(f, coefficients):
    return eqx.tree_at(lambda s: s.coefficients, f, coefficients)


def at_one(solution):
    return solution.value(1.0), solution.result == fe.RESULTS.non_finite


SOLVERS = {
    "default": lambda f: None,
    "linear": lambda f: fe.LinearLeastSquares(),
    "minimum_norm": lambda f: fe.MinimumNorm(
        fe.Risk(lambda f, x: f(x), fe.Uniform(*DOMAIN)).quadrature(8)
    ),
    "optax": lambda f: fe.Optax(optax.adam(1e-2), num_steps=3),
    "optax_that_skips": lambda f: fe.Optax(
        optax.apply_if_finite(optax.adam(1e-2), 100), num_steps=3
    ),
    "multi_start": lambda f: fe.MultiStart(
        lambda key: with_coefficients(f, jr.normal(key, f.coefficients.shape)), starts=2
    ),
    "fixed_point": lambda f: fe.FixedPoint(
        lambda f, g, x, a: jax.grad(f)(x) - a * g(x), max_steps=3
    ),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_a_solver_in_a_program(name, getkey):
    key = getkey()

    def solved(a):
        f = series()
        return at_one(fe.solve(risk(a), f, SOLVERS[name](f), key=key))

    value, non_finite = jax.jit(solved)(NAN)
    assert jnp.isnan(value)
    assert non_finite


@pytest.mark.parametrize(
    "data",
    [
        lambda bad: risk(x=points().at[3].set(bad)),
        lambda bad: risk(weights=jnp.full(12, 1 / 12).at[3].set(bad)),
        lambda bad: bad * risk(),
        lambda bad: risk(bad * jnp.inf),
    ],
)
@pytest.mark.parametrize("kind", ["series", "network"])
def test_data_in_a_program(data, kind, getkey):
    f = series() if kind == "series" else network(getkey())
    value, non_finite = jax.jit(lambda bad: at_one(fe.solve(data(bad), f)))(NAN)
    assert jnp.isnan(value)
    assert non_finite


@pytest.mark.parametrize("kind", ["series", "network"])
def test_a_start_in_a_program(kind, getkey):
    f = series() if kind == "series" else network(getkey())

    def from_start(bad):
        if kind == "series":
            return at_one(fe.solve(risk(), with_coefficients(f, f.coefficients + bad)))
        where = lambda net: net.net.layers[0].weight
        return at_one(fe.solve(risk(), eqx.tree_at(where, f, replace_fn=lambda w: w + bad)))

    value, non_finite = jax.jit(from_start)(NAN)
    assert jnp.isnan(value)
    assert non_finite


@pytest.mark.parametrize("kind", ["series", "network"])
def test_other_lanes_are_left_alone(kind, getkey):
    f = series() if kind == "series" else network(getkey())
    solved = jax.jit(jax.vmap(lambda a: at_one(fe.solve(risk(a), f))))
    values, non_finite = solved(jnp.array([-1.0, NAN, -2.0]))
    alone, _ = solved(jnp.array([-1.0, -1.5, -2.0]))
    np.testing.assert_array_equal(values[jnp.array([0, 2])], alone[jnp.array([0, 2])])
    assert jnp.isnan(values[1])
    np.testing.assert_array_equal(non_finite, [False, True, False])


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd])
def test_derivatives(derivative):
    slope = derivative(lambda a: fe.solve(risk(a), series()).value(1.0))
    assert jnp.isnan(slope(NAN))
    assert jnp.isnan(jax.jit(slope)(NAN))
    np.testing.assert_allclose(slope(-1.0), jnp.exp(-1.0), rtol=1e-3)


def test_data_that_the_residual_does_not_read():
    def guarded(f, x, a):
        return f(x) - jnp.where(jnp.isnan(a), 1.0, a)

    def solved(a):
        sample = fe.Risk(guarded, fe.Empirical(points()), args=(a,))
        return at_one(fe.solve(sample, series()))

    value, non_finite = jax.jit(solved)(NAN)
    np.testing.assert_allclose(value, 1.0)
    assert not non_finite


def test_outside_of_a_program_it_raises():
    with pytest.raises(fe.SolveError, match="`ode` is not finite at 12 of 12 points, first at"):
        fe.solve(risk(NAN), series())


def root(power):
    """A residual that is finite everywhere, and whose derivative is not where f <= 1/2."""
    return lambda f, x: jnp.maximum(f(x) - 0.5, 0.0) ** power - f(x) + x


SAMPLE = fe.Uniform(*DOMAIN).quadrature(20)
BASES = {
    "splines": lambda: fe.BSpline(8, DOMAIN),
    "chebyshev": lambda: fe.Chebyshev(6, DOMAIN),
    "elements": lambda: fe.SpectralElements(4, np.linspace(0, 1, 3)),
}


def ends(solution, name):
    """It did not raise, f is finite, and the sentence names the derivative or all is well."""
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(solution.value.coefficients))
    return bool(solution.result == name)


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("power", [0.5, 0.8])
def test_a_derivative_that_is_not_finite(basis, power):
    sample = fe.Risk(root(power), SAMPLE, name="root")
    f = fe.Series(BASES[basis](), start=0.0)
    solution = fe.solve(sample, f, throw=False)
    assert ends(solution, fe.RESULTS.non_finite)
    with pytest.raises(fe.SolveError, match=r"derivative of residual `root` in f is not finite at"):
        fe.solve(sample, f)
    try:
        fe.solve(sample, f)
    except fe.SolveError as error:
        assert "first at x = " in str(error)
        assert "`jnp.where` on both sides" in str(error)
    # inside a program: the same word, and no start that looks like a result
    inside = jax.jit(lambda: at_one(fe.solve(sample, f)))()
    assert jnp.isnan(inside[0]) == bool(inside[1])


@pytest.mark.parametrize("solver", ["default", "linear", "minimum_norm", "fixed_point", "memory"])
def test_solvers_where_the_derivative_is_not_finite(solver):
    sample = fe.Risk(lambda f, x, a: root(0.5)(f, x), SAMPLE, args=(0.0,))
    f = series()
    chosen = {**SOLVERS, "memory": lambda f: fe.LevenbergMarquardt(memory=1)}[solver](f)
    if solver == "fixed_point":
        chosen = fe.FixedPoint(lambda f, g, x, a: root(0.5)(f, x), max_steps=3)
    solution = fe.solve(sample, f, chosen, throw=False)
    assert ends(solution, fe.RESULTS.non_finite)


def test_a_network_where_the_derivative_is_not_finite(getkey):
    sample = fe.Risk(root(0.5), SAMPLE, name="root")
    f = network(getkey())
    for solver in (None, fe.LevenbergMarquardt(memory=1)):
        solution = fe.solve(sample, f, solver, throw=False)
        assert bool(solution.result == fe.RESULTS.non_finite)
        assert jnp.isfinite(solution.value(0.3))


def test_the_remedy_of_the_sentence():
    def both_sides(f, x):
        excess = f(x) - 0.5
        inside = excess > 0
        return jnp.where(inside, jnp.where(inside, excess, 1.0) ** 0.5, 0.0) * 0.1 - f(x) + x

    sample = fe.Risk(both_sides, SAMPLE, tolerance=1e-2)
    f, solver = fe.Series(fe.BSpline(16, DOMAIN), start=0.0), fe.LevenbergMarquardt(accuracy=1e-2)
    assert fe.solve(sample, f, solver).solved


def test_steps_are_shortened_until_the_derivative_is_finite():
    # from far above, a full step leads below 1/2, where there is no derivative
    sample = fe.Risk(
        lambda f, x: jnp.maximum(f(x) - 0.5, 0.0) ** 0.8 - 0.05 * (1 + x), SAMPLE, name="root"
    )
    solution = fe.solve(sample, fe.Series(fe.Chebyshev(10, DOMAIN), start=3.0), throw=False)
    exact = 0.5 + (0.05 * 1.5) ** 1.25
    np.testing.assert_allclose(solution.value(0.5), exact, atol=1e-6)


def test_where_it_is_not_finite_is_said_without_a_sample():
    half = lambda f, x: jnp.where(x > 0.5, NAN, f(x) - 1.0)
    with pytest.raises(fe.SolveError, match=r"not finite at 1\d\d of 256 points, first at x = 0\."):
        fe.solve(fe.Risk(half, fe.Uniform(*DOMAIN)), series())


def test_a_norm_that_is_not_finite_is_not_blamed_on_the_equations():
    norm = fe.Risk(lambda f, x: jnp.log(f(x) - 10.0), fe.Uniform(*DOMAIN)).quadrature(5)
    with pytest.raises(fe.SolveError, match=r"are finite: it is not the equations, but a norm"):
        fe.solve(risk(), series(), fe.MinimumNorm(norm))
