"""Estimates and their standard errors, against closed forms and at their rate of coverage."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jax.scipy.stats import norm

import fesolve as fe


RNG = np.random.default_rng(0)
X = np.column_stack([np.ones(300), RNG.normal(size=300)])
Y = X @ [0.5, -1.2] + 0.7 * RNG.normal(size=300)


def normal_density(theta, x, y):
    return norm.logpdf(y, x @ theta["b"], jnp.exp(theta["log_s"]))


def test_a_normal_regression_is_least_squares():
    start = {"b": np.zeros(2), "log_s": 0.0}
    found = fe.maximum_likelihood(normal_density, start, args=(X, Y))
    b, rss, *_ = np.linalg.lstsq(X, Y, rcond=None)
    s2 = float(rss[0]) / len(Y)
    assert found.names == ("b[0]", "b[1]", "log_s")
    np.testing.assert_allclose(found.parameters["b"], b, atol=1e-6)
    np.testing.assert_allclose(found.value[2], np.log(s2) / 2, atol=1e-6)
    exact = np.zeros((3, 3))
    exact[:2, :2], exact[2, 2] = s2 * np.linalg.inv(X.T @ X), 1 / (2 * len(Y))
    np.testing.assert_allclose(found.covariance, exact, rtol=1e-4, atol=1e-8)
    # White's covariance of the slopes
    inner = X.T @ (X * ((Y - X @ b) ** 2)[:, None])
    white = np.linalg.inv(X.T @ X) @ inner @ np.linalg.inv(X.T @ X)
    np.testing.assert_allclose(found.robust[:2, :2], white, rtol=1e-4, atol=1e-9)
    likelihood = -len(Y) / 2 * (np.log(2 * np.pi * s2) + 1)
    assert found.objective == pytest.approx(likelihood, rel=1e-9)
    assert "log likelihood" in str(found) and found.to_dict()["observations"] == 300
    half = 1.959963984540054 * found.error
    np.testing.assert_allclose(found.interval()[:, 1] - found.value, half, rtol=1e-12)


def test_instruments_are_two_stage_least_squares():
    """With as many instruments as regressors, whatever the weights, and with White's errors."""
    z = np.column_stack([X[:, 0], X[:, 1] + 0.5 * RNG.normal(size=300)])

    def conditions(theta, x, y, z):
        return z * (y - x @ theta)[:, None]

    found = fe.method_of_moments(conditions, np.zeros(2), args=(X, Y, z), lags=0)
    exact = np.linalg.solve(z.T @ X, z.T @ Y)
    np.testing.assert_allclose(found.value, exact, rtol=1e-8)
    u = Y - X @ exact
    moments = z * u[:, None]
    away = moments - moments.mean(axis=0)
    a = np.linalg.inv(z.T @ X)
    np.testing.assert_allclose(found.covariance, a @ (away.T @ away) @ a.T, rtol=1e-8)
    assert found.degrees == 0 and found.p_value is None
    more = np.column_stack([z, z[:, 1] ** 2])
    over = fe.method_of_moments(conditions, np.zeros(2), args=(X, Y, more), lags=0)
    assert over.degrees == 1 and 0 < over.p_value < 1 and "J(1)" in str(over)
    wrong = np.column_stack([z, u])  # an instrument that is the error
    assert fe.method_of_moments(conditions, np.zeros(2), args=(X, Y, wrong), lags=0).p_value < 1e-6


def test_the_long_run_variance_is_that_of_newey_and_west():
    rng = np.random.default_rng(1)
    e = rng.normal(size=401)
    y = 0.3 + e[1:] + 0.8 * e[:-1]
    found = fe.method_of_moments(lambda m, y: (y - m)[:, None], 0.0, args=(y,), lags=6)
    assert float(found.parameters) == pytest.approx(y.mean(), rel=1e-9)
    away = y - y.mean()
    covariances = [away[i:] @ away[: len(y) - i] / len(y) for i in range(7)]
    long_run = covariances[0] + 2 * sum((1 - i / 7) * covariances[i] for i in range(1, 7))
    assert found.error[0] == pytest.approx(np.sqrt(long_run / len(y)), rel=1e-9)
    twice = fe.method_of_moments(
        lambda m, y: (y - m)[:, None], 0.0, args=(y,), lags=6, simulations=1
    )
    assert twice.error[0] == pytest.approx(np.sqrt(2) * found.error[0], rel=1e-9)


def simulated_moments(theta, y, e):
    simulated = theta["mean"] + jnp.exp(theta["log_s"]) * e
    quantities = lambda y: jnp.stack([y, y**2, jnp.abs(y)], axis=1)
    return quantities(y) - quantities(simulated).mean(axis=0)[None, :]


