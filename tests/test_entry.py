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


KEY = jax.random.key(0)
RULE = fe.Normal(0.0, 0.1).quadrature(3)
BOX = fe.Uniform([0.1, -0.1], [0.3, 0.1])
G = fe.Series(fe.Tensor(fe.Chebyshev(2, (0.1, 0.3)), fe.Chebyshev(2, (-0.1, 0.1))), start=0.1)
CHAIN = fe.rouwenhorst(3, 0.5, 0.1)
PATH = fe.Ergodic(lambda f, x, e: 0.5 * x + e, fe.Dirac(1.0), fe.Normal(0.0, 0.1), periods=9)
SAMPLE = fe.Risk(GOOD, P).quadrature(9)
MODEL_WITH = lambda x, y, x1, y1, a: (x, y)


def euler(**given):
    return fe.euler_residual(lambda k, k1, z: k - k1 + z, 0.9, **{"law": lambda z: z, **given})


def bellman(**given):
    parts = {"payoff": lambda x, c: c, "law": lambda x, c: x, "bounds": lambda x: (0.0, x)}
    return fe.bellman_residual(beta=0.9, **{**parts, **given})


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
        (lambda: fe.solve(SAMPLE, F, fe.FixedPoint(lambda f, x: f(x))), "step"),
        (lambda: fe.Histogram(lambda f, x: x, [0.0, 1.0, 2.0], CHAIN), "step"),
        (lambda: fe.steady_state(lambda x, y: (x, y), (1.0, 1.0)), "model"),
        (lambda: fe.steady_state(MODEL_WITH, (1.0, 1.0)), "model"),
        (lambda: fe.first_order(MODEL_WITH, (0.0, 0.0)), "model"),
        (lambda: fe.second_order(MODEL_WITH, (0.0, 0.0), 0.1), "model"),
        (lambda: fe.Risk(fe.euler_residual(lambda k: k, 0.9), P).quadrature(3)(F), "payoff"),
        (lambda: fe.Risk(euler(law=lambda z: z), BOX, shock=RULE).quadrature(3)(G), "law"),
        (lambda: fe.Risk(euler(law=lambda z, e: z), BOX).quadrature(3)(G), "law"),
        (lambda: fe.Risk(euler(policy=lambda x: x), BOX).quadrature(3)(G), "policy"),
        (lambda: fe.Risk(bellman(payoff=lambda x: x), P).quadrature(3)(F), "payoff"),
        (lambda: fe.Risk(bellman(law=lambda x: x), P).quadrature(3)(F), "law"),
        (lambda: fe.Risk(bellman(bounds=lambda: (0.0, 1.0)), P).quadrature(3)(F), "bounds"),
        (lambda: fe.Risk(bellman(value=lambda x: x), P).quadrature(3)(F), "value"),
        (lambda: fe.equilibrium(lambda: 0.0, 0.0, 1.0), "excess"),
        (lambda: fe.argmax(lambda c, k: c, 0.0, 1.0), "q"),
        (lambda: fe.expectation(lambda: 1.0, RULE), "payoff"),
        (lambda: fe.generator(F, lambda: 0.1), "drift"),
        (lambda: fe.adjoint_generator(F, None, lambda: 0.1), "diffusion"),
        (lambda: fe.Bounded(F, 0.0, lambda: 1.0), "high"),
        (lambda: fe.Positive(F, start=lambda: 1.0), "start"),
        (lambda: fe.simulated_moments(F, PATH, lambda x: x, key=KEY), "of"),
        (lambda: fe.impulse_response(F, PATH, 0.1, of=lambda x: x, key=KEY), "of"),
        (lambda: fe.transversality(F, PATH, lambda x: x, beta=0.9, key=KEY), "value"),
        (lambda: fe.method_of_moments(lambda: 1.0, {"a": 1.0}), "moments"),
        (lambda: fe.maximum_likelihood(lambda: 1.0, {"a": 1.0}), "log_density"),
        (lambda: fe.RiskReport(F, test=SAMPLE, exact=lambda: 1.0), "exact"),
    ),
)
def test_a_function_of_other_arguments(make, name):
    with pytest.raises(ValueError, match=f"`{name}`,? .*takes .*, and is called with"):
        make()


