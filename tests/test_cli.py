import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fesolve import cli, problems


def fesolve(capsys, *words):
    """Exit status, standard output and standard error."""
    try:
        status = cli.run([str(word) for word in words])
    except SystemExit as stopped:
        status = stopped.code
    output = capsys.readouterr()
    return status, output.out, output.err


def test_list_names_every_problem_in_one_line(capsys):
    status, out, _ = fesolve(capsys, "list")
    lines = out.strip().splitlines()
    assert status == 0
    assert [line.split()[0] for line in lines] == list(problems.catalogue)
    assert all(len(line) <= 120 for line in lines)


@pytest.mark.parametrize("words", (["--help"], ["solve", "--help"], ["list", "--help"]))
def test_help(capsys, words):
    status, out, _ = fesolve(capsys, *words)
    assert status == 0
    assert out.startswith("usage: fesolve")


@pytest.mark.parametrize("name", problems.catalogue)
def test_help_of_a_problem_explains_every_option(capsys, name):
    status, out, _ = fesolve(capsys, "solve", name, "--help")
    assert status == 0
    for option in ("--hypothesis", "--points", "--seed", "--precision", "--out"):
        assert option in out
    options = out[out.index("options:") :].split("\n  --")
    for option in options[1:]:
        explained = " ".join(option.split()[1:])
        assert "(default: " in explained
        assert len(explained.split("(default")[0].split()) > 2, f"say what --{option} is"


def test_solve_leaves_figure_report_and_solution(capsys, tmp_path):
    status, out, err = fesolve(capsys, "solve", "exponential", "--a", "-2", "--out", tmp_path)
    assert status == 0, err
    assert "a = -2.0" in out and "verdict" in out and "s.e." in out
    assert "step" in err
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts["parameters"] == {"a": -2.0, "horizon": 2.0}
    assert facts["precision"] == 64
    assert facts["report"]["solved"]
    assert facts["compile_seconds"] + facts["solve_seconds"] < 60
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "solution.fe").stat().st_size > 100


def test_a_saved_solution_loads(capsys, tmp_path):
    import fesolve as fe

    assert fesolve(capsys, "solve", "exponential", "--out", tmp_path)[0] == 0
    f = fe.load(tmp_path / "solution.fe", problems.exponential().choice().hypothesis(None))
    assert float(f(1.0)) == pytest.approx(np.exp(-1.0), rel=1e-13)


def test_unsolved_is_said_and_is_status_1(capsys, tmp_path):
    status, out, err = fesolve(capsys, "solve", "exponential", "--degree", 3, "--out", tmp_path)
    assert status == 1
    assert "exponential was not solved: " in err
    assert "verdict" in out
    assert not json.loads((tmp_path / "report.json").read_text())["report"]["solved"]


@pytest.mark.parametrize(
    "words, sentence",
    (
        (["solve", "exponential", "--width", 3], "--width is a size of mlp"),
        (["solve", "exponential", "--horizon", -1], "`horizon` must be a finite number above 0"),
        (["solve", "exponential", "--a", "fast"], "Got value: fast"),
        (["solve", "exponentiel"], "did you mean `exponential`?"),
        (["lsit"], "did you mean `list`?"),
        (["solve", "exponential", "--degre", 3], "did you mean `--degree`?"),
        (["sweep", "a.yaml", "--trails", 3], "did you mean `--trials`?"),
        (["table"], "required: journal"),
        (["solve", "exponential", "--precision", 16], "16"),
        (["solve", "exponential", "--degree", -1], "degree"),
        (["solve", "exponential", "--points", 0], "n >= 1; got 0"),
    ),
)
def test_wrong_input_is_explained_and_is_status_2(capsys, tmp_path, words, sentence):
    status, _, err = fesolve(capsys, *words, *(["--out", tmp_path] if words[0] == "solve" else []))
    assert status == 2
    assert sentence in err
    assert "Traceback" not in err


def test_float32_on_request(capsys, tmp_path):
    status, out, _ = fesolve(capsys, "solve", "exponential", "--precision", 32, "--out", tmp_path)
    assert status == 0
    assert "float32" in out


def test_the_clock_counts_nested_compilations_once():
    clock = cli.Clock(total=10.0, spans=[(0.0, 2.0), (0.5, 1.0), (1.5, 3.0), (5.0, 6.0)])
    assert clock.compiling == pytest.approx(4.0)


@pytest.mark.slow
def test_the_demo_as_a_process(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "JAX_PLATFORMS": "cpu"}
    words = ["solve", "stochastic_growth", "--out", str(tmp_path / "out")]
    code = "import sys; from fesolve.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    path = [
        row
        for row in json.loads((tmp_path / "out" / "report.json").read_text())["report"]["rows"]
        if row["on"] == "path"
    ]
    assert path[0]["log10_mean"] <= -12 and path[0]["log10_max"] <= -11
    assert any((tmp_path / "cache").rglob("*"))
