"""Transversality and stability of the catalogue's economies, by their known roots."""

import math

import equinox as eqx
import jax
import numpy as np
import pytest

import fesolve as fe
from fesolve import problems


def checks_of(name, **sizes):
    problem = problems.catalogue[name]()
    return {check.name: check for check in problem.checks(problem.solve(**sizes).value)}


def test_deterministic_growth():
    """The stable root of the second-order difference equation at the steady state."""
    checks = checks_of("deterministic_growth")
    assert all(check.passed for check in checks.values())
    alpha, beta, delta = 1 / 3, 0.9, 0.1
    k = (alpha / (1 / beta - 1 + delta)) ** (1 / (1 - alpha))
    c = k**alpha - delta * k
    trace = 1 + 1 / beta + beta * c * alpha * (1 - alpha) * k ** (alpha - 2)
    root = (trace - math.sqrt(trace**2 - 4 / beta)) / 2
    np.testing.assert_allclose(checks["stability"].value, root, rtol=1e-6)


@pytest.mark.slow
def test_brock_mirman():
    checks = checks_of("brock_mirman")
    assert all(check.passed for check in checks.values())
    np.testing.assert_allclose(checks["stability"].value, 0.8, rtol=1e-6)
    left = checks["transversality"].value[-1]
    assert left == pytest.approx(0.96 ** math.ceil(math.log(1e-4) / math.log(0.96)), rel=1e-5)


def test_cake_eating():
    checks = checks_of("cake_eating")
    assert all(check.passed for check in checks.values())
    kappa = 1 - (0.96 * 1.01**-0.5) ** (1 / 1.5)
    np.testing.assert_allclose(checks["stability"].value, 1.01 * (1 - kappa), rtol=1e-5)


@pytest.mark.slow
def test_stochastic_growth():
    checks = checks_of("stochastic_growth")
    assert all(check.passed for check in checks.values())
    assert 0.95 < float(checks["stability"].value) < 1


def test_a_policy_that_saves_too_much_fails():
    """All but a hair of resources are saved whenever capital is high: it leaves the interval."""
    problem = problems.deterministic_growth()
    f = problem.choice("chebyshev", degree=4).hypothesis(None)
    f = eqx.tree_at(lambda f: f.logit.coefficients, f, np.array([3.0, 3.0, 0.0, 0.0, 0.0]))
    assert not all(check.passed for check in problem.checks(f))


def test_what_was_found_decides_instead_of_being_found_again():
    problem = problems.mccall_search()
    solution = problem.solve()
    report = fe.RiskReport(solution, test=problem.risk.quadrature(50))
    found = problem.found(solution.value)
    ((name, reference),) = problem.references.items()
    assert found[name] == pytest.approx(reference.value, rel=reference.tolerance)
    assert problem.trouble(solution, report, found) is None
    assert name in problem.trouble(solution, report, {name: 2 * reference.value})


def test_trouble_in_float32_names_it():
    with jax.enable_x64(False):
        problem = problems.exponential()
        solution = problem.solve("chebyshev", degree=2, throw=False)
        report = fe.RiskReport(solution, test=problem.risk.quadrature(50))
        assert "f is float32, which may be why" in problem.trouble(solution, report)
    solution = problem.solve("chebyshev", degree=2, throw=False)
    report = fe.RiskReport(solution, test=problem.risk.quadrature(50))
    assert "float32" not in problem.trouble(solution, report)


def test_numbers_of_one_computation_are_computed_once():
    asked = []

    def moments(f):
        asked.append(f)
        return {"mean": f, "square": f**2}

    problem = problems.Problem(
        risk=problems.exponential().risk,
        hypotheses={},
        references={
            "mean": problems.Reference(moments, 3.0),
            "square": problems.Reference(moments, 9.0),
            "half": problems.Reference(lambda f: f / 2, 1.5),
        },
    )
    assert problem.found(3.0) == {"mean": 3.0, "square": 9.0, "half": 1.5}
    assert asked == [3.0]
