"""Writes the page of problems from the catalogue: solves each problem and draws its figure."""

import inspect
import io
from typing import Any

import jax
import jax.random as jr
import matplotlib as mpl
from mkdocs.structure.files import File, Files


mpl.use("agg")


def on_files(files: Files, *, config: Any) -> Files:
    from fesolve import problems

    page = [
        "# Problems\n",
        "The catalogue. Each problem is a function of its parameters, solved here as it stands by",
        "its first hypothesis; `fesolve solve NAME` does the same.\n",
        "| problem | equation |",
        "|---|---|",
    ]
    page += [
        f"| [{name}](#{name}) | {_first_line(problem)} |"
        for name, problem in problems.catalogue.items()
    ]
    with jax.enable_x64(True):
        for name, function in problems.catalogue.items():
            page += ["", f"## {name} {{ #{name} }}", "", *_section(name, function)]
            picture = File.generated(config, f"figures/{name}.png", content=_figure(function()))
            files.append(picture)
    files.append(File.generated(config, "problems.md", content="\n".join(page) + "\n"))
    return files


def _first_line(function: Any) -> str:
    return inspect.getdoc(function).splitlines()[0].replace("|", r"\|")


def _section(name: str, function: Any) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    call = ", ".join(f"{p.name}={p.default!r}" for p in parameters)
    problem = function()
    references = [f"- {key} = {r.value:.10g}" for key, r in problem.references.items()]
    return [
        f"`problems.{name}({call})`\n",
        inspect.getdoc(function),
        "",
        f"**Source:** {problem.source}",
        "",
        *(["**References:**", "", *references, ""] if references else []),
        f"![{name}](figures/{name}.png)",
    ]


def _figure(problem: Any) -> bytes:
    import matplotlib.pyplot as plt

    from fesolve import plots

    kind = next(iter(problem.hypotheses))
    f = problem.solve(kind).value
    sample, test, shifted = jr.split(jr.key(0), 3)
    choice = problem.choice(kind)
    risks = {
        "train": choice.sample(problem.risk, choice.points, sample),
        "test": problem.risk.empirical(5_000, key=test),
        **problem.shifted(f, shifted),
    }
    figure = plots.solution(
        f,
        risks,
        functions=problem.functions(f),
        exact=problem.exact,
        coordinates=problem.coordinates,
    )
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110)
    plt.close(figure)
    return buffer.getvalue()
