"""From payoffs to residuals: the residuals that one writes by hand, and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


ALPHA, BETA, DELTA, GAMMA, RHO = 0.36, 0.96, 0.1, 2.0, 0.9


def utility(c):
    return c ** (1 - GAMMA) / (1 - GAMMA)


def resources(k, z):
    return jnp.exp(z) * k**ALPHA + (1 - DELTA) * k


def growth(k, k1, z):
    return utility(resources(k, z) - k1)


def law(z, e):
    return RHO * z + e


def by_hand(f, x, e):
    k, z = x
    k1, z1 = f(x), RHO * z + e
    k2 = f(jnp.stack([k1, z1]))
    c, c1 = resources(k, z) - k1, resources(k1, z1) - k2
    returns = ALPHA * jnp.exp(z1) * k1 ** (ALPHA - 1) + 1 - DELTA
    return 1 - BETA * returns * (c1 / c) ** -GAMMA


def guess(x):
    return 0.3 * resources(x[0], x[1]) + 0.05 * jnp.sin(x[0])


def test_stochastic_growth_is_the_residual_written_by_hand():
    euler = fe.euler_residual(growth, BETA, law)
    keys = jr.split(jr.key(0), 3)
    k, z, e = (jr.uniform(key, (50,)) for key in keys)
    points = jnp.stack([0.5 + k, z - 0.5], axis=1)
    ours = jax.vmap(lambda x, e: euler(guess, x, 0.1 * e))(points, e)
    theirs = jax.vmap(lambda x, e: by_hand(guess, x, 0.1 * e))(points, e)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-13)
    plain = fe.euler_residual(growth, BETA, law, unit_free=False)
    c = jax.vmap(lambda x: resources(x[0], x[1]) - guess(x))(points)
    values = jax.vmap(lambda x, e: plain(guess, x, 0.1 * e))(points, e)
    np.testing.assert_allclose(values, -theirs * c**-GAMMA, rtol=1e-10, atol=1e-12)


def test_without_a_shock_and_without_z():
    euler = fe.euler_residual(lambda k, k1: growth(k, k1, 0.0), BETA)
    law_of_z = fe.euler_residual(growth, BETA, lambda z: RHO * z, shocked=False)
    x = jnp.asarray([1.1, 0.0])
    theirs = by_hand(guess, x, 0.0)
    alone = lambda k: guess(jnp.stack([k, jnp.zeros(())]))
    np.testing.assert_allclose(euler(alone, x[0]), theirs, rtol=1e-12)
    np.testing.assert_allclose(law_of_z(guess, x), theirs, rtol=1e-12)
    tilted = jnp.asarray([0.9, 0.2])
    np.testing.assert_allclose(law_of_z(guess, tilted), by_hand(guess, tilted, 0.0), rtol=1e-12)


def test_vectors_of_capital_and_of_shocks():
    """Two firms next to each other are two models."""

    def both(k, k1, z):
        return growth(k[0], k1[0], z[0]) + growth(k[1], k1[1], z[1])

    def f(x):
        return jnp.stack([guess(jnp.stack([x[i], x[i + 2]])) for i in range(2)])

    x, e = jnp.asarray([0.9, 1.2, 0.1, -0.2]), jnp.asarray([0.02, -0.03])
    ours = fe.euler_residual(both, BETA, lambda z, e: RHO * z + e)(f, x, e)
    for i in range(2):
        theirs = by_hand(guess, x[jnp.asarray([i, i + 2])], e[i])
        np.testing.assert_allclose(ours[i], theirs, rtol=1e-12)


def test_parameters_through_args():
    def payoff(k, k1, z, beta, rho):
        return growth(k, k1, z)

    euler = fe.euler_residual(
        payoff,
        lambda beta, rho: beta,
        lambda z, e, beta, rho: rho * z + e,
        policy=lambda f, x: f(x),
    )
    x = jnp.asarray([1.0, 0.1])
    ours = lambda beta: euler(guess, x, 0.05, beta, RHO)
    np.testing.assert_allclose(ours(BETA), by_hand(guess, x, 0.05), rtol=1e-12)
    np.testing.assert_allclose(jax.grad(ours)(BETA), (ours(BETA) - 1) / BETA, rtol=1e-12)


class Savings(eqx.Module):
    logit: fe.Series

    def __call__(self, x):
        t = jnp.stack([jnp.log(x[0]), x[1]])
        return jax.nn.sigmoid(self.logit(t)) * jnp.exp(x[1]) * x[0] ** ALPHA


def test_brock_and_mirman_from_their_payoff():
    """k' = alpha beta z k^alpha."""
    payoff = lambda k, k1, z: jnp.log(jnp.exp(z) * k**ALPHA - k1)
    euler = fe.euler_residual(payoff, BETA, law)
    bases = fe.Chebyshev(3, (np.log(0.05), np.log(0.5))), fe.Chebyshev(3, (-0.3, 0.3))
    shock = fe.Normal(0.0, 0.02).quadrature(3)
    risk = fe.Risk(euler, fe.Uniform([0.1, -0.2], [0.3, 0.2]), shock=shock)
    f = fe.solve(risk.quadrature(6), Savings(fe.Series(fe.Tensor(*bases, degree=3)))).value
    for x in ([0.1, -0.2], [0.2, 0.1], [0.3, 0.2]):
        exact = ALPHA * BETA * np.exp(x[1]) * x[0] ** ALPHA
        np.testing.assert_allclose(f(jnp.asarray(x)), exact, rtol=1e-11)


