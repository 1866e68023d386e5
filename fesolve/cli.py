"""The command line: `fesolve list` and `fesolve solve NAME`."""

import argparse
import contextlib
import inspect
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

import fesolve as fe
from fesolve import problems


NOT_SOLVED = 1
WRONG_INPUT = 2
INTERRUPTED = 130


def main() -> None:
    """The console script: compiled programs are kept between processes, which is an application's
    choice and not a library's."""
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)
    sys.exit(run(sys.argv[1:]))


def run(words: Sequence[str]) -> int:
    """What the command line `words` asks for; the exit status."""
    try:
        command = _parser(words).parse_args(list(words))
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
        print(f"{name:{width}}  {_documentation(problem)[0]}")
    return 0


def solve(name: str, options: dict[str, Any]) -> int:
    """Solves one problem, prints its report and leaves figure, report and solution in a folder."""
    own = inspect.signature(problems.catalogue[name]).parameters
    problem = problems.catalogue[name](**{key: options[key] for key in own})
    hypothesis = options["hypothesis"]
    sizes = _sizes(problem, hypothesis, options)
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
    report = fe.RiskReport(solution.value, exact=problem.exact, **risks)
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


@dataclass
class Clock:
    """Seconds of a stretch of work, and how many of them JAX spent tracing and compiling."""

    total: float = 0.0
    spans: list[tuple[float, float]] = field(default_factory=list)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        def listen(event: str, seconds: float, **_: Any) -> None:
            if event.startswith("/jax/core/compile/"):
                now = time.perf_counter()
                self.spans.append((now - seconds, now))

        jax.monitoring.register_event_duration_secs_listener(listen)
        start = time.perf_counter()
        try:
            yield
        finally:
            self.total = time.perf_counter() - start
            jax.monitoring.unregister_event_duration_listener(listen)

    @property
    def compiling(self) -> float:
        """The length of the union of the spans: a function traced inside another counts once."""
        total, end = 0.0, -np.inf
        for first, last in sorted(self.spans):
            total += max(0.0, last - max(first, end))
            end = max(end, last)
        return min(total, self.total)


def cache_folder() -> Path:
    """Where this system keeps what a user's programs can do without."""
    if platform.system() == "Windows":
        home = os.environ.get("LOCALAPPDATA", str(Path.home() / "AppData" / "Local"))
    elif platform.system() == "Darwin":
        home = str(Path.home() / "Library" / "Caches")
    else:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "fesolve" / "compiled"


def _parser(words: Sequence[str]) -> Any:
    try:
        from jsonargparse import ArgumentParser
    except ImportError as error:
        raise ImportError(
            "The command line needs jsonargparse, which is not installed: "
            "pip install 'fesolve[cli]'"
        ) from error
    style: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = ArgumentParser(
        prog="fesolve",
        description="Solve functional equations by empirical risk minimisation, and judge them.",
        version=fe.__version__,
        **style,
    )
    commands = parser.add_subcommands(title="commands", metavar="COMMAND")
    commands.add_subcommand(
        "list",
        ArgumentParser(usage="fesolve list", description="List the problems.", **style),
        help="list the problems",
    )
    solve_parser = ArgumentParser(
        description="Solve a problem of the catalogue.",
        epilog="`fesolve solve NAME --help` shows the options and parameters of one problem.",
        **style,
    )
    commands.add_subcommand("solve", solve_parser, help="solve a problem and report on it")
    names = solve_parser.add_subcommands(title="problems", metavar="NAME")
    for name, problem in problems.catalogue.items():
        summary, details = _documentation(problem)
        text = "\n".join([summary, *(["", details] if details else [])])
        one = ArgumentParser(description=text, usage=f"fesolve solve {name} [options]", **style)
        # Only the problem that is asked for is built, for its defaults.
        if name in words:
            _add_options(one, name, problem)
        names.add_subcommand(name, one, help=summary)
    return parser