def test_simulated_moments_are_covered_at_their_rate():
    truth, inside, js = np.array([np.log(0.7), 0.4]), [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        data = 0.4 + 0.7 * rng.normal(size=250), rng.normal(size=750)
        start = {"mean": 0.0, "log_s": 0.0}
        options = {"lags": 0, "simulations": 3}
        found = fe.method_of_moments(simulated_moments, start, args=data, **options)
        low, high = found.interval(0.9).T
        inside.append((low <= truth) & (truth <= high))
        js.append(found.p_value < 0.1)
    # the standard error of a share of 0.9 over 200 samples is 0.021
    assert np.all(np.abs(np.mean(inside, axis=0) - 0.9) < 3 * 0.0212)
    assert abs(np.mean(js) - 0.1) < 3 * 0.0212


def test_what_is_not_identified_is_named():
    double = lambda theta, x, y: norm.logpdf(y, (theta["a"] + theta["b"]) * x[:, 1], 1.0)
    with pytest.raises(ValueError, match=r"not identified: .* moves a by -?1, b by -?1"):
        fe.maximum_likelihood(double, {"a": 0.0, "b": 0.0}, args=(X, Y))
    flat = lambda theta, y: (y - theta["a"] - theta["b"])[:, None] * jnp.ones((1, 2))
    with pytest.raises(ValueError, match="linear functions of one another"):
        fe.method_of_moments(flat, {"a": 0.0, "b": 0.0}, args=(Y,))


def test_an_optimum_that_was_not_reached_is_no_estimate():
    start = {"mean": 3.0, "log_s": 2.0}
    rng = np.random.default_rng(0)
    data = 0.4 + 0.7 * rng.normal(size=250), rng.normal(size=750)
    with pytest.raises(
        ValueError, match=r"no minimum of the distance .* in 2 evaluations: the next"
    ):
        fe.method_of_moments(simulated_moments, start, args=data, lags=0, max_steps=2)
    with pytest.raises(ValueError, match="no maximum of the likelihood was found in 1 steps"):
        far = {"b": np.full(2, 3.0), "log_s": 2.0}
        fe.maximum_likelihood(normal_density, far, args=(X, Y), max_steps=1)


def test_where_the_model_has_no_solution_a_step_is_shortened():
    """From 0.5 Newton's step goes beyond 1, where moments are infinite; no warning comes of it."""
    y = 0.512 + 0.01 * np.random.default_rng(0).normal(size=50)

    def moments(rho, y):
        both = jnp.stack([rho**3 - y, rho**6 - y**2 + 1e-4], axis=1)
        return jnp.where(rho < 1, both, jnp.inf)

    found = fe.method_of_moments(moments, 0.5, args=(y,), lags=0)
    assert float(found.parameters) == pytest.approx(0.8, abs=4 * float(found.error[0]))


def test_bad_input_is_refused():
    mean = lambda m, y: (y - m)[:, None]
    for function, start, options, words in [
        (None, 0.0, {}, "`moments` must be a function"),
        (mean, "a", {}, "`start` must be a tree of real numbers"),
        (mean, np.nan, {}, "`start` must be a tree of finite numbers"),
        (mean, 0.0, {"lags": -1}, "`lags` must lie between"),
        (mean, 0.0, {"simulations": 0}, "`simulations` must be above 0"),
        (lambda m, y: y - m, 0.0, {}, r"must have the shape \(T, q\)"),
        (lambda m, y: (y - m[0] - m[1])[:, None], np.zeros(2), {}, "1 moments for 2 parameters"),
        (lambda m, y: jnp.log(m) + y[:, None], -1.0, {}, "not finite at `start`"),
    ]:
        with pytest.raises(ValueError, match=words):
            fe.method_of_moments(function, start, **{"args": (Y,), **options})


# Stochastic growth: risk aversion, persistence and the size of shocks, through the solve.

ALPHA, BETA, DELTA = 0.36, 0.99, 0.02
SCALE = (1 / BETA - 1 + DELTA) / ALPHA  # capital rests at 1
TRUTH = {"gamma": 2.0, "rho": 0.95, "log_sigma": np.log(0.01)}
NOISE = 0.002
BOX = ((-0.5, -0.2), (0.5, 0.2))
BASIS = fe.Tensor(*(fe.Chebyshev(4, ends) for ends in zip(*BOX)), degree=4)
RULE = fe.Normal(0.0, 1.0).quadrature(5)


def resources(x):
    return SCALE * jnp.exp(x[1] + ALPHA * x[0]) + (1 - DELTA) * jnp.exp(x[0])


class Policy(eqx.Module):
    share: fe.Bounded

    def capital(self, x):
        return jnp.log(self.share(x) * resources(x))

    def consumption(self, x):
        return (1 - self.share(x)) * resources(x)


def euler(f, x, gamma, rho, sigma):
    k1 = f.capital(x)

    def payoff(e):
        x1 = jnp.stack([k1, rho * x[1] + sigma * e])
        gross = ALPHA * SCALE * jnp.exp(x1[1] + (ALPHA - 1) * k1) + 1 - DELTA
        return gross * (f.consumption(x) / f.consumption(x1)) ** gamma

    return 1 - BETA * fe.expectation(payoff, RULE)


def solved(theta):
    args = (theta["gamma"], theta["rho"], jnp.exp(theta["log_sigma"]))
    f = Policy(fe.Bounded(fe.Series(BASIS), start=1 / (SCALE + 1 - DELTA)))
    risk = fe.Risk(euler, fe.Uniform(*BOX), args=args)
    return fe.solve(risk.quadrature(6), f, throw=False).value


def growth_density(theta, k, z, c):
    """Capital and productivity are seen, and consumption with an error of measurement."""
    f, sigma = solved(theta), jnp.exp(theta["log_sigma"])
    x = jnp.stack([k, z], axis=1)
    moved = norm.logpdf(z[1:], theta["rho"] * z[:-1], sigma)
    start = norm.logpdf(z[0], 0.0, sigma / jnp.sqrt(1 - theta["rho"] ** 2))
    seen = norm.logpdf(c, jnp.log(jax.vmap(f.consumption)(x)), NOISE)
    return seen + jnp.concatenate([start[None], moved])


@eqx.filter_jit
def sample(f, key, periods=200):
    first, shocks, errors = jr.split(key, 3)
    sigma = jnp.exp(TRUTH["log_sigma"])
    z0 = sigma / jnp.sqrt(1 - TRUTH["rho"] ** 2) * jr.normal(first)

    def step(x, e):
        x1 = jnp.stack([f.capital(x), TRUTH["rho"] * x[1] + sigma * e])
        return x1, x

    _, x = jax.lax.scan(step, jnp.stack([jnp.zeros(()), z0]), jr.normal(shocks, (periods,)))
    c = jnp.log(jax.vmap(f.consumption)(x)) + NOISE * jr.normal(errors, (periods,))
    return x[:, 0], x[:, 1], c


START = {"gamma": 1.5, "rho": 0.9, "log_sigma": np.log(0.013)}


@pytest.mark.slow
def test_three_parameters_of_stochastic_growth_are_covered_at_their_rate():
    f = solved(jax.tree.map(jnp.asarray, TRUTH))
    truth = np.array([TRUTH[name] for name in sorted(TRUTH)])
    inside, far = [], []
    for seed in range(200):
        data = tuple(map(np.asarray, sample(f, jr.key(seed))))
        found = fe.maximum_likelihood(growth_density, START, args=data)
        low, high = found.interval(0.9).T
        inside.append((low <= truth) & (truth <= high))
        far.append((found.value - truth) / found.error)
    share = np.mean(inside, axis=0)
    # the standard error of a share of 0.9 over 200 samples is 0.021
    assert np.all(np.abs(share - 0.9) < 3 * 0.0212), (found.names, share)
    assert np.all(np.abs(np.std(far, axis=0) - 1) < 0.15)


def regressors(k, z):
    return jnp.stack([jnp.ones_like(k), k, z, k * k, k * z, z * z], axis=1)


def growth_moments(theta, k, z, c, draws):
    """What the coefficients of a regression in the simulation leave of the data."""
    f = solved(theta)

    def step(x, e):
        return jnp.stack([f.capital(x), theta["rho"] * x[1] + jnp.exp(theta["log_sigma"]) * e]), x

    shocks, errors = draws
    path = jax.lax.scan(step, jnp.zeros(2), shocks)[1][-errors.size :]
    ks, zs = path[:, 0], path[:, 1]
    cs = jnp.log(jax.vmap(f.consumption)(path)) + NOISE * errors
    x, xs = regressors(k, z), regressors(ks, zs)
    left = c - x @ jnp.linalg.solve(xs.T @ xs, xs.T @ cs)
    rho = jnp.sum(zs[1:] * zs[:-1]) / jnp.sum(zs[:-1] ** 2)
    surprise, size = z[1:] - rho * z[:-1], jnp.mean((zs[1:] - rho * zs[:-1]) ** 2)
    own = [surprise * z[:-1], surprise**2 - size]
    return jnp.column_stack([left[1:, None] * x[1:, :3], *own])


@pytest.mark.slow
def test_simulated_moments_of_stochastic_growth_are_covered_at_their_rate():
    f = solved(jax.tree.map(jnp.asarray, TRUTH))
    truth = np.array([TRUTH[name] for name in sorted(TRUTH)])
    inside, far, js = [], [], []
    for seed in range(200):
        data, own = tuple(map(np.asarray, sample(f, jr.key(seed)))), jr.split(jr.key(1_000 + seed))
        draws = jr.normal(own[0], (2_200,)), jr.normal(own[1], (2_000,))
        found = fe.method_of_moments(
            growth_moments, START, args=(*data, draws), lags=0, simulations=10
        )
        low, high = found.interval(0.9).T
        inside.append((low <= truth) & (truth <= high))
        far.append((found.value - truth) / found.error)
        js.append(found.p_value < 0.1)
    share = np.mean(inside, axis=0)
    # the standard error of a share of 0.9 over 200 samples is 0.021
    assert np.all(np.abs(share - 0.9) < 3 * 0.0212), (found.names, share)
    assert np.all(np.abs(np.std(far, axis=0) - 1) < 0.2), np.std(far, axis=0)
    assert abs(np.mean(js) - 0.1) < 4 * 0.0212, np.mean(js)
