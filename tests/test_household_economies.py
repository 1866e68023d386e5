"""Economies of many households, against endogenous grid points and histograms in NumPy."""

import numpy as np
import pytest
from references_distributions import Aiyagari

from fesolve import problems


def agrees(problem, f):
    for name, reference in problem.references.items():
        value = float(reference.quantity(f))
        assert value == pytest.approx(reference.value, rel=reference.tolerance), name


def test_households_hold_the_capital_of_firms():
    problem = problems.aiyagari()
    solution = problem.solve("spline")
    assert solution.solved
    agrees(problem, solution.value)
    assert all(check.passed for check in problem.checks(solution.value))
    # consumption at one rate, of those whom no income keeps below this cash
    theirs, f = Aiyagari(600), solution.value
    rate = float(problem.references["rate"].quantity(f))
    theirs.household(rate)
    cash = np.linspace(2.2, 30.0, 25)
    for i in (0, 3, 6):
        ours = [float(f.consumption(at, i)) for at in cash]
        np.testing.assert_allclose(ours, theirs.consumption(cash, i, rate), rtol=1e-4)


def test_the_reference_converges():
    rates = [Aiyagari(n).equilibrium() for n in (100, 200)]
    extrapolated = rates[1] + (rates[1] - rates[0]) / 3
    value = problems.aiyagari().references["rate"].value
    assert abs(rates[1] - value) < 0.5 * abs(rates[0] - value)
    assert extrapolated == pytest.approx(value, abs=2e-5)


@pytest.mark.slow
def test_the_fine_reference():
    problem = problems.aiyagari()
    rates = [(m := Aiyagari(n)).equilibrium() for n in (1_200, 2_400)]
    rate = problem.references["rate"].value
    assert rates[1] + (rates[1] - rates[0]) / 3 == pytest.approx(rate, abs=5e-7)
    mass = m.stationary(rates[1])
    assert mass[:, 0].sum() == pytest.approx(
        problem.references["share_at_the_limit"].value, rel=2e-3
    )
    mean = mass.sum(axis=0) @ m.a
    deviation = np.sqrt(mass.sum(axis=0) @ (m.a - mean) ** 2)
    assert deviation == pytest.approx(problem.references["deviation_of_assets"].value, rel=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("given", [{"sigma": 0.4, "rho": 0.9}, {"gamma": 5.0}, {"states": 3}])
def test_other_economies_clear(given):
    problem = problems.aiyagari(**given)
    solution = problem.solve("spline")
    assert solution.solved and all(check.passed for check in problem.checks(solution.value))
    assert not problem.references


def test_what_is_refused_of_an_economy():
    with pytest.raises(ValueError, match="`sigma` must be a finite number above 0"):
        problems.aiyagari(sigma=0.0)
    with pytest.raises(ValueError, match="`states` must be at least 2"):
        problems.aiyagari(states=1)
