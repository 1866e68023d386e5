"""The table of the campaign, and what it comes to."""

import textwrap

import numpy as np


WRONG, RIGHT = 1e-3, 1e-6
LOWEST, HIGHEST = 1e-13, 1e-2


def print_table(rows):
    """Eighty columns: problem, function, verdicts, error, estimate, conditioning, seconds."""
    print(f"{'problem':29} {'function':10} said  error    estimate  least     sec  ")
    for row in rows:
        said = word(row["solve"]) + word(row["report"])
        bound = "<" if row["is_bound"] else " "
        print(
            f"{row['problem'][:29]:29} {row['hypothesis'][:10]:10} {said:3}{mark(row)}"
            f" {number(row['error']):>8} {bound}{number(row['estimate']):>8}"
            f" {number(row['conditioning']):>8} {row['seconds']:5.1f}"
        )
    print("said: the solve, then the report; + solved, - refused, ? crashed. ! wrong verdict")


def word(said):
    return "?" if said is None else "+" if said else "-"


def number(x):
    return f"{x:.1e}" if np.isfinite(x) else "-" if np.isnan(x) else "inf"


def mark(row):
    return "! " if false_success(row) or false_alarm(row) or contradiction(row) else "  "


def wrong(row):
    """Wrong by more than 1e-3, or an answer to what has none, or more than one."""
    # An f that is not finite has no small error either.
    return not row["answer"] or not row["error"] <= WRONG


def false_success(row):
    """Solved was said, by either of them, of what is wrong."""
    return bool(row["solve"] or row["report"]) and wrong(row)


def false_alarm(row):
    return row["solve"] is False and row["answer"] and row["error"] < RIGHT


def contradiction(row):
    """The report is kinder than the solve, or sterner."""
    both = row["solve"] is not None and row["report"] is not None
    return both and row["solve"] != row["report"]


def print_summary(rows) -> int:
    """Prints it; returns how many rows are wrongly called solved, but for hidden ones, or are
    contradictions."""
    print()
    cases = {row["problem"] for row in rows}
    print(
        f"{len(rows)} rows of {len(cases)} problems, {sum(r['difficult'] for r in rows)} difficult"
    )
    bad = [row for row in rows if false_success(row)]
    seen = [row for row in bad if not row["hidden"]]
    for label, few in (("d <= 3", True), ("d > 3", False)):
        here = [row for row in rows if (row["dimension"] <= 3) == few]
        errors = [row for row in here if wrong(row)]
        counts = (sum(1 for row in seen if row in here and row[who]) for who in ("solve", "report"))
        line = "called solved and wrong: {} by the solve, {} by the report".format(*counts)
        print(f"{label}: {len(here)} rows, {len(errors)} wrong or without an answer; {line}")
    show("Wrong, and called solved", seen, error_and_estimate)
    show(
        "The same where no finite sample can tell",
        [r for r in bad if r["hidden"]],
        error_and_estimate,
    )
    alarms = [row for row in rows if false_alarm(row)]
    show("Refused, though right to 1e-6", alarms, error_and_estimate)
    split = [row for row in rows if contradiction(row)]
    show(
        "Solve and report contradict one another",
        split,
        lambda r: word(r["solve"]) + word(r["report"]),
    )
    refused = [row for row in rows if row["failure"].startswith("ValueError")]
    show("Refused before the solve, with a sentence", refused, lambda row: row["failure"][:160])
    crashed = [row for row in rows if row["failure"] and row not in refused]
    show("Crashed", crashed, lambda row: row["failure"])
    print_ratios(rows)
    print_units(rows)
    seconds, cpu = (sum(row.get(key, 0.0) for row in rows) for key in ("seconds", "cpu"))
    print(f"\n{seconds:.0f} seconds in all, {cpu:.0f} of the processor")
    return len({id(row) for row in (*seen, *split)})


def error_and_estimate(row):
    who = "+".join(name for name in ("solve", "report") if row[name])
    what = number(row["error"]) if row["answer"] else "no answer"
    return f"{what}, estimate {number(row['estimate'])}" + (f" ({who})" if who else "")


def show(title, rows, what):
    print(f"\n{title}: {len(rows)}")
    for row in rows:
        line = f"{row['problem']}, {row['hypothesis']} [{row['kind']}]: {what(row)}"
        print(textwrap.fill(line, 80, initial_indent="  ", subsequent_indent="      "))


def print_ratios(rows):
    """Estimate by true error, where the error is between rounding and a hundredth."""
    print("\nEstimate / true error, errors of 1e-13 to 1e-2")
    inside = [r for r in rows if r["answer"] and LOWEST <= r["error"] <= HIGHEST]
    kinds = (
        ("estimates", lambda r: not r["is_bound"] and r["determined"]),
        (
            "estimates, f said not to be determined",
            lambda r: not (r["is_bound"] or r["determined"]),
        ),
        ("bounds", lambda r: r["is_bound"]),
    )
    for label, holds in kinds:
        of = [r for r in inside if np.isfinite(r["estimate"]) and holds(r)]
        if not of:
            print(f"  {label}: none")
            continue
        ratios = np.array([r["estimate"] / r["error"] for r in of])
        share = np.mean((ratios >= 0.2) & (ratios <= 5))
        quantiles = " ".join(f"{q:.2g}" for q in np.quantile(ratios, [0.05, 0.25, 0.5, 0.75, 0.95]))
        print(
            f"  {label}: {len(of)}; {share:.0%} within [1/5, 5]; 5, 25, 50, 75, 95 %: {quantiles}"
        )
        for name, k in (("smallest", np.argmin(ratios)), ("largest", np.argmax(ratios))):
            row = of[int(k)]
            print(f"    {name} {ratios[k]:.2g}: {row['problem']}, {row['hypothesis']}"[:80])
    without = sum(1 for r in inside if not np.isfinite(r["estimate"]))
    print(f"  without an estimate: {without} of {len(inside)}")


def print_units(rows):
    """Whether a change of units changes a verdict."""
    first = {(r["problem"], r["hypothesis"]): r for r in rows if not r["parent"]}
    changed, pairs = [], 0
    for row in rows:
        origin = first.get((row["parent"], row["hypothesis"]))
        if origin is not None:
            pairs += 1
            if (row["solve"], row["report"]) != (origin["solve"], origin["report"]):
                changed.append(row)
    print(f"\nAnother unit of r, x or f: {pairs} rows")
    show("Another verdict in another unit", changed, lambda r: word(r["solve"]) + word(r["report"]))
