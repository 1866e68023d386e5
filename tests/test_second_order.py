"""Second-order solutions, against closed forms, published coefficients and a Kronecker solve."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


ALPHA, BETA, RHO, SIGMA = 0.36, 0.96, 0.9, 0.03
K = (ALPHA * BETA) ** (1 / (1 - ALPHA))


def brock_mirman(x, c, x1, c1):
    k1, z1 = x1["k"], x1["z"]
    return {
        "resources": k1 + c - jnp.exp(x["z"]) * x["k"] ** ALPHA,
        "euler": 1 - BETA * c / c1 * ALPHA * jnp.exp(z1) * k1 ** (ALPHA - 1),
        "productivity": z1 - RHO * x["z"],
    }


@pytest.fixture(scope="module")
def growth():
    steady = fe.steady_state(brock_mirman, ({"k": 0.3, "z": 0.1}, 0.3))
    return fe.second_order(brock_mirman, steady, {"k": 0.0, "z": SIGMA})


def consumption(x):
    return (1 - ALPHA * BETA) * jnp.exp(x[1]) * x[0] ** ALPHA


def capital(x):
    return ALPHA * BETA * jnp.exp(x[1]) * x[0] ** ALPHA


def test_brock_mirman_is_the_closed_form(growth):
    at = jnp.array([K, 0.0])
    assert growth.shocks.tolist() == [[0.0], [SIGMA]]
    np.testing.assert_allclose(growth.policy_curvature[0], jax.hessian(consumption)(at), rtol=1e-11)
    k_xx, z_xx = growth.transition_curvature
    np.testing.assert_allclose(k_xx, jax.hessian(capital)(at), rtol=1e-11)
    np.testing.assert_allclose(z_xx, 0, atol=1e-14)
    # in logs the policy is the same whatever the risk
    np.testing.assert_allclose(growth.policy_risk, 0, atol=1e-15)
    np.testing.assert_allclose(growth.transition_risk, 0, atol=1e-15)


def test_the_error_of_the_policy_falls_by_the_third_power(growth):
    def error(size):
        x = {"k": K * (1 + size), "z": jnp.asarray(size)}
        return abs(float(growth.policy(x) - consumption(jnp.array([x["k"], x["z"]]))))

    assert np.log2(error(0.04) / error(0.02)) == pytest.approx(3, abs=0.1)
    tomorrow = growth.transition({"k": 1.02 * K, "z": jnp.asarray(0.01)}, jnp.array([2.0]))
    assert float(tomorrow["z"]) == pytest.approx(RHO * 0.01 + 2 * SIGMA)
    assert float(tomorrow["k"]) == pytest.approx(float(capital([1.02 * K, 0.01])), rel=1e-5)


def neoclassical(x, y, x1, y1, alpha=0.3, beta=0.95, gamma=2.0, delta=1.0, rho=0.0):
    """Schmitt-Grohe and Uribe's first example, in logs."""
    (k, a), (k1, a1), c, c1 = jnp.exp(x), jnp.exp(x1), jnp.exp(y), jnp.exp(y1)
    gross = a1 * alpha * k1 ** (alpha - 1) + 1 - delta
    return {
        "resources": c + k1 - (1 - delta) * k - a * k**alpha,
        "euler": c**-gamma - beta * c1**-gamma * gross,
        "technology": x1[1] - rho * x[1],
    }


def test_the_published_coefficients_of_the_neoclassical_growth_model():
    """Schmitt-Grohe and Uribe (2004), section 5.1: x = (k, A), y = c, all in logs."""
    steady = fe.steady_state(neoclassical, (jnp.array([-1.5, 0.0]), -0.9))
    second = fe.second_order(neoclassical, steady, np.array([[0.0], [1.0]]))
    published = {
        "policy_slope": ([[0.2525, 0.8417]], second.first.policy_slope),
        "transition_slope": ([[0.4191, 1.3970], [0, 0]], second.first.transition_slope),
        "g_xx": ([[[-0.0051, -0.0171], [-0.0171, -0.0569]]], second.policy_curvature),
        "h_xx": ([[-0.0070, -0.0233], [-0.0233, -0.0778]], second.transition_curvature[0]),
        "g_ss": ([-0.1921], second.policy_risk),
        "h_ss": ([0.4820, 0.0], second.transition_risk),
    }
    for name, (expected, found) in published.items():
        np.testing.assert_allclose(found, expected, atol=6e-5, err_msg=name)


