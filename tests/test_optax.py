"""Descent by Optax: against NumPy, SciPy and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from compilations import compilations

import fesolve as fe


X = np.linspace(-1.0, 1.0, 12)


def ode(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def initial(f, x):
    return f(x) - 1.0


def equation(a):
    condition = 10.0 * fe.Risk(initial, fe.Dirac(0.0))
    return fe.Risk(ode, fe.Uniform(0.0, 1.0), args=(a,)) + condition


def polynomial(degree=3, **kwargs):
    return fe.Series(fe.Chebyshev(degree, (0.0, 1.0)), **kwargs)


def constant(value=0.0):
    """The class of constants: theta is one number."""
    return jnp.asarray(value)


def adam(num_steps, batch_size=None, rate=1e-2):
    return fe.Optax(optax.adam(rate), num_steps=num_steps, batch_size=batch_size)


def test_gradient_descent_on_a_sample_is_that_of_numpy():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(20, 3)), rng.normal(size=20)
    risk = fe.Risk(lambda f, p: p[0] @ f - p[1], fe.Empirical((a, b)))
    rate, theta, history = 0.1, np.zeros(3), []
    for _ in range(70):
        history.append(np.mean((a @ theta - b) ** 2))
        theta = theta - rate * 2 / 20 * a.T @ (a @ theta - b)
    solution = fe.solve(risk, jnp.zeros(3), fe.Optax(optax.sgd(rate), num_steps=70))
    np.testing.assert_allclose(solution.value, theta, rtol=1e-12)
    np.testing.assert_allclose(solution.history, history, rtol=1e-12)
    np.testing.assert_allclose(solution.risk, np.mean((a @ theta - b) ** 2), rtol=1e-12)
    assert bool(solution.result == fe.RESULTS.ran)
    assert int(solution.stats["steps"]) == 70


def test_weights_and_other_losses():
    rng = np.random.default_rng(1)
    w = rng.uniform(size=X.size)
    sample = fe.Empirical(X, w / w.sum())
    risk = fe.Risk(lambda c, x: c - x, sample, loss=fe.absolute)
    found = fe.solve(
        risk, constant(), fe.Optax(optax.adam(optax.linear_schedule(0.02, 0, 2000)), num_steps=2000)
    )
    order = np.cumsum(w / w.sum())
    median = X[np.searchsorted(order, 0.5)]
    assert abs(float(found.value) - median) < 1e-3


def test_lbfgs_reaches_the_least_squares_solution():
    risk = equation(-2.0).quadrature(16)
    best = fe.solve(risk, polynomial(), fe.LevenbergMarquardt(), throw=False)
    found = fe.solve(risk, polynomial(), fe.Optax(optax.lbfgs(), num_steps=60))
    np.testing.assert_allclose(found.value.coefficients, best.value.coefficients, rtol=1e-6)
    assert float(found.risk) <= float(best.risk) * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_a_population_is_seen_by_fresh_batches(seed):
    """The minimiser of E (c - x)^2 over x ~ U(0, 4) is the mean 2, and no sample's mean."""
    risk = fe.Risk(lambda c, x: c - x, fe.Uniform(0.0, 4.0))
    schedule = optax.exponential_decay(0.1, 100, 0.3)
    solver = fe.Optax(optax.adam(schedule), num_steps=600, batch_size=64)
    solution = fe.solve(risk, constant(), solver, key=jr.key(seed))
    assert abs(float(solution.value) - 2.0) < 0.05
    assert (
        abs(float(solution.risk) - 4.0 / 3.0) < 0.15
    )  # the variance: the mean of the last batches
    np.testing.assert_allclose(solution.risk, solution.history[-50:].mean())
    assert len(set(np.asarray(solution.history).tolist())) == 600


def test_a_mini_batch_is_drawn_by_the_weights():
    """With three points of unequal weight, the risk of small batches has the right mean."""
    sample = fe.Empirical(np.array([0.0, 1.0, 5.0]), np.array([0.7, 0.2, 0.1]))
    risk = fe.Risk(lambda c, x: c - x, sample)
    solver = fe.Optax(optax.sgd(0.0), num_steps=2000, batch_size=2)
    solution = fe.solve(risk, constant(), solver, key=jr.key(0))
    values = np.asarray(solution.history)
    exact = 0.2 * 1.0 + 0.1 * 25.0
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(values.size)
    np.testing.assert_allclose(solution.risk, exact)  # on the whole sample


