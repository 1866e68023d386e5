"""A solve that is killed at any moment and called again ends as one that was not."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import fesolve as fe


ROOT = Path(__file__).parents[1]


def ode(f, x):
    return jax.grad(f)(x) + f(x) ** 2


RISK = fe.Risk(ode, fe.Uniform(0.0, 2.0)) + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))
POINTS = RISK.quadrature(20)
NETWORK = fe.MLP("scalar", "scalar", width=6, depth=2, support=(0.0, 2.0), key=jr.key(0))
ADAM = fe.Optax(optax.adam(1e-2), num_steps=120, batch_size=8, every=20)
LM = fe.LevenbergMarquardt(max_steps=60)


class Killed(BaseException):
    """As SIGKILL: nothing of the solve has a turn any more."""


def killed_at(step):
    def monitor(at, metrics, f):
        if at >= step:
            raise Killed

    return monitor


def solved(case, **more):
    risk, f, solver = CASES[case]
    return fe.solve(risk, f, solver, key=jr.key(1), throw=False, **more)


def halved(f, g, x):
    return f(x) - 1.0 - 0.9 * g(0.5 * x)


HALVED = fe.Risk(lambda f, x: halved(f, f, x), fe.Uniform(0.0, 1.0)).quadrature(9)
CUBE = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))

CASES = {
    "FixedPoint": (HALVED, CUBE, fe.FixedPoint(halved, anderson=1, damping=0.1)),
    "FixedPoint by Optax": (
        HALVED,
        CUBE,
        fe.FixedPoint(halved, fe.Optax(optax.sgd(0.3), num_steps=20, batch_size=4), max_steps=15),
    ),
    "Optax": (RISK, NETWORK, ADAM),
    "LBFGS": (POINTS, NETWORK, fe.Optax(optax.lbfgs(), num_steps=30, every=10)),
    "LevenbergMarquardt": (POINTS, NETWORK, LM),
    "points are chosen": (RISK, NETWORK, fe.LevenbergMarquardt(budget=300)),
    "Sequential": (RISK.empirical(20, key=jr.key(2)), NETWORK, fe.Sequential(ADAM, LM)),
    "Resample": (RISK, NETWORK, fe.Resample(LM, n=20, rounds=2)),
    "degree": (RISK, fe.Series(fe.Chebyshev(None, (0.0, 2.0))), fe.LevenbergMarquardt()),
}


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a.value, b.value)
    np.testing.assert_array_equal(a.history, b.history)
    assert str(a.result) == str(b.result) and float(a.risk) == float(b.risk)
    for name, value in a.stats.items():
        np.testing.assert_array_equal(value, b.stats[name], err_msg=name)


LONG = {"FixedPoint by Optax", "points are chosen", "Resample", "LBFGS", "Sequential"}
MARKED = [pytest.param(case, marks=[pytest.mark.slow] if case in LONG else []) for case in CASES]


@pytest.mark.parametrize("case", MARKED)
def test_a_solve_that_was_killed_ends_as_one_that_was_not(case, tmp_path):
    whole = solved(case)
    steps = int(whole.stats["steps"])
    for at in sorted({1, 2 * steps // 3, steps}):
        checkpoint = fe.Checkpoint(tmp_path / f"{at}.ckpt", every=7)
        with pytest.raises(Killed):
            solved(case, checkpoint=checkpoint, monitors=(killed_at(at),))
        history = fe.History()
        assert_same(whole, solved(case, checkpoint=checkpoint, monitors=(history,)))
        if steps > 30 and at == steps:
            assert history["step"][0] > steps // 3, "it has begun anew"
        again = fe.History()
        assert_same(whole, solved(case, checkpoint=checkpoint, monitors=(again,)))
        assert not len(again) or again["step"][0] == steps


def test_a_solver_that_keeps_nothing_says_so(tmp_path):
    norm = fe.Risk(lambda f, x: jax.grad(f)(x), fe.Uniform(0.0, 2.0)).quadrature(8)
    f = fe.Series(fe.Chebyshev(6, (0.0, 2.0)))
    checkpoint = fe.Checkpoint(tmp_path / "run.ckpt")
    with pytest.warns(UserWarning, match="`checkpoint` has kept nothing"):
        fe.solve(POINTS, f, fe.MinimumNorm(norm), checkpoint=checkpoint, throw=False)


def test_orders_of_passes_and_early_stopping_go_on(tmp_path):
    x = np.linspace(-1.0, 1.0, 24)
    y = np.sin(3 * x) + 0.3 * np.array(jr.normal(jr.key(7), x.shape))
    train = fe.Risk(lambda f, p: f(p[0]) - p[1], fe.Empirical((x[::3], y[::3])), tolerance=jnp.inf)
    test = train.on(fe.Empirical((x[1::3], np.sin(3 * x[1::3]))))
    f = fe.Series(fe.Chebyshev(7, (-1.0, 1.0)))

    def stopped(*monitors, **more):
        solver = fe.Optax(optax.adam(3e-2), num_epochs=300, batch_size=3, every=10)
        early = fe.EarlyStop(test, patience=4)
        return fe.solve(train, f, solver, key=jr.key(3), monitors=(early, *monitors), **more)

    whole = stopped()
    assert bool(whole.result == fe.RESULTS.stopped)
    checkpoint = fe.Checkpoint(tmp_path / "run.ckpt", every=25)
    with pytest.raises(Killed):
        stopped(killed_at(int(whole.stats["steps"]) - 20), checkpoint=checkpoint)
    assert_same(whole, stopped(checkpoint=checkpoint))


def other(**changes):
    given = {"risk": POINTS, "f": NETWORK, "solver": LM, "key": jr.key(1), **changes}
    return given.pop("risk"), given.pop("f"), given.pop("solver"), given["key"]


WIDER = fe.MLP("scalar", "scalar", width=7, depth=2, support=(0.0, 2.0), key=jr.key(0))


@pytest.mark.parametrize(
    "changes, differs",
    (
        ({"risk": 2.0 * POINTS}, "risk"),
        ({"risk": RISK.quadrature(21)}, "risk"),
        ({"f": WIDER}, "f"),
        (
            {
                "f": jax.tree.map(
                    lambda x: x,
                    fe.MLP("scalar", "scalar", width=6, depth=2, support=(0.0, 2.0), key=jr.key(9)),
                )
            },
            "f",
        ),
        ({"solver": fe.LevenbergMarquardt(max_steps=61)}, "solver"),
        ({"key": jr.key(2)}, "key"),
        ({"key": None, "solver": fe.LevenbergMarquardt()}, "solver and key"),
    ),
)
def test_the_file_of_another_solve_is_refused(changes, differs, tmp_path):
    path = tmp_path / "run.ckpt"
    checkpoint = fe.Checkpoint(path)
    risk, f, solver, key = other()
    fe.solve(risk, f, solver, key=key, checkpoint=checkpoint, throw=False)
    before = path.read_bytes()
    risk, f, solver, key = other(**changes)
    with pytest.raises(ValueError, match=f"of another solve, with another {differs}: give"):
        fe.solve(risk, f, solver, key=key, checkpoint=checkpoint, throw=False)
    assert path.read_bytes() == before


def test_the_key_is_of_what_is_solved_and_not_of_objects(tmp_path):
    """Equal functions that were written again, as in the next process, are the same."""
    for _ in range(2):
        rate = 1e-2
        risk = fe.Risk(lambda f, x: f(x) - rate * x, fe.Uniform(0.0, 1.0)).quadrature(9)
        f = fe.Series(fe.Chebyshev(3, (0.0, 1.0)))
        solver = fe.Optax(optax.sgd(rate), num_steps=10)
        fe.solve(risk, f, solver, checkpoint=fe.Checkpoint(tmp_path / "run.ckpt"))
    rate = 2e-2
    with pytest.raises(ValueError, match="another risk"):
        risk = fe.Risk(lambda f, x: f(x) - rate * x, fe.Uniform(0.0, 1.0)).quadrature(9)
        fe.solve(risk, f, solver, checkpoint=fe.Checkpoint(tmp_path / "run.ckpt"))


@pytest.mark.parametrize(
    "spoil, sentence",
    (
        (lambda content: content[:-10], "is cut short"),
        (lambda content: content[:100], "is cut short"),
        (lambda content: b"", "is empty"),
        (lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is damaged"),
        (lambda content: b"something else", "was not written by `fe.Checkpoint`"),
    ),
)
def test_a_damaged_file_is_explained_and_stays(spoil, sentence, tmp_path):
    path = tmp_path / "run.ckpt"
    solved("Optax", checkpoint=fe.Checkpoint(path))
    path.write_bytes(spoil(path.read_bytes()))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=sentence):
        solved("Optax", checkpoint=fe.Checkpoint(path))
    assert path.read_bytes() == before


def test_a_solution_is_no_checkpoint_and_the_other_way_round(tmp_path):
    solved("Optax", checkpoint=fe.Checkpoint(tmp_path / "a"))
    with pytest.raises(ValueError, match=r"was not written by `fe\.save`"):
        fe.load(tmp_path / "a")
    fe.save(tmp_path / "b", NETWORK)
    with pytest.raises(ValueError, match=r"was not written by `fe\.Checkpoint`"):
        solved("Optax", checkpoint=fe.Checkpoint(tmp_path / "b"))


@pytest.mark.parametrize(
    "make, sentence",
    (
        (lambda: solved("Optax", checkpoint="run.ckpt"), r"`fe.Checkpoint\('run.ckpt'\)`; got"),
        (lambda: fe.Checkpoint(3), "`path` must be the name of a file"),
        (lambda: fe.Checkpoint("a", every=0), "`every` of `fe.Checkpoint`"),
        (lambda: solved("Optax", checkpoint=fe.Checkpoint("/nowhere/a")), "could not write"),
        (
            lambda: jax.jit(lambda c: fe.solve(c * POINTS, NETWORK, checkpoint=fe.Checkpoint("a")))(
                1.0
            ),
            "`checkpoint` is kept on the host",
        ),
    ),
)
def test_wrong_input_is_explained(make, sentence):
    with pytest.raises((ValueError, TypeError, OSError), match=f"{sentence}|typechecking"):
        make()


def test_sigterm_keeps_and_ends(tmp_path):
    path = tmp_path / "run.ckpt"

    def terminated(step, metrics, f):
        if step == 40:
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        solved("Optax", checkpoint=fe.Checkpoint(path, every=10_000), monitors=(terminated,))
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is before
    history = fe.History()
    resumed = solved("Optax", checkpoint=fe.Checkpoint(path), monitors=(history,))
    assert history["step"][0] == 60
    assert_same(solved("Optax"), resumed)


def test_sigterm_reaches_the_handler_of_the_application(tmp_path):
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    kill = lambda step, metrics, f: os.kill(os.getpid(), signal.SIGTERM)
    try:
        with pytest.raises(SystemExit):
            solved("Optax", checkpoint=fe.Checkpoint(tmp_path / "a"), monitors=(kill,))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_in_a_thread_signals_are_left_alone(tmp_path):
    found = []
    run = lambda: found.append(solved("Optax", checkpoint=fe.Checkpoint(tmp_path / "a")))
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert_same(solved("Optax"), found[0])


PROGRAM = """
import sys
sys.path.insert(0, {tests!r})
import jax
jax.config.update("jax_enable_x64", True)
import fesolve as fe, test_checkpoint as t
out = t.solved({case!r}, checkpoint=fe.Checkpoint({path!r}, every={every}))
fe.save({out!r}, out.value)
"""


@pytest.mark.slow
@pytest.mark.parametrize("case", ("Optax", "LevenbergMarquardt", "Sequential"))
@pytest.mark.parametrize("how", (signal.SIGKILL, signal.SIGTERM))
def test_a_process_that_is_killed_again_and_again_arrives(case, how, tmp_path):
    given = {"tests": str(ROOT / "tests"), "case": case, "every": 1}
    path, out = tmp_path / "run.ckpt", tmp_path / "out.fe"
    code = PROGRAM.format(path=str(path), out=str(out), **given)
    kills, seed = 0, np.random.default_rng(0)
    while not out.exists():
        process = subprocess.Popen([sys.executable, "-c", code])
        size = path.stat().st_mtime_ns if path.exists() else 0
        while process.poll() is None and kills < 6:
            moved = path.exists() and path.stat().st_mtime_ns != size
            if moved:
                time.sleep(0.05 * seed.random())
                process.send_signal(how)
                kills += 1
                break
            time.sleep(0.001)
        code_of_exit = process.wait()
        assert code_of_exit in (0, -how, 128 + how)
    assert kills >= 2
    whole = solved(case)
    jax.tree.map(np.testing.assert_array_equal, fe.load(out, like=NETWORK), whole.value)
    assert not list(tmp_path.glob(".fesolve*"))
