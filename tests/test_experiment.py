"""A function as a command, and a problem in a file of the user's own."""

import json
import re

import jax.numpy as jnp
import numpy as np
import pytest

import fesolve as fe
from fesolve import cli


MODEL = '''
from __future__ import annotations
from typing import Literal
import fesolve as fe

class Unused:
    pass

Mode = Literal["a", "b"]

def fit(width: int = 4, lr=1e-3, *, seed: int = 0, mode: Mode = "a", fail: bool = False):
    """A made-up fit.

    Args:
        width: units in a layer
        lr: learning rate
    """
    if fail:
        raise RuntimeError("broken")
    return {"loss": width * lr, "seed": seed}

if __name__ == "__main__":
    fe.experiment(fit)
'''


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


def records(folder, name="fit"):
    text = (folder / "runs" / f"{name}.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def fit(width: int = 4, lr: float = 1e-3, seed: int = 7):
    """A made-up fit.

    **Arguments:**

    - `width`: units in a layer.
    """
    return {"loss": width * lr, "bad": float("inf")}


def test_a_function_is_a_command_and_is_recorded(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = fe.experiment(fit, ["--width=8", "--lr", "1e-2"])
    assert found["loss"] == 0.08
    assert re.search(r"^loss +0.08$", capsys.readouterr().out, re.MULTILINE)
    fe.experiment(fit, [])
    first, second = records(tmp_path)
    assert first["parameters"] == {"width": 8, "lr": 0.01, "seed": 7}
    assert first["seed"] == 7 and first["figures"] == {"loss": 0.08, "bad": None}
    assert {"fesolve", "jax", "python"} <= set(first["versions"])
    assert first["seconds"] >= 0 and first["time"].startswith("20")
    assert second["parameters"]["width"] == 4


def test_what_a_solve_returns_is_figures(tmp_path):
    def decay(degree: int = 8):
        risk = fe.Risk(lambda f, x: f(x) - jnp.exp(-x), fe.Uniform(0.0, 1.0)).quadrature(20)
        solution = fe.solve(risk, fe.Series(fe.Chebyshev(degree, (0.0, 1.0))))
        return solution, fe.RiskReport(solution, train=risk, exact=lambda x: jnp.exp(-x))

    found = fe.experiment(decay, ["--runs", str(tmp_path / "runs")])
    assert found["risk"] < 1e-16 and found["error of f"] < 1e-8
    assert records(tmp_path, "decay")[0]["solved"] is True


def test_help_config_and_print_config(model, capsys):
    with pytest.raises(SystemExit) as stopped:
        fe.experiment("model.py:fit", ["--help"])
    out = capsys.readouterr().out
    assert stopped.value.code == 0
    assert "A made-up fit." in out and "units in a layer (default: 4)" in out
    with pytest.raises(SystemExit):
        fe.experiment("model.py:fit", ["--width=9", "--print_config"])
    printed = capsys.readouterr().out
    (model / "run.yaml").write_text(printed)
    assert fe.experiment("model.py", ["--config=run.yaml", "--lr=2"])["loss"] == 18.0


def test_house_style_docstrings_explain_options(capsys):
    with pytest.raises(SystemExit):
        fe.experiment(fit, ["--help"])
    assert "units in a layer (default: 4)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words, sentence",
    (
        (["--widht=3"], "Did you mean --width?"),
        (["--width=x"], 'key "width": Expected int. Got value: x'),
        (["--wid=3"], "Did you mean --width?"),
        (["--config=typo.yaml"], "Option 'widht' is not accepted. Did you mean --width?"),
        (["--config=none.yaml"], "File does not exist"),
        (["--mode=c"], "Expected a"),
        (["word"], "word"),
    ),
)
def test_wrong_options_are_explained(words, sentence, model, capsys):
    (model / "typo.yaml").write_text("widht: 3")
    with pytest.raises(SystemExit) as stopped:
        fe.experiment("model.py:fit", words)
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not (model / "runs").exists()


def test_a_run_that_breaks_is_recorded(model):
    with pytest.raises(RuntimeError, match="broken"):
        fe.experiment("model.py:fit", ["--fail=true"])
    (record,) = records(model)
    assert record["error"] == "RuntimeError: broken" and record["parameters"]["fail"] is True


@pytest.mark.parametrize(
    "target, sentence",
    (
        (3, "`run` must be a function"),
        ("model", "is no program"),
        ("nothing.py", "there is no file"),
        ("model.py:fot", r"has no function 'fot'; it has \['fit'\]"),
        ("nowhere_at_all:fit", "there is no module 'nowhere_at_all'"),
        ("silent.py", "does not call `fe.experiment"),
    ),
)
def test_what_is_no_function_is_explained(target, sentence, model):
    (model / "silent.py").write_text("x = 1\n")
    with pytest.raises((ValueError, TypeError), match=sentence):
        fe.experiment(target, [])


def test_a_parameter_with_the_name_of_an_option_is_refused():
    def named(runs: int = 3):
        return {}

    with pytest.raises(ValueError, match="`runs` is a parameter of `named` and an option"):
        fe.experiment(named, [])


def test_fesolve_run(model, capsys):
    assert cli.run(["run", "model.py:fit", "--lr=0.5"]) == 0
    assert "loss" in capsys.readouterr().out
    assert cli.run(["run", "model.py:fot"]) == 2
    assert "has no function 'fot'" in capsys.readouterr().err
    assert cli.run(["run"]) == 2


PROBLEM = '''
import jax, jax.numpy as jnp
import fesolve as fe
from fesolve.problems import Choice, Problem

def decay(a: float = -1.0) -> Problem:
    """f' = a f."""
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) - a * f(x), fe.Uniform(0.0, 1.0))
    risk = risk + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))

    def chebyshev(degree: int = 12):
        return Choice(lambda key: fe.Series(fe.Chebyshev(degree, (0.0, 1.0))), points=24)

    exact = lambda x: jnp.exp(a * x)
    return Problem(risk=risk, hypotheses={"chebyshev": chebyshev}, source="textbook", exact=exact)
'''


def test_fesolve_solve_a_file(tmp_path, capsys):
    path = tmp_path / "my_model.py"
    path.write_text(PROBLEM)
    assert cli.run(["solve", str(path), "--a=-2", "--out", str(tmp_path / "out")]) == 0
    facts = json.loads((tmp_path / "out" / "report.json").read_text())
    assert facts["parameters"] == {"a": -2.0} and facts["report"]["solved"]
    path.write_text(PROBLEM + "one, two = decay(), decay(-3.0)\n")
    assert cli.run(["solve", str(path)]) == 2
    assert "defines 3 problems, ['decay', 'one', 'two']" in capsys.readouterr().err
    words = ["solve", f"{path}:two", "--degree=16", "--out", str(tmp_path / "two")]
    assert cli.run(words) == 0
    saved = fe.load(tmp_path / "two" / "solution.fe", fe.Series(fe.Chebyshev(16, (0.0, 1.0))))
    assert float(saved(1.0)) == pytest.approx(np.exp(-3.0), rel=1e-10)
    assert cli.run(["solve", str(tmp_path / "no.py")]) == 2
