"""The error estimate in spaces that are too large for singular value decompositions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


SIZE = 1_210
RNG = np.random.default_rng(0)
STATES = fe.Empirical(np.arange(SIZE))


def rotation(seed):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((SIZE, SIZE)))[0]


LEFT, RIGHT = rotation(1), rotation(2)
SPREAD = np.logspace(0, -3, SIZE)


def matrix(singular):
    return LEFT * singular @ RIGHT.T


class Mixed(eqx.Module):
    """A value in each state, made of a number in each by a matrix."""

    numbers: fe.Series
    values: np.ndarray

    def __call__(self, x):
        return jnp.asarray(self.values)[x] @ self.numbers.coefficients


def rows(f, x, a, b):
    return a[x] @ f.coefficients - b[x]


def mixed_rows(f, x, a, b):
    return rows(f.numbers, x, a, b)


def found(a, b, start, values=None, dtype=float):
    """The estimate for A c = b at c = `start`, where f is c, or `values` times c."""
    f = fe.Series(fe.Indicator(SIZE), dtype=dtype)
    f = eqx.tree_at(lambda s: s.coefficients, f, jnp.asarray(start, dtype))
    args = (jnp.asarray(a, dtype), jnp.asarray(b, dtype))
    if values is None:
        return fe.error_estimate(fe.Risk(rows, STATES, args=args), f)
    risk = fe.Risk(mixed_rows, STATES, args=args)
    return fe.error_estimate(risk, Mixed(f, values), only=lambda f: f.numbers)


@pytest.mark.parametrize("dtype, digits", ((np.float64, 1e-8), (np.float32, 1e-3)))
def test_the_step_and_the_least_singular_value(dtype, digits):
    truth = 1 + RNG.standard_normal(SIZE)
    start = truth + 1e-3 * RNG.standard_normal(SIZE)
    a = matrix(SPREAD)
    estimate = found(a, a @ truth, start, dtype=dtype)
    assert not estimate.is_bound and bool(estimate.determined)
    norm = np.linalg.norm
    assert estimate.relative == pytest.approx(norm(start - truth) / norm(start), rel=digits)
    assert estimate.conditioning == pytest.approx(SPREAD[-1], rel=digits)
    assert estimate.rms == pytest.approx(norm(a @ (start - truth)) / np.sqrt(SIZE), rel=10 * digits)
    np.testing.assert_allclose(estimate.corrected.coefficients, truth, atol=100 * digits)


@pytest.mark.parametrize("least", (1e-9, 0.0))
def test_one_direction_that_hardly_shows(least):
    """What shows above rounding is determined, and what does not is not."""
    singular = np.append(SPREAD[:-1], least)
    truth = 1 + RNG.standard_normal(SIZE)
    estimate = found(matrix(singular), matrix(singular) @ truth, 0.5 * truth)
    assert bool(estimate.determined) == (least == 1e-9)
    assert estimate.conditioning == pytest.approx(least, rel=1e-5, abs=1e-15)
    free = np.asarray(estimate.shifted.coefficients) - 0.5 * truth
    assert abs(free @ RIGHT[:, -1]) == pytest.approx(np.linalg.norm(free), rel=1e-6)


def test_what_changes_no_value_is_free_to_adjust():
    """Against the same by singular value decompositions of NumPy's."""
    unseen = SIZE - np.arange(SIZE) <= 30
    values = LEFT * np.where(unseen, 0.0, 1.0) @ RIGHT.T
    a = RNG.standard_normal((SIZE, SIZE)) @ np.diag(SPREAD)
    truth, off = RNG.standard_normal((2, SIZE))
    estimate = found(a, a @ truth, truth + off, values)
    elsewhere = np.linalg.qr(a @ RIGHT[:, unseen])[0]
    along = a @ RIGHT[:, ~unseen]
    along = along - elsewhere @ (elsewhere.T @ along)
    least = np.linalg.svd(along, compute_uv=False)[-1]
    assert estimate.conditioning == pytest.approx(least, rel=1e-6)
    norm = np.linalg.norm
    wrong = norm(values @ off) / norm(values @ (truth + off))
    assert estimate.relative == pytest.approx(wrong, rel=1e-6)


def test_what_neither_side_sees_does_not_count():
    """A gauge: a direction of the parameters that leaves f and the equations as they are."""
    gauge = SIZE - np.arange(SIZE) <= 3
    values, a = LEFT * np.where(gauge, 0.0, 1.0) @ RIGHT.T, matrix(np.where(gauge, 0.0, SPREAD))
    truth = RNG.standard_normal(SIZE)
    estimate = found(a, a @ truth, 0.9 * truth, values)
    assert bool(estimate.determined)
    assert estimate.conditioning == pytest.approx(SPREAD[~gauge][-1], rel=1e-6)
    assert estimate.relative == pytest.approx(1 / 9, rel=1e-6)


