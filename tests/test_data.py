"""Data, linear hypotheses and passes through samples: against NumPy and by counting."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


RNG = np.random.default_rng(0)
N, P = 60, 4
X = RNG.normal(size=(N, P)) @ np.diag([1.0, 1e-1, 1e-2, 1e-3])
Y = X @ np.array([1.0, -2.0, 3.0, 4.0]) + 0.5 + 0.1 * RNG.normal(size=N)
DATA = fe.Data(X, Y)


def error(f, x, y):
    return f(x) - y


def regression(data=DATA):
    return fe.Risk(error, data, tolerance=np.inf)


class Own(eqx.Module):
    """A module of which the library knows nothing."""

    slopes: jax.Array
    level: jax.Array

    def __call__(self, x):
        return self.slopes @ x + self.level


OWN = Own(jnp.zeros(P), jnp.asarray(0.0))
OTHERS = {
    "fe.Linear": (fe.Linear(P), lambda f: (f.weight, f.bias)),
    "eqx.nn.Linear": (eqx.nn.Linear(P, "scalar", key=jr.key(0)), lambda f: (f.weight, f.bias)),
    "own": (OWN, lambda f: (f.slopes, f.level)),
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("share", [0.0, 1e-4])
def test_least_squares_and_ridge_are_those_of_numpy(name, share):
    """Columns of unequal size: normal equations would lose half of the digits."""
    f, parameters = OTHERS[name]
    f = jax.tree.map(lambda leaf: leaf.astype(float) if eqx.is_inexact_array(leaf) else leaf, f)
    slopes = fe.Risk(lambda f: jnp.ravel(parameters(f)[0]), tolerance=np.inf)
    risk = regression() + share * slopes if share else regression()
    a = np.column_stack([X, np.ones(N)]) / np.sqrt(N)
    rows = np.vstack([a, np.sqrt(share) * np.eye(P, P + 1)]) if share else a
    target = np.concatenate([Y / np.sqrt(N), np.zeros(P if share else 0)])
    exact = np.linalg.lstsq(rows, target, rcond=None)[0]
    found = fe.solve(risk, f)
    assert bool(found.solved) and int(found.stats["steps"]) <= 3
    theta = np.concatenate([np.ravel(part) for part in parameters(found.value)])
    np.testing.assert_allclose(theta, exact, rtol=1e-12)


@pytest.mark.slow
def test_linear_in_float32_and_mapped():
    f = fe.solve(regression(), fe.Linear(P, dtype=jnp.float32)).value
    assert f.weight.dtype == jnp.float32
    by_numpy = np.linalg.lstsq(np.column_stack([X, np.ones(N)]), Y, rcond=None)[0]
    np.testing.assert_allclose(f.weight, by_numpy[:P], rtol=2e-3)
    many = jax.vmap(lambda y: fe.solve(regression(fe.Data(X, y)), fe.Linear(P)).value.weight)
    np.testing.assert_allclose(many(np.stack([Y, 2 * Y]))[1], 2 * by_numpy[:P], rtol=1e-8)


def test_vectors_and_scalars():
    f = fe.Linear(P, 2, start=[1.0, 2.0])
    np.testing.assert_array_equal(f(X[0]), [1.0, 2.0])
    f = fe.solve(regression(fe.Data(X, np.column_stack([Y, -Y]))), f).value
    np.testing.assert_allclose(f(X[0])[0], -f(X[0])[1], rtol=1e-9)
    line = fe.solve(regression(fe.Data(X[:, 0], Y)), fe.Linear("scalar")).value
    np.testing.assert_allclose([line.weight, line.bias], np.polyfit(X[:, 0], Y, 1), rtol=1e-12)
    with pytest.raises(ValueError, match="`start` must be 0"):
        fe.Linear(P, use_bias=False, start=1.0)
    with pytest.raises(ValueError, match="`start` must be a number or have the shape"):
        fe.Linear(P, 3, start=[1.0, 2.0])


def test_fewer_rows_than_unknowns_are_refused():
    with pytest.raises(ValueError, match="5 unknowns"):
        fe.solve(regression(fe.Data(X[:3], Y[:3])), fe.Linear(P))


def test_modules_that_are_not_linear_are_not_taken_for_it():
    """Two layers of one's own, and a parameter that multiplies another."""

    class Product(eqx.Module):
        a: jax.Array
        b: jax.Array

        def __call__(self, x):
            return self.a * self.b * x[0]

    slope = float(X[:, 0] @ Y / (X[:, 0] @ X[:, 0]))
    f = fe.solve(regression(), Product(jnp.asarray(1.0), jnp.asarray(1.0))).value
    assert float(f.a * f.b) == pytest.approx(slope, rel=1e-8)


