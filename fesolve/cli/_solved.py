"""One problem: solved, judged, shown and written."""

import inspect
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import PRNGKeyArray

import fesolve as fe
from fesolve import problems

from ._clock import Clock
from ._doing import doing
from ._parser import sizes_of
from ._status import folded, INTERRUPTED, NOT_SOLVED, NotWritten, stop


def solve(name: str, function: Callable, options: dict[str, Any]) -> int:
    """Solves one problem, prints its report and leaves figure, report and solution in a folder."""
    out = Path(options["out"])
    check_writable(out)
    own = inspect.signature(function).parameters
    problem = function(**{key: options[key] for key in own})
    hypothesis = options["hypothesis"]
    sizes = sizes_of(problem, hypothesis, options)
    keys = _keys(jr.key(options["seed"]))
    choice = problem.choice(hypothesis, **sizes)
    points = choice.points if options["points"] is None else options["points"]
    train = choice.sample(problem.risk, points, keys[0])

    clock = Clock()
    status = 0
    with clock.running():
        try:
            solution = fe.solve(
                train,
                choice.hypothesis(keys[1]),
                choice.solver,
                key=keys[2],
                monitors=(fe.Progress(),),
                throw=False,
            )
            jax.block_until_ready(eqx.filter(solution.value, eqx.is_array))
        except fe.Interrupted as stopped:
            solution, status = stopped.solution, INTERRUPTED

    risks = {
        "train": train,
        "test": problem.risk.empirical(options["test_points"], key=keys[3]),
        **problem.shifted(solution.value, keys[4]),
    }
    with doing("the report: fresh points, the worst point, the error of f"):
        checks = problem.checks(solution.value)
        report = fe.RiskReport(solution, exact=problem.exact, checks=checks, **risks)
    found = problem.found(solution.value)
    facts = {
        "problem": name,
        "parameters": {key: options[key] for key in own},
        "hypothesis": {"kind": hypothesis, **sizes, "unknowns": _count(solution, "unknowns")},
        "points": counted(train),
        "points_per_coordinate": points,
        "seed": options["seed"],
        "precision": options["precision"],
        **_facts(solution, clock),
        "references": _references(problem, found),
        "source": problem.source,
    }
    everything = json.dumps({**facts, "report": report.to_dict()}, indent=2, default=float)
    if options["json"]:
        print(everything)
    else:
        _show(facts, report)
    with doing("the figure"):
        _write(out, problem, solution.value, risks, report, facts, everything)
    if not options["json"]:
        print(f"\nwritten to {out}: figure.png, report.json, solution.fe")
    if status == INTERRUPTED:
        return stop("interrupted: the above is the best so far", INTERRUPTED)
    trouble = problem.trouble(solution, report, found)
    return stop(f"{name} was not solved: {trouble}", NOT_SOLVED) if trouble else 0


def _facts(solution: fe.Solution, clock: Clock) -> dict[str, Any]:
    """How the solve ended, where, and what it took."""
    return {
        "device": _device(),
        "steps": _count(solution, "steps"),
        "compile_seconds": round(clock.compiling, 4),
        "solve_seconds": round(clock.total - clock.compiling, 4),
        "result": str(fe.RESULTS[solution.result]),
    }


def _count(solution: fe.Solution, name: str) -> int:
    return int(solution.stats.get(name, 0))


@jax.jit
def _keys(key: PRNGKeyArray) -> list[PRNGKeyArray]:
    """Those of the sample, the hypothesis, the solver, the test points and other distributions."""
    *first, last = jr.split(key, 4)
    return [*first, *jr.split(last)]


def check_writable(folder: Path) -> None:
    """Makes the folder, and a file in it for a moment.

    **Raises:** `NotWritten` where that cannot be done, before anything is solved in vain.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise NotWritten(
            f"cannot write to {folder}: {error.strerror}. `--out DIR` says where figure, report "
            "and solution go"
        ) from None


def counted(risk: fe.AbstractRisk) -> list[int]:
    """The points of each term that stands on a sample."""
    return [t.count for t in risk.terms if isinstance(t.distribution, fe.Empirical)]


def _points(facts: dict[str, Any]) -> str:
    """How many points there are, and how many along a coordinate where that is another number."""
    counts, along = facts["points"], facts["points_per_coordinate"]
    text = f"{' + '.join(f'{count:,}' for count in counts)} points"
    return text if along in counts[:1] else f"{text} ({along} per coordinate)"


def _references(problem: problems.Problem, found: dict[str, float]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "value": found[name],
            "reference": r.value,
            "tolerance": r.tolerance,
            "source": r.source,
        }
        for name, r in problem.references.items()
    }


def _device() -> str:
    device = jax.devices()[0]
    cores = f", {os.cpu_count()} cores" if device.platform == "cpu" else ""
    return f"{device.device_kind}{cores}"


def _show(facts: dict[str, Any], report: Any) -> None:
    parameters = facts["parameters"].items()
    given = ", ".join(f"{key} = {value}" for key, value in parameters if value is not None)
    made_of = dict(facts["hypothesis"])
    kind, unknowns = made_of.pop("kind"), made_of.pop("unknowns")
    sizes = ", ".join(f"{key} {value}" for key, value in made_of.items())
    points, seed = _points(facts), facts["seed"]
    print(folded(f"{facts['problem']}: {given}" if given else facts["problem"], "  "))
    print(folded(f"{kind}, {sizes}, {unknowns} unknowns; {points}; seed {seed}", "  "))
    seconds = f"compiling {facts['compile_seconds']:.2f} s, solving {facts['solve_seconds']:.3f} s"
    device = f"float{facts['precision']} on {facts['device']}"
    steps = "1 step" if facts["steps"] == 1 else f"{facts['steps']} steps"
    print(folded(f"{device}; {steps}; {seconds}", "  "))
    print()
    print(report)
    for name, r in facts["references"].items():
        print(f"{name} = {r['value']:.10g}, off its reference by {r['value'] - r['reference']:.1e}")


def _write(
    folder: Path,
    problem: problems.Problem,
    f: Any,
    risks: dict[str, fe.AbstractRisk],
    report: Any,
    facts: dict[str, Any],
    everything: str,
) -> None:
    import matplotlib as mpl

    # A figure for a file needs no screen.
    mpl.use("agg")
    from fesolve import plots

    exact = problem.exact
    panels = plots.solution(
        f,
        risks,
        functions=problem.functions(f),
        exact=exact,
        error=report.error,
        report=report,
        coordinates=problem.coordinates,
        along=problem.along,
        over=problem.over,
        title=f"{facts['problem']}, {facts['hypothesis']['kind']}",
    )
    try:
        (folder / "report.json").write_text(everything + "\n")
        fe.save(folder / "solution.fe", f)
        panels[0].figure.savefig(folder / "figure.png", dpi=150)
    except OSError as error:
        raise NotWritten(f"cannot write to {folder}: {error.strerror}") from None