@pytest.mark.slow
def test_many_components_as_one():
    """f' = -f in each of sixteen components is one equation, sixteen times."""
    decay = lambda f, x: jax.jacfwd(f)(x) + f(x)
    risk = fe.Risk(decay, fe.Uniform(0.0, 40.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
    basis = fe.Chebyshev(50, (0.0, 40.0))
    one = fe.solve(risk.quadrature(52), fe.Series(basis), throw=False).value
    each = jnp.tile(one.coefficients, (16, 1))
    many = eqx.tree_at(lambda s: s.coefficients, fe.Series(basis, out_size=16), each)
    alone, together = fe.error_estimate(risk, one), fe.error_estimate(risk, many)
    x = np.linspace(0.0, 40.0, 4001)
    wrong = np.asarray(jax.vmap(one)(x)) - np.exp(-x)
    assert not together.is_bound and together.note == ""
    assert together.relative == pytest.approx(alone.relative, rel=1e-6)
    assert together.conditioning == pytest.approx(float(alone.conditioning), rel=1e-6)
    assert together.relative == pytest.approx(
        np.linalg.norm(wrong) / np.linalg.norm(np.exp(-x)), rel=0.3
    )


KNOTS = np.linspace(0.0, 1.0, 21)


def mean_and_itself(f, x):
    """f(x) = g(x) + half of its mean, asked for all over: no row is sparse. Of g = e^(kx), a
    component each, the solution is g plus its mean."""
    t, w = np.polynomial.legendre.leggauss(60)
    mean = jnp.tensordot(w / 2, jax.vmap(f)(jnp.asarray((1 + t) / 2)), 1)
    return f(x) - jnp.exp(RATES * x) - 0.5 * mean


RATES = np.linspace(0.5, 3.0, 30)


def spline(coefficients=None):
    f = fe.Series(fe.BSpline(KNOTS), out_size=RATES.size)
    return f if coefficients is None else eqx.tree_at(lambda f: f.coefficients, f, coefficients)


def test_splines_whose_rows_are_not_sparse():
    """1,290 functions in the richer space, each of them small, against the solution."""
    where = fe.Uniform(0.0, 1.0)
    risk = fe.Risk(mean_and_itself, where)
    f = fe.fit(spline(), lambda x: jnp.exp(RATES * x) + jnp.expm1(RATES) / RATES, where).value
    f = spline(f.coefficients * (1 + 1e-3 * np.linspace(-1, 1, 23)[None]))
    estimate = fe.error_estimate(risk, f)
    x = np.linspace(0.0, 1.0, 2_001)[:, None]
    truth = np.exp(RATES * x) + np.expm1(RATES) / RATES
    wrong = np.asarray(jax.vmap(f)(jnp.asarray(x[:, 0]))) - truth
    error = np.sqrt((wrong**2).mean(axis=0) / (truth**2).mean(axis=0)).max()
    assert not estimate.is_bound and bool(estimate.determined)
    assert estimate.relative == pytest.approx(error, rel=0.1)


def test_two_series_that_are_too_large_together():
    """660 functions of one and 660 of the other."""
    size = 660
    start = 1 + RNG.standard_normal((2, size))
    truth = start * (1 + 1e-3 * RNG.standard_normal((2, size)))
    a = matrix(np.logspace(0, -2, SIZE))[:size, :size] + np.eye(size)

    class Both(eqx.Module):
        one: fe.Series
        other: fe.Series

        def __call__(self, x):
            return jnp.stack([self.one(x), self.other(x)])

    def rows(f, x, a, b):
        c = jnp.stack([f.one.coefficients, f.other.coefficients])
        return c @ a[x] - b[:, x] + 0.1 * c[::-1, x]

    parts = [eqx.tree_at(lambda s: s.coefficients, fe.Series(fe.Indicator(size)), c) for c in start]
    b = truth @ a.T + 0.1 * truth[::-1]
    risk = fe.Risk(rows, fe.Empirical(np.arange(size)), args=(jnp.asarray(a), jnp.asarray(b)))
    estimate = fe.error_estimate(risk, Both(*parts))
    norm = np.linalg.norm
    wrong = np.max(norm(start - truth, axis=1) / norm(start, axis=1))
    assert not estimate.is_bound
    assert estimate.largest == pytest.approx(wrong, rel=1e-6)


def test_what_would_take_long_is_not_estimated():
    """A residual that makes some 500 MB on its way, and whose derivative would do so at each of
    1,700 points."""

    def long(f, x):
        return f(x) - 1.0 + 1e-20 * jnp.sum(jnp.sin(jnp.arange(2.0e7) * f.coefficients[0]))

    f = fe.Series(fe.Indicator(1_700), start=1.1)
    estimate = fe.error_estimate(fe.Risk(long, fe.Empirical(np.arange(1_700))), f)
    assert np.isnan(estimate.largest) and "not estimated" in str(estimate)


@pytest.mark.slow
def test_what_singular_values_afford_has_no_more_rows_than_that():
    """Fifty coordinates, 1,276 functions: a bound by singular values, with few rows to spare."""
    basis = fe.Tensor(*[fe.Chebyshev(2, (-1.0, 1.0))] * 50, degree=2)
    risk = fe.Risk(lambda f, x: f(x) - 1.1, fe.Uniform(-np.ones(50), np.ones(50)))
    found = fe.error_estimate(risk, fe.Series(basis, start=1.0))
    assert found.is_bound and bool(found.determined) and 0.05 < found.relative < 10
