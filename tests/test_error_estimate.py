"""The estimated error of f against closed forms, for every class of functions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from scipy.special import j0

import fesolve as fe


grad = jax.grad
POINTS = np.linspace(0.0, 1.0, 401)


def at_zero(value):
    return fe.Risk(lambda f, x: f(x) - value, fe.Dirac(0.0), name="initial")


def decay(scale=1.0, length=2.0, size=1.0):
    """f' = -f, f(0) = 1 on [0, 2], with r, x and f in other units."""
    ode = lambda f, x: scale * (grad(f)(x) * length / 2.0 + f(x))
    start = fe.Risk(lambda f, x: scale * (f(x) - size), fe.Dirac(0.0), name="initial")
    return fe.Risk(ode, fe.Uniform(0.0, length)) + start


def true_error(f, exact, length):
    x = length * POINTS
    values, truth = np.asarray(jax.vmap(f)(jnp.asarray(x))), exact(x)
    return np.sqrt(np.mean((values - truth) ** 2) / np.mean(values**2))


CLASSES = {
    "degree 4": lambda b: fe.Series(fe.Chebyshev(4, (0.0, b)), start=0.5),
    "degree 9": lambda b: fe.Series(fe.Chebyshev(9, (0.0, b)), start=0.5),
    "spline": lambda b: fe.Series(fe.BSpline(20, (0.0, b)), start=0.5),
    "elements": lambda b: fe.Series(fe.SpectralElements(5, np.linspace(0, b, 4)), start=0.5),
    "kernel": lambda b: fe.Series(fe.KernelBasis(fe.Matern52(b / 2), np.linspace(0, b, 12))),
    "network": lambda b: fe.MLP(
        "scalar", "scalar", width=6, depth=1, support=(0.0, b), key=jr.key(0)
    ),
    "eqx.nn": lambda b: eqx.nn.MLP("scalar", "scalar", 6, 1, jnp.tanh, key=jr.key(0)),
    "hard": lambda b: fe.Ansatz(lambda g, x: 1.0 + x * g(x), fe.Series(fe.Chebyshev(5, (0.0, b)))),
    "positive": lambda b: fe.Positive(fe.Series(fe.Chebyshev(1, (0.0, b)))),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_the_estimate_is_the_error(kind):
    risk = decay()
    f = fe.solve(risk.quadrature(30), CLASSES[kind](2.0), throw=False).value
    estimate = fe.error_estimate(risk, f)
    true = true_error(f, lambda x: np.exp(-x), 2.0)
    assert not estimate.is_bound and bool(estimate.determined) and estimate.fresh
    assert estimate.relative == pytest.approx(true, rel=0.2) or max(true, estimate.relative) < 1e-13
    # f + d is a better solution, and |d| the error at a point
    better = true_error(estimate.corrected, lambda x: np.exp(-x), 2.0)
    assert better < max(0.2 * true, 1e-13)
    x = jnp.asarray(0.7)
    bar = float(estimate.at(x))
    assert bar == pytest.approx(abs(float(f(x)) - np.exp(-0.7)), rel=0.3) or bar < 1e-13


@pytest.mark.parametrize("kind", [*CLASSES, "degree 1"])
def test_a_missing_condition_is_seen_for_every_class(kind):
    if kind in ("hard", "positive"):
        return  # these have a condition of their own, or are written in logarithms
    f = {**CLASSES, "degree 1": lambda b: fe.Series(fe.Chebyshev(1, (0.0, b)))}[kind](2.0)
    risk = fe.Risk(lambda f, x: grad(f)(x) - f(x) + x, fe.Uniform(0.0, 2.0))
    estimate = fe.error_estimate(risk, f)
    assert not bool(estimate.determined)
    # it is free along exp(x)
    free = np.array([float(estimate.free(jnp.asarray(x))) for x in (0.0, 1.0, 2.0)])
    np.testing.assert_allclose(free / free[0], np.exp([0.0, 1.0, 2.0]), rtol=2e-2)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
@pytest.mark.parametrize("length", [2e-6, 2.0, 2e6])
@pytest.mark.parametrize("size", [1e-8, 1.0, 1e8])
def test_units_do_not_matter(scale, length, size):
    coefficients = np.polynomial.chebyshev.Chebyshev.interpolate(
        lambda t: size * np.exp(-(1 + t)), 4
    ).coef
    f = fe.Series(fe.Chebyshev(4, (0.0, length)))
    f = eqx.tree_at(lambda f: f.coefficients, f, jnp.asarray(coefficients))
    found = fe.error_estimate(decay(scale, length, size), f)
    first = fe.error_estimate(
        decay(),
        eqx.tree_at(
            lambda f: (f.coefficients, f.basis),
            f,
            (jnp.asarray(coefficients / size), fe.Chebyshev(4, (0.0, 2.0))),
        ),
    )
    assert found.relative == pytest.approx(float(first.relative), rel=1e-6)
    assert bool(found.determined)


HARD = {
    # name: risk, exact, length, degree
    "growing mode": (
        fe.Risk(lambda f, x: grad(grad(f))(x) - f(x), fe.Uniform(0.0, 15.0))
        + at_zero(1.0)
        + fe.Risk(lambda f, x: grad(f)(x) + 1, fe.Dirac(0.0)),
        lambda x: np.exp(-x),
        15.0,
        16,
    ),
    "small condition": (
        fe.Risk(lambda f, x: grad(f)(x) - 3 * f(x), fe.Uniform(0.0, 6.0)) + at_zero(1e-6),
        lambda x: 1e-6 * np.exp(3 * x),
        6.0,
        16,
    ),
    "logistic": (
        fe.Risk(lambda f, x: grad(f)(x) - f(x) * (1 - f(x)), fe.Uniform(0.0, 5.0)) + at_zero(0.1),
        lambda x: 1 / (1 + 9 * np.exp(-x)),
        5.0,
        16,
    ),
    "vanishing factor": (
        fe.Risk(lambda f, x: x * (grad(f)(x) + f(x)), fe.Uniform(0.0, 1.0)) + at_zero(1.0),
        lambda x: np.exp(-x),
        1.0,
        6,
    ),
    "cubed": (
        fe.Risk(lambda f, x: (grad(f)(x) + f(x)) ** 3, fe.Uniform(0.0, 1.0)) + at_zero(1.0),
        lambda x: np.exp(-x),
        1.0,
        16,
    ),
    "removable singularity": (
        fe.Risk(lambda f, x: fe.derivative(f, 2)(x) + grad(f)(x) / x + f(x), fe.Uniform(0.0, 10.0))
        + at_zero(1.0),
        j0,
        10.0,
        16,
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_problems(name):
    risk, exact, length, degree = HARD[name]
    f = fe.Series(fe.Chebyshev(degree, (0.0, length)), start=0.5)
    f = fe.solve(risk.quadrature(48), f, throw=False).value
    estimate, true = fe.error_estimate(risk, f), true_error(f, exact, length)
    if true > 10:
        assert estimate.relative > 10
    else:
        assert true / 5 < estimate.relative < 5 * true


def test_nothing_is_asked_for_beyond_a_third():
    residual = lambda f, x: jnp.exp(-50 * x) * (grad(f)(x) - f(x))
    risk = fe.Risk(residual, fe.Uniform(0.0, 1.0)) + at_zero(1.0)
    f = fe.solve(risk.quadrature(40), fe.Series(fe.Chebyshev(12, (0.0, 1.0))), throw=False).value
    assert not bool(fe.error_estimate(risk, f).determined)


@pytest.mark.parametrize("rates", ((1.0, 2.0, 3.0, 4.0), (-1.0, 2.0, -3.0, 0.5)))
def test_functions_with_nothing_in_common_are_judged_as_each_by_itself(rates):
    """Their values are a matrix of blocks, which is taken apart where it is large."""
    basis = fe.Chebyshev(60, (0.0, 2.0))

    def problem(rates):
        ode = lambda f, x: fe.derivative(f)(x) - jnp.asarray(rates) * f(x)
        return fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))

    def estimate(rates):
        risk, start = problem(rates), fe.Series(basis, out_size=len(rates))
        f = fe.solve(risk.quadrature(80), start, throw=False).value
        # off in one coefficient each, by as much of its size
        f = eqx.tree_at(lambda f: f.coefficients, f, f.coefficients.at[:, 3].multiply(1 + 1e-4))
        return fe.error_estimate(risk, f)

    together, alone = estimate(rates), [estimate((rate,)) for rate in rates]
    for name in ("relative", "conditioning"):
        most = {"relative": max, "conditioning": min}[name]
        expected = most(float(getattr(one, name)) for one in alone)
        np.testing.assert_allclose(float(getattr(together, name)), expected, rtol=0.3)


# Whatever f is made of.


class ValueAndPolicy(eqx.Module):
    """Brock and Mirman: V = a + b log k, share saved alpha beta, in logarithms of k."""

    value: fe.Series
    share: fe.Series

    def policy(self, k):
        return k**0.3 * jax.nn.sigmoid(self.share(k))


def bellman(f, k):
    def q(c):
        return jnp.log(c) + 0.95 * f.value(k**0.3 - c)

    c = f.policy(k)
    return {"bellman": f.value(k) - q(c), "foc": c * grad(q)(c)}


def test_several_functions_by_name():
    basis = fe.Chebyshev(8, (0.05, 0.6))
    f = ValueAndPolicy(fe.Series(basis, start=-10.0), fe.Series(basis))
    risk = fe.Risk(bellman, fe.Uniform(0.05, 0.4))
    f = fe.solve(risk.quadrature(16), f, throw=False).value
    estimate = fe.error_estimate(risk, f)
    assert set(estimate.relative) == {"policy", "value"}
    k = np.linspace(0.05, 0.4, 200)
    policy = np.asarray(jax.vmap(f.policy)(jnp.asarray(k)))
    exact = (1 - 0.3 * 0.95) * k**0.3
    true = np.sqrt(np.mean((policy - exact) ** 2) / np.mean(exact**2))
    assert true / 5 < float(estimate.relative["policy"]) < 5 * true
    assert set(estimate.at(jnp.asarray(0.2))) == {"policy", "value"}
    assert float(estimate.largest) == max(float(v) for v in estimate.relative.values())


class Eigen(eqx.Module):
    f: fe.Series
    rate: jax.Array

    def __call__(self, x):
        return self.f(x)


def test_an_unknown_number_counts_as_it_is():
    """f'' = -rate f, f(0) = f(1) = 0, f'(0) = 1: the rate is pi^2."""
    risk = (
        fe.Risk(lambda f, x: fe.derivative(f, 2)(x) + f.rate * f(x), fe.Uniform(0.0, 1.0))
        + fe.Risk(lambda f, x: f(x), fe.Dirac(0.0))
        + fe.Risk(lambda f, x: f(x), fe.Dirac(1.0))
        + fe.Risk(lambda f, x: grad(f)(x) - 1.0, fe.Dirac(0.0))
    )
    start = Eigen(fe.Series(fe.Chebyshev(6, (0.0, 1.0)), start=0.3), jnp.asarray(9.0))
    f = fe.solve(risk.quadrature(20), start, throw=False).value
    estimate = fe.error_estimate(risk, f)
    assert set(estimate.relative) == {"", "rate"}
    true = abs(float(f.rate) / np.pi**2 - 1)
    assert true / 5 < float(estimate.relative["rate"]) < 5 * true
    without = fe.Risk(lambda f, x: fe.derivative(f, 2)(x) + f.rate * f(x), fe.Uniform(0.0, 1.0))
    assert not bool(fe.error_estimate(without, f).determined)


class Polynomial(eqx.Module):
    """A hypothesis of the user's own."""

    c: jax.Array

    def __call__(self, x):
        return jnp.polyval(self.c[::-1], x - 1.0)


def test_a_module_of_the_users_own():
    f = fe.solve(decay().quadrature(20), Polynomial(0.1 * jnp.ones(6)), throw=False).value
    estimate, true = fe.error_estimate(decay(), f), true_error(f, lambda x: np.exp(-x), 2.0)
    assert estimate.relative == pytest.approx(true, rel=0.2)
    bare = fe.Risk(lambda f, x: grad(f)(x) + f(x), fe.Uniform(0.0, 2.0))
    assert not bool(fe.error_estimate(bare, f).determined)


def test_a_plain_function():
    estimate = fe.error_estimate(decay(), lambda x: jnp.exp(-x) * (1 + 1e-5 * x))
    x = 2.0 * POINTS
    true = np.sqrt(np.mean((1e-5 * x * np.exp(-x)) ** 2) / np.mean(np.exp(-2 * x)))
    assert estimate.relative == pytest.approx(true, rel=0.05)


def test_states_of_a_chain():
    """The value of a dividend in three states: linear algebra is the reference."""
    transition = np.array([[0.8, 0.2, 0.0], [0.1, 0.8, 0.1], [0.0, 0.3, 0.7]])
    dividend = np.array([1.0, 2.0, 3.0])
    laws = jnp.asarray(transition)

    def value(f, s):
        tomorrow = laws[s] @ jax.vmap(f)(jnp.arange(3))
        return f(s) - jnp.asarray(dividend)[s] - 0.9 * tomorrow

    risk = fe.Risk(value, fe.Empirical(np.arange(3)))
    solution = fe.solve(risk, fe.Series(fe.Indicator(3)))
    exact = np.linalg.solve(np.eye(3) - 0.9 * transition, dividend)
    np.testing.assert_allclose(solution.value.coefficients, exact, rtol=1e-12)
    assert bool(solution.solved) and float(solution.stats["error"]) < 1e-12
    off = eqx.tree_at(lambda f: f.coefficients, solution.value, jnp.asarray(exact * 1.01))
    assert fe.error_estimate(risk, off).relative == pytest.approx(0.01 / 1.01, rel=1e-6)


def test_expectations_and_open_boxes():
    """f(z) = z + 0.9 E f(0.9 z + e): f is asked for beyond the box, where it is free to adjust."""
    box = fe.Uniform(-1.0, 1.0)
    shock = fe.Normal(0.0, 0.1)
    risk = fe.Risk(lambda f, z, e: f(z) - z - 0.9 * f(0.9 * z + e), box, shock=shock.quadrature(5))
    good = fe.solve(risk.quadrature(20), fe.Series(fe.Chebyshev(4, (-1.5, 1.5)))).value
    assert fe.error_estimate(risk, good).relative < 1e-8
    wrong = eqx.tree_at(lambda f: f.coefficients, good, 1.02 * good.coefficients)
    assert fe.error_estimate(risk, wrong).relative == pytest.approx(0.02 / 1.02, rel=1e-3)


def test_two_coordinates():
    """The heat equation, u = exp(-pi^2 t) sin(pi x)."""
    dt, dx = jnp.eye(2)
    box = fe.Uniform([0.0, 0.0], [0.2, 1.0])

    def heat(u, p):
        return fe.directional(u, dt)(p) - fe.directional(u, dx, 2)(p)

    start = fe.Product(fe.Dirac(0.0), fe.Uniform(0.0, 1.0))
    ends = [fe.Product(fe.Uniform(0.0, 0.2), fe.Dirac(end)) for end in (0.0, 1.0)]
    risk = (
        fe.Risk(heat, box)
        + fe.Risk(lambda u, p: u(p) - jnp.sin(jnp.pi * p[1]), start)
        + sum([fe.Risk(lambda u, p: u(p), end) for end in ends])
    )
    basis = fe.Tensor(fe.Chebyshev(5, (0.0, 0.2)), fe.Chebyshev(7, (0.0, 1.0)))
    u = fe.solve(risk.quadrature(12), fe.Series(basis), throw=False).value
    estimate = fe.error_estimate(risk, u)
    p = np.random.default_rng(0).uniform([0, 0], [0.2, 1], (2_000, 2))
    exact = np.exp(-(np.pi**2) * p[:, 0]) * np.sin(np.pi * p[:, 1])
    values = np.asarray(jax.vmap(u)(jnp.asarray(p)))
    true = np.linalg.norm(values - exact) / np.linalg.norm(exact)
    assert true / 5 < estimate.relative < 5 * true


# Where it cannot be had, and where it is said.


def test_many_coordinates_give_a_bound_or_nothing():
    box = fe.Uniform(-np.ones(6), np.ones(6))
    risk = fe.Risk(lambda f, x: f(x) - jnp.sum(x), box)
    small = fe.MLP(6, "scalar", width=4, depth=1, support=box.support, key=jr.key(0))
    estimate = fe.error_estimate(risk, small)
    assert estimate.is_bound and "6 coordinates" in estimate.note
    assert f"no estimate: {estimate.note}" in str(estimate)
    large = fe.MLP(6, "scalar", width=64, depth=2, support=box.support, key=jr.key(0))
    estimate = fe.error_estimate(risk, large)
    assert np.isnan(estimate.relative) and "not estimated" in str(estimate)


def test_points_without_a_population():
    risk = fe.Risk(lambda f, x: grad(f)(x) + f(x), fe.Empirical(np.linspace(0, 2, 60)))
    estimate = fe.error_estimate(risk + at_zero(1.0), CLASSES["degree 9"](2.0))
    assert not estimate.fresh and "population" in estimate.note


# Inside programs.


def test_under_jit_and_over_calibrations():
    def equation(a):
        ode = fe.Risk(lambda f, x, a: grad(f)(x) - a * f(x), fe.Uniform(0.0, 1.0), args=(a,))
        return ode + at_zero(1.0)

    f = fe.solve(equation(-1.0), fe.Series(fe.Chebyshev(5, (0.0, 1.0)))).value
    relative = lambda a: fe.error_estimate(equation(a), f).relative
    rates = jnp.asarray([-1.0, -1.1, -1.2])
    outside = [float(relative(float(a))) for a in rates]
    np.testing.assert_allclose(jax.jit(relative)(rates[1]), outside[1], rtol=1e-6)
    np.testing.assert_allclose(jax.vmap(relative)(rates), outside, rtol=1e-3)


def test_in_float32():
    f = jax.tree.map(
        lambda x: jnp.asarray(x, jnp.float32) if eqx.is_inexact_array(x) else x,
        fe.solve(decay(), CLASSES["degree 4"](2.0), throw=False).value,
    )
    estimate, true = fe.error_estimate(decay(), f), true_error(f, lambda x: np.exp(-x), 2.0)
    assert estimate.relative == pytest.approx(true, rel=0.05)


def test_as_text_and_records(capsys):
    estimate = fe.error_estimate(decay(), CLASSES["degree 4"](2.0))
    assert "least |dr| per |df|" in str(estimate) and len(repr(estimate).splitlines()) == 1
    record = estimate.to_dict()
    assert record["relative"] == float(estimate.relative) and record["determined"] is True


def test_a_polynomial_of_thirty_coordinates():
    """5^30 products would be in its richer basis, were the degree not limited."""
    box = fe.Uniform(np.zeros(30), np.ones(30))
    f = fe.Series(fe.Tensor(*[fe.Chebyshev(2, (0.0, 1.0))] * 30, degree=2))
    risk = fe.Risk(lambda f, x: f(x) - jnp.sum(x) ** 2, box)
    sol = fe.solve(risk.empirical(560, key=jr.key(0)), f, throw=False)
    estimate = fe.error_estimate(risk, sol.value)
    assert sol.solved and estimate.is_bound and "functions, and up to" in estimate.note
    assert float(estimate.relative) < 1e-10
    test = risk.empirical(100, key=jr.key(1))
    verdict = fe.RiskReport(sol.value, test=test, accuracy=1e-30).verdict
    assert "by bound" in verdict and f"is not estimated: {estimate.note}" in verdict


class Saver(eqx.Module):
    """A share by a head, and a value around it."""

    share: fe.Bounded
    value: fe.Positive


def test_what_is_called_is_judged_and_not_the_series_inside_of_it():
    """A logit that is zero at the answer has no size, and the share that it makes has."""
    basis = fe.Chebyshev(6, (0.0, 1.0))
    f = Saver(fe.Bounded(fe.Series(basis), start=0.3), fe.Positive(fe.Series(basis), start=jnp.exp))

    def equations(f, x):
        return {"share": f.share(x) - 0.3, "value": f.value(x) - f.share(x) * jnp.exp(x) / 0.3}

    risk = fe.Risk(equations, fe.Uniform(0.0, 1.0))
    solution = fe.solve(risk.quadrature(12), f)
    assert float(solution.stats["error"]) < 1e-12
    off = eqx.tree_at(lambda f: f.share.g.coefficients, f, jnp.zeros(7).at[0].set(1e-4))
    estimate = fe.error_estimate(risk, off)
    assert set(estimate.relative) == {"share", "value"}
    exact = float(off.share(0.5)) / 0.3 - 1
    assert float(estimate.relative["share"]) == pytest.approx(exact, rel=1e-3)
    assert float(estimate.relative["value"]) < 1e-12


@pytest.mark.parametrize("states", (2, 4, 6))
def test_a_point_of_one_state_is_one_equation_of_a_function_of_all(states):
    """f_i' = (1 + i) f_i, at points of one i each: more points than f has functions are needed."""
    law = fe.Product(k=fe.Uniform(0.0, 1.0), i=fe.Empirical(np.arange(states)))
    rates = jnp.arange(1.0, states + 1.0)
    of = lambda f, k, i: f(k)[i]
    growth = lambda f, x: grad(of, 1)(f, x["k"], x["i"]) - rates[x["i"]] * of(f, x["k"], x["i"])
    risk = fe.Risk(growth, law) + fe.Risk(lambda f: f(0.0) - 1.0)
    f = fe.Series(fe.Chebyshev(8, (0.0, 1.0)), out_size=states)
    sol = fe.solve(risk.quadrature(24), f, throw=False)
    k = np.linspace(0.0, 1.0, 101)
    true = np.exp(np.outer(k, 1 + np.arange(states)))
    off = np.linalg.norm(np.asarray(jax.vmap(sol.value)(k)) - true, axis=0)
    estimate = fe.error_estimate(risk, sol.value)
    assert bool(estimate.determined) and not estimate.is_bound
    assert estimate.relative == pytest.approx(np.max(off / np.linalg.norm(true, axis=0)), rel=0.5)


@pytest.mark.parametrize("degree", [10, 14])
def test_an_equation_at_rest_has_its_size_beside_f(degree):
    """The best share makes the Bellman equation stand still: it is not 1e10 times too small."""
    basis = fe.Chebyshev(degree, (0.5, 1.5))
    alpha, beta = 0.36, 0.96
    steady = (alpha * beta) ** (1 / (1 - alpha))

    def bellman(f, x):
        k = steady * x
        value = lambda k: f["value"](k / steady)
        c = k**alpha * jax.nn.sigmoid(f["share"](x))
        q = lambda c: jnp.log(c) + beta * value(k**alpha - c)
        return {"bellman": value(k) - q(c), "first order": c * jax.grad(q)(c)}

    f = {"value": fe.Series(basis, start=-20.0), "share": fe.Series(basis, start=0.5)}
    risk = fe.Risk(bellman, fe.Uniform(0.5, 1.5)).quadrature(24)
    both = fe.solve(risk, f)
    share = fe.solve(risk, both.value, only=lambda f: f["share"])
    found = fe.error_estimate(risk, share.value, only=lambda f: f["share"])
    exact = np.log((1 - alpha * beta) / (alpha * beta))
    x = jnp.linspace(0.5, 1.5, 50)
    apart = np.abs(jax.vmap(share.value["share"])(x) / exact - 1).max()
    assert apart < 1e-5 and found.largest < 1e-5
