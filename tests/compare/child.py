"""One tool on one problem, in the environment of the tool: a line of JSON for each answer.

`python child.py PEER SETTING PROBLEM SECONDS`
"""

import importlib
import json
import os
import sys
import threading
import time
import warnings
from importlib.metadata import version
from pathlib import Path


def main(peer: str, setting: str, problem: str, seconds: str) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    # What tools print of themselves is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")

    threading.Thread(target=end_after, args=(4 * float(seconds) + 60,), daemon=True).start()

    def write(line: str) -> None:
        print(line, file=answers, flush=True)

    begin = time.process_time(), time.perf_counter()
    tool = importlib.import_module(f"peer_{peer}")
    after = time.process_time(), time.perf_counter()
    from problems import PROBLEMS
    from record import Record

    spent = [b - a for a, b in zip(begin, after)]
    head = {"import_cpu": spent[0], "import_wall": spent[1]}
    versions = {name: version(name) for name in tool.VERSIONS}
    write(json.dumps(head | {"versions": versions, "python": sys.version.split()[0]}))
    for warm in (False, True) if tool.WARM else (False,):
        write(json.dumps({"run": "warm" if warm else "cold"}))
        tool.solve(problem, setting, Record(PROBLEMS[problem], float(seconds), write))
    write(json.dumps({"done": True}))


def end_after(bound: float) -> None:
    """Ends a process that has spent so many seconds of the processor; one that is limited by the
    system has a clock that is read in steps of a hundredth."""
    while time.process_time() < bound:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
