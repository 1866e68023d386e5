"""What a process makes of one problem, example or figure: pictures for light and dark ground, and
what was printed and found. Pages are written from these by `pages.py`."""

import contextlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


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
INK, *COLOURS = DARK
SMALL = (4.2, 3.3)
"""Inches, of two figures that stand side by side."""
SCREEN, PHONE = 80, 44
"""Columns of a report, as wide as a column of the site and as a phone."""


def prepare() -> None:
    """The look of figures, before anything is drawn in a process."""
    import matplotlib as mpl

    mpl.use("agg")
    inked = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    mpl.rcParams.update(dict.fromkeys(inked, INK))
    mpl.rcParams.update({"svg.hashsalt": "fesolve", "figure.dpi": 200, "font.size": 10.5})
    mpl.rcParams.update({"axes.spines.top": False, "axes.spines.right": False})
    mpl.rcParams.update({"figure.figsize": (5.2, 3.7), "figure.constrained_layout.use": True})
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=COLOURS)


def save(figure: Any, path: Path) -> None:
    """A figure for light ground, and the same for dark ground."""
    figure.savefig(path, transparent=True, metadata={"Date": None})
    text = path.read_text()
    for light, dark in DARK.items():
        text = text.replace(light, dark)
    path.with_name(f"{path.stem}-dark.svg").write_text(text)


def figure(source: Path, folder: Path) -> None:
    """Runs a script that leaves one figure: the current one, or what it calls `figure`."""
    import matplotlib.pyplot as plt

    space: dict[str, Any] = {"__name__": "__main__", "__file__": str(source)}
    exec(compile(source.read_text(), str(source), "exec"), space)
    save(space.get("figure") or plt.gcf(), folder / "figure.svg")


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


def example(source: Path, folder: Path) -> None:
    """Runs the cells of an example, and keeps what each prints and draws."""
    import matplotlib.pyplot as plt

    space: dict[str, Any] = {"__name__": "__main__"}
    number, found = 0, []
    for is_text, body in cells(source.read_text()):
        if is_text:
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(body, str(source), "exec"), space)
        drawn = []
        for each in plt.get_fignums():
            number += 1
            save(plt.figure(each), folder / f"figure{number}.svg")
            drawn.append(number)
        plt.close("all")
        found.append({"printed": printed.getvalue().rstrip(), "figures": drawn})
    (folder / "found.json").write_text(json.dumps(found))


def judged(problem: Any) -> tuple[Any, Any, Any]:
    """A problem solved by its first hypothesis: the solution, the report, and the risk at fresh
    points."""
    import jax.random as jr

    import fesolve as fe

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
    return solution, report, risks["test"]


def problem(function: Callable[[], Any], folder: Path) -> None:
    """Solves a problem by its first hypothesis, judges f once, and draws it from that report."""
    import jax
    import matplotlib.pyplot as plt

    import fesolve as fe

    jax.config.update("jax_enable_x64", True)
    problem = function()
    solution, report, test = judged(problem)
    f = solution.value
    where, names = (test, problem.coordinates) if problem.over is None else (problem.over, None)
    look = {"coordinates": names, "along": problem.along}
    shown, exact = problem.functions(f), problem.exact
    ax = fe.plots.functions(shown, where, exact=exact, error=report.error, **look)
    save(ax.figure, folder / "solution.svg")
    pair, names = {"report": report.plot()}, {"coordinates": problem.coordinates}
    if len(problem.coordinates) > 1:  # along a line the report has drawn them already
        pair["residuals"] = fe.plots.residuals(f, test, report=report, **names)
    else:
        pair["report"].set_xlabel(problem.coordinates[0])
    for name, ax in pair.items():
        if len(pair) > 1:
            ax.figure.set_size_inches(SMALL)
        save(ax.figure, folder / f"{name}.svg")
    plt.close("all")
    values = problem.found(f)
    found = {
        "trouble": problem.trouble(solution, report, values),
        "hypotheses": list(problem.hypotheses),
        "report": {width: report.table.text(width) for width in (SCREEN, PHONE)},
        "references": [
            (name, f"{r.value:.10g}", f"{values[name]:.10g}", r.source or "-")
            for name, r in problem.references.items()
        ],
        "source": problem.source,
    }
    (folder / "found.json").write_text(json.dumps(found))
