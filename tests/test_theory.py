"""Every row of the theory's table of symbols has code that runs, and that computes what it says."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import fesolve as fe


PAGE = Path(__file__).parent.parent / "docs" / "theory.md"
P = fe.Uniform(0.0, 1.0)
BASIS = fe.Chebyshev(8, (0.0, 1.0))
CUBE = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))


def slope(f, x, a):
    return jax.grad(f)(x) - a * f(x)


def at_start(f, x):
    return f(x) - 1.0


RISK = fe.Risk(slope, P, args=(-1.0,)) + 10.0 * fe.Risk(at_start, fe.Dirac(0.0))


@pytest.fixture(scope="module")
def f():
    return fe.solve(RISK.quadrature(16), fe.Series(BASIS)).value


def point(f):
    states = {"k": jnp.asarray(0.5), "z": jnp.asarray(1.0)}
    risk = fe.Risk(lambda f, x: f * x["k"] - x["z"], fe.Dirac(states))
    return float(risk(jnp.asarray(2.0))), 0.0


def residual(f):
    return float(slope(f, 0.3, -1.0)), 0.0


def loss(f):
    risk = fe.Risk(lambda c, x: c - x, fe.Empirical(np.array([-1.0, 3.0])), loss=fe.absolute)
    return float(risk(jnp.asarray(0.0))), 2.0


def distribution(f):
    p = fe.Product(fe.Uniform(0.0, 1.0), fe.Normal(2.0, 1.0))
    return float(fe.expectation(lambda x: x[0] * x[1], p.quadrature(4))), 1.0


def point_mass(f):
    return float(fe.Risk(at_start, fe.Dirac(0.5))(f)), (np.exp(-0.5) - 1) ** 2


def sample(f):
    rule = fe.Empirical(np.array([0.0, 1.0]), np.array([0.25, 0.75]))
    by_data = fe.Risk(lambda c, x, y: c * x - y, fe.Data(np.ones(2), np.array([1.0, 3.0])))
    return [float(fe.expectation(lambda x: x, rule)), float(by_data(jnp.asarray(2.0)))], [0.75, 1.0]


def states_of(f):
    path = fe.Ergodic(lambda f, x: 0.5 * x + f, fe.Dirac(0.0), periods=60, burn_in=50)
    risk = fe.Risk(lambda f, x: x, path).given(jnp.asarray(1.0))
    return float(risk.empirical(4, key=jr.key(0))(jnp.asarray(1.0))), 4.0


def on_nodes(f):
    """x' = x / 2 + e with e = 0 or 1 is uniform on [0, 2] in the long run."""
    coin = fe.Empirical(np.array([0.0, 1.0]))
    step = lambda f, x, e: 0.5 * x + e
    law = fe.Histogram(step, jnp.linspace(0.0, 2.0, 65), shock=coin).given(f).stationary
    return float(fe.expectation(lambda x: x, law)), 1.0


def expectation(f):
    return float(fe.expectation(lambda e: e**4, fe.Normal(0.0, 1.0).quadrature(5))), 3.0


def risk(f):
    return float(fe.Risk(lambda f, x: f(x), P).quadrature(12)(f)), (1 - np.exp(-2)) / 2


def sum_of_risks(f):
    one = fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(1.0))
    return float((2.0 * one + 3.0 * one)(f)), 5 * (np.exp(-1) - 1) ** 2


def empirical(f):
    drawn = fe.Risk(lambda f, x: x, P).empirical(40_000, key=jr.key(0))
    assert abs(float(drawn(f)) - 1 / 3) < 0.01
    return float(fe.Risk(lambda f, x: x, P).quadrature(4)(f)), 1 / 3


def elsewhere(f):
    return float(fe.Risk(lambda f, x: x, P).on(fe.Uniform(1.0, 2.0)).quadrature(4)(f)), 7 / 3


def reweighted(f):
    risk = fe.Risk(lambda f, x: x, P).quadrature(6).reweighted(lambda x: 2 * x)
    return float(risk(f)), 0.5


def vector(f):
    rows = RISK.quadrature(8).residuals(CUBE)
    return float(rows @ rows), float(RISK.quadrature(8)(CUBE))


def hypothesis_class(f):
    members = [fe.MLP("scalar", "scalar", width=3, depth=1, key=k) for k in jr.split(jr.key(0), 2)]
    return float(members[0](0.1) == members[1](0.1)), 0.0


def member(f):
    return float(f(0.5)), np.exp(-0.5)


def parameters(f):
    held = fe.freeze(f)
    assert float(fe.weights_norm(held)) == 0.0
    size = fe.weights_norm.residuals(f).size
    return [size, float(fe.weights_norm(f))], [9, float(np.sum(f.coefficients**2))]


