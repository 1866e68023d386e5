"""Functions by name, against the same functions alone and closed forms."""

import pickle
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


class Circle(NamedTuple):
    sine: Any
    cosine: Any


BASIS = fe.Chebyshev(20, (0.0, 2 * np.pi))


def circle(f, t):
    """s' = c, c' = -s."""
    y, dy = f(t), jax.jacfwd(f)(t)
    return {"up": dy.sine - y.cosine, "down": dy.cosine + y.sine}


def start(f, t):
    return Circle(f.sine(t), f.cosine(t) - 1.0)


RISK = fe.Risk(circle, fe.Uniform(0.0, 2 * np.pi)) + fe.Risk(start, fe.Dirac(0.0))


def test_values_have_the_names_and_the_numbers_of_the_functions():
    t = np.linspace(0.0, 1.0, 7)
    cubic = fe.Series(fe.Chebyshev(3))
    cubic = eqx.tree_at(lambda s: s.coefficients, cubic, jnp.array([0.3, -1.0, 0.5, 2.0]))
    expected = np.polynomial.Chebyshev([0.3, -1.0, 0.5, 2.0])(t)
    for f in (
        fe.Functions(Circle(cubic, jnp.exp)),
        fe.Functions({"sine": cubic, "cosine": jnp.exp}),
    ):
        y = jax.jit(jax.vmap(f))(t)
        y = y if isinstance(y, dict) else y._asdict()
        np.testing.assert_allclose(y["sine"], expected, rtol=1e-13)
        np.testing.assert_allclose(y["cosine"], np.exp(t), rtol=1e-15)
        np.testing.assert_array_equal(jax.vmap(f.sine)(t), y["sine"])
        twice = eqx.tree_at(lambda f: f.sine.coefficients, f, replace_fn=lambda c: 2 * c)
        np.testing.assert_allclose(jax.vmap(twice.sine)(t), 2 * expected, rtol=1e-13)
        with pytest.raises(AttributeError, match="no function 'tangent' among"):
            f.tangent
    named = fe.Functions(sine=cubic, cosine=jnp.exp)
    assert eqx.tree_equal(named, fe.Functions({"sine": cubic, "cosine": jnp.exp}))
    f = fe.Functions(Circle(cubic, cubic))
    assert eqx.tree_equal(pickle.loads(pickle.dumps(f)), f)


def test_a_system_is_solved_and_judged_by_name():
    f = fe.Functions(Circle(fe.Series(BASIS), fe.Series(BASIS)))
    solution = fe.solve(RISK.quadrature(32), f)
    assert solution.solved
    t = np.linspace(0.0, 2 * np.pi, 101)
    y = jax.vmap(solution.value)(t)
    np.testing.assert_allclose(y.sine, np.sin(t), atol=1e-11)
    np.testing.assert_allclose(y.cosine, np.cos(t), atol=1e-11)
    exact = {"sine": jnp.sin, "cosine": jnp.cos}
    report = fe.RiskReport(solution, test=RISK.empirical(100, key=jr.key(0)), exact=exact)
    assert report.solved and list(report.error.relative) == ["sine", "cosine"]
    better = report.error.corrected
    assert abs(better.sine(1.0) - np.sin(1.0)) < 1e-12
    text = str(report)
    assert all(name in text for name in ("circle.up", "circle.down", "f.sine", "f.cosine"))


def test_the_error_of_each_function_is_its_own():
    """Of a degree that is enough for one function only, the other has the error."""
    f = fe.Functions({"easy": fe.Series(fe.Chebyshev(3)), "hard": fe.Series(fe.Chebyshev(7))})

    def known(f, x):
        y = f(x)
        return {"easy": y["easy"] - x**3, "hard": y["hard"] - jnp.exp(3 * x)}

    risk = fe.Risk(known, fe.Uniform(-1.0, 1.0))
    found = fe.solve(risk.quadrature(12), f, throw=False).value
    estimate = fe.error_estimate(risk, found)
    x, w = np.polynomial.legendre.leggauss(60)
    off = np.sqrt(w @ (jax.vmap(found.hard)(x) - np.exp(3 * x)) ** 2 / (w @ np.exp(6 * x)))
    assert estimate.relative["easy"] < 1e-10
    assert estimate.relative["hard"] == pytest.approx(float(off), rel=0.1)


def test_linear_solutions_fit_by_name():
    """Names of a model in its steady state, its slopes, its fit, its moments and its responses."""

    def model(x, y, x1, y1):
        return {
            "wealth": x1["wealth"] - 0.9 * x["wealth"],
            "asked": y.sine - 2 * x["wealth"],
            "given": y.cosine + x["wealth"],
        }

    steady = fe.steady_state(model, ({"wealth": 0.5}, Circle(0.1, 0.1)))
    linear = fe.first_order(model, steady)
    basis = fe.Tensor(wealth=fe.Chebyshev(2, (-1.0, 1.0)))
    f = fe.Functions(Circle(fe.Series(basis), fe.Series(basis)))
    f = fe.fit(f, linear.policy, fe.Product(wealth=fe.Uniform(-1.0, 1.0))).value
    y = f({"wealth": jnp.asarray(0.4)})
    assert abs(y.sine - 0.8) < 1e-12 and abs(y.cosine + 0.4) < 1e-12
    law = fe.Ergodic(
        lambda f, s, e: {"wealth": 0.9 * s["wealth"] + e},
        fe.Dirac({"wealth": jnp.asarray(0.0)}),
        fe.Normal(0.0, 0.1),
        periods=9,
    )
    variables = lambda f, s: f(s)
    response = fe.impulse_response(f, law, 0.1, of=variables, paths=2, key=jr.key(0))
    assert response.names == ("sine", "cosine")
    np.testing.assert_allclose(response.mean[:, 0], 0.2 * 0.9 ** np.arange(8), rtol=1e-9)


def test_figures_go_by_names():
    plt = pytest.importorskip("matplotlib.pyplot")
    basis = fe.Tensor(k=fe.Chebyshev(2, (1.0, 2.0)), z=fe.Chebyshev(2, (-1.0, 1.0)))
    f = fe.Functions(Circle(fe.Series(basis, start=1.0), fe.Series(basis)))
    box = fe.Product(k=fe.Uniform(1.0, 2.0), z=fe.Uniform(-1.0, 1.0))
    ax = fe.plots.functions(f, box)
    assert ax.get_xlabel() == "k"
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts[:2] == ["sine", "cosine"] and texts[2].startswith("z = ")
    plt.close("all")
