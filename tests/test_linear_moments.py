"""Moments to first order and the Hodrick-Prescott filter, against closed forms, the filter's matrix
and simulations."""

import json

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


ALPHA, BETA, RHO = 0.36, 0.96, 0.9
SIZES = {"k": 0.0, "z": 0.02, "g": 0.01}


def economy(x, c, x1, c1):
    """Brock and Mirman's, in logs, beside a second shock that nothing but itself depends on."""
    k, z, k1, z1 = x["k"], x["z"], x1["k"], x1["z"]
    return {
        "resources": jnp.exp(k1) + jnp.exp(c) - jnp.exp(z + ALPHA * k),
        "euler": 1 - BETA * ALPHA * jnp.exp(c - c1 + z1 + (ALPHA - 1) * k1),
        "technology": z1 - RHO * z,
        "taste": x1["g"] - 0.5 * x["g"] - 0.3 * z,
    }


@pytest.fixture(scope="module")
def linear():
    guess = ({"k": -1.7, "z": 0.0, "g": 0.0}, -1.1)
    return fe.first_order(economy, fe.steady_state(economy, guess))


def by_name(report, values):
    return dict(zip(report.names, np.asarray(values).T, strict=True))


def test_moments_are_those_of_autoregressions(linear):
    report = fe.linear_moments(linear, SIZES, lags=3)
    assert report.names == ("g", "k", "z", "y") and report.shocks == ("g", "z")
    variance = by_name(report, report.deviation**2)
    a, r, s2 = ALPHA, RHO, 0.02**2
    # log k' = alpha log k + z + constant is an AR(2), and log c = log k' + constant
    two = s2 * (1 + a * r) / ((1 - a * r) * (1 - a**2) * (1 - r**2))
    one = s2 / (1 - r**2)
    cross = 0.3**2 * s2 * (1 + 0.5 * r) / ((1 - 0.5 * r) * (1 - 0.25) * (1 - r**2))
    own = 0.01**2 / (1 - 0.25)
    expected = {"k": two, "z": one, "y": two, "g": own + cross}
    for name, value in expected.items():
        assert variance[name] == pytest.approx(value, rel=1e-11), name
    shares = by_name(report, report.shares.T)
    np.testing.assert_allclose(
        shares["g"], [own / (own + cross), cross / (own + cross)], rtol=1e-11
    )
    np.testing.assert_allclose(shares["k"], [0, 1], atol=1e-15)
    auto = by_name(report, report.autocorrelation)
    np.testing.assert_allclose(auto["z"], RHO ** np.arange(1, 4), rtol=1e-12)
    rho1 = (a + r) / (1 + a * r)
    rho2 = (a + r) * rho1 - a * r
    np.testing.assert_allclose(auto["k"], [rho1, rho2, (a + r) * rho2 - a * r * rho1], rtol=1e-12)
    k, y = report.names.index("k"), report.names.index("y")
    # log c = log z + alpha log k + constant
    covariance = np.sqrt(two) * np.sqrt(two) * report.correlation[k, y]
    zk = s2 * r / ((1 - r**2) * (1 - a * r))
    assert covariance == pytest.approx(a * two + zk, rel=1e-11)
    assert "due to z, %" in report.table.columns and "moments to first order" in str(report)
    assert report.to_dict()["variance_shares"]["k"]["z"] == pytest.approx(1)


def test_responses_are_powers_of_the_law(linear):
    report = fe.linear_moments(linear, SIZES)
    found = by_name(report, report.response("z", periods=5, size=2).mean)
    np.testing.assert_allclose(found["z"], 0.04 * RHO ** np.arange(5), rtol=1e-13)
    hit = {"k": linear.x["k"], "z": jnp.asarray(0.04), "g": jnp.asarray(0.0)}
    assert found["y"][0] == pytest.approx(float(linear.policy(hit) - linear.y), rel=1e-12)
    with pytest.raises(ValueError, match="`shock` must be one of"):
        report.response("a")


def matrix_of_the_filter(t, smoothing):
    d = np.diff(np.eye(t), 2, axis=0)
    return np.eye(t) - np.linalg.inv(np.eye(t) + smoothing * d.T @ d)


@pytest.mark.parametrize("t, smoothing", [(3, 1600), (40, 6.25), (120, 1600)])
def test_the_filter_is_its_matrix(t, smoothing):
    y = np.cumsum(np.random.default_rng(0).normal(size=(t, 2)), axis=0)
    exact = matrix_of_the_filter(t, smoothing) @ y
    np.testing.assert_allclose(fe.hp_cycle(y, smoothing), exact, atol=1e-9)
    np.testing.assert_allclose(fe.hp_cycle(y[:, 0], smoothing), exact[:, 0], atol=1e-9)
    traced = jax.jit(lambda y: fe.hp_cycle(y, smoothing))(y)
    np.testing.assert_allclose(traced, exact, atol=1e-9)
    line = 3 + 0.7 * np.arange(t)
    np.testing.assert_allclose(fe.hp_cycle(line), 0, atol=1e-8)


