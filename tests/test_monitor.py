import io
import re

import fesolve as fe
import pytest
from fesolve._monitor import running
from rich.console import Console


def drive(monitors, risks=(1.0, 0.1, 0.01)):
    with running(monitors) as monitor:
        for step, risk in enumerate(risks):
            monitor(step, {"risk": risk}, f"f{step}")


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
    drive([history], risks=range(5))
    assert history["step"] == [0, 2, 4]
    with pytest.raises(ValueError, match="`every`"):
        fe.History(every=0)


def test_a_plain_function_is_a_monitor():
    seen = []
    drive([lambda step, metrics, f: seen.append((step, metrics["risk"], f))])
    assert seen == [(0, 1.0, "f0"), (1, 0.1, "f1"), (2, 0.01, "f2")]


def test_context_managers_are_left_when_the_solve_breaks():
    class Opened:
        state = "new"

        def __enter__(self):
            self.state = "open"
            return self

        def __exit__(self, *_):
            self.state = "closed"

        def __call__(self, step, metrics, f):
            assert self.state == "open"

    monitor = Opened()
    with pytest.raises(KeyboardInterrupt), running([monitor]) as both:
        both(0, {"risk": 1.0}, None)
        raise KeyboardInterrupt
    assert monitor.state == "closed"


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
