"""Faults in functions of the user: their own lines and the remedy, whoever calls them."""

import json
import operator
import os
import re
import subprocess
import sys
import traceback
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
import pytest
from faults import CASES, F, FAULTS, good as GOOD, P

import fesolve as fe


PROGRAM = Path(__file__).with_name("faults.py")


def run(*words, **environment):
    """A program in a process that does not check annotations, as a user's."""
    paths = os.pathsep.join([str(PROGRAM.parent.parent), *sys.path])
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "PYTHONPATH": paths, **environment}
    command = [sys.executable, "-W", "ignore", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


@pytest.fixture(scope="module")
def outcomes():
    done = run(PROGRAM)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("route, fault", CASES)
def test_a_fault_is_told_with_the_lines_of_its_author(route, fault, outcomes):
    bad, kind, sentence = FAULTS[fault]
    if fault == "shapes" and route in ("steady_state", "compare"):
        kind = ValueError  # which says what the function is for
    found = outcomes[f"{route}-{fault}"]
    assert found["kind"] == kind.__name__, found
    assert re.search(sentence, found["sentence"]), found
    # methods of modules are called through a line of Equinox
    machinery = str(Path(eqx.__file__).parent / "_module")
    assert {f for f in found["files"] if not f.startswith(machinery)} == {str(PROGRAM)}, found
    first = bad.__code__.co_firstlineno
    assert found["last"] in (first, first + 1)
    assert found["cause"] == "None"
    notes = " ".join(found["notes"])
    assert notes.count("Lines of fesolve and JAX are left out") == 1
    assert notes.count("of shape") <= (fault == "shapes"), "an error of theirs needs no shapes"


@pytest.mark.parametrize(
    "make, sentence",
    (
        (lambda: fe.Risk(lambda f, x, e: f(x) + e, P), r"takes \(f, x, e\).*comes of `shock=q`"),
        (
            lambda: fe.Risk(lambda f, x: f(x), P, shock=fe.Normal(0.0, 1.0).quadrature(3)),
            r"called with \(f, x, e\): the shock e comes of `shock=`: leave that out",
        ),
        (lambda: fe.Risk(lambda f, x, a: f(x), P), r"parameters come of `args=\(\.\.\.\)`"),
        (
            lambda: fe.Risk(lambda f, x: f(x), P, args=(1.0,)),
            r"called with \(f, x, args\[0\]\)",
        ),
        (lambda: fe.Risk(lambda f, x: f(1.0)), r"a point x comes of a distribution"),
    ),
)
def test_a_residual_of_other_arguments(make, sentence):
    risk = make()
    sample = risk if risk.distribution is None else risk.quadrature(9)
    for ask in (lambda: fe.solve(sample, F), lambda: sample(F), lambda: fe.error_estimate(risk, F)):
        with pytest.raises(ValueError, match=sentence):
            ask()


@pytest.mark.parametrize(
    "make, name",
    (
        (lambda: fe.Ergodic(lambda f, x: x, P, P, periods=3), "step"),
        (lambda: fe.Diffusion(lambda x: x, lambda f, x: x, P, horizon=1.0, steps=2), "drift"),
        (lambda: fe.Diffusion(lambda f, x: x, lambda x: x, P, horizon=1.0, steps=2), "diffusion"),
        (lambda: fe.ResidualWeighted(P, lambda x: x), "residual"),
        (lambda: fe.Risk(GOOD, P).quadrature(3).where(lambda f, x: x > 1), "condition"),
        (lambda: fe.Risk(GOOD, P).quadrature(3).reweighted(lambda: 1.0), "ratio"),
        (lambda: fe.Risk(GOOD, P, loss=lambda r, x: r), "loss"),
        (lambda: fe.fit(F, lambda f, x: x, P), "target"),
        (lambda: fe.Ansatz(lambda x: x, F), "transform"),
        (lambda: fe.LevenbergMarquardt(causal=lambda: 0.0), "causal"),
        (lambda: fe.MultiStart(lambda: F), "hypothesis_class"),
        (lambda: fe.solve(fe.Risk(GOOD, P), F, only=lambda: F), "only"),
    ),
)
def test_a_function_of_other_arguments(make, name):
    with pytest.raises(ValueError, match=f"`{name}`,? .*takes .*, and is called with"):
        make()


def test_a_wrong_call_that_nothing_foresees_is_shown_with_its_line():
    with pytest.raises(TypeError, match="takes 0 positional arguments") as caught:
        fe.RiskReport(F, test=fe.Risk(GOOD, P).quadrature(3), exact=lambda: 1.0)
    notes = " ".join(caught.value.__notes__)
    assert "It is called in this way: `" in notes and "Lines of fesolve and JAX" in notes


def test_what_was_tried_before_is_not_shown():
    """NumPy in `exact` is tried on traced values first; what is then wrong is what is told."""
    exact = lambda x: np.sin(x) * missing  # noqa: F821
    with pytest.raises(NameError, match="missing") as caught:
        fe.RiskReport(F, test=fe.Risk(GOOD, P).quadrature(3), exact=exact)
    shown = "".join(traceback.format_exception(caught.value))
    assert "During handling" not in shown and "Tracer" not in shown


def test_what_is_no_f():
    risk = fe.Risk(GOOD, P).quadrature(9)
    with pytest.raises(ValueError, match=r"it is a basis.*`fe\.Series\(basis\)`"):
        fe.solve(risk, fe.Chebyshev(3))
    with pytest.raises(ValueError, match=r"it has a basis.*`fe\.Series\(basis\)`"):
        fe.solve(risk, fe.Ansatz(lambda net, x: net(x), fe.Chebyshev(3)))
    with pytest.raises(ValueError, match="it is the class `Series`"):
        fe.solve(risk, fe.Series)
    with pytest.raises(ValueError, match=r"`hypothesis_class\(jax\.random\.key\(0\)\)`"):
        fe.solve(risk, lambda key: F)


MODEL = """
import fesolve as fe

def ode(f, x):
    return missing * f(x)

fe.solve(fe.Risk(ode, fe.Uniform(0.0, 1.0)), fe.Series(fe.Chebyshev(3, (0.0, 1.0))))
"""


def test_a_traceback_as_it_is_shown(tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL)
    shown = run(path).stderr
    lines = shown.strip().splitlines()
    assert [line for line in lines if line.startswith("  File")] == [
        f'  File "{path}", line 7, in <module>',
        f'  File "{path}", line 5, in ode',
    ]
    assert lines[-2] == "NameError: name 'missing' is not defined"
    assert "shape" not in shown and len(lines) < 12
    full = run(path, JAX_TRACEBACK_FILTERING="off").stderr
    assert full.count("  File") > 10 and "NameError: name 'missing'" in full


def test_a_fault_of_the_library_keeps_its_lines(monkeypatch):
    solve = sys.modules[fe.solve.__module__]
    monkeypatch.setattr(solve, "known_steps", operator.getitem)
    with pytest.raises(TypeError, match="not subscriptable") as caught:
        fe.solve(fe.Risk(GOOD, P).quadrature(9), F)
    assert not getattr(caught.value, "__notes__", [])
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert "solve" in names


def test_the_gradient_of_several_outputs_names_what_takes_it():
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), P).quadrature(9)
    basis = fe.Chebyshev(4, (0.0, 1.0))
    for f in (fe.Series(basis, out_size=2), eqx.nn.MLP("scalar", 2, 4, 1, key=jax.random.key(0))):
        with pytest.raises(ValueError, match=r"`jax.grad` of a function of several.*fe.derivative"):
            fe.solve(risk, f)