def test_filtered_moments_in_theory_are_those_of_filtered_paths(linear):
    def step(f, x, e):
        hit = {"k": 0.0, "z": 0.02 * e[0], "g": 0.01 * e[1]}
        return jax.tree.map(jnp.add, f.transition(x), hit)

    start = jax.tree.map(jnp.asarray, linear.x)
    law = fe.Ergodic(step, fe.Dirac(start), fe.Normal(np.zeros(2), 1.0), periods=700, burn_in=100)
    of = lambda f, x: {**x, "y": f.policy(x)}
    options = {"paths": 60, "key": jr.key(0)}
    found = fe.simulated_moments(linear, law, of, filtered=fe.hp_cycle, **options)
    theory = fe.linear_moments(linear, SIZES, smoothing=1600, lags=1)
    order = [theory.names.index(name) for name in found.names]
    off = np.asarray(found.value.deviation) - theory.deviation[order]
    assert np.all(np.abs(off) < 4 * np.asarray(found.error.deviation))
    apart = np.asarray(found.value.autocorrelation) - theory.autocorrelation[:, order]
    assert np.all(np.abs(apart) < 4 * np.asarray(found.error.autocorrelation))
    assert np.all(theory.deviation < 0.75 * fe.linear_moments(linear, SIZES).deviation)
    with pytest.raises(ValueError, match="`filtered` must keep the shape"):
        fe.simulated_moments(linear, law, of, filtered=lambda y: y[1:], **options)


def test_a_second_order_solution_knows_its_shocks(linear):
    second = fe.second_order(economy, (linear.x, linear.y), SIZES)
    a, b = fe.linear_moments(second), fe.linear_moments(linear, SIZES)
    np.testing.assert_allclose(a.deviation, b.deviation, rtol=1e-12)


def test_bad_input_is_refused(linear):
    for given, words in [
        (lambda: fe.linear_moments(linear), "`shocks` are needed"),
        (lambda: fe.linear_moments(3.0, SIZES), "`solution` must be what"),
        (lambda: fe.linear_moments(linear, 0.1), "`shocks` must be"),
        (lambda: fe.linear_moments(linear, SIZES, smoothing=0), "`smoothing` must be above 0"),
        (lambda: fe.linear_moments(linear, SIZES, lags=-1), "`lags` must be a whole number"),
        (lambda: fe.hp_cycle(np.ones(2)), "at least 3 entries"),
        (lambda: fe.hp_cycle(np.ones(5), -1), "`smoothing` must be above 0"),
    ]:
        with pytest.raises(ValueError, match=words):
            given()


def test_all_tables_at_once(linear):
    report = fe.linear_moments(linear, SIZES, lags=2)
    tables = report.tables(periods=4)
    assert list(tables)[:2] == ["policy and transition", "moments"]
    assert list(tables)[-2:] == ["response to g", "response to z"]
    rules = tables["policy and transition"].to_dict()
    x = {"k": linear.x["k"], "z": jnp.asarray(1.0), "g": jnp.asarray(0.0)}
    assert rules["z"]["y"] == pytest.approx(float(linear.policy(x) - linear.y), rel=1e-12)
    assert rules["z"]["k'"] == pytest.approx(float(linear.transition(x)["k"] - linear.x["k"]))
    assert rules["shock to z"]["z'"] == 0.02 and rules["constant"]["y"] == float(linear.y)
    assert tables["variance decomposition, %"].to_dict()["k"]["z"] == pytest.approx(100)
    assert tables["response to z"].values[1][2] == pytest.approx(0.02 * RHO)
    assert all(str(table) for table in tables.values())


def test_decomposition_of_a_linear_economy_is_that_of_theory(linear):
    def step(f, x, e):
        x1 = f.transition(x)
        return x1 | {name: x1[name] + e[name] for name in e}

    calm = fe.Dirac({"z": jnp.asarray(0.0), "g": jnp.asarray(0.0)})
    law = fe.Ergodic(step, fe.Dirac(jax.tree.map(jnp.asarray, linear.x)), calm, periods=401)
    hit = lambda **sizes: {"z": 0.0, "g": 0.0} | sizes
    impulses = {"g": hit(g=0.01), "z": hit(z=0.02)}
    found = fe.variance_decomposition(linear, law, impulses, paths=1, key=jr.key(0))
    theory = fe.linear_moments(linear, SIZES)
    order = [theory.names.index(name) for name in found.names]
    np.testing.assert_allclose(found.shares[-1], theory.shares[order], atol=1e-9)
    np.testing.assert_allclose(found.to_dict()["z"]["z"][0], 1.0)
    assert "due to z, %" in str(found)