def _add_options(parser: Any, name: str, function: Callable[..., problems.Problem]) -> None:
    problem = function()
    kinds = tuple(problem.hypotheses)
    group = parser.add_argument_group("hypothesis and sample")
    group.add_argument(
        "--hypothesis",
        choices=kinds,
        default=kinds[0],
        help=f"what f is made of: {' or '.join(kinds)} (default: {kinds[0]})",
    )
    for size, by_kind in _every_size(problem).items():
        defaults = ", ".join(f"{default} for {kind}" for kind, default in by_kind.items())
        text = f"{SIZES.get(size, size)} (default: {defaults})"
        group.add_argument(f"--{size}", type=int, default=None, metavar="N", help=text)
    defaults = ", ".join(f"{problem.choice(kind).points} for {kind}" for kind in kinds)
    group.add_argument(
        "--points",
        type=int,
        default=None,
        metavar="N",
        help=f"points to train on, per coordinate where they form a grid (default: {defaults})",
    )
    group.add_argument(
        "--test-points",
        type=int,
        default=10_000,
        metavar="N",
        help="fresh points for the report (default: 10000)",
    )
    group.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of every random draw (default: 0)"
    )
    group.add_argument(
        "--precision",
        type=Literal[32, 64],
        default=64,
        metavar="32|64",
        help="bits of a floating-point number (default: 64)",
    )
    group.add_argument(
        "--out",
        type=str,
        default=f"results/{name}",
        metavar="DIR",
        help=f"where figure, report and solution are written (default: results/{name})",
    )
    parameters = inspect.signature(function).parameters
    if parameters:
        group = parser.add_argument_group("parameters of the model")
    notes = _notes(function)
    for parameter in parameters.values():
        text = f"{notes.get(parameter.name, '')} (default: {parameter.default})".strip()
        group.add_argument(
            f"--{parameter.name}",
            type=parameter.annotation,
            default=parameter.default,
            metavar=_metavar(parameter.annotation),
            help=text,
        )


SIZES = {
    "degree": "degree of the polynomials",
    "width": "units in a layer",
    "depth": "hidden layers",
    "elements": "number of elements",
}


def _every_size(problem: problems.Problem) -> dict[str, dict[str, int]]:
    """The sizes of all hypotheses: for each, its default by kind of hypothesis."""
    sizes: dict[str, dict[str, int]] = {}
    for kind, make in problem.hypotheses.items():
        for size in inspect.signature(make).parameters.values():
            sizes.setdefault(size.name, {})[kind] = size.default
    return sizes


def _documentation(function: Callable) -> tuple[str, str]:
    """The first line of a docstring, and what stands between it and the arguments."""
    text = inspect.getdoc(function) or ""
    summary, _, rest = text.partition("\n")
    return summary, rest.split("**Arguments:**")[0].strip()


def _notes(function: Callable) -> dict[str, str]:
    """What a docstring says of each argument, as one line."""
    text = (inspect.getdoc(function) or "").partition("**Arguments:**")[2]
    found = re.findall(r"^- `(\w+)`: (.*?)(?=^- `|^\S|\Z)", text, re.DOTALL | re.MULTILINE)
    return {name: " ".join(note.split()).rstrip(".") for name, note in found}


def _metavar(annotation: Any) -> str:
    options = getattr(annotation, "__args__", None)
    if options:
        return "|".join(str(option) for option in options)
    return getattr(annotation, "__name__", str(annotation)).upper()


def _sizes(problem: problems.Problem, hypothesis: str, options: dict[str, Any]) -> dict[str, int]:
    """The sizes of the chosen hypothesis: those that were given, and its defaults."""
    every = _every_size(problem)
    own = [size for size, by_kind in every.items() if hypothesis in by_kind]
    for size, by_kind in every.items():
        if options[size] is not None and size not in own:
            raise ValueError(
                f"--{size} is a size of {' and '.join(by_kind)}; --hypothesis {hypothesis} has "
                f"{', '.join('--' + name for name in own)}"
            )
    return {s: every[s][hypothesis] if options[s] is None else options[s] for s in own}


def _device() -> str:
    device = jax.devices()[0]
    cores = f", {os.cpu_count()} cores" if device.platform == "cpu" else ""
    return f"{device.device_kind}{cores}"


def _trouble(solution: fe.Solution, report: fe.RiskReport, facts: dict[str, Any]) -> str | None:
    """Why this is no solution: by the solver, by the report, or by someone else's numbers."""
    if not bool(solution.solved):
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


def _show(facts: dict[str, Any], report: Any) -> None:
    given = ", ".join(f"{key} = {value}" for key, value in facts["parameters"].items())
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
    figure = plots.solution(
        f,
        risks,
        functions=problem.functions(f),
        exact=exact,
        coordinates=problem.coordinates,
        title=f"{facts['problem']}, {facts['hypothesis']['kind']}",
    )
    figure.savefig(folder / "figure.png", dpi=150)
    text = json.dumps({**facts, "report": report.to_dict()}, indent=2, default=float)
    (folder / "report.json").write_text(text + "\n")
    fe.save(folder / "solution.fe", f)
    print(f"\nwritten to {folder}: figure.png, report.json, solution.fe")


def _stop(sentence: str, status: int) -> int:
    print(f"fesolve: {sentence}", file=sys.stderr)
    return status
