"""Sweeps: the file, the trials, processes that are killed, the table and its page."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.stats

import fesolve as fe
from fesolve import cli


optuna = pytest.importorskip("optuna")
yaml = pytest.importorskip("yaml")

MODEL = """
import os, time
import fesolve as fe

def fit(width: int = 4, lr: float = 1e-3, kind: str = "a", seed: int = 0, pause: float = 0.0):
    time.sleep(pause)
    with open("runs.txt", "a") as file:
        file.write(f"{os.getpid()} {width} {lr!r} {kind}\\n")
    return {"loss": (lr - 0.01) ** 2 + 1e-6 * width, "pid": os.getpid()}

def broken(width: int = 4):
    if width == 2:
        raise RuntimeError("a bug")
    return {"loss": 1.0 * width}

def unsolved(width: int = 4):
    risk = fe.Risk(lambda f, x: f(x) ** 2 + 1.0, fe.Uniform(0.0, 1.0)).quadrature(5)
    fe.solve(risk, fe.Series(fe.Chebyshev(width, (0.0, 1.0))))

if __name__ == "__main__":
    fe.experiment(fit)
"""

SWEEP = {
    "program": "model.py",
    "method": "random",
    "metric": {"name": "loss", "goal": "minimize"},
    "parameters": {
        "width": {"values": [2, 4, 8]},
        "lr": {"distribution": "log_uniform_values", "min": 1e-4, "max": 1.0},
    },
}
GRID = {
    **SWEEP,
    "method": "grid",
    "parameters": {"width": {"values": [2, 4]}, "kind": {"values": ["a", "b", "c"]}},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    write(tmp_path)
    return tmp_path


def write(folder, base=SWEEP, **changes):
    (folder / "sweep.yaml").write_text(yaml.safe_dump({**base, **changes}))


def sweep(trials=None, **more):
    return fe.sweep("sweep.yaml", trials=trials, journal="runs.log", **more)


def test_a_sweep_runs_until_its_journal_has_all_trials(folder):
    told = []
    table = sweep(4, seed=1, told=told.append)
    assert [row["trial"] for row in told] == [0, 1, 2, 3]
    assert len(table.rows) == 4 and table.best["loss"] == min(r["loss"] for r in table.rows)
    assert len(sweep(4).rows) == 4  # nothing is left to do
    more = sweep(6, seed=1)
    assert len(more.rows) == 6 and len((folder / "runs.txt").read_text().splitlines()) == 6
    lr = [row["lr"] for row in more.rows]
    assert all(1e-4 <= value <= 1.0 for value in lr) and len(set(lr)) == 6


def test_random_trials_are_those_of_the_seed(folder):
    first = sweep(4, seed=3)
    os.rename("runs.log", "first.log")
    again = sweep(4, seed=3)
    assert [r["lr"] for r in first.rows] == [r["lr"] for r in again.rows]
    os.rename("runs.log", "second.log")
    assert [r["lr"] for r in sweep(4, seed=4).rows] != [r["lr"] for r in again.rows]


@pytest.mark.slow
def test_bayes_comes_closer_than_chance(folder):
    write(folder, method="bayes")
    table = sweep(40, seed=0)
    late = [r["loss"] for r in table.rows if r["trial"] >= 20]
    early = [r["loss"] for r in table.rows if r["trial"] < 10]
    assert np.median(late) < np.median(early)


def test_a_grid_is_run_once_each(folder):
    write(folder, GRID)
    table = sweep()
    points = {(row["width"], row["kind"]) for row in table.rows}
    assert len(table.rows) == 6 and len(points) == 6
    assert len(sweep(100).rows) == 6


def test_a_function_of_a_module_and_goals_and_constants(folder):
    parameters = {"width": {"value": 8}, "lr": {"min": 0.1, "max": 0.2}}
    write(folder, program="model:fit", metric={"name": "loss", "goal": "maximize"})
    write(folder, {**SWEEP, "parameters": parameters}, program="model.py:fit", name="up")
    write(
        folder,
        {**SWEEP, "parameters": parameters, "metric": {"name": "loss", "goal": "maximize"}},
        program="model.py:fit",
    )
    table = sweep(3)
    losses = [row["loss"] for row in table.rows]
    assert losses == sorted(losses, reverse=True) and table.parameters == ("lr",)


@pytest.mark.slow
def test_every_distribution_of_wandb(folder):
    scipy_law = {
        "u": ({"min": 1.0, "max": 3.0}, scipy.stats.uniform(1, 2)),
        "log": (
            {"distribution": "log_uniform_values", "min": 1e-3, "max": 1.0},
            scipy.stats.loguniform(1e-3, 1.0),
        ),
        "exp": (
            {"distribution": "log_uniform", "min": -2.0, "max": 1.0},
            scipy.stats.loguniform(np.exp(-2.0), np.exp(1.0)),
        ),
        "normal": (
            {"distribution": "normal", "mu": 1.0, "sigma": 2.0},
            scipy.stats.norm(1.0, 2.0),
        ),
        "log_normal": (
            {"distribution": "log_normal", "mu": 0.5, "sigma": 0.3},
            scipy.stats.lognorm(0.3, scale=np.exp(0.5)),
        ),
        "beta": ({"distribution": "beta", "a": 2.0, "b": 5.0}, scipy.stats.beta(2, 5)),
    }
    specs = {name: spec for name, (spec, _) in scipy_law.items()}
    specs["q"] = {"distribution": "q_uniform", "min": 0.0, "max": 10.0, "q": 2}
    specs["n"] = {"min": 1, "max": 4}
    specs["p"] = {"values": ["x", "y"], "probabilities": [0.9, 0.1]}
    names = ", ".join(f"{name}=None" for name in specs)
    (folder / "all.py").write_text(f"def f({names}):\n    return {{'loss': 1.0 * u}}\n")
    write(folder, program="all.py:f", parameters=specs)
    rows = sweep(150, seed=5).rows
    for name, (_, law) in scipy_law.items():
        assert scipy.stats.kstest([row[name] for row in rows], law.cdf).pvalue > 1e-3, name
    assert {row["q"] for row in rows} == {0, 2, 4, 6, 8, 10}
    assert {row["n"] for row in rows} == {1, 2, 3, 4}
    assert 0.8 < np.mean([row["p"] == "x" for row in rows]) < 0.98


@pytest.mark.slow
def test_a_trial_that_is_not_solved_counts_and_a_bug_ends_the_sweep(folder):
    write(folder, GRID, program="model.py:unsolved", parameters={"width": {"values": [2, 3]}})
    table = sweep()
    assert [row["state"] for row in table.rows] == ["fail", "fail"] and table.best is None
    write(
        folder,
        GRID,
        program="model.py:broken",
        parameters={"width": {"values": [1, 2, 3]}},
        name="bug",
    )
    with pytest.raises(RuntimeError, match="a bug") as error:
        fe.sweep("sweep.yaml", journal="bug.log")
    assert "In trial 1 of the sweep, width=2" in error.value.__notes__[0]
    text = (folder / "model.py").read_text().replace('raise RuntimeError("a bug")', "pass")
    (folder / "model.py").write_text(text)
    table = fe.sweep("sweep.yaml", journal="bug.log")
    assert sorted(row["width"] for row in table.rows) == [1, 2, 3]


@pytest.mark.slow
def test_trials_that_fall_behind_end(folder):
    (folder / "slow.py").write_text(
        """