def representation(f):
    given = fe.Compose(fe.Linear("scalar"), fe.freeze(f))
    found = fe.solve(fe.Risk(lambda g, x: g(x) - 2 * jnp.exp(-x), P).quadrature(8), given).value
    return float(found.outer.weight), 2.0


def by_construction(f):
    return float(fe.Ansatz(lambda net, x: 1.0 + x * net(x), f)(0.0)), 1.0


def minimiser(f):
    data = fe.Empirical((np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 6.0])))
    fit = fe.Risk(lambda f, p: f(p[0]) - p[1], data, tolerance=np.inf)
    return float(fe.solve(fit, fe.Linear("scalar")).value.weight), 2.5


def judgement(f):
    report = fe.RiskReport(f, test=RISK.quadrature(20), exact=lambda x: jnp.exp(-x))
    return report.errors[0].largest, 0.0


def estimate(f):
    return float(fe.error_estimate(RISK, f).relative), 0.0


def decomposition(f):
    line = lambda key: fe.Series(fe.Chebyshev(1, (0.0, 1.0)))
    target = fe.Risk(lambda f, x: f(x) - x**2, P)
    curve = fe.error_curve(
        target, {1: line}, n=4, replications=4, population=target.quadrature(4), key=jr.key(0)
    )
    return curve.cells[0].eps_app.value, 1 / 180


def spread(f):
    return float(fe.Ensemble([jnp.asarray(1.0), jnp.asarray(3.0)]).each(lambda f: f).mean()), 2.0


def derivatives(f):
    square = lambda x: x[0] ** 2 * x[1]
    at = jnp.array([2.0, 3.0])
    found = [
        fe.derivative(lambda x: x**3)(2.0),
        fe.laplacian(square)(at),
        fe.gradient(square)(at)[0],
    ]
    return [float(x) for x in found], [12.0, 6.0, 12.0]


def complementarity(f):
    return [float(fe.fischer_burmeister(a, b)) for a, b in ((0.0, 2.0), (3.0, 0.0))], [0.0, 0.0]


ROWS = {
    ("x", "a point"): point,
    ("r(f, x)", "residual"): residual,
    (r"$\ell$", "loss"): loss,
    (r"p\*, p", "distribution"): distribution,
    (r"$\delta_x$", "point mass"): point_mass,
    ("D", "sample, rule, data (x, y)"): sample,
    (r"p\*(x; f)", "states that f leads to"): states_of,
    (r"p\*(x; f)", "the same as an eigenvector, on nodes"): on_nodes,
    ("E_p[g] over a rule", "expectation"): expectation,
    ("R(f, p)", "risk"): risk,
    ("$c_1 R_1 + c_2 R_2$", "sum of risks"): sum_of_risks,
    ("R(f, D)", "empirical risk"): empirical,
    ("R(f, p_D)", "risk elsewhere"): elsewhere,
    ("$dq/dp$", "importance weights"): reweighted,
    (r"$\rho(\theta)$", "least-squares vector"): vector,
    ("H", "hypothesis class"): hypothesis_class,
    (r"$f_\theta$", "member of H"): member,
    (r"$\theta$", "parameters"): parameters,
    ("g(h(x))", "representation"): representation,
    ("φ(net, x)", "condition by construction"): by_construction,
    ("f_D", "empirical minimiser"): minimiser,
    ("test, shifted", "judgement"): judgement,
    (r"$\lvert f - f^{**} \rvert / \lvert f \rvert$", "error of f, estimated"): estimate,
    (r"$\varepsilon_{app}, \varepsilon_{est}$", "error decomposition"): decomposition,
    (r"$f_1, \dots, f_m$", "ensemble, spread"): spread,
    (r"$f', \nabla f, \Delta f$", "derivatives"): derivatives,
    ("min(a, b) = 0", "complementarity"): complementarity,
}


def rows():
    """Symbol and meaning of each row of the table."""
    table = PAGE.read_text().split("| symbol | meaning | code |")[1]
    found = re.findall(r"^\| ((?:[^|\\]|\\.)+?) \| ((?:[^|\\]|\\.)+?) \|", table, re.MULTILINE)
    return [row for row in found if not row[0].startswith("-")]


def test_every_symbol_has_code_here():
    missing, gone = set(rows()) - set(ROWS), set(ROWS) - set(rows())
    assert not missing and not gone, f"add code that runs for {missing}, take away {gone}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_code_of_a_symbol(row, f):
    found, expected = ROWS[row](f)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-7)
