import io
import re
from contextlib import AbstractContextManager, ExitStack

import jax
import pytest
from rich.console import Console

import fesolve as fe


def drive(monitors, risks=(1.0, 0.1, 0.01)):
    """What a solver does with monitors, with made-up values."""
    with ExitStack() as stack:
        for monitor in monitors:
            if isinstance(monitor, AbstractContextManager):
                stack.enter_context(monitor)
        for step, risk in enumerate(risks):
            for monitor in monitors:
                monitor(step, {"risk": risk}, f"f{step}")


def exponential():
    risk = fe.Risk(lambda f, x: jax.grad(f)(x) + f(x), fe.Uniform(0.0, 2.0))
    return (risk + fe.Risk(lambda f, x: f(x) - 1.0, fe.Dirac(0.0))).quadrature(20)


def test_history_keeps_what_it_saw_in_order():
    history = fe.History(keep_f=True)
    drive([history])
    assert history["risk"] == [1.0, 0.1, 0.01]
    assert history["step"] == [0, 1, 2]
    assert history.fs == ["f0", "f1", "f2"]
    with pytest.raises(KeyError, match="there are"):
        history["loss"]


def test_history_thins():
    history = fe.History(every=2)
    drive([history], risks=(4.0, 3.0, 2.0, 1.0, 0.0))
    assert history["step"] == [0, 2, 4]
    with pytest.raises(ValueError, match="`every`"):
        fe.History(every=0)


def test_a_plain_function_is_a_monitor():
    seen = []

    def monitor(step, metrics, f):
        seen.append((step, metrics["risk"], float(f(0.0))))

    sol = fe.solve(exponential(), fe.Series(fe.Chebyshev(12, (0.0, 2.0))), monitors=(monitor,))
    steps, risks, values = zip(*seen)
    assert list(steps) == sorted(steps)
    assert all(isinstance(risk, float) for risk in risks)
    assert risks[-1] == pytest.approx(float(sol.risk), rel=1e-6, abs=1e-25)
    assert values[-1] == pytest.approx(1.0, abs=1e-9)


def test_context_managers_are_entered_and_left_even_when_the_solve_breaks():
    class Opened:
        states: list

        def __init__(self):
            self.states = []

        def __enter__(self):
            self.states.append("open")
            return self

        def __exit__(self, *_):
            self.states.append("closed")

        def __call__(self, step, metrics, f):
            assert self.states == ["open"]
            raise KeyboardInterrupt

    monitor = Opened()
    with pytest.raises(fe.Interrupted) as stopped:
        fe.solve(exponential(), fe.Series(fe.Chebyshev(12, (0.0, 2.0))), monitors=(monitor,))
    assert monitor.states == ["open", "closed"]
    assert stopped.value.solution.value(0.5).shape == ()


@pytest.mark.parametrize("terminal", (False, True))
def test_progress_shows_first_and_last_step(terminal):
    text = io.StringIO()
    console = Console(file=text, force_terminal=terminal, width=120)
    drive([fe.Progress(total=2000, console=console)], risks=(1.0,) + (0.5,) * 500 + (0.25,))
    assert "risk 2.500e-01" in text.getvalue()
    assert "step 501 of 2000" in text.getvalue()
    assert len(re.findall(r"\n", text.getvalue())) < 8


def test_progress_serves_outside_a_solve_and_again():
    text = io.StringIO()
    progress = fe.Progress(console=Console(file=text, width=120))
    progress(3, {"risk": 1.0}, None)
    assert "step 3" in text.getvalue()
    drive([progress])
    drive([progress])
    assert text.getvalue().count("step 2") == 2


@pytest.mark.parametrize("monitors", [lambda step, metrics, f: None, (1,), fe.History()])
def test_what_is_no_tuple_of_monitors_is_explained(monitors):
    # with annotations checked, a TypeError that names the argument comes first
    sentence = "`monitors` must be a tuple of callables|typechecking parameter 'monitors'"
    with pytest.raises((ValueError, TypeError), match=sentence):
        fe.solve(exponential(), fe.Series(fe.Chebyshev(12, (0.0, 2.0))), monitors=monitors)