def test_a_large_batch_is_the_whole_sample():
    risk = fe.Risk(lambda c, x: c - x, fe.Empirical(X))
    whole = fe.solve(risk, constant(), adam(30))
    batch = fe.solve(risk, constant(), adam(30, batch_size=100))
    np.testing.assert_array_equal(whole.history, batch.history)


@pytest.mark.parametrize("seed", range(2))
def test_two_draws_of_a_shock_are_unbiased(seed):
    """E_x (E_e [c - x - e])^2 is least at c = E x, whatever the variance of e."""
    risk = fe.Risk(
        lambda c, x, e: c - x - e, fe.Uniform(0.0, 2.0), shock=fe.Normal(0.0, 1.0), tolerance=1.0
    )
    schedule = optax.exponential_decay(0.1, 200, 0.3)
    solver = fe.Optax(optax.adam(schedule), num_steps=1000, batch_size=64)
    solution = fe.solve(risk, constant(), solver, key=jr.key(seed))
    assert abs(float(solution.value) - 1.0) < 0.1
    # E[r r'] is the variance 1/3 of x alone; E[r^2] would be 4/3
    assert abs(solution.history[-500:].mean() - 1.0 / 3.0) < 0.1


def test_draws_that_belong_to_points_go_with_them():
    points = fe.Empirical(np.linspace(0.0, 2.0, 50))
    risk = fe.Risk(lambda c, x, e: c - x - e, points, shock=fe.Normal(0.0, 1.0))
    fixed = risk.empirical(50, key=jr.key(1))
    solver = fe.Optax(optax.sgd(0.0), num_steps=2000, batch_size=5)
    solution = fe.solve(fixed, constant(1.0), solver, key=jr.key(2))
    values = np.asarray(solution.history)
    exact = float(fixed(constant(1.0)))
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(values.size)


def test_a_distribution_that_depends_on_f_follows_it():
    """x' = x / 2 + c ends in 2 c, so that c = 1 solves 2 - x = 0 on p*(x; c)."""
    ergodic = fe.Ergodic(lambda c, x: 0.5 * x + c, fe.Dirac(0.0), periods=40, burn_in=30)
    risk = fe.Risk(lambda c, x: 2.0 * c - x + (c - 1.0), ergodic)
    solver = fe.Optax(optax.adam(0.05), num_steps=400, batch_size=8)
    solution = fe.solve(risk, constant(3.0), solver, key=jr.key(0))
    assert abs(float(solution.value) - 1.0) < 1e-2


def test_only_a_part_is_trained():
    f = {"a": jnp.asarray(1.0), "b": jnp.asarray(2.0)}
    risk = fe.Risk(lambda f, x: f["a"] + f["b"] * x, fe.Empirical(X))
    solution = fe.solve(risk, f, adam(20), only=lambda f: f["a"])
    assert float(solution.value["b"]) == 2.0
    assert float(solution.value["a"]) != 1.0


def test_a_network_on_a_population_as_printed():
    mlp = eqx.nn.MLP("scalar", "scalar", 16, 2, jnp.tanh, key=jr.key(0))
    seen = []
    solution = fe.solve(
        equation(-2.0),
        mlp,
        fe.Optax(optax.adam(1e-2), num_steps=520, batch_size=32),
        key=jr.key(3),
        monitors=(lambda step, metrics, f: seen.append((step, metrics["risk"], f)),),
    )
    x = jnp.linspace(0.0, 1.0, 101)
    assert jnp.abs(jax.vmap(solution.value)(x) - jnp.exp(-2.0 * x)).max() < 0.05
    assert [step for step, _, _ in seen] == [*range(50, 501, 50), 520]
    assert seen[-1][1] < 0.05 * seen[0][1]
    assert solution.history.shape == (520,)
    last = jax.tree.leaves(eqx.filter(seen[-1][2], eqx.is_array))
    for a, b in zip(last, jax.tree.leaves(eqx.filter(solution.value, eqx.is_array))):
        np.testing.assert_array_equal(a, b)