# Cake with interest, c = kappa a: by its Bellman equation, in three forms.
R = 1.02
KAPPA = 1 - (BETA * R ** (1 - GAMMA)) ** (1 / GAMMA)


class Cake(eqx.Module):
    """A value of the right sign and a share."""

    log_scale: fe.Series
    logit: fe.Series

    def value(self, a):
        return jnp.exp(self.log_scale(a)) * utility(a)

    def policy(self, a):
        return a * jax.nn.sigmoid(self.logit(a))


def cake():
    series = fe.Series(fe.Chebyshev(3, (0.0, 2.0)), start=7.0)
    return Cake(series, fe.Series(fe.Chebyshev(3, (0.0, 2.0)), start=-3.0))


def exact_value(a):
    return KAPPA**-GAMMA * utility(a)


def test_a_bellman_equation_with_a_policy():
    bellman = fe.bellman_residual(
        lambda a, c: utility(c),
        BETA,
        lambda a, c: R * (a - c),
        policy=lambda f, a: f.policy(a),
        value=lambda f, a: f.value(a),
    )
    risk = fe.Risk(bellman, fe.Uniform(0.5, 2.0), tolerance=1e-5)
    f = fe.solve(risk.quadrature(10), cake()).value
    a = jnp.linspace(0.5, 2.0, 7)
    np.testing.assert_allclose(jax.vmap(f.policy)(a), KAPPA * a, rtol=1e-8)
    np.testing.assert_allclose(jax.vmap(f.value)(a), exact_value(a), rtol=1e-8)


@pytest.mark.slow
def test_a_bellman_equation_with_its_maximum():
    bellman = fe.bellman_residual(
        lambda a, c: utility(c),
        BETA,
        lambda a, c: R * (a - c),
        bounds=lambda a: (0.005 * a, 0.5 * a),
        value=lambda f, a: f.value(a),
    )
    risk = fe.Risk(bellman, fe.Uniform(0.5, 2.0), tolerance=1e-5)
    f = fe.solve(risk.quadrature(10), cake(), only=lambda f: f.log_scale).value
    a = jnp.linspace(0.5, 2.0, 7)
    np.testing.assert_allclose(jax.vmap(f.value)(a), exact_value(a), rtol=1e-8)


def test_the_maximum_is_outside_of_the_expectation():
    shock = fe.Normal(0.0, 0.3).quadrature(5)
    v = lambda k: 2.0 * jnp.log(k)
    law_of_k = lambda k, c, e: jnp.exp(e) * (k - c)
    bellman = fe.bellman_residual(
        lambda k, c: jnp.log(c), BETA, law_of_k, bounds=lambda k: (0.0, k), shock=shock
    )
    # c = k / (1 + 2 beta), since E e = 0
    c = 1.3 / (1 + 2 * BETA)
    best = np.log(c) + 2 * BETA * np.log(1.3 - c)
    np.testing.assert_allclose(bellman(v, 1.3), 2 * np.log(1.3) - best, rtol=1e-12)


