"""Are the library's verdicts and error estimates right? `python tests/trust.py [--quick]`.

Every problem of `trust_rows.py` is solved by every function that is let loose on it, and what the
solve, the report and the estimate say is compared with the answer that is known. docs/trust.md says
what the columns mean. Rows that stand in the file of `--out` are not solved again.
"""

import argparse
import gc
import json
import sys
import time
import warnings
from pathlib import Path

import compiling
import jax
import jax.random as jr
import numpy as np


QUICK = {
    "exponential": ("series 16", "network 0"),
    "logistic": ("series 32",),
    "f'' = 1 f, the decaying one, on [0, 15]": ("series 16",),
    "f' = 3 f from 1e-6": ("series 16", "network 0"),
    "exponential, residual x 1e-08": ("series 16",),
    "the cube of f' + 2 f": ("series 16",),
    "exp(-50 x) (f' - f)": ("network 0",),
    "logistic from 1e-8": ("network 0",),
    "logistic to 1e-8, the condition below a tolerance": ("series 16",),
    "48 waves on their own 49 points": ("series 16",),
    "f' = -f alone": ("series 16", "network 0"),
    "f' = -f with two values": ("series 16",),
    "Bratu, two solutions": ("series 16",),
    "string": ("series 16",),
    "boundary layer of 0.03": ("series 16",),
    "open box, a persistent dividend": ("series 20", "series 60"),
    "a sigmoid that saturates": ("series 8",),
    "Bessel, a removable singularity": ("series 32",),
    "a claim on a Markov chain": ("table",),
    "the absolute value": ("elements",),
    "Poisson in the plane": ("series 12",),
    "exponential, r x 1e-08": ("series 16",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a selection, in two minutes")
    parser.add_argument(
        "--only", metavar="NAME", action="append", help="problems whose name has it"
    )
    parser.add_argument("--kind", metavar="KIND", help="problems of one kind")
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON lines, kept and continued")
    parser.add_argument("--summary", action="store_true", help="what FILE says, without solving")
    options = parser.parse_args()
    compiling.little()
    jax.config.update("jax_enable_x64", True)
    from trust_summary import print_summary, print_table

    rows = read(options.out)
    if not options.summary:
        rows = campaign(chosen(options), rows, options.out)
    print_table(rows)
    failures = print_summary(rows)
    return 1 if options.quick and failures else 0


def read(path):
    if path is None or not path.exists():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        return []
    return [json.loads(line) for line in path.read_text().splitlines() if line]


def chosen(options):
    """Pairs of a problem and the names of the functions that are let loose on it."""
    from trust_rows import problems, rescaled

    everything = problems() | rescaled()
    if options.quick:
        return [(everything[name], names) for name, names in QUICK.items()]
    cases = list(everything.values())
    if options.only:
        cases = [case for case in cases if any(part in case.name for part in options.only)]
    else:
        cases = [case for case in cases if not case.slow]
    if options.kind:
        cases = [case for case in cases if case.kind == options.kind]
    return [(case, tuple(case.hypotheses)) for case in cases]


def campaign(pairs, rows, path):
    """The rows that there are, and those of `pairs` that are missing, as they are found."""
    there = {(row["problem"], row["hypothesis"]) for row in rows}
    todo = [(c, [n for n in names if (c.name, n) not in there]) for c, names in pairs]
    number, begin, done = sum(len(names) for _, names in todo), time.perf_counter(), 0
    for case, names in todo:
        for name in names:
            row = measured(case, name)
            rows.append(row)
            done += 1
            spent = time.perf_counter() - begin
            said = row["failure"] or f"solved {row['solve']!s:5}, error {row['error']:.1e}"
            line = f"{done}/{number} {spent:5.0f} s  {case.name}, {name}: {said}"
            print(line[:110], file=sys.stderr, flush=True)
            if path is not None:
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
        if names:
            # A compiled program holds memory maps, of which a process has 65,530.
            jax.clear_caches()
            gc.collect()
    return rows


def measured(case, hypothesis):
    """One row: what was said of f, and how wrong f is."""
    row = {
        "problem": case.name,
        "kind": case.kind,
        "difficult": case.difficult,
        "dimension": case.dimension,
        "hypothesis": hypothesis,
        "answer": case.exact is not None,
        "hidden": case.hidden,
        "parent": case.parent,
        "failure": "",
        "solve": None,
        "report": None,
        "error": float("nan"),
        "estimate": float("nan"),
        "of_solve": float("nan"),
        "of_report": float("nan"),
        "conditioning": float("nan"),
        "is_bound": None,
        "determined": None,
    }
    begin, spent = time.perf_counter(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fill(row, case, hypothesis)
    except Exception as error:  # a crash is a finding, and the campaign goes on
        row["failure"] = f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"
    row["seconds"] = time.perf_counter() - begin
    row["cpu"] = time.process_time() - spent
    return row


def fill(row, case, hypothesis):
    import fesolve as fe

    sample, solver = case.training(hypothesis)
    begin = time.perf_counter()
    sol = fe.solve(sample, case.hypotheses[hypothesis](), solver, key=jr.key(0), throw=False)
    row["solve"] = bool(sol.solved)
    row["solve_seconds"] = time.perf_counter() - begin
    row["of_solve"] = float(sol.stats.get("error", np.nan))
    row["result"] = str(fe.RESULTS[sol.result])[:60] or "solved"
    row["error"] = case.error(sol.value)
    # Draws of its own, where the population can be drawn from.
    test = case.risk.empirical(1_000, key=jr.key(7))
    judged = getattr(fe, "error_estimate", None)
    report = fe.RiskReport(sol if judged else sol.value, test=test)
    row["report"] = bool(report.solved)
    row["verdict"] = report.verdict[:200]
    if judged:
        row["of_report"] = float(report.error.relative)
        estimate = judged(case.risk, sol.value)
        row["estimate"] = float(estimate.relative)
        row["is_bound"] = bool(estimate.is_bound)
        row["conditioning"] = float(estimate.conditioning)
        row["determined"] = bool(estimate.determined)


if __name__ == "__main__":
    sys.exit(main())
