"""fesolve and other tools on the same problems, in one run: `python tests/compare/run.py`.

Each tool runs in an environment of its own, made once in `.cache/compare`; pip's own settings, such
as `PIP_CONSTRAINT`, choose versions. Rows that stand in the file of `--out` are not measured again.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import environments
import summary
from problems import PROBLEMS


PEERS = ("fesolve", "scipy", "nlls_gram", "jinns", "deepxde", "pina", "neurodiffeq")
# What tells most comes first, for runs that are cut short.
ORDER = (
    "logistic", "van_der_pol", "poisson", "missing", "decay", "layer",
    "fold", "blow_up", "bratu", "heat", "unstable",
)  # fmt: skip
TRAPS = ("missing", "fold", "blow_up", "unstable")
JUDGES = ("fesolve", "scipy", "nlls_gram")
QUICK = ("decay", "logistic", "missing")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="three problems, in five minutes")
    parser.add_argument("--only", metavar="TOOL", action="append", choices=PEERS)
    parser.add_argument("--problem", action="append", choices=ORDER)
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON lines, kept and continued")
    parser.add_argument(
        "--seconds", type=float, help="of the processor that a tool has (20; quick: 8)"
    )
    parser.add_argument("--threads", type=int, default=1, help="of every tool (1)")
    parser.add_argument("--docs", action="store_true", help="puts the result into docs/")
    parser.add_argument("--summary", action="store_true", help="what FILE says; measures nothing")
    options = parser.parse_args()
    seconds = options.seconds or (8.0 if options.quick else 20.0)
    rows = read(options.out)
    if not options.summary:
        rows = campaign(cells(options), rows, options.out, seconds, options.threads)
    print(summary.page(rows))
    if options.docs:
        summary.write(rows)
    return 0


def read(path: Path | None) -> list[dict]:
    if path is None or not path.exists():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def cells(options) -> list[tuple[environments.Peer, str, str]]:
    """Tools, settings and problems, first settings first; at what has no answer, one setting of a
    tool that does not judge is enough."""
    problems = options.problem or (QUICK if options.quick else ORDER)
    found = []
    for number in range(1 if options.quick else 2):
        for problem in problems:
            for peer in map(environments.peer, options.only or PEERS):
                if number == 0 or problem not in TRAPS or peer.name in JUDGES:
                    found.append((peer, list(peer.settings)[number], problem))
    return found


def campaign(todo, rows, path, seconds, threads) -> list[dict]:
    """The rows that there are, and those of `todo` that are missing, as they are measured."""
    there = {(row["peer"], row["setting"], row["problem"]) for row in rows}
    todo = [cell for cell in todo if (cell[0].name, *cell[1:]) not in there]
    begin = time.perf_counter()
    for i, (peer, setting, problem) in enumerate(todo, start=1):
        row = measured(peer, setting, problem, seconds, threads)
        rows.append(row)
        spent = time.perf_counter() - begin
        line = f"{i}/{len(todo)} {spent:5.0f} s  {problem}, {peer.name}, {setting}: "
        print((line + summary.said(row))[:110], file=sys.stderr, flush=True)
        if path is not None:
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
    return rows


def measured(peer, setting, problem, seconds, threads) -> dict:
    """One row: the answers of a tool, with their errors and times."""
    row = {
        "peer": peer.name,
        "setting": setting,
        "problem": problem,
        "seconds": seconds,
        "threads": threads,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "cold": [],
        "warm": [],
        "failure": "",
    }
    if problem in peer.cannot:
        return row | {"failure": f"cannot be stated: {peer.cannot[problem]}"}
    try:
        interpreter = environments.python(peer)
    except RuntimeError as error:
        return row | {"failure": str(error)}
    return row | ran(interpreter, (peer.name, setting, problem), seconds, threads)


def ran(interpreter, cell, seconds, threads) -> dict:
    """What the process of a tool wrote; one that does not end is ended, and what it said counts."""
    command = [interpreter, environments.HERE / "child.py", *cell, str(seconds)]
    environments.KEPT.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=environments.KEPT,
        env=environments.surroundings(threads),
    )
    try:
        out, errors = process.communicate(timeout=3_600)
    except subprocess.TimeoutExpired:
        process.kill()
        out, errors = process.communicate()
    return understood(out, errors, process.returncode)


def understood(out: str, errors: str, code: int) -> dict:
    """The lines of a child as parts of a row."""
    found: dict = {"cold": [], "warm": [], "failure": "did not end within its time"}
    here = found["cold"]
    for line in out.splitlines():
        try:
            said = json.loads(line)
        except json.JSONDecodeError:  # of a process that was ended while it wrote
            break
        if "run" in said:
            here = found[said["run"]]
        elif "done" in said:
            found["failure"] = ""
        elif "error" in said:
            here.append(said)
        else:
            found |= said
    said = errors.strip().splitlines()
    if found["failure"] and code > 0 and "Traceback (most recent call last):" in said:
        found["failure"] = said[-1][:200]
    return found


if __name__ == "__main__":
    assert set(ORDER) == set(PROBLEMS)
    sys.exit(main())
