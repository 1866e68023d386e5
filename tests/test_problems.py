"""Every problem of the catalogue is solved as it stands, and agrees with what is known of it."""

import inspect

import jax.random as jr
import pytest

import fesolve as fe
from fesolve import problems


def judge(problem, solution):
    f = solution.value
    risks = {"test": problem.risk.empirical(2_000, key=jr.key(5)), **problem.shifted(f, jr.key(6))}
    report = fe.RiskReport(f, exact=problem.exact, **risks)
    assert report.solved, report
    for name, reference in problem.references.items():
        assert float(reference.quantity(f)) == pytest.approx(
            reference.value, rel=reference.tolerance
        ), name
    return report


@pytest.mark.parametrize("name", problems.catalogue)
def test_solved_by_series(name):
    problem = problems.catalogue[name]()
    kind = next(iter(problem.hypotheses))
    report = judge(problem, problem.solve(kind))
    assert all(error.largest < 1e-8 for error in report.errors)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", problems.catalogue)
def test_solved_by_networks(name, seed):
    problem = problems.catalogue[name]()
    if "mlp" in problem.hypotheses:
        judge(problem, problem.solve("mlp", key=jr.key(seed)))


@pytest.mark.slow
@pytest.mark.parametrize("calibration", "ABC")
def test_stochastic_growth_reaches_its_figures(calibration):
    problem = problems.stochastic_growth(calibration=calibration)
    report = judge(problem, problem.solve())
    path = next(row for row in report.rows if row.on == "path")
    mean, largest = {"A": (-12, -11), "B": (-8.5, -8), "C": (-14, -13)}[calibration]
    assert path.quantiles["mean"] <= mean and path.quantiles["max"] <= largest


@pytest.mark.parametrize("name", problems.catalogue)
def test_documented(name):
    function = problems.catalogue[name]
    text = inspect.getdoc(function)
    assert len(text.splitlines()[0]) <= 100
    for parameter in inspect.signature(function).parameters.values():
        assert f"- `{parameter.name}`: " in text
        assert parameter.default is not inspect.Parameter.empty
        assert parameter.kind is inspect.Parameter.KEYWORD_ONLY
    assert function().source


def test_another_kind_of_hypothesis_is_refused():
    with pytest.raises(ValueError, match="`hypothesis` is 'spline'; this problem has"):
        problems.exponential().solve("spline")
