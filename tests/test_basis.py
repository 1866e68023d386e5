"""Bases and series, against NumPy's and SciPy's own, and against their definitions."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
import scipy.interpolate
from numpy.polynomial import chebyshev as cheb

import fesolve as fe


def series(basis, coefficients):
    coefficients = jnp.asarray(coefficients)
    empty = fe.Series(basis, dtype=coefficients.dtype)
    return eqx.tree_at(lambda s: s.coefficients, empty, coefficients)


def nth(f, order):
    for _ in range(order):
        f = jax.grad(f)
    return f


def bases():
    """One of each, with a point inside its domain."""
    breaks = np.asarray([0.0, 0.4, 1.0, 1.1])
    one, two = fe.Chebyshev(5, (0.0, 2.0)), fe.Fourier(2, (-1.0, 1.0))
    return {
        "chebyshev": (one, 0.3),
        "fourier": (two, 0.3),
        "bspline": (fe.BSpline(breaks), 0.3),
        "elements": (fe.SpectralElements(6, breaks), 0.3),
        "indicator": (fe.Indicator(3), 1),
        "tensor": (fe.Tensor(one, two), jnp.asarray([0.3, 0.2])),
        "complete": (fe.Tensor(one, fe.Chebyshev(4), degree=5), jnp.asarray([0.3, 0.2])),
        "sparse": (fe.Tensor(*[fe.Chebyshev(4)] * 4, degree=4), jnp.asarray([0.3, 0.2, -0.9, 1.0])),
        "smolyak": (fe.Smolyak(*[fe.Chebyshev(4)] * 3, level=2), jnp.asarray([0.3, 0.2, -0.9])),
        "named": (fe.Tensor(k=one, z=fe.Indicator(2)), {"k": 0.3, "z": 1}),
    }


ALL = bases()


# -- Chebyshev ---------------------------------------------------------------------------------


def orders(f, highest):
    """x -> (f, f', ..., f^(highest)) at each of many x, in one program."""
    derivatives = [nth(f, order) for order in range(highest + 1)]
    return jax.jit(jax.vmap(lambda x: [g(x) for g in derivatives]))


@pytest.mark.parametrize("degree", (0, 1, 5, 24, 100))
def test_chebyshev_and_its_derivatives_agree_with_numpy(degree, getkey):
    lo, hi = 0.5, 2.5
    c = np.asarray(jr.normal(getkey(), (degree + 1,))) / (1.0 + np.arange(degree + 1)) ** 3
    inside = np.concatenate([[lo, hi, np.nextafter(lo, hi)], np.linspace(lo, hi, 41)])
    # Beyond the domain the values grow; the error is relative to them.
    outside = np.asarray([lo - 0.1, lo - 1e-9, hi + 1e-9, hi + 0.1])
    got = orders(series(fe.Chebyshev(degree, (lo, hi)), c), 4)
    for order, (near, far) in enumerate(zip(got(inside), got(outside), strict=True)):
        exact = cheb.Chebyshev(c, domain=[lo, hi]).deriv(order)
        scale = 1e-12 * np.abs(exact(np.linspace(lo, hi, 501))).max() + 1e-300
        np.testing.assert_allclose(near, exact(inside), atol=scale, rtol=0)
        np.testing.assert_allclose(far, exact(outside), atol=scale, rtol=1e-11)


def test_every_mode_of_differentiation_gives_the_same():
    f = series(fe.Chebyshev(9), 0.5 ** np.arange(10.0))
    forward = lambda g: lambda t: jax.jvp(g, (t,), (jnp.ones_like(t),))[1]
    modes = [
        jax.grad(jax.grad(f)),
        jax.jacfwd(jax.jacfwd(f)),
        jax.jacrev(jax.jacrev(f)),
        jax.hessian(f),
        forward(jax.grad(f)),
        jax.grad(forward(f)),
        forward(forward(f)),
    ]
    x = np.asarray([-1.0, -0.999, 0.0, 0.3, 1.0, 1.4])
    exact = cheb.Chebyshev(0.5 ** np.arange(10.0)).deriv(2)(x)
    for got in jax.jit(jax.vmap(lambda x: [mode(x) for mode in modes]))(x):
        np.testing.assert_allclose(got, exact, rtol=1e-12)


def test_series_converge_geometrically():
    # 1 / (1 + 4 x^2) has poles at +-i/2: the error falls by the Bernstein radius each degree.
    radius = 0.5 + np.sqrt(1.25)
    x = np.linspace(-1, 1, 401)
    errors = []
    for degree in (20, 40):
        c = cheb.chebinterpolate(lambda x: 1 / (1 + 4 * x**2), degree)
        f = series(fe.Chebyshev(degree), c)
        errors.append(np.abs(jax.jit(jax.vmap(f))(x) - 1 / (1 + 4 * x**2)).max())
    assert np.log(errors[0] / errors[1]) / 20 == pytest.approx(np.log(radius), rel=0.03)


def equations(jaxpr):
    inner = [
        equations(p.jaxpr if hasattr(p, "jaxpr") else p)
        for e in jaxpr.eqns
        for p in e.params.values()
        if hasattr(p, "eqns") or hasattr(p, "jaxpr")
    ]
    return len(jaxpr.eqns) + sum(inner)


@pytest.mark.parametrize(
    "make", (fe.Chebyshev, fe.Fourier, lambda n: fe.SpectralElements(n, [0.0, 1.0, 2.0]))
)
def test_the_program_grows_with_the_logarithm_of_the_degree_at_most(make):
    def count(degree):
        f = fe.Series(make(degree))
        return equations(jax.make_jaxpr(jax.grad(jax.grad(f)))(0.3).jaxpr)

    assert count(16) - count(8) == count(256) - count(128) < count(8) / 4


def test_gradient_in_the_domain_agrees_with_differences():
    c = 0.7 ** np.arange(8.0)

    @jax.jit
    @jax.vmap
    def value(hi):
        return jax.value_and_grad(lambda hi: series(fe.Chebyshev(7, (0.0, hi)), c)(0.9))(hi)

    values, slopes = value(jnp.asarray([2.0 - 1e-6, 2.0, 2.0 + 1e-6]))
    np.testing.assert_allclose(slopes[1], (values[2] - values[0]) / 2e-6, rtol=1e-8)
    np.testing.assert_allclose(values[1], series(fe.Chebyshev(7, (0.0, 2.0)), c)(0.9), rtol=1e-14)


def test_a_degree_may_be_left_to_the_solver():
    basis = fe.Chebyshev(None, (0.0, 1.0), max_degree=40)
    assert basis.adaptive and basis.size == 41 and basis(0.2).shape == (41,)
    assert not fe.Chebyshev(3).adaptive


# -- Fourier, splines, indicators ----------------------------------------------------------------


def test_fourier_is_the_fourier_series(getkey):
    n, lo, period = 3, 0.5, 4.0
    c = np.asarray(jr.normal(getkey(), (2 * n + 1,)))
    w = 2j * np.pi / period * np.arange(n + 1)
    amplitudes = np.concatenate([[c[0]], c[1 : n + 1] - 1j * c[n + 1 :]])
    x = np.asarray([0.5, 1.7, 4.5, 9.0])
    for order, got in enumerate(orders(series(fe.Fourier(n, (lo, lo + period)), c), 3)(x)):
        exact = np.real(np.exp(np.outer(x - lo, w)) @ (amplitudes * w**order))
        np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("degree", range(6))
def test_splines_agree_with_scipy(degree, getkey):
    breaks = np.asarray([0.0, 0.3, 1.0, 1.2, 2.0])
    basis = fe.BSpline(breaks, degree=degree)
    c = np.asarray(jr.normal(getkey(), (basis.size,)))
    exact = scipy.interpolate.BSpline(np.pad(breaks, degree, mode="edge"), c, degree)
    x = np.concatenate([np.linspace(0.0, 2.0, 37), breaks[:-1], [-0.2, 2.1]])
    for order, got in enumerate(orders(series(basis, c), min(degree, 3))(x)):
        expected = exact.derivative(order)(x) if order else exact(x)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11 * 10**order)