def test_decomposition_of_a_product():
    """y = exp(a + b): responses are multiples of y, and their squares sum in closed form."""
    sizes = (0.1, 0.3)
    shock = fe.Normal(np.zeros(2), np.array(sizes))
    slopes = jnp.array([0.9, 0.5])
    law = fe.Ergodic(
        lambda slopes, x, e: slopes * x + e, fe.Dirac(np.zeros(2)), shock, periods=60, burn_in=40
    )
    impulses = {"a": jnp.array([0.1, 0.0]), "b": jnp.array([0.0, 0.3])}
    found = fe.variance_decomposition(
        slopes, law, impulses, of=lambda f, x: jnp.exp(x[0]) + 0 * x[1], paths=4, key=jr.key(1)
    )
    np.testing.assert_allclose(found.shares[:, 0], np.tile([1.0, 0.0], (19, 1)), atol=1e-12)
    product = lambda f, x: jnp.exp(x[0] + x[1])
    both = fe.variance_decomposition(slopes, law, impulses, of=product, paths=2_000, key=jr.key(1))
    moved = [np.expm1(s * r ** np.arange(19)) for s, r in zip(sizes, (0.9, 0.5))]
    squares = np.cumsum(np.square(moved), axis=1)
    np.testing.assert_allclose(both.shares[:, 0].T, squares / squares.sum(axis=0), atol=0.03)
    with pytest.raises(ValueError, match="`impulses` must be a dictionary"):
        fe.variance_decomposition(slopes, law, {}, key=jr.key(0))


def test_shares_of_what_does_not_move_are_zero_and_blank():
    """k' = 0.5 k + z: capital moves a period after technology does; land never; c = k + z - (k + z)
    in two ways is rounding."""

    def step(slope, x, e):
        return {"k": slope * x["k"] + x["z"], "z": 0.9 * x["z"] + e, "land": x["land"]}

    start = fe.Dirac({"k": jnp.asarray(0.3), "z": jnp.asarray(0.0), "land": jnp.asarray(2.0)})
    law = fe.Ergodic(step, start, fe.Normal(0.0, 0.1), periods=6)
    seen = lambda _, x: x | {"left": (x["k"] + 0.1) - (x["k"] + 0.2) + 0.1}
    impulses = {"low": jnp.asarray(0.1), "high": jnp.asarray(0.3)}

    def decomposed(a):
        scaled = {name: a * impulse for name, impulse in impulses.items()}
        return fe.variance_decomposition(0.5, law, scaled, of=seen, paths=3, key=jr.key(0))

    found = decomposed(1.0)
    names, shares = list(found.names), np.asarray(found.shares)
    assert np.isfinite(shares).all()
    sums = dict(zip(names, shares.sum(axis=-1).T, strict=True))
    np.testing.assert_allclose(sums["k"], [0, 1, 1, 1, 1], atol=1e-12)
    np.testing.assert_allclose(sums["z"], 1, atol=1e-12)
    np.testing.assert_array_equal([sums["land"], sums["left"]], 0)
    np.testing.assert_allclose(shares[1, names.index("k")], [0.1, 0.9], rtol=1e-9)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["k"]["low"][0] == 0.0
    cells = dict(zip(found.table.rows, found.table.values, strict=True))
    assert cells["k", 1] == (None, None) and None not in cells["k", 4]
    assert "no shock moves this" in str(found)
    slope = jax.grad(lambda a: decomposed(a).shares.sum())(1.0)
    assert abs(slope) < 1e-6  # a share of nothing has a derivative, and it is zero


def test_a_variable_that_never_moves_has_no_shares():
    def model(x, y, x1, y1):
        return {"z": x1["z"] - 0.9 * x["z"], "land": x1["land"] - 0.5 * x["land"], "y": y - x["z"]}

    nothing = {"z": jnp.asarray(0.0), "land": jnp.asarray(0.0)}
    solution = fe.first_order(model, (nothing, jnp.asarray(0.0)))
    report = fe.linear_moments(solution, np.array([[0.0, 0.0], [0.01, 0.02]]))
    shares = dict(zip(report.names, report.shares, strict=True))
    np.testing.assert_allclose(shares["z"], [0.2, 0.8], rtol=1e-12)
    np.testing.assert_array_equal(shares["land"], 0.0)
    table = report.tables()["variance decomposition, %"]
    assert table.values[report.names.index("land")] == (None, None)
