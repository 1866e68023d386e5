"""The interface as users write it, line by line: what these tests call must go on working."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def equation(a):
    return fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + 10.0 * fe.Risk(initial, fe.Dirac(0.0))


risk = equation(-2.0)


def exact(x):
    return jnp.exp(-2.0 * x)


def error(f):
    x = jnp.linspace(0.0, 1.0, 101)
    return float(jnp.max(jnp.abs(jax.vmap(f)(x) - exact(x))))


@pytest.fixture(scope="module")
def series():
    return fe.Series(fe.Chebyshev(12, (0.0, 1.0)))


@pytest.fixture(scope="module")
def mlp():
    return eqx.nn.MLP("scalar", "scalar", 32, 2, jnp.tanh, key=jr.key(0))


def test_1_an_equation_by_series_and_networks(series, mlp):
    sol = fe.solve(risk.quadrature(32), series)
    assert error(sol.value) < 1e-12

    train, test = risk.empirical(64, key=jr.key(1)), risk.empirical(10_000, key=jr.key(2))
    sol = fe.solve(train, mlp, fe.LevenbergMarquardt())
    assert error(sol.value) < 1e-8

    shifted = risk.on(fe.Uniform(1.0, 2.0)).quadrature(64)
    report = fe.RiskReport(sol.value, train=train, test=test, shifted=shifted, exact=exact)
    print(report)
    assert report.solved or "shifted" in report.verdict
    assert report.errors[0].largest < 1e-8


def test_1_descent_on_fresh_samples(mlp):
    seen = []
    sol = fe.solve(
        risk,
        mlp,
        fe.Optax(optax.adam(1e-3), num_steps=2_000, batch_size=256),
        key=jr.key(3),
        monitors=(lambda step, metrics, f: seen.append(step), fe.Progress()),
    )
    assert error(sol.value) < 0.05
    assert seen[-1] == 2_000


def test_2_hard_conditions(mlp):
    hard = fe.Ansatz(lambda net, x: 1.0 + x * net(x), mlp)
    assert float(hard(0.0)) == 1.0
    assert error(fe.solve(risk.quadrature(64), hard).value) < 1e-8


alpha, beta = 0.36, 0.96


class ValueAndPolicy(eqx.Module):
    value: fe.Series
    share: fe.Series

    def policy(self, k):
        return k**alpha * jax.nn.sigmoid(self.share(k))


def bellman(f, k):
    def q(c):
        return jnp.log(c) + beta * f.value(k**alpha - c)

    c = f.policy(k)
    return {"bellman": f.value(k) - q(c), "foc": c * jax.grad(q)(c)}


def test_3_bellman_with_its_first_order_condition():
    basis = fe.Chebyshev(24, (0.1, 0.4))
    value = fe.Series(basis, start=-20.0)
    # a first guess by the same verb: marginal value must be positive for a policy to exist
    value = fe.fit(value, lambda k: jnp.log(k) - 20.0, fe.Uniform(0.1, 0.4).quadrature(30)).value
    f = ValueAndPolicy(value, fe.Series(basis))
    f = fe.solve(fe.Risk(bellman, fe.Uniform(0.1, 0.4)).quadrature(32), f).value
    k = jnp.linspace(0.1, 0.4, 101)
    share = jax.vmap(f.policy)(k) / k**alpha
    assert float(jnp.max(jnp.abs(share - (1 - alpha * beta)))) < 1e-8


rho = 0.8
shock = fe.Normal(0.0, 0.04).quadrature(7)


def euler(c, x):
    k, z = x
    k1 = jnp.exp(z) * k**alpha - c(x)

    def payoff(e):
        z1 = rho * z + e
        return alpha * jnp.exp(z1) * k1 ** (alpha - 1) / c(jnp.stack([k1, z1]))

    return 1 - beta * c(x) * fe.expectation(payoff, shock)


def output(x):
    return jnp.exp(x[1]) * x[0] ** alpha


def next_state(c, x, e):
    return jnp.stack([output(x) - c(x), rho * x[1] + e])


def share_of_output(share, x):
    return output(x) * jax.nn.sigmoid(share(jnp.stack([jnp.log(x[0]), x[1]])))


def consumption():
    bases = fe.Chebyshev(3, (-2.6, -0.7)), fe.Chebyshev(3, (-0.4, 0.4))
    return fe.Ansatz(share_of_output, fe.Series(fe.Tensor(*bases, degree=3)))


def worst_share(c, points):
    share = jax.vmap(lambda x: c(x) / output(x))(points)
    return float(jnp.max(jnp.abs(share - (1 - alpha * beta))))


def test_4_stochastic_euler():
    states = fe.Uniform([0.1, -0.2], [0.4, 0.2])
    c = fe.solve(fe.Risk(euler, states).quadrature(6), consumption()).value
    assert worst_share(c, states.sample(100, key=jr.key(0))) < 1e-8


def test_5_the_ergodic_set():
    key, x0, c = jr.key(0), jnp.array([0.15, 0.0]), consumption()
    ergodic = fe.Ergodic(next_state, fe.Dirac(x0), fe.Normal(0.0, 0.04), periods=500, burn_in=100)
    c = fe.solve(
        fe.Risk(euler, ergodic),
        c,
        fe.Resample(fe.LevenbergMarquardt(), n=200, rounds=3),
        key=key,
    ).value
    on_path = fe.Risk(euler, ergodic).given(c).empirical(10_000, key=key)
    assert float(on_path(c)) < 1e-16
    assert worst_share(c, on_path.terms[0].distribution.points) < 1e-8


def test_6_representation_deep_sets_transfer():
    k1, k2, k3 = jr.split(jr.key(0), 3)
    g = eqx.nn.MLP("scalar", 16, 32, 1, jnp.tanh, key=k2)
    f = fe.Compose(eqx.nn.Linear(16, "scalar", key=k1), g)
    f = eqx.tree_at(lambda f: f.inner, f, replace_fn=fe.freeze)
    solved = fe.solve(risk.quadrature(64), f, throw=False).value
    assert error(solved) < 1e-3
    for before, after in zip(jax.tree.leaves(f.inner), jax.tree.leaves(solved.inner)):
        assert before is after or np.array_equal(before, after)
    assert not np.array_equal(f.outer.weight, solved.outer.weight)

    rho_net = eqx.nn.MLP(4, "scalar", 8, 1, key=k1)
    phi_net = eqx.nn.MLP(2, 4, 8, 1, key=k3)
    symmetric = fe.DeepSet(rho_net, phi_net)
    members = jr.normal(k2, (5, 2))
    assert symmetric(members) == pytest.approx(float(symmetric(members[::-1])), rel=1e-12)
    assert symmetric(jnp.concatenate([members, members])) == pytest.approx(
        float(symmetric(members)), rel=1e-12
    )


def test_7_where_does_the_error_come_from(series):
    found = fe.error_decomposition(risk, lambda key: series, n=16, replications=100, key=jr.key(6))
    print(found)
    assert found.gap.value == pytest.approx(found.excess.value - found.eps_est.value, rel=1e-12)
    assert abs(found.eps_app.value) < 1e-20


# Types x have the density g' = -g on [0, 1]; each consumes a share of its wealth 1 + 1 / R, and
# all together what there is.


class Economy(eqx.Module):
    log_share: fe.Series
    density: fe.Series
    log_price: jax.Array

    def consumption(self, x):
        return (1 + x + 2 * jnp.exp(-self.log_price)) * jnp.exp(self.log_share(x))

    def demand(self):
        return self.mean(self.consumption)

    def mean(self, function):
        types = fe.Uniform(0.0, 1.0).quadrature(16)
        return fe.expectation(lambda x: self.density(x) * function(x), types)


def test_8_conditions_on_f_unknown_scalars_staged_solves():
    supply = (2 - 3 / np.e) / (1 - 1 / np.e)  # the mean of 1 + x

    def choice(f, x):
        c0 = f.consumption(x)
        c1 = jnp.exp(f.log_price) * (1 + x - c0) + 2
        return 1 - 0.9 * jnp.exp(f.log_price) * c0 / c1

    def forward(f, x):
        return jax.grad(f.density)(x) + f.density(x)

    def mass(f):
        return f.mean(lambda x: 1.0) - 1.0

    def market(f):  # no x: no distribution
        return f.demand() - supply

    types = fe.Uniform(0.0, 1.0).quadrature(12)
    hjb, kfe = fe.Risk(choice, types), fe.Risk(forward, types) + fe.Risk(mass)
    basis = fe.Chebyshev(10, (0.0, 1.0))
    f = Economy(fe.Series(basis, start=-1.0), fe.Series(basis, start=1.0), jnp.asarray(0.1))

    f = fe.solve(hjb, f, only=lambda f: f.log_share).value  # the price is a leaf of f, held here
    assert float(f.log_price) == 0.1
    f = fe.solve(hjb + kfe + fe.Risk(market), f).value  # and solved for here
    # log utility aggregates: one household with the mean incomes has R = (2 / supply) / 0.9
    assert float(jnp.exp(f.log_price)) == pytest.approx(2 / supply / 0.9, rel=1e-10)


def test_8_selection_by_a_norm():
    r, g, c, x0 = 0.1, -0.2, 0.02, 0.01

    def dividend(t):
        return (x0 + c / g) * jnp.exp(g * t) - c / g

    def price(mu, t):
        return jax.grad(mu)(t) - r * mu(t) + dividend(t)

    def slope(mu, t):
        return jax.grad(mu)(t)

    horizon = fe.Uniform(0.0, 100.0)
    costate = fe.Risk(price, horizon).quadrature(50)
    mu = fe.Series(fe.Chebyshev(40, (0.0, 100.0)))
    # a norm is a risk: argmin norm(mu) s.t. costate(mu) = 0
    mu = fe.solve(costate, mu, fe.MinimumNorm(fe.Risk(slope, horizon).quadrature(48))).value
    assert float(mu(0.0)) == pytest.approx(0.7, abs=1e-8)


def test_9_many_calibrations_and_sensitivities(series):
    values = jax.vmap(lambda a: fe.solve(equation(a).quadrature(32), series).value(1.0))(
        jnp.linspace(-3, 0, 1000)
    )
    d_da = jax.grad(lambda a: fe.solve(equation(a).quadrature(32), series).value(1.0))(-2.0)
    assert np.max(np.abs(values - np.exp(np.linspace(-3, 0, 1000)))) < 1e-11
    assert float(d_da) == pytest.approx(np.exp(-2.0), rel=1e-10)


def test_10_to_an_accuracy(getkey):
    risk = equation(-2.0)
    sol = fe.solve(risk, fe.Series(fe.Chebyshev(None, (0.0, 1.0))))
    test = risk.empirical(1_000, key=getkey())
    report = fe.RiskReport(sol, test=test)
    assert report.solved and report.error.relative < 1e-12
    assert not report.error.is_bound and 1.0 < report.error.conditioning < 10.0
    estimate = fe.error_estimate(risk, sol.value)
    assert estimate.at(0.3) < 1e-12
    assert abs(estimate.corrected(0.3) - jnp.exp(-0.6)) < 1e-12
    assert float(sol.stats["error"]) < 1e-12


def test_11_data_and_experiments():
    X = jr.normal(jr.key(0), (60, 2))
    data = fe.Data(X, X @ jnp.array([1.0, 2.0]) + 0.1 * jr.normal(jr.key(1), (60,)))
    train_data, test_data = data.split(0.7, key=jr.key(2))
    train = fe.Risk(lambda f, x, y: f(x) - y, train_data, tolerance=jnp.inf)
    test = train.on(test_data)
    solver = fe.Optax(optax.adam(1e-2), num_epochs=5, batch_size=16)
    network = lambda key: fe.MLP(2, "scalar", width=4, depth=1, key=key)
    f = fe.solve(train, network(jr.key(3)), solver, key=jr.key(3)).value
    assert float(test(fe.solve(train, fe.Linear(2)).value)) < float(test(f))
    population = fe.Risk(lambda f, x: f(x) - jnp.exp(x), fe.Uniform(0.0, 1.0))
    curve = fe.error_curve(
        population,
        {d: (lambda key, d=d: fe.Series(fe.Chebyshev(d, (0.0, 1.0)))) for d in range(1, 3)},
        n=[8, 16],
        replications=5,
        key=jr.key(4),
    )
    assert curve.to_pandas()["label"].tolist() == [1, 1, 2, 2]
    starts = fe.MultiStart(network, solver, starts=2, keep=True)
    ensemble = fe.solve(train, network(jr.key(5)), starts, key=jr.key(5)).value
    assert float(ensemble.spread(X[0])) > 0


def test_points_of_every_kind():
    """The free words of the interface: boxes, products, pairs, outside distributions."""

    class Elsewhere:
        """A distribution of another library."""

        def sample(self, key, shape):
            return jr.uniform(key, shape)

    box = fe.Uniform([0.0, 1.0], [1.0, 2.0]).quadrature(2)
    assert box.points.shape == (4, 2)
    joined = fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(0.0, 1.0)).sample(3, key=jr.key(0))
    assert joined.shape == (3, 2)
    x, y = fe.Empirical((jnp.zeros((3, 2)), jnp.ones(3))).points
    assert x.shape == (3, 2) and y.shape == (3,)
    f = fe.MLP("scalar", "scalar", width=32, depth=2, support=(0.0, 1.0), key=jr.key(0))
    fitted = fe.Risk(lambda f, x: f(x) - x, Elsewhere()).empirical(64, key=jr.key(1))
    assert float(fe.solve(fitted, f).risk) < 1e-16
