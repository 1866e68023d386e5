"""Monitors that write somewhere, and those that end a solve."""

import io
import json
import re
import sys
import time
import types

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from rich.console import Console

import fesolve as fe


X = np.linspace(-1.0, 1.0, 24)
NOISE = np.array(jr.normal(jr.key(7), X.shape))


def regression(points=slice(0, 8), noise=0.3):
    sample = fe.Empirical((X[points], np.sin(3 * X[points]) + noise * NOISE[points]))
    return fe.Risk(lambda f, p: f(p[0]) - p[1], sample, tolerance=jnp.inf)


TRAIN, TEST = regression(slice(0, None, 3)), regression(slice(1, None, 3), noise=0.0)
START = fe.Series(fe.Chebyshev(7, (-1.0, 1.0)))


def descend(*monitors, steps=400, every=50, train=TRAIN):
    solver = fe.Optax(optax.adam(3e-2), num_steps=steps, every=every)
    return fe.solve(train, START, solver, monitors=monitors)


def lines(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


@pytest.mark.parametrize("every", (1, 7, 50, 120, 1000))
def test_every_says_how_often_monitors_are_called(every):
    history = fe.History()
    solution = descend(history, steps=130, every=every)
    expected = [*range(every, 130, every), 130]
    assert history["step"] == expected
    means = [part.mean() for part in np.split(solution.history, expected[:-1])]
    np.testing.assert_allclose(history["risk"], means, rtol=1e-12)
    np.testing.assert_array_equal(solution.history, descend(steps=130).history)


@pytest.mark.parametrize("every", (1, 3, 1000))
def test_levenberg_marquardt_has_every_too(every):
    def residual(f, x):
        return f(x) ** 3 + f(x) - x

    risk = fe.Risk(residual, fe.Uniform(0.0, 4.0)).quadrature(20)
    f = fe.MLP("scalar", "scalar", width=8, depth=1, support=(0.0, 4.0), key=jr.key(0))
    history = fe.History()
    solver = fe.LevenbergMarquardt(every=every, max_steps=40)
    solution = fe.solve(risk, f, solver, monitors=(history,), throw=False)
    steps = int(solution.stats["steps"])
    inside = [step for step in history["step"] if step % every == 0]
    assert [step for step in inside if step < steps] == list(range(every, steps, every))
    assert history["step"][-1] == steps and len(set(history["step"])) == len(history)


def test_a_monitor_that_returns_true_ends_the_solve_with_the_best_f():
    seen = []

    def enough(step, metrics, f):
        seen.append(f)
        return metrics["risk"] < 0.3

    solution = descend(enough)
    assert bool(solution.result == fe.RESULTS.stopped)
    assert not solution.solved and not solution.failed
    assert int(solution.stats["steps"]) == 50 * len(seen) < 400
    np.testing.assert_allclose(solution.risk, TRAIN(solution.value), rtol=1e-12)
    np.testing.assert_array_equal(solution.value.coefficients, seen[-1].coefficients)


@pytest.mark.parametrize("answer", (None, 1, "yes", np.ones(3), False))
def test_what_is_not_true_ends_nothing(answer):
    assert int(descend(lambda step, metrics, f: answer, steps=60).stats["steps"]) == 60


def stop_at_once(step, metrics, f):
    return True


def drawn(key):
    return eqx.tree_at(lambda f: f.coefficients, START, jr.normal(key, (8,)))


@pytest.mark.parametrize(
    "solver, steps",
    (
        (fe.LevenbergMarquardt(), 1),
        (fe.LinearLeastSquares(), 1),
        (fe.Sequential(fe.Optax(optax.sgd(1e-3), num_steps=50), fe.LinearLeastSquares()), 50),
        (fe.MultiStart(drawn, compare=lambda f, p: f(p[0])), 1),
        (fe.FixedPoint(lambda f, g, p: f(p[0]) - 0.5 * g(p[0]) - p[1]), 1),
    ),
    ids=lambda x: type(x).__name__,
)
def test_every_solver_can_be_stopped(solver, steps):
    solution = fe.solve(TRAIN, START, solver, key=jr.key(0), monitors=(stop_at_once,))
    assert bool(solution.result == fe.RESULTS.stopped)
    assert int(solution.stats["steps"]) == steps
    assert np.isfinite(np.asarray(solution.value(0.3)))


@pytest.mark.parametrize(
    "solver",
    (
        fe.LevenbergMarquardt(every=3),
        fe.Optax(optax.sgd(1e-3), num_steps=7, every=3),
        fe.FixedPoint(lambda f, g, p: f(p[0]) - 0.5 * g(p[0]) - p[1], every=3),
        fe.MinimumNorm(fe.Risk(lambda f: f.coefficients), every=3),
    ),
    ids=lambda x: type(x).__name__,
)
def test_monitors_are_told_after_every_so_many_steps(solver):
    steps = []
    tell = lambda step, metrics, f: steps.append(step)
    solution = fe.solve(TRAIN, START, solver, monitors=(tell,), throw=False)
    last = int(solution.stats["steps"])
    assert steps == [*range(3, last, 3), last]


def test_ctrl_c_is_no_stop():
    def interrupt(step, metrics, f):
        raise KeyboardInterrupt

    with pytest.raises(fe.Interrupted):
        descend(interrupt)


def test_early_stop_gives_the_f_of_the_least_validation_risk():
    # 8 noisy points and 8 coefficients: the training risk falls to 0 and the test risk turns
    history, early = fe.History(keep_f=True), fe.EarlyStop(TEST, patience=8)
    solution = descend(history, early, steps=4000, every=10)
    risks = [float(TEST(f)) for f in history.fs]
    best = int(np.argmin(risks))
    assert bool(solution.result == fe.RESULTS.stopped)
    assert len(risks) == best + 1 + 8
    assert early.value == pytest.approx(risks[best], rel=1e-12)
    assert early.step == history["step"][best]
    np.testing.assert_array_equal(solution.value.coefficients, history.fs[best].coefficients)
    to_the_end = descend(steps=4000)
    assert float(TEST(to_the_end.value)) > 1.5 * early.value
    assert "patience=8" in repr(early)


def test_early_stop_counts_no_nan_and_begins_anew():
    values = iter([np.nan, 2.0, np.nan, 1.5, 1.4, np.nan] * 2)
    early = fe.EarlyStop(lambda f: next(values), patience=2, least=0.2)
    for _ in range(2):
        with early:
            answers = [early(i, {"risk": 1.0}, i) for i in range(6)]
        assert answers == [False, False, False, False, False, True]
        assert early.best == 3 and early.value == 1.5


def test_json_lines_of_several_solves_are_one_record(tmp_path):
    path = tmp_path / "deep" / "run.jsonl"
    with fe.JsonLines(path, test_loss=TEST) as run:
        for _ in range(2):
            f = descend(run, steps=100).value
        run.log(error=float(TEST(f)))
    *records, final = lines(path)
    assert [record["step"] for record in records] == [50, 100, 150, 200]
    assert all(set(r) == {"step", "seconds", "stage", "risk", "test_loss"} for r in records)
    assert records[-1]["test_loss"] == pytest.approx(float(TEST(f)), rel=1e-12)
    assert final == {"final": True, "error": pytest.approx(float(TEST(f)))}
    run(0, {"risk": float("nan")}, f)  # outside of a solve too
    assert lines(path)[-1]["risk"] is None


def test_a_line_that_was_cut_short_is_cut_off(tmp_path):
    path = tmp_path / "run.jsonl"
    descend(fe.JsonLines(path), steps=50)
    whole = path.read_text()
    path.write_text(whole + '{"step": 1, "ris')
    descend(fe.JsonLines(path), steps=50)
    assert len(lines(path)) == 2 and path.read_text().startswith(whole)


def test_tensorboard_reads_what_was_written(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with fe.TensorBoard(tmp_path, test_loss=TEST) as run:
        f = descend(run, steps=100).value
        run.log(error=0.5)
    found = reader.EventAccumulator(str(tmp_path))
    found.Reload()
    last = found.Tensors("test_loss")[-1]
    assert last.step == 100
    assert last.tensor_proto.float_val[0] == pytest.approx(float(TEST(f)), rel=1e-6)
    assert found.Tensors("final/error")[0].tensor_proto.float_val[0] == 0.5


def test_wandb_keeps_the_run_on_this_machine(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    with fe.WandB("p", config={"lr": 0.1}, test_loss=TEST) as run:
        inner = run.run
        for _ in range(2):
            f = descend(run, steps=100).value
        run.log(error=0.5)
        assert run.run is inner
        assert inner.config["lr"] == 0.1
        assert inner.summary["_step"] == 200 and inner.summary["error"] == 0.5
        assert inner.summary["test_loss"] == pytest.approx(float(TEST(f)), rel=1e-12)
    assert run.run is None and wandb.run is None
    assert list(tmp_path.rglob("*.wandb"))


def test_wandb_without_a_login_is_explained(monkeypatch, tmp_path):
    pytest.importorskip("wandb")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ValueError, match="no login to W&B: run `wandb login`"):
        descend(fe.WandB("p", mode="online"))


@pytest.mark.parametrize(
    "make, package, extra",
    (
        (lambda: fe.WandB("p"), "wandb", "wandb"),
        (lambda: fe.TensorBoard("folder"), "tensorboard.summary", "tensorboard"),
    ),
)
def test_a_package_that_is_missing_is_named(make, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'fesolve\[{extra}\]'"):
        descend(make())


POPULATION = fe.Risk(lambda f, x: f(x), fe.Uniform(0.0, 1.0))


@pytest.mark.parametrize(
    "make, sentence",
    (
        (lambda: fe.JsonLines("x", test=1.0), "`test` of `fe.JsonLines` must be a risk"),
        (lambda: fe.JsonLines("x", test=POPULATION), "`test` of `fe.JsonLines` has no value"),
        (lambda: fe.JsonLines("x", risk=TEST), "`risk` cannot name a figure"),
        (lambda: fe.JsonLines(3), "`path` of `fe.JsonLines`"),
        (lambda: fe.EarlyStop(POPULATION), "`validation` of `fe.EarlyStop` has no value"),
        (lambda: fe.EarlyStop(TEST, patience=0), "`patience` of `fe.EarlyStop`"),
        (lambda: fe.EarlyStop(TEST, least=-1.0), "`least` of `fe.EarlyStop`"),
        (lambda: fe.WandB("p", mode="on-line"), "`mode` of `fe.WandB` must be one of"),
        (lambda: fe.WandB("p", config=3), "`config` of `fe.WandB` must be a dict"),
        (lambda: fe.TensorBoard(3), "`folder` of `fe.TensorBoard`"),
        (lambda: fe.Optax(optax.sgd(1.0), num_steps=1, every=0), "`every` must be a whole"),
    ),
)
def test_wrong_input_is_explained(make, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence):
        make()


def test_progress_shows_rate_and_time_left_where_the_end_is_known():
    def shown(solver):
        text = io.StringIO()
        progress = fe.Progress(interval=0.0, console=Console(file=text, width=60))
        slow = lambda step, metrics, f: time.sleep(0.02)
        fe.solve(TRAIN, START, solver, monitors=(progress, slow))
        return text.getvalue().splitlines()

    adam = fe.Optax(optax.adam(3e-2), num_steps=100, every=50)
    first, last = shown(adam)
    assert "step 50 of 100" in first and "steps/s" in last and "left" not in last
    assert "step 50 of 200" in shown(fe.Sequential(adam, adam))[0]
    assert "of" not in shown(fe.Sequential(adam, fe.LevenbergMarquardt()))[0].split("risk")[0]


@pytest.fixture
def clock(monkeypatch):
    """The time that a progress sees, which a test sets."""
    now = types.SimpleNamespace(seconds=0.0)
    module = sys.modules[fe.Progress.__module__]
    fake = types.SimpleNamespace(perf_counter=lambda: now.seconds)
    monkeypatch.setattr(module, "time", fake)
    return now


def test_pace_and_rest_are_counted_from_the_first_report(clock):
    text = io.StringIO()
    progress = fe.Progress(total=100, interval=0.0, console=Console(file=text, width=80))
    with progress:
        for clock.seconds, step in ((5.0, 10), (15.0, 30)):
            progress(step, {"risk": 1.0}, None)
    first, last = text.getvalue().splitlines()
    assert first == "step 10 of 100  risk 1.000e+00  5.0 s"
    assert last == "step 30 of 100  risk 1.000e+00  15.0 s  2 steps/s  35.0 s left"


@pytest.mark.parametrize("width", (30, 50, 80, 120))
def test_what_has_no_room_is_left_out_and_nothing_is_broken(clock, width):
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=True, legacy_windows=False)
    progress = fe.Progress(total=400, interval=0.0, console=console)
    metrics = {"risk": 1e-3, "damping": 1e-2, "stage": "Gauss-Newton", "test_loss": 0.5}
    with progress:
        progress(10, metrics, None)
        clock.seconds = 10.0
        progress(110, metrics, None)
        shown = progress.text()
        clock.seconds = 70.0
        assert "  70.0 s" in progress.text(now=True), "the seconds go on between reports"
    assert len(shown) <= width - 2
    assert "step 110 of 400" in shown
    assert ("29.0 s left" in shown) == (width > 50)
    assert ("[==        ]" in shown) == (width > 50)
    assert ("stage Gauss-Newton" in shown) == (width > 80)
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text.getvalue()).replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= width
    assert lines[-1].startswith("step 110 of 400  ")


def test_progress_renews_one_output_of_a_notebook(monkeypatch):
    display = pytest.importorskip("IPython.display")
    outputs = []

    class Handle:
        def update(self, data, raw):
            assert raw
            outputs.append(data["text/plain"])

    monkeypatch.setattr(display, "display", lambda data, raw, display_id: Handle())
    console = Console(file=io.StringIO(), force_jupyter=True)
    descend(fe.Progress(interval=0.0, console=console), steps=100)
    assert ["step 50 of 100" in outputs[0], "step 100 of 100" in outputs[-1]] == [True, True]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the packages that run the notebook
def test_progress_in_a_notebook_that_runs():
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    code = """
import time, jax.numpy as jnp, optax, fesolve as fe
risk = fe.Risk(lambda f, x: f(x) - x, fe.Uniform(0.0, 1.0), tolerance=jnp.inf).quadrature(4)
slow = lambda step, metrics, f: time.sleep(0.1)
fe.solve(risk, fe.Linear("scalar"), fe.Optax(optax.sgd(0.1), num_steps=500),
         monitors=(fe.Progress(), slow)).value;
"""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(book, timeout=100, kernel_name="python3").execute()
    (output,) = book.cells[0].outputs
    assert output.output_type == "display_data"
    assert "step 500 of 500" in output.data["text/plain"] and "steps/s" in output.data["text/plain"]


def test_no_monitors_inside_a_transformation():
    with pytest.raises(ValueError, match="leave them"):
        jax.jit(lambda x: fe.solve(TRAIN * x, START, monitors=(fe.History(),)).value(0.3))(1.0)


@pytest.mark.slow
def test_monitoring_costs_little(tmp_path):
    risk, test = regression(slice(0, None), 0.0), regression(slice(0, None))
    f = fe.MLP("scalar", "scalar", width=128, depth=2, key=jr.key(0))

    def seconds(*monitors):
        solver = fe.Optax(optax.adam(1e-3), num_steps=4_000)
        start = time.process_time()
        fe.solve(risk, f, solver, monitors=monitors)
        return time.process_time() - start

    def watched():
        return seconds(fe.JsonLines(tmp_path / "x", test_loss=test), fe.EarlyStop(test))

    seconds(), watched()
    plain, more = zip(*[(seconds(), watched()) for _ in range(3)])
    assert min(more) <= 1.1 * min(plain)
