"""Advice, on problems that are made so that one error after the other is the largest."""

import json

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


def regression(sigma):
    """y = sin(3 x) + sigma e."""
    p = fe.Product(x=fe.Uniform(-1.0, 1.0), e=fe.Normal(0.0, 1.0))
    residual = lambda f, p: f(p["x"]) - jnp.sin(3 * p["x"]) - sigma * p["e"]
    return fe.Risk(residual, p, tolerance=np.inf)


def series(degree, support=(-1.0, 1.0)):
    return lambda key: fe.Series(fe.Chebyshev(degree, support))


def sine(x):
    return jnp.sin(3 * x)


def ode(f, x):
    return jax.grad(f)(x) + f(x)


EQUATION = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
SLOW = fe.Optax(optax.adam(1e-3), num_steps=50)
CASES = {
    "approximation": (regression(0.1), series(2), None, {"n": 200, "exact": sine}),
    "estimation": (regression(0.5), series(12), None, {"n": 20, "exact": sine}),
    "optimisation": (regression(0.1), series(7), SLOW, {"n": 200, "exact": sine}),
    "noise": (regression(0.5), series(7), None, {"n": 2_000, "irreducible": 0.25}),
    "nothing": (EQUATION, series(20, (0.0, 2.0)), None, {"n": 60}),
}


QUICK = ("approximation", "estimation")


@pytest.mark.parametrize(
    "kind",
    [pytest.param(k, marks=[] if k in QUICK else [pytest.mark.slow]) for k in CASES],
)
def test_each_error_in_turn_is_the_largest(kind):
    risk, hypothesis_class, solver, given = CASES[kind]
    advice = fe.advise(
        risk, hypothesis_class, solver, replications=4, population=4_000, key=jr.key(0), **given
    )
    assert advice.dominant == kind, str(advice)
    assert f"{kind}: " in str(advice)


@pytest.mark.parametrize("degree", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_class_that_is_too_small_for_an_equation(degree):
    """R(f*, p*) is that of NumPy's weighted least squares at Gauss nodes."""
    advice = fe.advise(
        EQUATION,
        series(degree, (0.0, 2.0)),
        n=400,
        replications=3,
        population=EQUATION.quadrature(30),
        key=jr.key(1),
    )
    chebyshev = np.polynomial.chebyshev
    x, w = np.polynomial.legendre.leggauss(30)
    columns = np.eye(degree + 1)
    slopes = np.stack([chebyshev.chebval(x, chebyshev.chebder(c)) for c in columns], axis=1)
    a = np.sqrt(w / 2)[:, None] * (slopes + chebyshev.chebvander(x, degree))
    a = np.vstack([a, chebyshev.chebvander(np.array([-1.0]), degree)])
    b = np.append(np.zeros(30), 1.0)
    rest = np.linalg.lstsq(a, b, rcond=None)[1][0]
    assert advice.dominant == "approximation"
    assert advice.approximation.value == pytest.approx(rest, rel=1e-9)


@pytest.mark.slow
def test_where_f_is_used_elsewhere():
    """A series of degree 6 is right where it was learnt and nowhere else."""
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(3 * x), fe.Uniform(-1.0, 1.0))
    elsewhere = risk.on(fe.Uniform(1.0, 2.0)).quadrature(20)
    given = {"population": risk.quadrature(30), "shifted": elsewhere}
    advice = fe.advise(risk, series(6), n=50, replications=3, key=jr.key(0), **given)
    assert advice.dominant == "shift" and "reweighted" in str(advice)
    best = fe.solve(risk.quadrature(30), series(6)(None), throw=False).value
    # the samples differ little, and so do their f
    assert advice.shift.value == pytest.approx(float(elsewhere(best)), rel=0.5)
    records = json.loads(json.dumps(advice.to_dict()))
    assert records["dominant"] == "shift" and records["shift"]["value"] == advice.shift.value


@pytest.mark.slow
def test_a_network_that_is_not_done():
    network = lambda key: fe.MLP(
        "scalar", "scalar", width=16, depth=1, support=(-1.0, 1.0), key=key
    )
    given = {"n": 100, "replications": 3, "population": 2_000, "exact": sine, "key": jr.key(0)}
    hasty = fe.advise(regression(0.05), network, SLOW, **given)
    assert hasty.dominant == "optimisation"
    assert fe.advise(regression(0.05), network, **given).dominant in ("noise", "estimation")


def test_what_is_wrong_is_said():
    with pytest.raises(ValueError, match="`replications` must be a whole number of at least 2"):
        fe.advise(EQUATION, series(3), n=10, replications=1, key=jr.key(0))
    with pytest.raises(ValueError, match=r"risk\.quadrature\(n\)"):
        fe.advise(EQUATION, series(3), n=10, shifted=EQUATION, key=jr.key(0))
