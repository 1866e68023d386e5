"""The comparison with other tools: problems, clock, rows and tables, without a network."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


ROOT = Path(__file__).parent.parent
ROOM = ROOT / "tests" / "compare"


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """The room's files import one another as scripts do."""
    monkeypatch.syspath_prepend(str(ROOM))


def slope(f, points, axis=0, step=1e-4):
    move = np.zeros(points.shape[1])
    move[axis] = step
    return (f(points + move) - f(points - move)) / (2 * step)


def bend(f, points, axis=0, step=1e-3):
    move = np.zeros(points.shape[1])
    move[axis] = step
    return (f(points + move) - 2 * f(points) + f(points - move)) / step**2


# The equations, left side minus right, by differences of the function that is called right.
EQUATIONS = {
    "decay": lambda f, x: slope(f, x) + f(x),
    "logistic": lambda f, x: slope(f, x) - f(x) * (1 - f(x)),
    "van_der_pol": lambda f, x: bend(f, x) - (1 - f(x) ** 2) * slope(f, x) + f(x),
    "bratu": lambda f, x: bend(f, x) + np.exp(f(x)),
    "layer": lambda f, x: -0.01 * bend(f, x) + slope(f, x) - 1,
    "poisson": lambda f, x: (
        bend(f, x)
        + bend(f, x, 1)
        + 2 * np.pi**2 * np.sin(np.pi * x[:, 0]) * np.sin(np.pi * x[:, 1])
    ),
    "heat": lambda f, x: slope(f, x, 1) - bend(f, x),
    "unstable": lambda f, x: slope(f, x) - 10 * (f(x) - np.cos(x[:, 0])) + np.sin(x[:, 0]),
}


def test_what_is_called_right_solves_the_equation():
    from problems import PROBLEMS

    for name, equation in EQUATIONS.items():
        box = np.asarray(PROBLEMS[name].box, float)
        inside = box[:, 0] + (box[:, 1] - box[:, 0]) * np.random.default_rng(0).uniform(
            0.05, 0.9, (50, len(box))
        )
        assert PROBLEMS[name].right
        for right in PROBLEMS[name].right:
            assert np.abs(equation(right, inside)).max() < 1e-3, name
    assert {n for n, p in PROBLEMS.items() if not p.right} == {"missing", "fold", "blow_up"}


def test_errors_are_those_of_the_nearest_right_answer():
    from problems import PROBLEMS

    bratu = PROBLEMS["bratu"]
    for right in bratu.right:
        values = right(bratu.points)
        assert bratu.error(values) == 0
        assert bratu.error(values + 0.1 * values.max()) == pytest.approx(0.1)
    assert bratu.error(np.full(1_001, np.nan)) == np.inf
    assert PROBLEMS["fold"].error(np.zeros(1_001)) == np.inf
    with pytest.raises(ValueError, match="wants"):
        bratu.error(np.zeros(7))


def test_the_clock_stands_still_while_an_answer_is_compared():
    from problems import PROBLEMS
    from record import Record

    def slow(points):
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
        return np.exp(-points[:, 0])

    lines = []
    record = Record(PROBLEMS["decay"], 0.15, lines.append)
    assert not record(slow, "first") and not record(slow, "second", said=True)
    record.restart()
    assert not record(None, "refused", said=False)
    first, second, third = map(json.loads, lines)
    assert first["cpu"] <= second["cpu"] < 0.1 and third["error"] is None
    assert first["error"] == 0 and (first["said"], second["said"]) == (None, True)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    record.restart()  # time that was spent before counts
    assert record.late


def test_every_tool_states_every_problem_or_says_why_not():
    from environments import lines, peer
    from problems import PROBLEMS
    from run import PEERS

    assert {f"peer_{name}" for name in PEERS} == {path.stem for path in ROOM.glob("peer_*.py")}
    for name in PEERS:
        tool = peer(name)
        assert len(tool.settings) == 2 and tool.requires
        for problem in PROBLEMS:
            number = lines(name, problem)
            assert (number is None) == (problem in tool.cannot), (name, problem)
            assert number is None or 10 < number < 120


def test_lines_of_code_are_counted_without_words(tmp_path, monkeypatch):
    import environments

    (tmp_path / "peer_own.py").write_text(
        '"""Words."""\nimport os\nimport numpy as np\n\n\ndef one():\n    """More\n    words."""\n'
        "    # and these\n    return other(np.pi)\n\n\ndef other(x):\n    return x\n\n\n"
        "def unused():\n    return os\n\n\ndef solve():\n    pass\n"
    )
    monkeypatch.setattr(environments, "HERE", tmp_path)
    assert environments.lines("own", "one") == 1 + 2 + 2 + 2
    assert environments.lines("own", "two") is None


