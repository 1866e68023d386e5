"""Checks, and what one that fails does to a report and to the command line."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe
from fesolve import problems
from fesolve.cli import run


GOOD = fe.Check("transversality", 1e-9, True, "the value at T = 100 is 1e-09 of that at 0")
BAD = fe.Check("stability", 1.23, False, "the spectral radius is 1.23, and should be below 1")


def slope(f, x):
    return f(x) - x


TEST = fe.Risk(slope, fe.Uniform(0.0, 1.0)).quadrature(4)


def identity(x):
    return x


def test_a_check_that_passes_leaves_the_verdict_alone():
    without = fe.RiskReport(identity, test=TEST)
    report = fe.RiskReport(identity, test=TEST, checks=[GOOD])
    assert report.solved
    assert report.verdict == without.verdict
    assert "check    transversality: passed" in str(report)
    (record,) = json.loads(json.dumps(report.to_dict()))["checks"]
    assert record == {"name": GOOD.name, "value": 1e-9, "passed": True, "sentence": GOOD.sentence}


def test_a_check_that_fails_decides_the_verdict():
    report = fe.RiskReport(identity, test=TEST, checks=(GOOD, BAD))
    assert not report.solved
    assert "the equations hold" in report.verdict
    assert "stability fails, the spectral radius is 1.23" in report.verdict
    assert "stability: FAILED" in str(report)


def test_residuals_that_are_not_zero_come_first():
    report = fe.RiskReport(lambda x: x + 1.0, test=TEST, checks=[BAD])
    assert not report.solved
    assert report.verdict.startswith("not solved")
    assert "stability fails" in report.verdict


def test_a_report_on_checks_alone():
    assert fe.RiskReport(identity, checks=[GOOD]).solved
    assert not fe.RiskReport(identity, checks=[BAD]).solved
    with pytest.raises(ValueError, match="nothing to report on"):
        fe.RiskReport(identity, checks=[])


def test_what_is_no_check_is_refused():
    with pytest.raises(ValueError, match="one `fe"):
        fe.RiskReport(identity, test=TEST, checks=GOOD)
    with pytest.raises(ValueError, match="must hold `fe"):
        fe.RiskReport(identity, test=TEST, checks=[0.3])
    with pytest.raises(ValueError, match="`passed`"):
        fe.Check("name", 1.0, 0.5, "a number is no verdict")
    with pytest.raises(ValueError, match="`passed`"):
        fe.Check("name", 1.0, np.array([True, False]), "one verdict a check")


def test_arrays_are_values_and_verdicts_too():
    check = fe.Check("roots", jnp.array([0.5, 0.9]), jnp.asarray(True), "both inside")
    assert check.passed is True
    assert check.to_dict()["value"] == [0.5, 0.9]


def test_a_failing_check_of_a_problem_is_the_exit_status(monkeypatch, tmp_path, capsys):
    def exponential():
        """f' = a f."""
        return dataclasses.replace(problems.exponential(), checks=lambda f: [BAD])

    monkeypatch.setitem(problems.catalogue, "exponential", exponential)
    status = run(["solve", "exponential", "--out", str(tmp_path / "bad")])
    out = capsys.readouterr()
    assert status == 1
    assert "stability fails" in out.err
    record = json.loads((tmp_path / "bad" / "report.json").read_text())
    assert not record["report"]["solved"]
    assert record["report"]["checks"][0]["name"] == "stability"
