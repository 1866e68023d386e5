"""Runs every example and every problem of the catalogue, in float64, where each has to pass, and
in float32, where each passes or it is said what is wrong. What was run before is kept."""

import json
from typing import Any

import made


KINDS = ("problem", "problem-float32", "example", "example-float32")


def main() -> None:
    """**Raises:** `SystemExit` where something does not pass, with all of it."""
    failed = made.make_all(KINDS)
    found = {
        job: {"trouble": "FAILED"} if job in failed else _found(folder)
        for job, folder in made.folders(KINDS).items()
    }
    wrong = []
    for kind in ("problem", "example"):
        for job in (job for job in found if job.kind == kind):
            double, float32 = found[job], found[made.Job(f"{kind}-float32", job.name)]
            said = _said(float32)
            if double["trouble"] is None and float32["trouble"] and "float32" not in said:
                said += "; float32 is why, since it passes in float64"
            print(f"{kind} {job.name}: {_said(double)}; in float32: {said}")
            fails = double["trouble"] is not None or float32["trouble"] == "FAILED"
            wrong += [job.name] if fails else []
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(found) // 2} do not pass: {', '.join(wrong)}")
    print(f"all {len(found) // 2} pass, or it is said why they do not in float32")


def _found(folder: Any) -> dict[str, Any]:
    kept = json.loads((folder / "found.json").read_text())
    return kept if isinstance(kept, dict) else {"trouble": None}


def _said(found: dict[str, Any]) -> str:
    if found["trouble"] is None:
        return "passes"
    return " ".join([*found.get("warned", ()), found["trouble"]])


if __name__ == "__main__":
    main()