def test_a_child_is_run_timed_and_understood():
    """SciPy and fesolve are here, so that theirs need no other environment."""
    import run

    cell = ("scipy", "best known", "logistic")
    row = run.ran(Path(sys.executable), cell, 5.0, 1)
    assert row["failure"] == "" and row["versions"]["scipy"]
    assert [point["said"] for point in row["cold"]] == [True] * 4
    assert row["cold"][-1]["error"] < 1e-8 < row["cold"][0]["error"]
    refused = run.ran(Path(sys.executable), ("scipy", "documented", "blow_up"), 5.0, 1)
    assert [point["said"] for point in refused["cold"]] == [False]
    broken = run.ran(Path(sys.executable), ("scipy", "documented", "poisson"), 5.0, 1)
    assert "poisson" in broken["failure"] and not broken["cold"]


@pytest.mark.slow
def test_fesolve_solves_what_has_an_answer_and_refuses_the_rest():
    import run
    from problems import PROBLEMS

    for name, problem in PROBLEMS.items():
        row = run.ran(Path(sys.executable), ("fesolve", "series", name), 60.0, 1)
        point = row["cold"][-1]
        assert row["failure"] == ""
        assert point["said"] == (bool(problem.right) and name != "unstable"), name
        if problem.right:
            assert point["error"] < 1e-3, name


def point(cpu, error, said=None, words="loss 1e-8"):
    return {"cpu": cpu, "wall": cpu, "error": error, "step": "", "said": said, "words": words}


def row(peer, setting, problem, *points, warm=()):
    return {
        "peer": peer,
        "setting": setting,
        "problem": problem,
        "seconds": 20.0,
        "threads": 1,
        "date": "2025-01-01",
        "machine": "2 cores",
        "python": "3.11.7",
        "versions": {peer: "1.0"},
        "cold": list(points),
        "warm": list(warm),
        "failure": "" if points else "cannot be stated: two coordinates",
    }


def test_rows_come_to_tables():
    import summary

    adam = row("jinns", "documented", "decay", point(2, 0.5), point(9, 4e-4), point(25, 1e-7))
    ladder = row(
        "scipy",
        "best known",
        "decay",
        point(0.1, 1e-5, True),
        point(0.2, 1e-9, True),
        point(0.5, 1e-12, False),
    )
    series = row("fesolve", "series", "decay", point(2, 1e-15, True), warm=[point(2e-3, 1e-15)])
    none = row("scipy", "best known", "poisson")
    trap = row("jinns", "documented", "fold", point(3, None))
    assert summary.final(ladder)["error"] == 1e-9
    assert summary.reached(adam, 1e-3) == 9 and summary.reached(adam, 1e-6) is None
    assert summary.error_at(adam, 5.0) == 0.5 and summary.error_at(ladder, 0.15) == 1e-5
    page = summary.page([adam, ladder, series, none, trap])
    assert "| fesolve, series | 1e-15, 2.0 s (2 ms) |" in page
    assert "| SciPy, best known | 1e-9, 200 ms | cannot be stated |" in page
    assert "| jinns, documented | 1e-7, 25 s |" in page
    assert "nothing said, loss 1e-8" in page
    assert "| jinns, documented | 2 | 0 | 1 | 0 | 0 |" in page
    assert page.index("fesolve, series") < page.index("SciPy, best") < page.index("jinns, doc")
    wide = row("jinns", "documented", "decay", *(point(1 + k / 100, 0.1) for k in range(200)))
    assert len(summary.data([wide, trap])[0]["cpu"]) < 10


def test_a_campaign_is_continued(tmp_path, monkeypatch, capsys):
    import environments
    import run

    def measured(peer, setting, problem, seconds, threads):
        return row(peer.name, setting, problem, point(1, 1e-3))

    monkeypatch.setattr(run, "measured", measured)
    path, peer = tmp_path / "rows.jsonl", environments.peer("scipy")
    todo = [(peer, setting, "decay") for setting in peer.settings]
    assert len(run.campaign(todo[:1], run.read(path), path, 20.0, 1)) == 1
    assert len(run.campaign(todo, run.read(path), path, 20.0, 1)) == 2
    assert run.read(path) == run.campaign(todo, run.read(path), path, 20.0, 1)
    assert capsys.readouterr().err.count("decay, scipy") == 2


def test_the_list_of_what_is_measured_is_said_without_measuring():
    done = subprocess.run(
        [sys.executable, ROOM / "run.py", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0 and "--quick" in done.stdout


def test_the_page_has_the_tools_of_the_figure():
    import summary

    measured = summary.PAGE.read_text().partition(summary.BEGIN)[2].partition(summary.END)[0]
    tools = {line["tool"] for line in json.loads(summary.DATA.read_text())}
    assert tools and all(f"| {tool} |" in measured for tool in tools)
