import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

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
    assert all(len(line) <= 80 for line in out.splitlines())
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
    assert "24 points; seed 0" in out
    assert all(len(line) <= 80 for line in out.splitlines() if "written to" not in line)
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts["parameters"] == {"a": -2.0, "horizon": 2.0}
    assert facts["precision"] == 64
    assert facts["report"]["solved"]
    assert facts["compile_seconds"] + facts["solve_seconds"] < 60
    assert (tmp_path / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "solution.fe").stat().st_size > 100


def test_json_alone_on_standard_output_and_a_saved_solution_loads(capsys, tmp_path):
    import fesolve as fe

    status, out, err = fesolve(capsys, "solve", "exponential", "--json", "--out", tmp_path)
    assert status == 0
    assert json.loads(out) == json.loads((tmp_path / "report.json").read_text())
    assert "the report: fresh points" in err and "the figure ..." in err
    f = fe.load(tmp_path / "solution.fe", problems.exponential().choice().hypothesis(None))
    assert float(f(1.0)) == pytest.approx(np.exp(-1.0), rel=1e-13)


def test_unsolved_is_said_and_is_status_1(capsys, tmp_path):
    status, out, err = fesolve(capsys, "solve", "exponential", "--degree", 3, "--out", tmp_path)
    assert status == 1
    assert "exponential was not solved: " in err
    assert all(len(line) <= 80 for line in err.splitlines())
    assert "verdict" in out
    assert not json.loads((tmp_path / "report.json").read_text())["report"]["solved"]


@pytest.mark.parametrize(
    "words, sentence",
    (
        (["solve", "exponential", "--width", 3], "--width is a size of mlp"),
        (["solve", "exponential", "--horizon", -1], "`horizon` must be a finite number above 0"),
        (["solve", "exponential", "--a", "fast"], "--a must be a number; got fast"),
        (["solve", "exponentiel"], "did you mean `exponential`?"),
        (["lsit"], "did you mean `list`?"),
        (["solve", "exponential", "--degre", 3], "did you mean `--degree`?"),
        (["sweep", "a.yaml", "--trails", 3], "did you mean `--trials`?"),
        (["table"], "required: journal"),
        (["solve", "exponential", "--precision", 16], "--precision must be 32 or 64; got 16"),
        (["solve", "exponential", "--degree", "abc"], "--degree must be a whole number; got abc"),
        (["solve", "exponential", "--degree", 0], "--degree must be a whole number of at least 1"),
        (["solve", "exponential", "--hypothesis", "mlp", "--width=-4"], "--width must be a whole"),
        (["solve", "exponential", "--points", 0], "--points must be a whole number of at least 1"),
        (["solve", "exponential", "--test-points=-3"], "--test-points must be a whole number"),
        (["solve", "exponential", "--hypothesis", "mpl"], "did you mean `mlp`?"),
        (["solve"], "a problem is missing, such as exponential, oscillator"),
        ([], "a command is missing, such as list, run, sweep, table, solve"),
    ),
)
def test_wrong_input_is_explained_and_is_status_2(capsys, tmp_path, words, sentence):
    status, _, err = fesolve(
        capsys, *words, *(["--out", tmp_path] if words[1:2] and words[0] == "solve" else [])
    )
    assert status == 2
    assert sentence in " ".join(err.split())
    assert all(len(line) <= 80 for line in err.splitlines())
    assert "Traceback" not in err


def test_float32_on_request(capsys, tmp_path):
    status, out, _ = fesolve(capsys, "solve", "exponential", "--precision", 32, "--out", tmp_path)
    assert status == 0
    assert "float32" in out


def test_the_clock_counts_nested_compilations_once():
    clock = cli.Clock(total=10.0, spans=[(0.0, 2.0), (0.5, 1.0), (1.5, 3.0), (5.0, 6.0)])
    assert clock.compiling == pytest.approx(4.0)


