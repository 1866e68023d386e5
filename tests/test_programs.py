"""When programs are compiled: once for equal computations, and each time where what they read
cannot be followed; and what the caches keep."""

import contextlib
import gc
import weakref

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compilations import compilations

import fesolve as fe


class One(eqx.Module):
    """f(x) = level."""

    level: jax.Array

    def __call__(self, x):
        return self.level


F = One(jnp.asarray(1.0))


def at(residual, f=F):
    """The residual at x = 0, through the compiled evaluation of a risk."""
    return fe.Risk(residual, fe.Dirac(0.0)).residuals(f)[0]


def ode(f, x):
    return jax.grad(f)(x) + 1.75 * f(x)


def begin(f, x):
    return f(x) - 1.0


DECAY = fe.Risk(ode, fe.Uniform(0.0, 1.0)) + fe.Risk(begin, fe.Dirac(0.0))


def consumed(c, x):
    """1 - beta E[u'(c') R'] / u'(c) of stochastic growth with log utility."""
    k, z = x
    k1 = jnp.exp(z) * k**0.36 * (1.0 - 0.5 * c(x))

    def payoff(e):
        z1 = 0.9 * z + e
        x1 = jnp.stack([k1, z1])
        c1 = 0.5 * c(x1) * jnp.exp(z1) * k1**0.36
        return 0.36 * jnp.exp(z1) * k1 ** (0.36 - 1.0) / c1

    c0 = 0.5 * c(x) * jnp.exp(z) * k**0.36
    return 1.0 - 0.95 * c0 * fe.expectation(payoff, fe.Normal(0.0, 0.01).quadrature(5))


GROWTH = fe.Risk(consumed, fe.Uniform([0.1, -0.05], [0.3, 0.05]))
PLANE = fe.Tensor(fe.Chebyshev(3, (0.1, 0.3)), fe.Chebyshev(3, (-0.05, 0.05)))
NETWORK = fe.MLP("scalar", "scalar", width=8, depth=2, support=(0.0, 1.0), key=jax.random.key(0))
TYPICAL = {
    "a series": (DECAY, 12, fe.Series(fe.Chebyshev(9, (0.0, 1.0))), 4, 5),
    "shocks": (GROWTH, 6, fe.Series(PLANE, start=1.2), 3, 5),
    "a network": (DECAY, 24, NETWORK, 7, 5),
}


@pytest.mark.parametrize("risk, n, f, solve, report", TYPICAL.values(), ids=TYPICAL)
def test_how_many_programs_a_model_compiles(risk, n, f, solve, report):
    """What a user waits for, in a process that has compiled nothing of it before."""
    found, train = [], risk.quadrature(n)
    test = risk.empirical(1_000, key=jax.random.key(1))
    judged = lambda: str(fe.RiskReport(found[0], train=train, test=test))
    assert compilations(lambda: found.append(fe.solve(train, f))) <= solve
    assert compilations(judged) <= report
    assert compilations(lambda: fe.solve(train, f)) == 0
    assert compilations(judged) <= len(risk.terms)  # each residual is traced anew once


def test_a_derivative_of_a_solve_uses_the_programs_of_the_solve():
    """The first one makes a program of the derivative, and none with a loop; the next ones none."""

    def crossing(a):
        residual = lambda f, a: jnp.cumsum(f) ** 3 - a * jnp.arange(1.0, 7.0)
        return fe.solve(fe.Risk(residual, args=(a,)), jnp.ones(6)).value

    plain = compilations(lambda: crossing(0.3))
    seconds = []
    for a in (0.3, 0.4):
        derivative = lambda a=a: jax.jvp(crossing, (a,), (1.0,))
        seconds.append(compilations(derivative))
        found, slope = derivative()
        # sum_i f_i = (a n)^(1 / 3)
        np.testing.assert_allclose(np.cumsum(found), np.cbrt(a * np.arange(1.0, 7.0)))
        np.testing.assert_allclose(np.cumsum(slope), np.cumsum(found) / (3 * a))
    assert plain > 0 and seconds[0] <= 12 and seconds[1] == 0


def equal_lambda(c):
    return lambda f, x: (f(x) - c) * 1.25


def test_an_equal_residual_compiles_once():
    assert compilations(lambda: at(equal_lambda(0.125))) > 0
    assert compilations(lambda: at(equal_lambda(0.125))) == 0
    assert compilations(lambda: at(equal_lambda(0.375))) > 0


def test_new_args_compile_nothing():
    def risk(a):
        return fe.Risk(lambda f, x, a: f(x) - 3 * a, fe.Dirac(0.0), args=(a,))

    assert compilations(lambda: risk(0.5)(F)) > 0
    assert compilations(lambda: risk(0.75)(F)) == 0
    assert compilations(lambda: (2.0 * risk(0.75))(F)) == 0
    assert float(risk(1.0)(F)) == 4.0


class Model(eqx.Module):
    """A user's hypothesis with methods, a property and a static field."""

    g: fe.Series
    name: str = eqx.field(static=True)

    @property
    def shift(self):
        return 0.5

    def __call__(self, x):
        return self.g(x) + self.shift


