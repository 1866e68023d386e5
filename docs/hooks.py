"""Writes the pages of problems from the catalogue: each problem is solved, judged and drawn."""

import inspect
import io
from typing import Any

import jax
import jax.random as jr
import matplotlib as mpl
from mkdocs.structure.files import File, Files


mpl.use("agg")


def on_config(config: Any) -> Any:
    """A page for each problem, below the list of all."""
    from fesolve import problems

    for entry in config["nav"]:
        if "Problems" in entry:
            pages = [{name: f"problems/{name}.md"} for name in problems.catalogue]
            entry["Problems"] = [{"All problems": "problems.md"}, *pages]
    return config


def on_files(files: Files, *, config: Any) -> Files:
    from fesolve import problems

    page = [
        "# Problems\n",
        "The catalogue. Each problem is a function of its parameters, solved on its page by its",
        "first hypothesis; `fesolve solve NAME` does the same.\n",
        "| problem | equation |",
        "|---|---|",
    ]
    page += [
        f"| [{name}](problems/{name}.md) | {_first_line(problem)} |"
        for name, problem in problems.catalogue.items()
    ]
    files.append(File.generated(config, "problems.md", content="\n".join(page) + "\n"))
    with jax.enable_x64(True):
        for name, function in problems.catalogue.items():
            text, picture = _solved(name, function)
            files.append(File.generated(config, f"problems/{name}.md", content=text))
            files.append(File.generated(config, f"problems/{name}.png", content=picture))
            jax.clear_caches()
    return files


def _first_line(function: Any) -> str:
    return inspect.getdoc(function).splitlines()[0].replace("|", r"\|")


def _solved(name: str, function: Any) -> tuple[str, bytes]:
    """The page of a problem and its figure."""
    import fesolve as fe

    problem = function()
    kind = next(iter(problem.hypotheses))
    f = problem.solve(kind).value
    sample, test, shifted = jr.split(jr.key(0), 3)
    choice = problem.choice(kind)
    risks = {
        "train": choice.sample(problem.risk, choice.points, sample),
        "test": problem.risk.empirical(5_000, key=test),
        **problem.shifted(f, shifted),
    }
    report = fe.RiskReport(f, exact=problem.exact, checks=problem.checks(f), **risks)
    parameters = inspect.signature(function).parameters.values()
    call = ", ".join(f"{p.name}={p.default!r}" for p in parameters if p.default is not None)
    kinds = ", ".join(f"`{one}`" for one in problem.hypotheses)
    references = [
        f"| {key} | {r.value:.10g} | {float(r.quantity(f)):.10g} | {r.source or '-'} |"
        for key, r in problem.references.items()
    ]
    if references:
        head = ["| quantity | reference | found | source |", "|---|---|---|---|"]
        references = ["**References**", "", *head, *references, ""]
    lines = [
        f"# {name}",
        "",
        f"`problems.{name}({call})`",
        "",
        inspect.getdoc(function),
        "",
        f"**Hypotheses:** {kinds}",
        "",
        f"**Source:** {problem.source}",
        "",
        *references,
        f"![policy and errors]({name}.png)",
        "",
        "```text",
        str(report),
        "```",
        "",
    ]
    return "\n".join(lines), _figure(problem, f, risks)


def _figure(problem: Any, f: Any, risks: dict[str, Any]) -> bytes:
    import matplotlib.pyplot as plt

    from fesolve import plots

    panels = plots.solution(
        f,
        risks,
        functions=problem.functions(f),
        exact=problem.exact,
        coordinates=problem.coordinates,
        along=problem.along,
    )
    buffer = io.BytesIO()
    panels[0].figure.savefig(buffer, dpi=110)
    plt.close("all")
    return buffer.getvalue()