import jax.numpy as jnp, optax
import fesolve as fe

def fit(rate: float = 0.1):
    risk = fe.Risk(lambda f, x: f(x) - jnp.sin(x), fe.Uniform(0.0, 1.0), tolerance=jnp.inf)
    risk = risk.quadrature(9)
    solver = fe.Optax(optax.sgd(rate), num_steps=90, every=10)
    f = fe.solve(risk, fe.Series(fe.Chebyshev(3, (0.0, 1.0))), solver).value
    return {"risk": float(risk(f))}
"""
    )
    write(
        folder,
        GRID,
        program="slow.py:fit",
        metric={"name": "risk"},
        parameters={"rate": {"values": [0.3, *(0.1 / 1.2**i for i in range(23))]}},
        early_terminate={"type": "hyperband", "min_iter": 2, "max_iter": 9, "eta": 2},
    )
    told = []
    table = sweep(told=told.append)
    states = [row["state"] for row in table.rows]
    # of three brackets, the last of which begins near the end, two end most of their trials
    assert states.count("pruned") >= 8 and table.best["rate"] == 0.3
    assert all(np.isfinite(row["risk"]) for row in table.rows)


def test_a_metric_that_no_monitor_has_ends_no_trial_and_is_said(folder):
    write(folder, GRID, early_terminate={"type": "hyperband", "max_iter": 27, "s": 2})
    with pytest.warns(UserWarning, match="'loss' is not reported while it runs"):
        table = sweep(1)
    assert [row["state"] for row in table.rows] == ["complete"]


@pytest.mark.slow
def test_seeds_and_small_grids_run_as_one_vmap(folder):
    (folder / "many.py").write_text(
        """
import jax, jax.numpy as jnp, jax.random as jr
import fesolve as fe

