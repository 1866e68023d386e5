"""What the rows of the comparison come to: tables for the page, and data for its figure."""

import json
import math
import textwrap
from collections.abc import Callable, Iterable

from environments import lines, peer, ROOT
from problems import ANSWERED, PROBLEMS, TRAPS


PAGE = ROOT / "docs" / "comparison.md"
DATA = ROOT / "docs" / "figures" / "comparison.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
NAMES = {
    "fesolve": "fesolve",
    "scipy": "SciPy",
    "nlls_gram": "nlls-gram",
    "jinns": "jinns",
    "deepxde": "DeepXDE",
    "pina": "PINA",
    "neurodiffeq": "neurodiffeq",
}
WRONG = 1e-2
COUNTED = ("decay", "van_der_pol", "poisson")


def final(row: dict) -> dict | None:
    """The answer that a tool ends with: the last that it does not itself refuse, or the last."""
    kept = [p for p in row["cold"] if p["said"] is not False] or row["cold"]
    return kept[-1] if kept else None


def wrong(row: dict, point: dict) -> bool:
    """Whether an answer is off by more than a hundredth, or there is none to be had."""
    return point["error"] is None or point["error"] > WRONG


def reached(row: dict, error: float) -> float | None:
    """Seconds of the processor until the first answer as good as that."""
    good = [p["cpu"] for p in row["cold"] if p["error"] is not None and p["error"] <= error]
    return min((t for t in good if t <= row["seconds"]), default=None)


def error_at(row: dict, seconds: float) -> float | None:
    """The error of the best answer that is there after so many seconds of the processor; where a
    tool is run anew at each tolerance, of the best that takes so long."""
    there = [p["error"] for p in row["cold"] if p["cpu"] <= seconds and p["error"] is not None]
    return min(there, default=None)


def said(row: dict) -> str:
    """A row in a few words."""
    point = final(row)
    if point is None:
        return row["failure"] or "no answer"
    verdict = {True: "called solved", False: "refused", None: "nothing said"}[point["said"]]
    error = "no right answer" if not PROBLEMS[row["problem"]].right else size(point["error"])
    return f"{error}, {time_of(point['cpu'])}, {verdict}"


def size(error: float | None) -> str:
    return "-" if error is None else f"{error:.0e}".replace("e-0", "e-").replace("e+0", "e")


