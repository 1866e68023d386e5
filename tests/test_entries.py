"""An entry that an array does not have, which NumPy refuses and JAX takes for the last one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe


BOX = fe.Uniform([0.0, 0.0], [1.0, 1.0])
BASES = fe.Chebyshev(2, (0.0, 1.0)), fe.Chebyshev(2, (0.0, 1.0))
F = fe.Series(fe.Tensor(*BASES))
V = fe.Series(fe.Chebyshev(2, (0.0, 1.0)), out_size=2)
P = fe.Uniform(0.0, 1.0)
RULE = fe.Normal(jnp.zeros(2), 1.0).quadrature(2)
KEY = jax.random.key(0)
pair = lambda f, x, e: f(x) - x[1] * e[2]
policy = jnp.array([0.1, 0.2])
SAY = r"in line \d+ of test_entries.py, takes entry 2 where an axis has the entries 0 to 1"


def solve(residual, f=F, p=BOX, **options):
    return fe.solve(fe.Risk(residual, p, **options).quadrature(4), f, throw=False)


ASKED = {
    "a point": lambda: solve(lambda f, x: f(x) - x[2]),
    "counted from the end": lambda: solve(lambda f, x: f(x) - x[-3]),
    "values": lambda: solve(lambda f, x: f(x)[2] - x, V, P),
    "a column": lambda: solve(lambda f, x: f(x) - jnp.ones((2, 2))[0, 2] * x[0]),
    "a list of them": lambda: solve(lambda f, x: f(x) - x[jnp.array([0, 2])]),
    "tomorrow, under an expectation": lambda: solve(pair, shock=RULE),
    "inside of a derivative": lambda: solve(
        lambda f, x: jax.grad(lambda y: f(x) * y[2])(x).sum() - x[0]
    ),
    "inside of a maximum": lambda: solve(
        lambda f, x: f(x) - fe.argmax(lambda c: -((c - x[2]) ** 2), 0.0, 1.0)
    ),
    "parameters": lambda: solve(lambda f, x, a: f(x) - a[2], args=(jnp.ones(2),)),
    "a model": lambda: fe.steady_state(lambda x, y, x1, y1: (x1 - x[2] / 2, y), (jnp.ones(2), 1.0)),
    "a simulation": lambda: (
        fe.Ergodic(lambda f, x: x * policy[2], fe.Dirac(1.0), periods=3).given(F).sample(2, key=KEY)
    ),
    "a histogram": lambda: (
        fe.Histogram(lambda f, x, i: x * policy[2], [0.0, 1.0, 2.0], fe.rouwenhorst(3, 0.5, 0.1))
        .given(F)
        .stationary
    ),
}


@pytest.mark.parametrize("name", ASKED)
def test_an_entry_that_is_not_there(name):
    sentence = SAY.replace("entry 2", "entry -3") if name == "counted from the end" else SAY
    with pytest.raises(ValueError, match=sentence):
        ASKED[name]()


def test_what_numpy_takes_is_taken():
    """Whatever NumPy has an entry, a slice or a choice for."""
    chain = jnp.array([[0.9, 0.1], [0.2, 0.8]])

    def residual(f, x):
        last, first, both = x[-1], x[-2], x[0:5]
        traced = chain[jnp.where(x[0] > 0.5, 1, 0)][1]
        beyond = jnp.take(x, 7, mode="clip")
        return f(x) - last - first - both.sum() - traced - beyond - x[jnp.array([1, 0])].sum()

    risk = fe.Risk(residual, BOX).quadrature(4)
    assert np.isfinite(float(risk(F)))
    assert fe.solve(risk, F, throw=False).value(jnp.zeros(2)).shape == ()


START = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))


@pytest.mark.parametrize(
    "risk",
    (
        fe.Risk(lambda f, x: jax.grad(START)(x) - x, P),
        fe.Risk(lambda f, x: jax.grad(f)(x) - x, P) + fe.Risk(lambda f: START(0.0) - 1.0),
        fe.Risk(lambda f, x: {"a": x, "b": 2 * x}, P),
    ),
)
def test_a_residual_without_f(risk):
    """Another function in the place of f is not solved for."""
    with pytest.raises(ValueError, match="does not depend on f: it is the same whatever f is"):
        fe.solve(risk.quadrature(6), START)


@pytest.mark.parametrize(
    "residual",
    (
        lambda f, x: fe.argmax(lambda c: -((c - f(x)) ** 2), -9.0, 9.0) - x,
        lambda f, x: fe.equilibrium(lambda p: p - f(x), -9.0, 9.0) - x,
        lambda f, x: jax.lax.fori_loop(0, 3, lambda i, c: c + f(x), 0.0 * x) - 3 * x,
        lambda f, x: jax.lax.cond(x > 0.5, lambda: f(x), lambda: 1.0 * f(x)) - x,
        lambda f, x: jax.jit(lambda: f(x))() - x,
        lambda f, x: {"a": f(x) - x, "identity": 0.0 * x},
    ),
)
def test_f_is_seen_wherever_it_is_asked(residual):
    found = fe.solve(fe.Risk(residual, P).quadrature(6), START, throw=False)
    np.testing.assert_allclose(found.value(0.3), 0.3, atol=1e-6)
