"""The frame of every test: float64, no silent promotion, slow tests on request.

`--jaxtyping-packages=fesolve,beartype.beartype`, a flag of jaxtyping's own, checks every
annotation of the package at run time; `make test` gives it.
"""

import gc
import itertools
from pathlib import Path

import compiling
import jax
import jax.random as jr
import pytest


pytest.register_assert_rewrite("references")
compiling.little()
compiling.kept_in(Path(__file__).parents[1] / ".cache" / "programs")
jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# Traces and programs are many objects that live long: to look through all of them again and again
# took a sixteenth of the time. Memory is given back after each file, see below.
gc.set_threshold(50_000, 20, 1_000)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config, items):
    names = set((Path(__file__).parent / "slow.txt").read_text().splitlines())
    for item in items:
        if item.nodeid in names:
            item.add_marker(pytest.mark.slow)
    if config.getoption("--slow"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if not item.get_closest_marker("slow")]


@pytest.fixture(autouse=True, scope="module")
def _forget_programs():
    """A compiled program holds memory maps, of which Linux gives a process 65,530: a thousand
    tests in one process would use them up, and the compiler would crash."""
    yield
    jax.clear_caches()
    gc.collect()


@pytest.fixture
def getkey():
    """A source of PRNG keys: each call gives a new one, the same in every run."""
    seeds = itertools.count(2718)
    return lambda: jr.key(next(seeds))
