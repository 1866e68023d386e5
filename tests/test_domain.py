"""The share of points at which a residual asks for f outside its domain, guarded or not."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations

import fesolve as fe


P = fe.Uniform(0.0, 1.0)
UNIT = (0.0, 1.0)


def outside(residual, f, p=P):
    report = fe.RiskReport(f, test=fe.Risk(residual, p).empirical(2_000, key=jr.key(0)))
    return report.to_dict()["rows"][0]["outside"]


def series(start=0.75):
    return fe.Series(fe.Chebyshev(4, UNIT), start=start)


def network():
    return fe.MLP("scalar", "scalar", width=4, depth=1, support=UNIT, key=jr.key(0))


GUARDS = {
    "none": lambda c: c,
    "maximum": lambda c: jnp.maximum(c, 1e-3),
    "minimum": lambda c: jnp.minimum(c, 0.5),
    "clip": lambda c: jnp.clip(c, 1e-3, 0.5),
    "where": lambda c: jnp.where(c > 1e-3, c, 1e-3),
    "nan_to_num": lambda c: jnp.nan_to_num(c),
    "abs": jnp.abs,
    "sign": jnp.sign,
    "sigmoid": jax.nn.sigmoid,
    "relu": jax.nn.relu,
    "mask": lambda c: jnp.where(jnp.isfinite(c), c, 0.0),
}


@pytest.mark.parametrize("f", [series(), series(-0.75), series(0.0), network()])
@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_hides_nothing(guard, f):
    assert outside(lambda f, x: GUARDS[guard](f(2 * x)), f) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_guarded_derivative(order):
    def residual(f, x):
        slope = f
        for _ in range(order):
            slope = jax.grad(slope)
        value = slope(2 * x)
        return jnp.where(jnp.isfinite(value), value, 0.0)

    assert outside(residual, series()) == pytest.approx(0.5, abs=0.03)


def test_a_guarded_expectation():
    shock = fe.Empirical(jnp.array([-0.2, 0.0, 0.2]))

    def residual(f, x):
        return fe.expectation(lambda e: jnp.maximum(f(x + e), 1e-3) ** -2.0, shock) - 1.0

    assert outside(residual, series()) == pytest.approx(0.4, abs=0.03)


def test_what_f_is_there_may_not_matter():
    # honest: no value outside reaches the residual
    residual = lambda f, x: jnp.where(x < 0.5, f(x), 0.0) + 0.0 * x
    assert outside(residual, series()) == 0.0
    chosen = lambda f, x: f(jnp.clip(2 * x, 0.0, 1.0))
    assert outside(chosen, series()) == 0.0
    swallowed = lambda f, x: jnp.maximum(f(2 * x), 1e6)
    found = outside(swallowed, series())
    assert found == 0.0 or found == pytest.approx(0.5, abs=0.03)


def test_other_parts_of_f_are_as_they_were():
    f = series(0.3)
    report = fe.RiskReport(f, test=fe.Risk(lambda f, x: f(x), P).quadrature(5))
    assert report.to_dict()["rows"][0]["rms"] == pytest.approx(0.3, rel=1e-14)


class Ensemble(eqx.Module):
    members: eqx.Module

    def __call__(self, x):
        return jnp.mean(eqx.filter_vmap(lambda f: f(x))(self.members))


def drawn(basis, out_size="scalar"):
    def one(key):
        f = fe.Series(basis, out_size)
        numbers = 0.1 * jr.normal(key, f.coefficients.shape)
        return eqx.tree_at(lambda s: s.coefficients, f, numbers)

    return one


MEMBERS = {
    "network": lambda key: fe.MLP("scalar", "scalar", width=4, depth=1, support=UNIT, key=key),
    # as many weights as members, so that shapes alone tell little
    "width_of_the_count": lambda key: fe.MLP(
        "scalar", "scalar", width=3, depth=2, support=UNIT, key=key
    ),
    "series": drawn(fe.Chebyshev(3, UNIT)),
    "three_coefficients": drawn(fe.Chebyshev(2, UNIT)),
    "vector": lambda key: fe.Compose(jnp.sum, drawn(fe.Chebyshev(2, UNIT), 3)(key)),
    "splines": drawn(fe.BSpline(4, UNIT)),
    "elements": drawn(fe.SpectralElements(3, np.linspace(0.0, 1.0, 3))),
    "positive": lambda key: fe.Positive(drawn(fe.Chebyshev(3, UNIT))(key)),
    "frozen": lambda key: fe.freeze(drawn(fe.Chebyshev(3, UNIT))(key)),
}


@pytest.mark.parametrize("name", MEMBERS)
def test_ensembles(name):
    f = Ensemble(eqx.filter_vmap(MEMBERS[name])(jr.split(jr.key(0), 3)))
    assert outside(lambda f, x: f(x), f) == 0.0
    assert outside(lambda f, x: f(2 * x), f) == pytest.approx(0.5, abs=0.03)


def test_ensembles_of_ensembles():
    keys = jr.split(jr.key(0), (2, 3))
    f = Ensemble(eqx.filter_vmap(lambda k: Ensemble(eqx.filter_vmap(MEMBERS["network"])(k)))(keys))
    assert outside(lambda f, x: f(2 * x), f) == pytest.approx(0.5, abs=0.03)


def test_ensembles_in_several_coordinates():
    box = fe.Uniform([0.0] * 3, [1.0] * 3)
    kinds = {
        "network": lambda key: fe.MLP(
            3, "scalar", width=3, depth=1, support=([0.0] * 3, [1.0, 1.0, 0.5]), key=key
        ),
        "tensor": drawn(
            fe.Tensor(fe.Chebyshev(2, UNIT), fe.Chebyshev(2, UNIT), fe.Chebyshev(2, (0.0, 0.5)))
        ),
    }
    for member in kinds.values():
        f = Ensemble(eqx.filter_vmap(member)(jr.split(jr.key(0), 3)))
        assert outside(lambda f, x: f(x), f, box) == pytest.approx(0.5, abs=0.03)
    states = fe.Product(k=P, z=fe.Empirical(np.arange(3)))
    named = drawn(fe.Tensor(k=fe.Chebyshev(2, (0.0, 0.5)), z=fe.Indicator(3)))
    f = Ensemble(eqx.filter_vmap(named)(jr.split(jr.key(0), 3)))
    assert outside(lambda f, x: f(x), f, states) == pytest.approx(0.5, abs=0.03)
    alone = Ensemble(eqx.filter_vmap(drawn(fe.Indicator(3)))(jr.split(jr.key(0), 3)))
    assert outside(lambda f, x: f(x["z"]), alone, states) in (0.0, None)


def test_the_marks_compile_nothing():
    risk = fe.Risk(lambda f, x: f(2 * x), P).empirical(2_000, key=jr.key(0))
    # a periodic function has no domain, and so no marks
    periodic = fe.Series(fe.Fourier(2, UNIT))
    without = compilations(lambda: fe.RiskReport(periodic, test=risk).errors)
    assert compilations(lambda: fe.RiskReport(series(), test=risk).errors) <= without
