"""`fesolve list` and `fesolve solve NAME`."""

import inspect
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.random as jr

import fesolve as fe
from fesolve import problems

from ._cache import use_cache
from ._clock import Clock
from ._parser import parser, sizes_of, summary_of


NOT_SOLVED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


def main() -> None:
    """The console script: compiled programs are kept between processes, which is an application's
    choice and not a library's."""
    use_cache()
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """What the command line `words` asks for; the exit status."""
    try:
        command = parser(words).parse_args(list(words))
        if command.subcommand == "list":
            return list_problems()
        with jax.enable_x64(command.solve[command.solve.subcommand].precision == 64):
            return solve(
                command.solve.subcommand, command.solve[command.solve.subcommand].as_dict()
            )
    except (ValueError, ImportError) as error:
        # What was asked for cannot be done, and the sentence says why; a bug keeps its traceback.
        return _stop(str(error), WRONG_INPUT)


def list_problems() -> int:
    """Prints each problem of the catalogue with one line."""
    width = max(map(len, problems.catalogue))
    for name, problem in problems.catalogue.items():
        print(f"{name:{width}}  {summary_of(problem)}")
    return 0


def solve(name: str, options: dict[str, Any]) -> int:
    """Solves one problem, prints its report and leaves figure, report and solution in a folder."""
    own = inspect.signature(problems.catalogue[name]).parameters
    problem = problems.catalogue[name](**{key: options[key] for key in own})
    hypothesis = options["hypothesis"]
    sizes = sizes_of(problem, hypothesis, options)
    keys = jr.split(jr.key(options["seed"]), 4)
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

    test_key, shifted_key = jr.split(keys[3])
    risks = {
        "train": train,
        "test": problem.risk.empirical(options["test_points"], key=test_key),
        **problem.shifted(solution.value, shifted_key),
    }
    report = fe.RiskReport(
        solution, exact=problem.exact, checks=problem.checks(solution.value), **risks
    )
    facts = {
        "problem": name,
        "parameters": {key: options[key] for key in own},
        "hypothesis": {
            "kind": hypothesis,
            **sizes,
            "unknowns": int(solution.stats.get("unknowns", 0)),
        },
        "points": points,
        "seed": options["seed"],
        "precision": options["precision"],
        "device": _device(),
        "steps": int(solution.stats.get("steps", 0)),
        "compile_seconds": round(clock.compiling, 4),
        "solve_seconds": round(clock.total - clock.compiling, 4),
        "result": str(fe.RESULTS[solution.result]),
        "references": _references(problem, solution.value),
        "source": problem.source,
    }
    _show(facts, report)
    _write(Path(options["out"]), problem, solution.value, risks, report, facts)
    if status == INTERRUPTED:
        return _stop("interrupted: the above is the best so far", INTERRUPTED)
    trouble = _trouble(solution, report, facts)
    return _stop(f"{name} was not solved: {trouble}", NOT_SOLVED) if trouble else 0


def _trouble(solution: fe.Solution, report: fe.RiskReport, facts: dict[str, Any]) -> str | None:
    """Why this is no solution: by the solver, by the report, or by someone else's numbers."""
    if bool(solution.failed):
        return facts["result"]
    if not report.solved:
        return report.verdict
    for name, r in facts["references"].items():
        off = abs(r["value"] - r["reference"]) / max(abs(r["reference"]), 1e-300)
        if not off <= r["tolerance"]:
            return (
                f"the residuals are small, but {name} is {100 * off:.2g} % off its reference, so "
                "that this is another solution of the same equation, or hardly determined by it"
            )
    return None


def _references(problem: problems.Problem, f: Any) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "value": float(r.quantity(f)),
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
    print(f"{facts['problem']}: {given}" if given else facts["problem"])
    print(f"{kind}, {sizes}, {unknowns} unknowns; {facts['points']} points; seed {facts['seed']}")
    print(
        f"float{facts['precision']} on {facts['device']}; {facts['steps']} steps; "
        f"compiling {facts['compile_seconds']:.2f} s, solving {facts['solve_seconds']:.3f} s"
    )
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
) -> None:
    import matplotlib as mpl

    # A figure for a file needs no screen.
    mpl.use("agg")
    from fesolve import plots

    folder.mkdir(parents=True, exist_ok=True)
    exact = problem.exact
    panels = plots.solution(
        f,
        risks,
        functions=problem.functions(f),
        exact=exact,
        error=report.error,
        coordinates=problem.coordinates,
        along=problem.along,
        title=f"{facts['problem']}, {facts['hypothesis']['kind']}",
    )
    panels[0].figure.savefig(folder / "figure.png", dpi=150)
    text = json.dumps({**facts, "report": report.to_dict()}, indent=2, default=float)
    (folder / "report.json").write_text(text + "\n")
    fe.save(folder / "solution.fe", f)
    print(f"\nwritten to {folder}: figure.png, report.json, solution.fe")


def _stop(sentence: str, status: int) -> int:
    print(f"fesolve: {sentence}", file=sys.stderr)
    return status