@pytest.mark.parametrize("share", [0.7, 0.25])
def test_a_split_is_a_partition(share):
    first, second = DATA.split(share, key=jr.key(1))
    assert (first.size, second.size) == (round(share * N), N - round(share * N))
    both = np.concatenate([first.Y, second.Y])
    np.testing.assert_array_equal(np.sort(both), np.sort(Y))
    assert not np.array_equal(first.Y, Y[: first.size])
    again, _ = DATA.split(share, key=jr.key(1))
    np.testing.assert_array_equal(first.X, again.X)


def test_folds_test_each_observation_once():
    folds = DATA.folds(7, key=jr.key(2))
    assert len(folds) == 7
    assert {test.size for _, test in folds} == {8, 9}
    np.testing.assert_array_equal(np.sort(np.concatenate([t.Y for _, t in folds])), np.sort(Y))
    for train, test in folds:
        assert not set(np.asarray(train.Y)) & set(np.asarray(test.Y))
        assert train.size + test.size == N


def test_leave_one_out_is_the_shortcut_of_the_hat_matrix():
    """The mean of n folds is mean((r_i / (1 - h_ii))^2), Allen's PRESS."""
    data = fe.Data(X[:12, :1], Y[:12])
    a = np.column_stack([X[:12, 0], np.ones(12)])
    hat = a @ np.linalg.pinv(a)
    press = np.mean(((Y[:12] - hat @ Y[:12]) / (1 - np.diag(hat))) ** 2)
    found = [
        float(regression(test)(fe.solve(regression(train), fe.Linear(1)).value))
        for train, test in data.folds(12, key=jr.key(0))
    ]
    assert np.mean(found) == pytest.approx(press, rel=1e-10)


def test_weights_of_observations():
    weights = RNG.uniform(size=N)
    data = fe.Data(X, Y, weights / weights.sum())
    f = fe.solve(regression(data), fe.Linear(P)).value
    root = np.sqrt(weights)[:, None]
    exact = np.linalg.lstsq(root * np.column_stack([X, np.ones(N)]), root[:, 0] * Y, rcond=None)[0]
    np.testing.assert_allclose(f.weight, exact[:P], rtol=1e-11)
    for part in data.split(0.5, key=jr.key(0)):
        assert float(part.weights.sum()) == pytest.approx(1.0, abs=1e-12)


def test_a_risk_on_data_is_judged_as_any_other():
    train, test = (regression(part) for part in DATA.split(0.5, key=jr.key(1)))
    f = fe.solve(train, fe.Linear(P)).value
    report = fe.RiskReport(f, train=train, test=test)
    assert "error" in str(report)
    moved = train.on(DATA.split(0.5, key=jr.key(1))[1])
    assert float(moved(f)) == float(test(f))
    high = test.where(lambda x, y: y > 0)
    assert 0 < high.count < test.count
    keyed = fe.Risk(
        lambda f, x, y, a: a * (f(x["k"]) - y["v"]), fe.Data({"k": X}, {"v": Y}), args=(2.0,)
    )
    assert float(keyed(f)) == pytest.approx(4 * float(regression()(f)), rel=1e-12)


