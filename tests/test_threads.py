"""BLAS runs on one thread inside a solve, and as before after the last of those that overlap."""

import contextlib
import signal
import threading
import time

import jax
import pytest
import scipy.linalg
import threadpoolctl

import fesolve as fe


assert scipy.linalg  # its BLAS is one of those that are limited
DOMAIN = (0.0, 1.0)
START = fe.Series(fe.Chebyshev(48, DOMAIN))  # of products for which a BLAS may start threads


def ode(f, x):
    return jax.grad(f)(x) + f(x) ** 2


def initial(f, x):
    return f(x) - 1.0


RISK = (fe.Risk(ode, fe.Uniform(*DOMAIN)) + fe.Risk(initial, fe.Dirac(0.0))).quadrature(96)


def threads():
    found = threadpoolctl.threadpool_info()
    return {i["filepath"]: i["num_threads"] for i in found if i["user_api"] == "blas"}


@pytest.fixture
def two_threads():
    """Every BLAS with two threads, whatever the machine has."""
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        fe.solve(RISK, START)
        before = threads()
        assert set(before.values()) == {2}
        yield
        assert threads() == before


def together(*functions):
    """Runs each in a thread of its own and gives their exceptions."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    started = [threading.Thread(target=run, args=(function,)) for function in functions]
    [thread.start() for thread in started]
    [thread.join(20) for thread in started]
    assert not any(thread.is_alive() for thread in started)
    return errors


class Overlap:
    """Two solves, of which the first leaves while the second is inside."""

    def __init__(self, end=lambda: None):
        self.first_in, self.second_in = threading.Event(), threading.Event()
        self.first_out, self.end = threading.Event(), end
        self.inside = []

    def first(self):
        def monitor(step, metrics, f):
            self.first_in.set()
            self.second_in.wait(10)
            self.end()

        try:
            fe.solve(RISK, START, monitors=(monitor,))
        finally:
            self.first_out.set()

    def second(self):
        def monitor(step, metrics, f):
            self.second_in.set()
            self.first_out.wait(10)
            self.inside.append(set(threads().values()))

        self.first_in.wait(10)
        fe.solve(RISK, START, monitors=(monitor,))


def test_overlapping_solves(two_threads):
    overlap = Overlap()
    assert not together(overlap.first, overlap.second)
    # who is still inside keeps the one thread
    assert all(found == {1} for found in overlap.inside)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_solve_that_ends_in_an_exception(two_threads, error):
    def fail():
        raise error

    overlap = Overlap(fail)
    (raised,) = together(overlap.first, overlap.second)
    assert isinstance(raised, error | fe.Interrupted)
    assert all(found == {1} for found in overlap.inside)


def test_a_solve_within_a_solve(two_threads):
    inside = []

    def monitor(step, metrics, f):
        fe.solve(RISK, START)
        inside.append(set(threads().values()))

    fe.solve(RISK, START, monitors=(monitor,))
    assert all(found == {1} for found in inside)


def test_a_thread_that_lives_on(two_threads):
    # the thread that came first is not the one that leaves last, and does not end
    overlap, stay = Overlap(), threading.Event()

    def first():
        overlap.first()
        stay.wait(10)

    def second():
        overlap.second()
        found = set(threads().values())
        stay.set()
        assert found == {2}

    assert not together(first, second)


def test_many_solves_at_once(two_threads):
    def several():
        for _ in range(10):
            fe.solve(RISK, START)

    assert not together(*[several] * 6)


# Python reports an interrupt that falls into a weak reference's callback instead of raising it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_at_any_instant(two_threads):
    ends = 0
    for k in range(60):
        with contextlib.suppress(KeyboardInterrupt, fe.Interrupted):
            before = signal.signal(signal.SIGALRM, signal.default_int_handler)
            try:
                signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + k))
                for _ in range(3):
                    fe.solve(RISK, START)
                time.sleep(0.1)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
                ends += 1
    assert ends == 60
    fe.solve(RISK, START)
