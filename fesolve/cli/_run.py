"""What each command does."""

import inspect
import json
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.random as jr

import fesolve as fe
from fesolve import problems

from ._cache import use_cache
from ._clock import Clock
from ._parser import parsed, sizes_of, summary_of


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
        words = list(words)
        if words[:1] == ["run"] and len(words) > 1 and not words[1].startswith("-"):
            fe.experiment(words[1], words[2:])
            return 0
        own = _own(words)
        catalogue = {**problems.catalogue, **own}
        words = [words[0], *own, *words[2:]] if own else words
        command = parsed(words, catalogue)
        match command.subcommand:
            case "list":
                return list_problems()
            case "sweep":
                return sweep(command.sweep)
            case "table":
                return show_table(command.table)
            case "run":
                return _stop("`fesolve run` needs `model.py:function`", WRONG_INPUT)
        name = command.solve.subcommand
        options = command.solve[name]
        with jax.enable_x64(options.precision == 64):
            return solve(name, catalogue[name], options.as_dict())
    except fe.SolveError as error:
        return _stop(str(error), NOT_SOLVED)
    except (ValueError, ImportError) as error:
        # What was asked for cannot be done, and the sentence says why; a bug keeps its traceback.
        notes = "".join(f". {note}" for note in getattr(error, "__notes__", ()))
        return _stop(f"{error}{notes}", WRONG_INPUT)


def _own(words: Sequence[str]) -> dict[str, Any]:
    """The problem that a file of the user defines, by a name that can be a command."""
    if len(words) < 2 or words[0] != "solve" or ".py" not in words[1]:
        return {}
    path, _, name = words[1].partition(".py")
    path, name = f"{path}.py", name.removeprefix(":")
    if not Path(path).is_file():
        raise ValueError(f"there is no file {path!r} that could define a problem")
    sys.path.insert(0, str(Path(path).resolve().parent))
    found = {k: v for k, v in runpy.run_path(path).items() if _is_problem(v) and k[0] != "_"}
    if name:
        found = {k: v for k, v in found.items() if k == name}
    if len(found) != 1:
        raise ValueError(
            f"{words[1]!r} defines {len(found)} problems{f', {sorted(found)}' if found else ''}: a "
            "problem is a `problems.Problem`, or a function of parameters with defaults that is "
            "annotated to return one; `path/model.py:name` says which"
        )
    (value,), label = found.values(), name or Path(path).stem
    if isinstance(value, problems.Problem):
        made = lambda: value
        made.__doc__ = f"The problem in {path}."
        return {label: made}
    return {label: value}


def _is_problem(value: Any) -> bool:
    if isinstance(value, problems.Problem):
        return True
    if not inspect.isfunction(value) or value.__module__.startswith("fesolve"):
        return False
    kind = inspect.signature(value).return_annotation
    return kind is problems.Problem or str(kind).rpartition(".")[2] == "Problem"


def sweep(options: Any) -> int:
    """Runs the trials of a sweep and shows its table."""

    def told(record: dict[str, Any]) -> None:
        figures = {**record["parameters"], **record["figures"]}
        shown = "  ".join(
            f"{k} {v:.4g}" if _is_float(v) else f"{k} {v}" for k, v in figures.items()
        )
        print(f"trial {record['trial']} {record['state']}  {shown}  {record['seconds']:.2f} s")
        sys.stdout.flush()

    given = {"trials": options.trials, "seed": options.seed, "batch": options.batch}
    table = fe.sweep(options.file, journal=options.journal, told=told, **given)
    print(f"\n{table}")
    return 0


def show_table(options: Any) -> int:
    """Prints the table of a sweep, and writes its page."""
    table = fe.sweep_table(options.journal, name=options.name)
    table = table if options.by is None else table.sorted(options.by)
    print(table)
    is_file = "://" not in options.journal
    beside = Path(options.journal).with_suffix(".html") if is_file else Path("sweep.html")
    path = beside if options.html is None else Path(options.html)
    table.to_html(path)
    print(f"\nwritten to {path}")
    return 0


def _is_float(value: Any) -> bool:
    return isinstance(value, float)


def list_problems() -> int:
    """Prints each problem of the catalogue with one line."""
    width = max(map(len, problems.catalogue))
    for name, problem in problems.catalogue.items():
        print(f"{name:{width}}  {summary_of(problem)}")
    return 0


def solve(name: str, function: Callable, options: dict[str, Any]) -> int:
    """Solves one problem, prints its report and leaves figure, report and solution in a folder."""
    own = inspect.signature(function).parameters
    problem = function(**{key: options[key] for key in own})
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