def test_networks_of_data_are_compared_without_being_asked():
    network = lambda key: fe.MLP(P, "scalar", width=2, depth=1, key=key)
    solver = fe.MultiStart(network, fe.LevenbergMarquardt(max_steps=5), starts=2)
    found = fe.solve(regression(), network(jr.key(0)), solver, key=jr.key(1), throw=False)
    assert np.isfinite(found.stats["risks"]).all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: fe.Data(X, Y[:-1]), "`X` and `Y` must have one leading axis"),
        (lambda: fe.Data(X, 1.0), "`X` and `Y` must have one leading axis"),
        (lambda: fe.Data(X, np.where(np.arange(N) == 7, np.nan, Y)), "`Y` has values.*index 7"),
        (lambda: fe.Data(X, Y, np.ones(N)), "`weights` must sum to 1"),
        (lambda: DATA.split(1.5, key=jr.key(0)), "`share` of"),
        (lambda: DATA.split(1e-3, key=jr.key(0)), "leaves observations on both sides"),
        (lambda: DATA.folds(N + 1, key=jr.key(0)), "`k` must be at most"),
        (lambda: DATA.folds(1, key=jr.key(0)), "`k` must be a whole number of at least 2"),
        (lambda: fe.Optax(optax.sgd(0.1)), "got neither"),
        (lambda: fe.Optax(optax.sgd(0.1), num_steps=3, num_epochs=3), "got both"),
        (lambda: fe.Optax(optax.sgd(0.1), num_epochs=0), "`num_epochs` must be a whole number"),
    ],
)
def test_what_is_wrong_is_said(make, words):
    with pytest.raises(ValueError, match=words):
        make()


@pytest.mark.parametrize("batch_size", [7, 20, 59])
def test_a_pass_sees_every_point_once(batch_size):
    """Without a step in between, the batches of a pass sum to the risk, whatever the weights."""
    weights = RNG.uniform(size=N)
    risk = regression(fe.Data(X, Y, weights / weights.sum()))
    solver = fe.Optax(optax.sgd(0.0), num_epochs=15, batch_size=batch_size)
    found = fe.solve(risk, fe.Linear(P), solver, key=jr.key(0))
    number = -(-N // batch_size)
    sizes = np.minimum(batch_size, N - batch_size * np.arange(number))
    passes = np.asarray(found.history).reshape(15, number)
    np.testing.assert_allclose(passes @ sizes / N, float(found.risk), rtol=1e-12)
    assert len(set(passes[:, 0].tolist())) > 10  # each in an order of its own


def test_passes_through_samples_of_two_sizes():
    """The larger sample says what an epoch is; the smaller one begins again when it is through."""
    small = fe.Risk(lambda f, x, y: f(x) - y, fe.Data(X[:20] + 1, Y[:20]), tolerance=np.inf)
    solver = fe.Optax(optax.sgd(0.0), num_epochs=4, batch_size=10)
    found = fe.solve(regression() + small, fe.Linear(P), solver, key=jr.key(0))
    history = np.asarray(found.history)
    assert history.size == 4 * 6
    np.testing.assert_allclose(history.reshape(4, 6).mean(axis=1), float(found.risk), rtol=1e-12)


def test_epochs_inside_programs_are_those_outside():
    solver = fe.Optax(optax.adam(1e-2), num_epochs=13, batch_size=16)
    run = lambda key: fe.solve(regression(), fe.Linear(P), solver, key=key).value.weight
    np.testing.assert_allclose(jax.jit(run)(jr.key(3)), run(jr.key(3)), rtol=1e-9)


@pytest.mark.slow
def test_epochs_under_vmap_are_those_of_each():
    solver = fe.Optax(optax.adam(1e-2), num_epochs=13, batch_size=16)
    run = lambda key: fe.solve(regression(), fe.Linear(P), solver, key=key).value.weight
    keys = jr.split(jr.key(3), 2)
    np.testing.assert_allclose(jax.vmap(run)(keys)[1], run(keys[1]), rtol=1e-9)


def test_full_passes_and_missing_samples():
    whole = fe.solve(regression(), fe.Linear(P), fe.Optax(optax.sgd(0.1), num_epochs=9))
    steps = fe.solve(regression(), fe.Linear(P), fe.Optax(optax.sgd(0.1), num_steps=9))
    np.testing.assert_array_equal(whole.value.weight, steps.value.weight)
    risk = fe.Risk(lambda f, x: f(x) - x, fe.Uniform(0.0, 1.0))
    with pytest.raises(ValueError, match="no term of the risk stands on one"):
        fe.solve(
            risk,
            fe.Linear("scalar"),
            fe.Optax(optax.sgd(0.1), num_epochs=2, batch_size=4),
            key=jr.key(0),
        )


@pytest.mark.parametrize("seed", range(3))
def test_descent_by_epochs_finds_least_squares(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 3))
    y = x @ np.array([1.0, 2.0, 3.0]) + 0.1 * rng.normal(size=200)
    rate = optax.cosine_decay_schedule(0.1, 40 * 7)
    solver = fe.Optax(optax.adam(rate), num_epochs=40, batch_size=32)
    f = fe.solve(regression(fe.Data(x, y)), fe.Linear(3, use_bias=False), solver, key=jr.key(seed))
    exact = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(f.value.weight, exact, atol=2e-2)


