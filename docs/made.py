"""Problems, examples and figures, as pages show them and the gallery runs them: each is made once,
by two processes, and kept in `.cache/docs` until its own text, or what of the library it can reach,
changes."""

import functools
import gc
import hashlib
import inspect
import itertools
import json
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple


ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))

import drawn  # noqa: E402
import reads  # noqa: E402
import single  # noqa: E402


KEPT = ROOT / ".cache" / "docs"
PROCESSES = 2
# What runs for longer than it compiles, by optimised programs. What takes longest comes first, here
# and there, so that no process is left alone with it.
RUNS = (
    "krusell_smith_agents",
    "krusell_smith",
    "consumption_saving",
    "life_cycle",
    "tax_transition",
    "aiyagari",
    "retirement",
    "disentanglement",
)
LONG = (
    "new_keynesian",
    "sovereign_default",
    "transfer",
    "climate",
    "overlapping_generations",
    "two_interest_rates",
)
TOGETHER = 20
"""Jobs that share what is compiled for one operation, such as a difference; more take memory."""
WORTH_KEEPING = 0.1
"""Seconds of compilation that are worth a file: to write one takes a tenth of that."""


class Kind(NamedTuple):
    """What jobs of a kind are made from, and by what, which also keeps what it finds."""

    source: str
    make: Callable[[Any, Path], None]


KINDS = {
    "problem": Kind("fesolve/problems/_{}.py", drawn.problem),
    "example": Kind("examples/{}.py", drawn.example),
    "figure": Kind("docs/figures/{}.py", drawn.figure),
    "problem-float32": Kind("fesolve/problems/_{}.py", single.problem),
    "example-float32": Kind("examples/{}.py", single.example),
}
SHOWN = ("problem", "example", "figure")
"""The kinds that pages show."""


class Job(NamedTuple):
    """One thing to make."""

    kind: str
    name: str

    @property
    def source(self) -> Path:
        """The file that it is made from."""
        return ROOT / KINDS[self.kind].source.format(self.name)

    @property
    def is_problem(self) -> bool:
        return self.kind.startswith("problem")

    @property
    def folder(self) -> Path:
        """Where it is kept; other texts are another folder."""
        makers = [Path(drawn.__file__), Path(inspect.getfile(KINDS[self.kind].make))]
        texts = [*_versions(), *(path.read_text() for path in (self.source, *makers))]
        data = self.source.with_suffix(".json")  # what was measured, where a figure shows that
        texts += [data.read_text()] if data.exists() else []
        texts += [reads.digest(self.source, *(makers if self.is_problem else ()))]
        key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
        return KEPT / f"{self.kind}-{self.name}-{key}"

    def make(self, folder: Path) -> None:
        from fesolve import problems

        given = problems.catalogue[self.name] if self.is_problem else self.source
        KINDS[self.kind].make(given, folder)


def jobs(kinds: Iterable[str] = SHOWN) -> list[Job]:
    """Everything of some kinds."""
    from fesolve import problems

    figures = sorted((ROOT / "docs/figures").glob("*.py"))
    names = {
        "problem": list(reversed(problems.catalogue)),
        "example": [path.stem for path in notebooks()],
        "figure": [path.stem for path in figures],
    }
    found = [Job(kind, name) for kind in kinds for name in names[kind.partition("-")[0]]]
    first = (*RUNS, *LONG)
    return sorted(found, key=lambda job: first.index(job.name) if job.name in first else len(first))


@functools.cache
def _versions() -> tuple[str, ...]:
    return tuple(map(version, ("jax", "equinox", "optax", "numpy", "matplotlib")))


def notebooks() -> list[Path]:
    """The examples that are notebooks, and no commands."""
    examples = sorted((ROOT / "examples").glob("*.py"))
    return [path for path in examples if path.read_text().startswith("# %% [markdown]\n")]


def folders(kinds: Iterable[str] = SHOWN) -> dict[Job, Path]:
    """The folder of each job."""
    return {job: job.folder for job in jobs(kinds)}


def kept() -> dict[Job, Path]:
    """The folders of all that was made last, as pages show it."""
    found = json.loads((KEPT / "made.json").read_text())
    return {Job(kind, name): KEPT / folder for kind, name, folder in found if kind in SHOWN}


def make_all(kinds: Iterable[str] = SHOWN) -> list[Job]:
    """Makes what is not kept; returns those that failed."""
    wanted = folders(KINDS)
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / "made.json").write_text(json.dumps([[*job, at.name] for job, at in wanted.items()]))
    missing = [(job, at) for job, at in wanted.items() if job.kind in kinds and not at.exists()]
    if not missing:
        return []
    print(f"{len(missing)} to be made, the others are kept", flush=True)
    failed, begin, spent, count = [], time.monotonic(), 0.0, itertools.count(1)
    for runs in (True, False):
        part = [(job, at) for job, at in missing if (job.name in RUNS) == runs]
        for job, trouble, seconds in _by_processes(part, optimised=runs):
            text = f"{next(count)} of {len(missing)}  {job.kind} {job.name}, {seconds:.1f} s of CPU"
            print(text if trouble is None else f"{text}: FAILED\n{trouble}", flush=True)
            failed += [] if trouble is None else [job]
            spent += seconds
    seconds = f"{time.monotonic() - begin:.0f} s, {spent:.0f} s of CPU"
    print(f"made in {seconds}, kept in {KEPT}", flush=True)
    for old in set(KEPT.glob("*-*")) - set(wanted.values()):
        shutil.rmtree(old)
    return failed


def _by_processes(jobs: list[tuple[Job, Path]], *, optimised: bool) -> Iterator[Any]:
    """What `_made` says of each, as they end."""
    if not jobs:
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(PROCESSES, len(jobs)), _prepare, (optimised,)) as pool:
        yield from pool.imap_unordered(_made, jobs)


def _prepare(optimised: bool) -> None:
    """Before anything is computed in a process: threads, compiler and the look of figures."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(ROOT / "tests"))
    import compiling

    if not optimised:
        compiling.little()
    compiling.kept_in(ROOT / ".cache" / "programs", least=WORTH_KEEPING)
    drawn.prepare()
    import fesolve.plots  # noqa: F401

    gc.disable()  # a tenth of the time; some jobs are swept up after together, without what stays
    gc.freeze()


_NUMBERS = itertools.count(1)


def _made(given: tuple[Job, Path]) -> tuple[Job, str | None, float]:
    job, folder = given
    import jax
    import matplotlib.pyplot as plt

    begin, draft = time.process_time(), folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    trouble = None
    try:
        job.make(draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except BaseException:
        trouble = traceback.format_exc()
    finally:
        plt.close("all")
        if next(_NUMBERS) % TOGETHER == 0:
            jax.clear_caches()
            gc.collect()
        jax.config.update("jax_enable_x64", False)
    return job, trouble, time.process_time() - begin


if __name__ == "__main__":
    if wrong := make_all():
        raise SystemExit(f"these failed: {', '.join(job.name for job in wrong)}")