def test_a_second_solve_compiles_nothing():
    def solve(a, seed, num_steps):
        return fe.solve(equation(a), polynomial(), adam(num_steps, 16), key=jr.key(seed)).risk

    assert compilations(lambda: solve(-1.0, 0, 60)) > 0
    solve(-1.0, 1, 60)
    # other values, another optimiser of the same kind and rate, another number of steps
    assert compilations(lambda: solve(-1.5, 2, 133)) == 0


def test_another_learning_rate_is_another_program():
    risk = fe.Risk(lambda c, x: c - x, fe.Empirical(X + 1.0))
    slow = fe.solve(risk, constant(), fe.Optax(optax.sgd(0.01), num_steps=10)).value
    fast = fe.solve(risk, constant(), fe.Optax(optax.sgd(0.1), num_steps=10)).value
    assert float(slow) < 0.3 < float(fast)


def test_mapped_and_compiled_solves_are_the_solve():
    keys, centres = jr.split(jr.key(7), 3), jnp.asarray([-1.0, -1.5, -2.0])

    def solve(a, key):
        risk = fe.Risk(lambda c, x, a: c - a * x, fe.Uniform(0.0, 1.0), args=(a,))
        solution = fe.solve(risk, constant(), adam(70, 8), key=key)
        return solution.value, solution.risk, solution.history

    each = [solve(float(a), key) for a, key in zip(centres, keys)]
    together = jax.vmap(solve)(centres, keys)
    jitted = jax.jit(solve)(centres[0], keys[0])
    for index, one in enumerate(each):
        for a, b in zip(one, together):
            np.testing.assert_allclose(a, b[index], rtol=1e-9)
    for a, b in zip(each[0], jitted):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_mapped_over_learning_rates_and_differentiated():
    risk = fe.Risk(lambda c, x: c - x, fe.Empirical(X + 1.0))

    def descend(rate):
        return fe.solve(risk, constant(), fe.Optax(optax.sgd(rate), num_steps=5)).value

    rates = jnp.asarray([0.01, 0.1])
    exact = 1 - (1 - 2 * rates) ** 5
    np.testing.assert_allclose(jax.vmap(descend)(rates), exact, rtol=1e-12)
    slope = 10 * (1 - 2 * 0.1) ** 4
    np.testing.assert_allclose(jax.grad(descend)(0.1), slope, rtol=1e-12)
    np.testing.assert_allclose(jax.jvp(descend, (0.1,), (1.0,))[1], slope, rtol=1e-12)


@pytest.mark.parametrize("optim", (optax.adamw(1e-1), optax.lbfgs()), ids=("adamw", "lbfgs"))
def test_single_precision(optim):
    risk = fe.Risk(lambda c, x: c - x, fe.Uniform(1.0, 3.0))
    solver = fe.Optax(optim, num_steps=60, batch_size=64)
    solution = fe.solve(risk, jnp.asarray(0.0, jnp.float32), solver, key=jr.key(0))
    assert solution.value.dtype == jnp.float32
    assert solution.risk.dtype == jnp.float32
    assert abs(float(solution.value) - 2.0) < 0.3


def test_what_is_not_finite_is_said_and_the_best_is_kept():
    risk = fe.Risk(lambda c, x: jnp.exp(c) - x, fe.Empirical(X + 2.0))
    solver = fe.Optax(optax.sgd(optax.piecewise_constant_schedule(1e-3, {120: 1e9})), num_steps=400)
    with pytest.raises(fe.SolveError, match="NaN or infinite") as error:
        fe.solve(risk, constant(), solver)
    solution = error.value.solution
    assert bool(solution.result == fe.RESULTS.non_finite)
    assert np.isfinite(float(solution.value))
    assert np.isfinite(float(solution.risk))
    traced = jax.jit(lambda: fe.solve(risk, constant(), solver).result)()
    assert bool(traced == fe.RESULTS.non_finite)


