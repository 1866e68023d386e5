"""Problems, examples and figures that pages show: each is made once, by two processes, and kept in
`.cache/docs` until its own text, or what of the library it can reach, changes."""

import hashlib
import multiprocessing
import os
import shutil
import sys
import time
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple


ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(Path(__file__).parent))

import drawn  # noqa: E402
import reads  # noqa: E402


KEPT = ROOT / ".cache" / "docs"
PROCESSES = 2
# What takes longest comes first, so that no process is left alone with it.
LONG = ("new_keynesian", "consumption_saving", "transfer", "overlapping_generations", "aiyagari")
SOURCES = {
    "problem": "fesolve/problems/_{}.py",
    "example": "examples/{}.py",
    "figure": "docs/figures/{}.py",
}


class Job(NamedTuple):
    """One thing to make: a `problem`, an `example` or a `figure`."""

    kind: str
    name: str

    @property
    def source(self) -> Path:
        """The file that it is made from."""
        return ROOT / SOURCES[self.kind].format(self.name)

    @property
    def folder(self) -> Path:
        """Where it is kept; other texts are another folder."""
        drawing = Path(drawn.__file__)
        texts = [version(name) for name in ("jax", "equinox", "optax", "numpy", "matplotlib")]
        texts += [self.source.read_text(), drawing.read_text()]
        texts += [reads.digest(self.source, *([drawing] if self.kind == "problem" else []))]
        key = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
        return KEPT / f"{self.kind}-{self.name}-{key}"

    def make(self, folder: Path) -> None:
        match self.kind:
            case "problem":
                from fesolve import problems

                drawn.problem(problems.catalogue[self.name], folder)
            case "example":
                drawn.example(self.source, folder)
            case _:
                drawn.figure(self.source, folder)


def jobs() -> list[Job]:
    """Everything that pages show."""
    from fesolve import problems

    found = [Job("problem", name) for name in reversed(problems.catalogue)]
    found += [Job("example", path.stem) for path in notebooks()]
    found += [Job("figure", path.stem) for path in sorted((ROOT / "docs/figures").glob("*.py"))]
    return sorted(found, key=lambda job: LONG.index(job.name) if job.name in LONG else len(LONG))


def notebooks() -> list[Path]:
    """The examples that are notebooks, and no commands."""
    examples = sorted((ROOT / "examples").glob("*.py"))
    return [path for path in examples if path.read_text().startswith("# %% [markdown]\n")]


def folders() -> dict[Job, Path]:
    """The folder of each job."""
    return {job: job.folder for job in jobs()}


def make_all() -> None:
    """Makes what is not kept.

    **Raises:** `SystemExit` where one failed, after the others are done.
    """
    wanted = folders()
    missing = [(job, folder) for job, folder in wanted.items() if not folder.exists()]
    if not missing:
        return
    print(f"docs: {len(missing)} of {len(wanted)} to be made, the others are kept", flush=True)
    failed, begin = [], time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(PROCESSES, len(missing)), _prepare) as pool:
        for i, (job, trouble, seconds) in enumerate(pool.imap_unordered(_made, missing), start=1):
            text = f"docs: {i} of {len(missing)}  {job.kind} {job.name}, {seconds:.0f} s of CPU"
            print(text if trouble is None else f"{text}: FAILED\n{trouble}", flush=True)
            failed += [] if trouble is None else [job.name]
    print(f"docs: all made in {time.monotonic() - begin:.0f} s, kept in {KEPT}", flush=True)
    if failed:
        raise SystemExit(f"docs: these failed: {', '.join(failed)}")
    for old in set(KEPT.glob("*-*")) - set(wanted.values()):
        shutil.rmtree(old)


def _prepare() -> None:
    """Before anything is computed in a process: threads, compiler and the look of figures."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.path.insert(0, str(ROOT / "tests"))
    import compiling

    compiling.little()
    compiling.kept_in(ROOT / ".cache" / "programs")
    drawn.prepare()


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
        jax.clear_caches()
        jax.config.update("jax_enable_x64", False)
    return job, trouble, time.process_time() - begin


if __name__ == "__main__":
    make_all()