def time_of(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    if seconds < 0.95:
        return f"{max(seconds * 1e3, 1):.0f} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


def page(rows: list[dict]) -> str:
    """The measured part of the page."""
    tools = list(dict.fromkeys((r["peer"], r["setting"]) for r in rows))
    tools.sort(key=lambda tool: list(NAMES).index(tool[0]))
    by = {(r["peer"], r["setting"], r["problem"]): r for r in rows}
    known = [p.name for p in ANSWERED if any(r["problem"] == p.name for r in rows)]
    traps = [p.name for p in TRAPS if any(r["problem"] == p.name for r in rows)]

    def table(problems: Iterable[str], cell: Callable[[dict], str]) -> str:
        body = [
            [label(tool), *(cell(by[*tool, p]) if (*tool, p) in by else "" for p in problems)]
            for tool in tools
            if any((*tool, p) in by for p in problems)
        ]
        return markdown(["", *(f"`{p}`" for p in problems)], body)

    parts = [
        heading(rows),
        "**The error at the end, and seconds of the processor until then**, compilation included; "
        "in brackets those of a second solve in the same process, where a tool keeps its programs.",
        table(known, ended),
        "**Seconds to an error of 1e-3, and of 1e-6.**",
        table(known, lambda r: f"{time_of(reached(r, 1e-3))}, {time_of(reached(r, 1e-6))}"),
        "**The error after 5 seconds.**",
        table(known, lambda r: size(error_at(r, 5.0))),
        "**Where there is no right answer, or hardly one.**",
        table(traps, trapped),
        "**Wrong answers** (off by more than a hundredth, or to a question that has none), right "
        "ones refused, and lines of code for three of the problems.",
        markdown(
            ["", "answers", "wrong, called solved", "wrong, nothing said", "wrong, refused",
             "right, refused", *(f"lines, `{p}`" for p in COUNTED)],
            [counted(tool, [r for r in rows if (r["peer"], r["setting"]) == tool])
             for tool in tools],
        ),
        "Settings:",
        "\n".join(f"- {label(tool)}: {peer(tool[0]).settings[tool[1]]}." for tool in tools),
        stated(rows),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def label(tool: tuple[str, str]) -> str:
    return f"{NAMES[tool[0]]}, {tool[1]}"


def heading(rows: list[dict]) -> str:
    dates = sorted({r["date"] for r in rows})
    when = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    versions = {}
    for row in rows:
        versions |= row.get("versions", {})
    python = next((r["python"] for r in rows if "python" in r), "")
    machine, threads, limit = rows[0]["machine"], rows[0]["threads"], rows[0]["seconds"]
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"Measured {when}, {machine}, {threads} thread each, {limit:.0f} seconds of the processor "
        f"each; Python {python}, {named}. What is empty was not measured in this run."
    )


def ended(row: dict) -> str:
    point = final(row)
    if point is None:
        return absent(row)
    warm = final(row | {"cold": row["warm"]})
    again = f" ({time_of(warm['cpu'])})" if warm else ""
    text = f"{size(point['error'])}, {time_of(point['cpu'])}{again}"
    return f"**wrong**: {text}" if wrong(row, point) and point["said"] is not False else text


def absent(row: dict) -> str:
    """Why there is no answer, in a word or two."""
    reasons = ("cannot be stated", "cannot be installed", "did not end within its time")
    return next((r for r in reasons if row["failure"].startswith(r)), "crashed")


def trapped(row: dict) -> str:
    point = final(row)
    if point is None:
        return absent(row)
    right = bool(PROBLEMS[row["problem"]].right)
    error = f", off by {size(point['error'])}" if right else ""
    words = textwrap.shorten(point["words"].rstrip("."), 60, placeholder=" ...")
    if point["said"] is None:
        return f"nothing said, {words}{error}"
    if point["said"]:
        return f"{'called solved' if wrong(row, point) else 'solved'}{error}"
    return f"refused: {words}{error}"


def counted(tool: tuple[str, str], rows: list[dict]) -> list[str]:
    ends = [(row, point) for row in rows if (point := final(row))]
    bad = [point["said"] for row, point in ends if wrong(row, point)]
    stern = sum(point["said"] is False and not wrong(row, point) for row, point in ends)
    numbers = [len(ends), bad.count(True), bad.count(None), bad.count(False), stern]
    code = [lines(tool[0], problem) for problem in COUNTED]
    return [label(tool), *map(str, numbers), *("-" if n is None else str(n) for n in code)]


def stated(rows: list[dict]) -> str:
    """What went wrong, and what could not be asked."""
    found = {f"{NAMES[r['peer']]}, `{r['problem']}`: {r['failure']}" for r in rows if r["failure"]}
    return "\n".join(f"- {line}." for line in sorted(found))


def markdown(head: list[str], body: list[list[str]]) -> str:
    rows = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def data(rows: list[dict]) -> list[dict]:
    """What the figure needs: a curve of each tool on each problem."""
    return [
        {
            "tool": label((r["peer"], r["setting"])),
            "problem": r["problem"],
            "cpu": [float(f"{p['cpu']:.3g}") for p in thinned(r["cold"])],
            "error": [float(f"{p['error']:.2g}") for p in thinned(r["cold"])],
        }
        for r in sorted(rows, key=lambda r: list(NAMES).index(r["peer"]))
        if PROBLEMS[r["problem"]].right
    ]


def thinned(points: list[dict], ratio: float = 1.25) -> list[dict]:
    """Points that are finite, and far enough apart on a logarithmic axis; the last one always."""
    points = [p for p in points if p["error"] is not None and math.isfinite(p["error"])]
    kept: list[dict] = []
    for p in points:
        if not kept or p["cpu"] > ratio * kept[-1]["cpu"] or p["cpu"] < kept[-1]["cpu"]:
            kept.append(p)
    return kept + [p for p in points[-1:] if p not in kept]


def write(rows: list[dict]) -> None:
    """Puts the tables into the page, and the data beside its figure."""
    head, _, rest = PAGE.read_text().partition(BEGIN)
    tail = rest.partition(END)[2]
    PAGE.write_text(f"{head}{BEGIN}\n\n{page(rows)}\n{END}{tail}")
    DATA.write_text("[\n" + ",\n".join(json.dumps(row) for row in data(rows)) + "\n]\n")
    print(f"compare: {PAGE.relative_to(ROOT)} and {DATA.relative_to(ROOT)} are written")