def test_interrupted_with_the_best_so_far():
    risk = fe.Risk(lambda c, x: c - x, fe.Empirical(X + 1.0))

    def stop(step, metrics, f):
        if step == 150:
            raise KeyboardInterrupt

    with pytest.raises(fe.Interrupted) as error:
        fe.solve(risk, constant(), adam(10_000), monitors=(stop,))
    solution = error.value.solution
    assert int(solution.stats["steps"]) == 150
    assert len(solution.history) == 150
    assert abs(float(solution.value) - 1.0) < 0.4
    np.testing.assert_allclose(solution.risk, risk(solution.value))


@pytest.mark.parametrize(
    "call, words",
    (
        (lambda: fe.Optax("adam", num_steps=1), "`optim` must be an Optax optimiser"),
        (lambda: fe.Optax(optax.adam, num_steps=1), "got adam$"),
        (lambda: adam(0), "`num_steps` must be a whole number"),
        (lambda: adam(-1), "`num_steps` must be a whole number"),
        (lambda: adam(5, batch_size=0), "`batch_size` must be a whole number"),
        (
            lambda: fe.solve(equation(-1.0), polynomial(), adam(5)),
            r"`risk.empirical\(n, key=key\)`.*`fe.Optax\(..., batch_size=n\)`",
        ),
        (
            lambda: fe.solve(equation(-1.0), polynomial(), adam(5, 8)),
            r"`key` is missing.*key=jax.random.key\(0\)",
        ),
        (
            lambda: fe.solve(
                equation(-1.0), eqx.nn.MLP(1, 1, 4, 1, key=jr.key(0)), adam(5, 8), key=jr.key(0)
            ),
            r"eqx.nn.MLP\('scalar', 'scalar', ...\)",
        ),
        (
            lambda: jax.jit(
                lambda a: (
                    fe.solve(
                        equation(a), polynomial(), adam(5, 8), key=jr.key(0), monitors=(print,)
                    ).risk
                )
            )(1.0),
            "`monitors` run on the host",
        ),
    ),
)
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_a_residual_with_two_draws_is_explained_too():
    risk = fe.Risk(lambda f, x, e: "no", fe.Uniform(0.0, 1.0), shock=fe.Normal(0.0, 1.0))
    with pytest.raises(ValueError, match="returned 'no'"):
        fe.solve(risk, constant(), adam(2, 4), key=jr.key(0))


@pytest.mark.parametrize(
    "optimiser",
    (
        lambda lr: optax.adamw(lr, weight_decay=lr),
        lambda lr: optax.chain(optax.clip_by_global_norm(lr), optax.sgd(lr, momentum=0.9)),
        lambda lr: optax.adam(optax.cosine_decay_schedule(lr, 40)),
    ),
    ids=("adamw", "chain", "schedule"),
)
def test_another_learning_rate_compiles_nothing_and_is_used(optimiser):
    x = jnp.linspace(-1.0, 1.0, 20)
    data = fe.Empirical((x, jnp.exp(2 * x)))
    risk = fe.Risk(lambda f, p: f(p[0]) - p[1], data, tolerance=jnp.inf)
    f = fe.Series(fe.Chebyshev(5, (-1.0, 1.0)))
    solve = lambda lr: fe.solve(risk, f, fe.Optax(optimiser(lr), num_steps=40)).value
    solve(0.1)
    assert compilations(lambda: solve(0.03)) == 0
    optim, theta = optimiser(0.03), f.coefficients
    state = optim.init(theta)
    for _ in range(40):
        slope = jax.grad(lambda c: risk(eqx.tree_at(lambda f: f.coefficients, f, c)))(theta)
        with jax.numpy_dtype_promotion("standard"):
            updates, state = optim.update(slope, state, theta)
            theta = optax.apply_updates(theta, updates)
    np.testing.assert_allclose(solve(0.03).coefficients, theta, rtol=1e-10, atol=1e-13)


def test_an_optimiser_that_decides_by_its_numbers_is_taken_as_it_is():
    lookahead = optax.adam(lambda count: 0.1 if int(3.0) else 0.0)
    risk = fe.Risk(lambda f: f - 3.0)
    solution = fe.solve(risk, jnp.zeros(()), fe.Optax(lookahead, num_steps=200))
    assert float(solution.value) == pytest.approx(3.0, abs=0.05)