def test_splines_on_equal_intervals():
    basis = fe.BSpline(4, (0.0, 2.0))
    np.testing.assert_allclose(basis.knots, np.linspace(0.0, 2.0, 5))
    assert basis.size == 7


def test_splines_converge_at_their_order():
    errors = []
    x = np.linspace(0.0, 1.0, 301)
    for m in (16, 32):
        basis = fe.BSpline(m, (0.0, 1.0))
        phi = jax.jit(jax.vmap(basis))(x)
        c = np.linalg.lstsq(phi, np.exp(np.sin(5 * x)))[0]
        errors.append(np.abs(phi @ c - np.exp(np.sin(5 * x))).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4.0, abs=0.4)


def test_indicators():
    f = series(fe.Indicator(3), [1.0, 2.0, 5.0])
    np.testing.assert_array_equal(jax.vmap(f)(jnp.arange(3)), [1.0, 2.0, 5.0])
    assert np.isnan(f(3)) and np.isnan(f(-1))
    np.testing.assert_array_equal(fe.Indicator(3)(1), [0.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="integer x"):
        f(1.0)


# -- elements ------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothness", (0, 1, 2))
def test_elements_are_smooth_and_begin_with_their_derivatives(smoothness, getkey):
    breaks = np.asarray([0.0, 0.4, 1.0, 3.0])
    basis = fe.SpectralElements(9, breaks, smoothness)
    assert basis.size == 3 * (9 - smoothness) + smoothness + 1 == basis.constant.shape[0]
    c = jr.normal(getkey(), (basis.size,))
    whole = orders(series(basis, c), smoothness)
    dense = whole(np.linspace(0, 3, 99))

    @jax.jit
    def from_the_left(e):
        f = lambda x: basis.element(e).evaluate(basis.local(c, e), x)
        return [nth(f, order)(jnp.asarray(breaks)[e + 1]) for order in range(smoothness + 1)]

    left = jax.vmap(from_the_left)(jnp.arange(3))
    for order, (at, before) in enumerate(zip(whole(breaks), left, strict=True)):
        tolerance = 10.0 ** (order - 12) * np.abs(dense[order]).max()
        nodal = c[order :: basis.stride][: len(breaks)]
        np.testing.assert_allclose(at, nodal, atol=tolerance)
        np.testing.assert_allclose(before, nodal[1:], atol=tolerance)


@pytest.mark.parametrize("smoothness, degree", [(0, 1), (0, 5), (1, 3), (1, 12), (2, 8)])
def test_elements_hold_every_polynomial_of_their_degree(smoothness, degree, getkey):
    basis = fe.SpectralElements(degree, [-1.0, -0.2, 0.3, 2.0], smoothness)
    exact = cheb.Chebyshev(jr.normal(getkey(), (degree + 1,)), domain=[-1.2, 2.1])
    x = np.linspace(-1.2, 2.1, 8 * basis.size)
    phi, slopes = jax.jit(jax.vmap(lambda y: (basis(y), jax.jacfwd(basis)(y))))(x)
    c = np.linalg.lstsq(phi, exact(x))[0]
    np.testing.assert_allclose(phi @ c, exact(x), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(slopes @ c, exact.deriv()(x), rtol=1e-9, atol=1e-10 * degree**2)


@pytest.mark.parametrize("make", (lambda b: fe.SpectralElements(7, b), fe.BSpline))
def test_local_bases_gather_what_the_whole_basis_gives(make, getkey):
    basis = make(np.asarray([0.0, 0.4, 1.0, 1.1]))
    c = jr.normal(getkey(), (2, basis.size))

    @jax.jit
    @jax.vmap
    def both(x):
        local = lambda y: basis.evaluate(c, y)
        whole = lambda y: c @ basis(y)
        return (local(x), jax.jacfwd(local)(x)), (whole(x), jax.jacrev(whole)(x))

    local, whole = both(jnp.asarray([-0.1, 0.0, 0.4, 0.7, 1.1, 1.3]))
    np.testing.assert_allclose(local[0], whole[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(local[1], whole[1], rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("smoothness", (0, 1, 2))
def test_one_element_by_a_traced_index(smoothness, getkey):
    breaks = np.asarray([0.0, 0.4, 1.0, 3.0])
    basis = fe.SpectralElements(6, breaks, smoothness)
    c = jr.normal(getkey(), (basis.size,))
    assert basis.number == 3

    @jax.jit
    def middle(e):
        basis_e, c_e = basis.element(e), basis.local(c, e)
        return basis_e.evaluate(c_e, basis_e.breaks.mean())

    middles = (breaks[1:] + breaks[:-1]) / 2
    expected = jax.vmap(series(basis, c))(middles)
    np.testing.assert_allclose(jax.vmap(middle)(jnp.arange(3)), expected, rtol=1e-12)


def test_gradient_in_the_breaks_agrees_with_differences(getkey):
    c = jr.normal(getkey(), (fe.SpectralElements(5, [0.0, 1.0, 2.0]).size,))

    @jax.jit
    @jax.vmap
    @jax.value_and_grad
    def value(middle):
        return series(fe.SpectralElements(5, [0.0, middle, 2.0]), c)(0.7)

    values, slopes = value(jnp.asarray([1.1 - 1e-6, 1.1, 1.1 + 1e-6]))
    np.testing.assert_allclose(slopes[1], (values[2] - values[0]) / 2e-6, rtol=1e-7)


@pytest.mark.parametrize("degree", (8, 32))
@pytest.mark.parametrize("smoothness", (0, 1))
@pytest.mark.parametrize("number", (1, 20))
def test_collocation_by_elements_is_well_conditioned(degree, smoothness, number):
    # f^(s + 1) + f = 0 with its conditions at 0, in least squares over Gauss nodes.
    order = smoothness + 1
    breaks = np.linspace(0.0, 10.0, number + 1)
    basis = fe.SpectralElements(degree, breaks, smoothness)
    t, w = np.polynomial.legendre.leggauss(degree)
    x = (breaks[:-1, None] + np.diff(breaks)[:, None] * (t + 1) / 2).ravel()
    weights = np.sqrt(np.outer(np.diff(breaks) / 2, w).ravel())
    phi = lambda y: basis(y)
    highest = phi
    for _ in range(order):
        highest = jax.jacfwd(highest)
    rows = jax.jit(jax.vmap(lambda y: highest(y) + phi(y)))(x) * weights[:, None]
    matrix = np.concatenate([rows, np.eye(order, basis.size)])
    assert np.linalg.cond(matrix) < 250


@pytest.mark.parametrize("degree", (4, 6))
def test_elements_converge_at_their_order(degree):
    errors = []
    for number in (4, 8):
        basis = fe.SpectralElements(degree, np.linspace(0.0, 2.0, number + 1))
        x = np.linspace(0.0, 2.0, 12 * basis.size)
        phi = jax.jit(jax.vmap(basis))(x)
        c = np.linalg.lstsq(phi, np.sin(4 * x))[0]
        errors.append(np.abs(phi @ c - np.sin(4 * x)).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.6)


# -- tensors -------------------------------------------------------------------------------------


def test_tensors_are_products(getkey):
    b1, b2 = fe.Chebyshev(4, (0.0, 1.0)), fe.Fourier(2)
    c = jr.normal(getkey(), (5, 5))
    x = jnp.asarray([0.3, 1.0])
    f = series(fe.Tensor(b1, b2), c.reshape(-1))

    @jax.jit
    def both(x):
        slopes = jax.jacfwd(b1)(x[0]), jax.jacfwd(b2)(x[1])
        return (f(x), jax.hessian(f)(x)[0, 1]), (b1(x[0]) @ c @ b2(x[1]), slopes[0] @ c @ slopes[1])

    np.testing.assert_allclose(*both(x), rtol=1e-12)
    lo, hi = f.basis.domain
    np.testing.assert_allclose(lo, [0.0, 0.0])
    np.testing.assert_allclose(hi, [1.0, 2 * np.pi])


@pytest.mark.parametrize("dimension, degree", [(2, 6), (3, 4), (5, 3)])
def test_complete_polynomials(dimension, degree, getkey):
    from math import comb

    basis = fe.Tensor(*[fe.Chebyshev(degree)] * dimension, degree=degree)
    assert basis.size == comb(dimension + degree, dimension)
    assert basis.degrees.max() == degree
    c = jr.normal(getkey(), (3, basis.size))
    x = jr.uniform(getkey(), (dimension,), minval=-1.0)
    np.testing.assert_allclose(
        *jax.jit(lambda x: (basis.evaluate(c, x), c @ basis(x)))(x), rtol=1e-12
    )
    # Every monomial of that degree is in the span.
    points = np.asarray(jr.uniform(getkey(), (4 * basis.size, dimension), minval=-1.0))
    target = np.prod(points[:, : min(degree, dimension)], axis=1)
    matrix = np.asarray(jax.jit(jax.vmap(basis))(points))
    fitted = matrix @ np.linalg.lstsq(matrix, target)[0]
    np.testing.assert_allclose(fitted, target, atol=1e-12)


def test_tensors_of_names_take_dictionaries(getkey):
    basis = fe.Tensor(k=fe.Chebyshev(3, (0.0, 2.0)), z=fe.Indicator(2))
    c = jr.normal(getkey(), (4, 2))
    f = series(basis, c.reshape(-1))
    points = {"k": jnp.asarray([0.1, 1.0]), "z": jnp.asarray([1, 0])}
    expected = [cheb.chebval(-0.9, c[:, 1]), cheb.chebval(0.0, c[:, 0])]
    np.testing.assert_allclose(jax.jit(jax.vmap(f))(points), expected, rtol=1e-13)
    assert basis.domain[1]["z"] == 1
    with pytest.raises(ValueError, match="dictionary with these keys"):
        f({"k": 0.1})


# -- all of them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_what_every_basis_promises(name, getkey):
    basis, x = ALL[name]
    assert basis.constant.shape == (basis.size,)
    constant, vector = fe.Series(basis, start=3.0), fe.Series(basis, 2, start=[1.0, -2.0])
    assert vector.coefficients.shape == (2, basis.size)
    c = jr.normal(getkey(), (2, basis.size))
    f = series(basis, c[0])
    single = series(basis, c[0].astype(jnp.float32))

    @jax.jit
    def values(x):
        batch = jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 3), x)
        return (
            constant(x),
            vector(x),
            basis.evaluate(c, x),
            c @ basis(x),
            jax.vmap(f)(batch),
            single(x),
        )

    ones, pair, evaluated, product, batched, in_float32 = values(x)
    np.testing.assert_allclose(ones, 3.0, rtol=1e-13)
    np.testing.assert_allclose(pair, [1.0, -2.0], rtol=1e-13)
    np.testing.assert_allclose(evaluated, product, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(batched, [evaluated[0]] * 3, rtol=1e-12, atol=1e-13)
    assert in_float32.dtype == jnp.float32
    np.testing.assert_allclose(in_float32, evaluated[0], atol=2e-5, rtol=2e-5)


def test_float32_in_every_part():
    f = fe.Series(fe.Chebyshev(6, (0.0, 1.0)), dtype=jnp.float32)
    assert f.coefficients.dtype == jnp.float32
    x = jnp.asarray(0.3, jnp.float32)
    assert fe.Chebyshev(6)(x).dtype == jnp.float32
    assert jax.grad(f)(x).dtype == jnp.float32
    assert fe.SpectralElements(5, [0.0, 1.0])(x).dtype == jnp.float32
    assert fe.BSpline([0.0, 1.0])(x).dtype == jnp.float32
    assert fe.Fourier(3)(x).dtype == jnp.float32


BAD = {
    "degree": (lambda: fe.Chebyshev(-1), "`degree` of Chebyshev"),
    "domain": (lambda: fe.Chebyshev(3, (1.0, 1.0)), "lo < hi"),
    "pair": (lambda: fe.Chebyshev(3, 1.0), "pair"),
    "box": (lambda: fe.Chebyshev(3, ([0.0, 0.0], [1.0, 1.0])), "fe.Tensor"),
    "infinite": (lambda: fe.Chebyshev(3, (0.0, np.inf)), "finite"),
    "fourier": (lambda: fe.Fourier(2, (1.0, 0.0)), "lo < hi"),
    "knots": (lambda: fe.BSpline([0.0, 0.0, 1.0]), "must rise"),
    "no domain": (lambda: fe.BSpline(4), "`domain` of BSpline"),
    "smoothness": (lambda: fe.SpectralElements(2, [0.0, 1.0]), "2 \\* smoothness \\+ 1"),
    "breaks": (lambda: fe.SpectralElements(3, [1.0, 0.0]), "must rise"),
    "states": (lambda: fe.Indicator(0), "`states`"),
    "tensor": (lambda: fe.Tensor(), "bases in the order"),
    "tensor both": (lambda: fe.Tensor(fe.Fourier(1), z=fe.Fourier(1)), "one of the two"),
    "tensor degree": (lambda: fe.Tensor(fe.BSpline([0.0, 1.0]), degree=2), "ordered by degree"),
    "smolyak level": (lambda: fe.Smolyak(fe.BSpline([0.0, 1.0]), level=2), "ordered by degree"),
    "smolyak negative": (lambda: fe.Smolyak(fe.Chebyshev(4), level=-1), "level"),
    "tensor adaptive": (lambda: fe.Tensor(fe.Chebyshev(None)), "need degrees"),
    "series": (lambda: fe.Series(3), "`basis`"),
    "out": (lambda: fe.Series(fe.Chebyshev(1), 0), "`out_size`"),
    "start": (lambda: fe.Series(fe.Chebyshev(1), 2, start=[1.0, 2.0, 3.0]), "`start`"),
    "x": (lambda: fe.Series(fe.Chebyshev(1))(jnp.ones(2)), "fe.Tensor"),
    "tensor x": (lambda: fe.Series(fe.Tensor(fe.Chebyshev(1)))(0.5), "vector x of length 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_explained(name):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()
