"""Models with many states against independent paths and published figures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import references_states as references
from targets_states import path_errors

import fesolve as fe
from fesolve import problems


def test_policies_do_not_depend_on_the_order_of_countries():
    problem = problems.multi_country(countries=4)
    correction = problem.choice("symmetric", degree=2).hypothesis(jr.key(0)).net.correction
    drawn = (jr.normal(jr.key(2), correction.policy.shape), jr.normal(jr.key(3), (9,)))
    correction = eqx.tree_at(lambda c: (c.policy, c.price), correction, drawn)
    x = 0.05 * jr.normal(jr.key(1), (2, 4))
    order = np.array([2, 0, 3, 1])
    first, second = correction(jnp.ravel(x)), correction(jnp.ravel(x[:, order]))
    np.testing.assert_allclose(second[:4], first[:4][order], rtol=1e-12)
    np.testing.assert_allclose(second[4], first[4], rtol=1e-12)


@pytest.mark.parametrize("degree, terms", [(1, (5, 3)), (2, (18, 9)), (3, (54, 23))])
def test_there_are_as_many_symmetric_polynomials_as_invariants(degree, terms):
    """The number of orbits of monomials under permutations of many countries."""
    f = problems.multi_country(countries=6).choice("symmetric", degree=degree)
    correction = f.hypothesis(jr.key(0)).net.correction
    assert (correction.policy.size, correction.price.size) == terms


def test_five_countries():
    problem = problems.multi_country(countries=5)
    solution = problem.solve("symmetric", degree=2, throw=False)
    mean, largest = path_errors(problem, solution.value)
    assert mean < -5.5 and largest < -4.0


@pytest.mark.slow
def test_without_risk_it_is_the_path_of_perfect_foresight():
    """Policies depend on the variance of shocks linearly at first, so that two of them tell what
    they are without."""
    k, z = np.exp([0.05, -0.03]), np.array([0.03, -0.01])
    x = jnp.asarray(np.concatenate([np.log(k), z]))
    at = {}
    for sigma in (0.01, 0.005):
        problem = problems.multi_country(sigma=sigma)
        y = np.asarray(problem.solve("chebyshev", degree=5).value(x))
        growth = 1 + (np.exp(y[:2] - y[2]) - 1) / problem.parameters.kappa
        at[sigma] = np.append(np.log(k * growth), y[2])
    without = (4 * at[0.005] - at[0.01]) / 3
    reference = references.countries_without_risk(problem.parameters, k, z)
    np.testing.assert_allclose(without, reference, atol=1e-7)
    assert np.max(np.abs(at[0.01] - reference)) > 1e-5


def test_the_reference_has_the_equations_of_the_model():
    """A year of one is a year of the other, whatever is saved and abated."""
    m = problems.climate().parameters
    _, (k, air, warming, _) = references.welfare(m, jnp.full(3, 0.2), jnp.full(3, 0.3))
    assert float(k[0]) == pytest.approx(2.926) and float(air[0]) == pytest.approx(0.851)
    assert float(air[1]) == pytest.approx(
        0.946 * 0.851
        + 0.054 * 0.607 / 0.489 * 0.628
        + 0.7 * 9.55592e-5 * 76.21389 * 2.926**0.3
        + 0.00070922,
        rel=1e-6,
    )
    assert float(warming[1]) == pytest.approx(
        1.1 + 0.137 * (3.45 * np.log2(0.851 / 0.607) + 0.5 - 3.45 / 3.25 * 1.1 - 0.73 * 0.83)
    )


@pytest.mark.parametrize(
    "dimension, most, size", [(2, 2, 13), (4, 2, 41), (4, 3, 137), (10, 2, 221)]
)
def test_smolyak_sets_are_those_of_the_literature(dimension, most, size):
    box = np.arange(dimension), np.arange(dimension) + 2.0
    basis = fe.Smolyak(*(fe.Chebyshev(2**most, ends) for ends in zip(*box)), level=most)
    rows = basis.indices
    points = box[0] + 1 + _nested_nodes(rows, most)
    assert len(rows) == size and len(np.unique(points.round(12), axis=0)) == size
    # they determine the functions, among which are all polynomials of degree `most`
    f = lambda x: np.exp(0.1 * (x - box[0] - 1).sum(axis=-1))
    coefficients = np.linalg.solve(jax.jit(jax.vmap(basis))(points), f(points))
    x = box[0] + np.random.default_rng(0).uniform(0, 2, (200, dimension))
    found = jax.jit(jax.vmap(lambda x: basis.evaluate(jnp.asarray(coefficients), x)))(x)
    assert np.abs(found - f(x)).max() < 0.3 * (0.1 * dimension) ** (most + 1)


def _nested_nodes(rows, most):
    """The point of each index in [-1, 1]^d: extrema of Chebyshev polynomials, level by level."""
    along = [0.0]
    for k in range(1, most + 1):
        extrema = -np.cos(np.pi * np.arange(2**k + 1) / 2**k)
        along += [x for x in extrema if np.abs(np.array(along) - x).min() > 1e-12]
    return np.array(along)[rows]


def test_a_coordinate_of_a_lower_degree_has_fewer_levels():
    basis = fe.Smolyak(a=fe.Chebyshev(8), b=fe.Chebyshev(2), level=3)
    expected = [(i, j) for i in range(9) for j in range(3) if i <= 4 or j == 0]
    assert sorted(map(tuple, basis.indices.tolist())) == expected


def test_sums_over_coordinates_are_where_smolyak_wins(getkey):
    # log(x_1) + ... + log(x_6): no product is needed, and high powers are
    def equation(f, x):
        return f(x) - jnp.sum(jnp.log(x))

    bases = [fe.Chebyshev(8, (0.5, 2.0))] * 6
    risk = fe.Risk(equation, fe.Uniform(np.full(6, 0.5), np.full(6, 2.0)))
    sparse, complete = fe.Smolyak(*bases, level=2), fe.Tensor(*bases, degree=3)
    assert sparse.size == 85 and complete.size == 84
    errors = []
    for basis in (sparse, complete):
        sample = risk.empirical(300, key=getkey())
        f = fe.solve(sample, fe.Series(basis), throw=False).value
        errors.append(float(jnp.sqrt(risk.empirical(1000, key=getkey())(f))))
    assert errors[0] < 0.4 * errors[1]  # 3^-4 against 3^-3 a coordinate


@pytest.mark.slow
def test_complete_polynomials_are_better_than_as_many_of_smolyak():
    problem = problems.multi_country()
    choice = problem.choice("chebyshev", degree=3)
    start = choice.hypothesis(jr.key(0))
    complete = start.net.correction
    ends = tuple(float(high) for high in complete.basis.domain[1])
    sparse = fe.Series(
        fe.Smolyak(*(fe.Chebyshev(4, (-end, end)) for end in ends), level=2), out_size=3
    )
    assert sparse.basis.size > complete.basis.size
    reached = []
    for series in (complete, sparse):
        f = eqx.tree_at(lambda f: f.net.correction, start, series)
        sample = problem.risk.empirical(2 * series.basis.size, key=jr.key(1))
        solution = fe.solve(sample, f, choice.solver, key=jr.key(2), throw=False)
        reached.append(path_errors(problem, solution.value))
    (mean, largest), (sparse_mean, sparse_largest) = reached
    assert mean < sparse_mean - 0.5 and largest < sparse_largest - 0.5
    assert sparse_mean < -5.5