def test_a_wrong_call_that_nothing_foresees_is_shown_with_its_line():
    with pytest.raises(TypeError, match="takes 0 positional arguments") as caught:
        fe.solve(SAMPLE, F, monitors=(lambda: None,))
    notes = " ".join(caught.value.__notes__)
    assert "It is called in this way: `" in notes and "Lines of fesolve and JAX" in notes


def test_a_public_function_of_other_arguments_speaks_for_itself():
    with pytest.raises(TypeError, match=r"missing .*required.* argument: 'shocks'") as caught:
        fe.second_order(MODEL_WITH, (0.0, 0.0))
    assert not any("called in this way" in note for note in getattr(caught.value, "__notes__", []))


@pytest.mark.parametrize(
    "make, sentence",
    (
        (lambda: fe.Optimistix(), r"`fe\.Optimistix\(solver, \*, max_steps=256, .*'solver'$"),
        (lambda: fe.MultiStart(lambda key: F, n=3), r"as `MultiStart\(\.\.\., n=\.\.\.\)`: .*'n'$"),
        (lambda: fe.LevenbergMarquardt(max_step=3), "'max_step'; did you mean `max_steps`"),
        (lambda: fe.LevenbergMarquardt(rtol=1e-8), "'rtol'; how accurate f.* is `accuracy`"),
        (lambda: fe.LinearLeastSquares(atol=1e-8), r"'atol'; .*`fe\.Risk\(\.\.\., tolerance=\)`"),
        (lambda: fe.Chebyshev(3, (0.0, 1.0), 5, 6), r"Chebyshev\(degree, domain=.*too many posit"),
        (lambda: fe.Normal(mu=0.0), r"`fe\.Normal\(loc, scale=None, .*missing .*'loc'"),
    ),
)
def test_a_constructor_of_other_arguments(make, sentence):
    with pytest.raises(TypeError, match=sentence):
        make()


class Own(eqx.Module):
    a: jax.Array = eqx.field(default_factory=lambda: jax.numpy.ones(()))

    def __call__(self, x):
        return self.a * x


def unpacked(f, x):
    a, b = f(x)
    return a - b


@pytest.mark.parametrize(
    "residual, f, sentence",
    (
        (lambda f, x: f(x)[0] - x, F, "takes an entry of a number, in line .*`out_size=n`"),
        (lambda f, x: f(x[0]) - x[0], F, "takes an entry of a number"),
        (unpacked, F, "`unpacked` unpacks a number, in line"),
        (lambda f, x: f(x)["c"] - x, F, r"looks up a name in an array.*`fe\.Functions`"),
        (lambda x, f: f(x) - x, F, "calls an array as a function.*f comes first"),
        (lambda f, x: f(x) - x, jax.numpy.ones(3), "f is a function such as"),
        (lambda f, x: f(x, x) - x, Own(), "calls f with several arguments.*`f\\(jnp.stack"),
    ),
)
def test_a_function_that_takes_numbers_for_something_else(residual, f, sentence):
    step = lambda f, g, x: residual(f, x)
    model = lambda x, y, x1, y1: (residual(F, x), y)
    asked = [
        lambda: fe.solve(fe.Risk(residual, P).quadrature(9), f),
        lambda: fe.solve(SAMPLE, F, fe.FixedPoint(step)),
        lambda: fe.steady_state(model, (1.0, 1.0)),
    ]
    for ask in asked if f is F else asked[:1]:
        with pytest.raises(ValueError, match=sentence):
            ask()


@pytest.mark.parametrize(
    "target, f",
    (
        (lambda x: jax.numpy.stack([x, x]), F),
        (lambda x: {"b": x}, fe.Functions({"a": F})),
        (lambda x: {"a": x, "b": x}, fe.Functions({"a": F})),
        (lambda x: jax.numpy.stack([x, x, x]), fe.Series(F.basis, out_size=2)),
    ),
)
def test_a_target_of_another_shape(target, f):
    with pytest.raises(ValueError, match=r"`target` gives values of shape .*, and f those of"):
        fe.fit(f, target, P)


def test_a_point_with_names_asks_for_bases_with_names():
    named = fe.Risk(lambda f, x: f(x), fe.Product(k=P, z=P)).quadrature(2)
    with pytest.raises(ValueError, match=r"give the bases the same names, `fe\.Tensor\(k="):
        named(G)


def test_bounds_are_a_pair():
    with pytest.raises(ValueError, match=r"must return a pair \(low, high\)"):
        fe.Risk(bellman(bounds=lambda x: x), P).quadrature(3)(F)


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
