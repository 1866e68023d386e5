"""What is compiled for each problem of the catalogue, solve and report, and how long it takes."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.random as jr

import fesolve as fe
from fesolve import problems


_SECONDS: dict[str, list[float]] = {"trace": [], "compile": []}
_EVENTS = {
    "jaxpr_trace_duration": "trace",
    "jaxpr_to_mlir_module_duration": "trace",
    "backend_compile_duration": "compile",
}


def _listen(event: str, duration: float, **_: Any) -> None:
    kind = _EVENTS.get(event.rpartition("/")[2])
    if kind is not None:
        _SECONDS[kind].append(duration)


class Programs(NamedTuple):
    """How many programs a call compiles, and the seconds of it: tracing, compiling, and once more
    with everything compiled."""

    count: int
    trace: float
    compile: float
    run: float


def programs(call: Callable[[], Any]) -> Programs:
    """What is compiled by the first call."""
    before = {kind: len(found) for kind, found in _SECONDS.items()}
    jax.block_until_ready(jax.tree.leaves(call()))
    new = {kind: found[before[kind] :] for kind, found in _SECONDS.items()}
    begin = time.perf_counter()
    jax.block_until_ready(jax.tree.leaves(call()))
    run = time.perf_counter() - begin
    return Programs(len(new["compile"]), sum(new["trace"]), sum(new["compile"]), run)


def of_problem(name: str) -> tuple[Programs, Programs]:
    """Solve and report of a problem of the catalogue, by its first hypothesis, from nothing."""
    jax.clear_caches()
    problem = problems.catalogue[name]()
    start, sample, draws, fresh, elsewhere = jr.split(jr.key(0), 5)
    choice = problem.choice(next(iter(problem.hypotheses)))
    train, f = choice.sample(problem.risk, choice.points, sample), choice.hypothesis(start)
    found: list[fe.Solution] = []

    def solve() -> Any:
        found.append(fe.solve(train, f, choice.solver, key=draws, throw=False))
        return found[-1].value

    def report() -> str:
        g = found[0].value
        risks = {
            "train": train,
            "test": problem.risk.empirical(10_000, key=fresh),
            **problem.shifted(g, elsewhere),
        }
        return str(fe.RiskReport(found[0], exact=problem.exact, checks=problem.checks(g), **risks))

    return programs(solve), programs(report)


def show(names: list[str]) -> None:
    """A line for each problem."""
    jax.monitoring.register_event_duration_secs_listener(_listen)
    columns = "".join(f"  {word:>8}" for word in ("programs", "trace", "compile", "run"))
    print(f"\n{'seconds of':28}{'solve':>40}{'report':>40}\n{'':28}{2 * columns}")
    for name in names:
        cells = [
            f"  {part.count:>8}  {part.trace:>8.2f}  {part.compile:>8.2f}  {part.run:>8.3f}"
            for part in of_problem(name)
        ]
        print(f"{name:28}" + "".join(cells), flush=True)
