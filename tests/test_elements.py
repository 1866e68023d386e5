"""Series over spectral elements are solved on Gauss nodes, but of the distribution that was given:
an interval that is not that of the elements stays what it is."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import jv

import fesolve as fe


def slope(f, x, a):
    return jax.grad(f)(x) - a


def square(f, x):
    return jax.grad(f)(x) - f(x) ** 2


def initial(f, x):
    return f(x) - 1.0


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_two_equations_on_two_halves(array):
    risk = fe.Risk(slope, fe.Uniform(0.0, 1.0), args=(1.0,))
    risk = risk + fe.Risk(slope, fe.Uniform(1.0, 2.0), args=(2.0,))
    risk = risk + fe.Risk(initial, fe.Dirac(0.0))
    elements = fe.SpectralElements(4, array([0.0, 0.5, 1.0, 1.5, 2.0]), smoothness=0)
    f = fe.solve(risk.quadrature(8), fe.Series(elements)).value
    np.testing.assert_allclose([f(1.0), f(2.0)], [2.0, 4.0], rtol=1e-13)
    assert risk.empirical(100, key=jr.key(0))(f) < 1e-24


def test_part_of_an_element():
    risk = fe.Risk(lambda f, x: f(x) - jnp.where(x < 0.8, jnp.exp(x), 100.0), fe.Uniform(0.0, 0.8))
    f = fe.solve(risk.quadrature(8), fe.Series(fe.SpectralElements(9, [0.0, 0.5, 1.0]))).value
    np.testing.assert_allclose(f(0.7), np.exp(0.7), rtol=1e-9)


def test_traced_interval():
    def at_one(end):
        risk = fe.Risk(slope, fe.Uniform(0.0, end), args=(1.0,)) + fe.Risk(initial, fe.Dirac(0.0))
        series = fe.Series(fe.SpectralElements(4, [0.0, 1.0, 2.0]))
        return fe.solve(risk.quadrature(8), series).value(1.0)

    np.testing.assert_allclose(jax.vmap(at_one)(jnp.array([1.5, 2.0])), 2.0, rtol=1e-12)


def test_beyond_the_elements_the_equation_still_counts():
    """1 / (1 - x) has its pole at 1, and elements that end before it do not solve the equation
    on [0, 3]."""
    risk = fe.Risk(square, fe.Uniform(0.0, 3.0)) + fe.Risk(initial, fe.Dirac(0.0))
    series = fe.Series(fe.SpectralElements(12, np.linspace(0.0, 0.5, 5)))
    solution = fe.solve(risk.quadrature(8), series, throw=False)
    assert not solution.solved


def test_the_last_adaptive_element_goes_on_as_far_as_the_equation_does():
    risk = fe.Risk(lambda f, x: f(x) - jnp.exp(x), fe.Uniform(0.0, 2.0)).quadrature(8)
    series = fe.Series(fe.SpectralElements(19, np.linspace(0.0, 1.5, 4), adaptive=True))
    solution = fe.solve(risk, series)
    np.testing.assert_allclose(solution.value(1.9), np.exp(1.9), rtol=1e-11)


def van_der_pol(f, t, mu):
    (y, v), (dy, dv) = f(t), jax.jacfwd(f)(t)
    return jnp.stack([dy - v, dv - mu * (1 - y**2) * v + y])


def at_rest(f, t):
    return f(t) - jnp.array([2.0, 0.0])


@pytest.mark.parametrize("adaptive", [False, True])
def test_first_order_systems_march_in_elements_of_any_smoothness(adaptive):
    risk = fe.Risk(van_der_pol, fe.Uniform(0.0, 10.0), args=(1.0,))
    risk = (risk + fe.Risk(at_rest, fe.Dirac(0.0))).quadrature(8)
    slope = lambda t, u: [u[1], (1 - u[0] ** 2) * u[1] - u[0]]
    exact = solve_ivp(slope, (0, 10), [2, 0], "DOP853", rtol=1e-13, atol=1e-14, dense_output=True)
    x = np.linspace(0, 10, 101)
    solution = fe.solve(risk, fe.Series(fe.SpectralElements(20, x[::5], adaptive=adaptive), 2))
    assert solution.stats["elements"] <= 21  # elements that march say how many there are
    np.testing.assert_allclose(jax.vmap(solution.value)(x), exact.sol(x).T, rtol=0, atol=1e-11)


def test_an_equation_of_second_order_with_one_condition_does_not_march():
    risk = fe.Risk(lambda f, x: jax.grad(jax.grad(f))(x) + f(x), fe.Uniform(0.0, 1.0))
    risk = (risk + fe.Risk(initial, fe.Dirac(0.0))).quadrature(8)
    series = fe.Series(fe.SpectralElements(8, np.linspace(0, 1, 3)))
    solution = fe.solve(risk, series, throw=False)
    assert solution.result == fe.RESULTS.not_unique


@pytest.mark.parametrize("adaptive", [False, True])
def test_an_equation_that_is_singular_at_the_start_has_no_point_there(adaptive):
    breaks = [0.0, 2.0] if adaptive else np.linspace(0.0, 2.0, 5)
    f = fe.Series(fe.SpectralElements(8, breaks, adaptive=adaptive))
    first = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x) / x - 3 * x, fe.Uniform(0.0, 2.0))
    first = first + fe.Risk(lambda f, x: f(x), fe.Dirac(0.0))
    sol = fe.solve(first.quadrature(48), f)
    np.testing.assert_allclose(
        jax.vmap(sol.value)(jnp.linspace(0.0, 2.0, 9)), np.linspace(0, 2, 9) ** 2, atol=1e-13
    )


def test_a_bessel_function_by_its_equation_of_second_order():
    def bessel(f, x):
        slope, bend = jax.grad(f), jax.grad(jax.grad(f))
        return bend(x) + slope(x) / x + f(x)

    risk = fe.Risk(bessel, fe.Uniform(0.0, 10.0)) + fe.Risk(initial, fe.Dirac(0.0))
    f = fe.solve(
        risk.quadrature(48), fe.Series(fe.SpectralElements(8, np.linspace(0, 10, 5)))
    ).value
    x = np.linspace(0.0, 10.0, 41)
    np.testing.assert_allclose(jax.vmap(f)(x), jv(0, x), atol=1e-6)