def test_a_folder_that_cannot_be_written_is_found_before_the_solve(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        status, out, err = fesolve(capsys, "solve", "exponential", "--out", folder)
        assert status == 3 and not out and "step" not in err
        assert " ".join(err.split()).startswith(f"fesolve: cannot write to {folder}: ")


def test_a_list_is_as_wide_as_the_terminal(capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    for columns in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(columns))
        lines = fesolve(capsys, "list")[1].splitlines()
        assert [line.split()[0] for line in lines] == list(problems.catalogue)
        assert all(len(line) <= columns for line in lines)
        assert any(line.endswith(" ...") for line in lines) == (columns < 200)


def test_lists_as_json_and_parameters(capsys):
    names = json.loads(fesolve(capsys, "list", "--json")[1])
    assert list(names) == list(problems.catalogue)
    status, out, _ = fesolve(capsys, "solve", "merton", "--list-parameters")
    assert status == 0 and out.splitlines()[0] == "merton" and "\ngamma" in out
    found = json.loads(fesolve(capsys, "solve", "merton", "--list-parameters", "--json")[1])
    assert found["gamma"] == {
        "default": problems.merton().parameters.gamma,
        "kind": "float",
        "meaning": "the relative risk aversion, not 1",
    }
    every = json.loads(fesolve(capsys, "solve", "--list-parameters", "--json")[1])
    assert every["merton"] == found and list(every) == list(problems.catalogue)
    out = fesolve(capsys, "solve", "--list-parameters")[1]
    assert all(len(line) <= 80 for line in out.splitlines())


def test_help_says_what_each_status_is(capsys):
    for words in (["--help"], ["solve", "--help"]):
        out = fesolve(capsys, *words)[1]
        for status in ("0    solved", "1    not solved", "2    wrong", "3    the output", "130"):
            assert f"  {status}" in out


@pytest.mark.slow
def test_the_shell_completes_commands_problems_and_options(capsys, tmp_path):
    status, script, _ = fesolve(capsys, "--print_completion=shtab-bash")
    assert status == 0
    path = tmp_path / "completion.bash"
    path.write_text(script)
    ask = """source {path}; COMP_WORDS=({words}); COMP_CWORD={last}; COMPREPLY=()
    _shtab_fesolve fesolve "{word}" previous 2> /dev/null; echo "${{COMPREPLY[@]}}" """

    def completed(words):
        last = len(words.split()) - 1
        text = ask.format(path=path, words=words, last=last, word=words.split()[-1])
        return subprocess.run(["bash", "-c", text], capture_output=True, text=True).stdout.split()

    assert completed("fesolve so") == ["solve"]
    assert completed("fesolve solve black") == ["black_scholes"]
    assert completed("fesolve solve merton --gam") == ["--gamma"]


MODEL = """
import fesolve as fe
from fesolve import problems

def residual(f, x):
    return f(x) - x[0] - {second}

def plane() -> problems.Problem:
    "A plane."
    box = fe.Uniform([0.0, 0.0], [1.0, 1.0])
    basis = lambda degree: fe.Tensor(*[fe.Chebyshev(degree, (0.0, 1.0))] * 2)
    line = lambda degree=2: problems.Choice(lambda key: fe.Series(basis(degree)), points=4)
    return problems.Problem(
        risk=fe.Risk(residual, box), hypotheses={{"chebyshev": line}}, source="none",
        coordinates=("x", "y"),
    )
"""


def test_points_are_those_of_the_sample(capsys, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL.format(second="x[1]"))
    status, out, err = fesolve(capsys, "solve", path, "--out", tmp_path)
    assert status == 0, err
    assert "9 unknowns; 16 points (4 per coordinate); seed 0" in out
    assert json.loads((tmp_path / "report.json").read_text())["points"] == [16]


def test_an_error_in_a_model_is_status_4_and_a_traced_value_status_2(capsys, tmp_path):
    path = tmp_path / "model.py"
    path.write_text(MODEL.format(second="not_there"))
    status, out, err = fesolve(capsys, "solve", path, "--out", tmp_path)
    assert status == 4 and not out
    assert "NameError: name 'not_there' is not defined" in err
    assert f'File "{path}", line 6, in residual' in err
    path.write_text(MODEL.format(second="(x[1] if x[1] > 0 else 0.0)"))
    status, _, err = fesolve(capsys, "solve", path, "--out", tmp_path)
    assert status == 2
    sentence = "`residual` decides by a traced value, in line 6 of model.py"
    assert sentence in " ".join(err.split()) and "Traceback" not in err


COMMAND = [sys.executable, "-c", "from fesolve.cli import main; main()"]


def test_a_reader_that_stops_reading(tmp_path):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [*COMMAND, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.close()
        error = process.stderr.read().decode()
        assert process.wait() == 0
    assert error == ""


@pytest.mark.slow
@pytest.mark.parametrize("word", (b"step", b"the report"))
def test_ctrl_c_while_it_solves_and_judges(word, tmp_path):
    words = ["solve", "huggett", "--out", str(tmp_path)]
    with subprocess.Popen(
        [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        seen = b""
        while word not in seen:
            seen += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        error = (seen + process.stderr.read()).decode()
        assert process.wait() == 130
    assert "interrupted" in error and "Traceback" not in error


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="asks what a process has loaded")
def test_ctrl_c_while_it_loads():
    with subprocess.Popen([*COMMAND, "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as it:
        while "numpy" not in Path(f"/proc/{it.pid}/maps").read_text():
            time.sleep(0.002)
        it.send_signal(signal.SIGINT)
        error = it.stderr.read()
        assert it.wait() == 130
    assert error == b"fesolve: interrupted\n"


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