CALLS = []

def fit(degree: int = 4, a: float = 1.0, seed: int = 0):
    CALLS.append(degree)
    noise = jr.normal(jr.key(seed), (16,))
    x = jnp.linspace(-1.0, 1.0, 16)
    data = fe.Empirical((x, jnp.exp(a * x) + 0.1 * noise))
    risk = fe.Risk(lambda f, p: f(p[0]) - p[1], data, tolerance=jnp.inf)
    f = fe.solve(risk, fe.Series(fe.Chebyshev(degree, (-1.0, 1.0))), fe.LinearLeastSquares()).value
    return {"risk": risk(f)}

def looks(a: float = 1.0):
    return {"risk": float(a)}
"""
    )
    values = {
        "degree": {"values": [2, 4]},
        "a": {"values": [0.5, 1.0]},
        "seed": {"values": [0, 1, 2]},
    }
    write(folder, GRID, program="many.py:fit", metric={"name": "risk"}, parameters=values)
    together = sweep(batch=12)
    assert len(together.rows) == 12
    one = fe.sweep("sweep.yaml", journal="one.log")
    for name in ("degree", "a", "seed"):
        assert [r[name] for r in together.rows] == [r[name] for r in one.rows]
    np.testing.assert_allclose(
        [r["risk"] for r in together.rows], [r["risk"] for r in one.rows], rtol=1e-9
    )
    write(
        folder,
        GRID,
        program="many.py:looks",
        metric={"name": "risk"},
        name="looks",
        parameters={"a": values["a"]},
    )
    with pytest.raises(ValueError, match=r"`batch` runs `looks` under `jax.vmap`"):
        fe.sweep("sweep.yaml", journal="looks.log", batch=2)
    watched = (folder / "many.py").read_text().replace("LinearLeastSquares())", WATCHED)
    (folder / "many.py").write_text(watched)
    write(folder, GRID, program="many.py:fit", metric={"name": "risk"}, parameters=values)
    with pytest.raises(ValueError, match="`monitors` run on the host") as error:
        fe.sweep("sweep.yaml", journal="watched.log", batch=2)
    assert any("`batch` runs `fit` under" in note for note in error.value.__notes__)


WATCHED = "LinearLeastSquares(), monitors=(fe.History(),))"


BAD = (
    ({"parameters": {"widht": {"values": [1]}}}, r"`widht` is none of `fit`.*mean `width`\?"),
    ({"metric": {"name": "los"}}, r"'los'.*figures.*\['loss', 'pid'\]; did you mean `loss`\?"),
    ({"method": "byes"}, "`method` must be one of"),
    ({"metric": "loss"}, "`metric` must have a `name`"),
    ({"metric": {"name": "loss", "goal": "min"}}, "`goal` of the metric"),
    ({"paramters": {}}, r"`paramters` is no key of a sweep; did you mean `parameters`\?"),
    ({"parameters": {"lr": {"min": 1.0, "max": 0.1}}}, "`min` of `lr` must be below"),
    ({"parameters": {"lr": {"min": "a", "max": 0.1}}}, "bounds of `lr` must be numbers"),
    ({"parameters": {"lr": {"min": 0, "max": 1, "distribution": "log"}}}, "is not known: 'log'"),
    ({"parameters": {"lr": {"mean": 0}}}, "`lr` needs `value`, `values`"),
    ({"parameters": {"lr": {"parameters": {}}}}, "`lr` is nested"),
    ({"parameters": {}}, "`parameters` must be a table"),
    ({"method": "grid"}, r"needs `values` for \['lr'\]"),
    ({"early_terminate": {"type": "median"}}, "`early_terminate` must be of"),
    ({"program": "nothing.py"}, "there is no file"),
)


@pytest.mark.parametrize("changes, sentence", BAD)
def test_a_wrong_sweep_file_is_explained(changes, sentence, folder):
    write(folder, **changes)
    with pytest.raises(ValueError, match=sentence):
        sweep(2)


def test_other_wrong_input_is_explained(folder):
    with pytest.raises(ValueError, match="there is no sweep file"):
        fe.sweep("no.yaml", trials=1, journal="a.log")
    with pytest.raises(ValueError, match="`trials` is missing"):
        sweep()
    with pytest.raises(ValueError, match=r"`batch` of `fe\.sweep`"):
        sweep(1, batch=0)
    with pytest.raises(ValueError, match="is a directory"):
        fe.sweep("sweep.yaml", trials=1, journal=".")
    (folder / "text.log").write_text("no journal\n")
    with pytest.raises(ValueError, match="is no journal of a sweep"):
        fe.sweep("sweep.yaml", trials=1, journal="text.log")
    with pytest.raises(ValueError, match="there is no journal"):
        fe.sweep_table("nothing.log")


def test_the_journal_of_another_sweep_is_refused_and_stays(folder):
    sweep(2)
    before = (folder / "runs.log").read_bytes()
    write(folder, method="bayes")
    with pytest.raises(ValueError, match="another sweep 'sweep', with another method"):
        sweep(3)
    write(folder, name="second")
    with pytest.raises(ValueError, match="another sweep, 'sweep', and not 'second'"):
        sweep(3)
    assert (folder / "runs.log").read_bytes() == before
    write(folder)
    assert len(sweep(3).rows) == 3


def test_a_journal_cut_short_loses_nothing_that_was_recorded(folder):
    sweep(2, seed=0)
    with open("runs.log", "ab") as file:
        file.write(b'{"op_code":4,"worker_i')
    assert len(fe.sweep_table("runs.log").rows) == 2
    assert len(sweep(4, seed=0).rows) == 4
    for line in (folder / "runs.log").read_text().splitlines():
        json.loads(line)


@pytest.mark.slow
def test_a_database_is_shared_too(folder):
    table = fe.sweep("sweep.yaml", trials=3, journal="sqlite:///runs.db", seed=1)
    assert len(table.rows) == 3
    write(folder, name="second")
    assert len(fe.sweep("sweep.yaml", trials=1, journal="sqlite:///runs.db").rows) == 1
    with pytest.raises(ValueError, match="several sweeps"):
        fe.sweep_table("sqlite:///runs.db")


def process(trials, *more):
    words = ["sweep", "sweep.yaml", "--trials", str(trials), "--journal", "runs.log", *more]
    code = "import sys; from fesolve.cli import run; sys.exit(run(sys.argv[1:]))"
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_processes_that_are_killed_lose_no_trial_and_count_none_twice(folder):
    write(folder, {**SWEEP, "parameters": {**SWEEP["parameters"], "pause": {"value": 0.3}}})
    done = folder / "runs.txt"
    workers = [process(40, "--seed=2") for _ in range(2)]
    for kill in range(4):
        while not done.exists() or len(done.read_text().splitlines()) < 6 * (kill + 1):
            assert any(worker.poll() is None for worker in workers)
            time.sleep(0.01)
        victim = workers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.communicate()
        workers.append(process(40, "--seed=2"))
    for worker in workers:
        assert worker.wait(120) == 0
        worker.stdout.close()
    rows = fe.sweep_table("runs.log").rows
    assert len(rows) == 40 and all(row["state"] == "complete" for row in rows)
    assert len({row["lr"] for row in rows}) == 40
    runs = (folder / "runs.txt").read_text().splitlines()
    assert 40 <= len(runs) <= 45 and len({int(row["pid"]) for row in rows}) >= 2


def a_table(n=30, seed=0):
    rng, rows = np.random.default_rng(seed), []
    for i in range(n):
        lr, width, kind = 10.0 ** rng.uniform(-4, 0), int(rng.integers(1, 65)), "abc"[i % 3]
        loss = np.log10(lr / 0.01) ** 2 + 1e-3 * width
        rows.append(
            {
                "trial": i,
                "state": "complete",
                "width": width,
                "lr": lr,
                "kind": kind,
                "loss": float(loss),
                "seconds": 0.1,
            }
        )
    rows.append({**rows[0], "trial": n, "state": "fail", "loss": None})
    return fe.SweepTable("made up", "loss", "minimize", ("width", "lr", "kind"), tuple(rows), {})


def test_the_table_sorts_and_correlates():
    table = a_table()
    losses = [row["loss"] for row in table.sorted().rows]
    assert losses[:-1] == sorted(losses[:-1]) and losses[-1] is None
    widths = [row["width"] for row in table.sorted("width", reverse=True).rows]
    assert widths == sorted(widths, reverse=True)
    with pytest.raises(ValueError, match="`by` must be a column"):
        table.sorted("depth")
    found, rows = table.correlations(), table.rows[:-1]
    for name in ("width", "lr"):
        x, y = ([row[key] for row in rows] for key in (name, "loss"))
        assert found[name] == pytest.approx(scipy.stats.spearmanr(x, y).statistic)
    assert set(found) == {"width", "lr"}
    text = str(table)
    assert "rank correlation" in text and "30 complete, 1 fail" in text
    assert json.dumps(table.to_dict())


def test_the_table_as_pandas_and_as_a_figure():
    pandas = pytest.importorskip("pandas")
    table = a_table()
    frame = table.to_pandas()
    assert isinstance(frame, pandas.DataFrame) and len(frame) == 31
    assert list(frame.columns) == ["state", "width", "lr", "kind", "loss", "seconds"]
    figure = table.plot()
    parallel, *slices = figure.axes
    assert len(slices) == 3 and len(slices[1].lines) == 30
    lines = [line for line in parallel.lines if str(line.get_gid()).startswith("trial-")]
    assert len(lines) == 30
    assert slices[1].get_xscale() == "log" and slices[2].get_xscale() == "linear"


def test_importances_find_the_parameter_that_matters(folder):
    write(folder, parameters={**SWEEP["parameters"], "seed": {"min": 0, "max": 9}})
    table = sweep(30, seed=0)
    assert max(table.importances, key=table.importances.get) == "lr"
    assert sum(table.importances.values()) == pytest.approx(1.0)


def test_fesolve_sweep_and_table(folder, capsys):
    words = ["sweep", "sweep.yaml", "--trials=3", "--journal=runs.log", "--seed=0"]
    assert cli.run(words) == 0
    out = capsys.readouterr().out
    assert out.count("complete") >= 3 and "sweep: loss, to minimize" in out
    assert cli.run(["table", "runs.log", "--by=lr"]) == 0
    out = capsys.readouterr().out
    rates = [
        float(line.split()[3]) for line in out.splitlines() if re.match(r"\d+ +complete ", line)
    ]
    assert rates == sorted(rates) and (folder / "runs.html").exists()
    write(folder, parameters={"wide": {"values": [1, 2]}})
    assert cli.run(["sweep", "sweep.yaml", "--trials=3", "--journal=b.log"]) == 2
    assert "`wide` is none of `fit`" in capsys.readouterr().err
    assert cli.run(["table", "no.log"]) == 2


CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)


def shown(page, script, tmp_path):
    """The page in headless Chromium after a script has run in it."""
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", f"<script>{script}</script></body>"))
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'profile'}",
    ]
    done = subprocess.run(
        [CHROMIUM, *flags, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")
def test_the_page_in_a_browser(tmp_path):
    table = a_table()
    table.to_html(tmp_path / "table.html")
    page = (tmp_path / "table.html").read_text()
    assert not re.search(r"(src|href)=[\"']?https?:", page), "it needs nothing else"
    script = """
    const click = n => document.querySelector(`th[data-name="${n}"]`).click();
    const order = () => [...document.querySelectorAll("tbody tr")].map(r => r.dataset.trial).join();
    const out = {};
    click("lr"); out.up = order(); click("lr"); out.down = order();
    click("kind"); out.kind = order(); click("loss"); out.loss = order();
    document.querySelector("tbody tr").dispatchEvent(new MouseEvent("mouseenter"));
    out.over = [...document.querySelectorAll("svg g.over")].map(g => g.id).join();
    document.body.innerHTML = `<pre>${JSON.stringify(out)}</pre>`;
    """
    found = json.loads(re.search(r"<pre>(.*?)</pre>", shown(page, script, tmp_path))[1])
    order = lambda by, **more: ",".join(str(r["trial"]) for r in table.sorted(by, **more).rows)
    assert found["up"] == order("lr")
    # equal values keep the order in which they were
    assert found["down"].split(",")[0] == order("lr", reverse=True).split(",")[0]
    assert found["loss"] == order("loss") and found["loss"].endswith(",30")
    kinds = {str(row["trial"]): row["kind"] for row in table.rows}
    assert [kinds[t] for t in found["kind"].split(",")] == sorted(kinds.values())
    best = table.best["trial"]
    names = {f"trial-{best}", *(f"slice-{p}-trial-{best}" for p in table.parameters)}
    assert set(found["over"].split(",")) == names


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_wandb_reads_the_same_file(folder):
    pytest.importorskip("wandb")
    from wandb.apis.public.sweeps import _validate_config_and_fill_distribution
    from wandb.sdk.launch.sweeps.utils import load_sweep_config

    specs = {"width": {"min": 1, "max": 9}, "lr": {"min": 0.1, "max": 0.2}}
    write(folder, parameters=specs, early_terminate={"type": "hyperband", "min_iter": 3})
    config = _validate_config_and_fill_distribution(load_sweep_config("sweep.yaml"))
    kinds = {name: spec["distribution"] for name, spec in config["parameters"].items()}
    assert kinds == {"width": "int_uniform", "lr": "uniform"}
    with pytest.warns(UserWarning, match="'loss' is not reported"):
        rows = sweep(3).rows
    assert all(isinstance(r["width"], int) and isinstance(r["lr"], float) for r in rows)