def test_the_price_of_a_tree_is_burnsides():
    """v = beta E[e^{theta x'} (1 + v')], whose closed form is a sum of exponentials of x and of
    sigma^2."""
    beta, theta, rho, mean, sigma = 0.95, -1.5, -0.139, 0.0179, 0.0348

    def tree(x, v, x1, v1):
        return v - beta * jnp.exp(theta * x1) * (1 + v1), x1 - mean - rho * (x - mean)

    def exact(x, s):
        i = jnp.arange(1.0, 800.0)
        b = theta * rho * (1 - rho**i) / (1 - rho)
        sums = i - 2 * rho * (1 - rho**i) / (1 - rho)
        sums = sums + rho**2 * (1 - rho ** (2 * i)) / (1 - rho**2)
        a = theta * mean * i + theta**2 * (s * sigma) ** 2 / (2 * (1 - rho) ** 2) * sums
        return jnp.sum(beta**i * jnp.exp(a + b * (x - mean)))

    second = fe.second_order(tree, fe.steady_state(tree, (0.01, 12.0)), sigma)
    bent = jax.hessian(lambda u: exact(u[0], u[1]))(jnp.array([mean, 0.0]))
    assert second.policy_curvature[0, 0, 0] == pytest.approx(float(bent[0, 0]), rel=1e-9)
    assert second.policy_risk[0] == pytest.approx(float(bent[1, 1]), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_random_models_satisfy_their_second_derivatives(seed):
    """E f(x, g(x, s), h(x, s) + s eta e, g(.., s)) has no second derivative in x and in s."""
    rng = np.random.default_rng(seed)
    vectors = np.eye(4) + 0.3 * rng.normal(size=(4, 4))
    a = np.eye(4) + 0.3 * rng.normal(size=(4, 4))
    b = a @ vectors @ np.diag([0.3, -0.6, 1.7, 3.0]) @ np.linalg.inv(vectors)
    q = rng.normal(size=(4, 8, 8))

    def model(x, y, x1, y1):
        z, z1 = jnp.concatenate([x, y]), jnp.concatenate([x1, y1])
        both = jnp.concatenate([z, z1])
        return a @ z1 - b @ z + q @ both @ both

    eta = 0.1 * rng.normal(size=(2, 3))
    f = fe.second_order(model, (jnp.zeros(2), jnp.zeros(2)), eta)

    def along(x, s, e):
        risk = lambda c: jnp.asarray(c) * s**2 / 2
        bent = lambda c, d: jnp.asarray(c) @ d @ d / 2
        y = lambda x: f.first.policy_slope @ x + bent(f.policy_curvature, x) + risk(f.policy_risk)
        x1 = f.first.transition_slope @ x + bent(f.transition_curvature, x)
        x1 = x1 + risk(f.transition_risk) + s * eta @ e
        return model(x, y(x), x1, y(x1))

    zero, none = jnp.zeros(2), jnp.zeros(3)
    in_x = jax.hessian(lambda x: along(x, 0.0, none))(zero)
    np.testing.assert_allclose(in_x, 0, atol=1e-11)
    # the mean over e of variance 1, by its two points an axis times the root of three
    points = np.sqrt(3) * np.concatenate([np.eye(3), -np.eye(3)])
    mean = lambda s: jnp.mean(jax.vmap(lambda e: along(zero, s, e))(points), axis=0)
    np.testing.assert_allclose(jax.hessian(mean)(0.0), 0, atol=1e-11)


def test_a_pruned_simulation_has_the_mean_of_the_exact_policy(growth):
    """Its mean is right to second order: log k and log c are normal in Brock and Mirman's model."""
    law = growth.law(periods=2_200, burn_in=200)
    observed = lambda f, s: {"c": f.pruned(s)["y"], "k": f.pruned(s)["x"]["k"]}
    found = fe.simulated_moments(growth, law, observed, paths=200, key=jr.key(0))
    # log k' = alpha log k + z + constant: the variance of an AR(2)
    a, r = ALPHA, RHO
    variance = SIGMA**2 * (1 + a * r) / ((1 - a * r) * (1 - a**2) * (1 - r**2))
    mean_of_k = K * np.exp(variance / 2)
    by_name = dict(zip(found.names, np.asarray(found.value.mean), strict=True))
    error = dict(zip(found.names, np.asarray(found.error.mean), strict=True))
    assert abs(by_name["k"] - mean_of_k) < 3 * error["k"] + K * variance**2
    assert abs(by_name["k"] / K - 1) > 10 * error["k"]  # a first-order solution has K


def test_means_are_those_of_the_lognormal_to_second_order(growth):
    """k' = s z k^alpha: E k = K e^(v / 2) = K (1 + v / 2) + ..., and c is a multiple of k'."""
    report = fe.linear_moments(growth)
    variance = SIGMA**2 * (1 + ALPHA * RHO)
    variance /= (1 - ALPHA * RHO) * (1 - ALPHA**2) * (1 - RHO**2)
    mean = dict(zip(report.names, report.mean, strict=True))
    assert mean["k"] == pytest.approx(K * (1 + variance / 2), rel=1e-12)
    multiple = (1 - ALPHA * BETA) / (ALPHA * BETA)
    assert mean["y"] == pytest.approx(multiple * K * (1 + variance / 2), rel=1e-12)
    assert "means to second order" in str(report) and mean["z"] == 0.0
    first = fe.linear_moments(growth, {"k": 0.0, "z": SIGMA})
    assert first.mean[0] == pytest.approx(K, rel=1e-14) and first.second is None


def test_the_rules_to_second_order_are_a_table():
    """Schmitt-Grohe and Uribe's first example: rules as they are evaluated, at one state."""
    steady = fe.steady_state(neoclassical, (jnp.array([-1.5, 0.0]), -0.9))
    second = fe.second_order(neoclassical, steady, np.array([0.0, 1.0]))
    rules = fe.linear_moments(second).tables()["policy and transition"].to_dict()
    d = {"x[0]": 0.2, "x[1]": -0.1}
    terms = {"constant": 1.0, "risk": 1.0} | d
    terms |= {f"{a} {b}": d[a] * d[b] for a, b in (("x[0]",) * 2, ("x[0]", "x[1]"), ("x[1]",) * 2)}
    assert set(rules) == {*terms, "shock to x[1]"}
    x = steady[0] + jnp.array([0.2, -0.1])
    for name, value in (("y", second.policy(x)), ("x[0]'", second.transition(x)[0])):
        total = sum(factor * rules[row][name] for row, factor in terms.items())
        assert total == pytest.approx(float(value), rel=1e-12)
    assert rules["risk"]["y"] == pytest.approx(-0.1921 / 2, abs=3e-5)


def test_what_does_not_fit_is_refused(growth):
    steady = (growth.first.x, growth.first.y)
    for wrong in (np.zeros((3, 1)), 0.1, {"k": 0.0}, {"k": 0.0, "z": np.nan}, "a"):
        with pytest.raises(ValueError, match="`shocks` must be"):
            fe.second_order(brock_mirman, steady, wrong)
    for wrong, sentence in (
        ({"k": 0.0}, "it has no 'z'. Each shock"),
        ({"k": 0.0, "z": 0.1, "m": 0.1}, "k, z: it has 'm' besides"),
        ({"z": 0.1, "m": 0.1}, "has no 'k' and has 'm' besides"),
    ):
        with pytest.raises(ValueError, match=sentence):
            fe.second_order(brock_mirman, steady, wrong)
    assert repr(growth).startswith("SecondOrder(")


def test_in_single_precision():
    start = jax.tree.map(jnp.float32, ({"k": 0.3, "z": 0.1}, 0.3))
    narrow = fe.second_order(
        brock_mirman, fe.steady_state(brock_mirman, start), {"k": 0.0, "z": SIGMA}
    )
    assert narrow.policy_curvature.dtype == np.float32
    exact = jax.hessian(consumption)(jnp.array([K, 0.0]))
    np.testing.assert_allclose(narrow.policy_curvature[0], exact, rtol=2e-4)