def test_an_equal_model_compiles_once():
    def solution(value):
        model = Model(fe.Series(fe.Chebyshev(3, (0.0, 1.0))), "model")
        table, large = {"b": np.ones(3), "c": [1.0, None]}, np.zeros(2000)
        residual = lambda f, x, a: f(x) - a * table["b"][0] - large[0]
        risk = fe.Risk(residual, fe.Uniform(0.0, 1.0), args=(value,))
        return fe.solve(risk.quadrature(8), model).value(0.5)

    assert compilations(lambda: solution(1.0)) > 0
    assert compilations(lambda: solution(2.0)) == 0


def test_a_jitted_helper_compiles_once():
    helper = jax.jit(lambda y: 3.0 * y)
    residual = lambda f, x: helper(f(x)) - 1.0
    assert compilations(lambda: at(residual)) > 0
    assert compilations(lambda: at(residual)) == 0


def test_what_is_opaque_is_said_once_and_compiled_each_time():
    def residual(f, x):
        return f(x) - globals()["LEVEL"]

    with pytest.warns(fe.RetraceWarning, match=r"`globals`, which `.*residual` reads.*`args`"):
        assert compilations(lambda: at(residual)) > 0
    assert compilations(lambda: at(residual)) > 0


LEVEL = 0.5


def test_a_path_of_opaque_residuals():
    """Continuation compares residuals: one that cannot be read is the same where it is the same
    object."""

    def residual(f, x, a):
        return f(x) - a * globals()["LEVEL"]

    def risk(a):
        return fe.Risk(residual, fe.Uniform(0.0, 1.0), args=(a,)).quadrature(8)

    start = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))
    with pytest.warns(fe.RetraceWarning):
        f = fe.solve(risk(2.0), start, fe.Continuation(risk(1.0))).value
    assert float(f(0.5)) == pytest.approx(1.0)


def test_the_step_of_a_fixed_point_is_read_by_value():
    class Step(eqx.Module):
        level: jax.Array

        def __call__(self, f, g, x):
            return f(x) - 0.5 * g(x) - self.level

    start = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))
    risk = lambda a: fe.Risk(lambda f, x: 0.5 * f(x) - a, fe.Uniform(0.0, 1.0)).quadrature(8)
    for a in (0.5, 0.25):
        solver = fe.FixedPoint(Step(jnp.asarray(a)))
        assert float(fe.solve(risk(a), start, solver).value(0.5)) == pytest.approx(2 * a)


class Large:
    """What a residual holds."""

    def __init__(self):
        self.array = np.zeros(10_000)


@pytest.mark.parametrize("opaque", [False, True])
def test_an_evaluation_keeps_nothing_alive(opaque):
    def run():
        large = Large()
        lock = iter([1]) if opaque else None
        residual = lambda f, x: f(x) - large.array[0] * (1.0 if lock is None else 2.0)
        at(residual)
        return weakref.ref(large)

    if opaque:
        with pytest.warns(fe.RetraceWarning, match="iterator"):
            kept = run()
    else:
        kept = run()
    gc.collect()
    assert kept() is None


def test_a_solve_keeps_no_points_alive():
    def run(c):
        x = np.linspace(0.0, 1.0, 1000)
        risk = fe.Risk(lambda f, x: f(x) - c * x, fe.Empirical(x))
        fe.solve(risk, fe.Series(fe.Chebyshev(3, (0.0, 1.0))), fe.LinearLeastSquares())
        return weakref.ref(x)

    kept = [run(float(k)) for k in range(3)]
    gc.collect()
    assert [reference() for reference in kept] == [None, None, None]


@pytest.mark.parametrize("opaque", [False, True])
def test_a_solve_keeps_nothing_alive(opaque):
    def run():
        large = Large()
        names = iter([1]) if opaque else None
        residual = lambda f, x: f(x) - large.array[0] * (1.0 if names is None else 2.0)
        risk = fe.Risk(residual, fe.Uniform(0.0, 1.0)).quadrature(8)
        fe.solve(risk, fe.Series(fe.Chebyshev(3, (0.0, 1.0))))
        return weakref.ref(large)

    with pytest.warns(fe.RetraceWarning) if opaque else contextlib.nullcontext():
        kept = run()
    gc.collect()
    assert kept() is None


def test_a_traced_value_in_a_closure_is_differentiated():
    """Where it can be, it is; a solver, which cannot, says to use `args`."""

    def of(a):
        return fe.Risk(lambda f, x: f(x) - a, fe.Dirac(0.0))(F)

    assert jax.grad(of)(0.5) == -1.0


def test_a_solve_refuses_a_traced_closure():
    series = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))

    def at_half(a):
        risk = fe.Risk(lambda f, x: f(x) - a, fe.Uniform(0.0, 1.0))
        return fe.solve(risk.quadrature(8), series).value(0.5)

    with pytest.raises(ValueError, match=r"`a`, which `.*` reads: pass it through `args`"):
        jax.grad(at_half)(2.0)
