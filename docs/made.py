"""What pages show of problems, examples and figures: solved, run and drawn once, by two processes,
and kept in `.cache/docs` until the library or their own text changes."""

import contextlib
import hashlib
import inspect
import io
import multiprocessing
import os
import re
import shutil
import sys
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple


ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".cache" / "docs"
PROCESSES = 2

# The colours of a figure on light and on dark ground: ink first, then those of `fe.plots`.
DARK = {
    "#1f2328": "#e3e6ea",
    "#0072b2": "#4aa8e8",
    "#d55e00": "#f08a3c",
    "#009e73": "#2fc79c",
    "#a368b8": "#c995dc",
    "#c98a00": "#e3b341",
    "#3fa7de": "#8fd0f5",
}
INK = next(iter(DARK))


class Job(NamedTuple):
    """One thing to make: a `problem`, an `example` or a `figure`."""

    kind: str
    name: str

    @property
    def source(self) -> Path:
        """The file whose text it depends on, besides the library."""
        folder = {"problem": "fesolve/problems", "example": "examples", "figure": "docs/figures"}
        prefix = "_" if self.kind == "problem" else ""
        return ROOT / folder[self.kind] / f"{prefix}{self.name}.py"

    def folder(self, library: str) -> Path:
        """Where it is kept; another library or another text is another folder."""
        key = hashlib.sha256((library + self.source.read_text()).encode()).hexdigest()[:12]
        return KEPT / f"{self.kind}-{self.name}-{key}"


def jobs() -> list[Job]:
    """Everything that pages show; what takes longest first."""
    from fesolve import problems

    found = [Job("problem", name) for name in reversed(problems.catalogue)]
    found += [Job("example", path.stem) for path in notebooks()]
    found += [Job("figure", path.stem) for path in sorted((ROOT / "docs/figures").glob("*.py"))]
    return found


def notebooks() -> list[Path]:
    """The examples that are notebooks, and no commands."""
    examples = sorted((ROOT / "examples").glob("*.py"))
    return [path for path in examples if path.read_text().startswith("# %% [markdown]\n")]


def library() -> str:
    """The text of the library, and the version of what it runs on."""
    import jax

    text = "".join(path.read_text() for path in sorted((ROOT / "fesolve").rglob("*.py")))
    own = Path(__file__).read_text()
    return hashlib.sha256((jax.__version__ + own + text).encode()).hexdigest()


def folders() -> dict[Job, Path]:
    """The folder of each job."""
    at = library()
    return {job: job.folder(at) for job in jobs()}


def make_all() -> None:
    """Makes what is not kept.

    **Raises:** `SystemExit` where one failed, after the others are done.
    """
    wanted = folders()
    missing = [(job, folder) for job, folder in wanted.items() if not folder.exists()]
    if not missing:
        return
    failed, begin = [], time.monotonic()
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(PROCESSES, max(len(missing), 1)), _prepare) as pool:
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
    import matplotlib as mpl

    mpl.use("agg")
    ink = dict.fromkeys(
        ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    )
    mpl.rcParams.update({**ink, "svg.hashsalt": "fesolve", "figure.dpi": 200, "font.size": 10.5})


def _made(given: tuple[Job, Path]) -> tuple[Job, str | None, float]:
    job, folder = given
    import jax
    import matplotlib.pyplot as plt

    begin, draft = time.process_time(), folder.with_name(folder.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    trouble = None
    try:
        {"problem": _problem, "example": _example, "figure": _figure}[job.kind](job, draft)
        shutil.rmtree(folder, ignore_errors=True)
        draft.rename(folder)
    except BaseException:
        trouble = traceback.format_exc()
    finally:
        plt.close("all")
        jax.clear_caches()
        jax.config.update("jax_enable_x64", False)
    return job, trouble, time.process_time() - begin


def _save(figure: Any, path: Path) -> None:
    """A figure for light ground, and the same for dark ground."""
    figure.savefig(path, transparent=True, metadata={"Date": None})
    text = path.read_text()
    for light, dark in DARK.items():
        text = text.replace(light, dark)
    path.with_name(f"{path.stem}-dark.svg").write_text(text)


def picture(address: str, alt: str) -> str:
    """The Markdown of a figure, of which the page shows the one for its ground."""
    dark = address.replace(".svg", "-dark.svg")
    return (
        f"![{alt}]({address}#only-light){{ .figure loading=lazy }}"
        f"![{alt}]({dark}#only-dark){{ .figure loading=lazy }}"
    )


def _figure(job: Job, folder: Path) -> None:
    """Runs a script that leaves one figure: the current one, or what it calls `figure`."""
    import matplotlib.pyplot as plt

    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(job.source.read_text(), str(job.source), "exec"), space)
    _save(space.get("figure") or plt.gcf(), folder / "figure.svg")


