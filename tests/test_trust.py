"""The answers that the campaign compares with are answers: their residuals are zero."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from trust import QUICK
from trust_case import Curve, KINDS
from trust_rows import cases_of, FILES, problems, rescaled
from trust_summary import print_summary

import fesolve as fe


POINTS = 4
SKIPPED_SIZE = 20  # the hundred coordinates take too long
NEAR = 1e-8


def shaken(f, scale):
    """A function a tenth away from f, of another shape."""
    if isinstance(f, Curve):
        return Curve(shaken(f.function, scale), 1.1 * f.number + 0.1)

    def away(x):
        t = sum(jnp.sum(jnp.asarray(leaf, float)) for leaf in jax.tree.leaves(x)) / scale
        return f(x) * (1.05 + 0.05 * jnp.cos(5 * t))

    return away


def sizes(case, f, terms):
    """The root mean square of each equation of each term, over a few points."""

    def rms(leaf):
        return jnp.sqrt(jnp.mean(leaf**2))

    def of(term, points):
        shock = term.shock

        def at(x):
            if shock is None:
                return term.residual(f, x, *term.args)
            return fe.expectation(lambda e: term.residual(f, x, e, *term.args), shock)

        return jax.tree.map(rms, jax.vmap(at)(points))

    return [of(term, points) for term, points in zip(case.risk.terms, terms)]


def some_points(p):
    if isinstance(p, fe.Dirac):
        return jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], p.point)
    if isinstance(p, fe.Empirical):
        step = max(1, p.size // POINTS)
        return jax.tree.map(lambda leaf: jnp.asarray(leaf[::step][:POINTS]), p.points)
    return p.sample(POINTS, key=jax.random.key(3))


def solutions(case):
    return [f for f in (case.exact, *case.others) if f is not None]


def checkable(case):
    return bool(solutions(case)) and case.shown is None and case.dimension <= SKIPPED_SIZE


def faults(case):
    """Equations that an answer of the case does not satisfy, as sentences."""
    scale = float(max(np.abs(leaf).max() for leaf in jax.tree.leaves(case.measure[0]))) or 1.0
    points = [some_points(term.distribution) for term in case.risk.terms]
    answers = solutions(case)[:2]
    values = [case.values(f) for f in answers]
    for f, value in zip(answers, values):
        both = lambda points: [sizes(case, g, points) for g in (f, shaken(f, scale))]
        found = jax.tree.map(float, jax.jit(both)(points))
        size = np.sqrt(np.mean(value**2))
        for r, other in zip(*map(jax.tree.leaves, found)):
            # A condition f = 0 is met by what is a tenth away, too.
            blind = other < 1e-6 * size
            if not r <= (1e-10 * size if blind else case.close * other):
                yield f"{case.name}: residual {r:.1e}, and {other:.1e} a tenth away"
    if case.exact is None and np.ptp(values, axis=0).max() < 1e-3 * np.abs(values[0]).max():
        yield f"{case.name}: two answers that are one"


LONG = {"trust_problems_plane", "trust_problems_many"}


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(file, id=file.__name__, marks=[pytest.mark.slow] * (file.__name__ in LONG))
        for file in FILES
    ],
)
def test_residuals_of_the_answers_are_zero(file):
    checked = [case for case in cases_of(file) if checkable(case)]
    assert checked
    assert not [fault for case in checked for fault in faults(case)]


def test_there_are_enough_of_them():
    difficult = [case for case in problems().values() if case.difficult]
    assert len(problems()) >= 100
    assert len(difficult) >= len(problems()) / 2
    assert {case.kind for case in problems().values()} == set(KINDS)
    assert len({case.parent for case in rescaled().values()}) == 12


def test_the_selection_is_made_of_them():
    everything = problems() | rescaled()
    for name, functions in QUICK.items():
        assert set(functions) <= set(everything[name].hypotheses), name


def row(**changes):
    plain = {"problem": "p", "kind": "plain", "difficult": False, "dimension": 1, "hypothesis": "h"}
    judged = {"answer": True, "hidden": False, "parent": "", "failure": "", "seconds": 1.0}
    said = {"solve": True, "report": True, "error": 1e-9, "estimate": 2e-9, "is_bound": False}
    said |= {"determined": True}
    return plain | judged | said | changes


@pytest.mark.parametrize(
    ("changes", "failures"),
    [
        ({}, 0),
        ({"error": 1e-2}, 1),
        ({"error": float("nan"), "answer": False}, 1),
        ({"error": float("nan")}, 1),
        ({"error": 1e-2, "hidden": True}, 0),
        ({"solve": False, "report": False}, 0),
        ({"solve": False}, 1),
        ({"error": 1e-2, "solve": False}, 1),
        ({"solve": None, "report": None, "failure": "ValueError"}, 0),
    ],
)
def test_what_counts_as_a_failure(changes, failures, capsys):
    assert print_summary([row(**changes)]) == failures


def test_estimates_are_compared_with_true_errors(capsys):
    print_summary([row(), row(estimate=1e-6, is_bound=True), row(error=1.0)])
    said = capsys.readouterr().out
    assert "estimates: 1; 100% within" in said
    assert "bounds: 1; 0% within" in said


def test_a_change_of_units_is_compared(capsys):
    print_summary([row(), row(problem="q", parent="p", solve=False, report=False)])
    assert "Another verdict in another unit: 1" in capsys.readouterr().out