def test_what_is_refused():
    for beta in (1.0, 1.2, 0.0, -0.5, float("nan")):
        with pytest.raises(ValueError, match="`beta` is a discount factor"):
            fe.euler_residual(growth, beta, law)
        with pytest.raises(ValueError, match="`beta` is a discount factor"):
            fe.bellman_residual(growth, beta, law, policy=guess)
    jax.jit(lambda beta: fe.euler_residual(growth, beta, law)(guess, jnp.ones(2), 0.0))(1.0)
    with pytest.raises(ValueError, match="needs either `bounds`"):
        fe.bellman_residual(growth, BETA, law)
    with pytest.raises(ValueError, match="`law` must be a function"):
        fe.euler_residual(growth, BETA, 0.9)
    with pytest.raises(ValueError, match=r"a point is an array of k, .* got shape \(\)"):
        fe.euler_residual(growth, BETA, law)(lambda x: x, jnp.asarray(1.0), 0.0)
    with pytest.raises(ValueError, match="without a `law` a point is k"):
        fe.euler_residual(lambda k, k1: k, BETA)(lambda x: x[0], jnp.ones(2))


# Two constraints at once: y >= 0, M y >= d(x), one of them equal in each component.
M = np.array([[2.0, 0.5], [0.5, 1.0]])


def demand(x):
    return jnp.stack([jnp.cos(3.0 * x), jnp.sin(3.0 * x)])


def linear_complementarity(d):
    """By enumeration of what is zero."""
    for zero in ((), (0,), (1,), (0, 1)):
        free = [i for i in range(2) if i not in zero]
        y = np.zeros(2)
        y[free] = np.linalg.solve(M[np.ix_(free, free)], d[free])
        if (y >= -1e-12).all() and (M @ y - d >= -1e-12).all():
            return y
    raise AssertionError("no solution")


def two_constraints(f, x, smoothing):
    y = f(x)
    return fe.fischer_burmeister(y, jnp.asarray(M) @ y - demand(x), smoothing)


def at_points(smoothing, y, tolerance=None):
    points = fe.Empirical(jnp.linspace(0.0, 2.0, 12))
    risk = fe.Risk(two_constraints, points, args=(smoothing,), tolerance=tolerance)
    return fe.solve(risk, y).value


def test_two_constraints_against_enumeration():
    """Splines through as many points as they have coefficients, smoothed less and less."""
    y = fe.Series(fe.BSpline(11, (0.0, 2.0), degree=1), out_size=2, start=jnp.full(2, 0.5))
    smoothed = at_points(0.3, y)
    for x in np.linspace(0.0, 2.0, 12):
        value = smoothed(x)
        slack = M @ value - demand(x)
        assert (value > 0).all() and (slack > 0).all()
        np.testing.assert_allclose(value * slack, 0.09, rtol=1e-8)
    y = at_points(0.0, at_points(0.02, smoothed))
    exact = [linear_complementarity(np.asarray(demand(x))) for x in np.linspace(0.0, 2.0, 12)]
    np.testing.assert_allclose(jax.vmap(y)(jnp.linspace(0.0, 2.0, 12)), exact, atol=1e-9)


def test_smoothing_can_be_traced_and_differentiated():
    """y + s - sqrt(y^2 + s^2 + 2 e^2) = 0 with s = y: y = e."""

    def residual(f, smoothing):
        return fe.fischer_burmeister(f, f, smoothing)

    def solution(smoothing):
        risk = fe.Risk(residual, args=(smoothing,))
        return fe.solve(risk, jnp.ones(2)).value[1]

    value, slope = jax.jit(jax.value_and_grad(solution))(0.3)
    np.testing.assert_allclose([value, slope], [0.3, 1.0], rtol=1e-10)
