"""What was asked for and what was measured, on the first rows of the table of this page."""

import re
from pathlib import Path

import matplotlib.pyplot as plt


text = (Path(__file__).parents[1] / "benchmarks.md").read_text()
names, asked, found = [], [], []
for line in text.splitlines():
    cells = [cell.strip() for cell in line.split("|")[1:-1]]
    errors = [re.findall(r"\b\d(?:\.\d)?e-\d+", cell) for cell in cells[1:3]]
    if len(errors) == 2 and all(errors) and len(names) < 12:
        target, measured = (max(map(float, each)) for each in errors)  # the easiest, and the worst
        names.append(cells[0].replace(", 5 seeds", "").split(" (")[0])
        asked.append(target)
        found.append(measured)
rows = range(len(names))
_, ax = plt.subplots(figsize=(5.2, 5.0), layout="constrained")
ax.hlines(rows, found, asked, color="0.5", alpha=0.5, linewidth=1.2)
ax.plot(asked, rows, "|", color="#d55e00", markersize=13, markeredgewidth=2.2, label="asked for")
ax.plot(found, rows, "o", color="#0072b2", markersize=6, label="measured, the worst")
ax.set_xscale("log")
broken = [re.sub(r", (?![^\[]*\])", ",\n", name, count=1) for name in names]
ax.set_yticks(rows, labels=broken, fontsize=8.5)
ax.invert_yaxis()
ax.set_xlabel("error")
ax.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.3, -0.1), ncols=2)
ax.spines[["top", "right"]].set_visible(False)
ax.grid(axis="x", alpha=0.25)