def cells(text: str) -> list[tuple[bool, str]]:
    """The cells of a script in percent format: whether one is Markdown, and its text."""
    found = []
    for cell in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        head, _, body = cell.partition("\n")
        is_text = "[markdown]" in head
        if is_text:
            body = "\n".join(line.removeprefix("#").removeprefix(" ") for line in body.splitlines())
        found.append((is_text, body.strip("\n")))
    return found


def _example(job: Job, folder: Path) -> None:
    """Runs the cells of an example, and writes a page of them with what they print and draw."""
    import matplotlib.pyplot as plt

    space: dict[str, Any] = {"__name__": "__main__"}
    page, number = [], 0
    for is_text, body in cells(job.source.read_text()):
        if is_text:
            page.append(body)
            continue
        page.append(f"```python\n{body}\n```")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(body, str(job.source), "exec"), space)
        if printed.getvalue().strip():
            page.append(f"```text\n{printed.getvalue().rstrip()}\n```")
        for each in plt.get_fignums():
            number += 1
            _save(plt.figure(each), folder / f"figure{number}.svg")
            page.append(picture(f"{job.name}{number}.svg", f"figure {number} of {job.name}"))
        plt.close("all")
    title, _, rest = "\n\n".join(page).partition("\n")
    links = f"[Notebook]({job.name}.ipynb) · [script]({job.name}.py), to download and run."
    (folder / "page.md").write_text(f"{title}\n\n{links}\n{rest}\n")


def _problem(job: Job, folder: Path) -> None:
    """Solves a problem of the catalogue by its first hypothesis, and writes its page."""
    import jax
    import jax.random as jr
    import matplotlib.pyplot as plt

    import fesolve as fe

    jax.config.update("jax_enable_x64", True)
    function = fe.problems.catalogue[job.name]
    problem = function()
    kind = next(iter(problem.hypotheses))
    solution = problem.solve(kind, throw=False)
    f = solution.value
    sample, test, shifted = jr.split(jr.key(0), 3)
    choice = problem.choice(kind)
    risks = {
        "train": choice.sample(problem.risk, choice.points, sample),
        "test": problem.risk.empirical(2_000, key=test),
        **problem.shifted(f, shifted),
    }
    report = fe.RiskReport(solution, exact=problem.exact, checks=problem.checks(f), **risks)
    look = {"coordinates": problem.coordinates, "along": problem.along}
    shown, exact = problem.functions(f), problem.exact
    axes = [
        fe.plots.functions(shown, risks["test"], exact=exact, error=report.error, **look),
        fe.plots.residuals(f, risks["test"], coordinates=problem.coordinates),
        fe.plots.distribution(f, risks),
    ]
    for name, ax in zip(("solution", "residuals", "distribution"), axes, strict=True):
        _save(ax.figure, folder / f"{name}.svg")
    plt.close("all")
    (folder / "page.md").write_text(_problem_page(job.name, function, problem, f, report))


def _problem_page(name: str, function: Any, problem: Any, f: Any, report: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    given = ", ".join(f"{p.name}={p.default!r}" for p in parameters if p.default is not None)
    kinds = ", ".join(f"`{one}`" for one in problem.hypotheses)
    references = [
        f"| {key} | {r.value:.10g} | {float(r.quantity(f)):.10g} | {r.source or '-'} |"
        for key, r in problem.references.items()
    ]
    if references:
        head = ["| quantity | reference | found | source |", "|---|---|---|---|"]
        references = ["## References", "", *head, *references, ""]
    lines = [
        f"# {name}",
        "",
        inspect.getdoc(function),
        "",
        picture(f"{name}-solution.svg", f"{name}: the solution"),
        "",
        '<div class="pair" markdown>',
        picture(f"{name}-residuals.svg", f"{name}: residuals over the state space"),
        picture(f"{name}-distribution.svg", f"{name}: how many residuals are how large"),
        "</div>",
        "",
        "## Solve it",
        "",
        "```console",
        f"$ fesolve solve {name}",
        "```",
        "",
        "```py",
        "import jax, fesolve as fe",
        "",
        'jax.config.update("jax_enable_x64", True)',
        f"problem = fe.problems.{name}()",
        "solution = problem.solve()",
        "```",
        "",
        f"Parameters and their defaults: `{given}`." if given else "",
        "",
        f"Hypotheses: {kinds}; the first one made this page.",
        "",
        "## Its report",
        "",
        "```text",
        str(report),
        "```",
        "",
        *references,
        f"**Source:** {problem.source}",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    make_all()