def test_a_residual_of_one_argument_is_told_that_data_have_two():
    risk = fe.Risk(lambda f, point: f(point), DATA)
    with pytest.raises(ValueError, match=r"takes `\(f, x, y, \*args\)`"):
        fe.solve(risk, fe.Linear(P))


def test_weights_norm_is_a_risk():
    """Ridge of everything: |theta|^2 as rows."""
    f = fe.Linear(P, start=2.0)
    assert float(fe.weights_norm(f)) == 4.0
    frozen = eqx.tree_at(lambda f: f.bias, f, replace_fn=fe.freeze)
    assert float(fe.weights_norm(frozen)) == 0.0
    found = fe.solve(regression() + 1e-3 * fe.weights_norm, f).value
    a = np.vstack([np.column_stack([X, np.ones(N)]) / np.sqrt(N), np.sqrt(1e-3) * np.eye(P + 1)])
    exact = np.linalg.lstsq(a, np.append(Y / np.sqrt(N), np.zeros(P + 1)), rcond=None)[0]
    np.testing.assert_allclose(np.append(found.weight, found.bias), exact, rtol=1e-12, atol=1e-13)


def test_importance_weights_are_those_of_the_other_law():
    """Under N(0, 1) with ratio exp(x m - m^2 / 2) the mean square of x is that of N(m, 1), and the
    effective size of n draws is n exp(-m^2)."""
    m, n = 0.8, 20_000
    risk = fe.Risk(lambda f, x: f + x, fe.Normal(0.0, 1.0), tolerance=np.inf)
    sample = risk.empirical(n, key=jr.key(0))
    moved = sample.reweighted(lambda x: 3.0 * jnp.exp(m * x))
    assert float(moved(jnp.asarray(0.0))) == pytest.approx(1 + m**2, rel=0.05)
    assert float(moved.effective_size) == pytest.approx(n * np.exp(-(m**2)), rel=0.1)
    assert float(sample.effective_size) == pytest.approx(n)
    data = regression().reweighted(lambda x, y: jnp.where(y > 0, 1.0, 0.0))
    kept = fe.Data(X[Y > 0], Y[Y > 0])
    assert float(data(fe.Linear(P))) == pytest.approx(
        float(regression(kept)(fe.Linear(P))), rel=1e-12
    )
    with pytest.raises(ValueError, match="nowhere negative"):
        sample.reweighted(lambda x: x)
    with pytest.raises(ValueError, match=r"risk\.quadrature\(n\)"):
        risk.reweighted(lambda x: jnp.exp(x))
